/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults in tensor files: each is reported with file, dataset, index and expectation. */
#include "files.h"
#include "h5.h"
#include "testing.h"

/* The sentence about the file at `h5_path` has all the words. */
static void check_sentence(efla_status status, const efla_message *why, const char *first, const char *second) {
  ck_assert_msg(status == EFLA_INPUT, "status %d, expected a word on %s", (int)status, first);
  ck_assert_msg(!strncmp(why->text, h5_path, strlen(h5_path)), "%s", why->text);
  ck_assert_msg(strstr(why->text, first) && strstr(why->text, second), "%s\nlacks: %s / %s", why->text, first, second);
}

static void check_refused(const char *first, const char *second) {
  efla_tensors file;
  efla_message why = {{0}};
  memset(&file, 0x5a, sizeof file);
  check_sentence(efla_tensors_open(&file, h5_path, &why), &why, first, second);
  ck_assert(!file.path && !file.cu_seqlens && !file.tokens);
}

static const h5_sizes usual = {2, 5, 3, 4, 6};

/* One fault in a file that is right otherwise: dataset `name` is missing (rank 0) or of another shape. */
START_TEST(missing_datasets_and_wrong_shapes) {
  static const struct {
    const char *name, *first, *second;
    size_t rank;
    hsize_t size[5];
  } faults[] = {
      {"q", ": q: no such dataset", "expected one", 0, {0}},
      {"k", ": k: no such dataset", "expected one", 0, {0}},
      {"v", ": v: no such dataset", "expected one", 0, {0}},
      {"beta", ": beta: no such dataset", "expected one", 0, {0}},
      {"q", ": q: rank 1", "expected 4 (B,T,H,D)", 1, {5}},
      {"q", ": q: rank 5", "expected 4 (B,T,H,D)", 5, {1, 2, 5, 3, 4}},
      {"q", ": q: shape (2,0,3,4)", "expected no size of 0", 4, {2, 0, 3, 4}},
      {"q", ": q: shape (2,5,4097,4) has 4097 heads (layout BTHD)", "expected at most 4096", 4, {2, 5, 4097, 4}},
      {"v", ": q, v: last sizes 4, 16385", "expected at most 16384 each", 4, {2, 5, 3, 16385}},
      {"k", ": k: shape (2,5,3,5)", "expected (2,5,3,4)", 4, {2, 5, 3, 5}},
      {"k", ": k: shape (2,3,5,4)", "expected (2,5,3,4)", 4, {2, 3, 5, 4}},
      {"k", ": k: shape (5,3,4)", "expected (2,5,3,4)", 3, {5, 3, 4}},
      {"v", ": v: shape (2,4,3,6)", "expected (2,5,3,6)", 4, {2, 4, 3, 6}},
      {"v", ": v: last size 0", "expected at least 1", 4, {2, 5, 3, 0}},
      {"v", ": v: shape (2,5,3)", "expected (2,5,3,1)", 3, {2, 5, 3}},
      {"beta", ": beta: shape (2,5,3,2)", "expected (2,5,3)", 4, {2, 5, 3, 2}},
      {"beta", ": beta: shape (2,3,5)", "expected (2,5,3)", 3, {2, 3, 5}},
      {"g", ": g: shape (2,5,3,5)", "expected (2,5,3) or (2,5,3,4)", 4, {2, 5, 3, 5}},
      {"o", ": o: shape (2,5,3,4)", "expected (2,5,3,6)", 4, {2, 5, 3, 4}},
      {"initial_state", ": initial_state: transposed: shape (2,3,6,4)", "expected (2,3,4,6)", 4, {2, 3, 6, 4}},
      {"final_state", ": final_state: shape (3,4,6)", "expected (2,3,4,6)", 3, {3, 4, 6}},
      {"cu_seqlens", ": cu_seqlens: with B = 2", "expected B = 1", 1, {3}},
      {"cu_seqlens", ": cu_seqlens: expected one axis", "2 to 16777217 boundaries", 2, {3, 1}},
      {"cu_seqlens", ": cu_seqlens: expected one axis", "2 to 16777217 boundaries", 1, {1}},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    hid_t made = h5_fresh("tensors-faults");
    h5_inputs(made, &usual, 1);
    if (H5Lexists(made, faults[i].name, H5P_DEFAULT) > 0) H5Ldelete(made, faults[i].name, H5P_DEFAULT);
    if (faults[i].rank) h5_put(made, faults[i].name, H5T_IEEE_F32LE, faults[i].rank, faults[i].size, NULL);
    h5_close(made);
    check_refused(faults[i].first, faults[i].second);
  }
}
END_TEST

/* What is called q but is no array of numbers. */
START_TEST(things_that_are_no_numbers) {
  hid_t text = H5Tcopy(H5T_C_S1), compound = H5Tcreate(H5T_COMPOUND, 8), opaque = H5Tcreate(H5T_OPAQUE, 2);
  H5Tinsert(compound, "re", 0, H5T_IEEE_F32LE);
  H5Tinsert(compound, "im", 4, H5T_IEEE_F32LE);
  const hid_t types[] = {text, compound, opaque};
  for (size_t i = 0; i < 3; i++) {
    hid_t made = h5_fresh("tensors-type");
    h5_inputs(made, &usual, 1);
    H5Ldelete(made, "v", H5P_DEFAULT);
    h5_put(made, "v", types[i], 4, (const hsize_t[]){2, 5, 3, 6}, NULL);
    h5_close(made);
    check_refused(": v: its type holds no real numbers", "expected a float or integer type");
    H5Tclose(types[i]);
  }
  hid_t made = h5_fresh("tensors-group");
  h5_inputs(made, &usual, 1);
  H5Ldelete(made, "k", H5P_DEFAULT);
  H5Gclose(H5Gcreate2(made, "k", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  h5_close(made);
  check_refused(": k: ", "expected a dataset");
  made = h5_fresh("tensors-link");
  h5_inputs(made, &usual, 1);
  H5Ldelete(made, "k", H5P_DEFAULT);
  H5Lcreate_soft("/nowhere", made, "k", H5P_DEFAULT, H5P_DEFAULT);
  h5_close(made);
  check_refused(": k: ", "expected a dataset");
}
END_TEST

START_TEST(attributes_that_say_nothing) {
  static const char *const layouts[] = {"BDHT", "", "BTHDBTHDBTHDBTHDBTHD"};
  for (size_t i = 0; i < 3; i++) {
    hid_t made = h5_fresh("tensors-attributes");
    h5_inputs(made, &usual, 1);
    h5_text(made, "layout", layouts[i]);
    h5_close(made);
    check_refused(": attribute layout: ", "expected ");
  }
  for (size_t i = 0; i < 3; i++) {
    hid_t made = h5_fresh("tensors-scale");
    h5_inputs(made, &usual, 1);
    if (i < 2)
      h5_number(made, "scale", i ? NAN : INFINITY);
    else
      h5_text(made, "scale", "0.5");
    h5_close(made);
    check_refused(": attribute scale: ", "expected one finite number");
  }
}
END_TEST

/* One number after the other is spoilt, and the sentence gives its place. */
START_TEST(first_number_that_is_not_finite) {
  static const struct {
    const char *name;
    char what;
    double value;
    const char *said;
  } faults[] = {{"q", 'q', NAN, "nan"},
                {"k", 'k', INFINITY, "inf"},
                {"v", 'v', -INFINITY, "-inf"},
                {"beta", 'b', NAN, "nan"},
                {"beta", 'b', -0.25, "-0.25"}};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    size_t width = faults[i].what == 'v' ? usual.dv : faults[i].what == 'b' ? 0 : usual.dk, W = width ? width : 1;
    for (size_t at = 0; at < usual.batch * usual.tokens * usual.heads * W; at += 1 + at / 7) {
      char place[64];
      size_t d = at % W, h = at / W % usual.heads, t = at / W / usual.heads % usual.tokens,
             b = at / W / usual.heads / usual.tokens;
      int length = snprintf(place, sizeof place, ": %s[%zu,%zu,%zu", faults[i].name, b, t, h);
      snprintf(place + length, sizeof place - (size_t)length, width ? ",%zu]: %s, " : "]: %.0zu%s, ", d,
               faults[i].said);
      hid_t made = h5_fresh("tensors-finite");
      h5_inputs(made, &usual, 1);
      double *values = h5_numbers(&usual, faults[i].what, 1);
      values[at] = faults[i].value;
      H5Ldelete(made, faults[i].name, H5P_DEFAULT);
      h5_put_tokens(made, faults[i].name, H5T_IEEE_F64LE, &usual, width, values);
      free(values);
      h5_close(made);
      efla_tensors file = h5_open_fresh();
      efla_stream stream;
      efla_message why = {{0}};
      ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
      efla_status status = EFLA_OK;
      while (status == EFLA_OK && !stream.done) status = efla_stream_next(&stream, &why);
      check_sentence(status, &why, place, "expected a finite number");
      ck_assert(faults[i].what != 'b' || strstr(why.text, "not negative"));
      efla_stream_clear(&stream);
      efla_tensors_close(&file, NULL);
    }
  }
}
END_TEST

START_TEST(boundaries_of_sequences) {
  static const struct {
    double at[4];
    const char *place;
  } wrong[] = {{{1, 3, 5, 9}, "[0]: 1,"},     {{0, 0, 0, 0}, "[3]: 0,"},   {{0, 5, 3, 9}, "[2]: 3,"},
               {{0, 3, 5, 8}, "[3]: 8,"},     {{0, 3, 5, 10}, "[3]: 10,"}, {{0, 2.5, 5, 9}, "[1]: 2.5,"},
               {{0, NAN, 5, 9}, "[1]: nan,"}, {{0, -3, 5, 9}, "[1]: -3,"}};
  const h5_sizes sizes = {1, 9, 2, 3, 2};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char place[64];
    hid_t made = h5_fresh("tensors-boundaries");
    h5_inputs(made, &sizes, 1);
    H5_PUT(made, "cu_seqlens", H5T_IEEE_F64LE, wrong[i].at, 4);
    h5_close(made);
    snprintf(place, sizeof place, ": cu_seqlens%s", wrong[i].place);
    check_refused(place, "expected whole numbers from 0 to T = 9, none less than the one before");
  }
  static const double right[] = {0, 4, 5, 9};
  double states[3 * 2 * 3 * 2];
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) states[i] = (double)i;
  hid_t made = h5_fresh("tensors-sequences");
  h5_inputs(made, &sizes, 1);
  H5_PUT(made, "cu_seqlens", H5T_STD_I32LE, right, 4);
  H5_PUT(made, "initial_state", H5T_IEEE_F32LE, states, 3, 2, 3, 2);
  h5_close(made);
  efla_tensors file = h5_open_fresh();
  efla_stream stream;
  efla_message why = {{0}};
  double *v = h5_numbers(&sizes, 'v', 1);
  size_t seen = 0;
  ck_assert_uint_eq(file.sequences, 3);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.multiple = 2}, &why), EFLA_OK);
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) {
    ck_assert(stream.begins && stream.ends && stream.x.heads == 2);
    ck_assert_uint_eq(stream.block.first, (size_t)right[stream.sequence]);
    ck_assert_uint_eq(stream.block.first + stream.block.tokens, (size_t)right[stream.sequence + 1]);
    for (size_t h = 0; h < 2; h++) {
      efla_tokens x = efla_stream_tokens(&stream, h);
      for (size_t t = 0; t < x.tokens; t++, seen++)
        ck_assert_double_eq(x.v[t * 2 + 1], v[((stream.block.first + t) * 2 + h) * 2 + 1]);
      ck_assert_double_eq(efla_stream_head(&stream.x.initial_state, h)[5], (double)((stream.sequence * 2 + h) * 6 + 5));
    }
  }
  ck_assert_uint_eq(seen, 18);
  free(v);
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
}
END_TEST

START_TEST(files_that_are_none) {
  efla_tensors file;
  efla_message why = {{0}};
  H5Fclose(h5_fresh("tensors-none"));
  files_write(h5_path, "q,k,v,beta\n", 11);
  check_refused(": not a tensor file", "expected HDF5, .npz, .npy or safetensors");
  files_write(h5_path, "", 0);
  check_refused(": not a tensor file", "expected HDF5, .npz, .npy or safetensors");
  snprintf(h5_path, sizeof h5_path, "%s", "no/such/file.h5");
  check_refused(": cannot read: No such file", "");
  snprintf(h5_path, sizeof h5_path, "%s", TEST_WORK);
  check_refused(": not a regular file", "expected a tensor file");
  ck_assert_int_eq(efla_tensors_open(&file, "/dev/zero", &why), EFLA_INPUT);
  ck_assert_int_eq(efla_tensors_open(&file, "no/such/file.h5", NULL), EFLA_INPUT);
}
END_TEST

/* Cut anywhere: refused on opening, and nothing of HDF5's own on standard error. */
START_TEST(every_truncation_is_refused) {
  static unsigned char bytes[1 << 16];
  hid_t made = h5_fresh("tensors-cut");
  h5_inputs(made, &usual, 1);
  h5_close(made);
  FILE *whole = fopen(h5_path, "r");
  size_t n = fread(bytes, 1, sizeof bytes, whole);
  fclose(whole);
  ck_assert(n > 4096 && n < sizeof bytes);
  char said[300], word[16] = "";
  snprintf(said, sizeof said, "%s.stderr", h5_path);
  ck_assert_ptr_nonnull(freopen(said, "w+", stderr));
  for (size_t length = 0; length < n; length += 1 + length / 16) {
    files_write(h5_path, bytes, length);
    check_refused(length < 8 ? "not a tensor file" : "truncated or damaged", "expected");
  }
  rewind(stderr);
  ck_assert_msg(fread(word, 1, sizeof word - 1, stderr) == 0, "on standard error: %s...", word);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {missing_datasets_and_wrong_shapes, things_that_are_no_numbers,
                                attributes_that_say_nothing,       first_number_that_is_not_finite,
                                boundaries_of_sequences,           files_that_are_none,
                                every_truncation_is_refused};
  return testing_main("tensors_faults", tests, sizeof tests / sizeof *tests, 120);
}

/* Tensor files: what is whole is read as it is, whatever its layout and types, and every fault is told with file, dataset, index and
 * expectation. */
#include "files.h"
#include "h5.h"
#include "inputs/stored.h"
#include "testing.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];

/* A fresh file in a directory of the test's own. */
static hid_t set_up(const char *name) {
  static const char *directory, *last;
  if (!last || strcmp(last, name) != 0) directory = files_directory(name);
  last = name;
  snprintf(path, sizeof path, "%s/in.h5", directory);
  return h5_create(path);
}

static efla_tensors open_file(void) {
  efla_tensors file;
  efla_message why = {{0}};
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
  return file;
}

/* A number that tells where it stands: exact in 8 digits of binary. */
static double told(size_t b, size_t t, size_t h, size_t d) { return (double)(b + 2 * t + 8 * h + 32 * d); }

enum { BATCH = 2, TOKENS = 4, HEADS = 3, WIDTH = 4 };

/* Datasets whose numbers are told() in the layout given, axes of size 1 left out as rank says. */
static void put_told(hid_t file, const char *name, hid_t type, efla_layout layout, size_t rank, size_t width) {
  static double values[BATCH * TOKENS * HEADS * WIDTH];
  hsize_t size[4];
  size_t B = rank > 3 ? BATCH : 1, H = rank > 2 ? HEADS : 1, W = width ? width : 1, n = 0, axes = 0;
  for (size_t e = 0; e < B * TOKENS * H * W; e++) {
    size_t d = e % W, second = e / W, t, h;
    if (layout == EFLA_BTHD)
      h = second % H, t = second / H % TOKENS;
    else
      t = second % TOKENS, h = second / TOKENS % H;
    values[n++] = told(second / (H * TOKENS), t, h, d);
  }
  if (rank > 3) size[axes++] = B;
  if (layout == EFLA_BTHD || rank < 3) size[axes++] = TOKENS;
  if (rank > 2) size[axes++] = H;
  if (layout == EFLA_BHTD && rank > 2) size[axes++] = TOKENS;
  if (width) size[axes++] = width;
  h5_put(file, name, type, axes, size, values);
}

static void check_told(const efla_stream *stream, const double *values, size_t width, const char *name) {
  const efla_span *span = &stream->span;
  for (size_t h = 0; h < span->heads; h++)
    for (size_t t = 0; t < span->tokens; t++)
      for (size_t d = 0; d < width; d++, values++)
        ck_assert_msg(*values == told(span->batch, span->first + t, span->head + h, d), "%s[%zu,%zu,%zu,%zu]: %g", name,
                      span->batch, span->first + t, span->head + h, d, *values);
}

/* All datasets, read block by block; returns how many numbers of v there were. */
static size_t check_stream(efla_tensors *file, const efla_walk *walk) {
  efla_stream stream;
  efla_message why = {{0}};
  size_t seen = 0;
  ck_assert_int_eq(efla_stream_init(&stream, file, walk, &why), EFLA_OK);
  for (;;) {
    ck_assert_msg(efla_stream_next(&stream, &why) == EFLA_OK, "%s", why.text);
    if (stream.done) break;
    check_told(&stream, stream.q, file->dk, "q");
    check_told(&stream, stream.k, file->dk, "k");
    check_told(&stream, stream.v, file->dv, "v");
    check_told(&stream, stream.beta, 1, "beta");
    if (stream.g) check_told(&stream, stream.g, 1, "g");
    if (stream.o) check_told(&stream, stream.o, file->dv, "o");
    ck_assert_int_eq(stream.begins, stream.token == 0);
    seen += stream.span.heads * stream.span.tokens * file->dv;
  }
  efla_stream_clear(&stream);
  return seen;
}

START_TEST(every_layout_and_rank) {
  for (efla_layout layout = EFLA_BTHD; layout <= EFLA_BHTD; layout++)
    for (size_t rank = 2; rank <= 4; rank++) {
      hid_t made = set_up("tensors-layout");
      static const char *const wide[] = {"q", "k", "v", "o"};
      for (size_t i = 0; i < 4; i++) put_told(made, wide[i], H5T_IEEE_F32LE, layout, rank, i < 2 ? WIDTH - 1 : WIDTH);
      put_told(made, "beta", H5T_IEEE_F32LE, layout, rank, 0);
      put_told(made, "g", H5T_IEEE_F64LE, layout, rank, 0);
      if (layout == EFLA_BHTD) h5_text(made, "layout", "BHTD");
      h5_number(made, "scale", 0.125);
      h5_close(made);
      efla_tensors file = open_file();
      ck_assert(file.dk == WIDTH - 1 && file.dv == WIDTH && file.tokens == TOKENS && file.rank == rank && file.layout == layout);
      ck_assert_double_eq(file.scale, 0.125);
      size_t all = (rank > 3 ? BATCH : 1UL) * TOKENS * (rank > 2 ? HEADS : 1UL) * WIDTH;
      ck_assert_uint_eq(check_stream(&file, &(efla_walk){.outputs = true}), all);
      ck_assert_uint_eq(check_stream(&file, &(efla_walk){.states = EFLA_LARGEST_STATE / 12}), all); /* head by head */
      ck_assert_int_eq(efla_tensors_close(&file, NULL), EFLA_OK);
    }
}
END_TEST

/* Half precision as h5py writes it, bfloat16, 8 bits, integers, both byte orders, more digits than a double has. */
START_TEST(every_type_of_number) {
  hid_t half = h5_float(16, 5, 10), brain = h5_float(16, 8, 7), small = h5_float(8, 5, 2);
  const struct {
    hid_t type;
    const char *format;
    int digits;
  } types[] = {{H5T_IEEE_F64LE, "f64", 53},
               {H5T_IEEE_F64BE, "f64", 53},
               {H5T_IEEE_F32LE, "f32", 24},
               {H5T_IEEE_F32BE, "f32", 24},
               {half, "fp16", 11},
               {brain, "bf16", 8},
               {H5T_STD_I16LE, "an integer", 16},
               {H5T_STD_U8LE, "an integer", 8},
               {H5T_STD_I64BE, "an integer", 53},
               {H5T_NATIVE_LDOUBLE, "f64", 53}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    hid_t made = set_up("tensors-types");
    static const char *const wide[] = {"q", "k", "v", "o"};
    for (size_t n = 0; n < 4; n++) put_told(made, wide[n], types[i].type, EFLA_BTHD, 4, WIDTH);
    put_told(made, "beta", types[i].type, EFLA_BTHD, 4, 0);
    h5_close(made);
    efla_tensors file = open_file();
    ck_assert_str_eq(file.stored[EFLA_O].name, types[i].format);
    ck_assert_int_eq(file.stored[EFLA_O].digits, types[i].digits);
    check_stream(&file, &(efla_walk){.outputs = true});
    efla_tensors_close(&file, NULL);
  }
  efla_format format;
  ck_assert(efla_stored_format(small, &format) && !strcmp(format.name, "e5m2") && format.largest == 57344);
  H5Tclose(half);
  H5Tclose(brain);
  H5Tclose(small);
}
END_TEST

/* Special numbers survive half precision and bfloat16: subnormals, the largest, inf and nan (in o, where they are data). */
START_TEST(special_numbers_of_small_floats) {
  static const struct {
    size_t exponent, mantissa;
    double least, largest;
  } formats[] = {{5, 10, 0x1p-24, 65504}, {8, 7, 0x1p-133, 0x1.fep127}};
  const h5_sizes sizes = {0, 1, 0, 1, 6};
  for (size_t i = 0; i < 2; i++) {
    double values[] = {formats[i].least, -3 * formats[i].least, formats[i].largest, INFINITY, -INFINITY, NAN}, o[6];
    hid_t made = set_up("tensors-special"), type = h5_float(16, formats[i].exponent, formats[i].mantissa);
    h5_inputs(made, &sizes, 1);
    h5_put_tokens(made, "o", type, &sizes, 6, values);
    H5Tclose(type);
    h5_close(made);
    efla_tensors file = open_file();
    ck_assert_int_eq(efla_tensors_read(&file, EFLA_O, &(efla_span){0, 0, 1, 0, 1}, o, NULL), EFLA_OK);
    for (size_t j = 0; j < 5; j++) ck_assert_double_eq(o[j], values[j]);
    ck_assert_double_nan(o[5]);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

/* The sentence about the file at `path` has all the words. */
static void check_sentence(efla_status status, const efla_message *why, const char *first, const char *second) {
  ck_assert_msg(status == EFLA_INPUT, "status %d, expected a word on %s", (int)status, first);
  ck_assert_msg(!strncmp(why->text, path, strlen(path)), "%s", why->text);
  ck_assert_msg(strstr(why->text, first) && strstr(why->text, second), "%s\nlacks: %s / %s", why->text, first, second);
}

static void check_refused(const char *first, const char *second) {
  efla_tensors file;
  efla_message why = {{0}};
  memset(&file, 0x5a, sizeof file);
  check_sentence(efla_tensors_open(&file, path, &why), &why, first, second);
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
      {"beta", ": beta: shape (2,5,3,1)", "expected (2,5,3)", 4, {2, 5, 3, 1}},
      {"beta", ": beta: shape (2,3,5)", "expected (2,5,3)", 3, {2, 3, 5}},
      {"g", ": g: shape (2,5,3,4)", "expected (2,5,3)", 4, {2, 5, 3, 4}},
      {"o", ": o: shape (2,5,3,4)", "expected (2,5,3,6)", 4, {2, 5, 3, 4}},
      {"initial_state", ": initial_state: transposed: shape (2,3,6,4)", "expected (2,3,4,6)", 4, {2, 3, 6, 4}},
      {"final_state", ": final_state: shape (3,4,6)", "expected (2,3,4,6)", 3, {3, 4, 6}},
      {"cu_seqlens", ": cu_seqlens: with B = 2", "expected B = 1", 1, {3}},
      {"cu_seqlens", ": cu_seqlens: expected one axis", "2 to 6 boundaries", 2, {3, 1}},
      {"cu_seqlens", ": cu_seqlens: expected one axis", "2 to 6 boundaries", 1, {7}},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    hid_t made = set_up("tensors-faults");
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
    hid_t made = set_up("tensors-type");
    h5_inputs(made, &usual, 1);
    H5Ldelete(made, "v", H5P_DEFAULT);
    h5_put(made, "v", types[i], 4, (const hsize_t[]){2, 5, 3, 6}, NULL);
    h5_close(made);
    check_refused(": v: its type holds no real numbers", "expected a float or integer type");
    H5Tclose(types[i]);
  }
  hid_t made = set_up("tensors-group");
  h5_inputs(made, &usual, 1);
  H5Ldelete(made, "k", H5P_DEFAULT);
  H5Gclose(H5Gcreate2(made, "k", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  h5_close(made);
  check_refused(": k: ", "expected a dataset");
  made = set_up("tensors-link");
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
    hid_t made = set_up("tensors-attributes");
    h5_inputs(made, &usual, 1);
    h5_text(made, "layout", layouts[i]);
    h5_close(made);
    check_refused(": attribute layout: ", "expected ");
  }
  for (size_t i = 0; i < 3; i++) {
    hid_t made = set_up("tensors-scale");
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
      size_t d = at % W, h = at / W % usual.heads, t = at / W / usual.heads % usual.tokens, b = at / W / usual.heads / usual.tokens;
      int length = snprintf(place, sizeof place, ": %s[%zu,%zu,%zu", faults[i].name, b, t, h);
      snprintf(place + length, sizeof place - (size_t)length, width ? ",%zu]: %s, " : "]: %.0zu%s, ", d, faults[i].said);
      hid_t made = set_up("tensors-finite");
      h5_inputs(made, &usual, 1);
      double *values = h5_numbers(&usual, faults[i].what, 1);
      values[at] = faults[i].value;
      H5Ldelete(made, faults[i].name, H5P_DEFAULT);
      h5_put_tokens(made, faults[i].name, H5T_IEEE_F64LE, &usual, width, values);
      free(values);
      h5_close(made);
      efla_tensors file = open_file();
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
  } wrong[] = {{{1, 3, 5, 9}, "[0]: 1,"},     {{0, 3, 3, 9}, "[2]: 3,"},   {{0, 5, 3, 9}, "[2]: 3,"},
               {{0, 3, 5, 8}, "[3]: 8,"},     {{0, 3, 5, 10}, "[3]: 10,"}, {{0, 2.5, 5, 9}, "[1]: 2.5,"},
               {{0, NAN, 5, 9}, "[1]: nan,"}, {{0, -3, 5, 9}, "[1]: -3,"}};
  const h5_sizes sizes = {1, 9, 2, 3, 2};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char place[64];
    hid_t made = set_up("tensors-boundaries");
    h5_inputs(made, &sizes, 1);
    H5_PUT(made, "cu_seqlens", H5T_IEEE_F64LE, wrong[i].at, 4);
    h5_close(made);
    snprintf(place, sizeof place, ": cu_seqlens%s", wrong[i].place);
    check_refused(place, "expected whole numbers rising from 0 to T = 9");
  }
  static const double right[] = {0, 4, 5, 9};
  double states[3 * 2 * 3 * 2];
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) states[i] = (double)i;
  hid_t made = set_up("tensors-sequences");
  h5_inputs(made, &sizes, 1);
  H5_PUT(made, "cu_seqlens", H5T_STD_I32LE, right, 4);
  H5_PUT(made, "initial_state", H5T_IEEE_F32LE, states, 3, 2, 3, 2);
  h5_close(made);
  efla_tensors file = open_file();
  efla_stream stream;
  efla_message why = {{0}};
  double *v = h5_numbers(&sizes, 'v', 1);
  size_t seen = 0;
  ck_assert_uint_eq(file.sequences, 3);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.multiple = 2}, &why), EFLA_OK);
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) {
    ck_assert(stream.begins && stream.ends && stream.span.heads == 2);
    ck_assert_uint_eq(stream.span.first, (size_t)right[stream.sequence]);
    ck_assert_uint_eq(stream.span.first + stream.span.tokens, (size_t)right[stream.sequence + 1]);
    for (size_t h = 0; h < 2; h++) {
      double S[6];
      efla_tokens x = efla_stream_tokens(&stream, h);
      for (size_t t = 0; t < x.tokens; t++, seen++)
        ck_assert_double_eq(x.v[t * 2 + 1], v[((stream.span.first + t) * 2 + h) * 2 + 1]);
      ck_assert_int_eq(efla_tensors_read_states(&file, EFLA_INITIAL_STATE, stream.sequence, h, 1, S, &why), EFLA_OK);
      ck_assert_double_eq(S[5], (double)((stream.sequence * 2 + h) * 6 + 5));
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
  H5Fclose(set_up("tensors-none"));
  files_write(path, "q,k,v,beta\n", 11);
  check_refused(": not an HDF5 file", "expected one");
  files_write(path, "", 0);
  check_refused(": not an HDF5 file", "expected one");
  snprintf(path, sizeof path, "%s", "no/such/file.h5");
  check_refused(": cannot read: No such file", "");
  snprintf(path, sizeof path, "%s", TEST_WORK);
  check_refused(": not a regular file", "expected an HDF5 file");
  ck_assert_int_eq(efla_tensors_open(&file, "/dev/zero", &why), EFLA_INPUT);
  ck_assert_int_eq(efla_tensors_open(&file, "no/such/file.h5", NULL), EFLA_INPUT);
}
END_TEST

/* Cut anywhere: refused on opening, and nothing of HDF5's own on standard error. */
START_TEST(every_truncation_is_refused) {
  static unsigned char bytes[1 << 16];
  hid_t made = set_up("tensors-cut");
  h5_inputs(made, &usual, 1);
  h5_close(made);
  FILE *whole = fopen(path, "r");
  size_t n = fread(bytes, 1, sizeof bytes, whole);
  fclose(whole);
  ck_assert(n > 4096 && n < sizeof bytes);
  char said[300], word[16] = "";
  snprintf(said, sizeof said, "%s.stderr", path);
  ck_assert_ptr_nonnull(freopen(said, "w+", stderr));
  for (size_t length = 0; length < n; length += 1 + length / 16) {
    files_write(path, bytes, length);
    check_refused(length < 8 ? "not an HDF5 file" : "truncated or damaged", "expected");
  }
  rewind(stderr);
  ck_assert_msg(fread(word, 1, sizeof word - 1, stderr) == 0, "on standard error: %s...", word);
}
END_TEST

/* What is written reads back, from a file of the same layout. */
START_TEST(outputs_read_back) {
  for (efla_layout layout = EFLA_BTHD; layout <= EFLA_BHTD; layout++)
    for (size_t rank = 2; rank <= 4; rank++) {
      hid_t made = set_up("tensors-write");
      static const char *const wide[] = {"q", "k", "v"};
      for (size_t i = 0; i < 3; i++) put_told(made, wide[i], H5T_IEEE_F32LE, layout, rank, i < 2 ? WIDTH - 1 : WIDTH);
      put_told(made, "beta", H5T_IEEE_F32LE, layout, rank, 0);
      h5_text(made, "layout", efla_layout_name(layout));
      h5_number(made, "scale", 3);
      h5_close(made);
      char out_path[300];
      efla_tensors file = open_file(), out;
      efla_message why = {{0}};
      efla_stream stream;
      double S[HEADS * (WIDTH - 1) * WIDTH], back[HEADS * (WIDTH - 1) * WIDTH];
      for (size_t i = 0; i < sizeof S / sizeof *S; i++) S[i] = (double)i;
      snprintf(out_path, sizeof out_path, "%s.out", path);
      ck_assert_int_eq(efla_tensors_create(&out, out_path, &file, efla_format_find("f64"), &why), EFLA_OK);
      ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
      while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) { /* o = v */
        ck_assert_int_eq(efla_tensors_write(&out, EFLA_O, &stream.span, stream.v, &why), EFLA_OK);
        efla_tensors_write_states(&out, EFLA_FINAL_STATE, stream.sequence, stream.span.head, stream.span.heads, S, &why);
      }
      efla_stream_clear(&stream);
      ck_assert_int_eq(efla_tensors_write_text(&out, "precision", "bf16", &why), EFLA_OK);
      ck_assert_int_eq(efla_tensors_close(&out, &why), EFLA_OK);
      size_t n = (rank > 3 ? BATCH : 1UL) * TOKENS * (rank > 2 ? HEADS : 1UL) * WIDTH;
      double *v = h5_get(path, "v", n), *o = h5_get(out_path, "o", n);
      ck_assert(!memcmp(v, o, n * sizeof *v));
      free(v);
      free(o);
      ck_assert_msg(efla_tensors_open_outputs(&out, out_path, &file, &why) == EFLA_OK, "%s", why.text);
      ck_assert(out.scale == 3 && out.layout == layout && out.has[EFLA_FINAL_STATE] && !strcmp(out.precision, "bf16"));
      ck_assert_int_eq(efla_tensors_read_states(&out, EFLA_FINAL_STATE, file.sequences - 1, 0, file.heads, back, &why), EFLA_OK);
      ck_assert(!memcmp(S, back, file.heads * file.dk * file.dv * sizeof *S));
      efla_tensors_close(&out, NULL);
      efla_tensors_close(&file, NULL);
    }
}
END_TEST

/* 20 GB of which hardly a chunk is there. */
static void make_sparse(size_t tokens, size_t heads, size_t dk, size_t dv) {
  hid_t made = set_up("tensors-sparse");
  static const char *const names[] = {"q", "k", "v", "beta"};
  for (size_t i = 0; i < 4; i++) {
    hsize_t size[] = {tokens, heads, i < 2 ? dk : dv}, chunk[] = {4096, heads, size[2]};
    hid_t space = H5Screate_simple(i < 3 ? 3 : 2, size, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, i < 3 ? 3 : 2, chunk);
    hid_t dataset = H5Dcreate2(made, names[i], H5T_IEEE_F64LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    ck_assert_int_ge(dataset, 0);
    H5Dclose(dataset);
    H5Pclose(plist);
    H5Sclose(space);
  }
  h5_close(made);
}

static size_t resident(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (size_t)usage.ru_maxrss * 1024;
}

START_TEST(large_files_need_little_memory) {
  enum { LARGE = 4 << 20, HEAVY = 2, D = 128 }; /* 4 Mi tokens, 2 heads, 3*128 + 1 numbers of 8 bytes: 25.8 GB */
  struct stat status;
  make_sparse(LARGE, HEAVY, D, D);
  ck_assert(stat(path, &status) == 0 && status.st_size < 1 << 20);
  efla_tensors file = open_file();
  efla_stream stream;
  efla_message why = {{0}};
  ck_assert_double_gt((double)LARGE * HEAVY * (3 * D + 1) * 8, 20e9);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.states = 4, .multiple = 64}, &why), EFLA_OK);
  double start = efla_seconds();
  size_t blocks = 0;
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) {
    ck_assert_uint_eq(stream.token % 64, 0);
    blocks++;
    if (efla_seconds() - start > 5) break; /* long enough to see that memory does not grow with what was read */
  }
  ck_assert_uint_gt(blocks, 8);
  ck_assert_msg(resident() < 300000000, "%zu bytes resident after %zu blocks", resident(), blocks);
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_layout_and_rank,
                                every_type_of_number,
                                special_numbers_of_small_floats,
                                missing_datasets_and_wrong_shapes,
                                things_that_are_no_numbers,
                                attributes_that_say_nothing,
                                first_number_that_is_not_finite,
                                boundaries_of_sequences,
                                files_that_are_none,
                                every_truncation_is_refused,
                                outputs_read_back,
                                large_files_need_little_memory};
  return testing_main("tensors", tests, sizeof tests / sizeof *tests, 120);
}

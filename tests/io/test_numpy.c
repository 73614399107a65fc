/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files as .npz, and .npy: the same numbers as in HDF5, of every type and order; and their faults, each with
 * file, array and expectation. */
#include "files.h"
#include "h5.h"
#include "numpy.h"
#include "testing.h"

#include <math.h>

static const h5_sizes usual = {2, 5, 3, 4, 6};
static numpy_archive archive;
static numpy_bytes member;
static char path[300];

/* Whole numbers from 0 to 9, which any type can hold. */
static void fill(double *values, size_t n, size_t step) {
  for (size_t i = 0; i < n; i++) values[i] = (double)(i * step % 10);
}

enum { MOST = 2 * 5 * 3 * 6 };

/* q, k, v and beta of the usual sizes. */
static void begin(const char *descr, bool fortran, bool deflate) {
  static const char *const names[] = {"q.npy", "k.npy", "v.npy", "beta.npy"};
  double values[MOST];
  archive.members = archive.file.n = 0;
  for (size_t i = 0; i < 4; i++) {
    const size_t size[] = {usual.batch, usual.tokens, usual.heads, i < 2 ? usual.dk : usual.dv};
    fill(values, MOST, 3 + i);
    numpy_array(&member, descr, fortran, i < 3 ? 4 : 3, size, values);
    numpy_add(&archive, names[i], &member, deflate);
  }
}

static void add(const char *name, const char *descr, size_t rank, const size_t *size, const double *values) {
  numpy_array(&member, descr, false, rank, size, values);
  numpy_add(&archive, name, &member, false);
}

static void name_file(void) {
  static const char *directory;
  if (!directory) directory = files_directory("numpy");
  snprintf(path, sizeof path, "%s/in.npz", directory);
}

static void finish(void) {
  numpy_finish(&archive);
  name_file();
  files_write(path, archive.file.bytes, archive.file.n);
}

static void check_numbers(const char *what) {
  efla_tensors file;
  efla_message why = {{0}};
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s: %s", what, why.text);
  ck_assert(file.batch == 2 && file.tokens == 5 && file.heads == 3 && file.dk == 4 && file.dv == 6);
  for (efla_tensor t = EFLA_Q; t <= EFLA_BETA; t++) {
    double values[MOST], expected[MOST];
    const size_t width = efla_tensors_width(&file, t), n = 5 * 3 * width;
    fill(expected, MOST, 3 + t);
    for (size_t b = 0; b < 2; b++) {
      const efla_tensor_block block = {b, 0, 3, 0, 5};
      ck_assert_msg(efla_tensors_read(&file, t, &block, efla_array_token_major(values, EFLA_F64, 5, 3, width), &why) ==
                        EFLA_OK,
                    "%s: %s", what, why.text);
      for (size_t i = 0; i < n; i++)
        ck_assert_msg(values[i] == expected[b * n + i], "%s: %s: number %zu of entry %zu is %g", what,
                      efla_tensor_name(t), i, b, values[i]);
    }
  }
  ck_assert_int_eq(efla_tensors_close(&file, &why), EFLA_OK);
}

START_TEST(every_type_and_order) {
  static const char *const types[] = {"<f8", ">f8", "<f4", ">f4", "<f2", ">f2", "|V2", "<V2", ">V2", "|i1", "|u1",
                                      "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    for (int fortran = 0; fortran < 2; fortran++)
      for (int deflate = 0; deflate < 2; deflate++) {
        begin(types[i], fortran, deflate);
        finish();
        check_numbers(types[i]);
      }
}
END_TEST

START_TEST(types_by_name) {
  static const struct {
    const char *descr, *format;
  } types[] = {{"<f8", "f64"}, {"<f4", "f32"}, {"<f2", "fp16"}, {"|V2", "bf16"}, {"<i2", "an integer"}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    efla_tensors file;
    efla_message why = {{0}};
    begin(types[i].descr, false, false);
    finish();
    ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
    ck_assert_str_eq(file.stored[EFLA_Q].name, types[i].format);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

static void add_text(const char *name, const char *dictionary, const void *data, size_t n) {
  numpy_npy(&member, 3, dictionary, data, n);
  numpy_add(&archive, name, &member, false);
}

START_TEST(attributes) {
  static const unsigned char wide[16] = {'f', 0, 0, 0, '3', 0, 0, 0, '2', 0, 0, 0};
  efla_tensors file;
  efla_message why = {{0}};
  begin("<f4", false, true);
  add("scale.npy", ">f4", 0, NULL, &(double){0.25});
  add_text("precision.npy", "{\"descr\": \"<U4\", 'shape': ( ) , 'fortran_order':False}", wide, sizeof wide);
  add_text("layout.npy", "{'descr': '|S4', 'fortran_order': True, 'shape': (1,), }   ", "BTHD", 4);
  finish();
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_double_eq(file.scale, 0.25);
  ck_assert_str_eq(file.precision, "f32");
  efla_tensors_close(&file, NULL);
  check_numbers("with attributes");
}
END_TEST

/* The sentence has all the words, on opening or on reading. */
static void check_refused(const char *first, const char *second) {
  efla_tensors file;
  efla_stream stream;
  efla_message why = {{0}};
  efla_status status = efla_tensors_open(&file, path, &why);
  if (status == EFLA_OK) {
    ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
    while ((status = efla_stream_next(&stream, &why)) == EFLA_OK && !stream.done) continue;
    efla_stream_clear(&stream);
    efla_tensors_close(&file, NULL);
  } else
    ck_assert(!file.path && !file.container);
  ck_assert_msg(status == EFLA_INPUT, "status %d, expected a word on %s", (int)status, first);
  ck_assert_msg(!strncmp(why.text, path, strlen(path)), "%s", why.text);
  ck_assert_msg(strstr(why.text, first) && strstr(why.text, second), "%s\nlacks: %s / %s", why.text, first, second);
}

START_TEST(headers_that_are_wrong) {
  static const struct {
    const char *dictionary, *first, *second;
  } wrong[] = {
      {"{'descr': '|b1', 'fortran_order': False, 'shape': (4, ), }", ": p: its type b1 holds no real", "V2"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (4, ), }", ": p: its type O holds no real", "expected f2"},
      {"{'descr': '<f16', 'fortran_order': False, 'shape': (4, ), }", ": p: its type f16 holds no real", "f8"},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (4, ), }", ": p: its type c8 holds no real", "f8"},
      {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (4, ), }", ": p: .npy header: a type of several",
       ""},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-4, ), }", ": p: .npy header: no shape", "expected"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, ), }", ": no shape", "expected"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4 4), }", ": no shape", ""},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (4, ), }", ": no order", ""},
      {"{'descr': '<f4', 'fortran_order': False}", ": a key is missing", ""},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", ": a key twice", ""},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}", ": an unknown key", ""},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} + 1", ": more than a dictionary", ""},
      {"{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}", ": no key", ""},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,)", ": no key", ""},
      {"__import__('os')", ": no dictionary", ""},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (5, ), }", ": p: truncated or damaged: 16 bytes",
       "expected 20 for shape (5)"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, ), }", ": p: truncated or damaged: 16 bytes",
       "expected 12 for shape (3)"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807, ), }",
       ": p: truncated or damaged: 16 bytes", "expected more than"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    begin("<f4", false, false);
    numpy_npy(&member, 1, wrong[i].dictionary, (float[4]){0}, sizeof(float[4]));
    numpy_add(&archive, "p.npy", &member, i % 2);
    finish();
    check_refused(wrong[i].first, wrong[i].second);
  }
  begin("<f4", false, false);
  numpy_npy(&member, 9, "{}", "", 0);
  numpy_add(&archive, "p.npy", &member, false);
  finish();
  check_refused(": p: .npy header: an unknown version", "expected");
}
END_TEST

static void alter_scale(void) {
  add("scale.npy", "<f8", 0, NULL, &(double){-0.0}), memset(archive.file.bytes + archive.file.n - 8, 0xff, 8);
}
static void two_scales(void) { add("scale.npy", "<f8", 1, (const size_t[]){2}, (const double[]){1, 1}); }
static void two_qs(void) { add("q.npy", "<f4", 1, (const size_t[]){1}, (const double[]){1}); }
static void long_layout(void) {
  add_text("layout.npy", "{'descr': '|S40', 'fortran_order': False, 'shape': ()}", archive.file.bytes, 40);
}

START_TEST(members_that_are_wrong) {
  static const struct {
    void (*alter)(void);
    const char *first, *second;
  } wrong[] = {{alter_scale, "scale", "the member's checksum is wrong"},
               {two_scales, ": attribute scale: ", "expected one finite number"},
               {long_layout, ": attribute layout: ", "expected a short text"},
               {two_qs, ": q: truncated or damaged: two members", "expected a whole .npz file"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    begin("<f4", false, false);
    wrong[i].alter();
    finish();
    check_refused(wrong[i].first, wrong[i].second);
  }
}
END_TEST

static void put32(size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; i++) archive.file.bytes[at + i] = (unsigned char)(value >> 8 * i);
}

/* Where the directory's entry of member i, each 46 bytes and a name, begins. */
static size_t entry(size_t i) {
  const unsigned char *end = archive.file.bytes + archive.file.n - 6;
  size_t at = end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16;
  for (; i > 0; i--) at += 46 + (size_t)archive.file.bytes[at + 28];
  return at;
}

/* Fields of the directory about v, and bytes of it. */
START_TEST(archives_that_are_damaged) {
  for (int deflate = 0; deflate < 2; deflate++)
    for (int fault = 0; fault < 7; fault++) {
      static const char *const words[] = {
          "v: ", "encrypted", "packed in another way", "another size", "longer than the file", "", "not a tensor file"};
      begin("<f4", false, deflate);
      numpy_finish(&archive);
      const size_t at = entry(2), local = archive.at[2], data = local + 30 + 5 + 20;
      if (fault == 0) archive.file.bytes[data + (deflate ? 60 : 150)] ^= 0x10;
      if (fault == 1) archive.file.bytes[at + 8] |= 1;
      if (fault == 2) archive.file.bytes[at + 10] = 12, archive.file.bytes[local + 8] = 12;
      if (fault == 3) put32(at + 24, 0x7fffffff);
      if (fault == 4) put32(at + 20, 0x7fffffff), put32(at + 24, 0x7fffffff);
      if (fault == 5) put32(at + 42, 0x7fffffff);
      if (fault == 6) archive.file.bytes[3] = 0;
      name_file();
      files_write(path, archive.file.bytes, archive.file.n);
      check_refused(words[fault], "expected");
    }
}
END_TEST

START_TEST(every_truncation_is_refused) {
  for (int deflate = 0; deflate < 2; deflate++) {
    begin("<f4", false, deflate);
    finish();
    for (size_t n = 0; n < archive.file.n; n += 1 + n / 16) {
      files_write(path, archive.file.bytes, n);
      check_refused(n < 4 ? "not a tensor file" : "truncated or damaged", "expected");
    }
  }
}
END_TEST

/* A lone .npy is called as its file. */
START_TEST(one_array) {
  efla_tensors in, out;
  efla_message why = {{0}};
  double values[MOST], found[6];
  char inputs[300];
  const char *directory = files_directory("numpy-one");
  begin("<f4", false, false);
  add_text("layout.npy", "{'descr': '|S4', 'fortran_order': True, 'shape': (1,), }   ", "BTHD", 4);
  finish();
  memcpy(inputs, path, sizeof inputs);
  fill(values, MOST, 7);
  numpy_array(&member, "<f2", false, 4, (const size_t[]){2, 5, 3, 6}, values);
  snprintf(path, sizeof path, "%s/o.npy", directory);
  files_write(path, member.bytes, member.n);
  ck_assert_int_eq(efla_tensors_open(&in, inputs, &why), EFLA_OK);
  ck_assert_msg(efla_tensors_open_outputs(&out, path, &in, &why) == EFLA_OK, "%s", why.text);
  ck_assert(out.has[EFLA_O] && !out.has[EFLA_FINAL_STATE] && !strcmp(out.stored[EFLA_O].name, "fp16"));
  ck_assert_int_eq(efla_tensors_read(&out, EFLA_O, &(efla_tensor_block){1, 2, 1, 4, 1},
                                     efla_array_token_major(found, EFLA_F64, 1, 1, 6), &why),
                   EFLA_OK);
  for (size_t i = 0; i < 6; i++) ck_assert_double_eq(found[i], values[((5 + 4) * 3 + 2) * 6 + i]);
  efla_tensors_close(&out, NULL);
  files_write(path, member.bytes, member.n - 1);
  ck_assert_int_eq(efla_tensors_open_outputs(&out, path, &in, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, "o.npy: o: truncated or damaged: 359 bytes after the header"), "%s", why.text);
  snprintf(path, sizeof path, "%s/other.npy", directory);
  files_write(path, member.bytes, member.n);
  ck_assert_int_eq(efla_tensors_open_outputs(&out, path, &in, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, ": o: no such dataset"), "%s", why.text);
  efla_tensors_close(&in, NULL);
}
END_TEST

/* Files that NumPy wrote, and one that Python's own modules did, of the same numbers. */
START_TEST(files_of_numpy) {
  static const char *const files[] = {"tests/corpus/npz/savez.npz", "tests/corpus/npz/savez-compressed.npz",
                                      "tests/corpus/npz/fortran.npz", "tests/corpus/npz/big-endian.npz",
                                      "tests/corpus/safetensors/f32.safetensors"};
  double first[4][12];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    efla_tensors file;
    efla_message why = {{0}};
    ck_assert_msg(efla_tensors_open(&file, files[i], &why) == EFLA_OK, "%s", why.text);
    ck_assert(file.tokens == 3 && file.heads == 2 && file.dk == 2 && file.dv == 2 && file.scale == (i < 2 ? 0.5 : 1));
    for (efla_tensor t = EFLA_Q; t <= EFLA_BETA; t++) {
      double values[12];
      const size_t width = efla_tensors_width(&file, t);
      ck_assert_int_eq(efla_tensors_read(&file, t, &(efla_tensor_block){0, 0, 2, 0, 3},
                                         efla_array_token_major(values, EFLA_F64, 3, 2, width), &why),
                       EFLA_OK);
      if (i == 0) memcpy(first[t], values, sizeof values);
      ck_assert_mem_eq(values, first[t], 6 * width * sizeof *values);
    }
    efla_tensors_close(&file, NULL);
  }
  ck_assert(first[0][0] != first[0][1] && first[1][0] != first[1][2]);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_type_and_order,
                                types_by_name,
                                attributes,
                                headers_that_are_wrong,
                                members_that_are_wrong,
                                archives_that_are_damaged,
                                every_truncation_is_refused,
                                one_array,
                                files_of_numpy};
  return testing_main("numpy", tests, sizeof tests / sizeof *tests, 120);
}

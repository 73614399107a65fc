/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files as safetensors: the same numbers as in HDF5, attributes, and faults, each with file and expectation. */
#include "files.h"
#include "testing.h"

#include <math.h>

/* q, k (1,2,1,2), v (1,2,1,1) and beta (1,2,1): 4, 4, 2 and 2 numbers. */
static const char usual[] = "\"q\":{\"dtype\":\"F32\",\"shape\":[1,2,1,2],\"data_offsets\":[0,16]},"
                            "\"k\":{\"dtype\":\"BF16\",\"shape\":[1,2,1,2],\"data_offsets\":[24,32]},"
                            "\"v\":{\"dtype\":\"F16\",\"shape\":[1,2,1,1],\"data_offsets\":[32,36]},"
                            "\"beta\":{\"data_offsets\":[16,24],\"shape\":[1,2,1],\"dtype\":\"F32\"}";
/* q: 1, -2, 0.5, 4; beta: 1, 0.25; k: 1, -2, 0.5, 4; v: 2, -0.5 */
static const unsigned char numbers[36] = {0,    0,    0x80, 0x3f, 0, 0,    0,    0xc0, 0, 0,    0,    0x3f,
                                          0,    0,    0x80, 0x40, 0, 0,    0x80, 0x3f, 0, 0,    0x80, 0x3e,
                                          0x80, 0x3f, 0,    0xc0, 0, 0x3f, 0x80, 0x40, 0, 0x40, 0,    0xb8};
static char path[300];

static size_t write_file(const char *header, size_t claimed, const void *data, size_t n) {
  static unsigned char bytes[4096];
  static const char *directory;
  const size_t length = strlen(header);
  if (!directory) directory = files_directory("safetensors");
  snprintf(path, sizeof path, "%s/in.safetensors", directory);
  for (size_t i = 0; i < 8; i++) bytes[i] = (unsigned char)((claimed ? claimed : length) >> 8 * i);
  memcpy(bytes + 8, header, length);
  memcpy(bytes + 8 + length, data, n);
  files_write(path, bytes, 8 + length + n);
  return 8 + length + n;
}

static size_t write_with(const char *more) {
  char header[2000];
  snprintf(header, sizeof header, "{%s%s}   ", usual, more);
  return write_file(header, 0, numbers, sizeof numbers);
}

START_TEST(numbers_and_attributes) {
  static const double expected[][4] = {{1, -2, 0.5, 4}, {1, -2, 0.5, 4}, {2, -0.5}, {1, 0.25}};
  static const char *const formats[] = {"f32", "bf16", "fp16", "f32"};
  efla_tensors file;
  efla_message why = {{0}};
  write_with(",\"__metadata__\":{\"scale\":\"0.5\",\"layout\":\"BTHD\",\"precision\":\"bf16\",\"format\":\"pt\"}");
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert(file.tokens == 2 && file.dk == 2 && file.dv == 1 && file.scale == 0.5 && !strcmp(file.precision, "bf16"));
  for (efla_tensor t = EFLA_Q; t <= EFLA_BETA; t++) {
    double values[4];
    const size_t width = efla_tensors_width(&file, t);
    ck_assert_int_eq(efla_tensors_read(&file, t, &(efla_tensor_block){0, 0, 1, 0, 2},
                                       efla_array_token_major(values, EFLA_F64, 2, 1, width), &why),
                     EFLA_OK);
    for (size_t i = 0; i < 2 * width; i++) ck_assert_double_eq(values[i], expected[t][i]);
    ck_assert_str_eq(file.stored[t].name, formats[t]);
  }
  efla_tensors_close(&file, NULL);
}
END_TEST

static void check_refused(const char *first) {
  efla_tensors file;
  efla_message why = {{0}};
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_INPUT, "no word on %s", first);
  ck_assert(!file.path && !file.container);
  ck_assert_msg(!strncmp(why.text, path, strlen(path)), "%s", why.text);
  ck_assert_msg(strstr(why.text, first) && strstr(why.text, "expected"), "%s\nlacks: %s", why.text, first);
}

START_TEST(entries_that_are_wrong) {
  static const struct {
    const char *more, *word;
  } wrong[] = {
      {",\"p\":{\"dtype\":\"BOOL\",\"shape\":[0],\"data_offsets\":[36,36]}", ": p: its dtype holds no real"},
      {",\"p\":{\"shape\":[0],\"data_offsets\":[36,36]}", ": p: its dtype holds no real"},
      {",\"p\":{\"dtype\":\"F32\",\"data_offsets\":[36,36]}", ": p: truncated or damaged: no shape"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[36,36]}", ": p: truncated or damaged: no shape"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[1e3],\"data_offsets\":[36,36]}", ": p: truncated or damaged: no shape"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[36,36]}", ": p: damaged: 0 bytes"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[36,36]}",
       ": p: damaged: 0 bytes"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[0]}", "without data_offsets"},
      {",\"p\":7", "without data_offsets"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[36]}", "without data_offsets"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[36,35]}", "without data_offsets"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[32,36]}", "arrays overlap"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[36,40]}", "arrays beyond the end"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[99,99]}", "bytes between arrays"},
      {",\"p\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[99999999999999999999,99999999999999999999]}",
       "without data_offsets"},
      {",\"q\":{\"dtype\":\"F32\",\"shape\":[1,2,1,2],\"data_offsets\":[0,16]}", "one entry per name"},
      {",\"__metadata__\":{\"scale\":\"half\"}", "attribute scale: "},
      {",\"__metadata__\":{\"scale\":0.5}", "attribute scale: "},
      {",\"__metadata__\":{\"scale\":\"inf\"}", "attribute scale: "},
      {",\"__metadata__\":{\"layout\":\"\"}", "attribute layout: "},
      {",\"__metadata__\":{\"layout\":\"BDHT\"}", "attribute layout: "},
      {",}", "no JSON object"},
      {"", ""},
  };
  for (size_t i = 0; *wrong[i].more; i++) {
    write_with(wrong[i].more);
    check_refused(wrong[i].word);
  }
}
END_TEST

START_TEST(headers_that_are_wrong) {
  write_file("{}", 1000, numbers, sizeof numbers);
  check_refused("the header is longer than the file");
  write_file("{}", (size_t)1 << 39, numbers, sizeof numbers);
  check_refused("the header is longer than the file");
  write_file("{}", 0, numbers, sizeof numbers);
  check_refused("bytes after the arrays");
  write_file("{", 0, numbers, sizeof numbers);
  check_refused("no JSON object");
  write_file("{} {}", 0, "", 0);
  check_refused("no JSON object");
}
END_TEST

START_TEST(every_truncation_is_refused) {
  unsigned char bytes[4096];
  const size_t n = write_with("");
  FILE *whole = fopen(path, "r");
  ck_assert_uint_eq(fread(bytes, 1, sizeof bytes, whole), n);
  fclose(whole);
  for (size_t length = 0; length < n; length++) {
    files_write(path, bytes, length);
    check_refused(length < 9 ? "not a tensor file" : "truncated or damaged");
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {numbers_and_attributes, entries_that_are_wrong, headers_that_are_wrong,
                                every_truncation_is_refused};
  return testing_main("safetensors", tests, sizeof tests / sizeof *tests, 60);
}

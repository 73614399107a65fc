/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel check, held against kernels that are written apart from it: what is wrong with them is named, and right
 * ones pass. */
#include "check/specimens.h"
#include "files.h"
#include "testing.h"

static char path[256];

static efla_specimen_answer judge(const efla_specimen_kernel *kernel, const char *family, const char *type, size_t seed,
                                  char *said) {
  efla_specimen c;
  efla_specimen_answer answer;
  efla_message why = {{0}};
  double granted;
  if (!*path) snprintf(path, sizeof path, "%s/in.h5", files_directory("confusion"));
  ck_assert_msg(efla_specimen_draw(&c, kernel, family, efla_format_find(type), seed, &why) == EFLA_OK, "%s", why.text);
  efla_specimen_run(&c);
  ck_assert_msg(efla_specimen_write(&c, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_msg(efla_specimen_judge(&c, path, &answer, said, &granted, &why) == EFLA_OK, "%s", why.text);
  efla_specimen_clear(&c);
  return answer;
}

START_TEST(every_fault_is_named_in_f32) {
  for (const efla_specimen_kernel *k = efla_specimen_wrong; k->name; k++) {
    char said[EFLA_FAULT_TEXT];
    if (k->needs & EFLA_SPECIMEN_FP16) continue;
    efla_specimen_answer answer = judge(k, "gaussian", "f32", 1, said);
    ck_assert_msg(answer == EFLA_SPECIMEN_NAMED, "%s: %s, expected %s", k->name, said, k->expected);
  }
}
END_TEST

/* In few bits, and with keys that come again: most are named, and hardly one wrongly. */
START_TEST(few_are_misnamed_in_few_bits) {
  static const char *const types[] = {"bf16", "fp16"};
  size_t count[EFLA_SPECIMEN_ANSWERS] = {0};
  for (const efla_specimen_kernel *k = efla_specimen_wrong; k->name; k++)
    for (size_t i = 0; i < 2; i++) {
      char said[EFLA_FAULT_TEXT];
      if (k->needs & EFLA_SPECIMEN_F32 || (k->needs & EFLA_SPECIMEN_FP16 && i == 0)) continue;
      count[judge(k, "dictionary", types[i], 1, said)]++;
    }
  const size_t seen = count[EFLA_SPECIMEN_NAMED] + count[EFLA_SPECIMEN_MISNAMED] + count[EFLA_SPECIMEN_UNDECIDED] +
                      count[EFLA_SPECIMEN_UNKNOWN];
  ck_assert_msg(100 * count[EFLA_SPECIMEN_NAMED] >= 95 * seen, "%zu of %zu named", count[EFLA_SPECIMEN_NAMED], seen);
  ck_assert_msg(100 * count[EFLA_SPECIMEN_MISNAMED] <= seen, "%zu of %zu misnamed", count[EFLA_SPECIMEN_MISNAMED],
                seen);
  ck_assert_uint_ge(seen, 140);
}
END_TEST

START_TEST(right_kernels_pass) {
  static const char *const types[] = {"f32", "bf16", "fp16"}, *const families[] = {"gaussian", "cone", "spikes"};
  for (const efla_specimen_kernel *k = efla_specimen_right; k->name; k++)
    for (size_t i = 0; i < 9; i++) {
      char said[EFLA_FAULT_TEXT];
      ck_assert_msg(judge(k, families[i / 3], types[i % 3], 1 + i, said) == EFLA_SPECIMEN_NAMED, "%s, %s, %s: %s",
                    k->name, families[i / 3], types[i % 3], said);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_fault_is_named_in_f32, few_are_misnamed_in_few_bits, right_kernels_pass};
  return testing_main("confusion", tests, sizeof tests / sizeof *tests, 240);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel check, held against kernels that are written apart from it: what is wrong with them is named, and right
 * ones pass. */
#include "check/specimens.h"
#include "files.h"
#include "testing.h"

static char path[256];

static efla_specimen_answer judge_granted(const efla_specimen_kernel *kernel, const char *family, const char *type,
                                          size_t seed, char *said, double *granted) {
  efla_specimen c;
  efla_specimen_answer answer;
  efla_message why = {{0}};
  if (!*path) snprintf(path, sizeof path, "%s/in.h5", files_directory("confusion"));
  ck_assert_msg(efla_specimen_draw(&c, kernel, family, efla_format_find(type), seed, &why) == EFLA_OK, "%s", why.text);
  efla_specimen_run(&c);
  ck_assert_msg(efla_specimen_write(&c, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_msg(efla_specimen_judge(&c, path, &answer, said, granted, &why) == EFLA_OK, "%s", why.text);
  efla_specimen_clear(&c);
  return answer;
}

static efla_specimen_answer judge(const efla_specimen_kernel *kernel, const char *family, const char *type, size_t seed,
                                  char *said) {
  double granted;
  return judge_granted(kernel, family, type, seed, said, &granted);
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

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Right kernels pass, and of each in each type the largest error is more than a fourth of what is granted, in the median
 * over families; of all of them more than .4. */
START_TEST(right_kernels_come_near_their_bound) {
  enum { FAMILIES = 3, TYPES = 3, KERNELS = 64 };
  static const char *const types[] = {"f32", "bf16", "fp16"}, *const families[] = {"gaussian", "cone", "spikes"};
  double median[KERNELS * TYPES];
  size_t n = 0;
  for (const efla_specimen_kernel *k = efla_specimen_right; k->name; k++)
    for (size_t type = 0; type < TYPES; type++) {
      double granted[FAMILIES];
      for (size_t i = 0; i < FAMILIES; i++) {
        char said[EFLA_FAULT_TEXT];
        ck_assert_msg(judge_granted(k, families[i], types[type], 1 + 3 * i + type, said, &granted[i]) ==
                              EFLA_SPECIMEN_NAMED &&
                          granted[i] < 1,
                      "%s, %s, %s: %s, %g of what is granted", k->name, families[i], types[type], said, granted[i]);
      }
      qsort(granted, FAMILIES, sizeof *granted, ascending);
      ck_assert_msg(granted[1] > 0.25, "%s, %s: %g of what is granted", k->name, types[type], granted[1]);
      ck_assert_uint_lt(n, KERNELS * TYPES);
      median[n++] = granted[1];
    }
  qsort(median, n, sizeof *median, ascending);
  ck_assert_msg(median[n / 2] > 0.4, "%g of what is granted", median[n / 2]);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_fault_is_named_in_f32, few_are_misnamed_in_few_bits,
                                right_kernels_come_near_their_bound};
  return testing_main("confusion", tests, sizeof tests / sizeof *tests, 600);
}

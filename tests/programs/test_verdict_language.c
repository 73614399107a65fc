/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make verdict of language models: what is planted in a study holds, is reversed or not seen, and nothing is said of
 * two seeds. */
#include "testing.h"

#define WORK TEST_WORK "/verdict-language"

static char out[1 << 16], err[1 << 16];

/* Bits fall by .01 with the exact method at unit keys and rise by .02 with raw keys for it; at raw keys the method does
 * nothing, but seeds scatter by .01 in a way that does not pair.  Euler with raw keys diverges for `lost` seeds and has a
 * rate of its own.  A wider mixer and another map of beta have nothing to say. */
static void write_study(int seeds, int lost, bool judged) {
  FILE *file = fopen(WORK "/lm.csv", "w");
  ck_assert_ptr_nonnull(file);
  fprintf(file, "# program: lm\nstudy,mixer,method,decay,keys,beta,width,lr,seed,step,part,context,place,bits,level,"
                "accuracy,count\n");
  for (int i = 0; i < 4 * seeds; i++) {
    const bool exact = i & 2, raw = i & 1;
    const int seed = i / 4;
    const double bits = !exact && raw && seed < lost
                            ? NAN
                            : 2 + 0.1 * seed + (exact && !raw ? -0.01 : 0) + (raw ? 0.01 : 0) + 1e-4 * (i * i % 5) +
                                  (raw && exact ? 0.01 * (seed % 2 ? 1 : -1) : 0);
    for (int c = 16; c <= 64; c *= 4)
      for (int other = 0; other < 3; other++)
        fprintf(file, "end,%s,%s,none,%s,%s,%d,%s,%d,9,%s,%d,0,%.17g,0,nan,0\n", other == 1 ? "gated" : "delta",
                exact ? "exact" : "euler", raw ? "raw" : "unit", other == 2 ? "softplus" : "sigmoid", other ? 16 : 8,
                raw && !exact ? "0.01" : "0.03", seed, "test", c, other ? 2 + 0.01 * (i * i % 7) : bits + (c == 64));
    if (judged)
      fprintf(file, "blimp,delta,%s,none,%s,sigmoid,8,%s,%d,9,all,0,0,1,0,%.17g,9\n", exact ? "exact" : "euler",
              raw ? "raw" : "unit", raw && !exact ? "0.01" : "0.03", seed,
              0.5 + (exact ? 0.1 : 0) + 1e-3 * (i * i % 5));
  }
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_int_eq(
      testing_shell(TEST_BIN "/effects --input " WORK "/lm.csv --out " WORK "/effects-lm.csv", out, err, sizeof out),
      0);
  testing_shell(TEST_BUILD "/verdict " WORK " " TEST_BIN, out, err, sizeof out);
}

static void expect(const char *claim, const char *ruling, const char *evidence) {
  char line[200];
  snprintf(line, sizeof line, "%-44s %-9s\n", claim, ruling);
  const char *at = strstr(out, line);
  ck_assert_msg(at != NULL, "no '%s' in %s", line, out);
  const char *end = strstr(at, ".csv]");
  ck_assert_msg(end && memmem(at, (size_t)(end - at), evidence, strlen(evidence)), "no %s in %.300s", evidence, at);
}

static void begin(void) { ck_assert_int_eq(testing_shell("rm -rf " WORK " && mkdir -p " WORK, NULL, NULL, 0), 0); }

START_TEST(rulings) {
  begin();
  testing_shell(TEST_BUILD "/verdict " WORK " " TEST_BIN, out, err, sizeof out);
  ck_assert_ptr_nonnull(strstr(out, "not asked (no gallery/lm.csv)"));
  write_study(6, 0, true);
  expect("lower perplexity: exact - Euler, unit keys", "holds", "thousandths of a bit per byte, 6 seeds");
  expect("lower perplexity: exact - Euler, raw keys", "not seen", "seen from");
  expect("lower perplexity: raw - unit keys, exact", "reversed", "6 seeds");
  expect("BLiMP accuracy: exact - Euler, unit keys", "holds", "points, 6 seeds");
  expect("BLiMP accuracy: raw - unit keys, exact", "not seen", "points");
  ck_assert_ptr_nonnull(strstr(out, "lower perplexity at one rate                 not asked"));
  expect("LAMBADA accuracy: EFLA - DeltaNet", "not asked", "no rows of this study");
  ck_assert_ptr_nonnull(strstr(out, "trained recall                               not asked (no gallery/recall.csv)"));
}
END_TEST

START_TEST(few_seeds) {
  begin();
  write_study(2, 0, false);
  expect("lower perplexity: exact - Euler, unit keys", "missing", "too few rows");
  ck_assert_ptr_nonnull(
      strstr(err, "effects-lm.csv has too few rows for 'lower perplexity: exact - Euler, unit keys'"));
  expect("BLiMP accuracy: EFLA - DeltaNet", "not asked", "no rows");
  write_study(6, 4, false); /* two pairs are left */
  expect("lower perplexity: exact - Euler, raw keys", "diverged",
         "2 surviving pairs; diverged: 0 and 4; rates 0.03 and 0.01");
  expect("lower perplexity: exact - Euler, unit keys", "holds", "6 seeds");
  write_study(6, 3, false);
  expect("lower perplexity: exact - Euler, raw keys", "not seen", "per byte of surviving pairs, 3 seeds, p");
  expect("lower perplexity: exact - Euler, raw keys", "not seen", "diverged: 0 and 3; rates 0.03 and 0.01");
}
END_TEST

/* At one rate the same verdicts are read from another table. */
START_TEST(one_rate) {
  begin();
  write_study(6, 0, false);
  ck_assert_int_eq(testing_shell(TEST_BIN "/effects --input " WORK "/lm.csv --rate 3e-2 --out " WORK
                                          "/effects-lm-equal.csv",
                                 out, err, sizeof out),
                   0);
  testing_shell(TEST_BUILD "/verdict " WORK " " TEST_BIN, out, err, sizeof out);
  expect("lower perplexity at one rate: exact - Euler, unit keys", "holds", "6 seeds");
  expect("lower perplexity at one rate: exact - Euler, raw keys", "missing", "too few rows"); /* Euler has another */
}
END_TEST

/* Accuracies of recall without variation, and then with it and a true difference of .2; four seeds are too few. */
static void write_recall(int seeds, double noise) {
  FILE *file = fopen(WORK "/recall.csv", "w");
  ck_assert_ptr_nonnull(file);
  fprintf(file,
          "# program: recall\ntask,items,mixer,method,decay,keys,beta,width,lr,seed,step,diverged,loss,accuracy\n");
  for (int i = 0; i < 4 * seeds; i++)
    fprintf(file, "mqar,4,delta,%s,none,%s,sigmoid,8,0.01,%d,9,0,1,%.17g\n", i & 2 ? "exact" : "euler",
            i & 1 ? "raw" : "unit", i / 4, (i & 2 ? 0.75 : 0.5) + noise * (i * i % 5));
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_int_eq(testing_shell(TEST_BIN "/effects --input " WORK "/recall.csv --out " WORK "/effects-recall.csv", out,
                                 err, sizeof out),
                   0);
  testing_shell(TEST_BUILD "/verdict " WORK " " TEST_BIN, out, err, sizeof out);
}

START_TEST(recall) {
  begin();
  write_recall(5, 1e-3);
  expect("trained recall: exact - Euler, unit keys", "holds", "points, 5 seeds, p");
  write_recall(4, 1e-3);
  expect("trained recall: exact - Euler, unit keys", "missing", "too few rows");
  write_recall(5, 0);
  expect("trained recall: exact - Euler, unit keys", "not seen", "+25.0 [+25.0 +25.0] points, 5 seeds, no variation");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rulings, few_seeds, one_rate, recall};
  return testing_main("verdict_language", tests, sizeof tests / sizeof *tests, 60);
}

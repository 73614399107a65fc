/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Effects in tables of language models, recall and MAD: what is planted is found, models that diverged are counted, and
 * the learning rate is the best. */
#include "files.h"
#include "testing.h"

#include <stdarg.h>

enum { SEEDS = 6, ROOM = 1 << 17 };

static char text[ROOM], path[256];
static size_t length;

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...) {
  va_list values;
  va_start(values, format);
  length += (size_t)vsnprintf(text + length, ROOM - length, format, values);
  va_end(values);
  ck_assert_uint_lt(length, ROOM);
}

static void begin(const char *name, const char *program) {
  snprintf(path, sizeof path, "%s/%s.csv", files_directory("effects-kinds"), name);
  length = 0;
  add("# program: %s\n", program);
  if (!strcmp(program, "lm"))
    add("study,mixer,method,decay,keys,beta,width,lr,seed,step,part,context,place,bits,level,accuracy,count\n");
  else
    add("task,items,mixer,method,decay,keys,beta,width,lr,seed,step,diverged,loss,accuracy\n");
}

/* Bits: what each seed has in common, and effects of half the size on either side.  exact - euler is +.01 on average,
 * .004 more with raw keys and as much less with unit ones; raw - unit -.02; the decay, whatever else, +.003.  The
 * method's effect scatters by .001 from seed to seed, with raw keys and without. */
static const double of_method = 0.01, of_keys = -0.02, of_both = 0.004, of_decay = 0.003, spread = 0.001;
static const double scatter[SEEDS] = {1, -1, 1, -1, 1, -1};

static double bits(bool exact, bool raw, bool decays, int seed) {
  const double m = exact ? 0.5 : -0.5, k = raw ? 0.5 : -0.5;
  return 2 + 0.1 * seed * seed + m * (of_method + spread * scatter[seed]) + k * of_keys + 2 * m * k * of_both +
         (decays ? of_decay : 0);
}

static void add_end(bool exact, bool raw, bool decays, double lr, int seed, const char *part, int context,
                    double value) {
  add("end,delta,%s,%s,%s,sigmoid,64,%.17g,%d,100,%s,%d,0,%.17g,0,nan,0\n", exact ? "exact" : "euler",
      decays ? "split" : "none", raw ? "raw" : "unit", lr, seed, part, context, value);
}

/* All parts of a model, in windows of 16 and 64 tokens; longer windows are better by .5 for all. */
static void add_model(bool exact, bool raw, bool decays, double lr, int seed, double more) {
  const double value = bits(exact, raw, decays, seed) + more;
  for (int c = 16; c <= 64; c *= 4)
    for (int p = 0; p < 2; p++)
      add_end(exact, raw, decays, lr, seed, p ? "valid" : "test", c, value - (c == 64 ? 0.5 : 0));
  add("along,delta,exact,none,raw,sigmoid,64,%.17g,%d,100,valid,16,0,77,0,nan,0\n", lr, seed); /* does not count */
  add("end,delta,exact,none,raw,sigmoid,64,%.17g,%d,100,valid,16,1,77,0,nan,0\n", lr, seed);   /* part of a window */
}

static void add_square(bool decays) {
  for (int i = 0; i < 4 * SEEDS; i++) add_model(i & 2, i & 1, decays, 1e-3, i / 4, 0);
}

typedef struct found {
  efla_csv csv;
  efla_results results;
  efla_effects effects;
} found;

static found find_at(double only_rate, double difference) {
  static const efla_contrast published = {"exact", "euler", 3e-3, 1e-3, 0};
  efla_contrast contrast = published;
  contrast.difference = difference;
  found f = {0};
  efla_message why = {{0}};
  files_write(path, text, length);
  efla_status status = efla_csv_read(&f.csv, path, &why);
  if (status == EFLA_OK) status = efla_results_init(&f.results, &f.csv, false, only_rate, path, &why);
  if (status == EFLA_OK) status = efla_effects_init(&f.effects, &f.results, &contrast, path, &why);
  ck_assert_msg(status == EFLA_OK, "%s", why.text);
  return f;
}

static found find(double difference) { return find_at(0, difference); }

static void clear(found *f) {
  efla_effects_clear(&f->effects);
  efla_results_clear(&f->results);
  efla_csv_clear(&f->csv);
}

static bool same(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

/* The row of a panel under a condition; method, keys and decay as they are held, NULL: they are not. */
static const efla_effect *row_of(const found *f, const char *panel, const char *method, const char *keys,
                                 const char *decay, const char *condition, double level) {
  for (size_t i = 0; i < f->effects.n; i++) {
    const efla_effect *e = &f->effects.row[i];
    if (!strcmp(e->panel, panel) && same(e->variant.method, method) && same(e->variant.keys, keys) &&
        same(e->variant.decay, decay) && !strcmp(e->condition.name, condition) && e->condition.level == level)
      return e;
  }
  ck_abort_msg("no row of %s, %s %g", panel, condition, level);
  return NULL;
}

/* Bits below 8 err by 4u for each of 12 operations; four of them are weighed by 2 in all and their partial sums, below
 * 16, rounded by 8u: 48 * 2 + 3 * 8, and the mean over seeds as much again. */
static const double rounding = 2 * (48 * 2 + 3 * 8) * U;

static void check_found(const found *f, const char *panel, const char *method, const char *keys, const char *decay,
                        double expected, double deviation) {
  for (int c = 16; c <= 64; c *= 4) {
    const efla_effect *e = row_of(f, panel, method, keys, decay, "test", c);
    ck_assert_uint_eq(e->seeds, SEEDS);
    CHECK_BOUND(fabs(e->interval.mean - expected), rounding);
    /* Half the seeds are above and half below: s^2 = n/(n-1) times the deviation's square. */
    const double sd = deviation * sqrt((double)SEEDS / (SEEDS - 1));
    CHECK_BOUND(fabs(e->sd - sd), 2 * rounding);
    if (e->sd == 0) {
      ck_assert(isnan(e->p) && isnan(e->p_holm) && isnan(e->seen_from) && isnan(e->seeds_for));
      continue;
    }
    const double level = efla_effect_is_main(e) ? 0.01 : 0.05;
    CHECK_BOUND(fabs(e->seen_from - e->sd * efla_student_seen_from(SEEDS, level)), rounding);
    CHECK_BOUND(fabs(e->p - efla_student_p(e->interval.mean, e->sd, SEEDS)), rounding);
  }
}

START_TEST(planted_effects) {
  begin("planted", "lm");
  add_square(false), add_square(true);
  found f = find(0);
  ck_assert(f.results.variants == 8 && f.results.conditions == 4);
  for (int d = 0; d < 2; d++) {
    const char *decay = d ? "split" : "none";
    check_found(&f, "method", NULL, NULL, decay, of_method, spread);
    check_found(&f, "method", NULL, "raw", decay, of_method + of_both, spread);
    check_found(&f, "method", NULL, "unit", decay, of_method - of_both, spread);
    check_found(&f, "keys", NULL, NULL, decay, of_keys, 0);
    check_found(&f, "keys", "exact", NULL, decay, of_keys + of_both, 0);
    check_found(&f, "keys", "euler", NULL, decay, of_keys - of_both, 0);
    check_found(&f, "method_keys", NULL, NULL, decay, of_both, 0);
    check_found(&f, "published", NULL, NULL, decay, of_method + of_keys, spread);
  }
  check_found(&f, "decay:split", NULL, NULL, NULL, of_decay, 0);
  check_found(&f, "decay:split", "euler", "unit", NULL, of_decay, 0);
  const efla_effect *e = row_of(&f, "method", NULL, "raw", "none", "test", 16);
  ck_assert_double_eq(e->seeds_for, efla_student_seeds(0.005 / e->sd, 0.01));
  ck_assert(e->seeds_for == 4 && e->p < 1e-4 && e->p_holm >= e->p && e->p_holm <= 5 * e->p);
  ck_assert(isnan(row_of(&f, "method", NULL, NULL, "none", "test", 16)->p_holm)); /* no main contrast */
  clear(&f);
  f = find(0.001);
  e = row_of(&f, "method", NULL, "raw", "none", "test", 16);
  ck_assert_double_eq(e->seeds_for, efla_student_seeds(0.001 / e->sd, 0.01));
  clear(&f);
}
END_TEST

/* Euler with raw keys diverges for two seeds: the rows in which it is have four and say so, others have six. */
START_TEST(planted_divergence) {
  begin("divergence", "lm");
  for (int i = 0; i < 4 * SEEDS; i++)
    add_model(i & 2, i & 1, false, 1e-3, i / 4, (i & 3) == 1 && (i / 4 == 1 || i / 4 == 4) ? NAN : 0);
  found f = find(0);
  const efla_effect *e = row_of(&f, "method", NULL, "raw", "none", "test", 16);
  ck_assert(e->seeds == 4 && e->diverged == 0 && e->diverged_against == 2);
  e = row_of(&f, "keys", "euler", NULL, "none", "test", 16);
  ck_assert(e->seeds == 4 && e->diverged == 2 && e->diverged_against == 0);
  e = row_of(&f, "published", NULL, NULL, "none", "test", 16);
  ck_assert(e->seeds == SEEDS && e->diverged == 0 && e->diverged_against == 0);
  e = row_of(&f, "bits", "euler", "raw", "none", "test", 64);
  ck_assert(e->seeds == 4 && e->diverged == 2);
  e = row_of(&f, "diverged", "euler", "raw", "none", "training", 0);
  double low, high;
  efla_clopper_pearson(2, SEEDS, &low, &high);
  ck_assert(e->seeds == SEEDS && e->interval.mean == 2. / SEEDS && e->interval.low == low && e->interval.high == high);
  ck_assert(row_of(&f, "diverged", "exact", "raw", "none", "training", 0)->interval.mean == 0);
  for (size_t v = 0; v < f.results.variants; v++) ck_assert_uint_eq(efla_results_missing(&f.results, v), 0);
  clear(&f);
}
END_TEST

/* A part that is shorter than a window has no value, and the model has not diverged. */
START_TEST(short_parts) {
  begin("short", "lm");
  add_square(false);
  for (int i = 0; i < 4 * SEEDS; i++) add_end(i & 2, i & 1, false, 1e-3, i / 4, "test", 256, NAN);
  found f = find(0);
  ck_assert_uint_eq(efla_results_missing(&f.results, 0), SEEDS);
  ck_assert(row_of(&f, "bits", "euler", "raw", "none", "test", 256)->diverged == 0);
  ck_assert(row_of(&f, "diverged", "euler", "raw", "none", "training", 0)->interval.mean == 0);
  clear(&f);
}
END_TEST

/* Of three rates with nearly as many seeds that of .003 is worse by .1, and at .01 one seed diverges; .02 is best, but
 * has two seeds. Exact with raw keys has one rate, Euler with raw keys two without a seed in common. */
START_TEST(rates) {
  begin("rates", "lm");
  for (int i = 0; i < 4 * SEEDS; i++) {
    const int seed = i / 4;
    if ((i & 3) == 3)
      add_model(true, true, false, 0.02, seed, 0);
    else if ((i & 3) == 1)
      add_model(false, true, false, seed < 3 ? 1e-3 : 3e-3, seed, seed < 3 ? 0.5 : -1.5);
    else {
      add_model(i & 2, false, false, 1e-3, seed, 0);
      if (seed < 4) add_model(i & 2, false, false, 3e-3, seed, 0.1);
      if (seed < 4) add_model(i & 2, false, false, 1e-2, seed, seed == 2 ? NAN : -0.2);
      if (seed < 2) add_model(i & 2, false, false, 2e-2, seed, -0.5);
    }
  }
  found f = find(0);
  ck_assert_uint_eq(f.results.variants, 4);
  const efla_effect *e = row_of(&f, "bits", "exact", "unit", "none", "test", 16);
  ck_assert(e->seeds == SEEDS && e->variant.lr == 1e-3 && e->diverged == 0);
  ck_assert(row_of(&f, "bits", "exact", "raw", "none", "test", 16)->variant.lr == 0.02);
  e = row_of(&f, "bits", "euler", "raw", "none", "test", 16);
  ck_assert(e->seeds == 3 && e->variant.lr == 3e-3);
  check_found(&f, "method", NULL, "unit", "none", of_method - of_both, spread);
  /* Every rate that was tried has its share, the chosen one among the models. */
  size_t others = 0;
  for (size_t i = 0; i < f.effects.n; i++) {
    e = &f.effects.row[i];
    if (strcmp(e->panel, "diverged:rate") != 0) continue;
    others++;
    const bool fast = e->variant.lr == 1e-2;
    ck_assert(e->diverged == fast && e->seeds == (!strcmp(e->variant.keys, "raw") ? 3 : e->variant.lr == 2e-2 ? 2 : 4));
    ck_assert(!strcmp(e->condition.name, "training") && e->interval.mean == (fast ? 0.25 : 0));
  }
  ck_assert_uint_eq(others, 1 + 2 * 3);
  ck_assert(row_of(&f, "diverged", "exact", "unit", "none", "training", 0)->seeds == SEEDS);
  ck_assert_msg(strstr(f.results.choices, "exact, keys unit, mixer delta, decay none, beta sigmoid, width 64: lr 0.001 "
                                          "of 0.001 (6 seeds) 0.003 (4 seeds) 0.01 (4 seeds) 0.02 (2 seeds), by bits "
                                          "of valid 16 over 4 common seeds, which are among those of the effects; lr "
                                          "0.02 is better over 2 common seeds\n") &&
                    strstr(f.results.choices, "each rate's own seeds") && !strstr(f.results.choices, "exact, keys raw"),
                "%s", f.results.choices);
  clear(&f);
}
END_TEST

/* Exact has .02 at raw keys and .001 at unit ones, Euler .001 throughout: both sides of a difference say theirs, and an
 * average over several rates says none. */
START_TEST(rates_of_differences) {
  begin("two-rates", "lm");
  for (int i = 0; i < 4 * SEEDS; i++) add_model(i & 2, i & 1, false, (i & 3) == 3 ? 0.02 : 1e-3, i / 4, 0);
  found f = find(0);
  const efla_effect *e = row_of(&f, "method", NULL, "raw", "none", "test", 16);
  ck_assert(e->rate == 0.02 && e->rate_against == 1e-3 && isnan(e->variant.lr));
  e = row_of(&f, "method", NULL, "unit", "none", "test", 16);
  ck_assert(e->rate == 1e-3 && e->rate_against == 1e-3);
  e = row_of(&f, "published", NULL, NULL, "none", "test", 64);
  ck_assert(e->rate == 0.02 && e->rate_against == 1e-3);
  e = row_of(&f, "method", NULL, NULL, "none", "test", 16);
  ck_assert(isnan(e->rate) && e->rate_against == 1e-3);
  e = row_of(&f, "bits", "exact", "raw", "none", "test", 16);
  ck_assert(isnan(e->rate) && isnan(e->rate_against) && e->variant.lr == 0.02);
  clear(&f);
}
END_TEST

/* All have .001 and a better rate of .01, which exact with raw keys lacks: at one rate the others are as if they had no
 * second. */
START_TEST(one_rate) {
  begin("one-rate", "lm");
  for (int i = 0; i < 4 * SEEDS; i++) {
    add_model(i & 2, i & 1, false, 1e-3, i / 4, 0);
    if ((i & 3) != 3) add_model(i & 2, i & 1, false, 1e-2, i / 4, -0.25);
  }
  found f = find_at(1e-3, 0);
  check_found(&f, "method", NULL, "raw", "none", of_method + of_both, spread);
  check_found(&f, "published", NULL, NULL, "none", of_method + of_keys, spread);
  ck_assert(row_of(&f, "bits", "euler", "raw", "none", "test", 16)->variant.lr == 1e-3);
  ck_assert(*f.results.choices == 0 && f.results.variants == 4);
  clear(&f);
  f = find_at(1e-2, 0);
  ck_assert_uint_eq(f.results.variants, 3);
  check_found(&f, "method", NULL, "unit", "none", of_method - of_both, spread);
  clear(&f);
}
END_TEST

static void add_task(const char *task, int items, bool exact, bool raw, double lr, int seed, double accuracy) {
  for (int step = 50; step <= 100; step += 50)
    add("%s,%d,delta,%s,none,%s,sigmoid,64,%.17g,%d,%d,%d,1,%.17g\n", task, items, exact ? "exact" : "euler",
        raw ? "raw" : "unit", lr, seed, step, isnan(accuracy), step == 100 ? accuracy : 0.25);
}

/* Each number of pairs has models and a rate of its own; a mean lacks the seeds of which a level diverged. */
START_TEST(recall_by_pairs) {
  begin("recall", "recall");
  for (int i = 0; i < 4 * SEEDS; i++)
    for (int items = 4; items <= 8; items *= 2)
      for (int fast = 0; fast < 2; fast++) {
        const bool lost = items == 8 && i == 4 * 2 + 1 && fast;
        add_task("mqar", items, i & 2, i & 1, fast ? 1e-2 : 1e-3, i / 4,
                 lost ? NAN : 0.5 + ((fast == 1) == (items == 8) ? 0.125 : 0) + (i & 2 ? 0.25 : 0));
      }
  found f = find(0);
  const efla_effect *e = row_of(&f, "accuracy", "exact", "raw", "none", "mqar", 4);
  ck_assert(e->variant.lr == 1e-3 && e->interval.mean == 0.875);
  e = row_of(&f, "accuracy", "exact", "raw", "none", "mqar", 8);
  ck_assert(e->variant.lr == 1e-2 && e->interval.mean == 0.875);
  ck_assert(isnan(row_of(&f, "accuracy", "exact", "raw", "none", "mqar", INFINITY)->variant.lr));
  e = row_of(&f, "accuracy", "euler", "raw", "none", "mqar", 8); /* the better rate diverges once */
  ck_assert(e->variant.lr == 1e-3 && e->interval.mean == 0.5);
  e = row_of(&f, "method", NULL, "unit", "none", "mqar", INFINITY);
  ck_assert(e->interval.mean == 0.25 && e->sd == 0 && isnan(e->p) && isnan(e->seen_from) && isnan(e->seeds_for));
  ck_assert(row_of(&f, "diverged", "euler", "raw", "none", "mqar", 4)->seeds == SEEDS);
  clear(&f);
}
END_TEST

START_TEST(mean_over_tasks) {
  begin("mad", "mad");
  for (int i = 0; i < 4 * SEEDS; i++) {
    add_task("copying", 16, i & 2, i & 1, 1e-3, i / 4, i & 2 ? 0.75 : 0.25);
    add_task("memorization", 0, i & 2, i & 1, 1e-3, i / 4, i == 4 ? NAN : 0.5);
    add_task("zebra", 0, i & 2, i & 1, 1e-3, i / 4, i & 1 ? 0.5 : 0.75);
  }
  found f = find(0);
  ck_assert_uint_eq(f.results.conditions, 4);
  ck_assert(row_of(&f, "method", NULL, NULL, "none", "copying", 16)->interval.mean == 0.5);
  const efla_effect *e = row_of(&f, "accuracy", "exact", "raw", "none", "all", INFINITY);
  ck_assert(e->variant.lr == 1e-3 && e->seeds == SEEDS);
  CHECK_BOUND(fabs(e->interval.mean - 1.75 / 3), 8 * U);
  e = row_of(&f, "published", NULL, NULL, "none", "all", INFINITY);
  ck_assert(e->seeds == SEEDS - 1 && e->diverged_against == 1);
  clear(&f);
}
END_TEST

START_TEST(programs) {
  static char command[600], out[1 << 15], err[4096];
  begin("program", "lm");
  add_square(false);
  files_write(path, text, length);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 0);
  ck_assert_msg(strstr(out, "end: bits, test 16; differences in thousandths of a bit per byte, below 0 is better") &&
                    strstr(out, "\nkeys, exact                                    -16.00 ["),
                "%s", out);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --lr-factor", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 3);
  ck_assert_msg(strstr(err, "no rows of euler, keys unit, mixer delta, decay none, beta sigmoid, width 64, lr") !=
                        NULL ||
                    strstr(err, "lr 0.003") != NULL,
                "%s", err);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --rate 1e-3", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 0);
  ck_assert_ptr_nonnull(strstr(out, "all models at learning rate 0.001; 95 %"));
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --rate 2e-3", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 3);
  ck_assert_ptr_nonnull(strstr(err, "no models of learning rate 0.002"));
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --rate 1e-3 --lr-factor", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 2);
  ck_assert_int_eq(testing_shell(TEST_BIN "/effects --input tests/corpus/csv/study --rate 1e-3", out, err, sizeof out),
                   3);
  ck_assert_ptr_nonnull(strstr(err, "the learning rate is a factor"));
  begin("unknown", "order");
  files_write(path, text, length);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 3);
  ck_assert_msg(strstr(err, "expected a table of smnist, lm, recall or mad") != NULL, "%s", err);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {planted_effects, planted_divergence, short_parts,     rates,   rates_of_differences,
                                one_rate,        recall_by_pairs,    mean_over_tasks, programs};
  return testing_main("effects_kinds", tests, sizeof tests / sizeof *tests, 60);
}

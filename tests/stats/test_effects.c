/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Effects: the effects built into a constructed study are found, and a table that is no study is refused. */
#include "files.h"
#include "testing.h"

#include <stdarg.h>

enum { SEEDS = 3, ROOM = 1 << 16, FACTORS = 8 };

static char text[ROOM];
static size_t length;
static char path[256];

/* A study whose effects are known: accuracy = level of the seed + half the sum of effect times sign.  Bits: 1 lr, 2
 * keys, 4 method. */
static const double planted[FACTORS] = {0, 0.03, 0.08, -0.015, 0.02, 0.0125, -0.04, 0.005};
static const double spread = 0.0078125; /* the method's effect in seed s has (s - 1) times this more */
static const double behind = 0.0625;    /* rk4 against exact, whatever else */
static const struct {
  const char *perturbation;
  double level, strength; /* by which all effects are multiplied */
} conditions[] = {{"clean", 0, 0.5}, {"scale", 1, 1}, {"scale", 2, 2}};
enum { CONDITIONS = sizeof conditions / sizeof *conditions };

static double accuracy(const char *method, int raw, int fast, int seed, size_t condition) {
  int exact = strcmp(method, "euler") != 0;
  unsigned corner = (unsigned)(4 * exact + 2 * raw + fast);
  double sum = 0;
  for (unsigned f = 1; f < FACTORS; f++)
    sum += (planted[f] + (f == 4 ? spread * (seed - 1) : 0)) * (__builtin_popcount(f & ~corner) % 2 ? -0.5 : 0.5);
  return 0.4 + 0.1 * seed + conditions[condition].strength * (sum - (strcmp(method, "rk4") == 0 ? behind : 0));
}

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...) {
  va_list values;
  va_start(values, format);
  length += (size_t)vsnprintf(text + length, ROOM - length, format, values);
  va_end(values);
  ck_assert_uint_lt(length, ROOM);
}

static void begin(const char *name) {
  snprintf(path, sizeof path, "%s/study.csv", files_directory(name));
  length = 0;
  add("# digits: built-in strokes\nmethod,keys,lr,seed,epoch,perturbation,level,images,accuracy,loss,train_seconds\n");
}

static void add_row(const char *method, int raw, int fast, int seed, int epoch, size_t condition, double value) {
  add("%s,%s,%.17g,%d,%d,%s,%.17g,10,%.17g,nan,1\n", method, raw ? "raw" : "unit", fast ? 3e-3 : 1e-3, seed, epoch,
      conditions[condition].perturbation, conditions[condition].level, value);
}

/* All seeds of all corners, rows of an earlier epoch among them. */
static void add_study(int seeds, const char *const *methods) {
  for (; *methods; methods++)
    for (int i = 0; i < 4 * seeds; i++)
      for (size_t c = 0; c < CONDITIONS; c++) {
        add_row(*methods, i & 2, i & 1, i / 4, 1, c, 0);
        add_row(*methods, i & 2, i & 1, i / 4, 2, c, accuracy(*methods, i & 2 ? 1 : 0, i & 1, i / 4, c));
      }
}

static const char *const both[] = {"euler", "exact", NULL}, *const three[] = {"rk4", "exact", "euler", NULL};
static const efla_contrast contrast = {"exact", "euler", 3e-3, 1e-3, 0};

typedef struct found {
  efla_csv csv;
  efla_results results;
  efla_effects effects;
} found;

static efla_status find(found *f, efla_message *why) {
  files_write(path, text, length);
  efla_status status = efla_csv_read(&f->csv, path, why);
  ck_assert_msg(status == EFLA_OK, "%s", why->text);
  status = efla_results_init(&f->results, &f->csv, false, 0, path, why);
  if (status == EFLA_OK) status = efla_effects_init(&f->effects, &f->results, &contrast, path, why);
  return status;
}

static void clear(found *f) {
  efla_effects_clear(&f->effects);
  efla_results_clear(&f->results);
  efla_csv_clear(&f->csv);
}

static found found_in_file(void) {
  found f = {0};
  efla_message why = {{0}};
  ck_assert_msg(find(&f, &why) == EFLA_OK, "%s", why.text);
  return f;
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

/* The row of a panel; level INFINITY is the mean.  Ends the test where there is none. */
static const efla_effect *row_of(const found *f, const char *panel, efla_variant v, const char *perturbation,
                                 double level) {
  for (size_t i = 0; i < f->effects.n; i++) {
    const efla_effect *e = &f->effects.row[i];
    bool rate = e->variant.lr == v.lr || (isnan(e->variant.lr) && isnan(v.lr));
    if (!strcmp(e->panel, panel) && same_text(e->variant.method, v.method) && same_text(e->variant.keys, v.keys) &&
        rate && !strcmp(e->condition.name, perturbation) && e->condition.level == level)
      return e;
  }
  ck_abort_msg("no row of %s", panel);
  return NULL;
}

static efla_variant variant_of(const char *method, const char *keys, double lr) {
  return (efla_variant){.method = method, .keys = keys, .lr = lr, .width = NAN};
}
#define overall efla_variant_none

/* An accuracy below 1 errs by u/2 for each of the 10 operations that make it, 5u; a contrast weighs eight of them by 2
 * in all, 10u, and rounds its seven partial sums, each below 2, by u: 17u; the mean of three seeds and of two levels
 * adds 4u. */
static const double rounding = 21 * U;

static void check_effect(const found *f, const char *panel, efla_variant v, double expected, double deviation) {
  for (size_t c = 0; c <= CONDITIONS; c++) { /* the last one is the mean over both scales */
    bool mean = c == CONDITIONS;
    double strength = mean ? 1.5 : conditions[c].strength;
    const efla_effect *e =
        row_of(f, panel, v, mean ? "scale" : conditions[c].perturbation, mean ? INFINITY : conditions[c].level);
    double reach = (2 * 0.975 - 1) / sqrt(2 * 0.975 * 0.025) * deviation * strength / sqrt(SEEDS);
    ck_assert_uint_eq(e->seeds, SEEDS);
    CHECK_BOUND(fabs(e->interval.mean - strength * expected), rounding);
    /* Three values that err by that have a standard deviation that errs by at most sqrt(3/2) times it; t/sqrt(3) times
     * that is 3.05 times it, and the mean is added. */
    CHECK_BOUND(fabs(e->interval.high - strength * expected - reach), 5 * rounding);
    CHECK_BOUND(fabs(e->interval.low - strength * expected + reach), 5 * rounding);
  }
}

START_TEST(effects_of_a_constructed_study) {
  static const char *const names[FACTORS] = {"published", "lr",        "keys",        "keys_lr",
                                             "method",    "method_lr", "method_keys", "method_keys_lr"};
  begin("effects");
  add_study(SEEDS, three);
  found f = found_in_file();
  ck_assert(f.results.variants == 12 && f.results.conditions == CONDITIONS + 2 && f.results.seeds == SEEDS);
  for (unsigned p = 1; p < FACTORS; p++) check_effect(&f, names[p], overall, planted[p], p == 4 ? spread : 0);
  check_effect(&f, "published", overall, planted[4] + planted[2] + planted[1] + planted[7], spread);
  check_effect(&f, "method:rk4", overall, behind, 0);
  for (int i = 0; i < 4; i++) { /* edges: the effect and its interactions with what is held */
    int a = i & 2 ? 1 : -1, b = i & 1 ? 1 : -1;
    const char *keys = i & 2 ? "raw" : "unit", *method = i & 2 ? "exact" : "euler";
    double lr = i & 1 ? 3e-3 : 1e-3;
    check_effect(&f, "method", variant_of(NULL, keys, lr),
                 planted[4] + a * planted[6] + b * planted[5] + a * b * planted[7], spread);
    check_effect(&f, "keys", variant_of(method, NULL, lr),
                 planted[2] + a * planted[6] + b * planted[3] + a * b * planted[7], 0);
    keys = i & 1 ? "raw" : "unit";
    check_effect(&f, "lr", variant_of(method, keys, NAN),
                 planted[1] + a * planted[5] + b * planted[3] + a * b * planted[7], 0);
  }
  for (int s = 0; s < SEEDS; s++)
    ck_assert_double_eq(
        efla_results_at(&f.results, efla_results_find(&f.results, variant_of("rk4", "raw", 1e-3)), 0, (size_t)s),
        accuracy("rk4", 1, 0, s, 0));
  clear(&f);
}
END_TEST

/* published = method + keys + lr + method_keys_lr whatever the accuracies: the same eight numbers, summed in another
 * order. */
START_TEST(published_is_the_sum) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  begin("effects-sum");
  for (int i = 0; i < 8 * SEEDS; i++)
    for (size_t c = 0; c < CONDITIONS; c++)
      add_row(i & 4 ? "exact" : "euler", i & 2, i & 1, i / 8, 0, c, gsl_rng_uniform(draw));
  found f = found_in_file();
  for (size_t c = 0; c < f.results.conditions; c++) {
    static const char *const parts[] = {"method", "keys", "lr", "method_keys_lr"};
    const efla_condition at = f.results.condition[c];
    double sum = 0, published = row_of(&f, "published", overall, at.name, at.level)->interval.mean;
    for (size_t p = 0; p < 4; p++) sum += row_of(&f, parts[p], overall, at.name, at.level)->interval.mean;
    /* Each part rounds by at most 7u + 2u for partial sums and mean; four of them, and three sums below 8 by 4u
     * each. */
    CHECK_BOUND(fabs(sum - published), (5 * 9 + 12) * U);
  }
  clear(&f);
  gsl_rng_free(draw);
}
END_TEST

/* A seed counts where all eight have it; a single one has no interval; a method that lacks models is left out of
 * contrasts alone. */
START_TEST(gaps) {
  begin("effects-gaps");
  add_study(2, both);
  for (size_t c = 0; c < CONDITIONS; c++) {
    add_row("rk4", 1, 1, 0, 2, c, 0.25);
    for (int i = 1; i < 8; i++)
      add_row(i & 4 ? "exact" : "euler", i & 2, i & 1, 7, 2, c, 1); /* not i = 0: euler, unit, 1e-3 */
  }
  found f = found_in_file();
  const efla_effect *e = row_of(&f, "published", overall, "scale", INFINITY);
  ck_assert_uint_eq(e->seeds, 2);
  e = row_of(&f, "keys", variant_of("euler", NULL, 1e-3), "clean", 0); /* one of these two lacks seed 7 */
  ck_assert_uint_eq(e->seeds, 2);
  e = row_of(&f, "method", variant_of(NULL, "raw", 3e-3), "clean", 0); /* these have it */
  ck_assert_uint_eq(e->seeds, 3);
  e = row_of(&f, "accuracy", variant_of("exact", "raw", 3e-3), "scale", 1);
  ck_assert_uint_eq(e->seeds, 3);
  e = row_of(&f, "accuracy", variant_of("rk4", "raw", 3e-3), "scale", INFINITY);
  ck_assert(e->seeds == 1 && e->interval.mean == 0.25 && e->interval.low == -INFINITY && e->interval.high == INFINITY);
  e = row_of(&f, "method:rk4", overall, "clean", 0);
  ck_assert(e->seeds == 0 && isnan(e->interval.mean) && isnan(e->interval.low) && isnan(e->interval.high));
  ck_assert_uint_eq(efla_results_missing(&f.results, efla_results_find(&f.results, variant_of("euler", "unit", 1e-3))),
                    CONDITIONS + 2);
  clear(&f);
}
END_TEST

/* A mean over levels that lacks one is missing too. */
START_TEST(a_level_that_is_missing) {
  begin("effects-level");
  add_study(2, both);
  char *cut = strstr(text, "exact,raw,0.0030000000000000001,1,2,scale,2,"), *end = strchr(cut, '\n') + 1;
  memmove(cut, end, strlen(end) + 1);
  length -= (size_t)(end - cut);
  found f = found_in_file();
  ck_assert_uint_eq(row_of(&f, "published", overall, "scale", 1)->seeds, 2);
  ck_assert_uint_eq(row_of(&f, "published", overall, "scale", 2)->seeds, 1);
  ck_assert_uint_eq(row_of(&f, "published", overall, "scale", INFINITY)->seeds, 1);
  clear(&f);
}
END_TEST

static void check_refused(const char *expected) {
  found f = {0};
  efla_message why = {{0}};
  ck_assert_msg(find(&f, &why) == EFLA_INPUT, "accepted, expected: %s", expected);
  ck_assert_msg(strstr(why.text, path) && strstr(why.text, expected), "%s; expected: %s", why.text, expected);
  ck_assert(!f.effects.row && f.effects.n == 0);
  clear(&f);
}

START_TEST(tables_that_are_no_study) {
  begin("effects-refused");
  check_refused("no rows of trained models");
  add_row("exact", 1, 1, 0, 0, 0, 1.5);
  check_refused("row 1: accuracy is '1.5', expected a number from 0 to 1");
  begin("effects-nan");
  add_row("exact", 1, 1, 0, 0, 0, NAN);
  check_refused("row 1: accuracy is 'nan'");
  begin("effects-twice");
  add_study(1, both);
  add_row("exact", 1, 1, 0, 2, 2, 0.5);
  check_refused("two rows of exact, keys raw, lr 0.003, seed 0, epoch 2, scale 2");
  begin("effects-corner");
  add_study(1, both + 1);
  check_refused("no rows of euler, keys unit, lr 0.001 at the last epoch, which the contrast needs");
  begin("effects-seeds");
  for (int i = 0; i < 8; i++) add_row(i & 4 ? "exact" : "euler", i & 2, i & 1, i, 0, 0, 0.5);
  check_refused("clean 0: no seed has both published models");
  begin("effects-column");
  add_study(1, both);
  memcpy(strstr(text, "level"), "lever", 5);
  check_refused("no column 'level'");
  begin("effects-sparse");
  for (int i = 0; i < 500; i++) add("m%d,raw,1,%d,0,p,%d,10,1,1,1\n", i, i, i);
  check_refused("500 rows for 500 models, 501 conditions, 500 seeds: expected most combinations");
}
END_TEST

/* The program: a summary on standard output, a table where it is asked for, what is left out on standard error. */
START_TEST(program) {
  static char command[1024], out[4096], err[4096];
  begin("effects-program");
  add_study(SEEDS, both);
  add_row("rk4", 1, 1, 0, 2, 0, 0.25);
  files_write(path, text, length);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --out %s.out", path, path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 0);
  ck_assert_msg(strstr(out, "\nmethod            +1.00 ["), "%s", out); /* clean: half of .02 */
  ck_assert_msg(strstr(err, "rk4, keys raw, lr 0.003 lacks 13 of 15 values") &&
                    strstr(err, "method:rk4, mean over scale, is left out"),
                "%s", err);
  efla_csv csv;
  efla_message why = {{0}};
  char table[300];
  snprintf(table, sizeof table, "%s.out", path);
  ck_assert_msg(efla_csv_read(&csv, table, &why) == EFLA_OK, "%s", why.text);
  /* Under five conditions: nine models, one of which has but two, eight panels, twelve edges. */
  ck_assert_uint_eq(csv.rows, 5 * (8 + 8 + 12) + 2);
  for (size_t r = 0; r < csv.rows; r++) ck_assert(strncmp(efla_csv_text(&csv, r, "panel"), "method:", 7) != 0);
  efla_csv_clear(&csv);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --method euler", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 2);
  ck_assert_ptr_nonnull(strstr(err, "both euler"));
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --lr 1e-3", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 2);
  snprintf(command, sizeof command, TEST_BIN "/effects --input %s --lr 2e-3", path);
  ck_assert_int_eq(testing_shell(command, out, err, sizeof out), 3);
  ck_assert_ptr_nonnull(strstr(err, "no rows of euler, keys unit, lr 0.002"));
  ck_assert_int_eq(testing_shell(TEST_BIN "/effects --input no/such.csv", out, err, sizeof out), 3);
  ck_assert_ptr_nonnull(strstr(err, "no/such.csv"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {effects_of_a_constructed_study, published_is_the_sum,     gaps,
                                a_level_that_is_missing,        tables_that_are_no_study, program};
  return testing_main("effects", tests, sizeof tests / sizeof *tests, 60);
}

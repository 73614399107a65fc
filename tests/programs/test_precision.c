/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers stored in few bits: runs against their definition, growth of rounding errors against its law, and the
 * findings of the experiment. */
#include "tables.h"
#include "testing.h"

#include <gsl/gsl_rng.h>

enum { D = 16, STATE = D * D };

/* A run by its definition: every number rounded by the scalar functions, tokens one by one through the recurrence. */
static void by_definition(const efla_method *method, const efla_storage *storage, const efla_tokens *x, float *S) {
  const efla_format *f = storage->format;
  uint64_t draws = 0;
  for (size_t t = 0; t < x->tokens; t++) {
    float k[D], v[D];
    double lambda = 0;
    for (size_t i = 0; i < D; i++) {
      k[i] = (float)x->k[t * D + i], v[i] = (float)x->v[t * D + i];
      if (storage->inputs) k[i] = (float)efla_format_round(f, k[i]), v[i] = (float)efla_format_round(f, v[i]);
      lambda += (double)k[i] * (double)k[i];
    }
    float coefficient = (float)efla_coefficient(method, x->beta[t], lambda);
    efla_recurrence_f32(1, D, D, NULL, k, v, &(efla_coefficients){1, (double)coefficient, (double)coefficient}, S,
                        NULL);
    for (size_t e = 0; e < STATE && storage->state; e++)
      S[e] =
          (float)(storage->stochastic ? efla_format_round_stochastic(f, S[e], efla_format_draw(storage->seed, draws++))
                                      : efla_format_round(f, S[e]));
  }
}

/* For every format no wider than f32 and every way to store; the stream of draws goes on from block to block.  Where
 * every token's state is rounded, bit for bit; where it is kept in f32, the kernel takes the sums in another order:
 * both may err by what rounding explains. */
START_TEST(runs_store_what_they_say) {
  const efla_method *exact = efla_method_find("exact");
  efla_tokens x = testing_tokens("gaussian", 1, 65, D, D);
  for (size_t e = 0; e < 65 * D; e++) x.k[e] *= 1 + 0x1p-30; /* digits that f32 must round away */
  for (const efla_format *f = efla_formats; f->name; f++)
    for (int way = 0; way < 8 && f->digits <= 24; way++) {
      efla_storage storage = {f, .state = way & 1, .inputs = way & 2, .stochastic = way & 4, .seed = testing_seed()};
      float S[STATE] = {0};
      efla_run run;
      ck_assert_int_eq(efla_run_init(&run, &(efla_rule){.method = exact}, &storage, D, D), EFLA_OK);
      for (size_t first = 0, count; first < 65; first += count) {
        count = first + 7 > 65 ? 65 - first : 7;
        efla_tokens part = efla_tokens_slice(&x, first, count);
        efla_run_advance(&run, &part);
      }
      by_definition(exact, &storage, &x, S);
      double size = 0, error = 0;
      for (size_t e = 0; e < STATE; e++) {
        error = fmax(error, fabs(run.S[e] - (double)S[e])), size += (double)S[e] * (double)S[e];
        if (run.most == 1) ck_assert_msg(run.S[e] == (double)S[e], "%s, way %d, entry %zu", f->name, way, e);
      }
      ck_assert_uint_eq(run.most == 1, f->digits < 24 && storage.state);
      CHECK_BOUND(error, 2 * testing_rounding(65, D) * U32 * sqrt(size));
      efla_run_clear(&run);
    }
  efla_tokens_clear(&x);
}
END_TEST

/* Four different ways in each format; in f32 and wider only the state to the nearest is a way of its own. */
START_TEST(ways_to_store) {
  static const char *const stored[] = {"state", "state", "inputs", "both"};
  for (const efla_format *f = efla_formats; f->name; f++)
    for (size_t i = 0; i < EFLA_STORAGE_WAYS; i++) {
      efla_storage storage;
      ck_assert(efla_storage_way(f, i, 5, &storage) ==
                (i == 0 || (strcmp(f->name, "f64") != 0 && strcmp(f->name, "f32") != 0)));
      ck_assert(storage.format == f && storage.seed == 5 && storage.chunk == 0);
      ck_assert_str_eq(efla_storage_stored(&storage), stored[i]);
      ck_assert_str_eq(efla_storage_rounding(&storage), i == 1 ? "stochastic" : "nearest");
    }
}
END_TEST

/* By chunks: bit for bit the chunkwise form, a shorter chunk at the end of each block; f64, and f32; with decays and
 * without. */
START_TEST(runs_by_chunks_are_the_chunkwise_form) {
  enum { TOKENS = 100, CHUNK = 16 };
  efla_tokens x = testing_tokens("gaussian", 1, TOKENS, D, D);
  double decays[TOKENS], *scratch = testing_poison(efla_chunk_scratch(CHUNK, D, D));
  float k[TOKENS * D], v[TOKENS * D], *scratch32 = (float *)scratch;
  efla_coefficients c[TOKENS];
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find("split")};
  for (size_t e = 0; e < TOKENS * D; e++) k[e] = (float)x.k[e], v[e] = (float)x.v[e];
  for (size_t t = 0; t < TOKENS; t++) decays[t] = -0.01 * (double)(t % 7);
  for (int way = 0; way < 4; way++) {
    double S[STATE] = {0};
    float S32[STATE] = {0};
    x.g = way & 1 ? decays : NULL;
    efla_token_coefficients(&rule, &x, c);
    efla_chunk_f64(TOKENS, D, D, CHUNK, NULL, x.k, x.v, c, S, NULL, scratch);
    efla_chunk_f32(TOKENS, D, D, CHUNK, NULL, k, v, c, S32, NULL, scratch32);
    efla_storage storage = {efla_format_find(way & 2 ? "f64" : "f32"), .state = true, .chunk = CHUNK};
    efla_run run;
    ck_assert_int_eq(efla_run_init(&run, &rule, &storage, D, D), EFLA_OK);
    efla_run_advance(&run, &x);
    for (size_t e = 0; e < STATE; e++) ck_assert(run.S[e] == (way & 2 ? S[e] : (double)S32[e]));
    efla_run_clear(&run);
  }
  free(scratch);
  efla_tokens_clear(&x);
}
END_TEST

/* kappa: numbers spread evenly in their logarithm over one binade.  The squares of errors uniform in a gap have a
 * relative standard deviation of 2/sqrt(5) (to nearest) or sqrt(7/5) (stochastic, over gap and draw), squares of the
 * numbers less than 0.6; 5 standard errors of the mean of N, and u for gaps over which the density is not quite
 * constant. */
START_TEST(mean_square_of_one_rounding) {
  enum { N = 1 << 17 };
  static float value[N], rounded[N];
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; i < N; i++) value[i] = exp2f((float)gsl_rng_uniform(draw));
  for (const efla_format *f = efla_formats; f->name; f++)
    for (int stochastic = 0; stochastic < 2 && f->digits <= 11; stochastic++) {
      double errors = 0, squares = 0;
      efla_storage storage = {f, .state = true, .stochastic = stochastic};
      memcpy(rounded, value, sizeof value);
      if (stochastic)
        efla_format_round_stochastic_f32(f, rounded, N, testing_seed(), 0);
      else
        efla_format_round_f32(f, rounded, N);
      for (size_t i = 0; i < N; i++) {
        errors += pow((double)rounded[i] - (double)value[i], 2);
        squares += (double)value[i] * (double)value[i];
      }
      double expected = efla_drift_start(&storage, D, D).added;
      CHECK_BOUND(fabs(errors / squares / expected - 1), 5 * (1.2 + 0.6) / sqrt(N) + efla_format_unit(f));
    }
  gsl_rng_free(draw);
}
END_TEST

/* Constant steps, R^2 = e^-2: with keys in all directions a geometric approach to added / ((1 - R^2)/m - added); with
 * none seen (a zero step) (1 + added)^t - 1; with m of dk both, the unseen part a multiple (1 - m/dk) of what was
 * added.  The sums of t positive terms round t u apart; lambda of a unit key, and R^2 with it, D u. */
START_TEST(drift_in_closed_form) {
  enum { TOKENS = 1000 };
  efla_tokens x = testing_tokens("unit", 1, TOKENS, D, D);
  const efla_rule exact = {.method = efla_method_find("exact")};
  efla_storage storage = efla_storage_state(efla_format_find("bf16"));
  efla_drift all = efla_drift_start(&storage, D, 3 * D), none = all, some = efla_drift_start(&storage, D, D / 4);
  for (size_t t = 0; t < TOKENS; t++) x.beta[t] = 1 / efla_lambda(D, x.k + t * D);
  efla_drift_advance(&all, &exact, &x);
  efla_drift_advance(&some, &exact, &x);
  double added = all.added, lost = -expm1(-2) / D - added, plateau = added / lost, slack = 2 * TOKENS * D * U;
  CHECK_BOUND(fabs(efla_drift_error(&all) / sqrt(-plateau * expm1(TOKENS * log1p(-lost))) - 1), slack);
  CHECK_BOUND(fabs(some.unseen / (0.75 * added * TOKENS) - 1), TOKENS * added); /* of which it feeds on itself */
  CHECK_BOUND(some.seen, (1 + some.unseen) * 0.25 * added / (-expm1(-2) / (D / 4.) - added));
  for (size_t t = 0; t < TOKENS; t++) x.beta[t] = 0;
  efla_drift_advance(&none, &exact, &x);
  CHECK_BOUND(fabs(efla_drift_error(&none) / sqrt(expm1(TOKENS * log1p(added))) - 1), slack);
  efla_tokens_clear(&x);
}
END_TEST

/* --- the experiment */

static efla_csv table;

static bool is(size_t row, const char *column, const char *text) { return row_is(&table, row, column, text); }

static double at(size_t row, const char *column) { return efla_csv_real(&table, row, column); }

/* The row of a study; tokens 0: any. */
static size_t find(const char *study, const char *family, const char *name, const char *stored, const char *rounding,
                   double tokens) {
  for (size_t r = 0; r < table.rows; r++)
    if (is(r, "study", study) && is(r, "family", family) && is(r, "name", name) && is(r, "stored", stored) &&
        is(r, "rounding", rounding) && (tokens == 0 || at(r, "tokens") == tokens))
      return r;
  ck_abort_msg("no row %s %s %s %s %s %g", study, family, name, stored, rounding, tokens);
}

static const double LAST = 20000, DK = 32, WORDS = 8;

static void run(void) {
  table =
      run_table("precision --precision f32,fp16,bf16,e4m3,e5m2 --methods euler,implicit,exact --dk 32 --tokens 20000");
}

/* Standard deviations of the logarithm of a relative error.  Its numerator's square is a sum over (dk - words) dk
 * directions, weighted by the entries' squares, whose own spread (Gaussian: fourth moment 3) leaves a third as many
 * equal terms. */
static double spread_of_walk(void) { return sqrt(3 / (2 * (DK - WORDS) * DK)); }

/* Its denominator |S|^2 changes with the words dk values held at the moment, weighted by the inverse of a Wishart
 * matrix, which leaves 1 - words/dk of their number (Marchenko and Pastur: <1/l>^2/<1/l^2>); measured .054 to .061.
 * Gaussian keys hold more. */
static double spread_of_norm(void) { return sqrt(1 / (2 * WORDS * DK * (1 - WORDS / DK))); }

static double spread(void) { return hypot(spread_of_walk(), spread_of_norm()); }

/* The prediction holds within 5 of these, for formats with at least 8 digits: with fewer, gaps are no longer small. */
START_TEST(errors_are_where_they_were_predicted) {
  size_t seen = 0;
  run();
  for (size_t r = 0; r < table.rows; r++) {
    double predicted = at(r, "predicted");
    if (isnan(predicted) || at(r, "tokens") < 100 || !(is(r, "name", "fp16") || is(r, "name", "bf16"))) continue;
    CHECK_BOUND(fabs(log(at(r, "error") / predicted)), 5 * spread());
    seen++;
  }
  ck_assert_uint_ge(seen, 2 * 2 * 2 * 16);
  efla_csv_clear(&table);
}
END_TEST

/* docs/findings.md#accumulation.  With 8 keys the slope is 1/2.  In log t the walk's logarithm wanders with correlation
 * e^-|difference|, and the norm's independently at each of n points, so that a slope fitted over a length L has a
 * variance below 24 walk^2/L^3 + 12 norm^2/(n L^2). The plateau of the directions seen, at most WORDS^2/((1 - R^2) (DK
 * - WORDS)) tokens' worth of walk with 1 - R^2 > 1/2 in the mean, takes half of its share at 100 tokens off the slope,
 * and growth from the error itself adds at most half of error^2.  With independent keys nothing grows from 1000 tokens
 * on.  Stochastic rounding doubles the mean square at the same norm. */
START_TEST(errors_walk_or_saturate) {
  static const char *const names[] = {"fp16", "bf16"};
  run();
  double L = log(LAST / 100), n = floor(8 * log10(LAST / 100)) + 1, plateau = WORDS * WORDS / (DK - WORDS) * 2;
  double variance = 24 * pow(spread_of_walk(), 2) / pow(L, 3) + 12 * pow(spread_of_norm(), 2) / (n * L * L);
  double tolerance = 5 * sqrt(variance) + plateau / 100 / 2;
  for (size_t f = 0; f < 2; f++) {
    size_t law = find("law", "dictionary", names[f], "state", "nearest", 0);
    CHECK_BOUND(fabs(at(law, "slope") - 0.5), tolerance + pow(at(law, "error"), 2) / 2);
    double early = at(find("tokens", "gaussian", names[f], "state", "nearest", 1000), "error");
    double late = at(find("tokens", "gaussian", names[f], "state", "nearest", LAST), "error");
    CHECK_BOUND(fabs(log(late / early)), 5 * M_SQRT2 * spread());
    double walked = at(find("tokens", "dictionary", names[f], "state", "nearest", 1000), "error");
    CHECK_BOUND(2 * walked, at(law, "error")); /* where sqrt(20) is expected */
    double unbiased = at(find("law", "dictionary", names[f], "state", "stochastic", 0), "error");
    CHECK_BOUND(fabs(log(unbiased / at(law, "error") / M_SQRT2)),
                5 * M_SQRT2 * spread_of_walk() + pow(unbiased, 2) / 2);
  }
  efla_csv_clear(&table);
}
END_TEST

/* Rounding the inputs poses another problem, a nearby one, and makes no walk: sqrt(20) times the error at 1000 tokens
 * would be one. */
START_TEST(errors_of_inputs_do_not_grow) {
  run();
  for (size_t r = 0; r < table.rows; r++) {
    if (!is(r, "study", "law") || !is(r, "stored", "inputs")) continue;
    size_t early =
        find("tokens", efla_csv_text(&table, r, "family"), efla_csv_text(&table, r, "name"), "inputs", "nearest", 1000);
    CHECK_BOUND(at(r, "error"), 2 * at(early, "error"));
  }
  efla_csv_clear(&table);
}
END_TEST

/* The walk's mean square reaches 1/4 after log(5/4) / ((1 - words/dk) kappa u^2) tokens.  5 spreads of the error are
 * twice as much in tokens; 8 tokens a decade are recorded.  8-bit states last some hundred tokens, and bf16 is not
 * there yet after 20,000. */
START_TEST(when_a_state_is_useless) {
  static const char *const names[] = {"e4m3", "e5m2"};
  run();
  for (size_t f = 0; f < 2; f++) {
    double u = efla_format_unit(efla_format_find(names[f])),
           expected = log(1.25) / ((1 - WORDS / DK) * 4 * M_LN2 / 9 * u * u);
    double useless = at(find("law", "dictionary", names[f], "state", "stochastic", 0), "useless");
    CHECK_BOUND(fabs(log(useless / expected)), 10 * spread() + log(10) / 8);
  }
  ck_assert_double_eq(at(find("law", "dictionary", "bf16", "state", "nearest", 0), "useless"), 0);
  ck_assert_double_eq(at(find("law", "gaussian", "e4m3", "state", "nearest", 0), "useless"), 0);
  efla_csv_clear(&table);
}
END_TEST

/* The contributions: rounding is the error that the law reports, since exact is exact; chunks cost no more than
 * docs/bounds.md#chunk's 64 u32 where errors fade; Euler (DeltaNet's coefficient) and implicit (Longhorn's) are off by
 * far more than a bf16 state where the flow contracts. */
START_TEST(contributions) {
  run();
  double rounding = at(find("contribution", "gaussian", "bf16", "rounding", "nearest", 0), "error");
  CHECK_BOUND(fabs(rounding / at(find("law", "gaussian", "bf16", "state", "nearest", 0), "error") - 1),
              5e-15 / rounding);
  CHECK_BOUND(at(find("contribution", "gaussian", "f32", "chunking", "nearest", 0), "error"), 64 * U32);
  CHECK_BOUND(5 * rounding, at(find("contribution", "gaussian", "euler", "discretisation", "nearest", 0), "error"));
  CHECK_BOUND(5 * rounding, at(find("contribution", "gaussian", "implicit", "discretisation", "nearest", 0), "error"));
  efla_csv_clear(&table);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {runs_store_what_they_say,
                                ways_to_store,
                                runs_by_chunks_are_the_chunkwise_form,
                                mean_square_of_one_rounding,
                                drift_in_closed_form,
                                errors_are_where_they_were_predicted,
                                errors_walk_or_saturate,
                                errors_of_inputs_do_not_grow,
                                when_a_state_is_useless,
                                contributions};
  return testing_main("precision", tests, sizeof tests / sizeof *tests, 120);
}

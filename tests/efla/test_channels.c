/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A decay per row of the state on every backend, instruction set and type: the exponential of all numbers, and decoding
 * where tokens with one decay and with many, with one key and with two, follow each other. */
#include "backends.h"

/* From a state of ones and a zero key every row of the final state is its decay: an exponential by split, the product of
 * two by strang; off by 2 u, and 5 u, and by one subnormal for each. */
enum { ROWS = 257 };

static double decay_of(efla_backend *b, const char *rule_name, efla_type type, const double *g, double *decay) {
  static double zero[ROWS], ones[ROWS], wide_g[ROWS], wide[ROWS];
  static float zero_f[ROWS], ones_f[ROWS], narrow_g[ROWS], narrow[ROWS];
  for (size_t i = 0; i < ROWS; i++) ones[i] = ones_f[i] = 1, wide_g[i] = g[i], narrow_g[i] = (float)g[i];
  const bool f32 = type == EFLA_F32;
  void *k = f32 ? (void *)zero_f : zero, *start = f32 ? (void *)ones_f : ones, *end = f32 ? (void *)narrow : wide,
       *channels = f32 ? (void *)narrow_g : wide_g;
  efla_rule rule;
  ck_assert_int_eq(efla_rule_find("exact", rule_name, "raw", &rule), EFLA_OK);
  const efla_sequence x = {.batch = 1,
                           .heads = 1,
                           .tokens = 1,
                           .dk = ROWS,
                           .dv = 1,
                           .k = efla_array_token_major(k, type, 1, 1, ROWS),
                           .v = efla_array_token_major(k, type, 1, 1, 1),
                           .beta = efla_array_token_major(k, type, 1, 1, 1),
                           .g = efla_array_token_major(channels, type, 1, 1, ROWS),
                           .g_per_channel = true,
                           .initial_state = efla_array_states(start, type, 1, ROWS, 1)};
  const efla_result y = {.final_state = efla_array_states(end, type, 1, ROWS, 1)};
  CHECK_OK(b, efla_forward(b, &rule, &x, &y));
  for (size_t i = 0; i < ROWS; i++) decay[i] = f32 ? (double)narrow[i] : wide[i];
  return f32 ? U32 : U;
}

static void check_decays(efla_backend *b, const char *name, const char *rule, efla_type type, const double *g) {
  static double decay[ROWS];
  const double u = decay_of(b, rule, type, g, decay), tiny = type == EFLA_F32 ? (double)FLT_TRUE_MIN : DBL_TRUE_MIN;
  const bool half = !strcmp(rule, "strang");
  for (size_t i = 0; i < ROWS; i++) {
    const double at = type == EFLA_F32 ? (double)(float)g[i] : g[i];
    const long double expected = expl((long double)at);
    ck_assert_msg(fabsl((long double)decay[i] - expected) <= (half ? 5 : 2) * u * expected + 2 * (long double)tiny,
                  "%s, %s, %s: exp(%.17g) = %.17g, expected %.17Lg", name, rule, efla_type_name(type), at, decay[i],
                  expected);
  }
}

START_TEST(exponentials) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  efla_backend *b;
  char name[64];
  for (size_t n = 0; (b = backends_open(n, name)); n++, efla_backend_close(b))
    for (int type = EFLA_F64; type <= EFLA_F32; type++)
      for (int round = 0; round < 40; round++) {
        double g[ROWS];
        const double range = pow(10, round % 8 - 4); /* 1e-4 ... 1000: past the end of both types */
        for (size_t i = 0; i < ROWS; i++) g[i] = -range * gsl_rng_uniform(draw);
        g[0] = 0, g[1] = -INFINITY, g[2] = -1e300, g[3] = -M_LN2 / 2, g[4] = -DBL_MIN;
        check_decays(b, name, round % 2 ? "strang" : "split", (efla_type)type, g);
      }
  gsl_rng_free(draw);
}
END_TEST

/* nan as data. */
START_TEST(not_a_number) {
  efla_backend *b;
  char name[64];
  for (size_t n = 0; (b = backends_open(n, name)); n++, efla_backend_close(b))
    for (int type = EFLA_F64; type <= EFLA_F32; type++) {
      double g[ROWS] = {0}, decay[ROWS];
      g[7] = NAN;
      decay_of(b, "split", (efla_type)type, g, decay);
      ck_assert_msg(isnan(decay[7]), "%s: %g", name, decay[7]);
    }
}
END_TEST

/* ---- decoding ---- */

enum { HEADS = 2, DK = 19, DV = 33, TOKENS = 24 };

typedef struct numbers {
  double q[HEADS * DK], k[HEADS * DK], p[HEADS * DK], g[HEADS * DK], v[HEADS * DV], beta[HEADS], one_g[HEADS];
} numbers;

static numbers draw_token(gsl_rng *draw) {
  numbers x;
  for (size_t i = 0; i < HEADS * DK; i++) {
    x.q[i] = gsl_rng_uniform(draw) - .5, x.k[i] = (gsl_rng_uniform(draw) - .5) / 2;
    x.p[i] = x.k[i] * gsl_rng_uniform(draw), x.g[i] = -gsl_rng_uniform(draw);
  }
  for (size_t i = 0; i < HEADS * DV; i++) x.v[i] = gsl_rng_uniform(draw) - .5;
  for (size_t h = 0; h < HEADS; h++) x.beta[h] = gsl_rng_uniform(draw), x.one_g[h] = -gsl_rng_uniform(draw);
  return x;
}

/* By its number a token has g per channel, p, both or neither. */
static efla_sequence view(numbers *x, size_t t, bool gated) {
  efla_sequence token = {.batch = 1,
                         .heads = HEADS,
                         .tokens = 1,
                         .dk = DK,
                         .dv = DV,
                         .q = efla_array_token_major(x->q, EFLA_F64, 1, HEADS, DK),
                         .k = efla_array_token_major(x->k, EFLA_F64, 1, HEADS, DK),
                         .v = efla_array_token_major(x->v, EFLA_F64, 1, HEADS, DV),
                         .beta = efla_array_token_major(x->beta, EFLA_F64, 1, HEADS, 1)};
  token.g_per_channel = gated && t % 3 == 1;
  if (token.g_per_channel)
    token.g = efla_array_token_major(x->g, EFLA_F64, 1, HEADS, DK);
  else if (gated)
    token.g = efla_array_token_major(x->one_g, EFLA_F64, 1, HEADS, 1);
  if (t % 5 == 2 || t % 5 == 3) token.p = efla_array_token_major(x->p, EFLA_F64, 1, HEADS, DK);
  return token;
}

/* The same tokens one at a time by the definition; a step's rounding errors are below 2 (dk + 20) u of its sizes, which
 * here are below 4, and none grows: |d I - e k p^T| <= 1.1 for these keys. */
static void decode(efla_backend *b, const char *name, const char *decay, bool gated, gsl_rng *draw) {
  efla_rule rule;
  ck_assert_int_eq(efla_rule_find("exact", decay, "raw", &rule), EFLA_OK);
  const efla_decoder_shape shape = {1, HEADS, DK, DV, EFLA_F64};
  efla_backend *definition;
  efla_decoder *fast, *slow;
  ck_assert_int_eq(efla_backend_open("reference", NULL, &definition), EFLA_OK);
  CHECK_OK(b, efla_decoder_open(b, &rule, &shape, &fast));
  CHECK_OK(definition, efla_decoder_open(definition, &rule, &shape, &slow));
  double bound = 0;
  for (size_t t = 0; t < TOKENS; t++) {
    double o[2][HEADS * DV], S[2][HEADS * DK * DV];
    numbers x = draw_token(draw);
    const efla_sequence token = view(&x, t, gated);
    efla_array out[2], states[2];
    for (int i = 0; i < 2; i++) {
      out[i] = efla_array_token_major(o[i], EFLA_F64, 1, HEADS, DV);
      states[i] = efla_array_states(S[i], EFLA_F64, HEADS, DK, DV);
    }
    CHECK_OK(b, efla_decoder_step(fast, &token, t % 4 == 3 ? NULL : &out[0]));
    CHECK_OK(definition, efla_decoder_step(slow, &token, &out[1]));
    CHECK_OK(b, efla_decoder_store(fast, &states[0]));
    CHECK_OK(definition, efla_decoder_store(slow, &states[1]));
    bound = 1.1 * bound + 2 * (DK + 20) * U * 4;
    for (size_t i = 0; i < HEADS * DV && t % 4 != 3; i++) CHECK_BOUND(fabs(o[0][i] - o[1][i]), sqrt(DK) * bound);
    for (size_t i = 0; i < HEADS * DK * DV; i++)
      ck_assert_msg(fabs(S[0][i] - S[1][i]) <= bound, "%s, %s: token %zu, number %zu: %.17g, expected %.17g", name,
                    decay, t, i, S[0][i], S[1][i]);
  }
  efla_decoder_close(fast), efla_decoder_close(slow), efla_backend_close(definition);
}

START_TEST(decoding_in_any_order) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  efla_backend *b;
  char name[64];
  for (size_t n = 0; (b = backends_open(n, name)); n++, efla_backend_close(b)) {
    decode(b, name, "split", true, draw);
    decode(b, name, "strang", true, draw);
    decode(b, name, "none", false, draw);
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {exponentials, not_a_number, decoding_in_any_order};
  return testing_main("channels", tests, sizeof tests / sizeof *tests, 60);
}

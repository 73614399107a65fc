/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recurrence: three precisions against dense matrices, one step, invariances, thresholds. */
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#define ULONG (LDBL_EPSILON / 2)

/* S <- (I - a k k^T) S + a k v^T with the matrix written out, row by row; scratch (dk, dv). */
static void step_dense(size_t dk, size_t dv, const long double *k, const long double *v, long double a, long double *S,
                       long double *scratch) {
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      long double sum = a * k[i] * v[j];
      for (size_t p = 0; p < dk; p++) sum += ((i == p) - a * k[i] * k[p]) * S[p * dv + j];
      scratch[i * dv + j] = sum;
    }
  memcpy(S, scratch, dk * dv * sizeof *S);
}

/* A problem in all three types with the coefficients of the exact flow, the true states' error scale and the true
 * outputs. */
typedef struct problem {
  size_t tokens, dk, dv, state;
  efla_tokens x;
  efla_coefficients *c; /* numbers of f32 */
  efla_coefficients_long *c_long;
  double *S, *o; /* f64; S: the initial state, o poisoned */
  float *q32, *k32, *v32, *S32, *o32;
  long double *q, *k, *v, *T, *p, *scratch; /* long double; T, p: of the recurrence under test */
} problem;

static void *room(size_t n, size_t size) {
  void *block = calloc(n ? n : 1, size);
  ck_assert_ptr_nonnull(block);
  return block;
}

static void problem_init(problem *b, size_t tokens, size_t dk, size_t dv) {
  *b = (problem){.tokens = tokens, .dk = dk, .dv = dv, .state = dk * dv};
  b->x = testing_tokens("gaussian", 1.5, tokens, dk, dv);
  b->S = testing_poison(b->state), b->o = testing_poison(tokens * dv + 1);
  b->q32 = room(tokens * dk, sizeof(float)), b->k32 = room(tokens * dk, sizeof(float));
  b->v32 = room(tokens * dv, sizeof(float));
  b->S32 = room(b->state, sizeof(float)), b->o32 = room(tokens * dv + 1, sizeof(float));
  b->q = room(tokens * dk, sizeof *b->q), b->k = room(tokens * dk, sizeof *b->k),
  b->v = room(tokens * dv, sizeof *b->v);
  b->c = room(tokens, sizeof *b->c), b->c_long = room(tokens, sizeof *b->c_long);
  b->T = room(b->state, sizeof *b->T), b->scratch = room(b->state, sizeof *b->T);
  b->p = room(tokens * dv + 1, sizeof *b->p);
  efla_token_coefficients(&(efla_rule){.method = efla_method_find("exact")}, &b->x, b->c);
  for (size_t t = 0; t < tokens; t++) {
    b->c[t] = efla_coefficients_of((double)(float)b->c[t].write);
    b->c_long[t] = efla_coefficients_of_long(b->c[t].write);
  }
  for (size_t e = 0; e < tokens * dk; e++) b->q32[e] = (float)(b->q[e] = b->x.q[e]);
  for (size_t e = 0; e < tokens * dk; e++) b->k32[e] = (float)(b->k[e] = b->x.k[e]);
  for (size_t e = 0; e < tokens * dv; e++) b->v32[e] = (float)(b->v[e] = b->x.v[e]);
  for (size_t e = 0; e < b->state; e++) b->T[e] = b->S[e] = b->S32[e] = (float)sin(1 + 3. * (double)e);
  for (size_t e = 0; e <= tokens * dv; e++) b->o32[e] = NAN, b->p[e] = NAN;
}

static void problem_clear(problem *b) {
  void *blocks[] = {b->c,   b->c_long, b->S, b->o, b->q32, b->k32, b->v32,    b->S32,
                    b->o32, b->q,      b->k, b->v, b->T,   b->p,   b->scratch};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
  efla_tokens_clear(&b->x);
}

static double norm_f64(size_t n, const double *x) { return sqrt(efla_lambda(n, x)); }

/* One step on given coefficients, to first order in the unit roundoff w: u_j sums d+1 terms, off by (d+1)w(|v| +
 * |k||S|); the products a k_i and a k_i u_j add 2w, the last sum w of the result.  With a lambda <= 1 that is at most
 * (d+4) w (|S| + a|k||v|).  Transitions have norm at most 1, so the errors of the steps add up. */
static double step_bound(size_t dk, double S, double a, double k, double v) {
  return ((double)dk + 4) * (S + a * k * v);
}

/* A read-out sums d products: d w |S||q| on top of the state's error times |q|.  `units` is in units of roundoff. */
static void check_output(const problem *b, size_t t, const long double *S, double units) {
  double q = norm_f64(b->dk, b->x.q + t * b->dk), e64 = 0, e32 = 0, elong = 0;
  for (size_t j = 0; j < b->dv; j++) {
    long double o = 0;
    for (size_t i = 0; i < b->dk; i++) o += b->q[t * b->dk + i] * S[i * b->dv + j];
    e64 += (double)powl(b->o[t * b->dv + j] - o, 2);
    e32 += (double)powl(b->o32[t * b->dv + j] - o, 2);
    elong += (double)(powl((b->p[t * b->dv + j] - o) / ULONG, 2));
  }
  double bound = q * (units + (double)b->dk * efla_norm(b->state, S));
  CHECK_BOUND(sqrt(e64), U * bound * (1 + 0x1p-10)); /* the definition's own rounding: 2^-11 */
  CHECK_BOUND(sqrt(e32), (U32 + U) * bound);
  CHECK_BOUND(sqrt(elong), 2 * bound); /* both sides round */
}

static void check_against_dense(size_t tokens, size_t dk, size_t dv) {
  problem b;
  problem_init(&b, tokens, dk, dv);
  long double *S = room(b.state, sizeof *S);
  for (size_t e = 0; e < b.state; e++) S[e] = b.S[e];
  efla_recurrence_f64(tokens, dk, dv, b.x.q, b.x.k, b.x.v, b.c, b.S, b.o);
  efla_recurrence_f32(tokens, dk, dv, b.q32, b.k32, b.v32, b.c, b.S32, b.o32);
  efla_recurrence_long(tokens, dk, dv, b.q, b.k, b.v, b.c_long, b.T, b.p);
  double units = 0, e32 = 0, elong = 0;
  for (size_t t = 0; t < tokens; t++) {
    units +=
        step_bound(dk, efla_norm(b.state, S), b.c[t].write, norm_f64(dk, b.x.k + t * dk), norm_f64(dv, b.x.v + t * dv));
    step_dense(dk, dv, b.k + t * dk, b.v + t * dv, b.c_long[t].write, S, b.scratch);
    check_output(&b, t, S, units);
  }
  for (size_t e = 0; e < b.state; e++) {
    e32 += (double)powl(b.S32[e] - S[e], 2);
    elong += (double)powl((b.T[e] - S[e]) / ULONG, 2);
  }
  CHECK_BOUND(efla_distance(b.state, b.S, S), U * units * (1 + 0x1p-10));
  CHECK_BOUND(sqrt(e32), (U32 + U) * units);
  CHECK_BOUND(sqrt(elong), 2 * units);
  ck_assert(isnan(b.o[tokens * dv]) && isnan(b.o32[tokens * dv]) && isnan(b.p[tokens * dv])); /* nothing past the end */
  free(S);
  problem_clear(&b);
}

static const size_t sizes[] = {1, 3, 16, 63, 64, 65, 130};
enum { SIZES = sizeof sizes / sizeof *sizes };

START_TEST(three_precisions_against_dense_matrices) {
  static const size_t lengths[] = {0, 1, 2, 63, 65};
  for (size_t i = 0; i < SIZES; i++)
    for (size_t j = 0; j < SIZES; j++) check_against_dense(2, sizes[i], sizes[j]);
  for (size_t i = 0; i < SIZES; i++)
    for (size_t n = 0; n < 5; n++) check_against_dense(lengths[n], sizes[i], sizes[(i + 3) % SIZES]);
}
END_TEST

/* Without outputs, and in pieces, the state has the same bits; q may then be NULL. */
START_TEST(outputs_are_optional) {
  problem b, c;
  problem_init(&b, 65, 63, 65);
  problem_init(&c, 65, 63, 65);
  efla_recurrence_f64(65, 63, 65, b.x.q, b.x.k, b.x.v, b.c, b.S, b.o);
  efla_recurrence_f32(65, 63, 65, b.q32, b.k32, b.v32, b.c, b.S32, b.o32);
  efla_recurrence_long(65, 63, 65, b.q, b.k, b.v, b.c_long, b.T, b.p);
  for (size_t t = 0; t < 65; t += 13) {
    efla_tokens part = efla_tokens_slice(&c.x, t, 13);
    efla_recurrence_f64(13, 63, 65, NULL, part.k, part.v, c.c + t, c.S, NULL);
  }
  efla_recurrence_f32(65, 63, 65, NULL, c.k32, c.v32, c.c, c.S32, NULL);
  efla_recurrence_long(65, 63, 65, NULL, c.k, c.v, c.c_long, c.T, NULL);
  ck_assert_mem_eq(b.S, c.S, b.state * sizeof *b.S);
  ck_assert_mem_eq(b.S32, c.S32, b.state * sizeof *b.S32);
  for (size_t e = 0; e < b.state; e++) ck_assert(b.T[e] == c.T[e]); /* long double has padding */
  efla_readout_f64(63, 65, c.x.q + 64 * 63, c.S, c.o);
  ck_assert_mem_eq(b.o + 64 * 65, c.o, 65 * sizeof *c.o);
  problem_clear(&b);
  problem_clear(&c);
}
END_TEST

/* The exact flow of one token in long double, coefficient included. */
static void step_exact(size_t dk, size_t dv, const double *k64, const double *v64, double beta, long double *S) {
  long double *k = room(dk + dv, sizeof *k), *v = k + dk, lambda = 0;
  for (size_t i = 0; i < dk; i++) k[i] = k64[i], lambda += k[i] * k[i];
  for (size_t j = 0; j < dv; j++) v[j] = v64[j];
  long double a = lambda > 0 ? -expm1l(-beta * lambda) / lambda : beta;
  efla_recurrence_long(1, dk, dv, NULL, k, v, &(efla_coefficients_long){1, a, a}, S, NULL);
  free(k);
}

/* docs/bounds.md#step, the coefficient's own error included.  In the worst case the coefficient, off by (d+4)u, doubles
 * the (d+4)u of step_bound; but most of these 2d+8 units are two dot products, whose roundings partly cancel, so the
 * bound takes d+8 (measured: .3 of it).  Reading back with k multiplies the state's error by |k|; 8 units, measured
 * 2.7. */
START_TEST(one_step_and_read_back) {
  const efla_method *exact = efla_method_find("exact");
  for (size_t n = 0; n < SIZES; n++) {
    size_t dk = sizes[n], dv = sizes[(n + 2) % SIZES], state = dk * dv, tokens = 40;
    efla_tokens x = testing_tokens("spikes", 0.7, tokens, dk, dv);
    double *S = room(state, sizeof *S), *before = room(state, sizeof *S);
    long double *truth = room(state, sizeof *truth);
    for (size_t e = 0; e < state; e++) S[e] = cos(2. * (double)e);
    for (size_t t = 0; t < tokens; t++) {
      const double *k = x.k + t * dk, *v = x.v + t * dv;
      double lambda = efla_lambda(dk, k), a = efla_coefficient(exact, x.beta[t], lambda), error = 0;
      double scale = norm_f64(state, S) + a * sqrt(lambda) * norm_f64(dv, v);
      memcpy(before, S, state * sizeof *S);
      for (size_t e = 0; e < state; e++) truth[e] = S[e];
      step_exact(dk, dv, k, v, x.beta[t], truth);
      efla_recurrence_f64(1, dk, dv, NULL, k, v, &(efla_coefficients){1, a, a}, S, NULL);
      CHECK_BOUND(efla_distance(state, S, truth), ((double)dk + 8) * U * scale);
      for (size_t j = 0; j < dv; j++) {
        long double old = 0, new = 0, lambda_long = 0;
        for (size_t i = 0; i < dk; i++) {
          lambda_long += (long double)k[i] * k[i];
          old += (long double)k[i] * before[i * dv + j], new += (long double)k[i] * S[i * dv + j];
        }
        long double kept = expl(-x.beta[t] * lambda_long), written = -expm1l(-x.beta[t] * lambda_long) * v[j];
        error += (double)powl(new - kept *old - written, 2);
      }
      CHECK_BOUND(sqrt(error), 8 * U * sqrt(lambda) * scale);
    }
    free(S);
    free(before);
    free(truth);
    efla_tokens_clear(&x);
  }
}
END_TEST

/* docs/bounds.md#semigroup.  Every one of the n small steps rounds like 4u at random: 4 sqrt(n) u.  Methods of finite
 * order p differ between one step and n by almost their error x^p/(p+1)! of the one step: a thousand times the bound
 * for all of them. */
START_TEST(only_the_exact_flow_is_a_semigroup) {
  enum { DK = 33, DV = 17, STATE = DK * DV };
  for (const efla_method *m = efla_methods; m->name; m++)
    for (size_t n = 4; n <= 1024; n *= 4) {
      efla_tokens x = testing_tokens("unit", 1, 1, DK, DV);
      double one[STATE], many[STATE], difference = 0, beta = 1.5, lambda = efla_lambda(DK, x.k);
      for (size_t e = 0; e < STATE; e++) one[e] = many[e] = sin((double)e);
      double scale = norm_f64(STATE, one) + norm_f64(DV, x.v);
      double coefficient = efla_coefficient(m, beta, lambda), part = efla_coefficient(m, beta / (double)n, lambda);
      efla_recurrence_f64(1, DK, DV, NULL, x.k, x.v, &(efla_coefficients){1, coefficient, coefficient}, one, NULL);
      for (size_t i = 0; i < n; i++)
        efla_recurrence_f64(1, DK, DV, NULL, x.k, x.v, &(efla_coefficients){1, part, part}, many, NULL);
      for (size_t e = 0; e < STATE; e++) difference = hypot(difference, one[e] - many[e]);
      if (m->order == EFLA_ORDER_INFINITE)
        CHECK_BOUND(difference, 4 * sqrt((double)n) * U * scale);
      else
        CHECK_BOUND(1000 * 4 * sqrt((double)n) * U * scale, difference);
      efla_tokens_clear(&x);
    }
}
END_TEST

/* docs/bounds.md#scaling: with c a power of two every intermediate number is scaled exactly, and S is not scaled at
 * all. */
START_TEST(scaling_by_powers_of_two_keeps_the_bits) {
  enum { TOKENS = 65, DK = 63, DV = 3 };
  for (const efla_method *m = efla_methods; m->name; m++)
    for (int power = -40; power <= 40; power += 16) {
      efla_tokens x = testing_tokens("gaussian", 1, TOKENS, DK, DV);
      double c = ldexp(1, power), S[2][DK * DV] = {0}, o[2][TOKENS * DV];
      for (int scaled = 0; scaled < 2; scaled++) {
        for (size_t e = 0; e < TOKENS * DK; e++) x.k[e] *= scaled ? c : 1;
        for (size_t e = 0; e < TOKENS * DV; e++) x.v[e] *= scaled ? c : 1;
        for (size_t t = 0; t < TOKENS; t++) x.beta[t] /= scaled ? c * c : 1;
        efla_coefficients coefficients[TOKENS];
        efla_token_coefficients(&(efla_rule){.method = m}, &x, coefficients);
        efla_recurrence_f64(TOKENS, DK, DV, x.q, x.k, x.v, coefficients, S[scaled], o[scaled]);
      }
      ck_assert_mem_eq(S[0], S[1], sizeof S[0]);
      ck_assert_mem_eq(o[0], o[1], sizeof o[0]);
      efla_tokens_clear(&x);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {three_precisions_against_dense_matrices, outputs_are_optional, one_step_and_read_back,
                                only_the_exact_flow_is_a_semigroup, scaling_by_powers_of_two_keeps_the_bits};
  return testing_main("recurrence", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chunkwise form against the recurrence, and the theorem about its triangular system. */
#include "testing.h"

/* Tokens of a family as arrays of both types, a random initial state, coefficients of a method; decays come and go, and
 * are 0 at times. */
typedef struct problem {
  efla_tokens x;
  efla_coefficients *plain, *decaying;
  double *S, *o, *scratch;
  float *q32, *k32, *v32, *S32, *o32, *scratch32;
} problem;

static float *to_f32(size_t n, const double *values) {
  float *copy = malloc((n ? n : 1) * sizeof *copy);
  ck_assert_ptr_nonnull(copy);
  for (size_t i = 0; i < n; i++) copy[i] = (float)values[i];
  return copy;
}

static problem set_up(const char *family, double norm, const char *method, size_t tokens, size_t dk, size_t dv,
                      size_t chunk) {
  problem p = {.x = testing_tokens(family, norm, tokens, dk, dv)};
  efla_tokens start = testing_tokens("gaussian", 1, dk, 1, dv);
  size_t scratch = efla_chunk_scratch(chunk, dk, dv);
  p.plain = malloc((tokens + 1) * sizeof *p.plain), p.decaying = malloc((tokens + 1) * sizeof *p.plain);
  efla_token_coefficients(&(efla_rule){.method = efla_method_find(method)}, &p.x, p.plain);
  for (size_t t = 0; t < tokens; t++) { /* the same problem in both types */
    double a = (double)(float)p.plain[t].write, decay = t % 11 == 7 ? 0 : (double)expf(-0.25f * (float)(t % 3));
    p.plain[t] = efla_coefficients_of(a), p.decaying[t] = (efla_coefficients){decay, decay * a, a};
  }
  p.S = testing_poison(dk * dv);
  memcpy(p.S, start.v, dk * dv * sizeof *p.S);
  p.o = testing_poison(tokens * dv);
  p.scratch = testing_poison(scratch);
  p.q32 = to_f32(tokens * dk, p.x.q), p.k32 = to_f32(tokens * dk, p.x.k), p.v32 = to_f32(tokens * dv, p.x.v);
  p.S32 = to_f32(dk * dv, p.S);
  p.o32 = to_f32(tokens * dv, p.o), p.scratch32 = to_f32(scratch, p.scratch); /* nan again */
  efla_tokens_clear(&start);
  return p;
}

static void tear_down(problem *p) {
  void *all[] = {p->plain, p->decaying, p->S, p->o, p->scratch, p->q32, p->k32, p->v32, p->S32, p->o32, p->scratch32};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  efla_tokens_clear(&p->x);
}

static long double *to_long(size_t n, const double *values) {
  long double *copy = malloc((n ? n : 1) * sizeof *copy);
  ck_assert_ptr_nonnull(copy);
  for (size_t i = 0; i < n; i++) copy[i] = values[i];
  return copy;
}

/* What a state can reach here and what errors are therefore measured by (as in docs/bounds.md#step): |S| at the start
 * or at the end, or the largest a |k| |v| written. */
static double reach(const problem *p, const long double *S) {
  size_t dk = p->x.dk, dv = p->x.dv;
  double scale = fmax(sqrt(efla_lambda(dk * dv, p->S)), efla_norm(dk * dv, S));
  for (size_t t = 0; t < p->x.tokens; t++)
    scale = fmax(scale, p->plain[t].write * sqrt(efla_lambda(dk, p->x.k + t * dk) * efla_lambda(dv, p->x.v + t * dv)));
  return scale;
}

/* The definition, each token after its decay. */
static void define(const problem *p, bool decays, long double *S, long double *o) {
  size_t tokens = p->x.tokens, dk = p->x.dk, dv = p->x.dv;
  long double *q = to_long(tokens * dk, p->x.q), *k = to_long(tokens * dk, p->x.k), *v = to_long(tokens * dv, p->x.v);
  for (size_t t = 0; t < tokens; t++) {
    const efla_coefficients at = decays ? p->decaying[t] : p->plain[t];
    const efla_coefficients_long c = {at.decay, (long double)at.decay * at.write, at.write};
    efla_recurrence_long(1, dk, dv, q + t * dk, k + t * dk, v + t * dv, &c, S, o + t * dv);
  }
  free(q), free(k), free(v);
}

/* docs/bounds.md#chunk: within 64u of the recurrence for chunks up to 128 tokens.  Where it comes from: in each of the
 * products K S, K K^T, tril(QK^T) U, K^T U and in the substitution a row is a sum of at most max(dk, C) terms whose
 * errors, random in sign, add to about sqrt(max(dk, C)) u; five such steps at 128 make 5 sqrt(128) u = 57 u.  Measured:
 * at most 8 u. */
static void check(const char *family, double norm, const char *method, size_t tokens, size_t dk, size_t dv,
                  size_t chunk, bool decays) {
  problem p = set_up(family, norm, method, tokens, dk, dv, chunk);
  long double *S = to_long(dk * dv, p.S), *o = to_long(tokens * dv, p.o);
  const efla_coefficients *c = decays ? p.decaying : p.plain;
  double *S64 = testing_poison(dk * dv), *o64 = testing_poison(tokens * dv), *S_without = testing_poison(dk * dv);
  memcpy(S_without, p.S, dk * dv * sizeof *S_without);
  define(&p, decays, S, o);
  double scale = reach(&p, S), readout_scale = scale * sqrt(efla_lambda(tokens * dk, p.x.q));
  efla_chunk_f64(tokens, dk, dv, chunk, p.x.q, p.x.k, p.x.v, c, p.S, p.o, p.scratch);
  CHECK_BOUND(efla_distance(dk * dv, p.S, S), 64 * U * scale);
  CHECK_BOUND(efla_distance(tokens * dv, p.o, o), 64 * U * readout_scale);
  efla_chunk_f64(tokens, dk, dv, chunk, NULL, p.x.k, p.x.v, c, S_without, NULL, p.scratch);
  ck_assert_mem_eq(S_without, p.S, dk * dv * sizeof *p.S);
  efla_chunk_f32(tokens, dk, dv, chunk, p.q32, p.k32, p.v32, c, p.S32, p.o32, p.scratch32);
  for (size_t e = 0; e < dk * dv; e++) S64[e] = (double)p.S32[e];
  for (size_t e = 0; e < tokens * dv; e++) o64[e] = (double)p.o32[e];
  CHECK_BOUND(efla_distance(dk * dv, S64, S), 64 * U32 * scale);
  CHECK_BOUND(efla_distance(tokens * dv, o64, o), 64 * U32 * readout_scale);
  void *all[] = {S, o, S64, o64, S_without};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  tear_down(&p);
}

START_TEST(equal_to_the_recurrence) {
  static const size_t tokens[] = {0, 1, 2, 63, 64, 65, 130}, chunks[] = {1, 2, 7, 16, 64, 128, 1000};
  static const size_t sizes[][2] = {{1, 1}, {3, 16}, {16, 3}, {64, 65}, {63, 1}, {1, 64}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++)
      for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++)
        check("gaussian", 1, "exact", tokens[t], sizes[s][0], sizes[s][1], chunks[c], (t + c) % 2);
}
END_TEST

/* Correlated and repeated keys make L large; the solution stays tame. */
START_TEST(equal_for_difficult_keys) {
  static const char *const families[] = {"cone", "dictionary", "ar1", "flat", "unit"};
  for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
    check(families[f], 1, "exact", 300, 32, 17, 128, false);
    check(families[f], 8, "exact", 300, 32, 17, 128, false);
    check(families[f], 1, "implicit", 129, 32, 17, 64, true);
  }
}
END_TEST

START_TEST(zero_coefficients_and_keys_write_nothing) {
  problem p = set_up("gaussian", 1, "exact", 40, 8, 5, 16);
  double *before = testing_poison(8 * 5);
  memcpy(before, p.S, 40 * sizeof *before);
  for (size_t t = 0; t < 40; t++) {
    if (t % 2) p.plain[t] = efla_coefficients_of(0);
    for (size_t i = 0; i < 8 && t % 2 == 0; i++) p.x.k[t * 8 + i] = 0;
  }
  efla_chunk_f64(40, 8, 5, 16, p.x.q, p.x.k, p.x.v, p.plain, p.S, p.o, p.scratch);
  ck_assert_mem_eq(before, p.S, 40 * sizeof *before);
  free(before);
  tear_down(&p);
}
END_TEST

static void fill_coefficients(const char *method, const efla_tokens *x, double *coefficient) {
  for (size_t t = 0; t < x->tokens; t++)
    coefficient[t] = efla_coefficient(efla_method_find(method), x->beta[t], efla_lambda(x->dk, x->k + t * x->dk));
}

/* The system of a chunk of n keys, with coefficients in f64, and its inverse. */
static void invert(const char *family, double norm, const char *method, size_t n, efla_tokens *x, double *coefficient,
                   double *L, double *T) {
  *x = testing_tokens(family, norm, n, 16, 1);
  fill_coefficients(method, x, coefficient);
  efla_chunk_system_f64(n, 16, x->k, coefficient, L);
  efla_chunk_invert_f64(n, L, T);
}

/* T is the inverse: (I + L) T = I within n u times the sum of the products' magnitudes (a row's dot products; Higham
 * 2002, 8.1). */
START_TEST(inverse_is_one) {
  enum { N = 96 };
  efla_tokens x;
  double coefficient[N], *L = testing_poison(N * N), *T = testing_poison(N * N);
  invert("cone", 1, "exact", N, &x, coefficient, L, T);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      double sum = T[i * N + j], size = fabs(sum);
      for (size_t m = 0; m < i; m++) sum += L[i * N + m] * T[m * N + j], size += fabs(L[i * N + m] * T[m * N + j]);
      CHECK_BOUND(fabs(sum - (i == j)), N * U * size);
    }
  efla_tokens_clear(&x);
  free(L);
  free(T);
}
END_TEST

/* docs/bounds.md#chunk: |T_ij| <= a_i |k_i| |k_j| below the diagonal for 0 <= a lambda <= 2, since T_ij = -a_i k_i^T P
 * k_j with a product P of transitions, whose norms are at most 1.  For a lambda <= 1 the scaled entries, by
 * sqrt(a_j/a_i), are at most 1, and a row of T or of I + L has absolute sum at most n: condition at most n^2.  Rounding
 * adds n^2 u at most. */
START_TEST(entries_of_the_inverse_are_bounded) {
  enum { N = 128 };
  static const char *const families[] = {"gaussian", "cone", "dictionary", "flat"};
  double coefficient[N], *L = testing_poison(N * N), *T = testing_poison(N * N);
  for (size_t f = 0; f < 8; f++) {
    efla_tokens x;
    double rows = 0, inverse_rows = 0;
    invert(families[f % 4], f < 4 ? 1 : 8, "exact", N, &x, coefficient, L, T);
    for (size_t i = 0; i < N; i++) {
      double sum = 1, inverse_sum = 0;
      for (size_t j = 0; j <= i; j++) {
        double ki = sqrt(efla_lambda(16, x.k + i * 16)), kj = sqrt(efla_lambda(16, x.k + j * 16)),
               scale = sqrt(coefficient[j] / coefficient[i]);
        if (j < i) CHECK_BOUND(fabs(T[i * N + j]), coefficient[i] * ki * kj * (1 + N * N * U));
        if (j < i) CHECK_BOUND(fabs(T[i * N + j]) * scale, 1 + N * N * U);
        sum += fabs(L[i * N + j]) * scale, inverse_sum += fabs(T[i * N + j]) * scale;
      }
      rows = fmax(rows, sum), inverse_rows = fmax(inverse_rows, inverse_sum);
    }
    CHECK_BOUND(rows * inverse_rows, N * N * (1 + N * N * U));
    efla_tokens_clear(&x);
  }
  free(L);
  free(T);
}
END_TEST

/* Doubling is right where nothing cancels and wrong for correlated keys (docs/bounds.md#chunk): both are asserted. */
START_TEST(doubling_is_a_trap) {
  enum { N = 64 };
  for (int correlated = 0; correlated < 2; correlated++) {
    efla_tokens x;
    double coefficient[N], worst = 0;
    double *L = testing_poison(N * N), *T = testing_poison(N * N), *D = testing_poison(N * N),
           *scratch = testing_poison(2 * N * N);
    invert(correlated ? "cone" : "gaussian", correlated ? 8 : 1, "exact", N, &x, coefficient, L, T);
    efla_chunk_invert_by_doubling_f64(N, L, D, scratch);
    for (size_t e = 0; e < N * N; e++) worst = testing_worse(worst, fabs(D[e] - T[e]));
    if (correlated)
      ck_assert_double_ge(worst, 1e-3);
    else
      CHECK_BOUND(worst, N * N * U);
    efla_tokens_clear(&x);
    free(L), free(T), free(D), free(scratch);
  }
}
END_TEST

/* For short chunks it is right: entries of L are at most 1 here, powers of it sum to at most 2^(N-1), and each product
 * of N terms errs by N u of that. */
START_TEST(doubling_is_right_for_short_chunks) {
  for (size_t N = 1; N <= 9; N++) {
    efla_tokens x = testing_tokens("cone", 1, N, 16, 1);
    double coefficient[9], L[81], T[81], D[81], scratch[162];
    fill_coefficients("exact", &x, coefficient);
    efla_chunk_system_f64(N, 16, x.k, coefficient, L);
    efla_chunk_invert_f64(N, L, T);
    efla_chunk_invert_by_doubling_f64(N, L, D, scratch);
    for (size_t e = 0; e < N * N; e++) CHECK_BOUND(fabs(D[e] - T[e]), (double)N * exp2((double)N) * U);
    efla_tokens_clear(&x);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {equal_to_the_recurrence,
                                equal_for_difficult_keys,
                                zero_coefficients_and_keys_write_nothing,
                                inverse_is_one,
                                entries_of_the_inverse_are_bounded,
                                doubling_is_a_trap,
                                doubling_is_right_for_short_chunks};
  return testing_main("chunk", tests, sizeof tests / sizeof *tests, 120);
}

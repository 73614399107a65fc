/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decay per channel: splittings against their definitions and limits, the commutator, orders. */
#include "testing.h"

enum { D = 9, DV = 4, TOKENS = 6 };

/* Tokens with x = beta*lambda as given, a filled state, rates uniform in [0, spread]. */
typedef struct problem {
  efla_tokens x;
  double *y, *start, *S, *T, *o, *p; /* (TOKENS, D); (D, DV) three times; (TOKENS, DV) twice */
} problem;

static problem problem_at(double x, double spread, double norm) {
  problem p = {.x = testing_tokens("gaussian", norm, TOKENS, D, DV), .y = testing_poison(TOKENS * D)};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int e = 0; e < TOKENS * D; e++) p.y[e] = spread * gsl_rng_uniform(draw);
  for (size_t t = 0; t < TOKENS; t++) p.x.beta[t] = x / efla_lambda(D, p.x.k + t * D);
  p.start = testing_normal(D * DV, 1, draw);
  p.S = testing_poison(D * DV), p.T = testing_poison(D * DV);
  p.o = testing_poison(TOKENS * DV), p.p = testing_poison(TOKENS * DV);
  gsl_rng_free(draw);
  memcpy(p.S, p.start, D * DV * sizeof *p.S);
  memcpy(p.T, p.start, D * DV * sizeof *p.T);
  return p;
}

static void problem_clear(problem *p) {
  double *const blocks[] = {p->y, p->start, p->S, p->T, p->o, p->p};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
  efla_tokens_clear(&p->x);
}

static double norm(size_t n, const double *values) { return sqrt(efla_lambda(n, values)); }

static double apart(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t e = 0; e < n; e++) sum += pow(a[e] - b[e], 2);
  return sqrt(sum);
}

/* What a token adds to the sizes by which docs/bounds.md#step counts; the state is never larger than all of them. */
static double written(const efla_tokens *x, size_t t) {
  const double *k = x->k + t * D;
  return efla_coefficient(efla_method_find("exact"), x->beta[t], efla_lambda(D, k)) * norm(D, k) *
         norm(DV, x->v + t * DV);
}

/* One token by the formula, with dense matrices in long double: S <- diag(e^(-after*y)) ((I - a k k^T)
 * diag(e^(-before*y)) S + a k v^T). */
static void by_definition(const efla_method *method, const efla_tokens *x, const double *y, double before, double after,
                          long double *S) {
  const double *k = x->k, *v = x->v;
  long double old[D * DV], lambda = 0;
  memcpy(old, S, sizeof old);
  for (int i = 0; i < D; i++) lambda += (long double)k[i] * k[i];
  long double a = efla_coefficient_long(method, x->beta[0], lambda);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < DV; j++) {
      long double sum = a * k[i] * v[j];
      for (int l = 0; l < D; l++) sum += ((i == l) - a * k[i] * k[l]) * expl(-before * y[l]) * old[l * DV + j];
      S[i * DV + j] = expl(-after * y[i]) * sum;
    }
}

/* docs/bounds.md#channel-step, for one token from the start, every method, and sizes of x and y up to where all is
 * forgotten. */
START_TEST(splittings_are_their_formulas) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double x = 0.01; x < 2; x *= 10) /* where |R| <= 1 */
      for (double spread = 0; spread < 200; spread = 4 * spread + 1) {
        problem p = problem_at(x, spread, 1.3);
        long double S[D * DV], T[D * DV], o[DV], q[D];
        for (int e = 0; e < D * DV; e++) S[e] = T[e] = p.start[e];
        for (int i = 0; i < D; i++) q[i] = p.x.q[i];
        efla_tokens one = efla_tokens_slice(&p.x, 0, 1);
        efla_channel_lie(m, &one, p.y, p.S, p.o);
        efla_channel_strang(m, &one, p.y, p.T, p.p);
        by_definition(m, &one, p.y, 1, 0, S);
        by_definition(m, &one, p.y, 0.5, 0.5, T);
        double a = efla_coefficient(m, one.beta[0], efla_lambda(D, one.k)),
               scale = norm(D * DV, p.start) + a * norm(D, one.k) * norm(DV, one.v), slack = (1 + 0x1p-7) * U * scale;
        CHECK_BOUND(efla_distance(D * DV, p.S, S), (2 * D + 11) * slack);
        CHECK_BOUND(efla_distance(D * DV, p.T, T), (2 * D + 14) * slack);
        efla_readout_long(D, DV, q, S, o);
        CHECK_BOUND(efla_distance(DV, p.o, o), (3 * D + 11) * slack * norm(D, one.q));
        efla_readout_long(D, DV, q, T, o);
        CHECK_BOUND(efla_distance(DV, p.p, o), (3 * D + 14) * slack * norm(D, one.q));
        problem_clear(&p);
      }
}
END_TEST

/* docs/derivations.md#channel-merge: the same numbers but for rounding, docs/bounds.md#channel-merge, along several
 * tokens and at every read-out. */
START_TEST(strang_is_lie_with_merged_rates) {
  const efla_method *exact = efla_method_find("exact");
  for (double x = 0.01; x < 200; x *= 10)
    for (double spread = 0; spread < 100; spread = 4 * spread + 1) {
      problem p = problem_at(x, spread, 1.3);
      efla_channel_strang(exact, &p.x, p.y, p.S, p.o);
      ck_assert_int_eq(efla_channel_strang_by_lie(exact, &p.x, p.y, p.T, p.p), EFLA_OK);
      double bound = 0, scale = norm(D * DV, p.start);
      for (size_t t = 0; t < TOKENS; t++) {
        scale += written(&p.x, t);
        bound += (2 * D + 18) * U * scale;
        double allowed = norm(D, p.x.q + t * D) * (bound + (2 * D + 4) * U * scale);
        CHECK_BOUND(apart(DV, p.o + t * DV, p.p + t * DV), allowed);
      }
      CHECK_BOUND(apart(D * DV, p.S, p.T), bound + 3 * U * scale);
      problem_clear(&p);
    }
}
END_TEST

/* One rate for all channels: the Lie splitting is the rule `split`, and the exact flow is the joint one, d = e^-y, e
 * = d a, w = beta phi(y + x); docs/bounds.md#channel-step and #channel-exact. */
START_TEST(equal_rates_are_scalar) {
  efla_rule split;
  const efla_method *exact = efla_method_find("exact");
  ck_assert_int_eq(efla_rule_find("exact", "split", "raw", &split), EFLA_OK);
  for (double x = 0.01; x < 200; x *= 10)
    for (double rate = 0; rate < 30; rate = 3 * rate + 0.1) {
      problem p = problem_at(x, 0, 1.3);
      const double *k = p.x.k, *v = p.x.v;
      for (int i = 0; i < D; i++) p.y[i] = rate;
      efla_tokens one = efla_tokens_slice(&p.x, 0, 1);
      double scale = norm(D * DV, p.start) + written(&one, 0), bound = NAN;
      long double lambda = 0, joint[D * DV], S[D * DV];
      for (int i = 0; i < D; i++) lambda += (long double)k[i] * k[i];
      efla_coefficients_long c;
      ck_assert_int_eq(efla_rule_coefficients_long(&split, lambda, one.beta[0], -rate, &c), EFLA_OK);
      efla_channel_lie(exact, &one, p.y, p.S, NULL);
      ck_assert_int_eq(efla_channel_exact_f64(&one, p.y, p.T, &bound), EFLA_OK);
      long double write = one.beta[0] * efla_coefficient_long(exact, 1, rate + one.beta[0] * lambda);
      for (int j = 0; j < DV; j++) {
        long double recalled = 0;
        for (int i = 0; i < D; i++) recalled += k[i] * (long double)p.start[i * DV + j];
        for (int i = 0; i < D; i++) {
          S[i * DV + j] = c.decay * p.start[i * DV + j] + k[i] * (c.write * v[j] - c.erase * recalled);
          joint[i * DV + j] = c.decay * p.start[i * DV + j] + k[i] * (write * v[j] - c.erase * recalled);
        }
      }
      CHECK_BOUND(efla_distance(D * DV, p.S, S), (2 * D + 11) * (1 + 0x1p-7) * U * scale);
      CHECK_BOUND(efla_distance(D * DV, p.T, joint), bound + (2 * D + 11) * 0x1p-10 * U * scale);
      problem_clear(&p);
    }
}
END_TEST

/* No decay: every scheme is the exact step (docs/bounds.md#step), all but the series bit for bit. */
START_TEST(no_decay_is_the_exact_step) {
  const efla_method *exact = efla_method_find("exact");
  for (const efla_channel_scheme *s = efla_channel_schemes; s->name; s++)
    for (double x = 0.01; x < 200; x *= 10) {
      problem p = problem_at(x, 0, 1.3);
      efla_coefficients c[TOKENS];
      double bound = 0, scale = norm(D * DV, p.start);
      efla_token_coefficients(&(efla_rule){.method = exact}, &p.x, c);
      efla_recurrence_f64(TOKENS, D, DV, NULL, p.x.k, p.x.v, c, p.S, NULL);
      ck_assert_int_eq(s->advance(exact, &p.x, p.y, p.T), EFLA_OK);
      if (s->order < EFLA_ORDER_INFINITE) ck_assert_mem_eq(p.S, p.T, D * DV * sizeof *p.S);
      for (size_t t = 0; t < TOKENS; t++) scale += written(&p.x, t), bound += (2 * D + 8) * U * scale;
      double own = NAN;
      memcpy(p.T, p.start, D * DV * sizeof *p.T);
      ck_assert_int_eq(efla_channel_exact_f64(&p.x, p.y, p.T, &own), EFLA_OK);
      CHECK_BOUND(apart(D * DV, p.S, p.T), bound + own);
      problem_clear(&p);
    }
}
END_TEST

/* The relative splitting error of a token cut into n substeps, against the series in long double. */
static double splitting_error(const efla_channel_scheme *scheme, const problem *p, size_t n) {
  efla_tokens x;
  double *y = testing_poison(n * D), *S = testing_poison(D * DV);
  long double truth[D * DV];
  efla_tokens one = efla_tokens_slice(&p->x, 0, 1);
  ck_assert_int_eq(efla_tokens_init(&x, n, D, DV), EFLA_OK);
  for (size_t t = 0; t < n; t++) {
    memcpy(x.k + t * D, one.k, D * sizeof *x.k);
    memcpy(x.v + t * DV, one.v, DV * sizeof *x.v);
    x.beta[t] = one.beta[0] / (double)n;
    for (int i = 0; i < D; i++) y[t * D + (size_t)i] = p->y[i] / (double)n;
  }
  for (int e = 0; e < D * DV; e++) truth[e] = S[e] = p->start[e];
  ck_assert_int_eq(efla_channel_exact_long(&one, p->y, truth, NULL), EFLA_OK);
  ck_assert_int_eq(scheme->advance(efla_method_find("exact"), &x, y, S), EFLA_OK);
  double error = efla_distance(D * DV, S, truth) / efla_norm(D * DV, truth);
  free(y);
  free(S);
  efla_tokens_clear(&x);
  return error;
}

/* docs/bounds.md#channel-orders: 1 and 2 within .05; the exact flow keeps to rounding, docs/bounds.md#semigroup. */
START_TEST(orders) {
  for (const efla_channel_scheme *s = efla_channel_schemes; s->name; s++)
    for (double x = 0.2; x < 4; x *= 3)
      for (double spread = 0.3; spread < 3; spread *= 3) {
        problem p = problem_at(x, spread, 1);
        double coarse = splitting_error(s, &p, 128), fine = splitting_error(s, &p, 256);
        if (s->order < EFLA_ORDER_INFINITE)
          CHECK_BOUND(fabs(log2(coarse / fine) - s->order), 0.05);
        else
          CHECK_BOUND(fine, 4 * sqrt(256.) * U);
        problem_clear(&p);
      }
}
END_TEST

/* Half of (Y X - X Y) [S; v^T] from the matrices themselves, X = diag(-y, 0), Y = [[-beta k k^T, beta k], [0, 0]],
 * in long double, where a token is short: docs/bounds.md#channel-commutator, and the weights differ from 1/2 by x/3
 * at most. */
START_TEST(leading_term_is_the_commutator) {
  const double x = 1e-12;
  for (double spread = 1e-3; spread < 200; spread *= 10) {
    problem p = problem_at(x, spread, 1.3);
    const double *k = p.x.k, *v = p.x.v, *y = p.y, beta = p.x.beta[0];
    efla_channel_lie_leading(D, DV, k, v, beta, y, p.start, p.S);
    for (int j = 0; j < DV; j++) {
      double column = 0;
      for (int i = 0; i < D; i++) column += pow(p.start[i * DV + j], 2);
      for (int i = 0; i < D; i++) {
        long double entry = (long double)y[i] * beta * k[i] * v[j];
        for (int l = 0; l < D; l++) {
          long double YX = (long double)beta * k[i] * k[l] * y[l], XY = (long double)y[i] * beta * k[i] * k[l];
          entry += (YX - XY) * p.start[l * DV + j];
        }
        CHECK_BOUND(fabs((double)(p.S[i * DV + j] - entry / 2)),
                    ((2 * D + 16) * U + x) * beta * fabs(k[i]) * spread * (norm(D, k) * sqrt(column) + fabs(v[j])));
      }
    }
    problem_clear(&p);
  }
}
END_TEST

/* docs/derivations.md#channel-commutator, along tokens and in one: the bound holds for every size of x and y; for small
 * rates and any x the leading terms are the error, but for a part of its size times the sum of the largest rates. */
static void check_theory(double x, double spread, bool equal, size_t tokens) {
  problem p = problem_at(x, spread, 1.3);
  for (int i = 0; i < TOKENS * D && equal; i++) p.y[i] = spread;
  efla_tokens some = efla_tokens_slice(&p.x, 0, tokens);
  efla_channel_lie_theory theory = {NAN, NAN};
  long double truth[D * DV];
  for (int e = 0; e < D * DV; e++) truth[e] = p.start[e];
  ck_assert_int_eq(efla_channel_exact_long(&some, p.y, truth, NULL), EFLA_OK);
  ck_assert_int_eq(efla_channel_lie_predict(&some, p.y, p.T, &theory), EFLA_OK);
  efla_channel_lie(efla_method_find("exact"), &some, p.y, p.S, NULL);
  double error = efla_distance(D * DV, p.S, truth), scale = norm(D * DV, p.start);
  for (size_t t = 0; t < tokens; t++) scale += written(&p.x, t);
  double rounding = (double)tokens * (2 * D + 11) * U * scale;
  CHECK_BOUND(error, theory.bound + rounding);
  if (spread < 0.05) CHECK_BOUND(fabs(error - theory.leading), (double)tokens * spread * error + 2 * rounding);
  problem_clear(&p);
}

START_TEST(lie_error_is_as_predicted) {
  for (double x = 1e-3; x < 200; x *= 4)
    for (double spread = 1e-3; spread < 200; spread *= 4)
      for (int equal = 0; equal < 2; equal++)
        for (size_t n = 1; n <= TOKENS; n += TOKENS - 1) check_theory(x, spread, equal, n);
}
END_TEST

/* inf is data: a channel that forgets everything is zero after the decay; the series, which has no term for it, says
 * so by nan and an infinite bound. */
START_TEST(infinite_rates) {
  problem p = problem_at(1, 1, 1);
  efla_tokens one = efla_tokens_slice(&p.x, 0, 1);
  double bound = 0, a = efla_coefficient(efla_method_find("exact"), one.beta[0], efla_lambda(D, one.k));
  for (int i = 0; i < D; i++) p.y[i] = INFINITY;
  efla_channel_lie(efla_method_find("exact"), &one, p.y, p.S, NULL);
  for (int e = 0; e < D * DV; e++) CHECK_BOUND(fabs(p.S[e] - a * one.k[e / DV] * one.v[e % DV]), 4 * U * fabs(p.S[e]));
  ck_assert_int_eq(efla_channel_exact_f64(&one, p.y, p.T, &bound), EFLA_OK);
  for (int e = 0; e < D * DV; e++) ck_assert(isnan(p.T[e]));
  ck_assert(isinf(bound));
  problem_clear(&p);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {splittings_are_their_formulas,
                                strang_is_lie_with_merged_rates,
                                equal_rates_are_scalar,
                                no_decay_is_the_exact_step,
                                orders,
                                leading_term_is_the_commutator,
                                lie_error_is_as_predicted,
                                infinite_rates};
  return testing_main("channel_decay", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step of the error bound: what roundings add to the error of S' = diag(d) S + k (w v - e S^T p)^T, by making
 * them. */
#include "testing.h"

#include "check/rounded_sums.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_rng.h>

enum { DK = 5, DV = 3, DRAWS = 20000 };

typedef struct token {
  double S[DK * DV], k[DK], p[DK], v[DV], d[DK];
  efla_rule rule;
  efla_coefficients c, by_lambda;
  double lambda, argument;
  bool channels;
} token;

static token token_of(const char *decay, double argument, bool erase_key, bool channels) {
  token x = {.channels = channels};
  efla_coefficient_slopes slopes;
  double lambda = 0;
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find(decay)};
  for (size_t e = 0; e < DK * DV; e++) x.S[e] = 4 * cos(1.3 * (double)e);
  for (size_t i = 0; i < DK; i++) {
    x.p[i] = x.k[i] = 0.6 * sin((double)i + 1);
    if (erase_key) x.p[i] -= 0.5 * cos(2 * (double)i);
    lambda += x.k[i] * x.p[i];
  }
  for (size_t j = 0; j < DV; j++) x.v[j] = 1 + 0.5 * (double)j;
  ck_assert_int_eq(efla_rule_coefficients(&rule, lambda, 0.9, argument, &x.c), EFLA_OK);
  ck_assert_int_eq(efla_rule_slopes(&rule, lambda, 0.9, argument, &slopes), EFLA_OK);
  x.by_lambda = slopes.by_lambda, x.rule = rule, x.lambda = lambda, x.argument = argument;
  for (size_t i = 0; i < DK; i++) x.d[i] = channels ? exp(-0.3 * (double)i) : x.c.decay;
  return x;
}

/* An error E (dk, dv): |E|^2 and |E z|^2, as drawn or in the mean. */
typedef struct error_squares {
  double all, along;
} error_squares;

static const double z[DV] = {1, 2, -1};

static error_squares squares_of(const double *E) {
  error_squares s = {0};
  for (size_t i = 0; i < DK; i++) {
    double sum = 0;
    for (size_t j = 0; j < DV; j++) s.all += E[i * DV + j] * E[i * DV + j], sum += E[i * DV + j] * z[j];
    s.along += sum * sum;
  }
  return s;
}

/* What the bound gives after one step from an exact state: the trace of C, which is that of H, and z^T H z. */
static error_squares granted(const token *x, const efla_units *units, efla_token_sizes sizes) {
  efla_error_bound bound;
  long double after[DK * DV], S[DK * DV];
  double trace = 0, read[DV] = {0};
  error_squares sum = {0};
  sizes.k = x->k, sizes.p = x->p, sizes.decay = x->d, sizes.v = x->v;
  sizes.erase = x->c.erase, sizes.write = x->c.write;
  sizes.erase_slope = x->by_lambda.erase, sizes.write_slope = x->by_lambda.write;
  for (size_t e = 0; e < DK * DV; e++) S[e] = x->S[e], read[e % DV] += x->p[e / DV] * x->S[e];
  for (size_t e = 0; e < DK * DV; e++)
    after[e] = x->d[e / DV] * x->S[e] + x->k[e / DV] * (x->c.write * x->v[e % DV] - x->c.erase * read[e % DV]);
  ck_assert_int_eq(efla_error_bound_init(&bound, units, DK, DV, (efla_followed){true, true}), EFLA_OK);
  efla_error_bound_start(&bound, S);
  memset(bound.C, 0, DK * DK * sizeof *bound.C);
  memset(bound.columns, 0, DV * DV * sizeof *bound.columns);
  efla_error_bound_step(&bound, &sizes, after);
  for (size_t i = 0; i < DK; i++) sum.all += bound.C[i * DK + i];
  for (size_t j = 0; j < DV; j++) trace += bound.columns[j * DV + j];
  CHECK_BOUND(fabs(trace - sum.all), 100 * U * trace); /* of fewer operations */
  sum.along = efla_quadratic_form(DV, bound.columns, z);
  efla_error_bound_clear(&bound);
  return sum;
}

/* x after a rounding to a gap of unit u; a factor whose error is that of a number anywhere in its binade. */
static double rounded(gsl_rng *draw, double u, double x) {
  return x + u * sqrt(efla_rounded(x)) * (2 * gsl_rng_uniform(draw) - 1);
}
static double gap(gsl_rng *draw, double u) {
  return 1 + u * (2 * gsl_rng_uniform(draw) - 1) / exp2(gsl_rng_uniform(draw));
}
static double gaps(gsl_rng *draw, double u, int n) {
  double product = 1;
  for (int i = 0; i < n; i++) product *= gap(draw, u);
  return product;
}

/* One step's error with every operand of a product rounded once: the erase key, the state, the value, u
 * and the key. */
static error_squares by_operands(const token *x, gsl_rng *draw, double u) {
  double E[DK * DV], key[DK], p[DK];
  for (size_t i = 0; i < DK; i++) key[i] = rounded(draw, u, x->k[i]), p[i] = rounded(draw, u, x->p[i]);
  for (size_t j = 0; j < DV; j++) {
    double exact = x->c.write * x->v[j], changed = rounded(draw, u, exact);
    for (size_t i = 0; i < DK; i++) {
      exact -= x->c.erase * x->p[i] * x->S[i * DV + j];
      changed -= x->c.erase * p[i] * rounded(draw, u, x->S[i * DV + j]);
    }
    changed += rounded(draw, u, exact) - exact;
    for (size_t i = 0; i < DK; i++) E[i * DV + j] = key[i] * changed - x->k[i] * exact;
  }
  return squares_of(E);
}

/* The same by the arithmetic: the sums S^T p, three results and the sum of u, d S, k u, their sum as
 * it is stored; and e and w off by 4 relative roundings together. */
static error_squares by_arithmetic(const token *x, gsl_rng *draw, double u) {
  double E[DK * DV], decay[DK], p[DK], key[DK], read[DV], sizes[DV], scratch[2 * DV];
  efla_rounded_sums(DK, DV, x->p, x->S, read, sizes, scratch);
  const double common = gaps(draw, u, 2), together = gaps(draw, u, 4);
  for (size_t i = 0; i < DK; i++) {
    p[i] = x->channels ? x->p[i] * gaps(draw, u, 3) : rounded(draw, u, x->p[i]);
    key[i] = x->channels ? x->k[i] * gaps(draw, u, 3) : rounded(draw, u, x->k[i]);
    decay[i] = x->d[i] == 1 ? 1 : x->d[i] * (x->channels ? gaps(draw, u, 3) : common);
  }
  for (size_t j = 0; j < DV; j++) {
    double exact = x->c.write * x->v[j], sum = read[j] + u * sqrt(sizes[j]) * (2 * gsl_rng_uniform(draw) - 1);
    for (size_t i = 0; i < DK; i++) sum += (p[i] - x->p[i]) * x->S[i * DV + j];
    const double written = exact, erased = x->c.erase * read[j];
    exact -= erased;
    double changed = together * exact - x->c.erase * (sum - read[j]) + rounded(draw, u, written) - written;
    changed += rounded(draw, u, erased) - erased + rounded(draw, u, exact) - exact;
    for (size_t i = 0; i < DK; i++) {
      const double kept = x->d[i] * x->S[i * DV + j], update = x->k[i] * exact;
      E[i * DV + j] = key[i] * changed - update + rounded(draw, u, update) - update + decay[i] * x->S[i * DV + j] -
                      kept + (x->d[i] == 1 ? 0 : rounded(draw, u, kept) - kept) + rounded(draw, u, kept + update) -
                      (kept + update);
    }
  }
  return squares_of(E);
}

/* The same with w off by 5 roundings. */
static error_squares by_coefficients(const token *x, gsl_rng *draw, double u) {
  const double alone = gaps(draw, u, 5);
  double E[DK * DV];
  for (size_t e = 0; e < DK * DV; e++) E[e] = x->k[e / DV] * (alone - 1) * x->c.write * x->v[e % DV];
  return squares_of(E);
}

/* The same with the products and partial sums of lambda rounded. */
static error_squares by_lambda(const token *x, gsl_rng *draw, double u) {
  double lambda = x->lambda, sum = 0, E[DK * DV];
  efla_coefficients c;
  for (size_t i = 0; i < DK; i++) {
    const double product = x->p[i] * x->k[i];
    sum += product;
    lambda += rounded(draw, u, product) - product + (i ? rounded(draw, u, sum) - sum : 0);
  }
  ck_assert_int_eq(efla_rule_coefficients(&x->rule, lambda, 0.9, x->argument, &c), EFLA_OK);
  for (size_t j = 0; j < DV; j++) {
    double read = 0;
    for (size_t i = 0; i < DK; i++) read += x->p[i] * x->S[i * DV + j];
    for (size_t i = 0; i < DK; i++)
      E[i * DV + j] = x->k[i] * ((c.write - x->c.write) * x->v[j] - (c.erase - x->c.erase) * read);
  }
  return squares_of(E);
}

/* The sizes that it rounds. */
static double sizes_of_lambda(const token *x) {
  double sizes = 0, sum = 0;
  for (size_t i = 0; i < DK; i++) {
    sum += x->p[i] * x->k[i];
    sizes += efla_rounded(x->p[i] * x->k[i]) + (i ? efla_rounded(sum) : 0);
  }
  return sizes;
}

/* The mean of DRAWS squares is `expected` within 5 standard errors, and what products of several errors add to it, at
 * most a part 64 u^2 of it. */
static void check_mean(double sum, double squares, double expected, double u) {
  const double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
  CHECK_BOUND(fabs(expected - mean), 5 * error + 64 * u * u * mean);
}

/* One step with every decay, without and with an erase key, and with decays per channel, of which the first is 1:
 * operands; the arithmetic; own errors of coefficients that are apart; lambda, which is not linear in its rounding: the
 * rest is of the order u^2, which check_mean grants. */
static void check_step(gsl_rng *draw, const token *x) {
  static const double u = 0x1p-10;
  const efla_units operands = {.operands = u}, arithmetic = {.arithmetic = u, .state = u};
  const efla_token_sizes none = {.channels = x->channels}, apart = {.apart = true, .channels = x->channels},
                         lambda = {.lambda = sizes_of_lambda(x), .channels = x->channels};
  error_squares expected[] = {granted(x, &operands, none), granted(x, &arithmetic, none),
                              granted(x, &arithmetic, apart), granted(x, &arithmetic, lambda)};
  double sums[8] = {0}, squares[8] = {0};
  for (size_t k = 2; k < 4; k++) expected[k].all -= expected[1].all, expected[k].along -= expected[1].along;
  for (size_t n = 0; n < DRAWS; n++) {
    const error_squares drawn[] = {by_operands(x, draw, u), by_arithmetic(x, draw, u), by_coefficients(x, draw, u),
                                   by_lambda(x, draw, u)};
    for (size_t k = 0; k < 8; k++) {
      const double one = k % 2 ? drawn[k / 2].along : drawn[k / 2].all;
      sums[k] += one, squares[k] += one * one;
    }
  }
  for (size_t k = 0; k < 8; k++)
    check_mean(sums[k], squares[k], k % 2 ? expected[k / 2].along : expected[k / 2].all, u);
}

START_TEST(one_step_by_its_roundings) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; efla_decay_name(i); i++)
    for (int kind = 0; kind < (i ? 2 : 4); kind++) {
      const efla_decay *decay = &efla_decays[i];
      const bool alpha = decay->argument && !strcmp(decay->argument, "alpha");
      const token x = token_of(decay->name, alpha ? 0.6 : i ? -0.4 : 0, kind % 2, kind / 2);
      check_step(draw, &x);
    }
  gsl_rng_free(draw);
}
END_TEST

/* The same relative error of a decay in all tokens leaves t times itself of a state that only decays: t^2 in the square,
 * of which the bound makes 2 t^2 at most; with decays that differ, t. */
START_TEST(decays_that_repeat) {
  const efla_units arithmetic = {.arithmetic = 0x1p-24};
  const double zeros[DK] = {0}, v[DV] = {0}, q[DK] = {1};
  for (int differ = 0; differ < 2; differ++) {
    efla_error_bound bound;
    long double S[DK * DV] = {[0] = 1};
    double decay[DK] = {0};
    ck_assert_int_eq(efla_error_bound_init(&bound, &arithmetic, DK, DV, (efla_followed){.decays = true}), EFLA_OK);
    efla_error_bound_start(&bound, S);
    enum { TOKENS = 100 };
    for (size_t t = 0; t < TOKENS; t++) {
      for (size_t i = 0; i < DK; i++) decay[i] = 0.9;
      S[0] *= decay[0];
      const efla_token_sizes sizes = {.k = zeros, .p = zeros, .decay = decay, .v = v, .repeats = !differ && t > 0};
      efla_error_bound_step(&bound, &sizes, S);
    }
    const double one = 0x1p-48 * 2 * EFLA_ROUNDED_RELATIVE * (double)(S[0] * S[0]) / 3,
                 V = efla_error_bound_readout(&bound, q, 1, efla_format_find("f64")).sum,
                 alone = 0x1p-48 * TOKENS * (double)(S[0] * S[0]) / 3; /* of d S itself, at most */
    const double from = differ ? TOKENS : TOKENS * TOKENS, to = differ ? TOKENS : 2 * TOKENS * TOKENS + TOKENS;
    ck_assert_msg(V >= from * one && V <= to * one + alone, "%g of what one leaves", V / one);
    efla_error_bound_clear(&bound);
  }
}
END_TEST

/* Columns that are the same but for their signs have one error: L is all of V, and what cancels in them does so in their
 * errors. */
START_TEST(columns_that_are_alike) {
  const efla_units arithmetic = {.arithmetic = 0x1p-24, .state = 0x1p-24};
  const double k[DK] = {.3, .7, -.2, .5, .1}, v[DV] = {2.3, 2.3, -2.3}, decay[DK] = {1, 1, 1, 1, 1},
               opposite[DV] = {1, 0, 1};
  efla_error_bound bound;
  long double S[DK * DV] = {0};
  ck_assert_int_eq(efla_error_bound_init(&bound, &arithmetic, DK, DV, (efla_followed){.columns = true}), EFLA_OK);
  efla_error_bound_start(&bound, S);
  for (size_t t = 0; t < 3; t++) {
    long double u[DV];
    for (size_t j = 0; j < DV; j++) {
      u[j] = .8L * v[j];
      for (size_t i = 0; i < DK; i++) u[j] -= .8L * k[i] * S[i * DV + j];
    }
    for (size_t e = 0; e < DK * DV; e++) S[e] += k[e / DV] * u[e % DV];
    const efla_token_sizes sizes = {.k = k, .p = k, .decay = decay, .v = v, .erase = .8, .write = .8};
    efla_error_bound_step(&bound, &sizes, S);
  }
  for (size_t e = 0; e < DK * DK; e++) CHECK_BOUND(fabs(bound.C[e] - bound.most[e]), 100 * U * bound.C[0]);
  CHECK_BOUND(efla_quadratic_form(DV, bound.columns, opposite), 100 * U * bound.columns[0]);
  efla_error_bound_clear(&bound);
}
END_TEST

/* The mean over the orders of the other terms of what partial sums leave, the first excepted. */
static double terms[5];

static double mean_over_orders(size_t n, unsigned used, double sum) {
  double all = 0, next = 0;
  for (size_t i = 0; i < n; i++) {
    if (used & 1U << i) continue;
    const double partial = sum + terms[i];
    all += (used ? partial * partial : 0) + mean_over_orders(n, used | 1U << i, partial), next++;
  }
  return next > 0 ? all / next : 0;
}

/* Products, and partial sums as they come or, where they are larger, as in all orders. */
START_TEST(sums_by_their_orders) {
  const double y[] = {1, 1, 1, 1, 1};
  for (int alternating = 0; alternating < 2; alternating++) {
    double sum, rounded, scratch[2], products = 0, forward = 0, partial = 0;
    for (size_t i = 0; i < 5; i++) {
      terms[i] = alternating ? (i % 2 ? -3. : 3.) : 5.1 - (double)i;
      partial += terms[i];
      products += efla_rounded(terms[i]), forward += i ? efla_rounded(partial) : 0;
    }
    efla_rounded_sums(5, 1, y, terms, &sum, &rounded, scratch);
    const double mean = EFLA_ROUNDED_SQUARE * mean_over_orders(5, 0, 0);
    ck_assert_int_eq(forward < mean, alternating);
    CHECK_BOUND(fabs(rounded - products - (alternating ? mean : forward)),
                64 * U * rounded); /* 5 terms, 5 operations */
  }
}
END_TEST

/* Numbers with a logarithm spread evenly: the two means. */
START_TEST(means_over_a_binade) {
  enum { POINTS = 1 << 16 }; /* midpoints: the error is below (1/POINTS)^2 of a smooth function's curvature */
  double squares = 0, sizes = 0, relative = 0;
  for (size_t i = 0; i < POINTS; i++) {
    const double x = exp2(((double)i + 0.5) / POINTS);
    squares += x * x, sizes += efla_rounded(x), relative += efla_rounded(x) / (x * x);
  }
  CHECK_BOUND(fabs(sizes / squares - EFLA_ROUNDED_SQUARE), 1e-8);
  CHECK_BOUND(fabs(relative / POINTS - EFLA_ROUNDED_RELATIVE), 1e-8);
  ck_assert_double_eq(efla_rounded(-7.5), 16);
  ck_assert(efla_rounded_to(1 + 0x1p-10, 0x1p-11) == 0 && efla_rounded_to(1 + 0x1p-11, 0x1p-11) == 1);
}
END_TEST

/* The factor grants what n equal squares exceed with the probability that is stated, at most, and not thousands of
 * times less often: Chernoff's bound of their tail is (4 pi s)^(1/2) off for large s. */
START_TEST(tails_of_squares) {
  for (double n = 1; n <= 128; n *= 2) {
    const efla_variance variance = {n, 1};
    const double factor = efla_variance_factor(&variance, 1e3),
                 tail = gsl_cdf_chisq_Q(factor * factor * n, n) * 1e3 * EFLA_ERROR_BOUND_ODDS;
    ck_assert_msg(tail < 1 && tail > 1e-2, "%g squares: %g", n, tail);
  }
  ck_assert_double_eq(efla_variance_factor(&(efla_variance){3, 0}, 10), 1);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_step_by_its_roundings, columns_that_are_alike, decays_that_repeat,
                                sums_by_their_orders,      means_over_a_binade,    tails_of_squares};
  return testing_main("error_bound", tests, sizeof tests / sizeof *tests, 60);
}

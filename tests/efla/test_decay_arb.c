/* SPDX-License-Identifier: GPL-3.0-or-later */
/* d, e and w of every method and decay, and their slopes, against their definition in ball arithmetic
 * (docs/bounds.md#rates).  Skipped where Arb is not built in. */
#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#else
#include <arb.h>
#endif
#endif

#include "testing.h" /* after FLINT, whose headers use the name U */

#ifdef EFLA_HAVE_ARB

#include <gsl/gsl_randist.h>

/* A quotient of differences loses 600 bits at most (TINY), a derivative 250 and a second one 500; a central difference
 * errs by h^2 = 2^-500 of a third derivative. */
enum { BITS = 1536, TINY = -600, STEP = -250 };

/* ---- the definition, from the rates, and from a token's inputs ---- */

enum { BEFORE, DECAY, ERASE, WRITE, X, RATES }; /* x = rho lambda */
enum { BETA, ARGUMENT, LAMBDA, INPUTS };
enum { D, E, W, COEFFICIENTS };

static void polynomial(arb_t value, const double *c, const arb_t x) {
  arb_t term;
  arb_init(term);
  arb_zero(value);
  for (int i = EFLA_PHI_TERMS - 1; i >= 0; i--) {
    arb_set_d(term, c[i]);
    arb_mul(value, value, x, BITS);
    arb_add(value, value, term, BITS);
  }
  arb_clear(term);
}

/* R(-x) = 1 - x phi(x); of another x than R */
static void stability(const efla_method *m, const arb_t x, arb_t R) {
  if (m->closed) {
    ck_assert_msg(m->order == EFLA_ORDER_INFINITE, "%s has no definition here", m->name);
    arb_neg(R, x);
    arb_exp(R, R, BITS);
    return;
  }
  arb_t Q;
  arb_init(Q);
  polynomial(R, m->numerator, x);
  polynomial(Q, m->denominator, x);
  arb_div(R, R, Q, BITS);
  arb_mul(R, R, x, BITS);
  arb_sub_ui(R, R, 1, BITS);
  arb_neg(R, R);
  arb_clear(Q);
}

/* An x of 0 is taken as 2^TINY: no coefficient changes by more than about that. */
static void define(const efla_rule *rule, arb_srcptr p, arb_ptr c) {
  arb_t x, z, before, R;
  arb_init(x), arb_init(z), arb_init(before), arb_init(R);
  arb_set(x, p + X);
  if (arb_is_zero(x)) arb_one(x), arb_mul_2exp_si(x, x, TINY);
  arb_add(z, p + DECAY, x, BITS);
  arb_exp(before, p + BEFORE, BITS);
  stability(rule->method, p + DECAY, c + D);
  stability(rule->method, z, R);
  arb_sub(c + E, c + D, R, BITS);
  arb_div(c + E, c + E, x, BITS); /* psi(y, z) */
  arb_mul(c + E, c + E, p + ERASE, BITS);
  arb_sub_ui(c + W, R, 1, BITS);
  arb_neg(z, z);
  arb_div(c + W, c + W, z, BITS); /* phi(z) */
  arb_mul(c + W, c + W, p + WRITE, BITS);
  arb_mul(c + D, c + D, before, BITS);
  arb_mul(c + E, c + E, before, BITS);
  arb_clear(x), arb_clear(z), arb_clear(before), arb_clear(R);
}

/* The table of rule.h. */
static void find_rates(const efla_decay *decay, arb_srcptr in, arb_ptr p) {
  _arb_vec_zero(p, RATES);
  arb_set(p + ERASE, in + BETA);
  arb_set(p + WRITE, in + BETA);
  if (!strcmp(decay->name, "split")) arb_set(p + BEFORE, in + ARGUMENT);
  if (!strcmp(decay->name, "joint")) arb_neg(p + DECAY, in + ARGUMENT);
  if (!strcmp(decay->name, "retention")) {
    arb_sub_ui(p + DECAY, in + ARGUMENT, 1, BITS);
    arb_neg(p + DECAY, p + DECAY);
    arb_mul(p + ERASE, in + BETA, in + ARGUMENT, BITS);
  }
  arb_mul(p + X, p + ERASE, in + LAMBDA, BITS);
}

static void define_from_inputs(const efla_rule *rule, arb_srcptr in, arb_ptr c) {
  arb_ptr p = _arb_vec_init(RATES);
  find_rates(rule->decay, in, p);
  define(rule, p, c);
  _arb_vec_clear(p, RATES);
}

typedef void coefficients(const efla_rule *rule, arb_srcptr at, arb_ptr c);

/* slope <- the derivative by the i-th of n arguments, and by the j-th where there is one.  Steps differ by arguments, so
 * that y + x is not 0 where both start from 0. */
static void differentiate(coefficients *f, const efla_rule *rule, arb_srcptr at, int n, int i, int j, arb_ptr slope) {
  arb_ptr moved = _arb_vec_init(n), side = _arb_vec_init(COEFFICIENTS);
  arb_t h;
  arb_init(h);
  _arb_vec_zero(slope, COEFFICIENTS);
  for (int sign = 1; sign >= -1; sign -= 2) {
    arb_set_si(h, sign);
    arb_mul_2exp_si(h, h, STEP - 2 * i);
    _arb_vec_set(moved, at, n);
    arb_add(moved + i, at + i, h, BITS);
    if (j >= 0)
      differentiate(f, rule, moved, n, j, -1, side);
    else
      f(rule, moved, side);
    arb_mul_2exp_si(h, h, 1);
    for (int k = 0; k < COEFFICIENTS; k++) {
      arb_div(side + k, side + k, h, BITS);
      arb_add(slope + k, slope + k, side + k, BITS);
    }
  }
  arb_clear(h);
  _arb_vec_clear(side, COEFFICIENTS);
  _arb_vec_clear(moved, n);
}

/* -dR(-x)/dx, which is psi(x, x) */
static void differentiate_stability(const efla_method *m, const arb_t x, arb_t slope) {
  arb_t h, end, R;
  arb_init(h), arb_init(end), arb_init(R);
  arb_one(h);
  arb_mul_2exp_si(h, h, STEP);
  arb_sub(end, x, h, BITS);
  stability(m, end, slope);
  arb_add(end, x, h, BITS);
  stability(m, end, R);
  arb_sub(slope, slope, R, BITS);
  arb_mul_2exp_si(slope, slope, -STEP - 1);
  arb_clear(h), arb_clear(end), arb_clear(R);
}

/* ---- one token ---- */

/* |x|, whose radius must be that of a reference. */
static double size_of(const arb_t x) {
  mag_t limit;
  mag_init(limit);
  arb_get_mag(limit, x);
  mag_mul_2exp_si(limit, limit, -200);
  ck_assert(mag_cmp(arb_radref(x), limit) <= 0 || mag_cmp_2exp_si(arb_radref(x), -400) < 0);
  mag_clear(limit);
  return fabs(arf_get_d(arb_midref(x), ARF_RND_UP));
}

static double distance(double value, const arb_t truth) {
  arb_t difference;
  arb_init(difference);
  arb_set_d(difference, value);
  arb_sub(difference, truth, difference, BITS);
  double size = fabs(arf_get_d(arb_midref(difference), ARF_RND_UP));
  arb_clear(difference);
  return size;
}

/* A token's inputs and its truth. */
typedef struct token {
  const efla_rule *rule;
  double beta, argument, lambda;
  arb_ptr in, p; /* inputs, rates */
  double before, y, x;
  double by_y[COEFFICIENTS], by_x[COEFFICIENTS]; /* sizes of the coefficients' derivatives */
} token;

static void check(const token *t, const char *what, double value, const arb_t truth, double bound) {
  double error = distance(value, truth);
  ck_assert_msg(error <= bound, "%s %s, beta %.17g, %.17g, lambda %.17g: %s %.17g errs by %g, bound %g (seed %lu)",
                t->rule->method->name, t->rule->decay->name, t->beta, t->argument, t->lambda, what, value, error, bound,
                testing_seed());
}

/* docs/bounds.md#rates: so many u by counting roundings, and what y and x pass on; underflow by one subnormal for each
 * division and product, of which rho may enlarge some; e^before, as small as it is. */
static const double FEW = 10, MORE = 20;
static double unit(const token *t) { return fmin(1, U + DBL_TRUE_MIN / exp(t->before)); }
static double underflow(const token *t) { return 16 * DBL_TRUE_MIN * (1 + t->beta) * (1 + t->beta) * (1 + t->lambda); }

static void check_coefficients(token *t) {
  static const char *const names[COEFFICIENTS] = {"d", "e", "w"};
  arb_ptr c = _arb_vec_init(COEFFICIENTS), slope = _arb_vec_init(COEFFICIENTS);
  efla_coefficients found;
  ck_assert_int_eq(efla_rule_coefficients(t->rule, t->lambda, t->beta, t->argument, &found), EFLA_OK);
  const double values[COEFFICIENTS] = {found.decay, found.erase, found.write};
  define(t->rule, t->p, c);
  differentiate(define, t->rule, t->p, RATES, DECAY, -1, slope);
  for (int k = 0; k < COEFFICIENTS; k++) t->by_y[k] = size_of(slope + k);
  differentiate(define, t->rule, t->p, RATES, X, -1, slope);
  for (int k = 0; k < COEFFICIENTS; k++) {
    t->by_x[k] = size_of(slope + k);
    check(t, names[k], values[k], c + k,
          unit(t) * (FEW * size_of(c + k) + t->y * t->by_y[k] + 2 * t->x * t->by_x[k]) + underflow(t));
  }
  _arb_vec_clear(c, COEFFICIENTS), _arb_vec_clear(slope, COEFFICIENTS);
}

/* The sizes of the terms that a derivative is the sum of, by the rates' derivatives (rule.c). */
static void find_sizes(const token *t, const efla_rates *by, double size[COEFFICIENTS]) {
  arb_ptr c = _arb_vec_init(COEFFICIENTS);
  arb_t z, diagonal;
  arb_init(z), arb_init(diagonal);
  define(t->rule, t->p, c);
  arb_add(z, t->p + DECAY, t->p + X, BITS);
  differentiate_stability(t->rule->method, z, diagonal);
  arb_exp(z, t->p + BEFORE, BITS);
  double turn = fma(t->beta, fma(by->erase, t->lambda, by->decay), -by->write * (t->y + t->x));
  size[D] = fabs(by->before) * size_of(c + D) + fabs(by->decay) * t->by_y[D];
  size[E] = fabs(by->before) * size_of(c + E) + fabs(by->erase) * size_of(z) * size_of(diagonal) +
            fabs(by->decay) * t->by_y[E];
  size[W] = fabs(by->write) * size_of(diagonal) + fabs(turn) * t->by_x[W] / t->beta;
  arb_clear(z), arb_clear(diagonal);
  _arb_vec_clear(c, COEFFICIENTS);
}

static void check_slopes(const token *t) {
  static const char *const names[INPUTS][COEFFICIENTS] = {{"d by beta", "e by beta", "w by beta"},
                                                          {"d by g", "e by g", "w by g"},
                                                          {"d by lambda", "e by lambda", "w by lambda"}};
  efla_coefficient_slopes found;
  ck_assert_int_eq(efla_rule_slopes(t->rule, t->lambda, t->beta, t->argument, &found), EFLA_OK);
  const efla_coefficients *by[INPUTS] = {&found.by_beta, &found.by_g, &found.by_lambda};
  efla_rates by_rates[INPUTS];
  t->rule->decay->slopes(t->beta, t->argument, &by_rates[BETA], &by_rates[ARGUMENT]);
  arb_ptr slope = _arb_vec_init(COEFFICIENTS), by_lambda = _arb_vec_init(COEFFICIENTS),
          by_argument = _arb_vec_init(COEFFICIENTS);
  for (int i = 0; i < INPUTS; i++) {
    double size[COEFFICIENTS];
    const double values[COEFFICIENTS] = {by[i]->decay, by[i]->erase, by[i]->write};
    differentiate(define_from_inputs, t->rule, t->in, INPUTS, i, -1, slope);
    differentiate(define_from_inputs, t->rule, t->in, INPUTS, i, LAMBDA, by_lambda);
    differentiate(define_from_inputs, t->rule, t->in, INPUTS, i, ARGUMENT, by_argument);
    if (i == LAMBDA)
      for (int k = 0; k < COEFFICIENTS; k++) size[k] = size_of(slope + k);
    else
      find_sizes(t, &by_rates[i], size);
    for (int k = 0; k < COEFFICIENTS; k++)
      check(t, names[i][k], values[k], slope + k,
            unit(t) * (MORE * size[k] + 2 * t->lambda * size_of(by_lambda + k) + t->y * size_of(by_argument + k)) +
                underflow(t));
  }
  _arb_vec_clear(slope, COEFFICIENTS), _arb_vec_clear(by_lambda, COEFFICIENTS);
  _arb_vec_clear(by_argument, COEFFICIENTS);
}

static void check_token(const efla_rule *rule, double beta, double argument, double lambda) {
  token t = {.rule = rule, .beta = beta, .argument = argument, .lambda = lambda};
  t.in = _arb_vec_init(INPUTS), t.p = _arb_vec_init(RATES);
  arb_set_d(t.in + BETA, beta), arb_set_d(t.in + ARGUMENT, argument), arb_set_d(t.in + LAMBDA, lambda);
  find_rates(rule->decay, t.in, t.p);
  t.before = strcmp(rule->decay->name, "split") ? 0 : argument;
  t.y = size_of(t.p + DECAY), t.x = size_of(t.p + X);
  check_coefficients(&t);
  check_slopes(&t);
  _arb_vec_clear(t.in, INPUTS), _arb_vec_clear(t.p, RATES);
}

/* Rates near y and x for every method and decay; where there is no y, it is the decay before the step. */
static void check_rates(double y, double x, double beta) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (const efla_decay *decay = efla_decays; decay->name; decay++) {
      const bool retention = decay->argument && !strcmp(decay->argument, "alpha");
      const double argument = retention ? 1 - y : -y, rho = retention ? argument * beta : beta;
      if (argument < 0 && retention) continue;
      check_token(&(efla_rule){.method = m, .decay = decay}, beta, argument, rho > 0 ? x / rho : x);
    }
}

/* Both small, equal, y >> x and x >> y, and at zeros of R (1, 2, 3) and of psi: (1/2, 1) of rk2, (2, 4) of gauss4, (6, 6)
 * of radau3. */
START_TEST(rates_of_all_sizes) {
  static const double sizes[] = {0, 1e-160, 1e-30, 1e-16, 1e-8, 1e-3, .1,  .5,  1,   1.1,
                                 2, 3,      4,     6,     10,   30,   100, 700, 1e3, 1e4};
  enum { N = sizeof sizes / sizeof *sizes };
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) check_rates(sizes[i], sizes[j], i == j ? 1 : exp(gsl_ran_flat(draw, -4, 4)));
  gsl_rng_free(draw);
}
END_TEST

START_TEST(rates_at_random) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int i = 0; i < 200; i++) {
    double y = exp(gsl_ran_flat(draw, -20, log(1e4))), x = exp(gsl_ran_flat(draw, -20, log(1e4)));
    check_rates(y, x, exp(gsl_ran_flat(draw, -4, 4)));
    check_rates(y, y * (1 + i % 7 * U), exp(gsl_ran_flat(draw, -4, 4)));
    check_rates(gsl_rng_uniform(draw), 8 * gsl_rng_uniform(draw), exp(gsl_ran_flat(draw, -1, 1)));
    check_rates(6 * gsl_rng_uniform(draw), 6 * gsl_rng_uniform(draw), exp(gsl_ran_flat(draw, -1, 1)));
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rates_of_all_sizes, rates_at_random};
  return testing_main("decay_arb", tests, sizeof tests / sizeof *tests, 300);
}

#else

int main(void) { return testing_main("decay_arb: not built", NULL, 0, 1); }

#endif

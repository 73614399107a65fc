/* SPDX-License-Identifier: GPL-3.0-or-later */
/* d, e and w of every method and decay, and their slopes, against their definition in ball arithmetic
 * (docs/bounds.md#rates).  Skipped where Arb is not built in. */
#include "balls.h"

#ifdef EFLA_HAVE_ARB

#include <gsl/gsl_randist.h>

/* A token's inputs and rates. */
typedef struct token {
  const efla_rule *rule;
  double beta, argument, lambda;
  arb_ptr in, p; /* inputs, rates */
  double before, y, x;
  double y_error, x_error;                                   /* of the y and x that the library computes with */
  double by_y[BALLS_COEFFICIENTS], by_x[BALLS_COEFFICIENTS]; /* sizes of the coefficients' derivatives */
} token;

static token open_token(const efla_rule *rule, double beta, double argument, double lambda) {
  token t = {.rule = rule, .beta = beta, .argument = argument, .lambda = lambda};
  efla_rates r;
  t.in = _arb_vec_init(BALLS_INPUTS), t.p = _arb_vec_init(BALLS_RATES);
  arb_set_d(t.in + BALLS_BETA, beta), arb_set_d(t.in + BALLS_ARGUMENT, argument),
      arb_set_d(t.in + BALLS_LAMBDA, lambda);
  balls_rates(rule->decay, t.in, t.p);
  rule->decay->rates(beta, argument, &r);
  t.before = r.before, t.y = balls_size(t.p + BALLS_DECAY), t.x = balls_size(t.p + BALLS_X);
  t.y_error = balls_distance(r.decay, t.p + BALLS_DECAY), t.x_error = balls_distance(r.erase * lambda, t.p + BALLS_X);
  ck_assert(t.y_error <= U * t.y && t.x_error <= 2 * U * t.x + 2 * DBL_TRUE_MIN);
  if (t.x == 0) t.x_error = ldexp(1, BALLS_TINY); /* of balls_define() */
  return t;
}

static void check(const token *t, const char *what, double value, const arb_t truth, double bound) {
  double error = balls_distance(value, truth);
  ck_assert_msg(error <= bound, "%s %s, beta %.17g, %.17g, lambda %.17g: %s %.17g errs by %g, bound %g (seed %lu)",
                t->rule->method->name, t->rule->decay->name, t->beta, t->argument, t->lambda, what, value, error, bound,
                testing_seed());
}

/* docs/bounds.md#rates: so many u by counting roundings, and what the errors of y and x pass on; underflow by one
 * subnormal for each division and product, of which rho may enlarge some; e^before, as small as it is. */
static const double FEW = 10, MORE = 20;
static double unit(const token *t) { return fmin(1, U + DBL_TRUE_MIN / exp(t->before)); }
static double square(double x) { return x * x; }
static double underflow(const token *t) { return 16 * DBL_TRUE_MIN * square(1 + t->beta) * (1 + t->lambda); }

static void check_coefficients(token *t) {
  static const char *const names[BALLS_COEFFICIENTS] = {"d", "e", "w"};
  arb_ptr c = _arb_vec_init(BALLS_COEFFICIENTS), slope = _arb_vec_init(BALLS_COEFFICIENTS);
  efla_coefficients found;
  ck_assert_int_eq(efla_rule_coefficients(t->rule, t->lambda, t->beta, t->argument, &found), EFLA_OK);
  const double values[BALLS_COEFFICIENTS] = {found.decay, found.erase, found.write};
  balls_define(t->rule, t->p, c);
  balls_differentiate(balls_define, t->rule, t->p, BALLS_RATES, BALLS_DECAY, -1, slope);
  for (int k = 0; k < BALLS_COEFFICIENTS; k++) t->by_y[k] = balls_size(slope + k);
  balls_differentiate(balls_define, t->rule, t->p, BALLS_RATES, BALLS_X, -1, slope);
  for (int k = 0; k < BALLS_COEFFICIENTS; k++) {
    t->by_x[k] = balls_size(slope + k);
    check(t, names[k], values[k], c + k,
          unit(t) * FEW * balls_size(c + k) + t->y_error * t->by_y[k] + t->x_error * t->by_x[k] + underflow(t));
  }
  _arb_vec_clear(c, BALLS_COEFFICIENTS), _arb_vec_clear(slope, BALLS_COEFFICIENTS);
}

/* The sizes of the terms that a derivative is the sum of (docs/derivations.md#e7), by the rates' derivatives, one
 * subnormal more for what of b' has underflowed. */
static void find_sizes(const token *t, const efla_rates *by, double size[BALLS_COEFFICIENTS]) {
  arb_ptr c = _arb_vec_init(BALLS_COEFFICIENTS);
  arb_t z, turn, part;
  arb_init(z), arb_init(turn), arb_init(part);
  balls_define(t->rule, t->p, c);
  arb_add(z, t->p + BALLS_DECAY, t->p + BALLS_X, BALLS_BITS);
  arb_set_d(turn, by->erase);
  arb_mul(turn, turn, t->in + BALLS_LAMBDA, BALLS_BITS);
  arb_set_d(part, by->decay);
  arb_add(turn, turn, part, BALLS_BITS);
  arb_mul(turn, turn, t->p + BALLS_WRITE, BALLS_BITS);
  arb_set_d(part, by->write);
  arb_submul(turn, part, z, BALLS_BITS); /* b z' - b' z */
  balls_diagonal(t->rule->method, z, part);
  arb_exp(z, t->p + BALLS_BEFORE, BALLS_BITS);
  const double diagonal = balls_size(part), before = balls_size(z);
  size[BALLS_D] = fabs(by->before) * balls_size(c + BALLS_D) + fabs(by->decay) * t->by_y[BALLS_D];
  size[BALLS_E] = fabs(by->before) * balls_size(c + BALLS_E) + fabs(by->erase) * before * diagonal +
                  fabs(by->decay) * t->by_y[BALLS_E];
  size[BALLS_W] = (fabs(by->write) + DBL_TRUE_MIN) * diagonal +
                  balls_size(turn) / balls_size(t->p + BALLS_WRITE) * t->by_x[BALLS_W];
  arb_clear(z), arb_clear(turn), arb_clear(part);
  _arb_vec_clear(c, BALLS_COEFFICIENTS);
}

static void check_slopes(const token *t) {
  static const char *const names[BALLS_INPUTS][BALLS_COEFFICIENTS] = {{"d by beta", "e by beta", "w by beta"},
                                                                      {"d by g", "e by g", "w by g"},
                                                                      {"d by lambda", "e by lambda", "w by lambda"}};
  efla_coefficient_slopes found;
  ck_assert_int_eq(efla_rule_slopes(t->rule, t->lambda, t->beta, t->argument, &found), EFLA_OK);
  const double rho = balls_size(t->p + BALLS_ERASE); /* 0 at alpha = 0 only, where y = 1 and no slope is small */
  const double lambda_error = rho > 0 ? t->x_error / rho : 0,
               rest = rho > 0 ? 0 : 16 * t->x_error * square(1 + t->beta);
  const efla_coefficients *by[BALLS_INPUTS] = {&found.by_beta, &found.by_g, &found.by_lambda};
  efla_rates by_rates[BALLS_INPUTS];
  t->rule->decay->slopes(t->beta, t->argument, &by_rates[BALLS_BETA], &by_rates[BALLS_ARGUMENT]);
  arb_ptr slope = _arb_vec_init(BALLS_COEFFICIENTS), by_lambda = _arb_vec_init(BALLS_COEFFICIENTS),
          by_argument = _arb_vec_init(BALLS_COEFFICIENTS);
  for (int i = 0; i < BALLS_INPUTS; i++) {
    double size[BALLS_COEFFICIENTS];
    const double values[BALLS_COEFFICIENTS] = {by[i]->decay, by[i]->erase, by[i]->write};
    balls_differentiate(balls_from_inputs, t->rule, t->in, BALLS_INPUTS, i, -1, slope);
    balls_differentiate(balls_from_inputs, t->rule, t->in, BALLS_INPUTS, i, BALLS_LAMBDA, by_lambda);
    balls_differentiate(balls_from_inputs, t->rule, t->in, BALLS_INPUTS, i, BALLS_ARGUMENT, by_argument);
    if (i == BALLS_LAMBDA)
      for (int k = 0; k < BALLS_COEFFICIENTS; k++) size[k] = balls_size(slope + k);
    else
      find_sizes(t, &by_rates[i], size);
    for (int k = 0; k < BALLS_COEFFICIENTS; k++)
      check(t, names[i][k], values[k], slope + k,
            unit(t) * MORE * size[k] + lambda_error * balls_size(by_lambda + k) +
                t->y_error * balls_size(by_argument + k) + rest + underflow(t));
  }
  _arb_vec_clear(slope, BALLS_COEFFICIENTS), _arb_vec_clear(by_lambda, BALLS_COEFFICIENTS);
  _arb_vec_clear(by_argument, BALLS_COEFFICIENTS);
}

static void check_token(const efla_rule *rule, double beta, double argument, double lambda) {
  token t = open_token(rule, beta, argument, lambda);
  check_coefficients(&t);
  check_slopes(&t);
  _arb_vec_clear(t.in, BALLS_INPUTS), _arb_vec_clear(t.p, BALLS_RATES);
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

/* Both small, equal, y >> x and x >> y, and at zeros of R (1, 2, 3).  A beta that is a power of two makes x exact. */
START_TEST(rates_of_all_sizes) {
  static const double sizes[] = {0, 1e-160, 1e-30, 1e-16, 1e-8, 1e-3, .1, .5, 1, 1.1, 2, 3, 10, 30, 100, 700, 1e3, 1e4};
  enum { N = sizeof sizes / sizeof *sizes };
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) check_rates(sizes[i], sizes[j], (i + j) % 2 ? .5 : exp(gsl_ran_flat(draw, -4, 4)));
  gsl_rng_free(draw);
}
END_TEST

/* Next to zeros of psi, where y + x must not be rounded nor 1/y and 1/z: of rk2, gauss4 (where they are past 1) and
 * radau3.  At this balls_distance the (4 n u)^2 of the terms' sizes is below u of the rest. */
START_TEST(rates_next_to_zeros) {
  static const double zeros[][2] = {{.5, 1}, {2, 4}, {6, 6}};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
    check_rates(zeros[i][0], zeros[i][1], 1);
    for (int j = 0; j < 10; j++) check_rates(zeros[i][0] * (1 + 1e-7 * gsl_rng_uniform(draw)), zeros[i][1], 2);
  }
  gsl_rng_free(draw);
}
END_TEST

START_TEST(rates_at_random) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int i = 0; i < 200; i++) {
    double y = exp(gsl_ran_flat(draw, -20, log(1e4))), x = exp(gsl_ran_flat(draw, -20, log(1e4)));
    check_rates(y, x, i % 2 ? .25 : exp(gsl_ran_flat(draw, -4, 4)));
    check_rates(y, y * (1 + i % 7 * U), exp(gsl_ran_flat(draw, -4, 4)));
    check_rates(gsl_rng_uniform(draw), 8 * gsl_rng_uniform(draw), exp(gsl_ran_flat(draw, -1, 1)));
    check_rates(6 * gsl_rng_uniform(draw), 6 * gsl_rng_uniform(draw), exp(gsl_ran_flat(draw, -1, 1)));
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rates_of_all_sizes, rates_next_to_zeros, rates_at_random};
  return testing_main("decay_arb", tests, sizeof tests / sizeof *tests, 300);
}

#else

int main(void) { return testing_main("decay_arb: not built", NULL, 0, 1); }

#endif

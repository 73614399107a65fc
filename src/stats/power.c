/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/power.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <math.h>

static const double power = 0.8;

double efla_student_p(double mean, double sd, size_t n) {
  if (n < 2 || sd == 0) return NAN;
  return 2 * gsl_cdf_tdist_Q(fabs(mean) / (sd / sqrt((double)n)), (double)(n - 1));
}

typedef struct test {
  double t, shift, freedom;
} test;

/* Given that the estimated standard deviation is s times the true one, which has the density that is multiplied. */
static double rejection(double s, void *of) {
  const test *x = of;
  const double given = gsl_cdf_ugaussian_Q(x->t * s - x->shift) + gsl_cdf_ugaussian_P(-x->t * s - x->shift);
  return given * 2 * s * x->freedom * gsl_ran_chisq_pdf(x->freedom * s * s, x->freedom);
}

/* Gauss and Legendre's 32 points on each of eight intervals around 1.  An estimated standard deviation has a chi law, by
 * the concentration of normal laws within 8 of its mean but for a probability of 2 exp(-32), and that mean is between
 * sqrt(n - 1.5) and sqrt(n - 1).  Where t is large, of two values at a small level, the normal laws
 * are narrow, within 1 / t, and there are more intervals (docs/bounds.md#statistics). */
double efla_student_power(double effect, size_t n, double level) {
  assert(n >= 2);
  enum { POINTS = 32 };
  const double freedom = (double)(n - 1), reach = 8.5 / sqrt(freedom);
  test x = {gsl_cdf_tdist_Qinv(level / 2, freedom), effect * sqrt((double)n), freedom};
  const int parts = 8 * (int)ceil(x.t / 13);
  const double least = fmax(0, 1 - reach), width = (1 + reach - least) / parts;
  gsl_integration_glfixed_table *points = gsl_integration_glfixed_table_alloc(POINTS);
  const gsl_function f = {rejection, &x};
  double sum = 0;
  for (int i = 0; i < parts && points; i++)
    sum += gsl_integration_glfixed(&f, least + i * width, least + (i + 1) * width, points);
  gsl_integration_glfixed_table_free(points);
  return points ? sum : NAN;
}

double efla_student_seen_from(size_t n, double level) {
  if (n < 2) return NAN;
  double below = 0, above = 1;
  while (efla_student_power(above, n, level) < power) below = above, above *= 2;
  for (int i = 0; i < 50; i++) {
    const double middle = (below + above) / 2;
    *(efla_student_power(middle, n, level) < power ? &below : &above) = middle;
  }
  return above;
}

/* A test of known variance needs fewer: from there on they are tried. */
double efla_student_seeds(double effect, double level) {
  const double known = pow((gsl_cdf_ugaussian_Pinv(1 - level / 2) + gsl_cdf_ugaussian_Pinv(power)) / effect, 2);
  if (!(known <= 1e6)) return INFINITY;
  size_t n = known > 2 ? (size_t)known : 2;
  while (efla_student_power(effect, n, level) < power) n++;
  return (double)n;
}

void efla_holm(size_t m, size_t n, const double *p, double *adjusted) {
  assert(n <= m);
  for (size_t i = 0; i < n; i++) {
    adjusted[i] = isnan(p[i]) ? NAN : 0;
    /* The largest of the products up to this one's place. */
    for (size_t j = 0; j < n && !isnan(p[i]); j++) {
      size_t smaller = 0;
      for (size_t k = 0; k < n; k++) smaller += p[k] < p[j] || (k < j && p[k] == p[j]);
      if (p[j] <= p[i]) adjusted[i] = fmax(adjusted[i], fmin(1, (double)(m - smaller) * p[j]));
    }
  }
}

/* Where the beta law's distribution function is p, by halving: GSL's own inverse does not converge for all parameters. */
static double beta_quantile(double p, double a, double b) {
  double below = 0, above = 1;
  for (int i = 0; i < 60; i++) {
    const double middle = (below + above) / 2;
    *(gsl_cdf_beta_P(middle, a, b) < p ? &below : &above) = middle;
  }
  return above;
}

void efla_clopper_pearson(size_t k, size_t n, double *low, double *high) {
  const double level = 0.05;
  assert(n >= 1 && k <= n);
  *low = k ? beta_quantile(level / 2, (double)k, (double)(n - k + 1)) : 0;
  *high = k < n ? beta_quantile(1 - level / 2, (double)(k + 1), (double)(n - k)) : 1;
}

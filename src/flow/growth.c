#include "flow/growth.h"

#include "flow/tokens.h"

#include <gsl/gsl_sf_gamma.h>
#include <math.h>

/* With c = z/sqrt(1+z^2) the expectation is (h(R) - h(1))/2, h(R) = E log(1 + R^2 z^2), and z = e^s turns the density
 * of z into one that decays exponentially on both sides.  The nearest singularities, s = +-i pi/2 and s = -log R +- i
 * pi/2, are pi/2 from the real line whatever R is, so the trapezoidal rule's error is exp(-pi^2/STEP) (Trefethen and
 * Weideman 2014). */
static const double STEP = 0.3; /* exp(-pi^2/0.3) = 5e-15 */
static const double TAIL = 36;  /* e^-36 = 2e-16 */

double efla_growth_isotropic(size_t dk, double R) {
  if (isnan(R)) return NAN;
  if (dk == 1) return log(fabs(R));
  double d = (double)dk, sum = 0;
  double scale = 2 * exp(gsl_sf_lngamma(d / 2) - gsl_sf_lngamma((d - 1) / 2)) / sqrt(M_PI);
  for (double s = -TAIL; s < TAIL / (d - 1) + 1; s += STEP) {
    double z = exp(s), density = scale * z * pow(1 + z * z, -d / 2);
    sum += density * (2 * log(hypot(1, R * z)) - log1p(z * z));
  }
  return sum * STEP / 2;
}

double efla_growth_step(size_t dk, const double *k, double a, double *w) {
  double along = 0;
  for (size_t i = 0; i < dk; i++) along += k[i] * w[i];
  for (size_t i = 0; i < dk; i++) w[i] -= a * along * k[i];
  double norm = sqrt(efla_lambda(dk, w));
  if (!(norm > 0) || isinf(norm)) {
    for (size_t i = 0; i < dk; i++) w[i] = i == 0;
    return norm > 0 ? INFINITY : norm == 0 ? -INFINITY : NAN;
  }
  for (size_t i = 0; i < dk; i++) w[i] /= norm;
  return log(norm);
}

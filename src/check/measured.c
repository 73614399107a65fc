/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/measured.h"

#include <math.h>

static double ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }

efla_measured efla_measure_row(size_t n, const double *found, const long double *truth, const efla_format *format) {
  efla_measured m = {0};
  double largest = 0, worst = -1;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)truth[i]));
  double gap = efla_format_gap(format, largest);
  for (size_t i = 0; i < n; i++) {
    double error = (double)fabsl(found[i] - truth[i]);
    if (!isfinite(error)) error = INFINITY;
    if (error > worst) worst = error, m.worst = i;
    m.error2 += error * error;
    m.truth2 += (double)(truth[i] * truth[i]);
  }
  m.ulps = worst / gap;
  m.ulps2 = m.error2 / gap / gap;
  return m;
}

bool efla_errors_add(efla_errors_of *errors, const efla_tolerance *tolerance, size_t n, const efla_measured *m,
                     double allowed) {
  double error = sqrt(m->error2), relative = ratio(error, sqrt(m->truth2)), of_allowed = ratio(error, allowed);
  errors->numbers += n;
  errors->error2 += m->error2, errors->truth2 += m->truth2, errors->ulps2 += m->ulps2;
  efla_raise(&errors->ulps, m->ulps);
  efla_raise(&errors->relative, relative);
  efla_raise(&errors->ratio, of_allowed);
  const bool exceeded[] = {!(of_allowed <= 1), !(m->ulps <= tolerance->value), !(relative <= tolerance->value)};
  return exceeded[tolerance->kind];
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The error bound of what a kernel puts out. */
#include "check/error_bound.h"

#include "check/rounded_sums.h"

#include <math.h>

static double square(double x) { return x * x; }

/* Numbers below the smallest normal one are rounded to a fixed gap. */
static double subnormal(const efla_format *stored) { return square(ldexp(1, stored->least - stored->digits)); }

efla_variance efla_error_bound_readout(efla_error_bound *bound, const double *q, double scale,
                                       const efla_format *stored) {
  const size_t dk = bound->dk, dv = bound->dv;
  const double a = square(bound->units.arithmetic), unit2 = square(efla_format_unit(stored)),
               last = (unit2 > a ? unit2 : 0) + (scale == 1 ? 0 : a);
  const efla_state_sums state = efla_error_bound_sums(bound);
  efla_added V = {.factor = 1, .n = dv, .alike = &bound->alike}, o = V;
  efla_sum_rows(&state, q, false, bound->sum, bound->rounded, bound->scratch, &V);
  efla_add_alone(&V, a, bound->rounded);
  V.v.sum = V.v.sum / 3 + efla_quadratic_form(dk, bound->C, q),
  V.v.most = V.v.most / 3 + efla_quadratic_form(dk, bound->most, q);
  if (bound->aged)
    efla_add_common(&V, efla_quadratic_form(dk, bound->run, q) + 4 * efla_quadratic_form(dk, bound->age, q), NULL);
  for (size_t j = 0; j < dv; j++) bound->rounded[j] = last * efla_rounded(scale * bound->sum[j]) + subnormal(stored);
  efla_add_alone(&o, 1 / 3., bound->rounded);
  efla_variance_add(&o.v, square(scale), &V.v);
  return o.v;
}

efla_variance efla_error_bound_state(const efla_error_bound *bound, const efla_format *stored) {
  const size_t dv = bound->dv;
  const double unit2 = square(efla_format_unit(stored)), r = unit2 > square(bound->units.state) ? unit2 : 0;
  efla_added V = {
      .v.sum = (double)(bound->dk * dv) * subnormal(stored) / 3, .factor = 1, .n = dv, .alike = &bound->alike};
  for (size_t i = 0; i < bound->dk; i++) {
    const size_t at = i * bound->dk + i;
    for (size_t j = 0; j < dv; j++) bound->rounded[j] = efla_rounded(bound->S[i * dv + j]);
    efla_add_alone(&V, r / 3, bound->rounded);
    V.v.sum += bound->C[at], V.v.most += bound->most[at];
    if (bound->aged) efla_add_common(&V, bound->run[at] + 4 * bound->age[at], NULL);
  }
  return V.v;
}

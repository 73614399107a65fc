/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "differences.h"

#include <float.h>
#include <math.h>

static double difference(differences_of *f, void *context, double *at, double h, double *size) {
  double here = *at;
  *at = here + h;
  double above = f(context, size);
  *at = here - h;
  double below = f(context, size);
  *at = here;
  return (above - below) / (2 * h);
}

double differences_slope(differences_of *f, void *context, double *at, size_t operations, double *doubt) {
  const double h = ldexp(1, -13);
  double size, near = difference(f, context, at, h, &size), far = difference(f, context, at, 2 * h, &size);
  *doubt = fabs(far - near) + (double)operations * (DBL_EPSILON / 2) * size / h;
  return near;
}

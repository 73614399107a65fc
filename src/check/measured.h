/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One row of a kernel's output, a token's or a state's, compared with its true value. */
#ifndef EFLA_CHECK_MEASURED_H
#define EFLA_CHECK_MEASURED_H

#include "check/result.h"

typedef struct efla_measured {
  size_t worst;                /* the entry with the largest error */
  double error2, truth2, ulps; /* sums over all entries; ulps of the worst entry */
  double ulps2;
} efla_measured;

efla_measured efla_measure_row(size_t n, const double *found, const long double *truth, const efla_format *format);

/* Adds a row of n entries to the sums, but not its variance; returns whether a tolerance for single rows is
 * exceeded. */
bool efla_errors_add(efla_errors_of *errors, const efla_tolerance *tolerance, size_t n, const efla_measured *row,
                     double allowed);

#endif

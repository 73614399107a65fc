/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quantiles and histogram of a stream of numbers >= 0, in bounded memory.
 *
 * The first EFLA_QUANTILES_EXACT numbers are stored, and while there are no more the quantiles are exact.  All numbers
 * are also counted in bins of equal width in the logarithm, EFLA_QUANTILES_PER_OCTAVE to a factor of 2; for more
 * numbers an order statistic is taken as the geometric middle of its bin, which is off by a factor of at most
 * 2^(1/256), 0.28 %.  One bin holds everything below 2^-32 and one everything from 2^32 on; their values are the
 * smallest and the largest number. */
#ifndef EFLA_STATS_QUANTILES_H
#define EFLA_STATS_QUANTILES_H

#include "base/status.h"

#include <stddef.h>

#define EFLA_QUANTILES_EXACT      4096
#define EFLA_QUANTILES_PER_OCTAVE 128
#define EFLA_QUANTILES_OCTAVES    64 /* from 2^-32 on */
#define EFLA_QUANTILES_BINS       (EFLA_QUANTILES_OCTAVES * EFLA_QUANTILES_PER_OCTAVE + 2)

typedef struct efla_quantiles {
  size_t n;
  double least, most; /* inf and -inf while n = 0 */
  double *first;      /* (EFLA_QUANTILES_EXACT), all numbers while n does not exceed that */
  size_t *bins;       /* (EFLA_QUANTILES_BINS), counts; the first and the last bin are unbounded */
} efla_quantiles;

/* Fails with EFLA_NO_MEMORY; q is then zeroed. */
efla_status efla_quantiles_init(efla_quantiles *q);
void efla_quantiles_clear(efla_quantiles *q);

/* Adds a value >= 0, which may be inf. */
void efla_quantiles_add(efla_quantiles *q, double value);

/* Adds the numbers of `from`; the result does not depend on the order of merging. */
void efla_quantiles_merge(efla_quantiles *q, const efla_quantiles *from);

/* The quantile of order p, 0 <= p <= 1, interpolated linearly between the order statistics around (n-1)p; nan while
 * n = 0.  Sorts q->first. */
double efla_quantiles_at(efla_quantiles *q, double p);

/* A coarser histogram: the count in bar i of `per_octave` bars to a factor of 2 (a divisor of
 * EFLA_QUANTILES_PER_OCTAVE), and its edges.  Bars 0 and efla_quantiles_bars - 1 are unbounded. */
size_t efla_quantiles_bars(size_t per_octave);
size_t efla_quantiles_bar(const efla_quantiles *q, size_t per_octave, size_t i, double *from, double *to);

/* The lower edge of a bin, 0 for the first; that of bin + 1 is its upper edge.  The geometric middle of a bin, the
 * value of its numbers. */
double efla_quantiles_edge(size_t bin);
double efla_quantiles_middle(const efla_quantiles *q, size_t bin);

#endif

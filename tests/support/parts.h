/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A case of the backends cut into parts, one for every rank. */
#ifndef PARTS_H
#define PARTS_H

#include "backends.h"

/* Where the parts of `n` ranks begin among a case's tokens: uneven, some empty; with block > 0 at multiples of it,
 * and where there are enough tokens neither the first nor the last is empty.  begin has n + 1 places. */
void parts_cut(const backend_case *c, size_t n, size_t block, gsl_rng *draw, size_t *begin);

/* Part `rank`, as a case of its own; numbers that its call must not read are nan, derivatives by states that are handed
 * on are 0. */
typedef struct case_part {
  backend_case c;
  efla_slab slab;
  size_t first; /* of its sequences, in the whole case */
  bool ends[6]; /* which of its sequences, of its batch entries, end here */
} case_part;
case_part part_make(const backend_case *c, size_t rank, size_t n, const size_t *begin, size_t block);
void part_clear(case_part *p);

/* The rows of the part from those of the whole case; states that go on have bound inf, derivatives by initial states
 * that do not begin here are 0.  Ends as truth_clear does. */
truth part_truth(const case_part *p, const backend_case *c, const truth *whole, size_t begin);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random tokens for the kernel in both types, the exact results, and bounds for rounding errors. */
#ifndef KERNEL_PROBLEM_H
#define KERNEL_PROBLEM_H

#include "laboratory.h"

typedef struct kernel_problem {
  efla_heads heads;
  size_t rows, states; /* batch * heads * tokens; sequences * heads * dk * dv */
  efla_kernel_f64 x;   /* q, k, v, write, erase, decay, initial; outputs poisoned */
  efla_kernel_f32 x32; /* the same numbers */
  long double *S, *o;  /* the truth: (states), (rows, dv) */
  /* Bounds for rounding errors, in units of u (docs/bounds.md#kernel): the norm of the error of each column of each
   * final state (sequences, heads, dv), and the error of each entry of o (rows, dv). */
  double *S_bound, *o_bound;
} kernel_problem;

/* Keys N(0, 1/dk), all else of order 1; decays (now and then everything is forgotten) and initial states where asked
 * for.  The caller clears it. */
kernel_problem kernel_problem_init(efla_heads heads, bool decays, bool starts);
void kernel_problem_clear(kernel_problem *p);

/* Runs the kernel in both types and compares all that it writes. */
void kernel_problem_check(kernel_problem *p);

/* All final states, or the rows of o from `row` on, against the truth; they belong to the type that is not NULL. */
void kernel_problem_compare_states(const kernel_problem *p, const double *f64, const float *f32);
void kernel_problem_compare_rows(const kernel_problem *p, size_t row, size_t n, const double *f64, const float *f32);

#endif

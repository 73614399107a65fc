/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient check: the gradients that a kernel's backward pass left in a file, against the derivatives in long double,
 * each within the bound for rounding errors (check/gradient_bound.h). */
#ifndef EFLA_CHECK_GRADIENT_CHECK_H
#define EFLA_CHECK_GRADIENT_CHECK_H

#include "check/comparison.h"
#include "check/gradient_lane.h"

/* One gradient of one head; where heads share it of the heads together. */
typedef struct efla_gradient_result {
  efla_errors_of errors;
  efla_miss last; /* out of tolerance: as errors.first, but the largest token number */
  bool outside;
  efla_bin bins[EFLA_BINS]; /* of a state: unused */
} efla_gradient_result;

typedef struct efla_judged_gradient {
  efla_tensors *file; /* that has it; NULL: not judged */
  efla_tensor tensor;
  efla_format stored;
  size_t heads;
  efla_gradient_result *head; /* (heads) */
  efla_gradient_result total;
} efla_judged_gradient;

/* Sums over the rows of a gradient, of squares and products over the variance of a row. */
typedef struct efla_gradient_fit {
  size_t rows;
  double truth2, found2, both;        /* of the truth, of what was found, of both */
  double right;                       /* of the error */
  double fault[EFLA_GRADIENT_FAULTS]; /* of the error against each fault of this gradient */
} efla_gradient_fit;

/* Why a gradient is outside. */
typedef struct efla_gradient_finding {
  char name[32]; /* "": nothing was found */
  char says[256];
  double left; /* share of the error that it does not explain */
} efla_gradient_finding;

typedef struct efla_gradient_check {
  efla_tensors *in, *out;
  efla_backward_spec spec;
  efla_format results; /* the coarser one of o's and the finest gradient's */
  double tests, heads; /* rows that are compared; heads of all gradients */
  efla_tolerance tolerance;
  efla_tensors *d_o, *d_final; /* files that have do and dfinal_state; d_final NULL: zero */
  bool asked, outside;         /* there is a gradient; one is outside */
  size_t share;                /* heads that are taken together, since they share some gradient */
  size_t unknown;              /* rows whose true value is not finite: not compared */
  efla_judged_gradient of[EFLA_GRADIENTS];
  efla_gradient_finding finding[EFLA_GRADIENTS]; /* of those that are outside */
  efla_gradient_finding whole;                   /* or what explains all of them */
} efla_gradient_check;

/* Looks for gradients in both files, which may be one.  Fails with EFLA_INPUT where there are some without do, or such
 * that the decay or the inputs do not have; with EFLA_USAGE where there is no truth.  spec, tolerance: those by which o
 * was compared. */
efla_status efla_gradient_check_open(efla_gradient_check *check, const efla_comparison *comparison, efla_message *why);

/* Judges them, of a kernel that keeps its state in this format.  Fails where reading fails, where heads share a
 * gradient but not the inputs, and with EFLA_NO_MEMORY; check is to be cleared in any case. */
efla_status efla_gradient_check_run(efla_gradient_check *check, const efla_format *state, size_t threads,
                                    efla_message *why);

/* Those heads of one sequence that begin with `head`, a multiple of check->share, and share gradients: judged again
 * with a wrong backward pass, or with the fits (EFLA_GRADIENTS) of faults. */
typedef struct efla_gradient_part {
  size_t sequence, head;
  const efla_gradient_variant *variant; /* NULL: the right one */
  efla_gradient_fit *fits;              /* added to; NULL: not wanted */
} efla_gradient_part;
efla_status efla_gradient_check_part(efla_gradient_check *check, const efla_gradient_part *part, bool *outside,
                                     efla_message *why);

/* Searches what is wrong with gradients that are outside; sets finding and whole.  Fails where reading fails and with
 * EFLA_NO_MEMORY. */
efla_status efla_gradient_check_explain(efla_gradient_check *check, efla_message *why);

void efla_gradient_check_clear(efla_gradient_check *check);

/* "dq" */
const char *efla_gradient_name(const efla_judged_gradient *gradient);

#endif

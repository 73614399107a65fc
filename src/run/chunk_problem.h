/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One chunk of tokens by a rule from a state that is not zero, as a problem for the forms of ode/chunk_form.h: keys,
 * values, coefficients and the first state are numbers of f32, the same for all precisions. */
#ifndef EFLA_RUN_CHUNK_PROBLEM_H
#define EFLA_RUN_CHUNK_PROBLEM_H

#include "data/source.h"
#include "ode/chunk_form.h"

typedef struct efla_chunk_problem {
  size_t C, d;
  efla_tokens x;
  efla_coefficients *c;       /* (C) in f64, then (C) as numbers of f32 */
  double *S64, *system;       /* (d, d), (2 C C + 3 C) */
  float *k, *v, *S, *scratch; /* (C, d) twice, (d, d), as efla_chunk_form_advance says */
  long double *truth;         /* (d, d), the state after the chunk */
  double scale;               /* largest norm of the true state on the way */
} efla_chunk_problem;

/* C tokens of the source with dk = dv, each with the decay rate y.  Fails as efla_source_init and efla_source_next do,
 * and with EFLA_NO_MEMORY; call efla_chunk_problem_clear in any case. */
efla_status efla_chunk_problem_init(efla_chunk_problem *p, const efla_spec *spec, size_t C, const efla_rule *rule,
                                    double y, efla_message *why);
void efla_chunk_problem_clear(efla_chunk_problem *p);

/* Largest entry of the inverse and condition of the scaled system, in f64 (efla_chunk_condition). */
void efla_chunk_problem_condition(efla_chunk_problem *p, double *largest, double *condition);

/* Error of the state after the chunk by a form, relative to the largest state on the way, against long double. */
double efla_chunk_problem_error(efla_chunk_problem *p, const efla_chunk_form *form);

#endif

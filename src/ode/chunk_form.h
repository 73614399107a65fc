/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ways to take a state across a chunk, one row each. */
#ifndef EFLA_ODE_CHUNK_FORM_H
#define EFLA_ODE_CHUNK_FORM_H

#include "efla/rule.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum efla_chunk_solver {
  EFLA_CHUNK_RECURRENCE,   /* token by token */
  EFLA_CHUNK_SUBSTITUTION, /* U by forward substitution */
  EFLA_CHUNK_INVERSE,      /* U as a product with T = (I + L)^-1, T by substitution */
  EFLA_CHUNK_DOUBLING      /* ... T by doubling */
} efla_chunk_solver;

typedef struct efla_chunk_form {
  const char *name, *what; /* what: its entry in the legend of figures */
  efla_chunk_solver solver;
  bool round_T, round_U, round_S; /* stored in bf16 */
} efla_chunk_form;

extern const efla_chunk_form efla_chunk_forms[]; /* ends with a row whose name is NULL */

/* One chunk of docs/derivations.md#e4 with everything in the open: keys and values (C, d), coefficients c (C), which are
 * taken in f32, S (d, d) in place; scratch (4 C C + 2 C d + 3 C).  A token with e = d w is taken in two factors, as in
 * efla/reference/recurrence.h. */
void efla_chunk_form_advance(const efla_chunk_form *form, size_t C, size_t d, const float *k, const float *v,
                             const efla_coefficients *c, float *S, float *scratch);

#endif

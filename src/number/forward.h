/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A forward pass of one head: any rule, in any form of the delta rule, with its state in any number format.
 *
 *     S <- d_t S + k_t (w_t v_t - e_t S^T k_t)^T,   o_t = scale S^T q_t
 *
 * f64 computes in f64.  All other formats compute in f32 on q, k, v rounded to f32, and below f32 the state is rounded
 * to the format after every token, or after every chunk in the chunkwise form: as efla_run does it (run.h), with all
 * read-outs.  The coefficients are formed in f64 from the keys that are used. */
#ifndef EFLA_NUMBER_FORWARD_H
#define EFLA_NUMBER_FORWARD_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "number/format.h"

struct efla_piece_f64;
struct efla_piece_f32;

/* A form: how the sums are ordered. */
typedef struct efla_form {
  const char *name, *what;
  void (*run_f64)(const struct efla_piece_f64 *piece);
  void (*run_f32)(const struct efla_piece_f32 *piece);
} efla_form;

extern const efla_form efla_forms[]; /* ends with a row whose name is NULL */
const char *efla_form_name(size_t i);
const efla_form *efla_form_find(const char *name);

typedef struct efla_forward_spec {
  efla_rule rule; /* its scale is not used: that of a file may be 0 */
  const efla_form *form;
  const efla_format *format;
  size_t chunk; /* tokens that the chunkwise form takes at once */
  size_t dk, dv;
  double scale;
  bool bf16_products; /* by a backend of libefla instead, as its option of that name says (run/block_forward.h) */
} efla_forward_spec;

/* Numbers of scratch that a call needs. */
size_t efla_forward_scratch(const efla_forward_spec *forward);

/* Rounds a state S (dk, dv) to what the pass can hold: to be called before the first block. */
void efla_forward_start(const efla_forward_spec *forward, double *S);

/* The next block: x (forward->dk, forward->dv), with the decay's argument if the rule takes it; S (dk, dv) in and
 * out; o (x->tokens, dv) out.  Chunks begin with the block.  Never fails, never allocates; inf and nan propagate as
 * data; the arrays do not overlap. */
void efla_forward_advance(const efla_forward_spec *forward, const efla_tokens *x, double *S, double *o,
                          double *scratch);

#endif

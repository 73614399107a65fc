/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward pass over blocks of heads that the forms of number/forward.h do not compute: with g per channel or an
 * erase key p, on a device, or with products of bf16, by a backend of libefla; and the exact flow with g per
 * channel, by ode/channel_exact.h. */
#ifndef EFLA_RUN_BLOCK_FORWARD_H
#define EFLA_RUN_BLOCK_FORWARD_H

#include "efla/backend.h"
#include "efla/sequence.h"
#include "io/tensors.h"
#include "number/forward.h"

typedef struct efla_block_forward {
  const efla_forward_spec *forward;
  size_t threads;
  bool exact;            /* the exact flow; then there is no backend */
  efla_backend *backend; /* open */
  efla_type type; /* of q, k, v, p and o for the backend; with bf16_products bf16 where they are so in the file */
  double *narrow; /* unless in f64: a block's arrays, states and o */
} efla_block_forward;

/* Whether a file is computed here: all files where the backend is one of a device, and where products are of bf16. */
bool efla_block_forward_needed(const efla_tensors *file, const efla_forward_spec *forward, const char *backend);

/* For the blocks of a stream, whose file needs it: the backend of that name, NULL: auto.  Fails with EFLA_USAGE where
 * the form is not the recurrence, where the precision is none of the backend's (file_inputs.h), or not f32 with
 * products of bf16, where the exact flow, which is computed in f64, is to be another precision's or another method's or
 * has an erase key, and where the backend cannot be opened; and with EFLA_NO_MEMORY.  f is to be cleared in any case. */
efla_status efla_block_forward_init(efla_block_forward *f, const efla_forward_spec *forward, const char *backend,
                                    size_t threads, const efla_stream *stream, efla_message *why);
void efla_block_forward_clear(efla_block_forward *f);

/* The next block: S (x->heads, dk, dv) in and out, o (x->heads, x->tokens, dv) out.  Fails with EFLA_USAGE
 * where the backend does not offer it, and with EFLA_NO_MEMORY. */
efla_status efla_block_forward_advance(const efla_block_forward *f, const efla_sequence *x, double *S, double *o,
                                       efla_message *why);

#endif

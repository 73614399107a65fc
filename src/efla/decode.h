/* SPDX-License-Identifier: MIT */
/* One token at a time, with the states kept between calls in the form in which a step is fastest. */
#ifndef EFLA_DECODE_H
#define EFLA_DECODE_H

#include "efla/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct efla_decoder efla_decoder;

/* batch x heads states of (dk, dv); all >= 1 */
typedef struct efla_decoder_shape {
  size_t batch, heads, dk, dv;
  efla_type type; /* of q, k, v, o and states */
} efla_decoder_shape;

/* A decoder whose states are zero.  It uses the backend, which stays open until it is closed; the rule is copied, its
 * tables are not.  All memory is allocated here.  Failures as efla_forward; on failure *decoder is NULL, and
 * efla_last_message(backend) says why, as it does for all calls below. */
efla_status efla_decoder_open(efla_backend *backend, const efla_rule *rule, const efla_decoder_shape *shape,
                              efla_decoder **decoder);
void efla_decoder_close(efla_decoder *decoder); /* NULL is taken */

/* One token for every state: `token` has the decoder's batch, heads, dk and dv, one token, no initial_state and no
 * cu_seqlens; o (batch, heads, 1, dv), NULL or absent: not wanted, and then q may be absent.  The same rule, sums in
 * another order, as efla_forward.  An invalid argument leaves the states as they are. */
efla_status efla_decoder_step(efla_decoder *decoder, const efla_sequence *token, const efla_array *o);

/* All states (batch, heads, dk, dv), in and out. */
efla_status efla_decoder_load(efla_decoder *decoder, const efla_array *states);
efla_status efla_decoder_store(efla_decoder *decoder, const efla_array *states);
/* All states to zero. */
efla_status efla_decoder_reset(efla_decoder *decoder);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* Decoding: one token at a time, with the states kept between calls in the form in which a step is fastest. */
#ifndef EFLA_DECODE_H
#define EFLA_DECODE_H

#include "efla/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An open decoder. */
typedef struct efla_decoder efla_decoder;

/* What a decoder is opened for: batch x heads states of (dk, dv); all >= 1. */
typedef struct efla_decoder_shape {
  size_t batch, heads, dk, dv;
  efla_type type; /* of q, k, v, o and states */
} efla_decoder_shape;

/* Opens a decoder whose states are zero. It uses the backend, which must stay open until the decoder is
 * closed; the rule is copied, the tables that it points to are not. All memory is allocated here. Fails as
 * efla_forward does; on failure *decoder is NULL, and efla_last_message(backend) describes the error, as for
 * all calls below. */
efla_status efla_decoder_open(efla_backend *backend, const efla_rule *rule, const efla_decoder_shape *shape,
                              efla_decoder **decoder);
void efla_decoder_close(efla_decoder *decoder); /* NULL is accepted */

/* Processes one token for every state: `token` has the decoder's batch, heads, dk and dv, one token, no initial_state
 * and no cu_seqlens, with g per channel or not and p or not as it comes; o (batch, heads, 1, dv), NULL or absent: not
 * wanted, and then q may be absent. The rule is that of efla_forward, the order of its sums differs. After an invalid
 * argument the states are unchanged. */
efla_status efla_decoder_step(efla_decoder *decoder, const efla_sequence *token, const efla_array *o);

/* Sets all states (batch, heads, dk, dv), or copies them out. */
efla_status efla_decoder_load(efla_decoder *decoder, const efla_array *states);
efla_status efla_decoder_store(efla_decoder *decoder, const efla_array *states);
/* Sets all states to zero. */
efla_status efla_decoder_reset(efla_decoder *decoder);

#ifdef __cplusplus
}
#endif

#endif

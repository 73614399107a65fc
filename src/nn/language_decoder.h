/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model one token at a time: the delta rule's state and the last tokens of each convolution are kept, so
 * that a token takes the same time whatever came before. */
#ifndef EFLA_NN_LANGUAGE_DECODER_H
#define EFLA_NN_LANGUAGE_DECODER_H

#include "nn/language_model.h"

typedef struct efla_lm_decoder {
  efla_lm lm; /* of one token */
  const void *parameters;
  efla_decoder **states; /* (layers) */
  void **recent;         /* (layers): (EFLA_CONVOLUTION, 3 width), the last row is the current token's */
} efla_lm_decoder;

/* parameters and the device must stay. Fails with EFLA_UNSUPPORTED for softmax attention, whose time and memory grow
 * with the tokens, and for an auto-encoder, with EFLA_NO_MEMORY and as efla_decoder_open; d is then zeroed. */
efla_status efla_lm_decoder_open(efla_lm_decoder *d, const efla_lm_config *c, const efla_device *device,
                                 const void *parameters, efla_message *why);
void efla_lm_decoder_close(efla_lm_decoder *d);

/* Reads a token; logits (vocabulary) of the one after it. Fails as efla_decoder_step. */
efla_status efla_lm_decoder_step(efla_lm_decoder *d, uint32_t token, double *logits, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the forward pass of a language model that decoding shares, for the rows of its workspace. */
#ifndef EFLA_NN_LANGUAGE_PARTS_H
#define EFLA_NN_LANGUAGE_PARTS_H

#include "nn/language_model.h"

/* A parameter in a block of them, or its derivative in a block of those. */
void *efla_lm_at(const efla_lm *m, const void *block, efla_lm_parameter p, size_t layer);
/* Rows of n numbers per head in rows of `row` numbers that begin at x. */
efla_array efla_lm_heads(const efla_lm *m, const void *x, size_t row, size_t n);

/* The rule with the scale that makes a normalised q of norm one; the layer's inputs of it. */
efla_rule efla_lm_rule(const efla_lm_config *c);
efla_sequence efla_lm_sequence(const efla_lm *m, size_t layer);

/* Of a layer in turn: x to qkv; after the convolution q, k, beta and the decay's argument; and after the rule, o to the
 * layer's result, which is efla_lm_next. */
void efla_lm_project(efla_lm *m, const void *parameters, size_t layer);
void efla_lm_gates(efla_lm *m, const void *parameters, size_t layer);
void efla_lm_finish_layer(efla_lm *m, const void *parameters, size_t layer);
void *efla_lm_next(const efla_lm *m, size_t layer);

/* After the last layer: the logits. */
void efla_lm_read_out(efla_lm *m, const void *parameters);

#endif

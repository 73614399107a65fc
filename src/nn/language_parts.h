/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the forward pass of a language model that decoding shares, for the rows of its workspace. */
#ifndef EFLA_NN_LANGUAGE_PARTS_H
#define EFLA_NN_LANGUAGE_PARTS_H

#include "nn/language_model.h"

/* A parameter in a block of them, or its derivative in a block of those. */
void *efla_lm_at(const efla_lm *m, const void *block, efla_lm_parameter p, size_t layer);
/* y (rows, out) = x (rows, in) W^T + keep y */
void efla_lm_linear(const efla_lm *m, size_t in, size_t out, const void *x, const void *W, double keep, void *y);
/* d_x = d_y W + keep d_x, d_W += d_y^T x */
void efla_lm_linear_backward(const efla_lm *m, size_t in, size_t out, const void *x, const void *W, const void *d_y,
                             double keep, void *d_x, void *d_W);
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

/* From m->code to m->x; and from d_x by the one to d_x by the other. */
void efla_lm_expand(efla_lm *m, const void *parameters);
void efla_lm_expand_backward(efla_lm *m, const void *parameters, void *gradient);

/* From m->x to the logits. */
void efla_lm_read_out(efla_lm *m, const void *parameters);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The classifier of sequential images of the paper's released training script: one delta-rule head between an embedding
 * and a linear output layer.
 *
 *     h_t = GELU(W_in x_t + P_t)                       token t is pixel x_t in [0, 1]; P: learned positions
 *     k_t = W_k h_t (raw, or scaled to norm one),  v_t = W_v h_t,  q = W_q h_T,  beta_t = sigmoid(w_b . h_t + b_b)
 *     S_T from the delta rule with coefficients a_t = beta_t phi(beta_t |k_t|^2) from the zero state,  o = S_T^T q
 *     logits = W_out LayerNorm(o) + b_out
 *
 * All parameters lie in one block, row-major as in PyTorch (a linear layer's W is (out, in)), each at a multiple of
 * EFLA_PAD numbers; the gaps stay 0. */
#ifndef EFLA_NN_MODEL_H
#define EFLA_NN_MODEL_H

#include "base/status.h"
#include "efla/rule.h"

struct efla_readout;

typedef struct efla_model {
  size_t tokens, width, classes; /* width: of h, q, k, v; a multiple of EFLA_PAD */
  const efla_method *method;
  const efla_key_treatment *keys;
  const struct efla_readout *readout; /* how o is computed, see readout.h */
} efla_model;

typedef enum efla_parameter {
  EFLA_W_IN,       /* (width, 1) */
  EFLA_POSITIONS,  /* (tokens, width) */
  EFLA_W_Q,        /* (width, width) */
  EFLA_W_K,        /* (width, width) */
  EFLA_W_V,        /* (width, width) */
  EFLA_W_BETA,     /* (1, width) */
  EFLA_B_BETA,     /* (1) */
  EFLA_NORM_SCALE, /* (width) */
  EFLA_NORM_SHIFT, /* (width) */
  EFLA_W_OUT,      /* (classes, width) */
  EFLA_B_OUT,      /* (classes) */
  EFLA_PARAMETERS
} efla_parameter;

const char *efla_parameter_name(efla_parameter parameter);

/* Where a parameter lies in the block, and its shape. */
typedef struct efla_extent {
  size_t first, rows, columns;
} efla_extent;
efla_extent efla_model_place(const efla_model *model, efla_parameter parameter);

/* Length of the block, gaps included. */
size_t efla_model_numbers(const efla_model *model);

/* Initial parameters (efla_model_numbers).  They depend on the seed alone, and are rounded to f32, so that all methods
 * and both types start with the same values.  Distributions as in the paper's script: Xavier uniform for W_q, W_k, W_v,
 * N(0, .02^2) for positions, b_b = -2, and PyTorch's defaults elsewhere.  Fails with EFLA_NO_MEMORY. */
efla_status efla_model_start(const efla_model *model, size_t seed, double *parameters, efla_message *why);

#endif

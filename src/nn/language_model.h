/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model: a stack of blocks with a mixer and a SwiGLU between an embedding and a linear output layer.
 *
 *     x = E[token]                                     (rows, width); a row is a token of a sequence
 *     in every layer, with r = RMSNorm(x):
 *       q, k, v = silu(conv(W_qkv r))                  causal, depthwise, 4 tokens; `heads` heads of width/heads
 *       delta:    beta = f(W_b r + b_b), a map of a table; with a decay its argument -softplus(W_g r + b_g), or for
 *                 alpha sigmoid(W_g r + b_g), one per head or per channel; q scaled to norm one;
 *                 o = the rule on q, k, v, beta, g from the zero state
 *       softmax:  o = causal softmax attention, without positions but those of the convolution
 *       x <- x + W_o RMSNorm_head(o)
 *       x <- x + W_down swiglu(W_up RMSNorm(x))
 *     logits = W_out RMSNorm(x)
 *
 * With `compress` it is an auto-encoder: of x after the last layer only the row of a sequence's last token goes
 * on, the code. Every row t becomes
 *     x = the code + [sin(t w_j)], [cos(t w_j)],  w_j = 10000^(-j/(h-1)) for j = 0 ... h-1, h = width/2
 *     x <- gelu(W_x RMSNorm(x) + b_x)                twice
 * and is then read out as above.
 *
 * It is written in terms of a device (device.h). All parameters lie in one block, each at a multiple of EFLA_PAD
 * numbers, gaps 0: first the matrices, which weight decay applies to, then all others. */
#ifndef EFLA_NN_LANGUAGE_MODEL_H
#define EFLA_NN_LANGUAGE_MODEL_H

#include "efla/efla.h"
#include "nn/device.h"

/* Maps of beta: ends with a row whose name is NULL. */
typedef struct efla_beta_map {
  const char *name;
  efla_map map;
} efla_beta_map;
extern const efla_beta_map efla_beta_maps[]; /* sigmoid, softplus, twice-sigmoid */
const char *efla_beta_map_name(size_t i);

typedef struct efla_lm_config {
  size_t vocabulary, width, layers, heads, hidden; /* heads divides width; hidden: of SwiGLU */
  bool softmax;                                    /* the mixer is softmax attention, and no rule is used */
  efla_rule rule;
  const efla_beta_map *beta;
  bool per_channel;  /* the rule's decay has one argument per channel, which it takes (efla_decay.share) */
  bool compress;     /* an auto-encoder: logits of all rows follow from the last token's */
  double key_factor; /* of k between convolution and rule, to see what a model does beyond its keys; 0 means 1 */
} efla_lm_config;

typedef enum efla_lm_parameter {
  EFLA_LM_EMBEDDING,   /* (vocabulary, width) */
  EFLA_LM_QKV,         /* (3 width, width), from here to EFLA_LM_DOWN one per layer */
  EFLA_LM_BETA,        /* (heads, width); none with softmax */
  EFLA_LM_GATE,        /* (heads or width, width); of a gated rule only */
  EFLA_LM_O,           /* (width, width) */
  EFLA_LM_UP,          /* (2 hidden, width) */
  EFLA_LM_DOWN,        /* (width, hidden) */
  EFLA_LM_OUT,         /* (vocabulary, width) */
  EFLA_LM_EXPAND,      /* (width, width), EFLA_LM_EXPANSIONS of them with compress, otherwise none; the last matrix */
  EFLA_LM_CONVOLUTION, /* (EFLA_CONVOLUTION, 3 width), from here to EFLA_LM_NORM_HEAD one per layer */
  EFLA_LM_BETA_BIAS,   /* (heads) */
  EFLA_LM_GATE_BIAS,   /* (heads or width) */
  EFLA_LM_NORM_MIXER,  /* (width) */
  EFLA_LM_NORM_HIDDEN, /* (width) */
  EFLA_LM_NORM_HEAD,   /* (width/heads) */
  EFLA_LM_NORM_OUT,    /* (width) */
  EFLA_LM_EXPAND_BIAS, /* (width), as many as EFLA_LM_EXPAND */
  EFLA_LM_NORM_EXPAND, /* (width), as many */
  EFLA_LM_PARAMETERS
} efla_lm_parameter;

enum { EFLA_LM_EXPANSIONS = 2 };

/* How many a model that has a parameter has of it: one per layer, or fewer for all. */
size_t efla_lm_copies(const efla_lm_config *c, efla_lm_parameter parameter);

/* Where a parameter of a layer (0 where there is one for all) lies in the block, and its shape; rows 0: there is
 * none. */
typedef struct efla_lm_place {
  size_t first, rows, columns;
} efla_lm_place;
efla_lm_place efla_lm_place_of(const efla_lm_config *c, efla_lm_parameter parameter, size_t layer);

/* Length of the block, and of its first part, the matrices; how many of its numbers are parameters. */
size_t efla_lm_numbers(const efla_lm_config *c);
size_t efla_lm_matrices(const efla_lm_config *c);
size_t efla_lm_parameters(const efla_lm_config *c);

/* Initial parameters (efla_lm_numbers), of the seed and the shapes alone: matrices N(0, .02^2), those that add to x
 * divided by sqrt(2 layers), convolutions uniform in [-1/2, 1/2], norms 1; biases of decays such that half-lives are
 * from 8 to 512 tokens, in proportion from head to head or channel to channel. Fails with EFLA_NO_MEMORY. */
efla_status efla_lm_start(const efla_lm_config *c, size_t seed, double *parameters, efla_message *why);

/* What a layer keeps for the backward pass; arrays of the device, `rows` rows each. */
typedef struct efla_lm_layer {
  void *x, *r, *by;  /* (width) twice, (1) */
  void *qkv, *z, *y; /* (3 width): before, in and after the convolution */
  void *q, *q_by;    /* (width), (heads): q of norm one */
  void *beta_z, *beta, *gate_z, *g;
  void *P; /* (sequences, heads, tokens, tokens), softmax only; of forward passes alone (tokens, tokens) */
  void *o, *o_by, *normed; /* (width), (heads), (width) */
  void *middle, *s, *s_by; /* (width): x after the mixer, its norm */
  void *up, *act;          /* (2 hidden), (hidden) */
} efla_lm_layer;

/* The same of a layer between the code and the readout. */
typedef struct efla_lm_expansion {
  void *x, *r, *by, *z; /* (width) twice, (1), (width) */
} efla_lm_expansion;

/* A model's workspace for `sequences` sequences of `tokens` tokens each, on a device. */
typedef struct efla_lm {
  efla_lm_config config;
  const efla_device *device;
  bool backward; /* whether it keeps what a backward pass needs; if not, all layers share their arrays */
  size_t sequences, tokens, rows;
  size_t gates;                                               /* decays of a token; 0: none */
  size_t first[EFLA_LM_PARAMETERS], step[EFLA_LM_PARAMETERS]; /* of each parameter, and from layer to layer */
  efla_lm_layer *layers;
  void *x, *r, *by, *logits; /* what is read out, its norm, (vocabulary) */
  void *code, *positions;    /* (width): after the last layer, and the sines of a sequence (tokens, width) */
  efla_lm_expansion expansions[EFLA_LM_EXPANSIONS];
  void *d_x, *d_r, *d_wide, *d_more; /* (width) twice, (the widest) twice: of the backward pass */
  void *d_o, *d_q, *d_small[2];      /* (width) twice, (heads or width) twice */
  double *losses;                    /* (rows) */
  uint32_t *last;                    /* (rows): the row of the code; with compress only */
  const uint32_t *read;              /* the tokens of the last forward pass */
} efla_lm;

/* The device must stay open. Fails with EFLA_NO_MEMORY, and with EFLA_INPUT where heads do not divide width; m is then
 * zeroed. */
efla_status efla_lm_init(efla_lm *m, const efla_lm_config *c, const efla_device *device, size_t sequences,
                         size_t tokens, efla_message *why);
/* The same for forward passes alone: the arrays of one layer for all of them. */
efla_status efla_lm_init_forward(efla_lm *m, const efla_lm_config *c, const efla_device *device, size_t sequences,
                                 size_t tokens, efla_message *why);
void efla_lm_clear(efla_lm *m);

/* Bytes that its arrays take, with or without those of a backward pass, and bytes of the device's backend for its
 * passes. */
double efla_lm_bytes(const efla_lm_config *c, const efla_device_row *device, size_t sequences, size_t tokens,
                     bool backward);
double efla_lm_backend_bytes(const efla_lm_config *c, const efla_device *device, size_t sequences, size_t tokens,
                             bool backward);

/* The cross-entropies, in nats, of the next tokens: tokens (sequences, tokens) below the vocabulary, labels as many,
 * negative: not counted. Leaves them in m->losses and returns their sum, inf or nan as data; with `weight` the logits
 * become their derivative times weight, for a backward pass. tokens must stay until that. Fails with the backend's
 * status. */
efla_status efla_lm_forward(efla_lm *m, const void *parameters, const uint32_t *tokens, const int32_t *labels,
                            double weight, double *loss, efla_message *why);

/* Adds the derivative of the last forward pass to gradient (as the parameters); not after efla_lm_init_forward. */
efla_status efla_lm_backward(efla_lm *m, const void *parameters, void *gradient, efla_message *why);

#endif

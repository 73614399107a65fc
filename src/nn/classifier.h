/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The classifier of model.h: one image forward, and backward. */
#ifndef EFLA_NN_CLASSIFIER_H
#define EFLA_NN_CLASSIFIER_H

#include "nn/model.h"
#include "nn/readout.h"

/* What a classifier makes of tokens before any state: rows of h, GELU's slope, k (width), and scalars. */
#define EFLA_ENCODING(REAL, suffix)                                                                                    \
  typedef struct efla_encoding_##suffix {                                                                              \
    REAL *h, *slope, *k;             /* (tokens, width) */                                                             \
    REAL *norm, *beta, *coefficient; /* (tokens) */                                                                    \
    REAL *by_beta, *by_lambda;       /* (tokens), for the backward pass */                                             \
  } efla_encoding_##suffix;
EFLA_ENCODING(float, f32)
EFLA_ENCODING(double, f64)

/* What one thread keeps of an image between forward and backward; arrays as in read-out.h and layers.h.  Most pixels of
 * digits are background, exactly 0, and tokens of background are the same in all images: they are encoded once, the
 * others image by image. */
#define EFLA_CLASSIFIER(REAL, suffix)                                                                                           \
  typedef struct efla_classifier_##suffix {                                                                                     \
    efla_model model;                                                                                                           \
    const efla_isa *isa;                                                                                                        \
    const REAL *parameters;                                                                                                     \
    REAL *x;                           /* (tokens): pixels, for the caller to fill */                                           \
    efla_encoding_##suffix e;          /* of the image */                                                                       \
    efla_encoding_##suffix background; /* of an image of zeros */                                                               \
    efla_encoding_##suffix foreground; /* of the image's other tokens, (drawn) of them one after another */                     \
    size_t *where, foreground_pixels;  /* which they are */                                                                     \
    REAL *foreground_x, *foreground_P; /* (drawn), (drawn, width): their pixels and positions */                                \
    REAL *d_h, *d_k, *d_beta;          /* (tokens, width), (tokens) */                                                          \
    REAL *q, *o, *centred, *normed, *d_q, *d_o, *d_normed; /* (width) */                                                        \
    REAL *logits, *d_logits;                               /* (classes) */                                                      \
    REAL by;                                               /* LayerNorm's factor */                                             \
    REAL *scratch, *readout;                                                                                                    \
    REAL *block;                                                                                                                \
  } efla_classifier_##suffix;                                                                                                   \
  /* isa NULL: the best of this processor.  Fails with EFLA_NO_MEMORY and leaves c zeroed. */                                   \
  efla_status efla_classifier_init_##suffix(efla_classifier_##suffix *c, const efla_model *model, const efla_isa *isa,          \
                                            efla_message *why);                                                                 \
  void efla_classifier_clear_##suffix(efla_classifier_##suffix *c);                                                             \
  /* Takes parameters (efla_model_numbers, aligned to lines), which must stay and stay as they are for what follows. */         \
  void efla_classifier_load_##suffix(efla_classifier_##suffix *c, const REAL *parameters);                                      \
  /* Encodes the image in x. */                                                                                                 \
  void efla_classifier_encode_##suffix(efla_classifier_##suffix *c);                                                            \
  /* logits of the image in x; the first largest one, or `classes` where any is nan or infinite. */                             \
  size_t efla_classifier_forward_##suffix(efla_classifier_##suffix *c);                                                         \
  /* Cross-entropy of the last forward pass; its derivative times `weight` is added to gradient, in the order of parameters. */ \
  REAL efla_classifier_backward_##suffix(efla_classifier_##suffix *c, size_t label, REAL weight, REAL *gradient);
EFLA_CLASSIFIER(float, f32)
EFLA_CLASSIFIER(double, f64)

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The classifier of model.h: forward and backward pass of one image. */
#ifndef EFLA_NN_CLASSIFIER_H
#define EFLA_NN_CLASSIFIER_H

#include "nn/model.h"
#include "nn/readout.h"

/* The encoding of tokens, all that does not depend on the state. */
#define EFLA_ENCODING(REAL, suffix)                                                                                    \
  typedef struct efla_encoding_##suffix {                                                                              \
    REAL *h, *slope, *k;             /* (tokens, width) */                                                             \
    REAL *norm, *beta, *coefficient; /* (tokens) */                                                                    \
    REAL *by_beta, *by_lambda;       /* (tokens), for the backward pass */                                             \
  } efla_encoding_##suffix;
EFLA_ENCODING(float, f32)
EFLA_ENCODING(double, f64)

/* The arrays of one thread for one image, kept between forward and backward; shapes as in readout.h and layers.h.  Most
 * pixels of digits are background, exactly 0, and a background token has the same encoding in all images: it is
 * computed once per set of parameters, the others for each image. */
#define EFLA_CLASSIFIER(REAL, suffix)                                                                                  \
  typedef struct efla_classifier_##suffix {                                                                            \
    efla_model model;                                                                                                  \
    const efla_isa *isa;                                                                                               \
    const REAL *parameters;                                                                                            \
    REAL *x;                                               /* (tokens): pixels, set by the caller */                   \
    efla_encoding_##suffix e;                              /* of the image */                                          \
    efla_encoding_##suffix background;                     /* of an image of zeros */                                  \
    efla_encoding_##suffix foreground;                     /* of the image's foreground tokens, contiguous */          \
    size_t *where, foreground_pixels;                      /* their token numbers; how many */                         \
    REAL *foreground_x, *foreground_P;                     /* their pixels and positions P */                          \
    REAL *d_h, *d_k, *d_beta;                              /* (tokens, width), (tokens) */                             \
    REAL *q, *o, *centred, *normed, *d_q, *d_o, *d_normed; /* (width) */                                               \
    REAL *logits, *d_logits;                               /* (classes) */                                             \
    REAL by;                                               /* factor of LayerNorm */                                   \
    REAL *scratch, *readout;                                                                                           \
    REAL *block;                                                                                                       \
  } efla_classifier_##suffix;                                                                                          \
  /* isa NULL: the best of this processor.  Fails with EFLA_NO_MEMORY; c is then zeroed. */                            \
  efla_status efla_classifier_init_##suffix(efla_classifier_##suffix *c, const efla_model *model, const efla_isa *isa, \
                                            efla_message *why);                                                        \
  void efla_classifier_clear_##suffix(efla_classifier_##suffix *c);                                                    \
  /* Sets the parameters (efla_model_numbers, aligned to EFLA_LINE_BYTES), not copied, and encodes the background. */  \
  void efla_classifier_load_##suffix(efla_classifier_##suffix *c, const REAL *parameters);                             \
  /* Computes e from x. */                                                                                             \
  void efla_classifier_encode_##suffix(efla_classifier_##suffix *c);                                                   \
  /* Computes the logits of x; returns the first largest one, `classes` where one is nan or infinite. */               \
  size_t efla_classifier_forward_##suffix(efla_classifier_##suffix *c);                                                \
  /* Returns the cross-entropy of the last forward pass and adds its derivative times `weight` to gradient. */         \
  REAL efla_classifier_backward_##suffix(efla_classifier_##suffix *c, size_t label, REAL weight, REAL *gradient);
EFLA_CLASSIFIER(float, f32)
EFLA_CLASSIFIER(double, f64)

#endif

/* The classifier of model.h: one image forward, and backward. */
#ifndef EFLA_LEARN_CLASSIFIER_H
#define EFLA_LEARN_CLASSIFIER_H

#include "learn/model.h"
#include "learn/reading.h"

/* What one thread keeps of an image between forward and backward; arrays as in reading.h and layers.h. */
#define EFLA_CLASSIFIER(REAL, suffix)                                                                                              \
  typedef struct efla_classifier_##suffix {                                                                                        \
    efla_model model;                                                                                                              \
    const efla_level *level;                                                                                                       \
    REAL *x;                                                 /* (tokens): pixels, for the caller to fill */                        \
    REAL *h, *slope, *k, *d_h, *d_k;                         /* (tokens, width) */                                                 \
    REAL *norm, *beta, *gate, *by_beta, *by_lambda, *d_beta; /* (tokens) */                                                        \
    REAL *q, *o, *centred, *normed, *d_q, *d_o, *d_normed;   /* (width) */                                                         \
    REAL *logits, *d_logits;                                 /* (classes) */                                                       \
    REAL by;                                                 /* LayerNorm's factor */                                              \
    REAL *scratch, *reading;                                                                                                       \
    REAL *block;                                                                                                                   \
  } efla_classifier_##suffix;                                                                                                      \
  /* level NULL: the best of this processor.  Fails with EFLA_MEMORY and leaves c zeroed. */                                       \
  efla_status efla_classifier_init_##suffix(efla_classifier_##suffix *c, const efla_model *model, const efla_level *level,         \
                                            efla_message *why);                                                                    \
  void efla_classifier_clear_##suffix(efla_classifier_##suffix *c);                                                                \
  /* Keys, betas and gates of the image in x, and all before them. */                                                              \
  void efla_classifier_encode_##suffix(efla_classifier_##suffix *c, const REAL *parameters);                                       \
  /* logits of the image in x; the first largest one, or `classes` where any is nan or infinite. */                                \
  size_t efla_classifier_forward_##suffix(efla_classifier_##suffix *c, const REAL *parameters);                                    \
  /* Cross-entropy of the last forward pass; its derivative times `weight` is added to gradient, in the order of parameters. */    \
  REAL efla_classifier_backward_##suffix(efla_classifier_##suffix *c, const REAL *parameters, size_t label, REAL weight,           \
                                         REAL *gradient);
EFLA_CLASSIFIER(float, f32)
EFLA_CLASSIFIER(double, f64)

#endif

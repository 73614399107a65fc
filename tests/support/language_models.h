/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small language models of every kind: mixers, rules, maps. */
#ifndef LANGUAGE_MODELS_H
#define LANGUAGE_MODELS_H

#include "testing.h"

#include "nn/language_model.h"

enum { SEQUENCES = 2, TOKENS = 21, ROWS = SEQUENCES * TOKENS, VOCABULARY = 11, WIDTH = 24 };

struct kind {
  const char *method, *decay, *keys, *beta;
  bool per_channel, softmax, compress;
  double key_factor;
};

enum { KINDS = 11, COMPRESSED = 9 }; /* the first with compress */
extern const struct kind kinds[KINDS];

efla_lm_config config_of(const struct kind *kind);

typedef struct model {
  efla_lm_config c;
  efla_device device;
  efla_lm lm;
  size_t numbers;
  double *parameters; /* in f64 */
  void *mine;         /* in the device's type */
  uint32_t tokens[ROWS];
  int32_t labels[ROWS];
} model;

/* Parameters larger than at the start of a training, so that no derivative is lost in another; one label in five does
 * not count. The device becomes the model's, and is closed with it. */
model open_model_on(const struct kind *kind, efla_device device);
model open_model(const struct kind *kind, efla_type type);
void close_model(model *m);

/* The loss of a forward pass; with weight 1 a backward pass may follow. */
double loss_of(model *m, double weight);
/* Of a pass forward and back; the caller frees it. */
double *gradient_of(model *m);

#endif

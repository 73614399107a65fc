/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "language_models.h"

#include <gsl/gsl_randist.h>

const struct kind kinds[KINDS] = {
    {.method = "exact", .decay = "none", .keys = "raw", .beta = "sigmoid"},
    {.method = "euler", .decay = "none", .keys = "unit", .beta = "sigmoid"},
    {.method = "exact", .decay = "split", .keys = "raw", .beta = "softplus"},
    {.method = "implicit", .decay = "joint", .keys = "unit", .beta = "twice-sigmoid"},
    {.method = "exact", .decay = "split", .keys = "unit", .beta = "sigmoid", .per_channel = true},
    {.method = "exact", .decay = "strang", .keys = "raw", .beta = "sigmoid", .per_channel = true},
    {.method = "exact", .decay = "retention", .keys = "raw", .beta = "softplus"},
    {.method = "exact", .decay = "split", .keys = "raw", .beta = "sigmoid", .key_factor = 1.7},
    {.beta = "sigmoid", .softmax = true},
    {.method = "exact", .decay = "none", .keys = "unit", .beta = "sigmoid", .compress = true},
    {.beta = "sigmoid", .softmax = true, .compress = true}};

efla_lm_config config_of(const struct kind *kind) {
  efla_lm_config c = {.vocabulary = VOCABULARY, .width = WIDTH, .layers = 2, .heads = 3, .hidden = 20};
  c.softmax = kind->softmax, c.per_channel = kind->per_channel, c.key_factor = kind->key_factor;
  c.compress = kind->compress;
  for (c.beta = efla_beta_maps; strcmp(c.beta->name, kind->beta) != 0;) c.beta++;
  ck_assert(kind->softmax || efla_rule_find(kind->method, kind->decay, kind->keys, &c.rule) == EFLA_OK);
  return c;
}

model open_model_on(const struct kind *kind, efla_device device) {
  model m = {.c = config_of(kind), .device = device};
  efla_message why;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  m.numbers = efla_lm_numbers(&m.c), m.parameters = calloc(m.numbers, sizeof *m.parameters);
  ck_assert_int_eq(efla_lm_start(&m.c, testing_seed(), m.parameters, &why), EFLA_OK);
  for (size_t i = 0; i < efla_lm_matrices(&m.c); i++) m.parameters[i] *= 10;
  for (size_t i = efla_lm_matrices(&m.c); i < m.numbers; i++)
    if (m.parameters[i] != 0) m.parameters[i] = (double)(float)(m.parameters[i] + gsl_ran_gaussian(draw, .1));
  for (size_t r = 0; r < ROWS; r++) {
    m.tokens[r] = (uint32_t)gsl_rng_uniform_int(draw, VOCABULARY);
    m.labels[r] = gsl_rng_uniform_int(draw, 5) ? (int32_t)gsl_rng_uniform_int(draw, VOCABULARY) : -1;
  }
  gsl_rng_free(draw);
  ck_assert_int_eq(efla_lm_init(&m.lm, &m.c, &m.device, SEQUENCES, TOKENS, &why), EFLA_OK);
  m.lm.device = &m.device, m.mine = m.device.row->allocate(m.numbers);
  return m;
}

model open_model(const struct kind *kind, efla_type type) {
  efla_device device;
  efla_message why;
  ck_assert_int_eq(efla_device_open(&device, efla_device_find("cpu", type), NULL, &why), EFLA_OK);
  return open_model_on(kind, device);
}

void close_model(model *m) {
  m->device.row->release(m->mine), free(m->parameters);
  m->lm.device = &m->device;
  efla_lm_clear(&m->lm), efla_device_close(&m->device);
}

double loss_of(model *m, double weight) {
  efla_message why;
  double loss;
  m->lm.device = &m->device;
  m->device.row->write(m->numbers, m->parameters, m->mine);
  ck_assert_int_eq(efla_lm_forward(&m->lm, m->mine, m->tokens, m->labels, weight, &loss, &why), EFLA_OK);
  return loss;
}

double *gradient_of(model *m) {
  efla_message why;
  void *gradient = m->device.row->allocate(m->numbers);
  double *wide = calloc(m->numbers, sizeof *wide);
  loss_of(m, 1);
  ck_assert_int_eq(efla_lm_backward(&m->lm, m->mine, gradient, &why), EFLA_OK);
  m->device.row->read(m->numbers, gradient, wide);
  m->device.row->release(gradient);
  return wide;
}

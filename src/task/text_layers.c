/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_layers.h"

#include "nn/language_parts.h"
#include "io/tensors.h"
#include "stats/distribution.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t efla_text_layers_windows(const efla_text_task *task) {
  const efla_text_options *o = &task->options;
  const size_t n = o->corpus->valid.count / o->context;
  return o->model.softmax ? 0 : n < o->batch ? n : o->batch;
}

static size_t gates_of(const efla_lm_config *config) { return efla_lm_place_of(config, EFLA_LM_GATE, 0).rows; }

size_t efla_text_layers_quantities(const efla_lm_config *config) {
  return config->softmax ? 0 : gates_of(config) ? EFLA_LAYER_QUANTITIES : EFLA_LAYER_QUANTITIES - 1;
}

const char *efla_text_layers_quantity(const efla_lm_config *config, size_t i) {
  static const char *const names[] = {"beta", "lambda", "x", "state"};
  return i < EFLA_LAYER_QUANTITIES - 1 ? names[i] : config->rule.decay->argument;
}

/* What the rule reads in one layer, contiguous. */
typedef struct inputs {
  double *q, *k, *v; /* (rows, width): q of norm one, k treated */
  double *beta, *g;  /* (rows, heads), (rows, gates) */
  double *lambda, *x;
  float *narrow; /* (rows, 3 width + heads + gates): the first five */
  size_t gates;
} inputs;

static efla_status allocate(const efla_lm *m, inputs *in, efla_message *why) {
  const size_t rows = m->rows, W = m->config.width, H = m->config.heads;
  *in = (inputs){.gates = gates_of(&m->config)};
  in->q = calloc(rows * (3 * W + 3 * H + in->gates), sizeof *in->q);
  in->narrow = calloc(rows * (3 * W + H + in->gates), sizeof *in->narrow);
  if (!in->q || !in->narrow) return efla_fail_memory(why);
  in->k = in->q + rows * W, in->v = in->k + rows * W, in->beta = in->v + rows * W, in->g = in->beta + rows * H;
  in->lambda = in->g + rows * in->gates, in->x = in->lambda + rows * H;
  return EFLA_OK;
}

/* Reads a layer after a forward pass. */
static void read_inputs(const efla_lm *m, size_t layer, inputs *in) {
  const efla_device *on = m->device;
  const efla_lm_layer *l = &m->layers[layer];
  const size_t rows = m->rows, W = m->config.width, H = m->config.heads, d = W / H;
  const double scale = efla_lm_rule(&m->config).scale;
  on->row->read(rows * W, l->q, in->q);
  on->row->read(rows * H, l->beta, in->beta);
  if (in->gates) on->row->read(rows * in->gates, l->g, in->g);
  for (size_t r = 0; r < rows; r++) {
    on->row->read(W, efla_device_at(on, l->y, (3 * r + 1) * W), in->k + r * W);
    on->row->read(W, efla_device_at(on, l->y, (3 * r + 2) * W), in->v + r * W);
  }
  for (size_t i = 0; i < rows * W; i++) in->q[i] *= scale;
  for (size_t i = 0; i < rows * H; i++) {
    double *k = in->k + i * d;
    m->config.rule.keys->apply(d, k);
    in->lambda[i] = 0;
    for (size_t j = 0; j < d; j++) in->lambda[i] += k[j] * k[j];
    in->x[i] = in->beta[i] * in->lambda[i];
  }
}

/* norms (sequences, heads) of the states after the last token. */
static efla_status read_states(const efla_lm *m, size_t layer, double *norms, efla_message *why) {
  const efla_device *on = m->device;
  const size_t H = m->config.heads, d = m->config.width / H, n = m->sequences * H;
  const efla_rule rule = efla_lm_rule(&m->config);
  const efla_sequence x = efla_lm_sequence(m, layer);
  assert(d > 0);
  void *states = on->row->allocate(n * d * d);
  double *wide = malloc(d * d * sizeof *wide);
  efla_status status = states && wide ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) {
    const efla_result y = {.final_state = efla_array_states(states, on->row->type, H, d, d)};
    status = efla_forward(on->backend, &rule, &x, &y);
    if (status != EFLA_OK) efla_fail(why, status, "%s", efla_last_message(on->backend));
  }
  for (size_t i = 0; i < n && status == EFLA_OK; i++) {
    on->row->read(d * d, efla_device_at(on, states, i * d * d), wide);
    norms[i] = efla_two_norm(d * d, wide);
  }
  on->row->release(states), free(wide);
  return status;
}

static efla_status save_layer(const efla_lm *m, const inputs *in, const char *stem, const char *when, size_t layer,
                              efla_message *why) {
  const size_t rows = m->rows, T = m->tokens, W = m->config.width, H = m->config.heads, d = W / H;
  float *q = in->narrow, *k = q + rows * W, *v = k + rows * W, *beta = v + rows * W, *g = beta + rows * H;
  for (size_t i = 0; i < rows * (3 * W + H + in->gates); i++) in->narrow[i] = (float)in->q[i];
  efla_sequence view = {.batch = m->sequences,
                        .heads = H,
                        .tokens = T,
                        .dk = d,
                        .dv = d,
                        .q = efla_array_token_major(q, EFLA_F32, T, H, d),
                        .k = efla_array_token_major(k, EFLA_F32, T, H, d),
                        .v = efla_array_token_major(v, EFLA_F32, T, H, d),
                        .beta = efla_array_token_major(beta, EFLA_F32, T, H, 1),
                        .g_per_channel = m->config.per_channel};
  if (in->gates) view.g = efla_array_token_major(g, EFLA_F32, T, H, in->gates / H);
  char *path = malloc(strlen(stem) + strlen(when) + 32);
  if (!path) return efla_fail_memory(why);
  sprintf(path, "%s-%s-%zu.h5", stem, when, layer + 1);
  const efla_status status = efla_tensors_save_whole(path, &view, why);
  free(path);
  return status;
}

/* x (EFLA_LAYER_NUMBERS) of n values, which it sorts. */
static void describe(size_t n, double *values, double *x) {
  size_t beyond = 0;
  for (size_t i = 0; i < n; i++) beyond += values[i] > 2;
  const efla_distribution d = efla_distribution_of("", n, values);
  x[0] = d.mean;
  for (size_t i = 0; i < EFLA_DISTRIBUTION_QUANTILES; i++) x[1 + i] = d.quantile[i];
  x[1 + EFLA_DISTRIBUTION_QUANTILES] = d.most;
  x[2 + EFLA_DISTRIBUTION_QUANTILES] = isnan(d.mean) ? NAN : (double)beyond / (double)n;
}

/* Sorts what it reads. */
static efla_status describe_layer(const efla_lm *m, size_t layer, inputs *in, double *x, efla_message *why) {
  const size_t n = m->rows * m->config.heads, states = m->sequences * m->config.heads;
  double *norms = malloc(states * sizeof *norms);
  const efla_status status = norms ? read_states(m, layer, norms, why) : efla_fail_memory(why);
  if (status == EFLA_OK) {
    describe(n, in->beta, x);
    describe(n, in->lambda, x + EFLA_LAYER_NUMBERS);
    describe(n, in->x, x + 2 * EFLA_LAYER_NUMBERS);
    describe(states, norms, x + 3 * EFLA_LAYER_NUMBERS);
    if (in->gates) describe(m->rows * in->gates, in->g, x + 4 * EFLA_LAYER_NUMBERS);
  }
  free(norms);
  return status;
}

static efla_status describe_layers(efla_lm *m, const float *parameters, const uint32_t *tokens, const char *stem,
                                   const char *when, double *x, efla_message *why) {
  const size_t each = efla_text_layers_quantities(&m->config) * EFLA_LAYER_NUMBERS;
  inputs in = {.q = NULL};
  efla_status status = allocate(m, &in, why);
  if (status == EFLA_OK) status = efla_lm_forward(m, parameters, tokens, NULL, 0, NULL, why);
  for (size_t l = 0; l < m->config.layers && status == EFLA_OK; l++) {
    read_inputs(m, l, &in);
    if (stem) status = save_layer(m, &in, stem, when, l, why);
    if (status == EFLA_OK && x) status = describe_layer(m, l, &in, x + l * each, why);
  }
  free(in.q), free(in.narrow);
  return status;
}

efla_status efla_text_layers_describe(const efla_text_task *task, const float *parameters, const char *stem,
                                      const char *when, double *x, efla_message *why) {
  const efla_text_options *o = &task->options;
  const size_t n = efla_text_layers_windows(task);
  const size_t numbers = o->model.layers * efla_text_layers_quantities(&o->model) * EFLA_LAYER_NUMBERS;
  for (size_t i = 0; i < numbers && x; i++) x[i] = NAN;
  if (n == 0) return EFLA_OK;
  efla_lm m = {.layers = NULL};
  uint32_t *tokens = malloc(n * o->context * sizeof *tokens);
  efla_status status = tokens ? EFLA_OK : efla_fail_memory(why);
  for (size_t i = 0; i < n * o->context && tokens; i++) tokens[i] = o->corpus->valid.bytes[i];
  if (status == EFLA_OK) status = efla_lm_init(&m, &o->model, &task->learner.devices[0], n, o->context, why);
  if (status == EFLA_OK) status = describe_layers(&m, parameters, tokens, stem, when, x, why);
  efla_lm_clear(&m), free(tokens);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_layers.h"

#include "nn/language_parts.h"
#include "io/tensors.h"
#include "stats/distribution.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct layer_row {
  const char *method, *decay, *keys, *beta;
  size_t width;
  double lr;
  size_t seed;
  const char *when;
  size_t layer;
  const char *quantity;
  double mean, q01, q05, q25, q50, q75, q95, q99, most;
} layer_row;

const efla_column efla_text_layer_columns[] = {
    EFLA_COLUMN(layer_row, method, "", "one-step method"),
    EFLA_COLUMN(layer_row, decay, "", "decay; its name and 'channels' where it is per channel"),
    EFLA_COLUMN(layer_row, keys, "", "key treatment"),
    EFLA_COLUMN(layer_row, beta, "", "map of beta"),
    EFLA_COLUMN(layer_row, width, "", "width of the model"),
    EFLA_COLUMN(layer_row, lr, "", "largest learning rate"),
    EFLA_COLUMN(layer_row, seed, "", "seed of parameters and windows"),
    EFLA_COLUMN(layer_row, when, "", "before or after training"),
    EFLA_COLUMN(layer_row, layer, "", "layer; from 1"),
    EFLA_COLUMN(layer_row, quantity, "",
                "of every token and head of a batch of validation windows: beta, lambda = k^T k, x = beta*lambda, g or "
                "alpha; of every window and head: state, the Frobenius norm of the last state"),
    EFLA_COLUMN(layer_row, mean, "", "mean; nan and so are all others: a value is not finite"),
    EFLA_COLUMN(layer_row, q01, "", "1 % quantile"),
    EFLA_COLUMN(layer_row, q05, "", "5 % quantile"),
    EFLA_COLUMN(layer_row, q25, "", "25 % quantile"),
    EFLA_COLUMN(layer_row, q50, "", "median"),
    EFLA_COLUMN(layer_row, q75, "", "75 % quantile"),
    EFLA_COLUMN(layer_row, q95, "", "95 % quantile"),
    EFLA_COLUMN(layer_row, q99, "", "99 % quantile"),
    EFLA_COLUMN(layer_row, most, "", "largest"),
    EFLA_COLUMNS_END(layer_row)};

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
  *in = (inputs){.gates = efla_lm_place_of(&m->config, EFLA_LM_GATE, 0).rows};
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

static void write_row(layer_row r, const char *quantity, size_t n, double *values, efla_table *table) {
  const efla_distribution d = efla_distribution_of(quantity, n, values);
  const double *q = d.quantile;
  r.quantity = quantity, r.mean = d.mean, r.most = d.most;
  r.q01 = q[0], r.q05 = q[1], r.q25 = q[2], r.q50 = q[3], r.q75 = q[4], r.q95 = q[5], r.q99 = q[6];
  efla_table_put(table, &r);
}

/* Sorts what it reads. */
static efla_status write_layer(const efla_lm *m, inputs *in, layer_row r, efla_table *table, efla_message *why) {
  const size_t n = m->rows * m->config.heads, states = m->sequences * m->config.heads;
  double *norms = malloc(states * sizeof *norms);
  efla_status status = norms ? read_states(m, r.layer - 1, norms, why) : efla_fail_memory(why);
  if (status == EFLA_OK) {
    write_row(r, "beta", n, in->beta, table);
    write_row(r, "lambda", n, in->lambda, table);
    write_row(r, "x", n, in->x, table);
    if (in->gates) write_row(r, m->config.rule.decay->argument, m->rows * in->gates, in->g, table);
    write_row(r, "state", states, norms, table);
  }
  free(norms);
  return status;
}

/* All layers with these parameters. */
static efla_status inspect(efla_lm *m, const float *parameters, const uint32_t *tokens, layer_row r, const char *stem,
                           efla_table *table, efla_message *why) {
  inputs in = {.q = NULL};
  efla_status status = allocate(m, &in, why);
  if (status == EFLA_OK) status = efla_lm_forward(m, parameters, tokens, NULL, 0, NULL, why);
  for (size_t l = 0; l < m->config.layers && status == EFLA_OK; l++) {
    r.layer = l + 1;
    read_inputs(m, l, &in);
    if (stem) status = save_layer(m, &in, stem, r.when, l, why);
    if (status == EFLA_OK && table) status = write_layer(m, &in, r, table, why);
  }
  free(in.q), free(in.narrow);
  return status;
}

/* Parameters as they were before the first step. */
static efla_status start_of(const efla_text_run *run, float **parameters, efla_message *why) {
  const size_t n = run->training.trainer.learner.numbers;
  const efla_device *on = &run->task.learner.devices[0];
  double *start = malloc(n * sizeof *start);
  *parameters = on->row->allocate(n);
  efla_status status = start && *parameters ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_lm_start(&run->plan.options.model, run->plan.options.seed, start, why);
  if (status == EFLA_OK) on->row->write(n, start, *parameters);
  free(start);
  return status;
}

efla_status efla_text_inspect(const efla_text_run *run, const efla_text_row *config, const char *stem,
                              efla_table *table, efla_message *why) {
  const efla_text_options *o = &run->plan.options;
  const efla_corpus_part *valid = &o->corpus->valid;
  size_t n = valid->count / o->context;
  if (n > o->batch) n = o->batch;
  if (o->model.softmax || n == 0 || (!stem && !table)) return EFLA_OK;
  efla_lm m = {.layers = NULL};
  float *start = NULL;
  layer_row r = {.method = config->method, .decay = config->decay, .keys = config->keys, .beta = config->beta};
  r.width = config->width, r.lr = config->lr, r.seed = config->seed;
  uint32_t *tokens = malloc(n * o->context * sizeof *tokens);
  efla_status status = tokens ? start_of(run, &start, why) : efla_fail_memory(why);
  for (size_t i = 0; i < n * o->context && tokens; i++) tokens[i] = valid->bytes[i];
  if (status == EFLA_OK) status = efla_lm_init(&m, &o->model, &run->task.learner.devices[0], n, o->context, why);
  r.when = "before";
  if (status == EFLA_OK) status = inspect(&m, start, tokens, r, stem, table, why);
  r.when = "after";
  if (status == EFLA_OK) status = inspect(&m, run->training.trainer.parameters, tokens, r, stem, table, why);
  efla_lm_clear(&m);
  run->task.learner.devices[0].row->release(start), free(tokens);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/language_model.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const efla_beta_map efla_beta_maps[] = {{"sigmoid", EFLA_MAP_SIGMOID},
                                        {"softplus", EFLA_MAP_SOFTPLUS},
                                        {"twice-sigmoid", EFLA_MAP_TWICE_SIGMOID},
                                        {.name = NULL}};
const char *efla_beta_map_name(size_t i) {
  return i < sizeof efla_beta_maps / sizeof *efla_beta_maps ? efla_beta_maps[i].name : NULL;
}

/* ---- parameters ---- */

static bool gated(const efla_lm_config *c) { return !c->softmax && c->rule.decay && c->rule.decay->gated; }
static size_t gates(const efla_lm_config *c) { return !gated(c) ? 0 : c->per_channel ? c->width : c->heads; }

size_t efla_lm_copies(const efla_lm_config *c, efla_lm_parameter p) {
  if (p == EFLA_LM_EXPAND || p == EFLA_LM_EXPAND_BIAS || p == EFLA_LM_NORM_EXPAND) return EFLA_LM_EXPANSIONS;
  return (p >= EFLA_LM_QKV && p <= EFLA_LM_DOWN) || (p >= EFLA_LM_CONVOLUTION && p <= EFLA_LM_NORM_HEAD) ? c->layers
                                                                                                         : 1;
}

static efla_lm_place shape(const efla_lm_config *c, efla_lm_parameter p) {
  assert(c->heads > 0);
  const size_t W = c->width, betas = c->softmax ? 0 : c->heads, one = c->compress ? 1 : 0;
  const efla_lm_place shapes[EFLA_LM_PARAMETERS] = {
      [EFLA_LM_EMBEDDING] = {0, c->vocabulary, W},
      [EFLA_LM_QKV] = {0, 3 * W, W},
      [EFLA_LM_BETA] = {0, betas, W},
      [EFLA_LM_GATE] = {0, gates(c), W},
      [EFLA_LM_O] = {0, W, W},
      [EFLA_LM_UP] = {0, 2 * c->hidden, W},
      [EFLA_LM_DOWN] = {0, W, c->hidden},
      [EFLA_LM_OUT] = {0, c->vocabulary, W},
      [EFLA_LM_EXPAND] = {0, one * W, W},
      [EFLA_LM_CONVOLUTION] = {0, EFLA_CONVOLUTION, 3 * W},
      [EFLA_LM_BETA_BIAS] = {0, betas ? 1 : 0, betas},
      [EFLA_LM_GATE_BIAS] = {0, gates(c) ? 1 : 0, gates(c)},
      [EFLA_LM_NORM_MIXER] = {0, 1, W},
      [EFLA_LM_NORM_HIDDEN] = {0, 1, W},
      [EFLA_LM_NORM_HEAD] = {0, 1, W / c->heads},
      [EFLA_LM_NORM_OUT] = {0, 1, W},
      [EFLA_LM_EXPAND_BIAS] = {0, one, W},
      [EFLA_LM_NORM_EXPAND] = {0, one, W},
  };
  return shapes[p];
}

static size_t numbers(const efla_lm_place *p) { return efla_padded(p->rows * p->columns); }

/* The numbers before a parameter of a layer; `parameter` EFLA_LM_PARAMETERS: all. */
static size_t before(const efla_lm_config *c, efla_lm_parameter parameter, size_t layer) {
  size_t sum = 0;
  for (efla_lm_parameter p = 0; p < parameter; p++) {
    const efla_lm_place place = shape(c, p);
    sum += numbers(&place) * efla_lm_copies(c, p);
  }
  if (parameter == EFLA_LM_PARAMETERS) return sum;
  const efla_lm_place place = shape(c, parameter);
  return sum + numbers(&place) * layer;
}

efla_lm_place efla_lm_place_of(const efla_lm_config *c, efla_lm_parameter parameter, size_t layer) {
  efla_lm_place place = shape(c, parameter);
  place.first = before(c, parameter, layer);
  return place;
}

size_t efla_lm_numbers(const efla_lm_config *c) { return before(c, EFLA_LM_PARAMETERS, 0); }
size_t efla_lm_matrices(const efla_lm_config *c) { return before(c, EFLA_LM_CONVOLUTION, 0); }

size_t efla_lm_parameters(const efla_lm_config *c) {
  size_t sum = 0;
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++) {
    const efla_lm_place place = shape(c, p);
    sum += place.rows * place.columns * efla_lm_copies(c, p);
  }
  return sum;
}

/* Half-lives of 8 ... 512 tokens, in proportion: a decay rate y = log(2)/life, that is -softplus(bias) = -y, or 1 -
 * sigmoid(bias) = y where the argument is alpha. */
static double decay_bias(const efla_lm_config *c, size_t i, size_t n) {
  const double life = 8 * pow(64, n > 1 ? (double)i / (double)(n - 1) : 0.5), y = M_LN2 / life;
  return !strcmp(c->rule.decay->argument, "alpha") ? log(1 / y - 1) : log(expm1(y));
}

static void start_parameter(const efla_lm_config *c, efla_lm_parameter p, const efla_lm_place *at, gsl_rng *draw,
                            double *x) {
  const size_t n = at->rows * at->columns;
  const double sigma = p == EFLA_LM_O || p == EFLA_LM_DOWN ? .02 / sqrt(2 * (double)c->layers) : .02;
  for (size_t i = 0; i < n; i++)
    if (p < EFLA_LM_CONVOLUTION)
      x[i] = gsl_ran_gaussian(draw, sigma);
    else if (p == EFLA_LM_CONVOLUTION)
      x[i] = gsl_rng_uniform(draw) - .5;
    else if (p == EFLA_LM_GATE_BIAS)
      x[i] = decay_bias(c, c->per_channel ? i % (c->width / c->heads) : i, c->per_channel ? c->width / c->heads : n);
    else
      x[i] = p == EFLA_LM_BETA_BIAS || p == EFLA_LM_EXPAND_BIAS ? 0 : 1;
}

/* A stream of its own for each: what one model has and another has not changes nothing else. A new parameter takes a
 * new number, so that tables of older versions can be made again. */
static size_t stream(efla_lm_parameter p) { return p == EFLA_LM_EXPAND ? 18 : p > EFLA_LM_EXPAND ? p - 1 : p; }

efla_status efla_lm_start(const efla_lm_config *c, size_t seed, double *parameters, efla_message *why) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  if (!draw) return efla_fail_memory(why);
  memset(parameters, 0, efla_lm_numbers(c) * sizeof *parameters);
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++)
    for (size_t l = 0; l < efla_lm_copies(c, p); l++) {
      gsl_rng_set(draw, seed * 1000003 + stream(p) * 1009 + l + 1);
      const efla_lm_place at = efla_lm_place_of(c, p, l);
      start_parameter(c, p, &at, draw, parameters + at.first);
    }
  gsl_rng_free(draw);
  for (size_t i = 0, n = efla_lm_numbers(c); i < n; i++) parameters[i] = (double)(float)parameters[i];
  return EFLA_OK;
}

/* ---- workspace ---- */

typedef struct need {
  void **to;
  size_t n; /* numbers */
} need;

enum { LAYER_ARRAYS = 21, ARRAYS = 14 + 4 * EFLA_LM_EXPANSIONS };

static void layer_needs(const efla_lm_config *c, size_t sequences, size_t tokens, bool backward, efla_lm_layer *l,
                        need list[LAYER_ARRAYS]) {
  const size_t R = sequences * tokens, W = R * c->width, H = R * c->heads, G = R * gates(c), D = c->softmax ? 0 : 1;
  const need all[LAYER_ARRAYS] = {{&l->x, W},
                                  {&l->r, W},
                                  {&l->by, R},
                                  {&l->qkv, 3 * W},
                                  {&l->z, 3 * W},
                                  {&l->y, 3 * W},
                                  {&l->q, D * W},
                                  {&l->q_by, D * H},
                                  {&l->beta_z, D * H},
                                  {&l->beta, D * H},
                                  {&l->gate_z, G},
                                  {&l->g, G},
                                  {&l->P, D ? 0 : (backward ? sequences * c->heads : 1) * tokens * tokens},
                                  {&l->o, W},
                                  {&l->o_by, H},
                                  {&l->normed, W},
                                  {&l->middle, W},
                                  {&l->s, W},
                                  {&l->s_by, R},
                                  {&l->up, 2 * R * c->hidden},
                                  {&l->act, R * c->hidden}};
  memcpy(list, all, sizeof all);
}

static void model_needs(const efla_lm_config *c, size_t sequences, size_t tokens, bool backward, efla_lm *m,
                        need list[ARRAYS]) {
  const size_t R = sequences * tokens, W = R * c->width, small = R * (gates(c) > c->heads ? gates(c) : c->heads);
  size_t widest = 3 * c->width > 2 * c->hidden ? 3 * c->width : 2 * c->hidden;
  if (c->softmax && tokens > widest) widest = tokens;
  const size_t B = backward ? 1 : 0, E = c->compress ? W : 0;
  efla_lm_expansion *e = m->expansions;
  const need all[ARRAYS] = {{&m->x, W},
                            {&m->r, W},
                            {&m->by, R},
                            {&m->logits, R * c->vocabulary},
                            {&m->d_x, B * W},
                            {&m->d_r, B * W},
                            {&m->d_wide, B * R * widest},
                            {&m->d_more, B * R * widest},
                            {&m->d_o, B * W},
                            {&m->d_q, B * W},
                            {&m->d_small[0], B * small},
                            {&m->d_small[1], B * small},
                            {&m->code, E},
                            {&m->positions, c->compress ? tokens * c->width : 0},
                            {&e[0].x, E},
                            {&e[0].r, E},
                            {&e[0].by, c->compress ? R : 0},
                            {&e[0].z, E},
                            {&e[1].x, E},
                            {&e[1].r, E},
                            {&e[1].by, c->compress ? R : 0},
                            {&e[1].z, E}};
  memcpy(list, all, sizeof all);
}

double efla_lm_bytes(const efla_lm_config *c, const efla_device_row *device, size_t sequences, size_t tokens,
                     bool backward) {
  efla_lm m = {.layers = NULL};
  efla_lm_layer l = {.x = NULL};
  need layer_list[LAYER_ARRAYS], model_list[ARRAYS];
  layer_needs(c, sequences, tokens, backward, &l, layer_list);
  model_needs(c, sequences, tokens, backward, &m, model_list);
  double layer = 0, model = 0;
  for (size_t i = 0; i < LAYER_ARRAYS; i++) layer += (double)layer_list[i].n;
  for (size_t i = 0; i < ARRAYS; i++) model += (double)model_list[i].n;
  return ((double)(backward ? c->layers : 1) * layer + model) * (double)efla_type_size(device->type) +
         (double)(sequences * tokens * (sizeof(double) + (c->compress ? sizeof(uint32_t) : 0)));
}

static bool allocate(const efla_device *device, const need *list, size_t n) {
  bool whole = true;
  for (size_t i = 0; i < n; i++)
    if (list[i].n > 0) whole = (*list[i].to = device->row->allocate(list[i].n)) && whole;
  return whole;
}

/* What a code is expanded with: the sines of positions, and the row of the last token of each row's sequence. */
static bool start_expansion(efla_lm *m) {
  const size_t W = m->config.width, half = W / 2, n = m->tokens * W;
  double *sines = calloc(n, sizeof *sines);
  m->last = malloc(m->rows * sizeof *m->last);
  for (size_t t = 0; t < m->tokens && sines; t++)
    for (size_t j = 0; j < half; j++) {
      const double angle = (double)t * pow(10000, half > 1 ? -(double)j / (double)(half - 1) : 0);
      sines[t * W + j] = sin(angle), sines[t * W + half + j] = cos(angle);
    }
  if (sines) m->device->row->write(n, sines, m->positions);
  for (size_t r = 0; r < m->rows && m->last; r++) m->last[r] = (uint32_t)(r / m->tokens * m->tokens + m->tokens - 1);
  free(sines);
  return sines && m->last;
}

/* Layers whose arrays are their own; the others have the first one's. */
static size_t own_layers(const efla_lm *m) { return m->backward || m->config.layers == 0 ? m->config.layers : 1; }

static efla_status init(efla_lm *m, const efla_lm *wanted, efla_message *why) {
  const efla_lm_config *c = &m->config;
  *m = (efla_lm){.layers = NULL};
  if (wanted->config.width % wanted->config.heads != 0)
    return efla_fail(why, EFLA_INPUT, "%zu heads do not divide the width %zu", wanted->config.heads,
                     wanted->config.width);
  *m = *wanted;
  need list[ARRAYS]; /* the longer of both */
  m->rows = m->sequences * m->tokens, m->gates = gates(c);
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++)
    m->first[p] = before(c, p, 0), m->step[p] = before(c, p, 1) - m->first[p];
  m->layers = calloc(c->layers, sizeof *m->layers), m->losses = calloc(m->rows, sizeof *m->losses);
  bool whole = m->layers && m->losses;
  for (size_t l = 0; l < own_layers(m) && whole; l++) {
    layer_needs(c, m->sequences, m->tokens, m->backward, &m->layers[l], list);
    whole = allocate(m->device, list, LAYER_ARRAYS);
  }
  for (size_t l = own_layers(m); l < c->layers && whole; l++) m->layers[l] = m->layers[0];
  model_needs(c, m->sequences, m->tokens, m->backward, m, list);
  whole = whole && allocate(m->device, list, ARRAYS) && (!c->compress || start_expansion(m));
  if (whole) return EFLA_OK;
  efla_lm_clear(m);
  return efla_fail_memory(why);
}

efla_status efla_lm_init(efla_lm *m, const efla_lm_config *c, const efla_device *device, size_t sequences,
                         size_t tokens, efla_message *why) {
  const efla_lm wanted = {.config = *c, .device = device, .backward = true, .sequences = sequences, .tokens = tokens};
  return init(m, &wanted, why);
}

efla_status efla_lm_init_forward(efla_lm *m, const efla_lm_config *c, const efla_device *device, size_t sequences,
                                 size_t tokens, efla_message *why) {
  const efla_lm wanted = {.config = *c, .device = device, .backward = false, .sequences = sequences, .tokens = tokens};
  return init(m, &wanted, why);
}

void efla_lm_clear(efla_lm *m) {
  need list[ARRAYS]; /* the longer of both */
  for (size_t l = 0; l < own_layers(m) && m->layers; l++) {
    layer_needs(&m->config, 0, 0, m->backward, &m->layers[l], list);
    for (size_t i = 0; i < LAYER_ARRAYS; i++) m->device->row->release(*list[i].to);
  }
  if (m->device) model_needs(&m->config, 0, 0, m->backward, m, list);
  for (size_t i = 0; i < ARRAYS && m->device; i++) m->device->row->release(*list[i].to);
  free(m->layers), free(m->losses), free(m->last);
  *m = (efla_lm){.layers = NULL};
}

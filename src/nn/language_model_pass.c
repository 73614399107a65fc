/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward and the backward pass of language_model.h; what follows a code is in language_expansion.c. */
#include "nn/language_parts.h"

#include "efla/internal/backend.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A parameter, and its derivative, which lies the same. */
void *efla_lm_at(const efla_lm *m, const void *block, efla_lm_parameter p, size_t layer) {
  return efla_device_at(m->device, block, m->first[p] + layer * m->step[p]);
}

static bool gated(const efla_lm *m) { return m->gates > 0; }

void efla_lm_linear(const efla_lm *m, size_t in, size_t out, const void *x, const void *W, double keep, void *y) {
  if (m->rows == 1)
    m->device->row->matrix(m->device, out, in, W, x, keep, y);
  else
    m->device->row->product(false, true, m->rows, out, in, x, in, W, in, keep, y, out);
}

void efla_lm_linear_backward(const efla_lm *m, size_t in, size_t out, const void *x, const void *W, const void *d_y,
                             double keep, void *d_x, void *d_W) {
  m->device->row->product(false, false, m->rows, in, out, d_y, out, W, in, keep, d_x, in);
  m->device->row->product(true, false, out, in, m->rows, d_y, out, x, in, 1, d_W, in);
}

/* ---- the mixer ---- */

efla_array efla_lm_heads(const efla_lm *m, const void *x, size_t row, size_t n) {
  return (efla_array){.data = (void *)x,
                      .type = m->device->row->type,
                      .batch = (ptrdiff_t)(m->tokens * row),
                      .head = (ptrdiff_t)n,
                      .token = (ptrdiff_t)row};
}

efla_rule efla_lm_rule(const efla_lm_config *c) {
  efla_rule rule = c->rule;
  rule.scale = 1 / sqrt((double)(c->width / c->heads)); /* RMSNorm makes the norm of q its inverse */
  return rule;
}

static efla_map gate_map(const efla_lm *m) {
  return !strcmp(m->config.rule.decay->argument, "alpha") ? EFLA_MAP_SIGMOID : EFLA_MAP_MINUS_SOFTPLUS;
}

/* Of a layer's arrays, wherever k and v are in y. */
static efla_sequence sequence_of(const efla_lm *m, const efla_lm_layer *l, const void *k, const void *v) {
  const size_t W = m->config.width, H = m->config.heads, d = W / H;
  efla_sequence x = {.batch = m->sequences,
                     .heads = H,
                     .tokens = m->tokens,
                     .dk = d,
                     .dv = d,
                     .q = efla_lm_heads(m, l->q, W, d),
                     .k = efla_lm_heads(m, k, 3 * W, d),
                     .v = efla_lm_heads(m, v, 3 * W, d),
                     .beta = efla_lm_heads(m, l->beta, H, 1),
                     .g_per_channel = m->config.per_channel && gated(m)};
  if (gated(m)) x.g = m->config.per_channel ? efla_lm_heads(m, l->g, W, d) : efla_lm_heads(m, l->g, H, 1);
  return x;
}

efla_sequence efla_lm_sequence(const efla_lm *m, size_t layer) {
  const efla_lm_layer *l = &m->layers[layer];
  const size_t W = m->config.width;
  return sequence_of(m, l, efla_device_at(m->device, l->y, W), efla_device_at(m->device, l->y, 2 * W));
}

static efla_status say(const efla_lm *m, efla_status status, efla_message *why) {
  return status == EFLA_OK ? EFLA_OK : efla_fail(why, status, "%s", efla_last_message(m->device->backend));
}

/* Keys, or the derivative by them, in rows of q, k, v; the factor is the same for both. */
static void scale_keys(const efla_lm *m, void *qkv) {
  const size_t W = m->config.width;
  if (m->config.key_factor != 0)
    m->device->row->scale(m->rows, W, m->config.key_factor, efla_device_at(m->device, qkv, W), 3 * W);
}

/* q of norm one, k, beta and the decay's argument. */
void efla_lm_gates(efla_lm *m, const void *parameters, size_t layer) {
  const efla_lm_config *c = &m->config;
  const efla_device_row *on = m->device->row;
  efla_lm_layer *l = &m->layers[layer];
  const size_t W = c->width, H = c->heads, G = m->gates;
  on->norm(m->device, m->rows, H, W / H, l->y, 3 * W, NULL, l->q, l->q_by);
  scale_keys(m, l->y);
  efla_lm_linear(m, W, H, l->r, efla_lm_at(m, parameters, EFLA_LM_BETA, layer), 0, l->beta_z);
  on->map(c->beta->map, m->rows, H, l->beta_z, efla_lm_at(m, parameters, EFLA_LM_BETA_BIAS, layer), l->beta);
  if (G == 0) return;
  efla_lm_linear(m, W, G, l->r, efla_lm_at(m, parameters, EFLA_LM_GATE, layer), 0, l->gate_z);
  on->map(gate_map(m), m->rows, G, l->gate_z, efla_lm_at(m, parameters, EFLA_LM_GATE_BIAS, layer), l->g);
}

static efla_status mix(efla_lm *m, const void *parameters, size_t layer, efla_message *why) {
  efla_lm_gates(m, parameters, layer);
  const efla_rule rule = efla_lm_rule(&m->config);
  const efla_sequence x = efla_lm_sequence(m, layer);
  const efla_result y = {.o = efla_lm_heads(m, m->layers[layer].o, m->config.width, m->config.width / m->config.heads)};
  return say(m, efla_forward(m->device->backend, &rule, &x, &y), why);
}

static efla_gradient gradient_of(const efla_lm *m, const void *d_k, const void *d_v) {
  const size_t W = m->config.width, H = m->config.heads, d = W / H;
  efla_gradient dx = {.q = efla_lm_heads(m, m->d_q, W, d),
                      .k = efla_lm_heads(m, d_k, 3 * W, d),
                      .v = efla_lm_heads(m, d_v, 3 * W, d),
                      .beta = efla_lm_heads(m, m->d_small[0], H, 1)};
  if (gated(m))
    dx.g = m->config.per_channel ? efla_lm_heads(m, m->d_small[1], W, d) : efla_lm_heads(m, m->d_small[1], H, 1);
  return dx;
}

/* What the backend counts for arrays of these shapes, which are not there. */
double efla_lm_backend_bytes(const efla_lm_config *c, const efla_device *device, size_t sequences, size_t tokens,
                             bool backward) {
  static double nowhere;
  efla_lm m = {.config = *c, .device = device, .sequences = sequences, .tokens = tokens, .rows = sequences * tokens};
  if (c->softmax) return 0;
  m.gates = efla_lm_place_of(c, EFLA_LM_GATE, 0).rows;
  m.d_q = m.d_small[0] = m.d_small[1] = &nowhere;
  const efla_lm_layer l = {.q = &nowhere, .beta = &nowhere, .g = &nowhere};
  const efla_rule rule = efla_lm_rule(c);
  const efla_sequence x = sequence_of(&m, &l, &nowhere, &nowhere);
  const efla_result y = {.o = efla_lm_heads(&m, &nowhere, c->width, c->width / c->heads)};
  const efla_gradient dx = gradient_of(&m, &nowhere, &nowhere);
  const efla_call call = {.backend = device->backend, .rule = &rule, .x = &x, .y = &y, .dx = &dx};
  efla_arena forward = {.base = NULL}, both = {.base = NULL};
  device->backend->row->forward(&call, &forward);
  if (backward) device->backend->row->backward(&call, &both);
  return (double)(both.used > forward.used ? both.used : forward.used);
}

/* From d_o to d_wide, the derivative by q, k, v, and d_r, to which the gates' parts are added. */
static efla_status mix_backward(efla_lm *m, const void *parameters, size_t layer, void *gradient, efla_message *why) {
  const efla_lm_config *c = &m->config;
  const efla_device_row *on = m->device->row;
  efla_lm_layer *l = &m->layers[layer];
  const size_t W = c->width, H = c->heads, d = W / H, G = m->gates;
  const efla_rule rule = efla_lm_rule(&m->config);
  const efla_sequence x = efla_lm_sequence(m, layer);
  const efla_result dy = {.o = efla_lm_heads(m, m->d_o, W, d)};
  const efla_gradient dx =
      gradient_of(m, efla_device_at(m->device, m->d_wide, W), efla_device_at(m->device, m->d_wide, 2 * W));
  const efla_status status = say(m, efla_backward(m->device->backend, &rule, &x, &dy, &dx), why);
  if (status != EFLA_OK) return status;
  scale_keys(m, m->d_wide);
  on->map_backward(c->beta->map, m->rows, H, l->beta_z, efla_lm_at(m, parameters, EFLA_LM_BETA_BIAS, layer),
                   m->d_small[0], m->d_small[0], efla_lm_at(m, gradient, EFLA_LM_BETA_BIAS, layer));
  efla_lm_linear_backward(m, W, H, l->r, efla_lm_at(m, parameters, EFLA_LM_BETA, layer), m->d_small[0], 1, m->d_r,
                          efla_lm_at(m, gradient, EFLA_LM_BETA, layer));
  if (G > 0) {
    on->map_backward(gate_map(m), m->rows, G, l->gate_z, efla_lm_at(m, parameters, EFLA_LM_GATE_BIAS, layer),
                     m->d_small[1], m->d_small[1], efla_lm_at(m, gradient, EFLA_LM_GATE_BIAS, layer));
    efla_lm_linear_backward(m, W, G, l->r, efla_lm_at(m, parameters, EFLA_LM_GATE, layer), m->d_small[1], 1, m->d_r,
                            efla_lm_at(m, gradient, EFLA_LM_GATE, layer));
  }
  on->zero(m->rows, W, m->d_wide, 3 * W); /* the norm adds to what is there */
  on->norm_backward(m->device, m->rows, H, d, l->y, 3 * W, NULL, l->q_by, m->d_q, m->d_wide, NULL);
  return EFLA_OK;
}

/* Softmax attention, one head of one sequence after another. */
static void attend(efla_lm *m, size_t layer, bool backward) {
  const efla_device *on = m->device;
  const efla_lm_layer *l = &m->layers[layer];
  const size_t W = m->config.width, H = m->config.heads, d = W / H, T = m->tokens;
  for (size_t s = 0; s < m->sequences; s++)
    for (size_t h = 0; h < H; h++) {
      const size_t q = s * T * 3 * W + h * d, o = s * T * W + h * d;
      void *P = efla_device_at(on, l->P, m->backward ? (s * H + h) * T * T : 0);
      const void *Q = efla_device_at(on, l->y, q), *K = efla_device_at(on, l->y, q + W),
                 *V = efla_device_at(on, l->y, q + 2 * W);
      if (!backward)
        on->row->attend(on, T, d, Q, K, V, 3 * W, 3 * W, P, efla_device_at(on, l->o, o), W);
      else
        on->row->attend_backward(on, T, d, Q, K, V, 3 * W, 3 * W, P, efla_device_at(on, m->d_o, o), W, m->d_more,
                                 efla_device_at(on, m->d_wide, q), 3 * W, efla_device_at(on, m->d_wide, q + W),
                                 efla_device_at(on, m->d_wide, q + 2 * W), 3 * W);
    }
}

/* ---- layers ---- */

void efla_lm_project(efla_lm *m, const void *parameters, size_t layer) {
  const efla_device *on = m->device;
  efla_lm_layer *l = &m->layers[layer];
  const size_t W = m->config.width;
  on->row->norm(on, m->rows, 1, W, l->x, W, efla_lm_at(m, parameters, EFLA_LM_NORM_MIXER, layer), l->r, l->by);
  efla_lm_linear(m, W, 3 * W, l->r, efla_lm_at(m, parameters, EFLA_LM_QKV, layer), 0, l->qkv);
}

void *efla_lm_next(const efla_lm *m, size_t layer) {
  return layer + 1 < m->config.layers ? m->layers[layer + 1].x : m->config.compress ? m->code : m->x;
}

void efla_lm_finish_layer(efla_lm *m, const void *parameters, size_t layer) {
  const efla_device *on = m->device;
  efla_lm_layer *l = &m->layers[layer];
  const size_t W = m->config.width, H = m->config.heads, F = m->config.hidden;
  on->row->norm(on, m->rows, H, W / H, l->o, W, efla_lm_at(m, parameters, EFLA_LM_NORM_HEAD, layer), l->normed,
                l->o_by);
  on->row->copy(m->rows * W, l->x, l->middle);
  efla_lm_linear(m, W, W, l->normed, efla_lm_at(m, parameters, EFLA_LM_O, layer), 1, l->middle);
  on->row->norm(on, m->rows, 1, W, l->middle, W, efla_lm_at(m, parameters, EFLA_LM_NORM_HIDDEN, layer), l->s, l->s_by);
  efla_lm_linear(m, W, 2 * F, l->s, efla_lm_at(m, parameters, EFLA_LM_UP, layer), 0, l->up);
  on->row->swiglu(on, m->rows, F, l->up, l->act);
  on->row->copy(m->rows * W, l->middle, efla_lm_next(m, layer));
  efla_lm_linear(m, F, W, l->act, efla_lm_at(m, parameters, EFLA_LM_DOWN, layer), 1, efla_lm_next(m, layer));
}

static efla_status forward_layer(efla_lm *m, const void *parameters, size_t layer, efla_message *why) {
  const efla_device *on = m->device;
  efla_lm_layer *l = &m->layers[layer];
  efla_lm_project(m, parameters, layer);
  on->row->convolve(on, m->sequences, m->tokens, 3 * m->config.width, l->qkv,
                    efla_lm_at(m, parameters, EFLA_LM_CONVOLUTION, layer), l->z, l->y);
  efla_status status = EFLA_OK;
  if (m->config.softmax)
    attend(m, layer, false);
  else
    status = mix(m, parameters, layer, why);
  if (status == EFLA_OK) efla_lm_finish_layer(m, parameters, layer);
  return status;
}

void efla_lm_read_out(efla_lm *m, const void *parameters) {
  const size_t W = m->config.width;
  m->device->row->norm(m->device, m->rows, 1, W, m->x, W, efla_lm_at(m, parameters, EFLA_LM_NORM_OUT, 0), m->r, m->by);
  efla_lm_linear(m, W, m->config.vocabulary, m->r, efla_lm_at(m, parameters, EFLA_LM_OUT, 0), 0, m->logits);
}

/* d_x: by the layer's result in, by its input out. */
static efla_status backward_layer(efla_lm *m, const void *parameters, size_t layer, void *gradient, efla_message *why) {
  const efla_lm_config *c = &m->config;
  const efla_device *on = m->device;
  efla_lm_layer *l = &m->layers[layer];
  const size_t W = c->width, H = c->heads, F = c->hidden, d = W / H;
  efla_lm_linear_backward(m, F, W, l->act, efla_lm_at(m, parameters, EFLA_LM_DOWN, layer), m->d_x, 0, m->d_more,
                          efla_lm_at(m, gradient, EFLA_LM_DOWN, layer));
  on->row->swiglu_backward(on, m->rows, F, l->up, m->d_more, m->d_wide);
  efla_lm_linear_backward(m, W, 2 * F, l->s, efla_lm_at(m, parameters, EFLA_LM_UP, layer), m->d_wide, 0, m->d_r,
                          efla_lm_at(m, gradient, EFLA_LM_UP, layer));
  on->row->norm_backward(on, m->rows, 1, W, l->middle, W, efla_lm_at(m, parameters, EFLA_LM_NORM_HIDDEN, layer),
                         l->s_by, m->d_r, m->d_x, efla_lm_at(m, gradient, EFLA_LM_NORM_HIDDEN, layer));
  efla_lm_linear_backward(m, W, W, l->normed, efla_lm_at(m, parameters, EFLA_LM_O, layer), m->d_x, 0, m->d_r,
                          efla_lm_at(m, gradient, EFLA_LM_O, layer));
  on->row->zero(m->rows, W, m->d_o, W);
  on->row->norm_backward(on, m->rows, H, d, l->o, W, efla_lm_at(m, parameters, EFLA_LM_NORM_HEAD, layer), l->o_by,
                         m->d_r, m->d_o, efla_lm_at(m, gradient, EFLA_LM_NORM_HEAD, layer));
  on->row->zero(m->rows, W, m->d_r, W);
  efla_status status = EFLA_OK;
  if (c->softmax)
    attend(m, layer, true);
  else
    status = mix_backward(m, parameters, layer, gradient, why);
  if (status != EFLA_OK) return status;
  on->row->convolve_backward(on, m->sequences, m->tokens, 3 * W, l->qkv,
                             efla_lm_at(m, parameters, EFLA_LM_CONVOLUTION, layer), l->z, m->d_wide, l->z, m->d_more,
                             efla_lm_at(m, gradient, EFLA_LM_CONVOLUTION, layer));
  efla_lm_linear_backward(m, W, 3 * W, l->r, efla_lm_at(m, parameters, EFLA_LM_QKV, layer), m->d_more, 1, m->d_r,
                          efla_lm_at(m, gradient, EFLA_LM_QKV, layer));
  on->row->norm_backward(on, m->rows, 1, W, l->x, W, efla_lm_at(m, parameters, EFLA_LM_NORM_MIXER, layer), l->by,
                         m->d_r, m->d_x, efla_lm_at(m, gradient, EFLA_LM_NORM_MIXER, layer));
  return EFLA_OK;
}

efla_status efla_lm_forward(efla_lm *m, const void *parameters, const uint32_t *tokens, const int32_t *labels,
                            double weight, double *loss, efla_message *why) {
  const efla_lm_config *c = &m->config;
  const efla_device *on = m->device;
  m->read = tokens;
  on->row->embed(m->rows, c->width, tokens, efla_lm_at(m, parameters, EFLA_LM_EMBEDDING, 0), m->layers[0].x);
  for (size_t l = 0; l < c->layers; l++) {
    const efla_status status = forward_layer(m, parameters, l, why);
    if (status != EFLA_OK) return status;
  }
  if (c->compress) efla_lm_expand(m, parameters);
  efla_lm_read_out(m, parameters);
  if (!labels) return EFLA_OK;
  on->row->entropy(on, m->rows, c->vocabulary, m->logits, labels, weight, m->losses);
  *loss = 0;
  for (size_t r = 0; r < m->rows; r++) *loss += m->losses[r];
  return EFLA_OK;
}

efla_status efla_lm_backward(efla_lm *m, const void *parameters, void *gradient, efla_message *why) {
  const efla_lm_config *c = &m->config;
  const efla_device *on = m->device;
  assert(m->backward);
  efla_lm_linear_backward(m, c->width, c->vocabulary, m->r, efla_lm_at(m, parameters, EFLA_LM_OUT, 0), m->logits, 0,
                          m->d_r, efla_lm_at(m, gradient, EFLA_LM_OUT, 0));
  on->row->zero(m->rows, c->width, m->d_x, c->width);
  on->row->norm_backward(on, m->rows, 1, c->width, m->x, c->width, efla_lm_at(m, parameters, EFLA_LM_NORM_OUT, 0),
                         m->by, m->d_r, m->d_x, efla_lm_at(m, gradient, EFLA_LM_NORM_OUT, 0));
  if (c->compress) efla_lm_expand_backward(m, parameters, gradient);
  for (size_t l = c->layers; l-- > 0;) {
    const efla_status status = backward_layer(m, parameters, l, gradient, why);
    if (status != EFLA_OK) return status;
  }
  on->row->embed_backward(m->rows, c->width, m->read, m->d_x, efla_lm_at(m, gradient, EFLA_LM_EMBEDDING, 0));
  return EFLA_OK;
}

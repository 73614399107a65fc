/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/language_decoder.h"

#include "nn/language_parts.h"

#include <assert.h>
#include <stdlib.h>

static efla_status open_layer(efla_lm_decoder *d, size_t l, efla_message *why) {
  const efla_lm_config *c = &d->lm.config;
  const efla_device *on = d->lm.device;
  const size_t head = c->width / c->heads;
  assert(d->recent);
  if (!(d->recent[l] = on->row->allocate(EFLA_CONVOLUTION * 3 * c->width))) return efla_fail_memory(why);
  const efla_rule rule = efla_lm_rule(c);
  const efla_decoder_shape shape = {1, c->heads, head, head, on->row->type};
  const efla_status status = efla_decoder_open(on->backend, &rule, &shape, &d->states[l]);
  return status == EFLA_OK ? EFLA_OK : efla_fail(why, status, "%s", efla_last_message(on->backend));
}

efla_status efla_lm_decoder_open(efla_lm_decoder *d, const efla_lm_config *c, const efla_device *device,
                                 const void *parameters, efla_message *why) {
  *d = (efla_lm_decoder){.states = NULL};
  if (c->softmax)
    return efla_fail(why, EFLA_UNSUPPORTED, "softmax attention has no state of constant size to decode with");
  if (c->compress) return efla_fail(why, EFLA_UNSUPPORTED, "an auto-encoder has no output before its last token");
  efla_status status = efla_lm_init_forward(&d->lm, c, device, 1, 1, why);
  if (status != EFLA_OK) return status;
  d->parameters = parameters;
  d->states = calloc(c->layers, sizeof *d->states), d->recent = calloc(c->layers, sizeof *d->recent);
  if (!d->states || !d->recent) status = efla_fail_memory(why);
  for (size_t l = 0; l < c->layers && status == EFLA_OK; l++) status = open_layer(d, l, why);
  if (status != EFLA_OK) efla_lm_decoder_close(d);
  return status;
}

void efla_lm_decoder_close(efla_lm_decoder *d) {
  for (size_t l = 0; l < d->lm.config.layers && d->states; l++) efla_decoder_close(d->states[l]);
  for (size_t i = 0; i < d->lm.config.layers && d->recent; i++) d->lm.device->row->release(d->recent[i]);
  free(d->states), free(d->recent);
  efla_lm_clear(&d->lm);
  *d = (efla_lm_decoder){.states = NULL};
}

static efla_status step_layer(efla_lm_decoder *d, size_t l, efla_message *why) {
  efla_lm *m = &d->lm;
  const efla_device *on = m->device;
  const size_t row = 3 * m->config.width, last = EFLA_CONVOLUTION - 1, W = m->config.width;
  efla_lm_project(m, d->parameters, l);
  for (size_t j = 0; j < last; j++)
    on->row->copy(row, efla_device_at(on, d->recent[l], (j + 1) * row), efla_device_at(on, d->recent[l], j * row));
  on->row->copy(row, m->layers[l].qkv, efla_device_at(on, d->recent[l], last * row));
  on->row->convolve_last(on, EFLA_CONVOLUTION, row, d->recent[l], efla_lm_at(m, d->parameters, EFLA_LM_CONVOLUTION, l),
                         m->layers[l].z, m->layers[l].y);
  efla_lm_gates(m, d->parameters, l);
  const efla_sequence x = efla_lm_sequence(m, l);
  const efla_array o = efla_lm_heads(m, m->layers[l].o, W, W / m->config.heads);
  const efla_status status = efla_decoder_step(d->states[l], &x, &o);
  if (status != EFLA_OK) return efla_fail(why, status, "%s", efla_last_message(on->backend));
  efla_lm_finish_layer(m, d->parameters, l);
  return EFLA_OK;
}

efla_status efla_lm_decoder_step(efla_lm_decoder *d, uint32_t token, double *logits, efla_message *why) {
  efla_lm *m = &d->lm;
  efla_status status = EFLA_OK;
  m->device->row->embed(1, m->config.width, &token, efla_lm_at(m, d->parameters, EFLA_LM_EMBEDDING, 0), m->layers[0].x);
  for (size_t l = 0; l < m->config.layers && status == EFLA_OK; l++) status = step_layer(d, l, why);
  if (status != EFLA_OK) return status;
  efla_lm_read_out(m, d->parameters);
  m->device->row->read(m->config.vocabulary, m->logits, logits);
  return EFLA_OK;
}

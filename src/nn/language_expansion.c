/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the code of an auto-encoder, the row of the last token, to all rows of its sequence, and back. */
#include "nn/language_parts.h"

void efla_lm_expand(efla_lm *m, const void *parameters) {
  const efla_device *on = m->device;
  const size_t W = m->config.width, sequence = m->tokens * W;
  on->row->embed(m->rows, W, m->last, m->code, m->expansions[0].x);
  for (size_t s = 0; s < m->sequences; s++)
    on->row->add(sequence, m->positions, efla_device_at(on, m->expansions[0].x, s * sequence));
  for (size_t l = 0; l < EFLA_LM_EXPANSIONS; l++) {
    efla_lm_expansion *e = &m->expansions[l];
    on->row->norm(on, m->rows, 1, W, e->x, W, efla_lm_at(m, parameters, EFLA_LM_NORM_EXPAND, l), e->r, e->by);
    efla_lm_linear(m, W, W, e->r, efla_lm_at(m, parameters, EFLA_LM_EXPAND, l), 0, e->z);
    on->row->map(EFLA_MAP_GELU, m->rows, W, e->z, efla_lm_at(m, parameters, EFLA_LM_EXPAND_BIAS, l),
                 l + 1 < EFLA_LM_EXPANSIONS ? e[1].x : m->x);
  }
}

void efla_lm_expand_backward(efla_lm *m, const void *parameters, void *gradient) {
  const efla_device *on = m->device;
  const size_t W = m->config.width;
  for (size_t l = EFLA_LM_EXPANSIONS; l-- > 0;) {
    const efla_lm_expansion *e = &m->expansions[l];
    on->row->map_backward(EFLA_MAP_GELU, m->rows, W, e->z, efla_lm_at(m, parameters, EFLA_LM_EXPAND_BIAS, l), m->d_x,
                          m->d_o, efla_lm_at(m, gradient, EFLA_LM_EXPAND_BIAS, l));
    efla_lm_linear_backward(m, W, W, e->r, efla_lm_at(m, parameters, EFLA_LM_EXPAND, l), m->d_o, 0, m->d_r,
                            efla_lm_at(m, gradient, EFLA_LM_EXPAND, l));
    on->row->zero(m->rows, W, m->d_x, W);
    on->row->norm_backward(on, m->rows, 1, W, e->x, W, efla_lm_at(m, parameters, EFLA_LM_NORM_EXPAND, l), e->by, m->d_r,
                           m->d_x, efla_lm_at(m, gradient, EFLA_LM_NORM_EXPAND, l));
  }
  on->row->copy(m->rows * W, m->d_x, m->d_r);
  on->row->zero(m->rows, W, m->d_x, W);
  on->row->embed_backward(m->rows, W, m->last, m->d_r, m->d_x);
}

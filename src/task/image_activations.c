/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/image_activations.h"

#include "efla/cpu/kernel.h"
#include "io/tensors.h"
#include "nn/layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void efla_activations_clear(efla_activations *x) {
  free(x->block);
  *x = (efla_activations){0};
}

efla_status efla_activations_record(efla_activations *x, efla_image_task *task, const float *parameters,
                                    const efla_images *images, size_t count, efla_message *why) {
  efla_classifier_f32 *c = task->classifiers;
  const efla_model *m = &c->model;
  size_t tokens = m->tokens, width = m->width, rows = tokens * width;
  *x = (efla_activations){.images = count, .tokens = tokens, .width = width};
  size_t bytes = (3 * count * rows + efla_padded(count * tokens)) * sizeof(float);
  x->block = aligned_alloc(EFLA_LINE_BYTES, bytes);
  if (!x->block) {
    *x = (efla_activations){0};
    return efla_fail_memory(why);
  }
  x->q = x->block, x->k = x->q + count * rows, x->v = x->k + count * rows, x->beta = x->v + count * rows;
  const float *W_q = parameters + efla_model_place(m, EFLA_W_Q).first,
              *W_v = parameters + efla_model_place(m, EFLA_W_V).first;
  efla_classifier_load_f32(c, parameters), task->loaded[0] = 0;
  for (size_t i = 0; i < count; i++) {
    efla_image_read(images, i, c->x);
    efla_classifier_encode_f32(c);
    efla_linear_forward_f32(c->isa, tokens, width, width, c->e.h, W_q, x->q + i * rows, c->scratch);
    efla_linear_forward_f32(c->isa, tokens, width, width, c->e.h, W_v, x->v + i * rows, c->scratch);
    memcpy(x->k + i * rows, c->e.k, rows * sizeof(float));
    memcpy(x->beta + i * tokens, c->e.beta, tokens * sizeof(float));
  }
  return EFLA_OK;
}

efla_status efla_activations_save(const efla_activations *x, const char *path, efla_message *why) {
  const size_t n = x->tokens, width = x->width;
  const efla_sequence view = {.batch = x->images,
                              .heads = 1,
                              .tokens = n,
                              .dk = width,
                              .dv = width,
                              .q = efla_array_token_major(x->q, EFLA_F32, n, 1, width),
                              .k = efla_array_token_major(x->k, EFLA_F32, n, 1, width),
                              .v = efla_array_token_major(x->v, EFLA_F32, n, 1, width),
                              .beta = efla_array_token_major(x->beta, EFLA_F32, n, 1, 1)};
  return efla_tensors_save_whole(path, &view, why);
}

efla_status efla_activations_summarise(const efla_activations *x,
                                       efla_distribution distributions[EFLA_ACTIVATIONS_DISTRIBUTIONS],
                                       efla_message *why) {
  size_t n = x->images * x->tokens;
  double *values = malloc(3 * n * sizeof *values);
  if (!values) return efla_fail_memory(why);
  double *beta = values, *lambda = beta + n, *product = lambda + n;
  for (size_t t = 0; t < n; t++) {
    const float *k = x->k + t * x->width;
    beta[t] = (double)x->beta[t], lambda[t] = efla_kernel_lambda_f32(x->width, k, k);
    product[t] = beta[t] * lambda[t];
  }
  distributions[0] = efla_distribution_of("beta", n, beta);
  distributions[1] = efla_distribution_of("lambda", n, lambda);
  distributions[2] = efla_distribution_of("x", n, product);
  free(values);
  return EFLA_OK;
}

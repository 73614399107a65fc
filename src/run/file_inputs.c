/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/file_inputs.h"

#include "io/file_decay.h"

efla_file_inputs efla_file_inputs_of(const efla_tensors *in, const efla_rule *rule) {
  const efla_tensor argument = efla_decay_tensor(rule->decay);
  efla_file_inputs all = {.input = {EFLA_Q, EFLA_K, EFLA_V, EFLA_BETA, argument, EFLA_P, EFLA_INITIAL_STATE},
                          .gradient = {EFLA_D_Q, EFLA_D_K, EFLA_D_V, EFLA_D_BETA,
                                       argument == EFLA_G ? EFLA_D_G : EFLA_D_ALPHA, EFLA_D_P, EFLA_D_INITIAL_STATE}};
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++)
    if (all.input[i] == EFLA_TENSORS || !in->has[all.input[i]]) all.input[i] = all.gradient[i] = EFLA_TENSORS;
  return all;
}

efla_array *efla_file_input(efla_sequence *x, size_t i) {
  efla_array *const arrays[EFLA_FILE_INPUTS] = {&x->q, &x->k, &x->v, &x->beta, &x->g, &x->p, &x->initial_state};
  return arrays[i];
}

efla_array *efla_file_gradient(efla_gradient *dx, size_t i) {
  efla_array *const arrays[EFLA_FILE_INPUTS] = {&dx->q, &dx->k, &dx->v, &dx->beta, &dx->g, &dx->p, &dx->initial_state};
  return arrays[i];
}

void efla_file_narrow(size_t n, const double *from, const efla_array *to) {
  for (size_t i = 0; i < n; i++) {
    if (to->type == EFLA_F64)
      ((double *)to->data)[i] = from[i];
    else
      ((float *)to->data)[i] = (float)from[i];
  }
}

void efla_file_widen(size_t n, double factor, const efla_array *from, double *to) {
  for (size_t i = 0; i < n; i++)
    to[i] =
        factor * (from->type == EFLA_F64 ? ((const double *)from->data)[i] : (double)((const float *)from->data)[i]);
}

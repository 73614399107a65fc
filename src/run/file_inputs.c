/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/file_inputs.h"

#include "io/element.h"
#include "io/file_decay.h"

#include <string.h>

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

bool efla_file_on_device(const char *backend) { return backend && !strcmp(backend, "cuda"); }

static bool is_narrow(const efla_format *precision) {
  return !strcmp(precision->name, "bf16") || !strcmp(precision->name, "fp16");
}

bool efla_file_computed(const efla_format *precision, bool device) {
  return precision->digits >= 24 || (device && is_narrow(precision));
}

const char *efla_file_precisions(bool device) { return device ? "f64, f32, bf16 or fp16" : "f64 or f32"; }

efla_type efla_file_type(const efla_format *precision, bool device) {
  if (precision->digits > 24) return EFLA_F64;
  if (!device || !is_narrow(precision)) return EFLA_F32;
  return !strcmp(precision->name, "bf16") ? EFLA_BF16 : EFLA_F16;
}

efla_type efla_file_scalar_type(efla_type rows) { return rows == EFLA_F64 ? EFLA_F64 : EFLA_F32; }

bool efla_file_is_scalar(efla_tensor tensor) {
  return efla_tensor_is_state(tensor) || tensor == EFLA_BETA || tensor == EFLA_G || tensor == EFLA_ALPHA ||
         tensor == EFLA_D_BETA || tensor == EFLA_D_G || tensor == EFLA_D_ALPHA;
}

static const efla_element *element_of(efla_type type) {
  static const char *const names[] = {
      [EFLA_F64] = "f64", [EFLA_F32] = "f32", [EFLA_BF16] = "bf16", [EFLA_F16] = "fp16"};
  return efla_element_of_format(names[type]);
}

/* Numbers that are converted at once. */
enum { SOME = 1024 };

void efla_file_narrow(size_t n, const double *from, const efla_array *to) {
  const efla_element *element = element_of(to->type);
  const efla_format *format = efla_format_find(element->format);
  if (to->type == EFLA_F64 || to->type == EFLA_F32) return element->narrow(from, n, to->data);
  double rounded[SOME];
  for (size_t first = 0; first < n; first += SOME) {
    const size_t some = n - first < SOME ? n - first : SOME;
    for (size_t i = 0; i < some; i++) rounded[i] = efla_format_round(format, from[first + i]);
    element->narrow(rounded, some, (unsigned char *)to->data + first * element->bytes);
  }
}

void efla_file_widen(size_t n, double factor, const efla_array *from, double *to) {
  element_of(from->type)->widen(from->data, n, to);
  for (size_t i = 0; i < n && factor != 1; i++) to[i] *= factor;
}

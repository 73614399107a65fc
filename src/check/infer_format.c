/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Infers the storage format of an array: the narrowest format that represents every value. */
#include "check/comparison.h"

#include <math.h>
#include <stdlib.h>

/* From narrow to wide. The other formats of the table are not used for kernels' outputs. */
static const char *const candidates[] = {"bf16", "fp16", "f32"};
enum { CANDIDATES = sizeof candidates / sizeof *candidates, ENOUGH = 64 };

typedef struct sieve {
  const efla_format *format[CANDIDATES]; /* NULL: some number is not representable */
  size_t nonzero;
} sieve;

static bool alive(const sieve *s) {
  for (size_t i = 0; i < CANDIDATES; i++)
    if (s->format[i]) return true;
  return false;
}

static void sift(sieve *s, size_t n, const double *values) {
  for (size_t i = 0; i < n && alive(s); i++) {
    if (values[i] == 0 || !isfinite(values[i])) continue;
    s->nonzero++;
    for (size_t f = 0; f < CANDIDATES; f++)
      if (s->format[f] && efla_format_round(s->format[f], values[i]) != values[i]) s->format[f] = NULL;
  }
}

static efla_status sift_tokens(efla_tensors *out, efla_tensor tensor, sieve *s, double *values, size_t most,
                               efla_message *why) {
  const size_t width = efla_tensors_width(out, tensor), heads = efla_tensors_heads(out, tensor);
  efla_status status = EFLA_OK;
  for (size_t b = 0; b < out->batch; b++)
    for (size_t first = 0; first < out->tokens && status == EFLA_OK && alive(s); first += most) {
      efla_tensor_block block = {b, 0, 1, first, out->tokens - first < most ? out->tokens - first : most};
      for (; block.head < heads && status == EFLA_OK && alive(s); block.head++) {
        status = efla_tensors_read(out, tensor, &block, efla_array_head_major(values, EFLA_F64, block.tokens, 1, width),
                                   why);
        if (status == EFLA_OK) sift(s, block.tokens * width, values);
      }
    }
  return status;
}

static efla_status sift_states(efla_tensors *out, efla_tensor tensor, sieve *s, double *values, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t n = 0; n < out->sequences; n++)
    for (size_t h = 0; h < out->heads && status == EFLA_OK && alive(s); h++) {
      status = efla_tensors_read_states(out, tensor, n, h, 1, values, why);
      if (status == EFLA_OK) sift(s, out->dk * out->dv, values);
    }
  return status;
}

efla_status efla_output_format(efla_tensors *out, efla_tensor tensor, efla_format *format, efla_message *why) {
  enum { PIECE = 1 << 16 };
  const bool state = efla_tensor_is_state(tensor);
  const size_t width = state ? 1 : efla_tensors_width(out, tensor), most = width < PIECE ? PIECE / width : 1,
               room = out->dk * out->dv;
  sieve s = {0};
  *format = out->stored[tensor];
  for (size_t i = 0; i < CANDIDATES; i++) {
    const efla_format *candidate = efla_format_find(candidates[i]);
    if (candidate->digits < format->digits) s.format[i] = candidate;
  }
  double *values = malloc((room > most * width ? room : most * width) * sizeof *values);
  if (!values) return efla_fail_memory(why);
  efla_status status =
      state ? sift_states(out, tensor, &s, values, why) : sift_tokens(out, tensor, &s, values, most, why);
  free(values);
  for (size_t i = CANDIDATES; i-- > 0 && s.nonzero >= ENOUGH;)
    if (s.format[i]) *format = *s.format[i];
  return status;
}

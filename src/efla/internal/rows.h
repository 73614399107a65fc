/* SPDX-License-Identifier: MIT */
/* Where rows of arrays and tokens of sequences are. */
#ifndef EFLA_INTERNAL_ROWS_H
#define EFLA_INTERNAL_ROWS_H

#include "efla/internal/bf16.h"
#include "efla/internal/device.h"
#include "efla/sequence.h"

#include <stdbool.h>

EFLA_SHARED size_t efla_array_repeat(const efla_array *a) { return a->repeat ? a->repeat : 1; }

/* The number at which a row begins. */
EFLA_SHARED ptrdiff_t efla_array_row(const efla_array *a, size_t batch, size_t head, size_t token) {
  const size_t group = a->repeat > 1 ? head / a->repeat : head; /* a division is slow on a GPU */
  return (ptrdiff_t)batch * a->batch + (ptrdiff_t)group * a->head + (ptrdiff_t)token * a->token;
}

/* One number of an array that is not f16; to bf16 it is rounded by way of f32. */
static inline double efla_array_get(const efla_array *a, ptrdiff_t i) {
  if (a->type == EFLA_BF16) return (double)efla_bf16_widen(((const uint16_t *)a->data)[i]);
  return a->type == EFLA_F32 ? (double)((const float *)a->data)[i] : ((const double *)a->data)[i];
}
static inline void efla_array_set(const efla_array *a, ptrdiff_t i, double value) {
  if (a->type == EFLA_BF16)
    ((uint16_t *)a->data)[i] = efla_bf16_narrow((float)value);
  else if (a->type == EFLA_F32)
    ((float *)a->data)[i] = (float)value;
  else
    ((double *)a->data)[i] = value;
}

/* The tokens of one sequence: begin ... begin+tokens-1 of a batch entry. */
typedef struct efla_span {
  size_t entry, begin, tokens;
} efla_span;

EFLA_SHARED efla_span efla_sequence_span(const efla_sequence *x, size_t sequence) {
  if (!x->cu_seqlens) return (efla_span){sequence, 0, x->tokens};
  return (efla_span){0, x->cu_seqlens[sequence], x->cu_seqlens[sequence + 1] - x->cu_seqlens[sequence]};
}

/* Whether entries of different heads or batch entries lie in one place, by repeat or a stride of 0; or of tokens. */
static inline bool efla_array_shares(const efla_array *a, size_t batch, size_t heads, size_t tokens) {
  return (batch > 1 && a->batch == 0) || (heads > 1 && (a->head == 0 || efla_array_repeat(a) > 1)) ||
         (tokens > 1 && a->token == 0);
}

/* to = the sums over what shares a place in it of rows (batch, heads, tokens, features) of `type` that lie one after
 * another, in that order.  Rounded to to's type after each addition. */
void efla_array_sum(const efla_array *to, size_t batch, size_t heads, size_t tokens, size_t features, efla_type type,
                    const void *rows, size_t threads);

#endif

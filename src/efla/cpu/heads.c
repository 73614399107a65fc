/* SPDX-License-Identifier: MIT */
#include "efla/cpu/heads.h"

#include "efla/internal/rows.h"

#include <assert.h>

static const char *const layouts[] = {[EFLA_BTHD] = "BTHD", [EFLA_BHTD] = "BHTD"};

const char *efla_layout_name(size_t i) { return i < sizeof layouts / sizeof *layouts ? layouts[i] : NULL; }

size_t efla_heads_sequences(const efla_heads *heads) { return heads->cu_seqlens ? heads->sequences : heads->batch; }

efla_head_rows efla_heads_rows(const efla_heads *heads, size_t sequence, size_t head) {
  size_t entry = heads->cu_seqlens ? 0 : sequence;
  size_t begin = heads->cu_seqlens ? heads->cu_seqlens[sequence] : 0;
  size_t end = heads->cu_seqlens ? heads->cu_seqlens[sequence + 1] : heads->tokens;
  if (heads->layout == EFLA_BTHD)
    return (efla_head_rows){(entry * heads->tokens + begin) * heads->heads + head, heads->heads, end - begin};
  return (efla_head_rows){(entry * heads->heads + head) * heads->tokens + begin, 1, end - begin};
}

efla_head_numbers efla_heads_numbers(const efla_heads *heads, const efla_array *array, size_t sequence, size_t head,
                                     size_t width) {
  efla_head_rows rows = efla_heads_rows(heads, sequence, head);
  if (!array) return (efla_head_numbers){rows.first * width, rows.stride * width};
  size_t entry = heads->cu_seqlens ? 0 : sequence, begin = heads->cu_seqlens ? heads->cu_seqlens[sequence] : 0;
  return (efla_head_numbers){(size_t)efla_array_row(array, entry, head, begin), (size_t)array->token};
}

efla_head_numbers efla_heads_state(const efla_heads *heads, const efla_array *array, size_t sequence, size_t head) {
  if (array) return (efla_head_numbers){(size_t)efla_array_row(array, sequence, head, 0), (size_t)array->token};
  return (efla_head_numbers){(sequence * heads->heads + head) * heads->dk * heads->dv, heads->dv};
}

bool efla_heads_scattered(const efla_heads *heads) {
  const efla_array *v = EFLA_HEADS_ARRAY(heads, v);
  return heads->heads > 1 && (v ? v->token > v->head : heads->layout == EFLA_BTHD);
}

/* n sequences of together t tokens are at most t/SEGMENT + n segments, the last of each begun. */
size_t efla_heads_first_segment(const efla_heads *heads, size_t sequence) {
  size_t tokens = heads->cu_seqlens ? heads->cu_seqlens[sequence] : sequence * heads->tokens;
  return tokens / EFLA_SEGMENT + sequence;
}

size_t efla_heads_segments(const efla_heads *heads) {
  return efla_heads_first_segment(heads, efla_heads_sequences(heads));
}

void efla_heads_assert(const efla_heads *heads) {
  assert(heads->heads > 0 && heads->dk > 0 && heads->dv > 0);
  if (!heads->cu_seqlens) return;
  assert(heads->batch == 1 && heads->cu_seqlens[0] == 0 && heads->cu_seqlens[heads->sequences] == heads->tokens);
  for (size_t s = 0; s < heads->sequences; s++) assert(heads->cu_seqlens[s] <= heads->cu_seqlens[s + 1]);
}

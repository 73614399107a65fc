/* SPDX-License-Identifier: MIT */
#include "efla/internal/rows.h"

#include <string.h>

size_t efla_sequence_states(const efla_sequence *x) { return x->cu_seqlens ? x->sequences : x->batch; }

/* f32 sums are formed in f64 and rounded: the same bits as in f32. */
static void add_row(const efla_array *to, ptrdiff_t at, size_t n, const efla_array *from, ptrdiff_t first, bool sets) {
  for (size_t i = 0; i < n; i++) {
    double value = efla_array_get(from, first + (ptrdiff_t)i);
    efla_array_set(to, at + (ptrdiff_t)i, sets ? value : efla_array_get(to, at + (ptrdiff_t)i) + value);
  }
}

typedef struct dimensions {
  size_t batch, heads, tokens, features;
} dimensions;

/* All rows that end in one batch entry and head of `to`. */
static void sum_head(const efla_array *to, size_t entry, size_t group, const dimensions *n, const efla_array *from) {
  size_t repeat = to->head == 0 ? n->heads : efla_array_repeat(to);
  size_t first_entry = to->batch == 0 ? 0 : entry, last_entry = to->batch == 0 ? n->batch : entry + 1;
  for (size_t b = first_entry; b < last_entry; b++)
    for (size_t h = group * repeat; h < (group + 1) * repeat; h++)
      for (size_t t = 0; t < n->tokens; t++) {
        bool first = b == first_entry && h == group * repeat && (t == 0 || to->token != 0);
        add_row(to, efla_array_row(to, b, h, t), n->features, from,
                (ptrdiff_t)(((b * n->heads + h) * n->tokens + t) * n->features), first);
      }
}

void efla_array_sum(const efla_array *to, size_t batch, size_t heads, size_t tokens, size_t features, efla_type type,
                    const void *rows, size_t threads) {
  union {
    const void *in;
    void *as_array;
  } data = {.in = rows};
  const efla_array from = {.data = data.as_array, .type = type};
  const dimensions n = {batch, heads, tokens, features};
  size_t entries = to->batch == 0 ? 1 : batch, groups = to->head == 0 ? 1 : heads / efla_array_repeat(to);
#pragma omp parallel for schedule(static) num_threads((int)threads) if (threads > 1)
  for (size_t i = 0; i < entries * groups; i++) sum_head(to, i / groups, i % groups, &n, &from);
  (void)threads;
}

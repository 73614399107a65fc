/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/gradients.h"

#include "efla/array.h"
#include "efla/cpu/isa.h"

#include <stdlib.h>
#include <string.h>

static size_t rounded(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/* Sets what the sizes of all arrays follow from. */
static void set_sizes(efla_gradients *g, size_t numbers, size_t groups, const efla_communicator *ranks) {
  const size_t size = efla_ranks_size(ranks), rank = ranks ? ranks->rank : 0;
  *g = (efla_gradients){.ranks = size > 1 ? ranks : NULL, .numbers = numbers, .groups = groups};
  g->own = groups > rank ? (groups - rank + size - 1) / size : 0;
  g->stride = rounded(numbers, size * EFLA_PAD);
  g->share = g->stride / size;
}

static size_t rows_of(const efla_gradients *g) { return g->own > 0 ? g->own : 1; }
static size_t floats_of(const efla_gradients *g) {
  return rows_of(g) * g->stride + (g->ranks ? g->stride + g->share : 0);
}

/* Numbers that a rank tells: its status, and a part for each group that a rank may have. */
static size_t told_by(const efla_gradients *g) { return 1 + (g->groups + g->ranks->size - 1) / g->ranks->size; }

size_t efla_gradients_floats(size_t numbers, size_t groups, const efla_communicator *ranks) {
  efla_gradients g;
  set_sizes(&g, numbers, groups, ranks);
  return floats_of(&g);
}

efla_status efla_gradients_init(efla_gradients *g, size_t numbers, size_t groups, const efla_communicator *ranks,
                                efla_message *why) {
  set_sizes(g, numbers, groups, ranks);
  const size_t size = efla_ranks_size(g->ranks), floats = floats_of(g);
  g->rows = efla_alloc(floats * sizeof *g->rows);
  g->told = calloc(g->ranks ? (size + 1) * told_by(g) : 1 + groups, sizeof *g->told);
  g->sent = calloc(2 * size, sizeof *g->sent);
  if (!g->rows || !g->told || !g->sent) {
    efla_gradients_clear(g);
    return efla_fail_memory(why);
  }
  memset(g->rows, 0, floats * sizeof *g->rows);
  g->parts = g->told + 1;
  g->arriving = g->sent + size;
  if (g->ranks) g->received = g->rows + rows_of(g) * g->stride, g->sum = g->received + g->stride;
  return EFLA_OK;
}

void efla_gradients_clear(efla_gradients *g) {
  efla_free(g->rows), free(g->told), free(g->sent);
  *g = (efla_gradients){.own = 0};
}

size_t efla_gradients_group(const efla_gradients *g, size_t own) {
  return g->ranks ? own * g->ranks->size + g->ranks->rank : own;
}

/* to (n) += rows 0, ..., n_rows - 1, which begin stride apart. */
static void add_rows(float *to, size_t n, const float *rows, size_t n_rows, size_t stride, size_t threads) {
#pragma omp parallel for schedule(static) num_threads((int)threads) if (threads > 1)
  for (size_t first = 0; first < n; first += EFLA_PAD)
    for (size_t r = 0; r < n_rows; r++)
      for (size_t i = first; i < first + EFLA_PAD; i++) to[i] += rows[r * stride + i];
}

/* Tells all ranks of this one's status and parts. *failed: one failed. */
static efla_status tell(efla_gradients *g, efla_status status, bool *failed, double *loss) {
  const size_t size = g->ranks->size, n = told_by(g);
  double *all = g->told + n;
  g->told[0] = status;
  const efla_status sent = g->ranks->gather(g->ranks, g->told, n * sizeof *all, all);
  *failed = false, *loss = 0;
  for (size_t r = 0; r < size; r++) *failed |= all[r * n] != EFLA_OK;
  for (size_t i = 0; i < g->groups; i++) *loss += all[i % size * n + 1 + i / size];
  return sent;
}

/* Groups `round` of all ranks, which follow each other. */
static efla_status add_round(efla_gradients *g, size_t round, size_t threads) {
  const size_t size = g->ranks->size, first = round * size, bytes = g->share * sizeof *g->sum,
               there = g->groups - first < size ? g->groups - first : size;
  for (size_t r = 0; r < size; r++) g->sent[r] = round < g->own ? bytes : 0, g->arriving[r] = r < there ? bytes : 0;
  const float *row = g->rows + (round < g->own ? round : 0) * g->stride;
  const efla_status status = g->ranks->exchange(g->ranks, row, g->sent, g->received, g->arriving);
  if (status != EFLA_OK) return status;
  if (round == 0) memcpy(g->sum, g->received, bytes);
  const size_t done = round == 0 ? 1 : 0;
  add_rows(g->sum, g->share, g->received + done * g->share, there - done, g->share, threads);
  return EFLA_OK;
}

efla_status efla_gradients_add(efla_gradients *g, size_t threads, efla_status status, double *loss, efla_message *why) {
  if (!g->ranks) {
    if (status != EFLA_OK) return status;
    add_rows(g->rows, g->numbers, g->rows + g->stride, g->groups - 1, g->stride, threads);
    *loss = 0;
    for (size_t i = 0; i < g->groups; i++) *loss += g->parts[i];
    return EFLA_OK;
  }
  bool failed;
  efla_status sent = tell(g, status, &failed, loss);
  if (sent == EFLA_OK && failed) return efla_ranks_agree(g->ranks, status, why);
  for (size_t round = 0; round * g->ranks->size < g->groups && sent == EFLA_OK; round++)
    sent = add_round(g, round, threads);
  if (sent == EFLA_OK) sent = g->ranks->gather(g->ranks, g->sum, g->share * sizeof *g->sum, g->rows);
  return sent == EFLA_OK ? EFLA_OK : efla_fail(why, sent, "the ranks cannot exchange data: %s", efla_status_text(sent));
}

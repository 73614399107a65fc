/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/collect.h"

#include <stdlib.h>
#include <string.h>

/* What a rank says of one item. */
typedef struct part {
  size_t bytes, rows;
} part;

typedef struct state {
  efla_status status;
  efla_message why;
} state;

/* The status and message of the first rank that has one, on rank 0. */
static efla_status collect_state(const efla_communicator *ranks, efla_status *worst, efla_message *why) {
  state mine, *all = calloc(ranks->size, sizeof *all);
  if (!all) return EFLA_NO_MEMORY;
  memset(&mine, 0, sizeof mine);
  mine.status = *worst;
  if (*worst != EFLA_OK) mine.why = *why;
  const efla_status status = ranks->gather(ranks, &mine, sizeof mine, all);
  *worst = EFLA_OK;
  for (size_t r = ranks->size; r-- > 0 && ranks->rank == 0;)
    if (all[r].status != EFLA_OK) *worst = all[r].status, *why = all[r].why;
  free(all);
  return status;
}

/* Of all items, by rank. */
static efla_status collect_parts(const efla_communicator *ranks, efla_branch *branches, size_t n, part *all) {
  part *mine = calloc(n + 1, sizeof *mine);
  if (!mine) return EFLA_NO_MEMORY;
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < n; i++) {
    if (!efla_collect_mine(ranks, i)) continue;
    if (branches[i].table.file && !efla_branch_end(&branches[i])) status = EFLA_NO_MEMORY;
    mine[i] = (part){.bytes = branches[i].length, .rows = branches[i].table.rows};
  }
  if (status == EFLA_OK) status = ranks->gather(ranks, mine, n * sizeof *mine, all);
  free(mine);
  return status;
}

static efla_status collect_texts(efla_table *table, const efla_communicator *ranks, efla_branch *branches, size_t n,
                                 const part *parts) {
  const size_t size = ranks->size;
  size_t *sent = calloc(2 * size, sizeof *sent), *received = sent ? sent + size : NULL, total = 0, in = 0;
  for (size_t i = 0; i < n && sent; i++) {
    const size_t bytes = parts[i % size * n + i].bytes;
    if (efla_collect_mine(ranks, i)) total += bytes;
    if (ranks->rank == 0) received[i % size] += bytes, in += bytes;
  }
  char *out = malloc(total + 1), *texts = malloc(in + 1), *to = out;
  const char **at = calloc(size, sizeof *at);
  efla_status status = sent && out && texts && at ? EFLA_OK : EFLA_NO_MEMORY;
  if (status == EFLA_OK) {
    sent[0] = total;
    for (size_t i = ranks->rank; i < n; i += size) {
      const size_t bytes = parts[ranks->rank * n + i].bytes;
      if (bytes > 0) memcpy(to, branches[i].text, bytes);
      to += bytes;
    }
    status = ranks->exchange(ranks, out, sent, texts, received);
  }
  for (size_t r = 0, place = 0; r < size && status == EFLA_OK; place += received[r++]) at[r] = texts + place;
  for (size_t i = 0; i < n && status == EFLA_OK && ranks->rank == 0; i++) {
    const part *p = &parts[i % size * n + i];
    efla_table_add(table, at[i % size], p->bytes, p->rows);
    at[i % size] += p->bytes;
  }
  free(sent), free(out), free(texts), free(at);
  return status;
}

static efla_status say(efla_status status, const char *what, efla_message *why) {
  if (status == EFLA_OK || status == EFLA_NO_MEMORY) return status == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
  return efla_fail(why, status, "the ranks cannot exchange %s: %s", what, efla_status_text(status));
}

efla_status efla_collect(efla_table *table, const efla_communicator *ranks, efla_branch *branches, size_t n,
                         efla_status *worst, efla_message *why) {
  part *parts = calloc(ranks->size * n + 1, sizeof *parts);
  efla_status status = parts ? collect_state(ranks, worst, why) : EFLA_NO_MEMORY;
  if (status == EFLA_OK) status = collect_parts(ranks, branches, n, parts);
  if (status == EFLA_OK) status = collect_texts(table, ranks, branches, n, parts);
  for (size_t i = 0; i < n; i++) efla_branch_clear(&branches[i]);
  free(parts);
  return say(status, "rows", why);
}

efla_status efla_collect_results(const efla_communicator *ranks, size_t n, size_t bytes, void *results,
                                 efla_message *why) {
  char *all = malloc(ranks->size * n * bytes + 1);
  const efla_status status = all ? ranks->gather(ranks, results, n * bytes, all) : EFLA_NO_MEMORY;
  for (size_t i = 0; i < n && status == EFLA_OK && ranks->rank == 0; i++)
    memcpy((char *)results + i * bytes, all + (i % ranks->size * n + i) * bytes, bytes);
  free(all);
  return say(status, "results", why);
}

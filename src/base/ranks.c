/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/ranks.h"

#include <stdlib.h>
#include <string.h>

size_t efla_ranks_size(const efla_communicator *ranks) { return ranks ? ranks->size : 1; }

bool efla_ranks_lead(const efla_communicator *ranks) { return !ranks || ranks->rank == 0; }

static efla_status exchanged(efla_status status, efla_message *why) {
  if (status == EFLA_OK) return EFLA_OK;
  return efla_fail(why, status, "the ranks cannot exchange data: %s", efla_status_text(status));
}

efla_status efla_ranks_first_failure(const efla_communicator *ranks, efla_status status, efla_message *why) {
  if (efla_ranks_size(ranks) == 1) return status;
  efla_status *all = malloc(ranks->size * sizeof *all);
  if (!all) return ranks->abort(ranks, EXIT_FAILURE), EFLA_NO_MEMORY; /* the others wait */
  efla_status sent = ranks->gather(ranks, &status, sizeof status, all);
  size_t first = 0;
  while (sent == EFLA_OK && first < ranks->size && all[first] == EFLA_OK) first++;
  if (sent == EFLA_OK && first < ranks->size) {
    status = all[first];
    sent = ranks->broadcast(ranks, why, sizeof *why, first);
  }
  free(all);
  return sent == EFLA_OK ? status : exchanged(sent, why);
}

efla_status efla_ranks_tell(const efla_communicator *ranks, void *data, size_t bytes, efla_message *why) {
  return efla_ranks_size(ranks) == 1 ? EFLA_OK : exchanged(ranks->broadcast(ranks, data, bytes, 0), why);
}

efla_status efla_ranks_hand(const efla_communicator *ranks, size_t from, const void *data, size_t bytes, void *to,
                            efla_message *why) {
  if (from == 0) {
    if (efla_ranks_lead(ranks) && bytes > 0 && to != data) memcpy(to, data, bytes);
    return EFLA_OK;
  }
  size_t *sent = calloc(2 * ranks->size, sizeof *sent);
  if (!sent) return ranks->abort(ranks, EXIT_FAILURE), EFLA_NO_MEMORY;
  size_t *received = sent + ranks->size;
  if (ranks->rank == from) sent[0] = bytes;
  if (ranks->rank == 0) received[from] = bytes;
  const efla_status status = ranks->exchange(ranks, data, sent, to, received);
  free(sent);
  return exchanged(status, why);
}

efla_status efla_ranks_compare(const efla_communicator *ranks, const char *text, const char *what, efla_message *why) {
  if (efla_ranks_size(ranks) == 1) return EFLA_OK;
  efla_message first = {.text = ""};
  strncpy(first.text, text, sizeof first.text - 1);
  efla_status status = efla_ranks_tell(ranks, &first, sizeof first, why);
  if (status == EFLA_OK && strncmp(first.text, text, sizeof first.text - 1) != 0)
    status = efla_fail(why, EFLA_USAGE, "rank %zu has other %s than rank 0", ranks->rank, what);
  return efla_ranks_agree(ranks, status, why);
}

void efla_ranks_share(const efla_communicator *ranks, size_t n, size_t *first, size_t *end) {
  *first = ranks ? efla_rank_first(n, ranks->rank, ranks->size) : 0;
  *end = ranks ? efla_rank_first(n, ranks->rank + 1, ranks->size) : n;
}

/* Shares are sent as if all were as long as the longest, that of rank 0. */
static efla_status complete(const efla_communicator *ranks, size_t n, size_t bytes, char *items, char *room) {
  const size_t longest = efla_rank_first(n, 1, ranks->size) * bytes;
  char *all = room + longest;
  size_t first, end;
  efla_ranks_share(ranks, n, &first, &end);
  if (end > first) memcpy(room, items + first * bytes, (end - first) * bytes);
  const efla_status status = ranks->gather(ranks, room, longest, all);
  for (size_t r = 0; r < ranks->size && status == EFLA_OK; r++) {
    first = efla_rank_first(n, r, ranks->size), end = efla_rank_first(n, r + 1, ranks->size);
    if (end > first) memcpy(items + first * bytes, all + r * longest, (end - first) * bytes);
  }
  return status;
}

efla_status efla_ranks_complete_shares(const efla_communicator *ranks, size_t n, size_t bytes, void *items,
                                       efla_status status, efla_message *why) {
  const size_t size = efla_ranks_size(ranks);
  if (size == 1) return status;
  char *room = calloc((size + 1) * efla_rank_first(n, 1, size), bytes);
  if (status == EFLA_OK && !room) status = efla_fail_memory(why);
  status = efla_ranks_agree(ranks, status, why);
  if (status == EFLA_OK) status = exchanged(complete(ranks, n, bytes, items, room), why);
  free(room);
  return status;
}

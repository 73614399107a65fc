/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/file_slab.h"

#include "base/ranks.h"

#include <stdlib.h>
#include <sys/stat.h>

/* The last rank that has tokens, 0 where none has. */
static size_t last_rank(const efla_tensors *file, size_t size) {
  return file->tokens == 0 ? 0 : (file->tokens < size ? file->tokens : size) - 1;
}

/* Those that begin at tokens of the slab, the last rank's also those that begin after the last token. */
static void take_sequences(efla_file_slab *slab, const efla_tensors *file, bool last) {
  const size_t end = last ? file->tokens + 1 : slab->first + slab->tokens;
  size_t first = 0, past;
  while (first < file->sequences && file->cu_seqlens[first] < slab->first) first++;
  for (past = first; past < file->sequences && file->cu_seqlens[past] < end;) past++;
  slab->continues = slab->tokens > 0 && (first == past || file->cu_seqlens[first] > slab->first);
  slab->sequence = first - slab->continues, slab->sequences = past - slab->sequence;
  slab->goes_on = !last && slab->tokens > 0 && file->cu_seqlens[past] > slab->first + slab->tokens;
}

efla_status efla_file_slab_init(efla_file_slab *slab, const efla_tensors *file, size_t rank, size_t size,
                                efla_message *why) {
  const size_t last = last_rank(file, size), end = efla_rank_first(file->tokens, rank + 1, size);
  *slab = (efla_file_slab){.first = efla_rank_first(file->tokens, rank, size), .sequences = 1};
  slab->tokens = end - slab->first;
  slab->continues = rank > 0 && rank <= last, slab->goes_on = rank < last;
  if (!file->cu_seqlens) return EFLA_OK;
  if (rank <= last)
    take_sequences(slab, file, rank == last);
  else
    slab->sequences = 0;
  slab->cu = calloc(slab->sequences + 2, sizeof *slab->cu);
  if (!slab->cu) return efla_fail_memory(why);
  for (size_t i = 0; i <= slab->sequences && slab->sequences > 0; i++) {
    const size_t at = file->cu_seqlens[slab->sequence + i], to = at < end ? at : end;
    slab->cu[i] = to > slab->first ? to - slab->first : 0;
  }
  return EFLA_OK;
}

void efla_file_slab_clear(efla_file_slab *slab) {
  free(slab->cu);
  *slab = (efla_file_slab){0};
}

enum { SIZES = 7 };

efla_status efla_file_slab_compare(const efla_communicator *ranks, const efla_tensors *file, efla_message *why) {
  static const char *const names[SIZES] = {"tokens", "heads", "dk", "dv", "batch entries", "sequences", "bytes"};
  struct stat on_disk = {.st_size = 0};
  stat(file->path, &on_disk);
  const size_t mine[SIZES] = {file->tokens,           file->heads, file->dk, file->dv, file->batch, file->sequences,
                              (size_t)on_disk.st_size};
  size_t(*all)[SIZES] = calloc(ranks->size, sizeof *all);
  efla_status status = efla_ranks_agree(ranks, all ? EFLA_OK : efla_fail_memory(why), why);
  if (status == EFLA_OK) status = ranks->gather(ranks, mine, sizeof mine, all);
  for (size_t r = 1; r < ranks->size && status == EFLA_OK; r++)
    for (size_t i = 0; i < SIZES && status == EFLA_OK; i++)
      if (all[r][i] != all[0][i])
        status = efla_fail(why, EFLA_INPUT, "%s: another file on rank %zu than on rank 0: %zu %s, expected %zu",
                           file->path, r, all[r][i], names[i], all[0][i]);
  free(all);
  return status;
}

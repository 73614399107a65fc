/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/text.h"

#include "base/draw.h"
#include "data/shakespeare.h"
#include "io/packed.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096 };

static efla_status check_text(const efla_corpus_part *part, const char *path, efla_message *why) {
  if (part->count == 0) return efla_fail(why, EFLA_INPUT, "%s: empty, expected a text", path);
  const unsigned char *zero = memchr(part->bytes, 0, part->count);
  if (zero)
    return efla_fail(why, EFLA_INPUT, "%s: offset %zu: byte 0x00, expected a text without it", path,
                     (size_t)(zero - part->bytes));
  return EFLA_OK;
}

static efla_status read_part(efla_corpus_part *part, const char *directory, const char *name, bool needed,
                             efla_message *why) {
  char path[PATH], file[16];
  snprintf(file, sizeof file, "%s.txt", name);
  efla_status status = efla_packed_find(path, sizeof path, directory, file, needed, why);
  if (status != EFLA_OK || !*path) return status;
  status = efla_packed_whole(&part->bytes, &part->count, EFLA_CORPUS_MOST, path, why);
  return status == EFLA_OK ? check_text(part, path, why) : status;
}

static efla_status read_directory(efla_corpus *corpus, const char *directory, efla_message *why) {
  corpus->origin = "directory";
  efla_status status = read_part(&corpus->train, directory, "train", true, why);
  if (status == EFLA_OK) status = read_part(&corpus->valid, directory, "valid", true, why);
  return status == EFLA_OK ? read_part(&corpus->test, directory, "test", false, why) : status;
}

/* The part of the embedded text from byte `first` to byte `end`. */
static efla_status copy_part(efla_corpus_part *part, size_t first, size_t end, efla_message *why) {
  part->bytes = malloc(end - first);
  if (!part->bytes) return efla_fail_memory(why);
  part->count = end - first;
  memcpy(part->bytes, efla_shakespeare + first, part->count);
  return EFLA_OK;
}

static efla_status copy_embedded(efla_corpus *corpus, efla_message *why) {
  size_t n = (size_t)((uintptr_t)efla_shakespeare_end - (uintptr_t)efla_shakespeare), train = 9 * n / 10,
         valid = train + (n - train) / 2;
  corpus->origin = "shakespeare";
  efla_status status = copy_part(&corpus->train, 0, train, why);
  if (status == EFLA_OK) status = copy_part(&corpus->valid, train, valid, why);
  return status == EFLA_OK ? copy_part(&corpus->test, valid, n, why) : status;
}

efla_status efla_corpus_read(efla_corpus *corpus, const char *directory, efla_message *why) {
  *corpus = (efla_corpus){0};
  if (!directory || !*directory) directory = getenv("EFLA_CORPUS");
  efla_status status = directory && *directory ? read_directory(corpus, directory, why) : copy_embedded(corpus, why);
  if (status != EFLA_OK) efla_corpus_clear(corpus);
  return status;
}

void efla_corpus_clear(efla_corpus *corpus) {
  free(corpus->train.bytes);
  free(corpus->valid.bytes);
  free(corpus->test.bytes);
  *corpus = (efla_corpus){0};
}

const unsigned char *efla_corpus_window(const efla_corpus_part *part, size_t length, uint64_t seed, uint64_t step,
                                        uint64_t i) {
  assert(length >= 1 && length <= part->count);
  efla_draw draw = efla_draw_begin(efla_seed_64(efla_seed_64(seed, step), i));
  return part->bytes + efla_draw_below(&draw, part->count - length + 1);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts as bytes, for language models whose tokens are bytes. */
#ifndef EFLA_DATA_TEXT_H
#define EFLA_DATA_TEXT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define EFLA_CORPUS_MOST 1000000000 /* bytes of a part, unpacked */

typedef struct efla_corpus_part {
  unsigned char *bytes; /* none is 0 */
  size_t count;
} efla_corpus_part;

typedef struct efla_corpus {
  efla_corpus_part train, valid; /* not empty */
  efla_corpus_part test;         /* a directory may have none; it is empty then */
  const char *origin;            /* "shakespeare" or "directory": for tables */
} efla_corpus;

/* The corpus in a directory: the argument, or the environment variable EFLA_CORPUS where that is NULL or empty;
 * without either the embedded text, of which the first int(0.9 N) bytes are the training part, the first half of the
 * rest is for validation and the second half for testing.
 *
 * In a directory each of the parts train, valid and test is the first file that exists of PART.txt, PART.txt.gz and
 * PART.txt.xz (io/packed.h).  Fails with EFLA_INPUT and a message that names the file where train or valid is missing,
 * or a part cannot be read, is damaged, empty, longer than EFLA_CORPUS_MOST or no text (it has a byte 0); with
 * EFLA_NO_MEMORY.  corpus is then zeroed. */
efla_status efla_corpus_read(efla_corpus *corpus, const char *directory, efla_message *why);

/* Accepts a zeroed struct. */
void efla_corpus_clear(efla_corpus *corpus);

/* Window i of a training step: `length` bytes in a row, 1 <= length <= part->count, within the text.  Its place is
 * uniform over all places and depends on (seed, step, i) only. */
const unsigned char *efla_corpus_window(const efla_corpus_part *part, size_t length, uint64_t seed, uint64_t step,
                                        uint64_t i);

#endif

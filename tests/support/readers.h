/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every reader of what others wrote, as a function of some bytes: for hostile files (test_corpus.c, tests/corpus/NAME)
 * and for fuzzing (tests/fuzz).  Adding a reader is one row. */
#ifndef READERS_H
#define READERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct reader {
  const char *name;
  size_t most; /* bytes worth trying */
  /* Reads the bytes to their end, whatever they are, and uses what came out.  Aborts where the reader breaks its word:
   * accepts what cannot be used, refuses without a sentence, or keeps something of what it refused. */
  void (*read)(const uint8_t *bytes, size_t n);
} reader;

extern const reader readers[]; /* ends with a row whose name is NULL */

#endif

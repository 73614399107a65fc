/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every reader of files from elsewhere, as a function of some bytes: for damaged files (test_corpus.c,
 * tests/corpus/NAME) and for fuzzing (tests/fuzz).  Adding a reader is one row. */
#ifndef READERS_H
#define READERS_H

#include "laboratory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct reader {
  const char *name;
  size_t most; /* largest useful number of bytes */
  /* Reads the bytes to their end, whatever they are, and uses what came out; whether they were accepted.  Aborts where
   * the reader breaks its word: accepts what cannot be used, refuses without a sentence, or keeps something of what it
   * refused. */
  bool (*read)(const uint8_t *bytes, size_t n);
} reader;

/* The last of these rows takes its bytes for the description of a tensor file (structure.h): no file is damaged, but
 * anything can be in it that HDF5 allows.  What is to be accepted and what refused is known then, and all numbers. */
extern const reader readers[]; /* ends with a row whose name is NULL */

bool readers_structure(const uint8_t *bytes, size_t n);

/* What the rows share.  Aborts with these words unless it holds; a path for the files of this process; a refusal has
 * its status and names the file. */
void readers_expect(bool holds, const char *what);
const char *readers_path(void);
void readers_expect_refusal(efla_status status, const efla_message *why, const char *path);

#endif

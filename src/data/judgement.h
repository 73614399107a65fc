/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts on which language models are judged: pairs of sentences of which one is acceptable (BLiMP, Warstadt et al.
 * 2020), and passages whose last word is to be predicted (LAMBADA, Paperno et al. 2016). */
#ifndef EFLA_DATA_JUDGEMENT_H
#define EFLA_DATA_JUDGEMENT_H

#include "base/status.h"

#include <stddef.h>

enum { EFLA_MOST_FIELDS = 32 };

typedef struct efla_pair {
  const char *good, *bad; /* not empty */
  size_t field;
} efla_pair;

typedef struct efla_pairs {
  efla_pair *pair; /* (count) */
  size_t count, fields;
  const char *field[EFLA_MOST_FIELDS]; /* their names, in the order in which paradigms.tsv has them */
  char *text, *paradigms;              /* what the pointers point into */
} efla_pairs;

/* From a directory: blimp.tsv, lines of paradigm, good and bad sentence, tab-separated; and paradigms.tsv, whose first
 * line names columns, among them `paradigm` and `field`. Each of them may end in .gz or .xz (io/packed.h). Of a paradigm
 * the first `most` pairs are taken. Fails with EFLA_INPUT and a message with file, line and expectation, and with
 * EFLA_NO_MEMORY; pairs is then zeroed. */
efla_status efla_pairs_read(efla_pairs *pairs, const char *directory, size_t most, efla_message *why);
void efla_pairs_clear(efla_pairs *pairs); /* accepts a zeroed struct */

typedef struct efla_passage {
  const char *text;
  size_t length, word; /* bytes; the place of the last word, which follows the last space or line feed */
} efla_passage;

typedef struct efla_passages {
  efla_passage *passage; /* (count) */
  size_t count;
  char *text;
} efla_passages;

/* The first `most` passages of a file, plain or packed, one a line, in which the characters \n stand for a line feed.
 * Fails likewise, also where a line has no last word with something before it. */
efla_status efla_passages_read(efla_passages *passages, const char *path, size_t most, efla_message *why);
void efla_passages_clear(efla_passages *passages);

#endif

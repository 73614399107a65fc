/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that write files, at a small size, and what whole files of theirs are: for campaigns that disturb them. */
#ifndef WRITERS_H
#define WRITERS_H

#include "campaign.h"

/* All write into now/, at most four files; with those of `older` a file was there before. */
typedef struct writer {
  const char *line, *files[4];
  const char *study; /* that it runs, with configs in now/configs and files in now/tensors; NULL: none */
} writer;

enum { WRITERS = 23 };
extern const writer writers[WRITERS];
extern double writers_seconds[WRITERS]; /* that each takes, undisturbed */

/* Whole files of every writer, in whole-NUMBER, and how long they take. */
void writers_prepare(campaign *c);

/* The functions below take a writer by its number in the table. */

/* Empties now/, and puts an older file at the name of each of the writer's files if `old`. */
void writers_clear(size_t w, bool old);

/* Promised: what is at a file's name is the whole new file, or, unless the writer came to a good end, what was there
 * before. */
void writers_check(campaign *c, size_t w, bool old, bool ended);

/* Brings a study that was disturbed to its end, which must leave the files of one that was not, and no other. */
void writers_finish_study(campaign *c, size_t w);

#endif

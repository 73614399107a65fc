/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress on standard error: one line that is rewritten, only on a terminal. */
#ifndef EFLA_APP_PROGRESS_H
#define EFLA_APP_PROGRESS_H

#include <stddef.h>

typedef struct efla_progress {
  const char *what;
  size_t done, total;
  double started, shown; /* seconds */
  int visible;
} efla_progress;

void efla_progress_start(efla_progress *progress, const char *what, size_t total);
void efla_progress_add(efla_progress *progress, size_t done); /* any thread */
void efla_progress_end(efla_progress *progress);              /* wipes the line */

/* A line that stays, terminal or not. */
void efla_progress_say(const efla_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Seconds on a clock that only goes forward. */
double efla_seconds(void);

/* Seconds of one execution of work: the shortest of some repeats, each of at least so many seconds, as whatever else
 * the machine does only adds to one. */
double efla_shortest_seconds(void (*work)(void *context), void *context, size_t repeats, double least);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress on standard error: one line that is rewritten, and only on a terminal. */
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
void efla_progress_add(efla_progress *progress, size_t done); /* from any thread */
void efla_progress_end(efla_progress *progress);              /* erases the line */

/* Prints a line that stays, on a terminal or not. */
void efla_progress_say(const efla_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Seconds of a monotonic clock. */
double efla_seconds(void);

/* Seconds of one execution of work: the minimum over `repeats` measurements of at least `least` seconds each.
 * The minimum, since other load on the machine only adds time. */
double efla_shortest_seconds(void (*work)(void *context), void *context, size_t repeats, double least);

#endif

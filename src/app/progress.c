/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

double efla_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void efla_progress_start(efla_progress *progress, const char *what, size_t total) {
  double now = efla_seconds();
  *progress = (efla_progress){.what = what, .total = total, .started = now, .visible = isatty(STDERR_FILENO)};
}

void efla_progress_add(efla_progress *progress, size_t done) {
#pragma omp critical(efla_progress)
  {
    double now = efla_seconds();
    progress->done += done;
    if (progress->visible && now - progress->shown > 0.1 && progress->done > 0) {
      double left = (now - progress->started) * (double)(progress->total - progress->done) / (double)progress->done;
      fprintf(stderr, "\r%s %zu/%zu, %.0f s left\033[K", progress->what, progress->done, progress->total, left);
      progress->shown = now;
    }
  }
}

static void wipe(const efla_progress *progress) {
  if (progress->visible) fputs("\r\033[K", stderr);
}

void efla_progress_end(efla_progress *progress) { wipe(progress); }

void efla_progress_say(const efla_progress *progress, const char *format, ...) {
  va_list arguments;
  wipe(progress);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
}

double efla_shortest_seconds(void (*work)(void *context), void *context, size_t repeats, double least) {
  double shortest = INFINITY;
  for (size_t i = 0; i < repeats; i++) {
    double start = efla_seconds(), seconds;
    size_t runs = 0;
    do {
      work(context);
      runs++;
    } while ((seconds = efla_seconds() - start) < least);
    shortest = fmin(shortest, seconds / (double)runs);
  }
  return shortest;
}

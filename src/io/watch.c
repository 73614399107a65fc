/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

efla_watch efla_watch_begin(int descriptor) {
  struct stat now;
  if (fstat(descriptor, &now) != 0)
    return (efla_watch){.watched = true, .descriptor = descriptor}; /* the check will fail with a message */
  return (efla_watch){.watched = S_ISREG(now.st_mode),
                      .descriptor = descriptor,
                      .size = now.st_size,
                      .names = now.st_nlink,
                      .written = now.st_mtim,
                      .changed = now.st_ctim};
}

static bool same(const struct timespec *a, const struct timespec *b) {
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* "2026-03-01 17:04:59.123456789" */
enum { TIME_TEXT = 64 };
static const char *time_text(const struct timespec *time, char text[TIME_TEXT]) {
  struct tm parts = {0};
  localtime_r(&time->tv_sec, &parts);
  size_t length = strftime(text, TIME_TEXT, "%F %T", &parts);
  snprintf(text + length, TIME_TEXT - length, ".%09ld", time->tv_nsec);
  return text;
}

efla_status efla_watch_check(const efla_watch *watch, const char *path, efla_message *why) {
  struct stat now;
  char found[200], before[TIME_TEXT], after[TIME_TEXT];
  if (!watch->watched) return EFLA_OK;
  if (fstat(watch->descriptor, &now) != 0)
    return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  if (now.st_size != watch->size)
    snprintf(found, sizeof found, "size %jd, now %jd", (intmax_t)watch->size, (intmax_t)now.st_size);
  else if (!same(&now.st_mtim, &watch->written))
    snprintf(found, sizeof found, "last written to at %s, now at %s", time_text(&watch->written, before),
             time_text(&now.st_mtim, after));
  else if (now.st_nlink == watch->names && !same(&now.st_ctim, &watch->changed))
    snprintf(found, sizeof found, "its times, permissions or name were set at %s", time_text(&now.st_ctim, after));
  else
    return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: changed while it was read (%s), expected a file that stays as it is", path,
                   found);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/memory_stream.h"

#include <stdlib.h>
#include <string.h>

typedef struct stream {
  char **text;
  size_t *length, room;
} stream;

static ssize_t grow(void *cookie, const char *bytes, size_t n) {
  stream *s = cookie;
  const size_t needed = *s->length + n + 1;
  if (needed > s->room) {
    const size_t room = needed > 2 * s->room ? needed : 2 * s->room;
    char *larger = realloc(*s->text, room);
    if (!larger) return 0; /* an error, by the contract of such functions */
    *s->text = larger, s->room = room;
  }
  memcpy(*s->text + *s->length, bytes, n);
  *s->length += n;
  (*s->text)[*s->length] = 0;
  return (ssize_t)n;
}

static int end(void *cookie) {
  free(cookie);
  return 0;
}

FILE *efla_memory_stream(char **text, size_t *length) {
  *text = NULL, *length = 0;
  stream *s = malloc(sizeof *s);
  if (!s) return NULL;
  *s = (stream){.text = text, .length = length};
  FILE *file =
      grow(s, "", 0) < 0 || !*text ? NULL : fopencookie(s, "w", (cookie_io_functions_t){.write = grow, .close = end});
  if (!file) free(s);
  return file;
}

bool efla_memory_stream_close(FILE *file) {
  const bool grown = file && fflush(file) == 0 && !ferror(file);
  return file && fclose(file) == 0 && grown;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/packed.h"

#include "io/watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 1 << 16, XZ_MEMORY = 256000000 };

struct efla_packed {
  const char *path;
  efla_watch watch;
  size_t offset; /* unpacked bytes that were read */
  bool gzip;     /* its name says so */
  bool cut;      /* it ended within a stream */
  gzFile gz;     /* also reads plain files; NULL: xz */
  int xz;        /* its descriptor */
  lzma_stream lzma;
  lzma_action action; /* LZMA_FINISH: all of the file is read */
  unsigned char piece[PIECE];
};

static bool named(const char *path, const char *ending) {
  size_t length = strlen(path), tail = strlen(ending);
  return length > tail && !strcmp(path + length - tail, ending);
}

static bool holds_xz(const char *path, int descriptor) {
  static const char magic[] = {'\xfd', '7', 'z', 'X', 'Z', '\0'};
  char first[sizeof magic];
  if (named(path, ".xz") || named(path, ".gz")) return named(path, ".xz");
  return pread(descriptor, first, sizeof first, 0) == sizeof first && !memcmp(first, magic, sizeof first);
}

static efla_status fail_read(const efla_packed *file, efla_message *why) {
  return efla_fail(why, EFLA_INPUT, "%s: offset %zu: cannot read: %s", file->path, file->offset, strerror(errno));
}

static efla_status fail_damaged(const efla_packed *file, const char *what, efla_message *why) {
  return efla_fail(why, EFLA_INPUT, "%s: offset %zu: damaged (%s), expected an intact %s stream", file->path,
                   file->offset, what, file->gz ? "gzip" : "xz");
}

efla_status efla_packed_open(efla_packed **opened, const char *path, efla_message *why) {
  *opened = NULL;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  efla_packed *file = calloc(1, sizeof *file);
  bool complete = file != NULL;
  if (complete) {
    *file = (efla_packed){.path = path,
                          .watch = efla_watch_begin(descriptor),
                          .gzip = named(path, ".gz"),
                          .xz = descriptor,
                          .lzma = LZMA_STREAM_INIT,
                          .action = LZMA_RUN};
    complete = holds_xz(path, descriptor) ? lzma_stream_decoder(&file->lzma, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK
                                          : (file->gz = gzdopen(descriptor, "rb")) != NULL;
  }
  if (!complete) {
    free(file);
    close(descriptor);
    return efla_fail_memory(why);
  }
  *opened = file;
  return EFLA_OK;
}

static efla_status read_gzip(efla_packed *file, void *bytes, size_t wanted, size_t *got, efla_message *why) {
  int n = gzread(file->gz, bytes, (unsigned)wanted), code;
  const char *text = gzerror(file->gz, &code);
  if (code == Z_ERRNO) return fail_read(file, why);
  if (code == Z_MEM_ERROR) return efla_fail_memory(why);
  if (n < 0 || (code != Z_OK && code != Z_BUF_ERROR)) {
    size_t path = strlen(file->path); /* zlib's text starts with it */
    if (!strncmp(text, file->path, path) && !strncmp(text + path, ": ", 2)) text += path + 2;
    return fail_damaged(file, text, why);
  }
  if (file->gzip && file->offset == 0 && gzdirect(file->gz)) return fail_damaged(file, "no gzip header", why);
  file->cut = code == Z_BUF_ERROR;
  *got = (size_t)n;
  return EFLA_OK;
}

/* More of the packed bytes, or the knowledge that there are none. */
static efla_status fill(efla_packed *file, efla_message *why) {
  ssize_t n;
  do n = read(file->xz, file->piece, PIECE);
  while (n < 0 && errno == EINTR);
  if (n < 0) return fail_read(file, why);
  if (n == 0) file->action = LZMA_FINISH;
  file->lzma.next_in = file->piece;
  file->lzma.avail_in = (size_t)n;
  return EFLA_OK;
}

static efla_status read_xz(efla_packed *file, void *bytes, size_t wanted, size_t *got, efla_message *why) {
  lzma_ret code = LZMA_OK;
  efla_status status = EFLA_OK;
  file->lzma.next_out = bytes;
  file->lzma.avail_out = wanted;
  while (file->lzma.avail_out > 0 && code == LZMA_OK && status == EFLA_OK) {
    if (file->lzma.avail_in == 0 && file->action == LZMA_RUN) status = fill(file, why);
    if (status == EFLA_OK) code = lzma_code(&file->lzma, file->action);
  }
  if (status != EFLA_OK) return status;
  if (code == LZMA_MEM_ERROR || code == LZMA_MEMLIMIT_ERROR) return efla_fail_memory(why);
  if (code == LZMA_FORMAT_ERROR) return fail_damaged(file, "no xz header", why);
  file->cut = code == LZMA_BUF_ERROR;
  if (code != LZMA_OK && code != LZMA_STREAM_END && !file->cut) return fail_damaged(file, "data error", why);
  *got = wanted - file->lzma.avail_out;
  return EFLA_OK;
}

efla_status efla_packed_read(efla_packed *file, void *bytes, size_t wanted, size_t *got, efla_message *why) {
  assert(file);
  *got = 0;
  efla_status status = (file->gz ? read_gzip : read_xz)(file, bytes, wanted, got, why);
  file->offset += *got;
  return status;
}

efla_status efla_packed_end(efla_packed *file, efla_message *why) {
  if (!file->cut) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: offset %zu: the file ends, expected the rest of the %s stream", file->path,
                   file->offset, file->gz ? "gzip" : "xz");
}

efla_status efla_packed_close(efla_packed *file, efla_status status, efla_message *why) {
  if (!file) return status;
  if (efla_watch_check(&file->watch, file->path, why) != EFLA_OK) status = EFLA_INPUT; /* replaces any other error */
  if (file->gz)
    gzclose(file->gz);
  else
    close(file->xz);
  lzma_end(&file->lzma);
  free(file);
  return status;
}

/* Reads to the end into a block that grows; one byte more than `most` tells that there are too many. */
static efla_status read_all(efla_packed *file, unsigned char **bytes, size_t *count, size_t most, efla_message *why) {
  size_t room = 0, got = 0;
  do {
    if (*count == room) {
      room = room ? 2 * room : 1 << 20;
      if (room > most + 1) room = most + 1;
      unsigned char *larger = realloc(*bytes, room);
      if (!larger) return efla_fail_memory(why);
      *bytes = larger;
    }
    size_t wanted = room - *count < INT_MAX ? room - *count : INT_MAX;
    efla_status status = efla_packed_read(file, *bytes + *count, wanted, &got, why);
    if (status != EFLA_OK) return status;
    *count += got;
    if (*count > most)
      return efla_fail(why, EFLA_INPUT, "%s: offset %zu: the file goes on, expected at most so many bytes", file->path,
                       most);
  } while (got > 0);
  return efla_packed_end(file, why);
}

efla_status efla_packed_whole(unsigned char **bytes, size_t *count, size_t most, const char *path, efla_message *why) {
  efla_packed *file;
  assert(most < SIZE_MAX);
  *bytes = NULL, *count = 0;
  efla_status status = efla_packed_open(&file, path, why);
  if (!file) return status;
  status = read_all(file, bytes, count, most, why);
  status = efla_packed_close(file, status, why);
  if (status != EFLA_OK || *count == 0) {
    free(*bytes);
    *bytes = NULL, *count = 0;
  }
  return status;
}

efla_status efla_packed_find(char *path, size_t room, const char *directory, const char *name, bool needed,
                             efla_message *why) {
  static const char *const endings[] = {"", ".gz", ".xz"};
  for (size_t e = 0; e < sizeof endings / sizeof *endings; e++) {
    const int length = snprintf(path, room, "%s/%s%s", directory, name, endings[e]);
    if (length < 0 || (size_t)length >= room)
      return efla_fail(why, EFLA_INPUT, "%s: the directory's name is too long", name);
    if (access(path, F_OK) == 0) return EFLA_OK;
  }
  *path = 0;
  if (!needed) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "no file %s, %s.gz or %s.xz in %s", name, name, name, directory);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/idx.h"

#include "io/watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* gzread also reads uncompressed files. */
typedef struct reader {
  gzFile file;
  const char *path;
  efla_message *why;
} reader;

/* Reads up to `wanted` <= EFLA_IDX_MOST bytes; a shorter read is not a failure here, the caller has the message for
 * it. */
static efla_status read_bytes(reader *r, size_t offset, void *bytes, size_t wanted, size_t *got) {
  *got = 0;
  int n = gzread(r->file, bytes, (unsigned)wanted), code;
  const char *text = gzerror(r->file, &code);
  if (code == Z_ERRNO)
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: cannot read: %s", r->path, offset, strerror(errno));
  if (code == Z_MEM_ERROR) return efla_fail_memory(r->why);
  if (n < 0 || (code != Z_OK && code != Z_BUF_ERROR)) {
    size_t path = strlen(r->path); /* zlib's text starts with it */
    if (!strncmp(text, r->path, path) && !strncmp(text + path, ": ", 2)) text += path + 2;
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: damaged (%s), expected an intact gzip stream", r->path,
                     offset, text);
  }
  *got = (size_t)n;
  return EFLA_OK;
}

/* Whether the last read reached the end of the file within a gzip stream. */
static bool ends_within_gzip(const reader *r) {
  int code;
  (void)gzerror(r->file, &code);
  return code == Z_BUF_ERROR;
}

static efla_status read_header(reader *r, efla_idx *idx, size_t dimensions, size_t *offset) {
  unsigned char bytes[4 + 4 * EFLA_IDX_DIMENSIONS];
  size_t length = 4 + 4 * dimensions, got;
  efla_status status = read_bytes(r, 0, bytes, length, &got);
  if (status != EFLA_OK) return status;
  const unsigned char magic[4] = {0, 0, 8, (unsigned char)dimensions};
  for (size_t i = 0; i < 4 && i < got; i++)
    if (bytes[i] != magic[i])
      return efla_fail(r->why, EFLA_INPUT,
                       "%s: offset %zu: byte 0x%02x, expected 0x%02x: not an IDX file of bytes with %zu dimensions",
                       r->path, i, bytes[i], magic[i], dimensions);
  if (got < length)
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: the file ends within its header, expected %zu bytes of it",
                     r->path, got, length);
  idx->dimensions = dimensions;
  for (size_t i = 0; i < dimensions; i++) {
    const unsigned char *b = bytes + 4 + 4 * i;
    idx->size[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
  }
  *offset = length;
  return EFLA_OK;
}

static efla_status read_data(reader *r, efla_idx *idx, size_t header) {
  size_t length = 1, have = 0, room = 0, got;
  for (size_t i = 0; i < idx->dimensions; i++)
    if (__builtin_mul_overflow(length, idx->size[i], &length)) length = SIZE_MAX;
  if (length > EFLA_IDX_MOST)
    return efla_fail(r->why, EFLA_INPUT, "%s: offset 4: sizes whose product is past %d, expected at most so many bytes",
                     r->path, EFLA_IDX_MOST);
  while (have < length) {
    room = room ? 2 * room : 1 << 20;
    if (room > length) room = length;
    unsigned char *larger = realloc(idx->data, room);
    if (!larger) return efla_fail_memory(r->why);
    idx->data = larger;
    efla_status status = read_bytes(r, header + have, idx->data + have, room - have, &got);
    if (status != EFLA_OK) return status;
    have += got;
    if (have < room)
      return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: the file ends, expected %zu bytes as its header says",
                       r->path, header + have, header + length);
  }
  unsigned char extra;
  efla_status status = read_bytes(r, header + length, &extra, 1, &got);
  if (status != EFLA_OK) return status;
  if (got > 0)
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: the file goes on, expected its end as its header says",
                     r->path, header + length);
  if (ends_within_gzip(r)) /* the data are complete, their checksum is missing */
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: the file ends, expected the gzip stream's trailer", r->path,
                     header + length);
  return EFLA_OK;
}

efla_status efla_idx_read(efla_idx *idx, const char *path, size_t dimensions, efla_message *why) {
  assert(dimensions >= 1 && dimensions <= EFLA_IDX_DIMENSIONS);
  *idx = (efla_idx){0};
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  const efla_watch watch = efla_watch_begin(file);
  reader r = {gzdopen(file, "rb"), path, why};
  if (!r.file) {
    close(file);
    return efla_fail_memory(why);
  }
  size_t header = 0;
  efla_status status = read_header(&r, idx, dimensions, &header);
  if (status == EFLA_OK) status = read_data(&r, idx, header);
  if (efla_watch_check(&watch, path, why) != EFLA_OK) status = EFLA_INPUT; /* replaces any other error */
  gzclose(r.file);
  if (status != EFLA_OK) efla_idx_clear(idx);
  return status;
}

void efla_idx_clear(efla_idx *idx) {
  free(idx->data);
  *idx = (efla_idx){0};
}

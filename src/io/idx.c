/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/idx.h"

#include "io/packed.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct reader {
  efla_packed *file;
  const char *path;
  efla_message *why;
} reader;

static efla_status read_header(reader *r, efla_idx *idx, size_t dimensions, size_t *offset) {
  unsigned char bytes[4 + 4 * EFLA_IDX_DIMENSIONS];
  size_t length = 4 + 4 * dimensions, got;
  efla_status status = efla_packed_read(r->file, bytes, length, &got, r->why);
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
    efla_status status = efla_packed_read(r->file, idx->data + have, room - have, &got, r->why);
    if (status != EFLA_OK) return status;
    have += got;
    if (have < room)
      return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: the file ends, expected %zu bytes as its header says",
                       r->path, header + have, header + length);
  }
  unsigned char extra;
  efla_status status = efla_packed_read(r->file, &extra, 1, &got, r->why);
  if (status != EFLA_OK) return status;
  if (got > 0)
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: the file goes on, expected its end as its header says",
                     r->path, header + length);
  return efla_packed_end(r->file, r->why);
}

efla_status efla_idx_read(efla_idx *idx, const char *path, size_t dimensions, efla_message *why) {
  assert(dimensions >= 1 && dimensions <= EFLA_IDX_DIMENSIONS);
  *idx = (efla_idx){0};
  reader r = {.path = path, .why = why};
  size_t header = 0;
  efla_status status = efla_packed_open(&r.file, path, why);
  if (status == EFLA_OK) status = read_header(&r, idx, dimensions, &header);
  if (status == EFLA_OK) status = read_data(&r, idx, header);
  status = efla_packed_close(r.file, status, why);
  if (status != EFLA_OK) efla_idx_clear(idx);
  return status;
}

void efla_idx_clear(efla_idx *idx) {
  free(idx->data);
  *idx = (efla_idx){0};
}

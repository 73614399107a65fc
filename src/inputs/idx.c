#include "inputs/idx.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* gzread takes plain files as they are. */
typedef struct reader {
  gzFile file;
  const char *path;
  efla_message *why;
} reader;

/* What zlib or the system says of the stream; NULL where all is well or the file only ended early. */
static const char *trouble(const reader *r) {
  int code;
  const char *text = gzerror(r->file, &code);
  if (code == Z_ERRNO) return strerror(errno);
  return code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR ? NULL : text;
}

static efla_status read_bytes(reader *r, size_t offset, void *bytes, size_t wanted, size_t *got) {
  int n = gzread(r->file, bytes, (unsigned)wanted);
  const char *what = trouble(r);
  if (n < 0 || what)
    return efla_fail(r->why, EFLA_INPUT, "%s: offset %zu: %s", r->path, offset, what ? what : "damaged gzip stream");
  *got = (size_t)n;
  return EFLA_OK;
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
    return efla_fail(r->why, EFLA_INPUT, "%s: ends at offset %zu within the header, expected %zu bytes of it", r->path,
                     got, length);
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
    if (__builtin_mul_overflow(length, idx->size[i], &length))
      return efla_fail(r->why, EFLA_INPUT, "%s: offset 4: the sizes multiply to more than memory can address", r->path);
  while (have < length) {
    room = room ? 2 * room : 1 << 20;
    if (room > length) room = length;
    unsigned char *larger = realloc(idx->data, room);
    if (!larger) return efla_fail_memory(r->why);
    idx->data = larger;
    size_t wanted = room - have < 1 << 30 ? room - have : 1 << 30;
    efla_status status = read_bytes(r, header + have, idx->data + have, wanted, &got);
    if (status != EFLA_OK) return status;
    have += got;
    if (got < wanted)
      return efla_fail(r->why, EFLA_INPUT, "%s: ends at offset %zu, expected %zu bytes as the header says", r->path,
                       header + have, header + length);
    if (have < room) room = have; /* a read of 1 GiB did not fill the room: go on from here */
  }
  unsigned char extra;
  efla_status status = read_bytes(r, header + length, &extra, 1, &got);
  if (status != EFLA_OK) return status;
  if (got == 0) return EFLA_OK;
  return efla_fail(r->why, EFLA_INPUT, "%s: goes on at offset %zu, where the header says that it ends", r->path,
                   header + length);
}

efla_status efla_idx_read(efla_idx *idx, const char *path, size_t dimensions, efla_message *why) {
  assert(dimensions >= 1 && dimensions <= EFLA_IDX_DIMENSIONS);
  *idx = (efla_idx){0};
  errno = 0;
  reader r = {gzopen(path, "rb"), path, why};
  if (!r.file) {
    if (errno) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
    return efla_fail_memory(why);
  }
  size_t header = 0;
  efla_status status = read_header(&r, idx, dimensions, &header);
  if (status == EFLA_OK) status = read_data(&r, idx, header);
  int closed = gzclose(r.file);
  if (status == EFLA_OK && closed == Z_BUF_ERROR)
    status = efla_fail(why, EFLA_INPUT, "%s: the gzip stream ends early, within its trailer", path);
  if (status != EFLA_OK) efla_idx_clear(idx);
  return status;
}

void efla_idx_clear(efla_idx *idx) {
  free(idx->data);
  *idx = (efla_idx){0};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/whole.h"

#include "io/chunks.h"
#include "io/container.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

struct efla_whole {
  efla_chunks chunks;
  hsize_t along[H5S_MAX_RANK]; /* number of chunks along each axis */
  unsigned char seen[];        /* one bit per chunk: checked */
};

/* No chunk checked; NULL where memory ends. */
static efla_whole *begin(hid_t dataset) {
  const efla_chunks chunks = efla_chunks_of(dataset);
  hsize_t size[H5S_MAX_RANK] = {0}, along[H5S_MAX_RANK] = {0}, n = 1;
  hid_t space = H5Dget_space(dataset);
  H5Sget_simple_extent_dims(space, size, NULL);
  H5Sclose(space);
  for (size_t i = 0; i < chunks.rank; i++) n *= along[i] = size[i] / chunks.size[i] + (size[i] % chunks.size[i] > 0);
  efla_whole *w = calloc(1, sizeof *w + (size_t)(n / 8) + 1);
  if (!w) return NULL;
  w->chunks = chunks;
  for (size_t i = 0; i < chunks.rank; i++) w->along[i] = along[i];
  return w;
}

/* The number of bytes that a gzip stream unpacks to before its end or an error; stops counting beyond `most`. */
static size_t inflated(size_t n, unsigned char *bytes, size_t most) {
  enum { PIECE = 1 << 16 };
  unsigned char piece[PIECE];
  z_stream z = {.next_in = bytes, .avail_in = (uInt)n};
  int code = inflateInit(&z);
  if (code != Z_OK) return 0;
  while (code == Z_OK && z.total_out <= most) {
    z.next_out = piece, z.avail_out = PIECE;
    code = inflate(&z, Z_NO_FLUSH);
  }
  size_t found = z.total_out;
  inflateEnd(&z);
  return found;
}

/* The unpacked size of a chunk of n stored bytes, to which the filters in `mask` were not applied; `wanted` where it
 * cannot be determined. */
static size_t unpacked(hid_t plist, uint32_t mask, size_t n, unsigned char *bytes, size_t wanted) {
  enum { CHECKSUM = 4 };
  for (int i = H5Pget_nfilters(plist); i-- > 0;) {
    unsigned flags, config;
    size_t values = 0;
    if (mask >> i & 1) continue;
    switch (H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config)) {
    case H5Z_FILTER_FLETCHER32:
      n -= n < CHECKSUM ? n : CHECKSUM;
      break;
    case H5Z_FILTER_SHUFFLE:
      bytes = NULL; /* shuffled: not the input of a further filter */
      break;
    case H5Z_FILTER_DEFLATE:
      if (!bytes) return wanted;
      n = inflated(n, bytes, wanted + (size_t)CHECKSUM * (size_t)i);
      bytes = NULL;
      break;
    default:
      return wanted;
    }
  }
  return n;
}

static efla_status check_chunk(hid_t plist, hid_t dataset, const hsize_t *at, const efla_chunks *chunks,
                               const char *path, const char *name, efla_message *why) {
  hsize_t stored = 0;
  char place[EFLA_SHAPE_TEXT];
  size_t first[H5S_MAX_RANK];
  uint32_t mask = 0;
  if (H5Dget_chunk_storage_size(dataset, at, &stored) < 0 || stored == 0)
    return EFLA_OK; /* never written, or unreadable, which HDF5 reports */
  /* Packing does not double the size: a chunk stored in so many bytes is damaged, and not read. */
  size_t found = stored > 2 * (hsize_t)chunks->bytes + 4096 ? (size_t)stored : 0;
  if (found == 0) {
    unsigned char *bytes = malloc((size_t)stored);
    if (!bytes) return efla_fail_memory(why);
    bool read = H5Dread_chunk(dataset, H5P_DEFAULT, at, &mask, bytes) >= 0;
    found = read ? unpacked(plist, mask, (size_t)stored, bytes, chunks->bytes) : chunks->bytes;
    free(bytes);
  }
  if (found == chunks->bytes) return EFLA_OK;
  for (size_t i = 0; i < chunks->rank; i++) first[i] = (size_t)at[i];
  return efla_fail(why, EFLA_INPUT,
                   "%s: %s: damaged: the chunk that begins at %s unpacks to %s %zu bytes, expected that many", path,
                   name, efla_shape_text(chunks->rank, first, place), found < chunks->bytes ? "less than" : "more than",
                   chunks->bytes);
}

/* The next one after `at` among the chunks from first to last, the last axis fastest; false at the end. */
static bool next_chunk(size_t rank, const hsize_t *first, const hsize_t *last, hsize_t *at) {
  for (size_t i = rank; i-- > 0;) {
    if (at[i]++ < last[i]) return true;
    at[i] = first[i];
  }
  return false;
}

efla_status efla_whole_check(efla_whole **whole, hid_t dataset, const size_t *start, const size_t *count,
                             const char *path, const char *name, efla_message *why) {
  if (!*whole && !(*whole = begin(dataset))) return efla_fail_memory(why);
  efla_whole *w = *whole;
  size_t rank = w->chunks.rank;
  hsize_t first[H5S_MAX_RANK], last[H5S_MAX_RANK], at[H5S_MAX_RANK], offset[H5S_MAX_RANK];
  if (rank == 0) return EFLA_OK;
  for (size_t i = 0; i < rank; i++) {
    if (count[i] == 0) return EFLA_OK;
    at[i] = first[i] = start[i] / w->chunks.size[i];
    last[i] = (start[i] + count[i] - 1) / w->chunks.size[i];
  }
  efla_status status = EFLA_OK;
  hid_t plist = H5Dget_create_plist(dataset);
  do {
    hsize_t n = 0;
    for (size_t i = 0; i < rank; i++) n = n * w->along[i] + at[i], offset[i] = at[i] * w->chunks.size[i];
    if (w->seen[n / 8] >> n % 8 & 1) continue;
    status = check_chunk(plist, dataset, offset, &w->chunks, path, name, why);
    if (status == EFLA_OK) w->seen[n / 8] |= (unsigned char)(1 << n % 8);
  } while (status == EFLA_OK && next_chunk(rank, first, last, at));
  H5Pclose(plist);
  return status;
}

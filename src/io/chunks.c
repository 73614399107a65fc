/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/chunks.h"

#include "io/lzf.h"
#include "io/tensors.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Number and parameters of h5py's lzf filter: its version, that of the library, bytes in an unpacked chunk. */
enum { LZF = 32000, LZF_CHUNK = 2, LZF_VALUES };

/* HDF5 does not check that a filter returns a whole chunk, so this fails where it would return fewer bytes. */
static size_t unpack_lzf(unsigned flags, size_t values, const unsigned value[], size_t n, size_t *size, void **buffer) {
  size_t wanted = values >= LZF_VALUES ? value[LZF_CHUNK] : 0;
  size_t found = flags & H5Z_FLAG_REVERSE ? efla_lzf_unpack(n, *buffer, 2 * (size_t)EFLA_LARGEST_CHUNK, NULL) : 0;
  void *bytes = found > 0 && found >= wanted ? H5allocate_memory(found, false) : NULL;
  if (!bytes) {
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_PLINE, H5E_CANTFILTER,
             "a chunk that lzf cannot unpack");
    return 0;
  }
  efla_lzf_unpack(n, *buffer, found, bytes);
  H5free_memory(*buffer);
  *buffer = bytes;
  *size = found;
  return found;
}

void efla_chunks_begin(void) {
  static const H5Z_class2_t lzf = {
      .version = H5Z_CLASS_T_VERS, .id = LZF, .decoder_present = 1, .name = "lzf", .filter = unpack_lzf};
  if (H5Zfilter_avail(LZF) <= 0) H5Zregister(&lzf);
}

/* Names, for messages, of filters that files often store without a name: numbers registered with the HDF Group, and
 * those of HDF5's optional filters. */
static const char *known_name(H5Z_filter_t number) {
  static const struct {
    H5Z_filter_t number;
    const char *name;
  } known[] = {{H5Z_FILTER_DEFLATE, "gzip"},
               {H5Z_FILTER_SZIP, "szip"},
               {307, "bzip2"},
               {32001, "blosc"},
               {32004, "lz4"},
               {32008, "bitshuffle"},
               {32013, "zfp"},
               {32015, "zstd"},
               {32026, "blosc2"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].number == number) return known[i].name;
  return "a filter without a name";
}

static bool available(H5Z_filter_t number) {
  unsigned config = 0;
  return H5Zfilter_avail(number) > 0 && H5Zget_filter_info(number, &config) >= 0 &&
         config & H5Z_FILTER_CONFIG_DECODE_ENABLED;
}

static efla_status check_filter(hid_t plist, unsigned i, double bytes, const char *path, const char *name,
                                efla_message *why) {
  char said[64] = "";
  unsigned flags, config, value[LZF_VALUES] = {0};
  size_t values = LZF_VALUES;
  H5Z_filter_t number = H5Pget_filter2(plist, i, &flags, &values, value, sizeof said, said, &config);
  said[sizeof said - 1] = 0;
  for (char *c = said; *c; c++)
    if (!isprint((unsigned char)*c)) *c = '?';
  if (number < 0 || !available(number))
    return efla_fail(
        why, EFLA_INPUT,
        "%s: %s: packed by %s (filter number %d), which is not available here, expected gzip, lzf or no compression",
        path, name, *said ? said : known_name(number), (int)number);
  if (number == LZF && (values < LZF_VALUES || value[LZF_CHUNK] != bytes))
    return efla_fail(why, EFLA_INPUT, "%s: %s: damaged: lzf is to unpack chunks of %u bytes, expected %.0f", path, name,
                     value[LZF_CHUNK], bytes);
  return EFLA_OK;
}

efla_status efla_chunks_check(hid_t plist, size_t size, const char *path, const char *name, efla_message *why) {
  hsize_t chunk[H5S_MAX_RANK];
  if (H5Pget_layout(plist) != H5D_CHUNKED) return EFLA_OK;
  int rank = H5Pget_chunk(plist, H5S_MAX_RANK, chunk), filters = H5Pget_nfilters(plist);
  double bytes = (double)size;
  for (int i = 0; i < rank; i++) bytes *= (double)chunk[i];
  if (filters > 0 && bytes > EFLA_LARGEST_CHUNK)
    return efla_fail(why, EFLA_INPUT,
                     "%s: %s: compressed in chunks of %.0f bytes, expected at most %d so that it can be streamed", path,
                     name, bytes, EFLA_LARGEST_CHUNK);
  efla_status status = EFLA_OK;
  for (int i = 0; i < filters && status == EFLA_OK; i++)
    status = check_filter(plist, (unsigned)i, bytes, path, name, why);
  return status;
}

efla_chunks efla_chunks_of(hid_t dataset) {
  hid_t plist = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
  efla_chunks chunks = {.rank = 0};
  if (H5Pget_layout(plist) == H5D_CHUNKED && H5Pget_nfilters(plist) > 0) {
    chunks.rank = (size_t)H5Pget_chunk(plist, H5S_MAX_RANK, chunks.size);
    chunks.bytes = H5Tget_size(type);
    for (size_t i = 0; i < chunks.rank; i++) chunks.bytes *= chunks.size[i];
  }
  H5Tclose(type);
  H5Pclose(plist);
  return chunks;
}

static double bytes_of_all(hid_t dataset, const efla_chunks *chunks) {
  hsize_t size[H5S_MAX_RANK];
  hid_t space = H5Dget_space(dataset);
  double bytes = (double)chunks->bytes;
  H5Sget_simple_extent_dims(space, size, NULL);
  for (size_t i = 0; i < chunks->rank; i++) bytes *= ceil((double)size[i] / (double)chunks->size[i]);
  H5Sclose(space);
  return bytes;
}

hid_t efla_chunks_access(hid_t dataset) {
  enum { SLOTS = 12421, AS_STORED = 1 << 24 }; /* a prime, as HDF5 advises: 100 times the usual number of chunks */
  /* Evict fully read chunks first (w0 of H5Pset_chunk_cache); at exactly 1 others would never be evicted. */
  static const double READ_FIRST = 1 - 0x1p-20;
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  const efla_chunks chunks = efla_chunks_of(dataset);
  double all = chunks.rank > 0 ? bytes_of_all(dataset, &chunks) : AS_STORED;
  H5Pset_chunk_cache(access, SLOTS, all < EFLA_LARGEST_CHUNK ? (size_t)all : EFLA_LARGEST_CHUNK, READ_FIRST);
  return access;
}

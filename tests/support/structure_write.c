/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "structure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LZF = 32000, UNKNOWN = 499, LITERALS = 32 };

static hid_t narrow_float(size_t exponent, size_t mantissa) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, mantissa, exponent, 0, mantissa);
  H5Tset_ebias(type, ((size_t)1 << (exponent - 1)) - 1);
  H5Tset_precision(type, 16);
  H5Tset_size(type, 2);
  return type;
}

/* To be closed. */
static hid_t type_of(structure_type type) {
  const hid_t usual[TYPES] = {
      [F32] = H5T_IEEE_F32LE, [F64] = H5T_IEEE_F64LE, [F32_BE] = H5T_IEEE_F32BE, [F64_BE] = H5T_IEEE_F64BE,
      [I8] = H5T_STD_I8LE,    [U8] = H5T_STD_U8LE,    [I16] = H5T_STD_I16LE,     [I32] = H5T_STD_I32LE,
      [I64] = H5T_STD_I64LE,  [STRING] = H5T_C_S1};
  hid_t made;
  switch (type) {
  case F16:
    return narrow_float(5, 10);
  case BF16:
    return narrow_float(8, 7);
  case OPAQUE:
    return H5Tcreate(H5T_OPAQUE, 4);
  case ENUM:
    made = H5Tenum_create(H5T_STD_I32LE);
    H5Tenum_insert(made, "zero", &(int){0});
    return made;
  case ARRAY:
    return H5Tarray_create2(H5T_IEEE_F32LE, 1, (const hsize_t[]){1});
  case COMPOUND:
    made = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(made, "r", 0, H5T_IEEE_F32LE), H5Tinsert(made, "i", 4, H5T_IEEE_F32LE);
    return made;
  default:
    return H5Tcopy(usual[type]);
  }
}

static bool holds_numbers(const structure_dataset *d) { return d->type < TYPES_RIGHT; }

/* What is done with a chunk of n bytes: packed, with `mask` of the filters that were left out; returns its new
 * length. */
static size_t pack(structure_packing packing, size_t n, const unsigned char *bytes, unsigned char *packed, size_t room,
                   uint32_t *mask) {
  uLongf made = room;
  size_t at = 0;
  bool less = packing == SHORT_GZIP || packing == SHORT_LZF || packing == SHORT_SKIPPED;
  if (less) n -= n / 2 + 1;
  switch (packing) {
  case RAW_GZIP:
  case SHORT_GZIP:
  case CUT_GZIP:
    compress2(packed, &made, bytes, n, 6);
    return packing == CUT_GZIP ? made / 2 : made;
  case RAW_LZF:
  case SHORT_LZF:
    for (size_t first = 0, length; first < n; first += length) {
      length = n - first < LITERALS ? n - first : LITERALS;
      packed[at++] = (unsigned char)(length - 1);
      memcpy(packed + at, bytes + first, length), at += length;
    }
    return at;
  case RAW_SKIPPED:
  case SHORT_SKIPPED:
    *mask = 1; /* fallthrough */
  default:
    memcpy(packed, bytes, n);
    return n;
  }
}

/* The numbers of the chunk that begins at `start`, stored as type; those beyond the edges are 0. */
static void gather(const structure_dataset *d, const hsize_t *start, size_t n, hid_t type, unsigned char *bytes) {
  double *values = (double *)(void *)bytes;
  for (size_t e = 0; e < n; e++) {
    size_t rest = e, index = 0, stride = 1;
    bool inside = true;
    for (size_t i = d->rank; i-- > 0;) {
      hsize_t at = start[i] + rest % d->chunk[i];
      rest /= d->chunk[i];
      inside &= at < d->size[i];
      index += at * stride, stride *= d->size[i];
    }
    values[e] = inside ? structure_value(d, index) : 0;
  }
  H5Tconvert(H5T_NATIVE_DOUBLE, type, n, bytes, NULL, H5P_DEFAULT);
}

static bool write_chunks(const structure_dataset *d, hid_t dataset, hid_t type) {
  size_t n = 1, chunks = 1, along[STRUCTURE_RANK];
  for (size_t i = 0; i < d->rank; i++) {
    along[i] = (size_t)((d->size[i] + d->chunk[i] - 1) / d->chunk[i]);
    n *= d->chunk[i], chunks *= along[i];
  }
  size_t room = n * 2 * sizeof(double) + 64;
  double *numbers = calloc(n, sizeof *numbers);
  unsigned char *bytes = (unsigned char *)numbers, *packed = malloc(room);
  bool fine = bytes && packed;
  for (size_t c = d->written == ALL_BUT_ONE_CHUNK; fine && c < chunks; c++) {
    hsize_t start[STRUCTURE_RANK];
    uint32_t mask = 0;
    for (size_t i = d->rank, rest = c; i-- > 0; rest /= along[i]) start[i] = rest % along[i] * d->chunk[i];
    if (holds_numbers(d)) gather(d, start, n, type, bytes);
    size_t length = pack(d->packing, n * H5Tget_size(type), bytes, packed, room, &mask);
    if (length) fine = H5Dwrite_chunk(dataset, H5P_DEFAULT, mask, start, length, packed) >= 0;
  }
  free(bytes);
  free(packed);
  return fine;
}

static bool write_all(const structure_dataset *d, hid_t dataset) {
  size_t n = structure_entries(d);
  double *values = malloc((n + 1) * sizeof *values);
  for (size_t i = 0; i < n && values; i++) values[i] = structure_value(d, i);
  bool fine = values && H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  free(values);
  return fine;
}

static void set_filter(const structure_dataset *d, hid_t plist, hid_t type) {
  unsigned values[] = {4, 0x105, (unsigned)H5Tget_size(type)};
  for (size_t i = 0; i < d->rank; i++) values[2] *= (unsigned)d->chunk[i];
  switch (d->packing) {
  case PLAIN:
  case RAW_PLAIN:
    return;
  case RAW_LZF:
  case SHORT_LZF:
    H5Pset_filter(plist, LZF, H5Z_FLAG_OPTIONAL, 3, values);
    return;
  case UNKNOWN_OPTIONAL:
    H5Pset_filter(plist, UNKNOWN, H5Z_FLAG_OPTIONAL, 0, NULL);
    return;
  case UNKNOWN_MANDATORY:
    H5Pset_filter(plist, UNKNOWN, H5Z_FLAG_MANDATORY, 0, NULL);
    return;
  case FLETCHER:
    H5Pset_fletcher32(plist);
    return;
  case SZIP:
    H5Pset_szip(plist, H5_SZIP_NN_OPTION_MASK, 2);
    return;
  case SHUFFLE_GZIP:
    H5Pset_shuffle(plist); /* fallthrough */
  default:
    H5Pset_deflate(plist, 6);
  }
}

static hid_t properties(const structure_dataset *d, hid_t type, bool filters) {
  static const H5D_layout_t layouts[] = {H5D_CONTIGUOUS, H5D_COMPACT, H5D_CHUNKED};
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(plist, layouts[d->layout]);
  if (d->layout == CHUNKED) H5Pset_chunk(plist, (int)d->rank, d->chunk);
  if (d->layout == CHUNKED && filters) set_filter(d, plist, type);
  if (d->fill && holds_numbers(d)) H5Pset_fill_value(plist, H5T_NATIVE_DOUBLE, &(double){1});
  return plist;
}

static bool put_dataset(hid_t file, const char *name, const structure_dataset *d) {
  hsize_t most[STRUCTURE_RANK];
  for (size_t i = 0; i < d->rank; i++) most[i] = (d->endless && i == 0) || d->size[i] == 0 ? H5S_UNLIMITED : d->size[i];
  hid_t type = type_of(d->type), plist = properties(d, type, true);
  hid_t space =
      d->rank ? H5Screate_simple((int)d->rank, d->size, d->layout == CHUNKED ? most : NULL) : H5Screate(H5S_SCALAR);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  if (dataset < 0 && d->packing == SZIP) { /* which has limits of its own, and need not be there */
    H5Pclose(plist);
    plist = properties(d, type, false);
    dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  }
  bool fine = dataset >= 0;
  if (fine && d->written != NOTHING && structure_entries(d) > 0) {
    if (d->layout == CHUNKED && d->packing >= PACKED_RAW)
      fine = write_chunks(d, dataset, type);
    else if (holds_numbers(d))
      fine = write_all(d, dataset);
  }
  if (dataset >= 0) fine &= H5Dclose(dataset) >= 0;
  H5Pclose(plist);
  H5Sclose(space);
  H5Tclose(type);
  return fine;
}

static bool put(hid_t file, const structure_dataset *d) {
  char elsewhere[64];
  hid_t made = H5I_INVALID_HID;
  snprintf(elsewhere, sizeof elsewhere, "elsewhere_%s", d->name);
  if (!d->present) return true;
  switch (d->kind) {
  case AS_SOFT_LINK:
    return put_dataset(file, elsewhere, d) && H5Lcreate_soft(elsewhere, file, d->name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
  case AS_DANGLING:
    return H5Lcreate_soft("nowhere", file, d->name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
  case AS_LOOP:
    return H5Lcreate_soft(d->name, file, d->name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
  case AS_EXTERNAL:
    return H5Lcreate_external("no-such-file.h5", d->name, file, d->name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
  case AS_GROUP:
    made = H5Gcreate2(file, d->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return H5Gclose(made) >= 0;
  case AS_TYPE:
    made = H5Tcopy(H5T_IEEE_F32LE);
    return H5Tcommit2(file, d->name, made, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT) >= 0 && H5Tclose(made) >= 0;
  default:
    return put_dataset(file, d->name, d);
  }
}

static bool put_attribute(hid_t file, const char *name, hid_t type, hid_t memory, size_t entries, const void *value) {
  const hsize_t size[] = {entries};
  hid_t space = entries == SIZE_MAX ? H5Screate(H5S_SCALAR)
                : entries           ? H5Screate_simple(1, size, NULL)
                                    : H5Screate(H5S_NULL);
  hid_t made = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool fine = made >= 0 && (entries == 0 || H5Awrite(made, memory, value) >= 0);
  if (made >= 0) H5Aclose(made);
  H5Sclose(space);
  return fine;
}

static bool put_number(hid_t file, const char *name, structure_attribute kind, double value) {
  const double values[2] = {kind == NOT_FINITE ? NAN : kind == TOO_LONG ? INFINITY : value, value};
  hid_t type = kind == OTHER ? H5T_IEEE_F32LE : kind == THIRD ? H5T_STD_I8LE : H5T_IEEE_F64LE;
  size_t entries = kind == TWO_ENTRIES ? 2 : kind == NO_ENTRIES ? 0 : kind == ONE_ENTRY ? 1 : SIZE_MAX;
  return put_attribute(file, name, type, H5T_NATIVE_DOUBLE, entries, values);
}

static bool put_text(hid_t file, const char *name, structure_attribute kind, const char *text) {
  char longer[600], fixed[16] = "";
  memset(longer, 'x', sizeof longer - 1), longer[sizeof longer - 1] = 0;
  const char *texts[2] = {kind == TOO_LONG ? longer : kind == NOT_FINITE ? "THBD" : text, text};
  size_t length = strlen(text), entries = kind == TWO_ENTRIES  ? 2
                                          : kind == NO_ENTRIES ? 0
                                          : kind == ONE_ENTRY  ? 1
                                                               : SIZE_MAX;
  bool of_fixed_length = kind == OTHER || kind == THIRD;
  memcpy(fixed, text, length);
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, !of_fixed_length ? H5T_VARIABLE : kind == OTHER ? length + 1 : length);
  H5Tset_strpad(type, kind == THIRD ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
  bool fine = put_attribute(file, name, type, type, entries, of_fixed_length ? (const void *)fixed : texts);
  H5Tclose(type);
  return fine;
}

static bool put_attributes(hid_t file, const structure *s) {
  bool fine = true;
  if (s->scale == OTHER_CLASS)
    fine &= put_text(file, "scale", USUAL, "1");
  else if (s->scale)
    fine &= put_number(file, "scale", s->scale, 2);
  if (s->layout == OTHER_CLASS)
    fine &= put_number(file, "layout", USUAL, 0);
  else if (s->layout)
    fine &= put_text(file, "layout", s->layout, efla_layout_name(s->order));
  if (s->precision == OTHER_CLASS)
    fine &= put_number(file, "precision", USUAL, 32);
  else if (s->precision)
    fine &= put_text(file, "precision", s->precision, "bf16");
  return fine;
}

/* To make datasets with it; without it when they are read. */
static size_t keep(unsigned flags, size_t values, const unsigned value[], size_t n, size_t *size, void **buffer) {
  (void)flags, (void)values, (void)value, (void)size, (void)buffer;
  return n;
}

bool structure_write(const structure *s, const char *path) {
  static const H5Z_class2_t unknown = {H5Z_CLASS_T_VERS, UNKNOWN, 1, 1, "unknown", NULL, NULL, keep};
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  if (H5Zfilter_avail(LZF) > 0) H5Zunregister(LZF); /* HDF5 makes no dataset with a filter that only unpacks */
  H5Zregister(&unknown);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (s->latest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  bool fine = file >= 0 && put(file, &s->boundaries) && put_attributes(file, s);
  for (efla_tensor t = 0; t < EFLA_TENSORS; t++) fine = fine && put(file, &s->dataset[t]);
  if (file >= 0) fine &= H5Fclose(file) >= 0;
  H5Pclose(access);
  H5Zunregister(UNKNOWN);
  return fine;
}

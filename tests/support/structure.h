/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files described by bytes: any bytes are a description, no bytes at all one of a plain file.  For fuzzing
 * (readers.c) and for tests with a fixed seed (test_structure.c).  A description knows whether its file is to be
 * accepted or refused, and all its numbers. */
#ifndef STRUCTURE_H
#define STRUCTURE_H

#include "laboratory.h"

#include <hdf5.h>

enum { STRUCTURE_BYTES = 1024, STRUCTURE_RANK = 5, STRUCTURE_BOUNDARIES = 8 };

typedef enum structure_kind {
  AS_DATASET,
  AS_SOFT_LINK,
  KINDS_RIGHT,
  AS_DANGLING = KINDS_RIGHT,
  AS_LOOP,
  AS_EXTERNAL,
  AS_GROUP,
  AS_TYPE,
  KINDS
} structure_kind;

typedef enum structure_layout { CONTIGUOUS, COMPACT, CHUNKED, LAYOUTS } structure_layout;

/* How chunks are packed.  From PACKED_RAW on chunks are packed by structure_write.c and not by HDF5. */
typedef enum structure_packing {
  PLAIN,
  GZIP,
  SHUFFLE_GZIP,
  FLETCHER,
  SZIP,
  PACKED_RAW,
  RAW_PLAIN = PACKED_RAW,
  RAW_GZIP,
  RAW_LZF,
  RAW_SKIPPED, /* gzip, which the chunk says was left out */
  PACKINGS_RIGHT,
  SHORT_GZIP = PACKINGS_RIGHT, /* unpacks to less than a chunk */
  SHORT_LZF,
  SHORT_SKIPPED,
  CUT_GZIP,
  UNKNOWN_OPTIONAL,
  UNKNOWN_MANDATORY,
  PACKINGS
} structure_packing;

typedef enum structure_type {
  F32,
  F64,
  F16,
  BF16,
  F32_BE,
  F64_BE,
  I8,
  U8,
  I16,
  I32,
  I64,
  TYPES_RIGHT,
  STRING = TYPES_RIGHT,
  COMPOUND,
  OPAQUE,
  ENUM,
  ARRAY,
  TYPES
} structure_type;

typedef enum structure_written { ALL, ALL_BUT_ONE_CHUNK, NOTHING, WRITTEN } structure_written;

typedef struct structure_dataset {
  const char *name;
  bool present;
  structure_kind kind;
  structure_type type;
  structure_layout layout;
  structure_packing packing;
  structure_written written;
  size_t rank;
  hsize_t size[STRUCTURE_RANK], chunk[STRUCTURE_RANK];
  bool endless, fill; /* a first axis without limit; a fill value other than 0 */
  double spoilt;      /* entry number spoilt_at is this and not what it would be; 0: none is */
  size_t spoilt_at;
  const double *values; /* NULL: by structure_value's formula */
} structure_dataset;

typedef enum structure_attribute {
  ABSENT,
  USUAL,     /* f64; a text of variable length */
  OTHER,     /* f32; a text of fixed length that ends with zeros */
  THIRD,     /* an integer; a text of fixed length without an end */
  ONE_ENTRY, /* an array of one */
  ATTRIBUTES_RIGHT,
  NOT_FINITE = ATTRIBUTES_RIGHT, /* or a text that is none of the names */
  TWO_ENTRIES,
  NO_ENTRIES,
  OTHER_CLASS, /* a text for a number, a number for a text */
  TOO_LONG,    /* a text of 600 letters; an infinite number */
  ATTRIBUTES
} structure_attribute;

typedef struct structure {
  structure_dataset dataset[EFLA_TENSORS], boundaries; /* the latter is cu_seqlens */
  double boundary[STRUCTURE_BOUNDARIES];
  size_t sharing[EFLA_TENSORS]; /* heads of a derivative: H, or a divisor of it */
  size_t batch, tokens, heads, dk, dv, rank, sequences;
  bool g_per_channel;
  efla_layout order;
  structure_attribute scale, layout, precision;
  bool latest;       /* HDF5's latest format, with other indices of chunks */
  size_t faults;     /* 0: the file is to be accepted; 1: refused; more may undo one another */
  const char *fault; /* the first of them, in words */
} structure;

void structure_plan(structure *s, const uint8_t *bytes, size_t n);

/* Entry number i in the dataset's own order; the same in every type that holds numbers. */
double structure_value(const structure_dataset *d, size_t i);

size_t structure_entries(const structure_dataset *d);

/* Whether numbers of a tensor must be finite. */
bool structure_is_input(efla_tensor tensor);

/* Makes the file; false where HDF5 cannot. */
bool structure_write(const structure *s, const char *path);

#endif

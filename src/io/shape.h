/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layout of tensors in a file; internal to io, shared by reader and writer. */
#ifndef EFLA_IO_SHAPE_H
#define EFLA_IO_SHAPE_H

#include "io/container.h"
#include "io/tensors.h"

typedef enum efla_width {
  EFLA_WIDTH_DK,
  EFLA_WIDTH_DV,
  EFLA_WIDTH_ONE,
  EFLA_WIDTH_CHANNELS, /* dk where the file has g per channel, otherwise one */
  EFLA_WIDTH_STATE
} efla_width;

typedef struct efla_tensor_kind {
  const char *name;
  efla_width width;
  bool required;        /* in a file of inputs */
  const char *expected; /* an input: what its numbers are to be; NULL: an output, in which nan and inf are data */
  double least, most;   /* an input: numbers outside are refused */
} efla_tensor_kind;

extern const efla_tensor_kind efla_tensor_kinds[EFLA_TENSORS];

/* The axes B, T, H, D of a dataset of tokens, from 0; -1: missing. */
typedef struct efla_axes {
  int at[4];
  size_t rank;
} efla_axes;
efla_axes efla_axes_of(const efla_tensors *file, bool wide);

/* Whether a dataset of tokens has the axis D. */
bool efla_tensors_wide(const efla_tensors *file, efla_tensor tensor);

/* The expected shape of a dataset; returns its rank. */
size_t efla_tensors_shape(const efla_tensors *file, efla_tensor tensor, size_t size[4]);

/* How many heads of a dataset of tokens can be read together, block by block along T, without unpacking a chunk again
 * that extends into the next block: a multiple of the heads in a chunk, SIZE_MAX where there is no limit. */
size_t efla_tensors_heads_at_once(const efla_tensors *file, efla_tensor tensor);

/* As efla_tensors_open and efla_tensors_open_outputs, for files that are known not to crash HDF5. */
efla_status efla_tensors_trust(efla_tensors *file, const char *path, efla_message *why);
efla_status efla_tensors_trust_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                       efla_message *why);

/* Takes sizes, layout and sequence boundaries from another file. */
efla_status efla_tensors_follow(efla_tensors *file, const efla_tensors *inputs, efla_message *why);

#endif

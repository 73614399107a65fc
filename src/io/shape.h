/* How tensors lie in a file: what the parts of its reader and writer share, not for users. */
#ifndef EFLA_IO_SHAPE_H
#define EFLA_IO_SHAPE_H

#include "io/tensors.h"

#include <hdf5.h>

typedef enum efla_width { EFLA_WIDTH_DK, EFLA_WIDTH_DV, EFLA_WIDTH_ONE, EFLA_WIDTH_STATE } efla_width;

typedef struct efla_tensor_kind {
  const char *name;
  efla_width width;
  bool required; /* in a file with inputs */
  bool finite;   /* an input: nan and inf are refused; in an output they are data */
  bool positive; /* negative numbers are refused as well */
} efla_tensor_kind;

extern const efla_tensor_kind efla_tensor_kinds[EFLA_TENSORS];

/* The axes of B, T, H, D in a dataset of tokens, from 0; -1: it has none. */
typedef struct efla_axes {
  int at[4];
  size_t rank;
} efla_axes;
efla_axes efla_axes_of(const efla_tensors *file, bool wide);

/* The shape that the dataset is to have; returns its rank. */
size_t efla_tensors_shape(const efla_tensors *file, efla_tensor tensor, hsize_t size[4]);

/* How many heads of a dataset of tokens can be read side by side, block by block along T, so that chunks that go on in the next block
 * are not unpacked again: a multiple of those that a chunk has, SIZE_MAX where there is no limit. */
size_t efla_tensors_heads_at_once(const efla_tensors *file, efla_tensor tensor);

/* What efla_tensors_open and efla_tensors_open_outputs do, for files that do not lead HDF5 astray. */
efla_status efla_tensors_trust(efla_tensors *file, const char *path, efla_message *why);
efla_status efla_tensors_trust_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs, efla_message *why);

/* Sizes, layout and boundaries as in another file. */
efla_status efla_tensors_follow(efla_tensors *file, const efla_tensors *inputs, efla_message *why);

/* A box of a dataset: in the dataset's own order of axes. */
typedef struct efla_box {
  size_t rank, n;
  hsize_t start[4], count[4];
} efla_box;

/* All numbers that come out of a tensor file come through here.  Fails with EFLA_INPUT where HDF5 does, where a compressed chunk is
 * not as long as it should be, and where the dataset's
 * file has changed since it was opened, whatever HDF5 made of it. */
typedef struct efla_origin {
  const char *path, *name;
  hid_t dataset;
  const efla_watch *watch;
  struct efla_whole **whole; /* chunks that are known to be whole (io/whole.h) */
} efla_origin;
efla_status efla_fetch(const efla_origin *from, const efla_box *box, double *values, efla_message *why);

/* False where HDF5 fails. */
bool efla_store(hid_t dataset, const efla_box *box, const double *values);

#endif

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

/* What efla_tensors_open and efla_tensors_open_outputs do, for files that do not lead HDF5 astray. */
efla_status efla_tensors_trust(efla_tensors *file, const char *path, efla_message *why);
efla_status efla_tensors_trust_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs, efla_message *why);

/* Sizes, layout and boundaries as in another file. */
efla_status efla_tensors_follow(efla_tensors *file, const efla_tensors *inputs, efla_message *why);

/* Reads a box of a dataset into `in`, or writes it from `out` where in is NULL; false where HDF5 fails. */
bool efla_transfer(hid_t dataset, size_t rank, const hsize_t *start, const hsize_t *count, double *in, const double *out);

#endif

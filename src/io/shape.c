/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/shape.h"

#include "io/chunks.h"
#include "io/stored.h"
#include "io/whole.h"

enum { B, T, H, D };

efla_axes efla_axes_of(const efla_tensors *file, bool wide) {
  static const int order[][3] = {[EFLA_BTHD] = {B, T, H}, [EFLA_BHTD] = {B, H, T}};
  efla_axes axes = {{-1, -1, -1, -1}, 0};
  for (size_t i = 0; i < 3; i++) {
    int axis = order[file->layout][i];
    if ((axis == B && file->rank < 4) || (axis == H && file->rank < 3)) continue;
    axes.at[axis] = (int)axes.rank++;
  }
  if (wide) axes.at[D] = (int)axes.rank++;
  return axes;
}

size_t efla_tensors_length(const efla_tensors *file, size_t sequence) {
  return file->cu_seqlens ? file->cu_seqlens[sequence + 1] - file->cu_seqlens[sequence] : file->tokens;
}

size_t efla_tensors_width(const efla_tensors *file, efla_tensor tensor) {
  const size_t widths[] = {[EFLA_WIDTH_DK] = file->dk,
                           [EFLA_WIDTH_DV] = file->dv,
                           [EFLA_WIDTH_ONE] = 1,
                           [EFLA_WIDTH_CHANNELS] = file->g_per_channel ? file->dk : 1};
  return widths[efla_tensor_kinds[tensor].width];
}

bool efla_tensors_wide(const efla_tensors *file, efla_tensor tensor) {
  const efla_width width = efla_tensor_kinds[tensor].width;
  if (tensor == EFLA_BETA) return file->beta_in_rows;
  return width == EFLA_WIDTH_CHANNELS ? file->g_per_channel : width != EFLA_WIDTH_ONE;
}

static size_t state_shape(const efla_tensors *file, hsize_t size[4]) {
  size_t rank = 0;
  if (file->rank == 4 || file->cu_seqlens) size[rank++] = file->sequences;
  if (file->rank >= 3) size[rank++] = file->heads;
  size[rank++] = file->dk;
  size[rank++] = file->dv;
  return rank;
}

size_t efla_tensors_shape(const efla_tensors *file, efla_tensor tensor, hsize_t size[4]) {
  if (efla_tensor_kinds[tensor].width == EFLA_WIDTH_STATE) return state_shape(file, size);
  efla_axes axes = efla_axes_of(file, efla_tensors_wide(file, tensor));
  const size_t sizes[] = {file->batch, file->tokens, file->heads, efla_tensors_width(file, tensor)};
  for (size_t i = 0; i < 4; i++)
    if (axes.at[i] >= 0) size[axes.at[i]] = sizes[i];
  return axes.rank;
}

size_t efla_tensors_heads_at_once(const efla_tensors *file, efla_tensor tensor) {
  const efla_chunks chunks = efla_chunks_of(file->dataset[tensor]);
  const efla_axes axes = efla_axes_of(file, efla_tensors_wide(file, tensor));
  if (chunks.rank != axes.rank || axes.at[H] < 0) return SIZE_MAX;
  size_t across = 1; /* chunks along a row of D */
  if (axes.at[D] >= 0) across += (efla_tensors_width(file, tensor) - 1) / chunks.size[axes.at[D]];
  size_t columns = EFLA_LARGEST_CHUNK / chunks.bytes / across;
  return (columns > 0 ? columns : 1) * chunks.size[axes.at[H]];
}

/* Reads the box to `in`, or writes it from `out` where in is NULL. */
static bool transfer(hid_t dataset, const efla_box *box, double *in, const double *out) {
  hid_t space = H5Dget_space(dataset), memory = H5Screate_simple((int)box->rank, box->count, NULL);
  bool done =
      space >= 0 && memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, box->start, NULL, box->count, NULL) >= 0;
  if (done && in) done = H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, in) >= 0;
  if (done && !in) done = H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, out) >= 0;
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  return done;
}

efla_status efla_fetch(const efla_origin *from, const efla_box *box, double *values, efla_message *why) {
  efla_status whole = efla_whole_check(from->whole, from->dataset, box->start, box->count, from->path, from->name, why);
  bool done = whole == EFLA_OK && transfer(from->dataset, box, values, NULL);
  efla_status status = efla_stored_unchanged(from->dataset, from->watch, why);
  if (status != EFLA_OK || done) return status;
  if (whole != EFLA_OK) return whole;
  return efla_fail(why, EFLA_INPUT, "%s: %s: cannot read, truncated or damaged: %s; expected a whole HDF5 file",
                   from->path, from->name, efla_stored_reason());
}

bool efla_store(hid_t dataset, const efla_box *box, const double *values) {
  return transfer(dataset, box, NULL, values);
}

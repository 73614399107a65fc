/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/shape.h"

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

size_t efla_tensors_heads(const efla_tensors *file, efla_tensor tensor) {
  return file->heads / (file->repeat[tensor] ? file->repeat[tensor] : 1);
}

bool efla_tensor_is_state(efla_tensor tensor) { return efla_tensor_kinds[tensor].width == EFLA_WIDTH_STATE; }

bool efla_tensors_wide(const efla_tensors *file, efla_tensor tensor) {
  const efla_width width = efla_tensor_kinds[tensor].width;
  if (tensor == EFLA_BETA) return file->beta_in_rows;
  if (tensor == EFLA_D_BETA) return file->d_beta_in_rows;
  return width == EFLA_WIDTH_CHANNELS ? file->g_per_channel : width != EFLA_WIDTH_ONE;
}

static size_t state_shape(const efla_tensors *file, size_t size[4]) {
  size_t rank = 0;
  if (file->rank == 4 || file->cu_seqlens) size[rank++] = file->sequences;
  if (file->rank >= 3) size[rank++] = file->heads;
  size[rank++] = file->dk;
  size[rank++] = file->dv;
  return rank;
}

size_t efla_tensors_shape(const efla_tensors *file, efla_tensor tensor, size_t size[4]) {
  if (efla_tensor_kinds[tensor].width == EFLA_WIDTH_STATE) return state_shape(file, size);
  efla_axes axes = efla_axes_of(file, efla_tensors_wide(file, tensor));
  const size_t sizes[] = {file->batch, file->tokens, efla_tensors_heads(file, tensor),
                          efla_tensors_width(file, tensor)};
  for (size_t i = 0; i < 4; i++)
    if (axes.at[i] >= 0) size[axes.at[i]] = sizes[i];
  return axes.rank;
}

size_t efla_tensors_heads_at_once(const efla_tensors *file, efla_tensor tensor) {
  const efla_dataset *d = file->dataset[tensor];
  const efla_axes axes = efla_axes_of(file, efla_tensors_wide(file, tensor));
  if (d->chunk_rank != axes.rank || axes.at[H] < 0) return SIZE_MAX;
  size_t across = 1; /* chunks along a row of D */
  if (axes.at[D] >= 0) across += (efla_tensors_width(file, tensor) - 1) / d->chunk[axes.at[D]];
  size_t columns = EFLA_LARGEST_CHUNK / d->chunk_bytes / across;
  return (columns > 0 ? columns : 1) * d->chunk[axes.at[H]];
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: writes inputs from memory. */
#include "io/output.h"
#include "io/stored.h"
#include "io/tensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Copies the rows of a batch entry in the file's order, (tokens, heads, width). */
static void gather(const efla_sequence *x, const efla_array *array, size_t entry, size_t width, float *rows) {
  const float *from = (const float *)array->data + (ptrdiff_t)entry * array->batch;
  for (size_t t = 0; t < x->tokens; t++)
    for (size_t h = 0; h < x->heads; h++, rows += width)
      memcpy(rows, from + (ptrdiff_t)h * array->head + (ptrdiff_t)t * array->token, width * sizeof *rows);
}

/* Writes the batch entries to a dataset, one after another. */
static bool write_entries(hid_t dataset, hid_t space, const efla_sequence *x, const efla_array *array, size_t rank,
                          size_t width, float *rows) {
  const hsize_t count[] = {1, x->tokens, x->heads, width};
  hid_t memory = H5Screate_simple((int)rank, count, NULL);
  bool fine = memory >= 0;
  for (hsize_t start[4] = {0}; start[0] < x->batch && fine; start[0]++) {
    gather(x, array, start[0], width, rows);
    fine = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, rows) >= 0;
  }
  if (memory >= 0) H5Sclose(memory);
  return fine;
}

static bool save(hid_t file, efla_tensor tensor, const efla_sequence *x, const efla_array *array, float *rows) {
  const bool one = tensor == EFLA_BETA || (tensor == EFLA_G && !x->g_per_channel);
  const size_t rank = one ? 3 : 4, width = one ? 1 : tensor == EFLA_V ? x->dv : x->dk;
  const hsize_t size[] = {x->batch, x->tokens, x->heads, width};
  assert(array->type == EFLA_F32 && array->repeat <= 1);
  hid_t space = H5Screate_simple((int)rank, size, NULL), properties = efla_stored_properties();
  hid_t dataset =
      H5Dcreate2(file, efla_tensor_name(tensor), H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  bool fine = dataset >= 0 && write_entries(dataset, space, x, array, rank, width, rows);
  if (dataset >= 0) fine &= H5Dclose(dataset) >= 0;
  H5Pclose(properties);
  H5Sclose(space);
  return fine;
}

efla_status efla_tensors_save(const char *path, const efla_sequence *x, efla_message *why) {
  float *rows = calloc(x->tokens * x->heads, (x->dk > x->dv ? x->dk : x->dv) * sizeof *rows);
  if (!rows) return efla_fail_memory(why);
  efla_stored_begin();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const struct {
    efla_tensor tensor;
    const efla_array *array;
  } arrays[] = {{EFLA_Q, &x->q},       {EFLA_K, &x->k}, {EFLA_V, &x->v},
                {EFLA_BETA, &x->beta}, {EFLA_G, &x->g}, {EFLA_P, &x->p}};
  bool fine = file >= 0;
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    if (arrays[i].array->data) fine = fine && save(file, arrays[i].tensor, x, arrays[i].array, rows);
  if (file >= 0) fine &= H5Fclose(file) >= 0;
  free(rows);
  return fine ? EFLA_OK : efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", path, efla_stored_reason());
}

efla_status efla_tensors_save_whole(const char *path, const efla_sequence *x, efla_message *why) {
  efla_output output;
  efla_status status = efla_output_begin(&output, path, why);
  if (status != EFLA_OK) return status;
  status = efla_tensors_save(efla_output_name(&output), x, why);
  if (status == EFLA_OK) status = efla_output_finish(&output, why);
  efla_output_abandon(&output);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: inputs from memory. */
#include "io/stored.h"
#include "io/tensors.h"

#include <stdbool.h>

static bool save(hid_t file, efla_tensor tensor, const efla_tensor_arrays *a, size_t width, const float *values) {
  const hsize_t size[] = {a->batch, a->tokens, a->heads, width};
  hid_t space = H5Screate_simple(tensor == EFLA_BETA ? 3 : 4, size, NULL), properties = efla_stored_properties();
  hid_t dataset =
      H5Dcreate2(file, efla_tensor_name(tensor), H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  bool fine = dataset >= 0 && H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  if (dataset >= 0) fine &= H5Dclose(dataset) >= 0;
  H5Pclose(properties);
  H5Sclose(space);
  return fine;
}

efla_status efla_tensors_save(const char *path, const efla_tensor_arrays *a, efla_message *why) {
  efla_stored_begin();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  bool fine = file >= 0 && save(file, EFLA_Q, a, a->dk, a->q) && save(file, EFLA_K, a, a->dk, a->k) &&
              save(file, EFLA_V, a, a->dv, a->v) && save(file, EFLA_BETA, a, 1, a->beta);
  if (file >= 0) fine &= H5Fclose(file) >= 0;
  return fine ? EFLA_OK : efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", path, efla_stored_reason());
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf5_container.h"

#include "io/stored.h"

#include <stdlib.h>
#include <string.h>

static efla_status cannot(const efla_container *container, const char *what, const char *name, efla_message *why) {
  return efla_fail(why, EFLA_OUTPUT, "%s: %s%s%scannot write: %s", container->path, what, name, *name ? ": " : "",
                   efla_stored_reason());
}

efla_status efla_hdf5_create(efla_container **made, const char *path, efla_message *why) {
  efla_hdf5 *h5 = NULL;
  efla_status status = efla_hdf5_begin(&h5, path, why);
  if (status != EFLA_OK) return status;
  h5->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (h5->file < 0) {
    status = cannot(&h5->base, "", "", why);
    free(h5->base.path);
    free(h5);
    return status;
  }
  *made = &h5->base;
  return EFLA_OK;
}

/* A float type of 16 bits; to be closed. */
static hid_t half(size_t exponent, size_t mantissa) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, mantissa, exponent, 0, mantissa);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, ((size_t)1 << (exponent - 1)) - 1);
  return type;
}

/* To be closed. */
static hid_t type_of(const efla_element *element) {
  const char *format = element->format ? element->format : "";
  if (!strcmp(format, "fp16")) return half(5, 10);
  if (!strcmp(format, "bf16")) return half(8, 7);
  return H5Tcopy(!strcmp(format, "f64") ? H5T_IEEE_F64LE : !strcmp(format, "f32") ? H5T_IEEE_F32LE : H5T_STD_I32LE);
}

efla_status efla_hdf5_declare(efla_container *container, const char *name, const efla_element *element, size_t rank,
                              const size_t *size, efla_dataset **made, efla_message *why) {
  hsize_t dimensions[EFLA_DATASET_AXES];
  efla_hdf5_dataset *d = calloc(1, sizeof *d);
  *made = NULL;
  if (!d) return efla_fail_memory(why);
  d->base = (efla_dataset){.container = container, .name = name, .rank = rank, .format = efla_element_format(element)};
  for (size_t i = 0; i < rank; i++) d->base.size[i] = size[i], dimensions[i] = size[i];
  hid_t space = H5Screate_simple((int)rank, dimensions, NULL), plist = efla_stored_properties(),
        type = type_of(element);
  d->handle = H5Dcreate2(((efla_hdf5 *)container)->file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  H5Tclose(type);
  H5Pclose(plist);
  H5Sclose(space);
  if (d->handle < 0) {
    free(d);
    return cannot(container, "", name, why);
  }
  *made = &d->base;
  return EFLA_OK;
}

efla_status efla_hdf5_store(efla_dataset *dataset, const efla_box *box, const double *values, efla_message *why) {
  if (efla_hdf5_transfer(((efla_hdf5_dataset *)dataset)->handle, box, NULL, values)) return EFLA_OK;
  return cannot(dataset->container, "", dataset->name, why);
}

static efla_status write_attribute(efla_container *container, const char *name, hid_t stored, hid_t held,
                                   const void *value, efla_message *why) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(((efla_hdf5 *)container)->file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
  bool written = attribute >= 0 && H5Awrite(attribute, held, value) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  return written ? EFLA_OK : cannot(container, "attribute ", name, why);
}

efla_status efla_hdf5_write_number(efla_container *container, const char *name, double value, efla_message *why) {
  return write_attribute(container, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, why);
}

efla_status efla_hdf5_write_text(efla_container *container, const char *name, const char *text, efla_message *why) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE); /* which h5py reads as a str */
  H5Tset_cset(type, H5T_CSET_UTF8);
  efla_status status = write_attribute(container, name, type, type, &text, why);
  H5Tclose(type);
  return status;
}

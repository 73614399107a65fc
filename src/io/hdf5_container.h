/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 as a format of tensor files (io/container.h); shared by its reading and its writing, internal to io. */
#ifndef EFLA_IO_HDF5_CONTAINER_H
#define EFLA_IO_HDF5_CONTAINER_H

#include "io/container.h"
#include "io/watch.h"
#include "io/whole.h"

#include <hdf5.h>

typedef struct efla_hdf5 {
  efla_container base;
  hid_t file;
  efla_watch watch;
} efla_hdf5;

typedef struct efla_hdf5_dataset {
  efla_dataset base;
  hid_t handle;
  efla_watch watch;  /* it may be in another file by a link */
  efla_whole *whole; /* which chunks have been checked */
} efla_hdf5_dataset;

/* Without a file yet. */
efla_status efla_hdf5_begin(efla_hdf5 **made, const char *path, efla_message *why);

/* Reads the box to `in`, or writes it from `out` where in is NULL; false where HDF5 fails. */
bool efla_hdf5_transfer(hid_t handle, const efla_box *box, double *in, const double *out);

/* The members of the row that write. */
efla_status efla_hdf5_create(efla_container **made, const char *path, efla_message *why);
efla_status efla_hdf5_declare(efla_container *container, const char *name, const efla_element *element, size_t rank,
                              const size_t *size, efla_dataset **made, efla_message *why);
efla_status efla_hdf5_store(efla_dataset *dataset, const efla_box *box, const double *values, efla_message *why);
efla_status efla_hdf5_write_number(efla_container *container, const char *name, double value, efla_message *why);
efla_status efla_hdf5_write_text(efla_container *container, const char *name, const char *text, efla_message *why);

#endif

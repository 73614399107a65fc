/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files whose arrays are places in them (io/stretch.h), as formats of tensor files; internal to io. */
#ifndef EFLA_IO_FLAT_H
#define EFLA_IO_FLAT_H

#include "io/stretch.h"
#include "io/watch.h"

/* An open file whose arrays are places; a format's own struct begins with it. */
typedef struct efla_flat {
  efla_container base;
  int descriptor;
  efla_watch watch;
} efla_flat;

typedef struct efla_flat_dataset {
  efla_dataset base;
  efla_stretch place;
} efla_flat_dataset;

/* Opens the file for a struct of `size` bytes that begins with efla_flat and is zeroed beyond; closes it and frees. */
efla_status efla_flat_open(efla_flat **opened, size_t size, const efla_container_kind *kind, const char *path,
                           efla_message *why);
void efla_flat_clear(efla_flat *flat);

/* A struct of `size` bytes that begins with efla_flat_dataset, with the place's shape and format. */
efla_status efla_flat_dataset_make(efla_dataset **made, size_t size, efla_container *container, const char *name,
                                   const efla_stretch *place, efla_message *why);

/* Members of rows. */
efla_status efla_flat_fetch(efla_dataset *dataset, const efla_box *box, double *values, efla_message *why);
efla_status efla_flat_unchanged(const efla_container *container, const efla_dataset *dataset, efla_message *why);
bool efla_flat_release(efla_dataset *dataset);
efla_status efla_flat_close(efla_container *container, bool complete, efla_message *why);

#endif

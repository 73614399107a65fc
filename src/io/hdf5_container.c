/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 as a format of tensor files: its reading; its writing is in hdf5_write.c. */
#include "io/hdf5_container.h"

#include "io/chunks.h"
#include "io/stored.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The signature is at the beginning, or after a user block of 512 bytes, 1024, 2048 ... */
static bool holds(int descriptor) {
  static const char signature[] = "\211HDF\r\n\032\n";
  char found[sizeof signature - 1];
  for (off_t at = 0; pread(descriptor, found, sizeof found, at) == sizeof found; at = at ? 2 * at : 512)
    if (!memcmp(found, signature, sizeof found)) return true;
  return false;
}

static efla_status damaged(const char *path, const char *name, efla_message *why) {
  return efla_fail(why, EFLA_INPUT, "%s: %s%scannot read, truncated or damaged: %s; expected a whole HDF5 file", path,
                   name, *name ? ": " : "", efla_stored_reason());
}

efla_status efla_hdf5_begin(efla_hdf5 **made, const char *path, efla_message *why) {
  efla_stored_begin();
  efla_hdf5 *h5 = calloc(1, sizeof *h5);
  char *copy = strdup(path);
  if (!h5 || !copy) {
    free(h5);
    free(copy);
    return efla_fail_memory(why);
  }
  *h5 = (efla_hdf5){.base = {&efla_hdf5_kind, copy}, .file = H5I_INVALID_HID};
  *made = h5;
  return EFLA_OK; /* cppcheck-suppress memleak ; base has the copy */
}

static efla_status open_file(efla_container **opened, const char *path, efla_message *why) {
  efla_hdf5 *h5 = NULL;
  efla_status status = efla_hdf5_begin(&h5, path, why);
  if (status != EFLA_OK) return status;
  assert(h5);
  h5->file = efla_stored_open(path);
  if (h5->file < 0) {
    status = damaged(path, "", why);
    free(h5->base.path);
    free(h5);
    return status;
  }
  h5->watch = efla_stored_watch(h5->file);
  *opened = &h5->base;
  return EFLA_OK;
}

static void describe(efla_hdf5_dataset *d) {
  hsize_t size[H5S_MAX_RANK];
  hid_t space = H5Dget_space(d->handle);
  int rank = H5Sget_simple_extent_type(space) == H5S_SIMPLE ? H5Sget_simple_extent_dims(space, size, NULL) : 0;
  H5Sclose(space);
  const efla_chunks chunks = efla_chunks_of(d->handle);
  d->base.rank = rank > 0 ? (size_t)rank : 0;
  d->base.chunk_rank = chunks.rank, d->base.chunk_bytes = chunks.bytes;
  for (size_t i = 0; i < d->base.rank; i++) d->base.size[i] = (size_t)size[i];
  for (size_t i = 0; i < chunks.rank; i++) d->base.chunk[i] = (size_t)chunks.size[i];
  d->watch = efla_stored_watch(d->handle);
}

static efla_status open_handle(const efla_hdf5 *h5, const char *name, efla_format *format, hid_t *handle,
                               efla_message *why) {
  hid_t opened = H5Dopen2(h5->file, name, H5P_DEFAULT);
  if (opened < 0)
    return efla_fail(why, EFLA_INPUT, "%s: %s: expected a dataset, found none that opens: %s", h5->base.path, name,
                     efla_stored_reason());
  hid_t type = H5Dget_type(opened), plist = H5Dget_create_plist(opened);
  efla_status status = EFLA_OK;
  if (!efla_stored_format(type, format))
    status = efla_fail(why, EFLA_INPUT, "%s: %s: its type holds no real numbers, expected a float or integer type",
                       h5->base.path, name);
  if (status == EFLA_OK) status = efla_chunks_check(plist, H5Tget_size(type), h5->base.path, name, why);
  H5Pclose(plist);
  H5Tclose(type);
  hid_t access = efla_chunks_access(opened); /* takes effect only where the dataset is not open */
  H5Dclose(opened);
  if (status == EFLA_OK && (*handle = H5Dopen2(h5->file, name, access)) < 0) status = damaged(h5->base.path, name, why);
  H5Pclose(access);
  return status;
}

static efla_status find(efla_container *container, const char *name, efla_dataset **found, efla_message *why) {
  efla_hdf5 *h5 = (efla_hdf5 *)container;
  *found = NULL;
  if (H5Lexists(h5->file, name, H5P_DEFAULT) <= 0) return EFLA_OK;
  efla_hdf5_dataset *d = calloc(1, sizeof *d);
  if (!d) return efla_fail_memory(why);
  d->base.container = container, d->base.name = name;
  efla_status status = open_handle(h5, name, &d->base.format, &d->handle, why);
  if (status != EFLA_OK) {
    free(d);
    return status;
  }
  describe(d);
  *found = &d->base;
  return EFLA_OK;
}

static efla_status written(const efla_dataset *dataset, efla_message *why) {
  return efla_stored_written(((const efla_hdf5_dataset *)dataset)->handle, dataset->container->path, dataset->name,
                             why);
}

static efla_status number(efla_container *container, const char *name, double *value, efla_message *why) {
  return efla_stored_number(((efla_hdf5 *)container)->file, container->path, name, value, why);
}

static efla_status text(efla_container *container, const char *name, char *value, size_t size, efla_message *why) {
  return efla_stored_text(((efla_hdf5 *)container)->file, container->path, name, value, size, why);
}

static efla_status unchanged(const efla_container *container, const efla_dataset *dataset, efla_message *why) {
  const efla_hdf5 *h5 = (const efla_hdf5 *)container;
  const efla_hdf5_dataset *d = (const efla_hdf5_dataset *)dataset;
  return d ? efla_stored_unchanged(d->handle, &d->watch, why) : efla_stored_unchanged(h5->file, &h5->watch, why);
}

/* Reads the box to `in`, or writes it from `out` where in is NULL. */
bool efla_hdf5_transfer(hid_t handle, const efla_box *box, double *in, const double *out) {
  hsize_t start[4], count[4];
  for (size_t i = 0; i < box->rank; i++) start[i] = box->start[i], count[i] = box->count[i];
  hid_t space = H5Dget_space(handle), memory = H5Screate_simple((int)box->rank, count, NULL);
  bool done = space >= 0 && memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;
  if (done && in) done = H5Dread(handle, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, in) >= 0;
  if (done && !in) done = H5Dwrite(handle, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, out) >= 0;
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  return done;
}

static efla_status fetch(efla_dataset *dataset, const efla_box *box, double *values, efla_message *why) {
  efla_hdf5_dataset *d = (efla_hdf5_dataset *)dataset;
  const char *path = dataset->container->path;
  efla_status whole = efla_whole_check(&d->whole, d->handle, box->start, box->count, path, dataset->name, why);
  bool done = whole == EFLA_OK && efla_hdf5_transfer(d->handle, box, values, NULL);
  efla_status status = unchanged(dataset->container, dataset, why);
  if (status != EFLA_OK || done) return status;
  return whole != EFLA_OK ? whole : damaged(path, dataset->name, why);
}

static bool release(efla_dataset *dataset) {
  efla_hdf5_dataset *d = (efla_hdf5_dataset *)dataset;
  bool closed = H5Dclose(d->handle) >= 0;
  free(d->whole);
  free(d);
  return closed;
}

static efla_status close_file(efla_container *container, bool complete, efla_message *why) {
  efla_hdf5 *h5 = (efla_hdf5 *)container;
  efla_status status = EFLA_OK;
  complete &= H5Fclose(h5->file) >= 0;
  if (!complete) status = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", container->path, efla_stored_reason());
  free(container->path);
  free(h5);
  return status;
}

const efla_container_kind efla_hdf5_kind = {.name = "HDF5",
                                            .ending = ".h5",
                                            .crashes = true,
                                            .copies = 1,
                                            .holds = holds,
                                            .open = open_file,
                                            .find = find,
                                            .written = written,
                                            .number = number,
                                            .text = text,
                                            .fetch = fetch,
                                            .unchanged = unchanged,
                                            .create = efla_hdf5_create,
                                            .declare = efla_hdf5_declare,
                                            .store = efla_hdf5_store,
                                            .write_number = efla_hdf5_write_number,
                                            .write_text = efla_hdf5_write_text,
                                            .release = release,
                                            .close = close_file};

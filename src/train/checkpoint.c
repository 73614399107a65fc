/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/checkpoint.h"

#include "efla/cpu/isa.h"
#include "io/sandboxed_open.h"
#include "io/stored.h"
#include "io/output.h"
#include "app/provenance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SETTINGS = 512 }; /* most bytes of the settings, zero byte included */

static hid_t type_of(const efla_checkpoint_array *a) { return a->f32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE; }
static hid_t stored_type_of(const efla_checkpoint_array *a) { return a->f32 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE; }
static void *numbers_of(const efla_checkpoint_array *a) { return a->f32 ? (void *)a->f32 : (void *)a->f64; }

/* With a checksum, so that a bit flipped on disk is an error and not another parameter. */
static bool write_array(hid_t file, const efla_checkpoint_array *a) {
  hid_t space = H5Screate_simple(1, (hsize_t[]){a->n}, NULL), properties = efla_stored_properties();
  if (a->n > 0) H5Pset_chunk(properties, 1, (hsize_t[]){a->n}), H5Pset_fletcher32(properties);
  hid_t dataset = H5Dcreate2(file, a->name, stored_type_of(a), space, H5P_DEFAULT, properties, H5P_DEFAULT);
  bool fine = dataset >= 0 && H5Dwrite(dataset, type_of(a), H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers_of(a)) >= 0;
  if (dataset >= 0) fine &= H5Dclose(dataset) >= 0;
  H5Pclose(properties);
  H5Sclose(space);
  return fine;
}

static bool write_text(hid_t file, const char *name, const char *text) {
  hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(text) + 1);
  hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool fine = attribute >= 0 && H5Awrite(attribute, type, text) >= 0;
  if (attribute >= 0) fine &= H5Aclose(attribute) >= 0;
  H5Tclose(type);
  H5Sclose(space);
  return fine;
}

efla_status efla_checkpoint_write(const char *path, const char *settings, const efla_checkpoint_array *arrays, size_t n,
                                  efla_message *why) {
  efla_output output;
  efla_status status = efla_output_begin(&output, path, why);
  if (status != EFLA_OK) return status;
  efla_stored_begin();
  hid_t file = H5Fcreate(efla_output_name(&output), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  bool fine = file >= 0 && strlen(settings) < SETTINGS && write_text(file, "settings", settings);
  fine = fine && write_text(file, "commit", efla_commit()) && write_text(file, "level", efla_isa_best()->name);
  for (size_t i = 0; i < n && fine; i++) fine = write_array(file, &arrays[i]);
  if (file >= 0) fine &= H5Fclose(file) >= 0;
  if (!fine) status = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", path, efla_stored_reason());
  if (status == EFLA_OK) status = efla_output_finish(&output, why);
  efla_output_abandon(&output);
  return status;
}

/* Whether a filter other than the checksum is set.  Checkpoints have no other, and HDF5 would read past the end of a
 * chunk that unpacks to fewer bytes than it claims. */
static bool is_packed(hid_t dataset) {
  hid_t plist = H5Dget_create_plist(dataset);
  int n = H5Pget_nfilters(plist);
  bool packed = n < 0;
  for (unsigned i = 0; (int)i < n; i++) {
    unsigned flags, config;
    size_t values = 0;
    packed |= H5Pget_filter2(plist, i, &flags, &values, NULL, 0, NULL, &config) != H5Z_FILTER_FLETCHER32;
  }
  H5Pclose(plist);
  return packed;
}

static efla_status read_array(hid_t file, const char *path, efla_checkpoint_array *a, efla_message *why) {
  hid_t dataset = H5Lexists(file, a->name, H5P_DEFAULT) > 0 ? H5Dopen2(file, a->name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (dataset < 0)
    return efla_fail(why, EFLA_INPUT, "%s: %s: no such dataset, expected one: not a checkpoint of a training", path,
                     a->name);
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  hssize_t n = H5Sget_simple_extent_ndims(space) == 1 ? H5Sget_simple_extent_npoints(space) : -1;
  efla_status status = EFLA_OK;
  if (H5Tequal(type, stored_type_of(a)) <= 0)
    status = efla_fail(why, EFLA_INPUT, "%s: %s: numbers of another type, expected %s", path, a->name,
                       a->f32 ? "f32" : "f64");
  else if (n < 0 || (a->most ? (size_t)n > a->n : (size_t)n != a->n))
    status = efla_fail(why, EFLA_INPUT, "%s: %s: %lld numbers, expected %s%zu%s", path, a->name, (long long)n,
                       a->most ? "at most " : "", a->n, a->most ? ", or it is of a longer training" : "");
  else if (is_packed(dataset))
    status = efla_fail(why, EFLA_INPUT, "%s: %s: packed by a filter, expected plain numbers", path, a->name);
  if (status == EFLA_OK) status = efla_stored_written(dataset, path, a->name, why);
  if (status == EFLA_OK && H5Dread(dataset, type_of(a), H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers_of(a)) < 0)
    status = efla_fail(why, EFLA_INPUT, "%s: %s: cannot read: %s", path, a->name, efla_stored_reason());
  if (status == EFLA_OK) a->n = (size_t)n;
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(dataset);
  return status;
}

typedef struct request {
  const char *path, *settings;
  efla_checkpoint_array *arrays;
  size_t n;
} request;

static efla_status read_file(const request *r, efla_message *why) {
  char found[SETTINGS] = "";
  efla_stored_begin();
  hid_t file = efla_stored_open(r->path);
  if (file < 0)
    return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s; expected a checkpoint", r->path, efla_stored_reason());
  const efla_watch watch = efla_stored_watch(file);
  efla_status status = efla_stored_text(file, r->path, "settings", found, sizeof found, why);
  if (status == EFLA_OK && strcmp(found, r->settings) != 0)
    status = efla_fail(why, EFLA_INPUT, "%s: of another training: '%s', expected '%s'", r->path, found, r->settings);
  for (size_t i = 0; i < r->n && status == EFLA_OK; i++) status = read_array(file, r->path, &r->arrays[i], why);
  if (efla_stored_unchanged(file, &watch, why) != EFLA_OK)
    status = EFLA_INPUT; /* of a file cut meanwhile HDF5 reads zeros, which pass the checksum */
  H5Fclose(file);
  return status;
}

static efla_status read_in_child(const void *context, efla_message *why) { return read_file(context, why); }

efla_status efla_checkpoint_read(const char *path, const char *settings, efla_checkpoint_array *arrays, size_t n,
                                 efla_message *why) {
  const request r = {path, settings, arrays, n};
  struct stat file;
  if (stat(path, &file) != 0) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  efla_status status = efla_sandboxed_open(read_in_child, &r, path, why);
  return status == EFLA_OK ? read_file(&r, why) : status;
}

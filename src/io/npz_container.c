/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .npz as a format of tensor files: an archive of .npy files, in which attributes are arrays of one number or one
 * text. */
#include "io/flat.h"
#include "io/flat_write.h"
#include "io/npy.h"
#include "io/zip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct npz {
  efla_flat flat;
  efla_zip *zip;
  unsigned char first[EFLA_NPY_HEADER]; /* bytes of the member that was looked up last */
  size_t got;
} npz;

typedef struct npz_dataset {
  efla_flat_dataset flat;
  efla_zip_member member;
  bool checked; /* its checksum; a deflated one is unpacked then */
  int unpacked; /* descriptor of the unpacked member; -1: none */
} npz_dataset;

/* A member's header, or the end of an archive without members. */
static bool holds(int descriptor) {
  unsigned char first[4];
  return efla_stretch_bytes(descriptor, 0, first, sizeof first) &&
         (!memcmp(first, "PK\3\4", sizeof first) || !memcmp(first, "PK\5\6", sizeof first));
}

static efla_status open_file(efla_container **opened, const char *path, efla_message *why) {
  efla_flat *flat = NULL;
  efla_status status = efla_flat_open(&flat, sizeof(npz), &efla_npz_kind, path, why);
  if (status != EFLA_OK) return status;
  status = efla_zip_open(&((npz *)flat)->zip, flat->descriptor, flat->base.path, why);
  if (status == EFLA_OK)
    *opened = &flat->base;
  else
    efla_flat_clear(flat);
  return status;
}

/* Finds a member and reads its header; its first bytes stay in file->first. */
static efla_status look_up(npz *file, const char *name, bool *there, efla_zip_member *member, efla_npy *npy,
                           efla_message *why) {
  const char *path = file->flat.base.path;
  efla_status status = efla_zip_find(file->zip, name, there, member, why);
  if (status != EFLA_OK || !*there) return status;
  status = efla_zip_begin(file->zip, name, member, file->first, sizeof file->first, &file->got, why);
  return status == EFLA_OK ? efla_npy_read(npy, file->first, file->got, path, name, why) : status;
}

static efla_status find(efla_container *container, const char *name, efla_dataset **found, efla_message *why) {
  npz *file = (npz *)container;
  efla_zip_member member;
  efla_npy npy;
  efla_stretch place;
  bool there;
  *found = NULL;
  efla_status status = look_up(file, name, &there, &member, &npy, why);
  if (status != EFLA_OK || !there) return status;
  status = efla_npy_stretch(&place, &npy, file->flat.descriptor, member.at, member.bytes, container->path, name, why);
  if (status == EFLA_OK) status = efla_flat_dataset_make(found, sizeof(npz_dataset), container, name, &place, why);
  if (status != EFLA_OK) return status;
  npz_dataset *d = (npz_dataset *)*found;
  d->member = member, d->unpacked = -1;
  return EFLA_OK;
}

static efla_status prepare(npz_dataset *d, efla_message *why) {
  const efla_dataset *dataset = &d->flat.base;
  if (d->checked) return EFLA_OK;
  efla_status status = efla_zip_check(((npz *)dataset->container)->zip, dataset->name, &d->member, &d->unpacked, why);
  if (status == EFLA_OK && d->unpacked >= 0) {
    d->flat.place.descriptor = d->unpacked;
    d->flat.place.at -= d->member.at;
  }
  d->checked = status == EFLA_OK;
  return status;
}

static efla_status fetch(efla_dataset *dataset, const efla_box *box, double *values, efla_message *why) {
  efla_status prepared = prepare((npz_dataset *)dataset, why);
  if (prepared == EFLA_OK) return efla_flat_fetch(dataset, box, values, why);
  efla_status status = efla_flat_unchanged(dataset->container, dataset, why);
  return status == EFLA_OK ? prepared : status;
}

static bool release(efla_dataset *dataset) {
  const npz_dataset *d = (const npz_dataset *)dataset;
  if (d->unpacked >= 0) close(d->unpacked);
  free(dataset);
  return true;
}

/* The bytes of an array of one entry, `size` of them; NULL where it has more entries, or is cut. */
static unsigned char *only_entry(npz *file, const efla_npy *npy, size_t size) {
  const bool one = npy->rank == 0 || (npy->rank == 1 && npy->size[0] == 1);
  return one && file->got == npy->header + size ? file->first + npy->header : NULL;
}

static efla_status number(efla_container *container, const char *name, double *value, efla_message *why) {
  npz *file = (npz *)container;
  efla_zip_member member;
  efla_npy npy;
  bool there;
  efla_status status = look_up(file, name, &there, &member, &npy, why);
  if (status != EFLA_OK || !there) return status;
  const efla_element *element = efla_element_of_numpy(npy.kind);
  unsigned char *bytes = element ? only_entry(file, &npy, element->bytes) : NULL;
  if (bytes) efla_element_read(element, npy.big, bytes, 1, value);
  if (bytes && isfinite(*value)) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: attribute %s: expected one finite number", container->path, name);
}

/* n characters, of UTF-32 or of a byte each; false where one is not of ASCII. */
static bool decode(const unsigned char *bytes, size_t n, size_t width, bool big, char *value) {
  for (size_t i = 0; i < n; i++, bytes += width) {
    uint32_t character = 0;
    for (size_t j = 0; j < width; j++) character = character << 8 | bytes[big ? j : width - 1 - j];
    if (character > '~') return false;
    value[i] = (char)character;
  }
  value[n] = 0;
  return true;
}

static efla_status text(efla_container *container, const char *name, char *value, size_t size, efla_message *why) {
  npz *file = (npz *)container;
  efla_zip_member member;
  efla_npy npy;
  bool there;
  efla_status status = look_up(file, name, &there, &member, &npy, why);
  if (status != EFLA_OK || !there) return status;
  const size_t width = *npy.kind == 'U' ? 4 : *npy.kind == 'S' ? 1 : 0, n = strtoul(npy.kind + 1, NULL, 10);
  const unsigned char *bytes = width && n < size ? only_entry(file, &npy, n * width) : NULL;
  if (bytes && decode(bytes, n, width, npy.big, value)) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: attribute %s: expected a short text", container->path, name);
}

static efla_status close_file(efla_container *container, bool complete, efla_message *why) {
  efla_zip_close(((npz *)container)->zip);
  return efla_flat_close(container, complete, why);
}

const efla_container_kind efla_npz_kind = {.name = ".npz",
                                           .ending = ".npz",
                                           .holds = holds,
                                           .open = open_file,
                                           .find = find,
                                           .number = number,
                                           .text = text,
                                           .fetch = fetch,
                                           .unchanged = efla_flat_unchanged,
                                           .copies = 2,
                                           .create = efla_npz_create,
                                           .release = release,
                                           .close = close_file};

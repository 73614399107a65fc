/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .npy as a format of tensor files: one array, called as the file is without its ending. */
#include "io/flat.h"
#include "io/npy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool holds_npy(int descriptor) {
  unsigned char first[8];
  return efla_stretch_bytes(descriptor, 0, first, sizeof first) && efla_npy_begins(first, sizeof first);
}

static efla_status open_npy(efla_container **opened, const char *path, efla_message *why) {
  efla_flat *flat = NULL;
  efla_status status = efla_flat_open(&flat, sizeof *flat, &efla_npy_kind, path, why);
  if (flat) *opened = &flat->base;
  return status;
}

static bool is_stem(const char *path, const char *name) {
  const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
  const size_t length = strlen(name);
  return !strncmp(start, name, length) && (!start[length] || !strcmp(start + length, ".npy"));
}

static efla_status find_npy(efla_container *container, const char *name, efla_dataset **found, efla_message *why) {
  const efla_flat *flat = (const efla_flat *)container;
  *found = NULL;
  if (!is_stem(container->path, name)) return EFLA_OK;
  unsigned char *header = malloc(EFLA_NPY_HEADER);
  if (!header) return efla_fail_memory(why);
  efla_npy npy;
  efla_stretch place;
  ssize_t got = pread(flat->descriptor, header, EFLA_NPY_HEADER, 0);
  efla_status status = efla_npy_read(&npy, header, got > 0 ? (size_t)got : 0, container->path, name, why);
  free(header);
  if (status == EFLA_OK)
    status =
        efla_npy_stretch(&place, &npy, flat->descriptor, 0, (uint64_t)flat->watch.size, container->path, name, why);
  if (status != EFLA_OK) return status;
  return efla_flat_dataset_make(found, sizeof(efla_flat_dataset), container, name, &place, why);
}

static efla_status no_number(efla_container *container, const char *name, double *value, efla_message *why) {
  (void)container, (void)name, (void)value, (void)why;
  return EFLA_OK;
}

static efla_status no_text(efla_container *container, const char *name, char *value, size_t size, efla_message *why) {
  (void)container, (void)name, (void)value, (void)size, (void)why;
  return EFLA_OK;
}

const efla_container_kind efla_npy_kind = {.name = ".npy",
                                           .ending = ".npy",
                                           .bare = true,
                                           .holds = holds_npy,
                                           .open = open_npy,
                                           .find = find_npy,
                                           .number = no_number,
                                           .text = no_text,
                                           .fetch = efla_flat_fetch,
                                           .unchanged = efla_flat_unchanged,
                                           .release = efla_flat_release,
                                           .close = efla_flat_close};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors as a format of tensor files; attributes are the texts of its __metadata__. */
#include "io/flat.h"
#include "io/flat_write.h"
#include "io/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct safetensors {
  efla_flat flat;
  efla_safetensors_header header;
} safetensors;

/* A format without a signature: a length of at most 2^40, and the beginning of a JSON object. */
static bool holds(int descriptor) {
  unsigned char first[9];
  return efla_stretch_bytes(descriptor, 0, first, sizeof first) && first[8] == '{' && !first[5] && !first[6] &&
         !first[7];
}

static efla_status close_file(efla_container *container, bool complete, efla_message *why) {
  json_object_put(((safetensors *)container)->header.all);
  return efla_flat_close(container, complete, why);
}

static efla_status open_file(efla_container **opened, const char *path, efla_message *why) {
  efla_flat *flat = NULL;
  efla_status status = efla_flat_open(&flat, sizeof(safetensors), &efla_safetensors_kind, path, why);
  if (status != EFLA_OK) return status;
  status =
      efla_safetensors_read(&((safetensors *)flat)->header, flat->descriptor, (uint64_t)flat->watch.size, path, why);
  if (status == EFLA_OK)
    *opened = &flat->base;
  else
    close_file(&flat->base, true, NULL);
  return status;
}

static efla_status find(efla_container *container, const char *name, efla_dataset **found, efla_message *why) {
  const safetensors *file = (const safetensors *)container;
  efla_stretch place = {.descriptor = file->flat.descriptor};
  bool there;
  *found = NULL;
  efla_status status = efla_safetensors_find(&file->header, name, &there, &place, container->path, why);
  if (status != EFLA_OK || !there) return status;
  return efla_flat_dataset_make(found, sizeof(efla_flat_dataset), container, name, &place, why);
}

static efla_status number(efla_container *container, const char *name, double *value, efla_message *why) {
  const char *said = efla_safetensors_text(&((safetensors *)container)->header, name);
  if (!said) return EFLA_OK;
  char *end;
  *value = strtod(said, &end);
  if (end > said && !*end && isfinite(*value)) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: attribute %s: expected one finite number, as a text", container->path, name);
}

static efla_status text(efla_container *container, const char *name, char *value, size_t size, efla_message *why) {
  const char *said = efla_safetensors_text(&((safetensors *)container)->header, name);
  if (!said) return EFLA_OK;
  if (*said && strlen(said) < size) {
    memcpy(value, said, strlen(said) + 1);
    return EFLA_OK;
  }
  return efla_fail(why, EFLA_INPUT, "%s: attribute %s: expected a short text", container->path, name);
}

const efla_container_kind efla_safetensors_kind = {.name = "safetensors",
                                                   .ending = ".safetensors",
                                                   .holds = holds,
                                                   .open = open_file,
                                                   .find = find,
                                                   .number = number,
                                                   .text = text,
                                                   .fetch = efla_flat_fetch,
                                                   .unchanged = efla_flat_unchanged,
                                                   .copies = 2,
                                                   .create = efla_safetensors_create,
                                                   .release = efla_flat_release,
                                                   .close = close_file};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/flat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

efla_status efla_flat_open(efla_flat **opened, size_t size, const efla_container_kind *kind, const char *path,
                           efla_message *why) {
  efla_flat *flat = calloc(1, size);
  char *copy = strdup(path);
  if (!flat || !copy) {
    free(flat);
    free(copy);
    return efla_fail_memory(why);
  }
  *flat = (efla_flat){.base = {kind, copy}, .descriptor = open(path, O_RDONLY | O_CLOEXEC)};
  efla_status status = EFLA_OK;
  if (flat->descriptor < 0) status = efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  flat->watch = efla_watch_begin(flat->descriptor);
  if (status == EFLA_OK)
    *opened = flat;
  else
    efla_flat_clear(flat);
  return status;
}

void efla_flat_clear(efla_flat *flat) {
  if (flat->descriptor >= 0) close(flat->descriptor);
  free(flat->base.path);
  free(flat);
}

efla_status efla_flat_dataset_make(efla_dataset **made, size_t size, efla_container *container, const char *name,
                                   const efla_stretch *place, efla_message *why) {
  efla_flat_dataset *d = calloc(1, size);
  *made = NULL;
  if (!d) return efla_fail_memory(why);
  d->base = (efla_dataset){
      .container = container, .name = name, .rank = place->rank, .format = efla_element_format(place->element)};
  memcpy(d->base.size, place->size, sizeof d->base.size);
  d->place = *place;
  *made = &d->base;
  return EFLA_OK;
}

efla_status efla_flat_unchanged(const efla_container *container, const efla_dataset *dataset, efla_message *why) {
  (void)dataset;
  return efla_watch_check(&((const efla_flat *)container)->watch, container->path, why);
}

efla_status efla_flat_fetch(efla_dataset *dataset, const efla_box *box, double *values, efla_message *why) {
  const efla_container *container = dataset->container;
  const char *trouble = efla_stretch_read(&((efla_flat_dataset *)dataset)->place, box, values);
  efla_status status = efla_flat_unchanged(container, dataset, why);
  if (status != EFLA_OK || !trouble) return status;
  return efla_fail(why, EFLA_INPUT, "%s: %s: cannot read: %s", container->path, dataset->name, trouble);
}

bool efla_flat_release(efla_dataset *dataset) {
  free(dataset);
  return true;
}

efla_status efla_flat_close(efla_container *container, bool complete, efla_message *why) {
  (void)complete;
  (void)why;
  efla_flat_clear((efla_flat *)container);
  return EFLA_OK;
}

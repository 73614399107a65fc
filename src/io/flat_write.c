/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/flat_write.h"

#include "io/flat.h"
#include "io/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static efla_status cannot(const char *path, const char *reason, efla_message *why) {
  return efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", path, reason);
}

static void clear(efla_flat_writing *w) {
  if (w->spool >= 0) close(w->spool);
  for (size_t i = 0; i < w->attributes; i++) free(w->attribute[i].name), free(w->attribute[i].text);
  free(w->base.path);
  free(w);
}

static efla_status declare(efla_container *container, const char *name, const efla_element *element, size_t rank,
                           const size_t *size, efla_dataset **made, efla_message *why) {
  efla_flat_writing *w = (efla_flat_writing *)container;
  efla_stretch place = {.descriptor = w->spool, .at = w->end, .element = element, .rank = rank};
  *made = NULL;
  assert(w->arrays < EFLA_FLAT_ARRAYS && element->narrow);
  memcpy(place.size, size, rank * sizeof *size);
  if (!efla_stretch_measure(&place)) return cannot(container->path, strerror(EFBIG), why);
  if (ftruncate(w->spool, (off_t)(w->end + place.bytes)) != 0) return cannot(container->path, strerror(errno), why);
  w->end += place.bytes;
  w->array[w->arrays++] = (efla_flat_array){name, place};
  return efla_flat_dataset_make(made, sizeof(efla_flat_dataset), container, name, &place, why);
}

static efla_status store(efla_dataset *dataset, const efla_box *box, const double *values, efla_message *why) {
  const char *trouble = efla_stretch_write(&((efla_flat_dataset *)dataset)->place, box, values);
  return trouble ? cannot(dataset->container->path, trouble, why) : EFLA_OK;
}

static efla_status add(efla_container *container, const char *name, const char *text, double number,
                       efla_message *why) {
  efla_flat_writing *w = (efla_flat_writing *)container;
  assert(w->attributes < EFLA_FLAT_ATTRIBUTES);
  efla_flat_attribute *a = &w->attribute[w->attributes++];
  *a = (efla_flat_attribute){strdup(name), text ? strdup(text) : NULL, number};
  return a->name && (a->text || !text) ? EFLA_OK : efla_fail_memory(why);
}

static efla_status write_number(efla_container *container, const char *name, double value, efla_message *why) {
  return add(container, name, NULL, value, why);
}

static efla_status write_text(efla_container *container, const char *name, const char *text, efla_message *why) {
  return add(container, name, text, 0, why);
}

const char *efla_flat_copy(const efla_flat_array *array, efla_flat_append *append, void *to) {
  static const size_t PIECE = 1 << 20;
  unsigned char *bytes = malloc(PIECE);
  bool fine = bytes != NULL;
  errno = fine ? 0 : ENOMEM;
  for (uint64_t done = 0; fine && done < array->place.bytes; done += PIECE) {
    const uint64_t left = array->place.bytes - done;
    const size_t n = left < PIECE ? (size_t)left : PIECE;
    fine = efla_stretch_bytes(array->place.descriptor, array->place.at + done, bytes, n) && append(to, bytes, n);
  }
  const int code = errno;
  free(bytes);
  return fine ? NULL : strerror(code);
}

static efla_status close_file(efla_container *container, bool complete, efla_message *why) {
  efla_flat_writing *w = (efla_flat_writing *)container;
  int descriptor = open(container->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const char *trouble = descriptor < 0 || !complete ? strerror(errno) : w->finish(w, descriptor);
  if (descriptor >= 0 && close(descriptor) != 0 && !trouble) trouble = strerror(errno);
  efla_status status = trouble ? cannot(container->path, trouble, why) : EFLA_OK;
  clear(w);
  return status;
}

static const efla_container_kind written = {.name = "what is written",
                                            .declare = declare,
                                            .store = store,
                                            .write_number = write_number,
                                            .write_text = write_text,
                                            .release = efla_flat_release,
                                            .close = close_file};

efla_status efla_flat_create(efla_container **made, efla_flat_finish *finish, const char *path, efla_message *why) {
  efla_flat_writing *w = calloc(1, sizeof *w);
  char *copy = strdup(path);
  if (!w || !copy) {
    free(w);
    free(copy);
    return efla_fail_memory(why);
  }
  w->base = (efla_container){&written, copy};
  w->finish = finish;
  w->spool = efla_spool_open(path);
  if (w->spool >= 0) {
    *made = &w->base;
    return EFLA_OK; /* cppcheck-suppress memleak ; base has the copy */
  }
  efla_status status = cannot(path, strerror(errno), why);
  clear(w);
  return status; /* cppcheck-suppress memleak */
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const efla_container_kind *const efla_container_kinds[] = {&efla_hdf5_kind, &efla_npz_kind, &efla_npy_kind,
                                                           &efla_safetensors_kind, NULL};

efla_status efla_container_recognise(const char *path, const efla_container_kind **kind, efla_message *why) {
  struct stat status;
  *kind = NULL;
  if (stat(path, &status) != 0) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  if (!S_ISREG(status.st_mode))
    return efla_fail(why, EFLA_INPUT, "%s: not a regular file, expected a tensor file", path);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  for (size_t i = 0; efla_container_kinds[i] && !*kind; i++)
    if (efla_container_kinds[i]->holds(descriptor)) *kind = efla_container_kinds[i];
  close(descriptor);
  if (*kind) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT,
                   "%s: not a tensor file, expected HDF5, .npz, .npy or safetensors (the signature is missing)", path);
}

static bool ends_with(const char *path, size_t length, const char *ending) {
  size_t tail = strlen(ending);
  return length > tail && !memcmp(path + length - tail, ending, tail);
}

efla_status efla_container_named(const char *path, const efla_container_kind **kind, efla_message *why) {
  static const char part[] = ".part";
  size_t length = strlen(path);
  if (ends_with(path, length, part)) length -= strlen(part);
  *kind = &efla_hdf5_kind;
  for (size_t i = 0; efla_container_kinds[i]; i++)
    if (ends_with(path, length, efla_container_kinds[i]->ending)) *kind = efla_container_kinds[i];
  if ((*kind)->create) return EFLA_OK;
  return efla_fail(why, EFLA_OUTPUT,
                   "%s: %s files are only read, expected a name that ends in .h5, .npz or .safetensors", path,
                   (*kind)->ending);
}

const char *efla_shape_text(size_t rank, const size_t *size, char text[EFLA_SHAPE_TEXT]) {
  size_t length = (size_t)snprintf(text, EFLA_SHAPE_TEXT, "(");
  for (size_t i = 0; i < rank && length < EFLA_SHAPE_TEXT; i++)
    length += (size_t)snprintf(text + length, EFLA_SHAPE_TEXT - length, i ? ",%zu" : "%zu", size[i]);
  if (length < EFLA_SHAPE_TEXT) snprintf(text + length, EFLA_SHAPE_TEXT - length, ")");
  return text;
}

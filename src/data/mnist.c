/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/mnist.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { IMAGES, LABELS, KINDS, PATH = 4096 };

static const struct kind {
  const char *name[2]; /* of the test set, of the training set */
  size_t dimensions;
} kinds[KINDS] = {[IMAGES] = {{"t10k-images-idx3-ubyte", "train-images-idx3-ubyte"}, 3},
                  [LABELS] = {{"t10k-labels-idx1-ubyte", "train-labels-idx1-ubyte"}, 1}};

static const char *directory_or_variable(const char *directory) {
  return directory && *directory ? directory : getenv("EFLA_MNIST");
}

bool efla_mnist_given(const char *directory) {
  directory = directory_or_variable(directory);
  return directory && *directory;
}

/* Also sets path (PATH), the file that was read, for messages. */
static efla_status read_file(efla_idx *idx, char *path, int kind, const char *directory, bool training,
                             efla_message *why) {
  const char *name = kinds[kind].name[training];
  *idx = (efla_idx){0};
  directory = directory_or_variable(directory);
  if (!efla_mnist_given(directory))
    return efla_fail(why, EFLA_INPUT, "MNIST: no directory given: use --mnist DIR or the variable EFLA_MNIST");
  int length = snprintf(path, PATH, "%s/%s", directory, name);
  if (length < 0 || length >= PATH - 3) return efla_fail(why, EFLA_INPUT, "MNIST: the directory's name is too long");
  if (access(path, F_OK) != 0) snprintf(path + length, (size_t)(PATH - length), ".gz");
  if (access(path, F_OK) != 0)
    return efla_fail(why, EFLA_INPUT, "MNIST: no file %s or %s.gz in %s", name, name, directory);
  return efla_idx_read(idx, path, kinds[kind].dimensions, why);
}

static efla_status check_images(const efla_idx *images, const char *path, efla_message *why) {
  for (size_t i = 1; i < 3; i++)
    if (images->size[i] != EFLA_MNIST_SIDE)
      return efla_fail(why, EFLA_INPUT, "%s: offset %zu: images have %zu %s, expected 28", path, 4 + 4 * i,
                       images->size[i], i == 1 ? "rows" : "columns");
  return EFLA_OK;
}

static efla_status check_labels(const efla_idx *labels, size_t images, const char *path, efla_message *why) {
  if (labels->size[0] != images)
    return efla_fail(why, EFLA_INPUT, "%s: offset 4: %zu labels, expected %zu, one for each image", path,
                     labels->size[0], images);
  if (images == 0) return efla_fail(why, EFLA_INPUT, "%s: offset 4: no label, expected at least one", path);
  for (size_t i = 0; i < images; i++)
    if (labels->data[i] >= EFLA_MNIST_CLASSES)
      return efla_fail(why, EFLA_INPUT, "%s: offset %zu: label %zu is %d, expected 0 to 9", path, 8 + i, i,
                       labels->data[i]);
  return EFLA_OK;
}

efla_status efla_mnist_read(efla_idx *images, const char *directory, bool training, efla_message *why) {
  char path[PATH];
  efla_status status = read_file(images, path, IMAGES, directory, training, why);
  if (status == EFLA_OK) status = check_images(images, path, why);
  if (status != EFLA_OK) efla_idx_clear(images);
  return status;
}

efla_status efla_mnist_read_labels(efla_idx *labels, size_t images, const char *directory, bool training,
                                   efla_message *why) {
  char path[PATH];
  efla_status status = read_file(labels, path, LABELS, directory, training, why);
  if (status == EFLA_OK) status = check_labels(labels, images, path, why);
  if (status != EFLA_OK) efla_idx_clear(labels);
  return status;
}

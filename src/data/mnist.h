/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MNIST's files: rows of pixels as keys and values, and images with labels. */
#ifndef EFLA_DATA_MNIST_H
#define EFLA_DATA_MNIST_H

#include "io/idx.h"
#include "base/status.h"

#include <stdbool.h>

enum {
  EFLA_MNIST_SIDE = 28,   /* an image is 28 rows of 28 pixels */
  EFLA_MNIST_CLASSES = 10 /* a label is 0 ... 9 */
};

/* Whether there is a directory to read from: the argument, or the environment variable EFLA_MNIST, is not empty. */
bool efla_mnist_given(const char *directory);

/* Reads the images of the training or the test set from a directory, plain or with .gz.  The directory is the argument,
 * or the environment variable EFLA_MNIST where that is NULL or empty.  Fails with EFLA_INPUT (see efla_idx_read; also
 * where the images are not 28 x 28) or EFLA_NO_MEMORY. */
efla_status efla_mnist_read(efla_idx *images, const char *directory, bool training, efla_message *why);

/* Reads the labels of the same set.  Fails also, with EFLA_INPUT, where their number is not `images` or is 0, or where
 * a label is above 9. */
efla_status efla_mnist_read_labels(efla_idx *labels, size_t images, const char *directory, bool training,
                                   efla_message *why);

#endif

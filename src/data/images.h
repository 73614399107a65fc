/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Labelled images of digits: MNIST, or synthetic ones where MNIST is not available. */
#ifndef EFLA_DATA_IMAGES_H
#define EFLA_DATA_IMAGES_H

#include "data/mnist.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { EFLA_IMAGE_PIXELS = EFLA_MNIST_SIDE * EFLA_MNIST_SIDE, EFLA_IMAGE_CLASSES = EFLA_MNIST_CLASSES };

typedef struct efla_images {
  size_t count;          /* >= 1 */
  unsigned char *pixels; /* (count, 784), row by row; 0 is background, 255 foreground */
  unsigned char *labels; /* (count), 0 ... 9 */
  const char *origin;    /* "mnist", or "built-in strokes": for tables and figures */
} efla_images;

/* MNIST's training or test set, from a directory as for efla_mnist_read.  Fails with EFLA_INPUT or EFLA_NO_MEMORY as
 * efla_mnist_read and efla_mnist_read_labels do;  images is then zeroed. */
efla_status efla_images_mnist(efla_images *images, const char *directory, bool training, efla_message *why);

/* The first `count` >= 1 of an unlimited set of synthetic digits (data/strokes.h) with uniformly random labels.  Image
 * i depends on (seed, training, i) only, so that a larger set begins with the smaller one.  Fails with EFLA_NO_MEMORY;
 * images is then zeroed. */
efla_status efla_images_strokes(efla_images *images, size_t count, size_t seed, bool training, efla_message *why);

/* All of MNIST where its directory is given (efla_mnist_given), otherwise `*count` >= 1 synthetic digits.  *count, the
 * largest number wanted, is reduced to the number available.  Fails as the two above do. */
efla_status efla_images_read(efla_images *images, const char *directory, bool training, size_t *count, size_t seed,
                             efla_message *why);

/* Accepts a zeroed struct. */
void efla_images_clear(efla_images *images);

/* Image i < count as numbers: pixels (784) in [0, 1], byte/255. */
void efla_image_read(const efla_images *images, size_t i, float *pixels);

#endif

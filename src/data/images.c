/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/images.h"

#include "base/seed.h"
#include "data/strokes.h"

#include <assert.h>
#include <gsl/gsl_rng.h>
#include <stdlib.h>

efla_status efla_images_mnist(efla_images *images, const char *directory, bool training, efla_message *why) {
  efla_idx pixels, labels;
  *images = (efla_images){0};
  efla_status status = efla_mnist_read(&pixels, directory, training, why);
  if (status != EFLA_OK) return status;
  status = efla_mnist_read_labels(&labels, pixels.size[0], directory, training, why);
  if (status == EFLA_OK) /* images owns the data from now on */
    *images = (efla_images){pixels.size[0], pixels.data, labels.data, "mnist"};
  else
    efla_idx_clear(&pixels);
  return status;
}

static void draw_image(efla_images *images, size_t i, unsigned long seed, gsl_rng *draw) {
  gsl_rng_set(draw, efla_seed(seed, i));
  images->labels[i] = (unsigned char)gsl_rng_uniform_int(draw, EFLA_IMAGE_CLASSES);
  efla_strokes_draw(images->labels[i], draw, images->pixels + i * EFLA_IMAGE_PIXELS);
}

efla_status efla_images_strokes(efla_images *images, size_t count, size_t seed, bool training, efla_message *why) {
  assert(count >= 1);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  *images = (efla_images){.count = count,
                          .pixels = calloc(count, EFLA_IMAGE_PIXELS),
                          .labels = calloc(count, 1),
                          .origin = "built-in strokes"};
  bool complete = draw && images->pixels && images->labels;
  for (size_t i = 0; i < count && complete; i++) draw_image(images, i, efla_seed(seed, training), draw);
  gsl_rng_free(draw);
  if (complete) return EFLA_OK;
  efla_images_clear(images);
  return efla_fail_memory(why);
}

efla_status efla_images_read(efla_images *images, const char *directory, bool training, size_t *count, size_t seed,
                             efla_message *why) {
  efla_status status = efla_mnist_given(directory) ? efla_images_mnist(images, directory, training, why)
                                                   : efla_images_strokes(images, *count, seed, training, why);
  if (status == EFLA_OK && images->count < *count) *count = images->count;
  return status;
}

void efla_images_clear(efla_images *images) {
  free(images->pixels);
  free(images->labels);
  *images = (efla_images){0};
}

void efla_image_read(const efla_images *images, size_t i, float *pixels) {
  assert(i < images->count);
  for (size_t p = 0; p < EFLA_IMAGE_PIXELS; p++) pixels[p] = (float)images->pixels[i * EFLA_IMAGE_PIXELS + p] / 255;
}

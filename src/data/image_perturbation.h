/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Perturbations of images, one row each: brighter pixels, noise, lost pixels (the robustness test of arXiv
 * 2512.12602). */
#ifndef EFLA_DATA_IMAGE_PERTURBATION_H
#define EFLA_DATA_IMAGE_PERTURBATION_H

#include <gsl/gsl_rng.h>
#include <stddef.h>

typedef struct efla_image_perturbation {
  const char *name;
  const char *what;
  const char *level;  /* what the level means */
  size_t levels;      /* in the sweep first, first + step, ...; the first one leaves an image as it is */
  double first, step; /* decimals with three places at most */
  void (*apply)(size_t n, float *pixels, double level,
                gsl_rng *draw); /* how many numbers it draws does not depend on the level */
} efla_image_perturbation;

extern const efla_image_perturbation efla_image_perturbations[]; /* ends with a row whose name is NULL */
const char *efla_image_perturbation_name(size_t i);

/* Level i < levels of the sweep, the double next to its decimal: the third level of noise is 0.2. */
double efla_image_level(const efla_image_perturbation *p, size_t i);

/* Changes the n pixels of image number `image` in place; they are not clamped to [0, 1] afterwards.  What is drawn
 * follows from (seed, perturbation, image) alone, whatever state `draw` is in, and not from the level: the noise at a
 * higher level is the same noise, only larger, and pixels lost at a lower level stay lost, so that levels are compared
 * with less chance between them. */
void efla_image_perturb(const efla_image_perturbation *p, double level, size_t seed, size_t image, size_t n,
                        float *pixels, gsl_rng *draw);

#endif

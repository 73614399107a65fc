/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Perturbations of images, one row each: scaled pixels, noise, dropout (the robustness test of arXiv 2512.12602). */
#ifndef EFLA_DATA_IMAGE_PERTURBATION_H
#define EFLA_DATA_IMAGE_PERTURBATION_H

#include <gsl/gsl_rng.h>
#include <stddef.h>

typedef struct efla_image_perturbation {
  const char *name;
  const char *what;
  const char *level;  /* what the level means */
  size_t levels;      /* in the sweep first, first + step, ...; the first one leaves an image unchanged */
  double first, step; /* decimals with three places at most */
  /* The number of random numbers drawn does not depend on the level. */
  void (*apply)(size_t n, float *pixels, double level, gsl_rng *draw);
} efla_image_perturbation;

extern const efla_image_perturbation efla_image_perturbations[]; /* ends with a row whose name is NULL */
const char *efla_image_perturbation_name(size_t i);

/* Level i < levels of the sweep, rounded to the double nearest its decimal (0.3, where 3*0.1 is not). */
double efla_image_level(const efla_image_perturbation *p, size_t i);

/* Changes the n pixels of image number `image` in place; they are not clamped to [0, 1].  The random numbers depend on
 * (seed, perturbation, image) only: `draw` is seeded anew, and all levels use the same numbers, so that levels are
 * compared with less random variation (noise is scaled, and pixels dropped at a level are dropped at all higher
 * ones). */
void efla_image_perturb(const efla_image_perturbation *p, double level, size_t seed, size_t image, size_t n,
                        float *pixels, gsl_rng *draw);

#endif

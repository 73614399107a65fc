/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/image_perturbation.h"

#include "base/seed.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>

static void scale(size_t n, float *pixels, double level, gsl_rng *draw) {
  (void)draw;
  for (size_t i = 0; i < n; i++) pixels[i] = (float)(pixels[i] * level);
}

static void noise(size_t n, float *pixels, double level, gsl_rng *draw) {
  for (size_t i = 0; i < n; i++) pixels[i] = (float)(pixels[i] + level * gsl_ran_gaussian_ziggurat(draw, 1));
}

static void dropout(size_t n, float *pixels, double level, gsl_rng *draw) {
  for (size_t i = 0; i < n; i++)
    if (gsl_rng_uniform(draw) < level) pixels[i] = 0; /* uniform in [0, 1): no pixel at level 0, all at 1 */
}

const efla_image_perturbation efla_image_perturbations[] = {
    {"scale", "every pixel multiplied by a factor", "factor on the pixels", 10, 1, 1, scale},
    {"noise", "Gaussian noise added to every pixel", "standard deviation of the noise", 11, 0, 0.1, noise},
    {"dropout", "pixels set to zero at random", "share of pixels set to zero", 11, 0, 0.1, dropout},
    {.name = NULL},
};

const char *efla_image_perturbation_name(size_t i) {
  return i < sizeof efla_image_perturbations / sizeof *efla_image_perturbations ? efla_image_perturbations[i].name
                                                                                : NULL;
}

double efla_image_level(const efla_image_perturbation *p, size_t i) {
  assert(i < p->levels);
  return rint(1000 * (p->first + (double)i * p->step)) / 1000; /* quotient of two integers, correctly rounded */
}

void efla_image_perturb(const efla_image_perturbation *p, double level, size_t seed, size_t image, size_t n,
                        float *pixels, gsl_rng *draw) {
  unsigned long own = efla_seed(seed, 0);
  for (const char *c = p->name; *c; c++) own = efla_seed(own, (unsigned char)*c);
  gsl_rng_set(draw, efla_seed(own, image));
  p->apply(n, pixels, level, draw);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/training.h"

#include "base/seed.h"
#include "nn/layers.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

size_t efla_training_steps(const efla_training_options *options) {
  return (options->count + options->batch - 1) / options->batch;
}

static size_t groups_of(size_t images) { return (images + EFLA_GROUP - 1) / EFLA_GROUP; }

/* The order of an epoch's images depends on seed and epoch alone, so that a training can be resumed anywhere. */
static void shuffle(size_t *order, size_t count, size_t seed, size_t epoch, gsl_rng *draw) {
  gsl_rng_set(draw, efla_seed(seed, epoch));
  for (size_t i = 0; i < count; i++) order[i] = i;
  gsl_ran_shuffle(draw, order, count, sizeof *order);
}

#define REAL       float
#define NAME(stem) stem##_f32
#include "train/training.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "train/training.inc"

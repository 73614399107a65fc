/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/model.h"

#include "efla/cpu/isa.h"
#include "base/seed.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>

typedef enum axis { ONE, TOKENS, WIDTH, CLASSES } axis;

static size_t length(const efla_model *model, axis which) {
  const size_t of[] = {[ONE] = 1, [TOKENS] = model->tokens, [WIDTH] = model->width, [CLASSES] = model->classes};
  return of[which];
}

/* Initial value of a parameter; its size may depend on the number of inputs (columns) and outputs (rows). */
static double constant(const efla_extent *extent, double size, gsl_rng *draw) {
  (void)extent;
  (void)draw;
  return size;
}
static double normal(const efla_extent *extent, double size, gsl_rng *draw) {
  (void)extent;
  return gsl_ran_gaussian_ziggurat(draw, size);
}
static double uniform(double bound, gsl_rng *draw) { return bound * (2 * gsl_rng_uniform(draw) - 1); }
static double xavier(const efla_extent *extent, double size, gsl_rng *draw) {
  return size * uniform(sqrt(6 / (double)(extent->rows + extent->columns)), draw);
}
static double fan_in(const efla_extent *extent, double size, gsl_rng *draw) {
  return size * uniform(1 / sqrt((double)extent->columns), draw);
}

static const struct kind {
  const char *name;
  axis rows, columns;
  double (*start)(const efla_extent *extent, double size, gsl_rng *draw);
  double size;
} kinds[EFLA_PARAMETERS] = {
    [EFLA_W_IN] = {"W_in", WIDTH, ONE, fan_in, 1},
    [EFLA_POSITIONS] = {"P", TOKENS, WIDTH, normal, 0.02},
    [EFLA_W_Q] = {"W_q", WIDTH, WIDTH, xavier, 1},
    [EFLA_W_K] = {"W_k", WIDTH, WIDTH, xavier, 1},
    [EFLA_W_V] = {"W_v", WIDTH, WIDTH, xavier, 1},
    [EFLA_W_BETA] = {"w_b", ONE, WIDTH, fan_in, 1},
    [EFLA_B_BETA] = {"b_b", ONE, ONE, constant, -2},
    [EFLA_NORM_SCALE] = {"norm_scale", ONE, WIDTH, constant, 1},
    [EFLA_NORM_SHIFT] = {"norm_shift", ONE, WIDTH, constant, 0},
    [EFLA_W_OUT] = {"W_out", CLASSES, WIDTH, fan_in, 1},
    [EFLA_B_OUT] = {"b_out", ONE, CLASSES, NULL, 1}, /* bounded by the fan-in of W_out */
};

const char *efla_parameter_name(efla_parameter parameter) { return kinds[parameter].name; }

efla_extent efla_model_place(const efla_model *model, efla_parameter parameter) {
  assert(model->width % EFLA_PAD == 0);
  efla_extent place = {0};
  for (efla_parameter p = 0; p <= parameter; p++) {
    place.first += efla_padded(place.rows * place.columns);
    place.rows = length(model, kinds[p].rows), place.columns = length(model, kinds[p].columns);
  }
  return place;
}

size_t efla_model_numbers(const efla_model *model) {
  efla_extent last = efla_model_place(model, EFLA_PARAMETERS - 1);
  return last.first + efla_padded(last.rows * last.columns);
}

efla_status efla_model_start(const efla_model *model, size_t seed, double *parameters, efla_message *why) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  if (!draw) return efla_fail_memory(why);
  gsl_rng_set(draw, efla_seed(seed, 0)); /* streams 1, 2, ... are those of the epochs */
  memset(parameters, 0, efla_model_numbers(model) * sizeof *parameters);
  const efla_extent out = efla_model_place(model, EFLA_W_OUT);
  for (efla_parameter p = 0; p < EFLA_PARAMETERS; p++) {
    efla_extent place = efla_model_place(model, p);
    for (size_t i = 0; i < place.rows * place.columns; i++)
      parameters[place.first + i] =
          (float)(kinds[p].start ? kinds[p].start(&place, kinds[p].size, draw) : fan_in(&out, kinds[p].size, draw));
  }
  gsl_rng_free(draw);
  return EFLA_OK;
}

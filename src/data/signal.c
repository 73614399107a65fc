/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/signal.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>

efla_status efla_waves_init(efla_waves *waves, size_t dk, size_t dv, double lambda, double band, size_t seed) {
  *waves = (efla_waves){.dk = dk, .dv = dv, .lambda = lambda};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  waves->phase = malloc((dk + dv) * EFLA_SIGNAL_WAVES * sizeof *waves->phase);
  if (!draw || !waves->phase) {
    gsl_rng_free(draw);
    efla_waves_clear(waves);
    return EFLA_NO_MEMORY;
  }
  gsl_rng_set(draw, seed);
  for (int m = 0; m < EFLA_SIGNAL_WAVES; m++)
    waves->frequency[m] = band * (m + gsl_rng_uniform(draw)) / EFLA_SIGNAL_WAVES;
  for (size_t e = 0; e < (dk + dv) * EFLA_SIGNAL_WAVES; e++) waves->phase[e] = 2 * M_PI * gsl_rng_uniform(draw);
  gsl_rng_free(draw);
  return EFLA_OK;
}

void efla_waves_clear(efla_waves *waves) {
  free(waves->phase);
  *waves = (efla_waves){0};
}

static void sample(const void *context, double time, double *k, double *v) {
  const efla_waves *waves = context;
  double size = sqrt(2. / EFLA_SIGNAL_WAVES), key_size = size * sqrt(waves->lambda / (double)waves->dk);
  for (size_t e = 0; e < waves->dk + waves->dv; e++) {
    double sum = 0;
    for (size_t m = 0; m < EFLA_SIGNAL_WAVES; m++)
      sum += cos(waves->frequency[m] * time + waves->phase[e * EFLA_SIGNAL_WAVES + m]);
    if (e < waves->dk)
      k[e] = key_size * sum;
    else
      v[e - waves->dk] = size * sum;
  }
}

efla_signal efla_waves_signal(const efla_waves *waves) {
  return (efla_signal){.dk = waves->dk, .dv = waves->dv, .sample = sample, .context = waves, .erase = 1, .write = 1};
}

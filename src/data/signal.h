/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Band-limited k(t) and v(t), smooth functions of time, to measure the error of a zero-order hold. */
#ifndef EFLA_DATA_SIGNAL_H
#define EFLA_DATA_SIGNAL_H

#include "ode/ode.h"
#include "base/status.h"

enum { EFLA_SIGNAL_WAVES = 4 };

/* Every entry of k and v is a sum of cosines with angular frequencies up to `band` and random phases; E |k(t)|^2 =
 * lambda, E v_j(t)^2 = 1. */
typedef struct efla_waves {
  size_t dk, dv;
  double lambda, frequency[EFLA_SIGNAL_WAVES];
  double *phase; /* (dk + dv, waves) */
} efla_waves;

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_waves_init(efla_waves *waves, size_t dk, size_t dv, double lambda, double band, size_t seed);
void efla_waves_clear(efla_waves *waves);

/* The signal is valid as long as the waves are. */
efla_signal efla_waves_signal(const efla_waves *waves);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/lm_speed.h"

#include "app/progress.h"
#include "bench/interleave.h"

enum { ROUNDS = 9 };

/* The matrices that tokens are multiplied with; the embedding is looked up. */
static bool multiplies(efla_lm_parameter p) { return p != EFLA_LM_EMBEDDING && p < EFLA_LM_CONVOLUTION; }

static void multiply(const efla_device_row *on, size_t rows, const efla_lm_place *W, void *x, void *y, void *w) {
  const size_t out = W->rows, in = W->columns;
  on->product(false, true, rows, out, in, x, in, w, in, 0, y, out);
  on->product(false, false, rows, in, out, y, out, w, in, 0, x, in);
  on->product(true, false, out, in, rows, y, out, x, in, 1, w, in);
}

static void multiply_all(const efla_lm_learner *l, void *const room[3]) {
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++)
    for (size_t layer = 0; multiplies(p) && layer < efla_lm_copies(&l->model, p); layer++) {
      const efla_lm_place W = efla_lm_place_of(&l->model, p, layer);
      if (W.rows > 0) multiply(l->devices[0].row, l->group * l->positions, &W, room[0], room[1], room[2]);
    }
}

/* Numbers in the largest matrix, and its longer side. */
static void largest(const efla_lm_learner *l, size_t *matrix, size_t *side, double *multiplied) {
  *matrix = *side = 0, *multiplied = 0;
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++) {
    const efla_lm_place W = efla_lm_place_of(&l->model, p, 0);
    if (!multiplies(p) || W.rows == 0) continue;
    const size_t n = W.rows * W.columns, longer = W.rows > W.columns ? W.rows : W.columns;
    if (n > *matrix) *matrix = n;
    if (longer > *side) *side = longer;
    *multiplied += (double)(n * efla_lm_copies(&l->model, p));
  }
}

efla_status efla_lm_measure_speed(const efla_lm_learner *l, efla_lm_speed *speed, efla_message *why) {
  const efla_device_row *on = l->devices[0].row;
  const size_t rows = l->group * l->positions;
  size_t matrix, side;
  double multiplied, seconds[ROUNDS];
  bool failed = false;
  largest(l, &matrix, &side, &multiplied);
#pragma omp parallel num_threads((int)l->threads) reduction(|| : failed)
  {
    void *room[3] = {on->allocate(rows * side), on->allocate(rows * side), on->allocate(matrix)};
    failed = !room[0] || !room[1] || !room[2];
    for (int r = -1; r < ROUNDS; r++) { /* round -1 warms up */
#pragma omp barrier
      const double started = efla_seconds();
      if (!failed) multiply_all(l, room);
#pragma omp barrier
#pragma omp master
      if (r >= 0) seconds[r] = efla_seconds() - started;
    }
    for (int i = 0; i < 3; i++) on->release(room[i]);
  }
  efla_bench_summary summary;
  if (failed || efla_bench_summarise(seconds, ROUNDS, &summary) != EFLA_OK) return efla_fail_memory(why);
  *speed =
      (efla_lm_speed){.flops = 6 * multiplied, .rate = 6 * multiplied * (double)(rows * l->threads) / summary.median};
  return EFLA_OK;
}

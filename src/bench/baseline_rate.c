/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/baseline_rate.h"

#include "bench/interleave.h"
#include "app/progress.h"

#include <gsl/gsl_cblas.h>
#include <stdlib.h>

enum { N = 1024, ROUNDS = 9 };

efla_status efla_bench_gemm_rate(size_t threads, double *rate, efla_message *why) {
  float *matrices = malloc(threads * 3 * N * N * sizeof *matrices);
  double seconds[ROUNDS];
  if (!matrices) return efla_fail_memory(why);
  for (size_t i = 0; i < threads * 3 * N * N; i++) matrices[i] = (float)(i % 17) / 17;
  for (int r = -1; r < ROUNDS; r++) { /* round -1 warms up: it maps the memory */
    double started = efla_seconds();
#pragma omp parallel for schedule(static, 1) num_threads((int)threads)
    for (size_t t = 0; t < threads; t++) {
      float *A = matrices + t * 3 * N * N;
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, A, N, A + N * N, N, 0, A + 2 * N * N, N);
    }
    if (r >= 0) seconds[r] = efla_seconds() - started;
  }
  free(matrices);
  efla_bench_summary summary;
  efla_status status = efla_bench_summarise(seconds, ROUNDS, &summary);
  *rate = (double)threads * 2 * N * N * N / summary.median;
  return status == EFLA_OK ? status : efla_fail_memory(why);
}

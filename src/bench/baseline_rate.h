/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine's measured rate of matrix products, to which programs relate their own rate. */
#ifndef EFLA_BENCH_BASELINE_RATE_H
#define EFLA_BENCH_BASELINE_RATE_H

#include "base/status.h"

#include <stddef.h>

/* Flop per second of BLAS's sgemm on square matrices (n = 1024), one product per thread on all threads at
 * once; the median of nine rounds. Fails with EFLA_NO_MEMORY. */
efla_status efla_bench_gemm_rate(size_t threads, double *rate, efla_message *why);

#endif

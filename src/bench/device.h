/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backend cuda on a GPU, timed beside cuBLAS and a copy in its memory. */
#ifndef EFLA_BENCH_DEVICE_H
#define EFLA_BENCH_DEVICE_H

#include "bench/panel.h"

/* What is to be timed: sequences in bf16 with dk = dv of 64 and 128, and one token of as many states in f32. */
typedef struct efla_bench_device {
  size_t tokens, heads, batch, repeats;
  double least; /* seconds of one timing */
} efla_bench_device;

/* Rows for each size of a head, after the results of shorter sequences have been compared with the definition: forward,
 * backward, both with what the one keeps for the other, decoding, cuBLAS's products of 64 tokens with a state (where it
 * can be loaded), and copying 512 MiB (256 in memory, as many out).  of_gemm is the rate over cuBLAS's, of_bandwidth that
 * of the least traffic over the copy's.  Without the backend or a device one row that says so, with nan for numbers.
 * Fails with EFLA_UNTRUSTED where a result is wrong, EFLA_USAGE with what the backend says, and EFLA_NO_MEMORY. */
efla_status efla_bench_device_run(const efla_bench_device *what, size_t seed, efla_table *table, efla_message *why);

#endif

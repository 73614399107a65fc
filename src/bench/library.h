/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of libefla by a backend, in the memory where its arrays are: on a GPU beside cuBLAS. */
#ifndef EFLA_BENCH_LIBRARY_H
#define EFLA_BENCH_LIBRARY_H

#include "bench/panel.h"

/* What is timed: sequences in bf16 on a device, else in f32, and one token of as many states. */
typedef struct efla_bench_library {
  const char *backend;
  size_t batch, tokens, heads, d, threads, repeats;
  double least; /* seconds of one timing */
} efla_bench_library;

/* Rows of panel `library`, after a shorter problem has been compared with the definition: forward and backward alone and
 * (kept) with what the one keeps for the other; decoding, with the states of several layers in turn; cuBLAS's products of
 * 64 tokens with a state, where it can be loaded; a copy of 256 MiB.  of_gemm is the rate over cuBLAS's, of_bandwidth
 * that of the least traffic over the copy's, which is read and written.  Where the build is without the backend, or the
 * machine without a device, one row with nan for numbers, whose isa is "not built" or "no device".  Fails with
 * EFLA_UNTRUSTED where a result is wrong, with EFLA_USAGE and what the backend says, and with EFLA_NO_MEMORY. */
efla_status efla_bench_library_run(const efla_bench_library *what, size_t seed, efla_table *table, efla_message *why);

#endif

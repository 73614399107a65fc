/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cuBLAS, where its library can be loaded: no build needs it. */
#ifndef EFLA_BENCH_CUBLAS_H
#define EFLA_BENCH_CUBLAS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct efla_cublas efla_cublas;

/* NULL: there is none, or it does not start. */
efla_cublas *efla_cublas_open(void);
void efla_cublas_close(efla_cublas *cublas);

/* C_i (m, n) = A_i (m, k) B_i (k, n) for `batch` matrices, one after another in the device's memory, in bf16 with sums in
 * f32; whether it has begun. */
bool efla_cublas_products(efla_cublas *cublas, size_t batch, size_t m, size_t n, size_t k, const void *A, const void *B,
                          void *C);

#endif

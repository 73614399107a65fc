/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cublas.h"

#include <dlfcn.h>
#include <stdlib.h>

/* Numbers of cuBLAS's interface, which has kept them since its version 11. */
enum { TO_NOT_TRANSPOSE = 0, TYPE_BF16 = 14, COMPUTE_F32 = 68, ALGORITHM_ANY = -1 };

typedef int create_function(void **handle);
typedef int destroy_function(void *handle);
typedef int products_function(void *handle, int way_a, int way_b, int m, int n, int k, const void *alpha, const void *A,
                              int type_a, int row_a, long long stride_a, const void *B, int type_b, int row_b,
                              long long stride_b, const void *beta, void *C, int type_c, int row_c, long long stride_c,
                              int batch, int compute, int algorithm);

struct efla_cublas {
  void *library, *handle;
  destroy_function *destroy;
  products_function *products;
};

static void *load(void) {
  static const char *const names[] = {"libcublas.so", "libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++) library = dlopen(names[i], RTLD_NOW);
  return library;
}

efla_cublas *efla_cublas_open(void) {
  efla_cublas *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->library = load();
  if (!c->library) {
    free(c);
    return NULL;
  }
  create_function *create;
  *(void **)&create = dlsym(c->library, "cublasCreate_v2");
  *(void **)&c->destroy = dlsym(c->library, "cublasDestroy_v2");
  *(void **)&c->products = dlsym(c->library, "cublasGemmStridedBatchedEx");
  if (create && c->destroy && c->products && create(&c->handle) == 0) return c;
  c->handle = NULL;
  efla_cublas_close(c);
  return NULL;
}

void efla_cublas_close(efla_cublas *c) {
  if (!c) return;
  if (c->handle) c->destroy(c->handle);
  dlclose(c->library);
  free(c);
}

/* cuBLAS has columns where these matrices have rows: C^T = B^T A^T. */
bool efla_cublas_products(efla_cublas *c, size_t batch, size_t m, size_t n, size_t k, const void *A, const void *B,
                          void *C) {
  static const float one = 1, zero = 0;
  return c->products(c->handle, TO_NOT_TRANSPOSE, TO_NOT_TRANSPOSE, (int)n, (int)m, (int)k, &one, B, TYPE_BF16, (int)n,
                     (long long)(k * n), A, TYPE_BF16, (int)k, (long long)(m * k), &zero, C, TYPE_BF16, (int)n,
                     (long long)(m * n), (int)batch, COMPUTE_F32, ALGORITHM_ANY) == 0;
}

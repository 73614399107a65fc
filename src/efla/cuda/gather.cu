/* SPDX-License-Identifier: MIT */
/* Derivatives of arrays whose rows share places: sums in the order of rows.c, a thread to each number. */
#include "efla/cuda/number.cuh"

namespace {

template <typename T, typename REAL>
__global__ void gather(const efla_array to, const efla_cuda_extent n, const REAL *rows) {
  const size_t repeat = to.head == 0 ? n.heads : efla_array_repeat(&to), groups = n.heads / repeat,
               entries = to.batch == 0 ? 1 : n.batch, tokens = to.token == 0 ? 1 : n.tokens,
               all = entries * groups * tokens * n.features;
  for (size_t at = blockIdx.x * (size_t)blockDim.x + threadIdx.x; at < all; at += (size_t)gridDim.x * blockDim.x) {
    const size_t i = at % n.features, t = at / n.features % tokens, g = at / n.features / tokens % groups,
                 e = at / n.features / tokens / groups, last_entry = to.batch == 0 ? n.batch : e + 1,
                 last_token = to.token == 0 ? n.tokens : t + 1;
    REAL sum = 0;
    for (size_t b = e; b < last_entry; b++)
      for (size_t h = g * repeat; h < (g + 1) * repeat; h++)
        for (size_t s = t; s < last_token; s++) sum += rows[((b * n.heads + h) * n.tokens + s) * n.features + i];
    set_state<T, REAL>(to, efla_array_row(&to, e, g * repeat, t) + (ptrdiff_t)i, sum);
  }
}

template <typename T, typename REAL>
cudaError_t start(const efla_array *to, const efla_cuda_extent *n, const void *rows, cudaStream_t stream) {
  gather<T, REAL><<<1024, 256, 0, stream>>>(*to, *n, (const REAL *)rows);
  return cudaGetLastError();
}

} // namespace

cudaError_t efla_cuda_gather(const efla_array *to, const efla_cuda_extent *n, efla_type type, const void *rows,
                             cudaStream_t stream) {
  switch (to->type) {
  case EFLA_F64:
    return start<double, double>(to, n, rows, stream);
  case EFLA_F32:
    return type == EFLA_F64 ? start<float, double>(to, n, rows, stream) : start<float, float>(to, n, rows, stream);
  case EFLA_BF16:
    return start<bf16, float>(to, n, rows, stream);
  case EFLA_F16:
    return start<half, float>(to, n, rows, stream);
  }
  return cudaErrorInvalidValue;
}

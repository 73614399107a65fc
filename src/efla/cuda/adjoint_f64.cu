/* SPDX-License-Identifier: MIT */
#include "efla/cuda/adjoint.cuh"

cudaError_t efla_cuda_adjoint_f64(const efla_cuda_adjoint *a, cudaStream_t stream) {
  return start_adjoint<double, double>(a, stream);
}

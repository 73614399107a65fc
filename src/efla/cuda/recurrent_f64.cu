/* SPDX-License-Identifier: MIT */
#include "efla/cuda/recurrent.cuh"

cudaError_t efla_cuda_recurrent_f64(const efla_cuda_job *job, cudaStream_t stream) {
  return start<double, double>(job, stream);
}

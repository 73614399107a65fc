/* SPDX-License-Identifier: MIT */
#include "efla/cuda/decode.cuh"

cudaError_t efla_cuda_recurrent_f32(const efla_cuda_job *job, cudaStream_t stream) {
  return start_f32<float>(job, stream);
}

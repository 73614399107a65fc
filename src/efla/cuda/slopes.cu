/* SPDX-License-Identifier: MIT */
/* The derivatives of the coefficients of all tokens of a chunkwise backward call, a thread to each. */
#include "efla/cuda/chunk.cuh"
#include "efla/cuda/slopes.cuh"

namespace {

enum { THREADS = 128 };

template <typename T>
__global__ void __launch_bounds__(THREADS)
    slopes(const __grid_constant__ efla_cuda_adjoint a, const __grid_constant__ efla_cuda_chunks chunks) {
  const efla_sequence &x = a.job.x;
  const size_t i = blockIdx.x * (size_t)THREADS + threadIdx.x, unit = i / CHUNK;
  const unsigned chunk = (unsigned)(unit / x.heads);
  if (chunk >= (chunks.first ? chunks.first[x.sequences] : chunks.chunks)) return;
  const size_t h = unit - chunk * x.heads;
  const place at = place_of(x, chunks.first, chunk);
  const int t = (int)(i % CHUNK);
  if (t >= at.tokens) return;
  const float lambda = chunks.tokens[i].lambda;
  const double beta = number<T>(x.beta, efla_array_row(&x.beta, at.entry, h, at.first + t)),
               g = x.g.data ? number<T>(x.g, efla_array_row(&x.g, at.entry, h, at.first + t)) : 0;
  efla_coefficient_slopes s;
  slopes_of(a.job.rule, a.forms, a.job.rule.unit ? (lambda > 0 ? 1 : 0) : lambda, beta, g, &s);
  chunks.slopes[i] = {(float)s.by_lambda.erase, (float)s.by_lambda.write, (float)s.by_beta.erase,
                      (float)s.by_beta.write,   (float)s.by_g.erase,      (float)s.by_g.write};
}

} // namespace

cudaError_t efla_cuda_slopes(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const size_t blocks = (chunks->chunks * a->job.x.heads * CHUNK + THREADS - 1) / THREADS;
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  if (a->job.x.v.type == EFLA_BF16)
    slopes<bf16><<<(unsigned)blocks, THREADS, 0, stream>>>(*a, *chunks);
  else
    slopes<half><<<(unsigned)blocks, THREADS, 0, stream>>>(*a, *chunks);
  return cudaGetLastError();
}

/* SPDX-License-Identifier: MIT */
/* Of the chunkwise form (chunk.cuh), what depends on a chunk's tokens only. */
#include "efla/cuda/inverse.cuh"
#include "efla/cuda/square.cuh"

namespace {

enum { PREPARERS = 128 };

template <typename T, int D> struct prepared {
  T k[CHUNK][D + PAD];
  T q[CHUNK][D + PAD];
  float L[CHUNK][CHUNK + 4];
  double G[CHUNK], before[CHUNK]; /* G_t, G_{t-1} */
  float lambda[CHUNK], erase[CHUNK], over_norm[CHUNK];
};

/* The logarithm of a decay, and coefficients, of one token; 0 past the end.  Logarithms end at -100, e^-100 being less
 * than any f32: differences of their sums stay numbers, where a decay is 0. */
template <typename T>
__device__ inline double token_scalars(const efla_cuda_job &job, const place &at, size_t h, int t, float lambda,
                                       efla_coefficients *c) {
  c->erase = c->write = 0, c->decay = 1;
  if (t >= at.tokens) return 0;
  const efla_sequence &x = job.x;
  const double beta = number<T>(x.beta, efla_array_row(&x.beta, at.entry, h, at.first + t)),
               g = x.g.data ? number<T>(x.g, efla_array_row(&x.g, at.entry, h, at.first + t)) : 0;
  efla_rates r;
  rates_of(job.rule.decay, beta, g, &r);
  coefficients_of(job.rule, r, job.rule.unit ? (lambda > 0 ? 1 : 0) : lambda, c);
  return fmax(r.before - r.decay, -100.);
}

template <typename T, int D>
__global__ void __launch_bounds__(PREPARERS, 4)
    prepare(const __grid_constant__ efla_cuda_job job, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  prepared<T, D> &s = *(prepared<T, D> *)memory;
  const efla_sequence &x = job.x;
  const int warp = warp_number(), lane = threadIdx.x % 32;
  const unsigned chunk = blockIdx.x / (unsigned)x.heads, h = blockIdx.x - chunk * (unsigned)x.heads;
  const size_t unit = blockIdx.x;
  if (chunks.first && chunk >= chunks.first[x.sequences]) return;
  const place at = place_of(x, chunks.first, chunk);
  copy_rows<T, D, D + PAD, PREPARERS>(&s.k[0][0], x.k, at, h, 0, threadIdx.x);
  copy_rows<T, D, D + PAD, PREPARERS>(&s.q[0][0], x.q, at, h, 0, threadIdx.x);
  copies_commit();
  copies_wait();
  __syncthreads();
  float products[8][4];
  gram<T, D>(products, s.k, s.k, warp, lane);
  /* lambda is the diagonal */
  const int row = warp * 16 + lane / 4, pair = 2 * (lane % 4);
#pragma unroll
  for (int n = 0; n < 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int r = row + i / 2 * 8, c = n * 8 + pair + i % 2;
      if (r == c) s.lambda[r] = products[n][i];
    }
  __syncthreads();
  scalars *out = (scalars *)(chunks.scalars + unit * EFLA_CUDA_SCALARS);
  efla_coefficients c;
  double log_decay = 0;
  if (threadIdx.x < CHUNK) {
    const float lambda = s.lambda[threadIdx.x];
    log_decay = token_scalars<T>(job, at, h, threadIdx.x, lambda, &c);
    s.over_norm[threadIdx.x] = !job.rule.unit ? 1 : lambda > 0 ? 1 / sqrtf(lambda) : 0;
    s.erase[threadIdx.x] = (float)c.erase;
    s.G[threadIdx.x] = running_sum(log_decay, lane);
  }
  __syncthreads();
  if (threadIdx.x >= 32 && threadIdx.x < CHUNK) s.G[threadIdx.x] += s.G[31];
  __syncthreads();
  if (threadIdx.x < CHUNK) {
    const int t = threadIdx.x;
    const double before = s.G[t] - log_decay, end = s.G[CHUNK - 1];
    s.before[t] = before;
    out->write[t] = (float)c.write;
    out->erase[t] = (float)c.erase * s.over_norm[t] * expf((float)before);
    out->read[t] = (float)job.rule.scale * expf((float)s.G[t]);
    out->keep[t] = s.over_norm[t] * expf((float)(end - s.G[t]));
    if (t == 0) out->all = expf((float)end);
    if (chunks.tokens) chunks.tokens[unit * CHUNK + t] = {s.G[t], s.lambda[t], s.erase[t]};
  }
  __syncthreads();
  T *mix = (T *)chunks.mix + unit * SQUARE, *solve = (T *)chunks.solve + unit * SQUARE;
  const bool decays = x.g.data != NULL;
  const float scale = (float)job.rule.scale;
  weigh(products, warp, lane, s.before, s.G, s.over_norm, decays, [&](int r, int c, float low, float high) {
    const float factor = s.erase[r] * s.over_norm[r];
    *(float2 *)&s.L[r][c] = make_float2(c < r ? factor * low : 0, c + 1 < r ? factor * high : 0);
  });
  gram<T, D>(products, s.q, s.k, 3 - warp, lane); /* so that all warps have the same number of blocks */
  weigh(products, 3 - warp, lane, s.G, s.G, s.over_norm, decays, [&](int r, int c, float low, float high) {
    *(unsigned *)(mix + r * CHUNK + c) = pack<T>(c <= r ? scale * low : 0, c + 1 <= r ? scale * high : 0);
  });
  __syncthreads();
  invert({s.L}, warp, lane);
  for (int i = threadIdx.x; i < CHUNK * 8; i += PREPARERS) {
    const int r = i / 8, part = i % 8 * 8;
    if (part >= (r / 16 + 1) * 16) continue;
    const float4 low = *(const float4 *)&s.L[r][part], high = *(const float4 *)&s.L[r][part + 4];
    *(uint4 *)(solve + r * CHUNK + part) =
        make_uint4(pack<T>(low.x, low.y), pack<T>(low.z, low.w), pack<T>(high.x, high.y), pack<T>(high.z, high.w));
  }
}

template <typename T, int D>
cudaError_t start(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const auto kernel = prepare<T, D>;
  const int bytes = (int)sizeof(prepared<T, D>);
  const size_t blocks = chunks->chunks * job->x.heads;
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, PREPARERS, bytes, stream>>>(*job, *chunks);
  return cudaGetLastError();
}

} // namespace

cudaError_t efla_cuda_prepare(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const bool brain = job->x.v.type == EFLA_BF16;
  if (job->x.dk == 128) return brain ? start<bf16, 128>(job, chunks, stream) : start<half, 128>(job, chunks, stream);
  return brain ? start<bf16, 64>(job, chunks, stream) : start<half, 64>(job, chunks, stream);
}

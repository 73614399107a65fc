/* SPDX-License-Identifier: MIT */
/* Of the chunkwise backward call, the pass over the chunks of each head in reverse.  With R = w V - F K S_0 the
 * right-hand sides, U = (I + L)^-1 R = T R, O = E Q S_0 + A U and S_C = e S_0 + (D K)^T U (chunk.cuh: F, E, D and e are
 * f, read, keep and all), the derivatives by U, by R and by the state before a chunk follow from G, that by the state
 * after it:
 *
 *     dU = A^T dO + D K G,   dR = T^T dU,   G <- e G + (E Q)^T dO - (F K)^T dR.
 *
 * A warp holds 16 columns of G as the transposed accumulators of its products, as the forward pass holds the state.  A
 * second one computes what does not depend on G, A^T dO and (E Q)^T dO, a chunk ahead, and puts G and dR in memory. */
#include "efla/cuda/products.cuh"
#include "efla/cuda/roles.cuh"

namespace {

enum { REVERSE_STAGES = 2 };

template <typename T, int D, int WARPS> struct reverse_stage {
  T k[CHUNK][D + PAD], q[CHUNK][D + PAD], d_o[CHUNK][16 * WARPS + PAD];
  T solve[CHUNK][SQUARE_ROW], mix[CHUNK][SQUARE_ROW];
  scalars c;
};

/* What the two warps of a slice hand to each other for a chunk, each number to the same lane: parts of dU and of the
 * next G; G and dR as operands. */
template <int D> struct exchange {
  float4 u[8][32], G[D / 8][32];
  uint4 state[D / 16][32], d_r[4][32];
  unsigned long long u_full, u_empty, G_full, G_empty, back_full, back_empty;
};

template <typename T, int D, int WARPS> struct reverse_shared {
  reverse_stage<T, D, WARPS> stage[REVERSE_STAGES];
  exchange<D> slice[WARPS];
  unsigned long long full[REVERSE_STAGES], empty[REVERSE_STAGES];
};

template <typename T, int D, int WARPS>
__device__ void load_reverse(const efla_cuda_job &job, const efla_cuda_chunks &chunks, const work &w,
                             reverse_shared<T, D, WARPS> &s, int thread) {
  const efla_sequence &x = job.x;
  for (size_t n = 0; n < w.chunks; n++) {
    const size_t c = w.chunks - 1 - n, unit = (w.first + c) * x.heads + w.head;
    const place at = place_in(w, c);
    const unsigned i = n % REVERSE_STAGES;
    reverse_stage<T, D, WARPS> &to = s.stage[i];
    if (n >= REVERSE_STAGES) barrier_wait(&s.empty[i], n / REVERSE_STAGES - 1);
    copy_rows<T, D, D + PAD, LOADING>(&to.k[0][0], x.k, at, w.head, 0, thread);
    copy_rows<T, 16 * WARPS, 16 * WARPS + PAD, LOADING>(&to.d_o[0][0], job.y.o, at, w.head, w.column, thread);
    copy_square(to.mix, (const T *)chunks.mix + unit * SQUARE, thread);
    copy_square(to.solve, (const T *)chunks.solve + unit * SQUARE, thread);
    copy_rows<T, D, D + PAD, LOADING>(&to.q[0][0], x.q, at, w.head, 0, thread);
    const float *from = chunks.scalars + unit * EFLA_CUDA_SCALARS;
#pragma unroll
    for (int part = thread * 4; part < EFLA_CUDA_SCALARS; part += LOADING * 4)
      copy16(shared_address((float *)&to.c + part), from + part, true);
    barrier_arrive_copied(&s.full[i]);
  }
}

/* dO^T, as operands. */
template <typename T, int ROW>
__device__ inline void load_operands(uint4 (&a)[4], const T (*x)[ROW], int column, int lane) {
  const int matrix = lane / 8, line = lane % 8;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned r[4];
    load4_transposed(r, shared_address(&x[16 * i + matrix / 2 * 8 + line][column + matrix % 2 * 8]));
    a[i] = make_uint4(r[0], r[1], r[2], r[3]);
  }
}

/* Operands times the factors of their tokens. */
template <typename T> __device__ inline void scale_operands(uint4 (&a)[4], const float *factors, int lane) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float2 low = *(const float2 *)&factors[16 * i + 2 * (lane % 4)],
                 high = *(const float2 *)&factors[16 * i + 8 + 2 * (lane % 4)];
    a[i] = make_uint4(scaled<T>(a[i].x, low), scaled<T>(a[i].y, low), scaled<T>(a[i].z, high), scaled<T>(a[i].w, high));
  }
}

/* G and dR of chunk n, counted from the last one, go to memory. */
template <typename T, int D>
__device__ void put_back(const efla_cuda_chunks &chunks, size_t heads, const work &w, exchange<D> &slice, size_t column,
                         size_t n, int lane) {
  const size_t unit = (w.first + w.chunks - 1 - n) * heads + w.head;
  uint4 state[D / 16], d_r[4];
  barrier_wait(&slice.back_full, (unsigned)n);
#pragma unroll
  for (int m = 0; m < D / 16; m++) state[m] = slice.state[m][lane];
#pragma unroll
  for (int m = 0; m < 4; m++) d_r[m] = slice.d_r[m][lane];
  barrier_arrive(&slice.back_empty);
  store_transposed<T, D>((T *)chunks.adjoints + (unit * D + column) * D, state, lane);
  store_rows<T, D>((T *)chunks.d_r + unit * CHUNK * D + column, d_r, lane);
}

template <typename T, int D, int WARPS>
__device__ void go_ahead(const efla_cuda_adjoint &a, const efla_cuda_chunks &chunks, const work &w,
                         reverse_shared<T, D, WARPS> &s, int warp, int lane) {
  const int matrix = lane / 8, line = lane % 8;
  exchange<D> &slice = s.slice[warp];
  for (size_t n = 0; n < w.chunks; n++) {
    const unsigned i = n % REVERSE_STAGES, before = (unsigned)n - 1;
    reverse_stage<T, D, WARPS> &stage = s.stage[i];
    uint4 d_o[4];
    float u[8][4] = {}, G[D / 8][4] = {};
    barrier_wait(&s.full[i], n / REVERSE_STAGES);
    load_operands<T, 16 * WARPS + PAD>(d_o, stage.d_o, 16 * warp, lane);
    times_square<T, SQUARE_ROW>(u, d_o, shared_address(&stage.mix[matrix % 2 * 8 + line][matrix / 2 * 8]));
    if (n > 0) barrier_wait(&slice.u_empty, before);
#pragma unroll
    for (int m = 0; m < 8; m++) slice.u[m][lane] = make_float4(u[m][0], u[m][1], u[m][2], u[m][3]);
    barrier_arrive(&slice.u_full);
    scale_operands<T>(d_o, stage.c.read, lane);
    times_keys<T, D>(G, d_o, shared_address(&stage.q[matrix % 2 * 8 + line][matrix / 2 * 8]));
    barrier_arrive(&s.empty[i]);
    if (n > 0) barrier_wait(&slice.G_empty, before);
#pragma unroll
    for (int m = 0; m < D / 8; m++) slice.G[m][lane] = make_float4(G[m][0], G[m][1], G[m][2], G[m][3]);
    barrier_arrive(&slice.G_full);
    if (n > 0) put_back<T, D>(chunks, a.job.x.heads, w, slice, w.column + 16 * warp, n - 1, lane);
  }
  if (w.chunks > 0) put_back<T, D>(chunks, a.job.x.heads, w, slice, w.column + 16 * warp, w.chunks - 1, lane);
}

__device__ inline void add(float (&x)[4], float factor, float4 y) {
  x[0] = factor * x[0] + y.x, x[1] = factor * x[1] + y.y, x[2] = factor * x[2] + y.z, x[3] = factor * x[3] + y.w;
}

template <typename T, int D, int WARPS>
__device__ void carry_back(const efla_cuda_adjoint &a, const work &w, reverse_shared<T, D, WARPS> &s, int warp,
                           int lane) {
  const int matrix = lane / 8, line = lane % 8, r = matrix / 2 * 8 + line, part = matrix % 2 * 8;
  float G[D / 8][4] = {};
  exchange<D> &slice = s.slice[warp];
  const efla_array &from = a.job.y.final_state, &to = a.to.initial_state;
  if (from.data)
    each_of_state<D>(w, from, warp, lane,
                     [&](int i, int j, ptrdiff_t at) { G[i][j] = state_number<T, float>(from, at); });
  for (size_t n = 0; n < w.chunks; n++) {
    const unsigned i = n % REVERSE_STAGES, now = (unsigned)n;
    reverse_stage<T, D, WARPS> &stage = s.stage[i];
    uint4 state[D / 16], right[4];
#pragma unroll
    for (int m = 0; m < D / 16; m++) state[m] = operand<T>(G[2 * m], G[2 * m + 1]);
    if (n > 0) barrier_wait(&slice.back_empty, now - 1);
#pragma unroll
    for (int m = 0; m < D / 16; m++) slice.state[m][lane] = state[m];
    barrier_wait(&s.full[i], n / REVERSE_STAGES);
    float u[8][4] = {};
    times_rows<T, D / 16, D + PAD, false>(u, state, shared_address(&stage.k[r][part]));
    scale_tokens(u, stage.c.keep, lane);
    barrier_wait(&slice.u_full, now);
#pragma unroll
    for (int m = 0; m < 8; m++) add(u[m], 1, slice.u[m][lane]);
    barrier_arrive(&slice.u_empty);
#pragma unroll
    for (int m = 0; m < 4; m++) right[m] = operand<T>(u[2 * m], u[2 * m + 1]);
#pragma unroll
    for (int m = 0; m < 8; m++) u[m][0] = u[m][1] = u[m][2] = u[m][3] = 0;
    times_square<T, SQUARE_ROW>(u, right, shared_address(&stage.solve[matrix % 2 * 8 + line][matrix / 2 * 8]));
#pragma unroll
    for (int m = 0; m < 4; m++) slice.d_r[m][lane] = operand<T>(u[2 * m], u[2 * m + 1]);
    barrier_arrive(&slice.back_full);
    scale_tokens(u, stage.c.erase, lane);
#pragma unroll
    for (int m = 0; m < 8; m++) u[m][0] = -u[m][0], u[m][1] = -u[m][1], u[m][2] = -u[m][2], u[m][3] = -u[m][3];
#pragma unroll
    for (int m = 0; m < 4; m++) right[m] = operand<T>(u[2 * m], u[2 * m + 1]);
    const float all = stage.c.all;
    barrier_wait(&slice.G_full, now);
#pragma unroll
    for (int m = 0; m < D / 8; m++) add(G[m], all, slice.G[m][lane]);
    barrier_arrive(&slice.G_empty);
    times_keys<T, D>(G, right, shared_address(&stage.k[matrix % 2 * 8 + line][matrix / 2 * 8]));
    barrier_arrive(&s.empty[i]);
  }
  if (to.data)
    each_of_state<D>(w, to, warp, lane, [&](int i, int j, ptrdiff_t at) { set_state<T, float>(to, at, G[i][j]); });
}

template <int D> __device__ void make_barriers(exchange<D> &slice) {
  for (unsigned long long *b = &slice.u_full; b <= &slice.back_empty; b++) barrier_make(b, 32);
}

template <typename T, int D, int WARPS>
__global__ void __launch_bounds__(64 * WARPS + LOADING, 1)
    reverse(const __grid_constant__ efla_cuda_adjoint a, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  reverse_shared<T, D, WARPS> &s = *(reverse_shared<T, D, WARPS> *)memory;
  const work w = work_of<D, WARPS>(a.job.x, chunks);
  if (threadIdx.x == 0) {
    for (int i = 0; i < REVERSE_STAGES; i++) barrier_make(&s.full[i], LOADING), barrier_make(&s.empty[i], 64 * WARPS);
    for (int i = 0; i < WARPS; i++) make_barriers<D>(s.slice[i]);
  }
  __syncthreads();
  const int warp = warp_number();
  if (warp < WARPS)
    carry_back<T, D, WARPS>(a, w, s, warp, threadIdx.x % 32);
  else if (warp < 2 * WARPS)
    go_ahead<T, D, WARPS>(a, chunks, w, s, warp - WARPS, threadIdx.x % 32);
  else
    load_reverse<T, D, WARPS>(a.job, chunks, w, s, threadIdx.x - 64 * WARPS);
}

template <typename T, int D, int WARPS>
cudaError_t start_reverse(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const auto kernel = reverse<T, D, WARPS>;
  const int bytes = (int)sizeof(reverse_shared<T, D, WARPS>);
  const size_t blocks = a->job.states * a->job.x.heads * (D / (16 * WARPS));
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, 64 * WARPS + LOADING, bytes, stream>>>(*a, *chunks);
  return cudaGetLastError();
}

/* The widest blocks that fit and still keep most multiprocessors busy, as in the forward pass. */
template <typename T, int D>
cudaError_t start(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, size_t shared_bytes,
                  cudaStream_t stream) {
  const size_t heads = a->job.states * a->job.x.heads;
  if (slices_suit<D, 4>(heads) && sizeof(reverse_shared<T, D, 4>) <= shared_bytes)
    return start_reverse<T, D, 4>(a, chunks, stream);
  if (slices_suit<D, 2>(heads) && sizeof(reverse_shared<T, D, 2>) <= shared_bytes)
    return start_reverse<T, D, 2>(a, chunks, stream);
  return start_reverse<T, D, 1>(a, chunks, stream);
}

} // namespace

cudaError_t efla_cuda_reverse(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, size_t shared_bytes,
                              cudaStream_t stream) {
  const bool brain = a->job.x.v.type == EFLA_BF16;
  if (a->job.x.dk == 128)
    return brain ? start<bf16, 128>(a, chunks, shared_bytes, stream)
                 : start<half, 128>(a, chunks, shared_bytes, stream);
  return brain ? start<bf16, 64>(a, chunks, shared_bytes, stream) : start<half, 64>(a, chunks, shared_bytes, stream);
}

bool efla_cuda_backward_fits(size_t dk, size_t shared_bytes) {
  return (dk == 128 ? sizeof(reverse_shared<bf16, 128, 1>) : sizeof(reverse_shared<bf16, 64, 1>)) <= shared_bytes;
}

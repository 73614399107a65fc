/* SPDX-License-Identifier: MIT */
/* Of the chunkwise form (chunk.cuh), the pass over the chunks of each head. */
#include "efla/cuda/products.cuh"
#include "efla/cuda/roles.cuh"

namespace {

template <typename T, int D, int WARPS>
__device__ void carry(const efla_cuda_job &job, const work &w, shared<T, D, WARPS> &s, int warp, int lane) {
  const int matrix = lane / 8, line = lane % 8, r = matrix / 2 * 8 + line, part = matrix % 2 * 8;
  float S[D / 8][4] = {};
  const efla_array &from = job.x.initial_state, &to = job.y.final_state;
  const bool weighted = job.x.g.data || job.rule.unit; /* else keep and all are 1 */
  if (from.data)
    each_of_state<D>(w, from, warp, lane,
                     [&](int i, int j, ptrdiff_t at) { S[i][j] = state_number<T, float>(from, at); });
  for (size_t c = 0; c < w.chunks; c++) {
    const unsigned i = c % STATE_STAGES, j = c % OPERANDS;
    state_stage<T, D, WARPS> &stage = s.state[i];
    operands<D> &handed = s.handed[warp][j];
    uint4 state[D / 16], right[4];
#pragma unroll
    for (int n = 0; n < D / 16; n++) state[n] = operand<T>(S[2 * n], S[2 * n + 1]);
    if (c >= OPERANDS) barrier_wait(&s.handed_empty[warp][j], c / OPERANDS - 1);
#pragma unroll
    for (int n = 0; n < D / 16; n++) handed.state[n][lane] = state[n];
    barrier_wait(&s.at.state_full[i], c / STATE_STAGES);
    float u[8][4] = {};
    times_rows<T, D / 16, D + PAD, false>(u, state, shared_address(&stage.k[r][part]));
    subtract_known<T, 16 * WARPS + PAD>(u, stage.c, stage.v, 16 * warp, lane);
#pragma unroll
    for (int n = 0; n < 4; n++) right[n] = operand<T>(u[2 * n], u[2 * n + 1]);
#pragma unroll
    for (int n = 0; n < 8; n++) u[n][0] = u[n][1] = u[n][2] = u[n][3] = 0;
    times_rows<T, 4, SQUARE_ROW, true>(u, right, shared_address(&stage.solve[r][part]));
#pragma unroll
    for (int n = 0; n < 4; n++) handed.u[n][lane] = right[n] = operand<T>(u[2 * n], u[2 * n + 1]);
    barrier_arrive(&s.handed_full[warp][j]);
    if (weighted) {
      const float all = stage.c.all;
      scale_tokens(u, stage.c.keep, lane);
#pragma unroll
      for (int n = 0; n < D / 8; n++) S[n][0] *= all, S[n][1] *= all, S[n][2] *= all, S[n][3] *= all;
#pragma unroll
      for (int n = 0; n < 4; n++) right[n] = operand<T>(u[2 * n], u[2 * n + 1]);
    }
    times_keys<T, D>(S, right, shared_address(&stage.k[matrix % 2 * 8 + line][matrix / 2 * 8]));
    barrier_arrive(&s.at.state_empty[i]);
  }
  if (to.data)
    each_of_state<D>(w, to, warp, lane, [&](int i, int j, ptrdiff_t at) { set_state<T, float>(to, at, S[i][j]); });
}

/* What the state's warp has handed over for chunk c. */
template <typename T, int D, int WARPS>
__device__ inline void take_handed(shared<T, D, WARPS> &s, int warp, int lane, size_t c, uint4 (&state)[D / 16],
                                   uint4 (&u)[4]) {
  const unsigned j = c % OPERANDS;
  const operands<D> &handed = s.handed[warp][j];
  barrier_wait(&s.handed_full[warp][j], c / OPERANDS);
#pragma unroll
  for (int n = 0; n < D / 16; n++) state[n] = handed.state[n][lane];
#pragma unroll
  for (int n = 0; n < 4; n++) u[n] = handed.u[n][lane];
  barrier_arrive(&s.handed_empty[warp][j]);
}

/* 16 columns of the state before a chunk, transposed, and of its u go to memory. */
template <typename T, int D>
__device__ inline void keep_chunk(const efla_cuda_chunks &chunks, size_t unit, size_t column,
                                  const uint4 (&state)[D / 16], const uint4 (&u)[4], int lane) {
  store_transposed<T, D>((T *)chunks.states + (unit * D + column) * D, state, lane);
  store_rows<T, D>((T *)chunks.u + unit * CHUNK * D + column, u, lane);
}

template <typename T, int D, int WARPS, bool KEEP>
__device__ void read_out(const efla_cuda_job &job, const efla_cuda_chunks &chunks, const work &w,
                         shared<T, D, WARPS> &s, int warp, int lane) {
  const int matrix = lane / 8, line = lane % 8, r = matrix / 2 * 8 + line, part = matrix % 2 * 8;
  const efla_array &to = job.y.o;
  for (size_t c = 0; c < w.chunks; c++) {
    const unsigned i = c % READ_STAGES;
    const place at = place_in(w, c);
    read_stage<T, D> &stage = s.read[i];
    uint4 state[D / 16], u[4];
    float o[8][4] = {};
    barrier_wait(&s.at.read_full[i], c / READ_STAGES);
    take_handed<T, D, WARPS>(s, warp, lane, c, state, u);
    if (KEEP) keep_chunk<T, D>(chunks, (w.first + c) * job.x.heads + w.head, w.column + 16 * warp, state, u, lane);
    times_rows<T, D / 16, D + PAD, false>(o, state, shared_address(&stage.q[r][part]));
    scale_tokens(o, stage.read, lane);
    times_rows<T, 4, SQUARE_ROW, true>(o, u, shared_address(&stage.mix[r][part]));
    barrier_arrive(&s.at.read_empty[i]);
    /* o^T is transposed in registers: a thread then has two neighbouring columns of one token */
    T *rows = to.data ? (T *)to.data + efla_array_row(&to, at.entry, w.head, at.first) : NULL;
#pragma unroll
    for (int n = 0; n < 8; n++) {
      const unsigned low = transposed(pack<T>(o[n][0], o[n][1])), high = transposed(pack<T>(o[n][2], o[n][3]));
      const int t = 8 * n + lane / 4;
      if (!rows || t >= at.tokens) continue;
      T *row = rows + t * to.token + w.column + 16 * warp + 2 * (lane % 4);
      *(unsigned *)row = low, *(unsigned *)(row + 8) = high;
    }
  }
}

/* In place of read_out: only keeps. */
template <typename T, int D, int WARPS>
__device__ void keep(const efla_cuda_chunks &chunks, size_t heads, const work &w, shared<T, D, WARPS> &s, int warp,
                     int lane) {
  for (size_t c = 0; c < w.chunks; c++) {
    uint4 state[D / 16], u[4];
    take_handed<T, D, WARPS>(s, warp, lane, c, state, u);
    keep_chunk<T, D>(chunks, (w.first + c) * heads + w.head, w.column + 16 * warp, state, u, lane);
  }
}

template <typename T, int D, int WARPS, bool READ, bool KEEP>
__global__ void __launch_bounds__(64 * (WARPS + LOADERS), 1)
    pass(const __grid_constant__ efla_cuda_job job, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  shared<T, D, WARPS> &s = *(shared<T, D, WARPS> *)memory;
  const efla_sequence &x = job.x;
  const int warp = warp_number(), lane = threadIdx.x % 32;
  const work w = work_of<D, WARPS>(x, chunks);
  if (threadIdx.x == 0) {
    for (int i = 0; i < STATE_STAGES; i++)
      barrier_make(&s.at.state_full[i], LOADING), barrier_make(&s.at.state_empty[i], 32 * WARPS);
    for (int i = 0; i < READ_STAGES; i++)
      barrier_make(&s.at.read_full[i], LOADING), barrier_make(&s.at.read_empty[i], 32 * WARPS);
    for (int i = 0; i < WARPS * OPERANDS; i++)
      barrier_make(&s.handed_full[0][0] + i, 32), barrier_make(&s.handed_empty[0][0] + i, 32);
  }
  __syncthreads();
  if (warp < WARPS)
    carry<T, D, WARPS>(job, w, s, warp, lane);
  else if (warp < 2 * WARPS && READ)
    read_out<T, D, WARPS, KEEP>(job, chunks, w, s, warp - WARPS, lane);
  else if (warp < 2 * WARPS)
    keep<T, D, WARPS>(chunks, x.heads, w, s, warp - WARPS, lane);
  else if (warp < 2 * WARPS + LOADERS)
    load_states<T, D, WARPS>(job, chunks, w, s, threadIdx.x - 64 * WARPS);
  else if (READ)
    load_readers<T, D, WARPS>(job, chunks, w, s, threadIdx.x - 64 * WARPS - LOADING);
}

template <typename T, int D, int WARPS, bool READ, bool KEEP>
cudaError_t start_pass(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const auto kernel = pass<T, D, WARPS, READ, KEEP>;
  const int bytes = (int)sizeof(shared<T, D, WARPS>);
  const size_t blocks = job->states * job->x.heads * (D / (16 * WARPS));
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, 64 * (WARPS + LOADERS), bytes, stream>>>(*job, *chunks);
  return cudaGetLastError();
}

/* The widest blocks that still keep most multiprocessors busy: few heads are split into narrow slices. */
template <typename T, int D, bool READ, bool KEEP>
cudaError_t start(const efla_cuda_job *job, const efla_cuda_chunks *chunks, size_t shared_bytes, cudaStream_t stream) {
  const size_t heads = job->states * job->x.heads;
  if (slices_suit<D, 4>(heads) && sizeof(shared<T, D, 4>) <= shared_bytes)
    return start_pass<T, D, 4, READ, KEEP>(job, chunks, stream);
  if (slices_suit<D, 2>(heads) && sizeof(shared<T, D, 2>) <= shared_bytes)
    return start_pass<T, D, 2, READ, KEEP>(job, chunks, stream);
  return start_pass<T, D, 1, READ, KEEP>(job, chunks, stream);
}

template <bool READ, bool KEEP>
cudaError_t start_any(const efla_cuda_job *job, const efla_cuda_chunks *chunks, size_t shared_bytes,
                      cudaStream_t stream) {
  const bool brain = job->x.v.type == EFLA_BF16;
  if (job->x.dk == 128)
    return brain ? start<bf16, 128, READ, KEEP>(job, chunks, shared_bytes, stream)
                 : start<half, 128, READ, KEEP>(job, chunks, shared_bytes, stream);
  return brain ? start<bf16, 64, READ, KEEP>(job, chunks, shared_bytes, stream)
               : start<half, 64, READ, KEEP>(job, chunks, shared_bytes, stream);
}

} // namespace

bool efla_cuda_pass_fits(size_t dk, size_t shared_bytes) {
  return (dk == 128 ? sizeof(shared<bf16, 128, 1>) : sizeof(shared<bf16, 64, 1>)) <= shared_bytes;
}

cudaError_t efla_cuda_pass(const efla_cuda_job *job, const efla_cuda_chunks *chunks, size_t shared_bytes,
                           cudaStream_t stream) {
  return chunks->states ? start_any<true, true>(job, chunks, shared_bytes, stream)
                        : start_any<true, false>(job, chunks, shared_bytes, stream);
}

cudaError_t efla_cuda_keep(const efla_cuda_job *job, const efla_cuda_chunks *chunks, size_t shared_bytes,
                           cudaStream_t stream) {
  return start_any<false, true>(job, chunks, shared_bytes, stream);
}

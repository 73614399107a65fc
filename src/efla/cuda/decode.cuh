/* SPDX-License-Identifier: MIT */
/* One token each of many heads, states in f32: reading and writing the states is nearly all there is to do.  A block
 * stays on its multiprocessor and takes one head after another.  Its threads have a state as recurrent.cuh has it, the
 * next two of which are on their way to shared memory, each number to the thread that will take it; two more warps treat
 * the keys and form the coefficients of the heads to come. */
#ifndef EFLA_CUDA_DECODE_CUH
#define EFLA_CUDA_DECODE_CUH

#include "efla/cuda/barrier.cuh"
#include "efla/cuda/recurrent.cuh"

namespace {

enum { TREATERS = 2, SLOTS = 4, COMING = 2, DECODE_LANES = 8, DECODE_WIDE = 4 };

template <int D> struct decode_shared {
  float4 state[COMING][D / DECODE_LANES][2 * D];
  float keys[SLOTS][4 * D], coefficients[SLOTS][4];
  unsigned long long full[SLOTS], empty[SLOTS];
};

/* Head number i of a block. */
struct decoded {
  unsigned head;
  size_t s, h;
  bool there;

  __device__ decoded(const efla_cuda_job &job, unsigned i) : head(blockIdx.x + i * gridDim.x) {
    const unsigned heads = (unsigned)job.x.heads;
    s = head / heads, h = head % heads, there = s < job.states;
  }
};

template <typename T, int D>
__device__ void treat(const efla_cuda_job &job, decode_shared<D> &s, unsigned first, int lane) {
  for (unsigned i = first;; i += TREATERS) {
    const decoded at(job, i);
    if (!at.there) return;
    const unsigned slot = i % SLOTS;
    arguments a = read_arguments<T>(job.x, at.s, at.h, 0);
    if (i >= SLOTS) barrier_wait(&s.empty[slot], i / SLOTS - 1);
    a.lambda = stage_token<T, float>(job, at.s, at.h, 0, staged_at(s.keys[slot], {1, D}, 0), D);
    if (lane == 0) set_coefficients(job.rule, a, s.coefficients[slot]);
    barrier_arrive(&s.full[slot]);
  }
}

template <typename T, int D> using decode_part = part<T, float, D / DECODE_LANES, DECODE_WIDE, DECODE_LANES>;

/* Starts copies of a thread's numbers of head i; a group of copies also where there is none. */
template <typename T, int D>
__device__ void send_for(const efla_cuda_job &job, decode_shared<D> &s, const decode_part<T, D> &own, unsigned i) {
  const decoded at(job, i);
  const efla_array &from = job.x.initial_state;
  if (at.there) {
    const float *number = (const float *)from.data + efla_array_row(&from, at.s, at.h, own.row) + own.column;
    const unsigned to = shared_address(&s.state[i % COMING][0][threadIdx.x]);
#pragma unroll
    for (int r = 0; r < D / DECODE_LANES; r++, number += DECODE_LANES * from.token)
      copy16(to + r * (int)sizeof s.state[0][0], number, true);
  }
  copies_commit();
}

template <typename T, int D>
__device__ raw<T, DECODE_WIDE> value_of(const efla_cuda_job &job, const decode_part<T, D> &own, unsigned i) {
  const decoded at(job, i);
  if (!at.there) return {};
  return read_v<T, DECODE_WIDE>((const T *)job.x.v.data + efla_array_row(&job.x.v, at.s, at.h, 0), own.column, D);
}

/* The new state, which is not read again soon, and o. */
template <typename T, int D>
__device__ void put(const efla_cuda_job &job, const decode_part<T, D> &own, const decoded &at,
                    const vector<float, DECODE_WIDE> &o) {
  const efla_array &to = job.y.final_state, &out = job.y.o;
  if (to.data) {
    float *number = (float *)to.data + efla_array_row(&to, at.s, at.h, own.row) + own.column;
#pragma unroll
    for (int r = 0; r < D / DECODE_LANES; r++, number += DECODE_LANES * to.token)
      __stcs((float4 *)number, make_float4(own.S[r].at[0], own.S[r].at[1], own.S[r].at[2], own.S[r].at[3]));
  }
  if (!out.data || own.row != 0) return;
  T *row = (T *)out.data + efla_array_row(&out, at.s, at.h, 0) + own.column;
#pragma unroll
  for (int j = 0; j < DECODE_WIDE; j++) row[j] = narrow<T>((float)job.rule.scale * o.at[j]);
}

template <typename T, int D>
__device__ void advance_heads(const efla_cuda_job &job, decode_shared<D> &s, int warp, int lane) {
  constexpr int QUADS = 32 / DECODE_LANES;
  decode_part<T, D> own = {lane / QUADS, (warp * QUADS + lane % QUADS) * DECODE_WIDE, D, D};
  for (unsigned i = 0; i < COMING; i++) send_for<T, D>(job, s, own, i);
  raw<T, DECODE_WIDE> next = value_of<T, D>(job, own, 0);
  for (unsigned i = 0;; i++) {
    const decoded at(job, i);
    if (!at.there) return;
    const unsigned slot = i % SLOTS;
    vector<float, DECODE_WIDE> v;
#pragma unroll
    for (int j = 0; j < DECODE_WIDE; j++) v.at[j] = widen(next.at[j]);
    next = value_of<T, D>(job, own, i + 1);
    copies_wait_but_last();
#pragma unroll
    for (int r = 0; r < D / DECODE_LANES; r++) {
      const float4 x = s.state[i % COMING][r][threadIdx.x];
      own.S[r] = {x.x, x.y, x.z, x.w};
    }
    barrier_wait(&s.full[slot], i / SLOTS);
    const vector<float, DECODE_WIDE> o =
        own.advance(staged_at(s.keys[slot], {1, D}, 0), s.coefficients[slot], v, job.x.g_per_channel);
    barrier_arrive(&s.empty[slot]);
    send_for<T, D>(job, s, own, i + COMING);
    put<T, D>(job, own, at, o);
  }
}

template <typename T, int D>
__global__ void __launch_bounds__(2 * D + 32 * TREATERS, 1) decode(const __grid_constant__ efla_cuda_job job) {
  extern __shared__ __align__(16) char memory[];
  decode_shared<D> &s = *(decode_shared<D> *)memory;
  const int warp = warp_number(), lane = threadIdx.x % 32;
  if (threadIdx.x == 0)
    for (int i = 0; i < SLOTS; i++) barrier_make(&s.full[i], 32), barrier_make(&s.empty[i], 2 * D);
  __syncthreads();
  if (warp < D / 16)
    advance_heads<T, D>(job, s, warp, lane);
  else
    treat<T, D>(job, s, warp - D / 16, lane);
}

/* ---- starting ---- */

int attribute(cudaDeviceAttr what) {
  int device = 0, value = 0;
  if (!cudaGetDevice(&device)) cudaDeviceGetAttribute(&value, what, device);
  return value;
}

template <typename T, int D> cudaError_t start_decode(const efla_cuda_job *job, cudaStream_t stream) {
  const auto kernel = decode<T, D>;
  const size_t heads = job->states * job->x.heads, most = (size_t)attribute(cudaDevAttrMultiProcessorCount);
  const int bytes = (int)sizeof(decode_shared<D>);
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)(heads < most ? heads : most), 2 * D + 32 * TREATERS, bytes, stream>>>(*job);
  return cudaGetLastError();
}

/* Of a call that advances whole states in f32 by one token, so many heads that each multiprocessor has some. */
template <int D> bool decodes(const efla_cuda_job *job) {
  enum { HEADS_EACH = 2 };
  const efla_sequence &x = job->x;
  const size_t heads = job->states * x.heads;
  return x.tokens == 1 && !x.cu_seqlens && x.dk == D && x.dv == D && x.initial_state.data && heads < 0x7fffffff / 2 &&
         heads >= HEADS_EACH * (size_t)attribute(cudaDevAttrMultiProcessorCount) &&
         rows_are_vectors<float>(x.initial_state, D, DECODE_WIDE) &&
         (!job->y.final_state.data || rows_are_vectors<float>(job->y.final_state, D, DECODE_WIDE)) &&
         (int)sizeof(decode_shared<D>) <= attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
}

/* The recurrence with states in f32 on the device. */
template <typename T> cudaError_t start_f32(const efla_cuda_job *job, cudaStream_t stream) {
  if (decodes<128>(job)) return start_decode<T, 128>(job, stream);
  if (decodes<64>(job)) return start_decode<T, 64>(job, stream);
  return start<T, float>(job, stream);
}

} // namespace

#endif

/* SPDX-License-Identifier: MIT */
/* The pass from chunk to chunk: who waits for whom, and the warps that copy. */
#ifndef EFLA_CUDA_ROLES_CUH
#define EFLA_CUDA_ROLES_CUH

#include "efla/cuda/barrier.cuh"
#include "efla/cuda/chunk.cuh"

/* A block takes WARPS slices of 16 columns.  Of each slice one warp carries the state from chunk to chunk, another one
 * reads it out a chunk later; LOADERS more warps each copy what the first and the others need.  They wait for each
 * other at barriers in shared memory: each buffer has one that says that it is full, and one that it is empty. */
enum { LOADERS = 2, LOADING = 32 * LOADERS, STATE_STAGES = 3, READ_STAGES = 2, OPERANDS = 2 };

template <typename T, int D, int WARPS> struct state_stage {
  T k[CHUNK][D + PAD], v[CHUNK][16 * WARPS + PAD], solve[CHUNK][SQUARE_ROW];
  scalars c;
};

template <typename T, int D> struct read_stage {
  T q[CHUNK][D + PAD], mix[CHUNK][SQUARE_ROW];
  float read[CHUNK];
};

/* What the state's warp hands to the reading one: the state before a chunk and the chunk's u, as operands. */
template <int D> struct operands { uint4 state[D / 16][32], u[4][32]; };

struct barriers {
  unsigned long long state_full[STATE_STAGES], state_empty[STATE_STAGES], read_full[READ_STAGES],
      read_empty[READ_STAGES];
};

template <typename T, int D, int WARPS> struct shared {
  state_stage<T, D, WARPS> state[STATE_STAGES];
  read_stage<T, D> read[READ_STAGES];
  operands<D> handed[WARPS][OPERANDS];
  barriers at;
  unsigned long long handed_full[WARPS][OPERANDS], handed_empty[WARPS][OPERANDS];
};

/* A triangular square, whose blocks of 16 above the diagonal nobody reads. */
template <typename T> __device__ inline void copy_square(T (*to)[SQUARE_ROW], const T *from, int thread) {
  constexpr int ROWS = LOADING / 8;
  const int row = thread / 8, part = thread % 8 * 8;
  const unsigned base = shared_address(to) + 2 * (row * SQUARE_ROW + part);
  from += row * CHUNK + part;
#pragma unroll
  for (int i = 0; i < CHUNK / ROWS; i++)
    if (part < (i * ROWS / 16 + 1) * 16) copy16(base + 2 * i * ROWS * SQUARE_ROW, from + i * ROWS * CHUNK, true);
}

/* Where one block works. */
struct work {
  size_t sequence, head, column, chunks, first; /* first: the number of its first chunk */
  efla_span span;
};

/* Of a grid with a block to each slice of columns of each head. */
template <int D, int WARPS> __device__ inline work work_of(const efla_sequence &x, const efla_cuda_chunks &chunks) {
  constexpr int SLICES = D / (16 * WARPS);
  work w = {.sequence = blockIdx.x / SLICES / (unsigned)x.heads,
            .head = blockIdx.x / SLICES % (unsigned)x.heads,
            .column = (size_t)(blockIdx.x % SLICES * 16 * WARPS)};
  w.span = efla_sequence_span(&x, w.sequence);
  w.chunks = (w.span.tokens + CHUNK - 1) / CHUNK;
  w.first = chunks.first ? chunks.first[w.sequence] : w.sequence * w.chunks;
  return w;
}

/* The numbers of S^T (16, D) that a lane has, in an array of states. */
template <int D, typename F>
__device__ inline void each_of_state(const work &w, const efla_array &a, int warp, int lane, F f) {
  const size_t column = w.column + 16 * warp + lane / 4;
#pragma unroll
  for (int i = 0; i < D / 8; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      f(i, j, efla_array_row(&a, w.sequence, w.head, 8 * i + 2 * (lane % 4) + j % 2) + column + j / 2 * 8);
}

__device__ inline place place_in(const work &w, size_t chunk) {
  const size_t begin = chunk * CHUNK, left = w.span.tokens - begin;
  return {w.sequence, w.span.entry, w.span.begin + begin, left < CHUNK ? (int)left : CHUNK};
}

/* Whether slices of so many warps keep most multiprocessors busy. */
template <int D, int WARPS> bool slices_suit(size_t heads) {
  enum { BUSY = 100 };
  return heads * (D / (16 * WARPS)) >= BUSY;
}

template <typename T, int D, int WARPS>
__device__ void load_states(const efla_cuda_job &job, const efla_cuda_chunks &chunks, const work &w,
                            shared<T, D, WARPS> &s, int thread) {
  const efla_sequence &x = job.x;
  for (size_t c = 0; c < w.chunks; c++) {
    const place at = place_in(w, c);
    const size_t unit = (w.first + c) * x.heads + w.head;
    const unsigned i = c % STATE_STAGES;
    state_stage<T, D, WARPS> &to = s.state[i];
    if (c >= STATE_STAGES) barrier_wait(&s.at.state_empty[i], c / STATE_STAGES - 1);
    copy_rows<T, D, D + PAD, LOADING>(&to.k[0][0], x.k, at, w.head, 0, thread);
    copy_rows<T, 16 * WARPS, 16 * WARPS + PAD, LOADING>(&to.v[0][0], x.v, at, w.head, w.column, thread);
    copy_square(to.solve, (const T *)chunks.solve + unit * SQUARE, thread);
    const float *from = chunks.scalars + unit * EFLA_CUDA_SCALARS;
#pragma unroll
    for (int part = thread * 4; part < EFLA_CUDA_SCALARS; part += LOADING * 4)
      copy16(shared_address((float *)&to.c + part), from + part, true);
    barrier_arrive_copied(&s.at.state_full[i]);
  }
}

template <typename T, int D, int WARPS>
__device__ void load_readers(const efla_cuda_job &job, const efla_cuda_chunks &chunks, const work &w,
                             shared<T, D, WARPS> &s, int thread) {
  const efla_sequence &x = job.x;
  for (size_t c = 0; c < w.chunks; c++) {
    const place at = place_in(w, c);
    const size_t unit = (w.first + c) * x.heads + w.head;
    const unsigned i = c % READ_STAGES;
    read_stage<T, D> &to = s.read[i];
    if (c >= READ_STAGES) barrier_wait(&s.at.read_empty[i], c / READ_STAGES - 1);
    copy_rows<T, D, D + PAD, LOADING>(&to.q[0][0], x.q, at, w.head, 0, thread);
    copy_square(to.mix, (const T *)chunks.mix + unit * SQUARE, thread);
    const scalars *from = (const scalars *)(chunks.scalars + unit * EFLA_CUDA_SCALARS);
    if (thread < CHUNK / 4) copy16(shared_address(to.read + 4 * thread), from->read + 4 * thread, true);
    barrier_arrive_copied(&s.at.read_full[i]);
  }
}

#endif

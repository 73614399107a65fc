/* SPDX-License-Identifier: MIT */
/* The chunkwise form (docs/derivations.md#e4) on tensor cores, for bf16 and f16.  With G_t the sum of the logarithms of
 * the decays of a chunk's tokens up to t, S_0 the state before it and u_t = w_t v_t - e_t S_{t-1}^T k_t,
 *
 *     u_t + sum_{s<t} L_ts u_s = w_t v_t - f_t S_0^T k_t,      L_ts = e_t exp(G_{t-1} - G_s) k_t.k_s,   f_t = e_t exp(G_{t-1}),
 *     o_t = scale exp(G_t) S_0^T q_t + sum_{s<=t} A_ts u_s,    A_ts = scale exp(G_t - G_s) q_t.k_s,
 *     S_C = exp(G_C) S_0 + sum_s k_s exp(G_C - G_s) u_s^T.
 *
 * First, all chunks at once: (I + L)^-1 by forward substitution in f32, A, and the scalars of each token.  Then one pass
 * over the chunks of each head: a warp holds 16 columns of the state as the transposed accumulators of its products,
 * S^T (16, dk), which are the operands of the next ones as they are.  Keys of norm 1 are divided by their norms through the
 * scalars. */
#include "efla/cuda/number.cuh"

namespace {

enum { CHUNK = EFLA_CUDA_CHUNK, SQUARE = CHUNK * CHUNK, SQUARE_ROW = CHUNK + 8, PAD = 8 };

/* Of one chunk and head, in EFLA_CUDA_SCALARS numbers. */
struct scalars {
  float write[CHUNK];           /* w_t */
  float erase[CHUNK];           /* f_t */
  float read[CHUNK];            /* scale exp(G_t) */
  float keep[CHUNK];            /* exp(G_C - G_t) */
  float all, unused[CHUNK - 1]; /* exp(G_C) */
};
static_assert(sizeof(scalars) == EFLA_CUDA_SCALARS * sizeof(float), "as job.h says");

/* ---- instructions ---- */

__device__ inline unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

/* 16 bytes from memory to shared memory; zeros where not `there`. */
__device__ inline void copy16(unsigned to, const void *from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0));
}
__device__ inline void copies_commit() { asm volatile("cp.async.commit_group;"); }
__device__ inline void copies_wait() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }

/* Four 8 x 8 matrices of 16-bit numbers; lane i gives the address of row i % 8 of matrix i / 8. */
__device__ inline void load4(unsigned (&x)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(address));
}
__device__ inline void load4_transposed(unsigned (&x)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(address));
}
__device__ inline unsigned transposed(unsigned x) {
  unsigned y;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y) : "r"(x));
  return y;
}

/* c (16, 8) += a (16, 16) b (16, 8) */
template <typename T> __device__ inline void multiply(float (&c)[4], const uint4 &a, unsigned b0, unsigned b1);
template <> __device__ inline void multiply<bf16>(float (&c)[4], const uint4 &a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}
template <> __device__ inline void multiply<half>(float (&c)[4], const uint4 &a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

template <typename T> __device__ inline unsigned pack(float low, float high);
template <> __device__ inline unsigned pack<bf16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *(const unsigned *)&pair;
}
template <> __device__ inline unsigned pack<half>(float low, float high) {
  const half2 pair = __floats2half2_rn(low, high);
  return *(const unsigned *)&pair;
}
template <typename T> __device__ inline float2 unpack(unsigned x) {
  const T *pair = (const T *)&x;
  return make_float2(widen(pair[0]), widen(pair[1]));
}

/* ---- where chunks are ---- */

struct place {
  size_t sequence, entry, first; /* first token */
  int tokens;                    /* in this chunk */
};

/* Of chunk number i of all. */
__device__ place place_of(const efla_sequence &x, const size_t *first, unsigned i) {
  unsigned s = 0;
  if (!first) {
    const unsigned each = (unsigned)((x.tokens + CHUNK - 1) / CHUNK);
    s = i / each, i -= s * each;
  } else {
    unsigned end = (unsigned)x.sequences; /* s: the last sequence whose first chunk is not past i */
    while (s + 1 < end) {
      const unsigned middle = (s + end) / 2;
      if (first[middle] <= i)
        s = middle;
      else
        end = middle;
    }
    i -= (unsigned)first[s];
  }
  const efla_span span = efla_sequence_span(&x, s);
  const size_t begin = (size_t)i * CHUNK, left = begin < span.tokens ? span.tokens - begin : 0;
  return {s, span.entry, span.begin + begin, left < CHUNK ? (int)left : CHUNK};
}

/* Rows of WIDTH numbers, by THREADS threads, to rows STRIDE numbers apart in shared memory; zeros past the last token. */
template <typename T, int WIDTH, int STRIDE, int THREADS>
__device__ inline void copy_rows(T *to, const efla_array &a, const place &at, size_t h, size_t column, int thread) {
  constexpr int EACH = WIDTH / 8, ROWS = THREADS / EACH, STEPS = CHUNK / ROWS;
  static_assert(THREADS % EACH == 0 && CHUNK % ROWS == 0, "each thread copies the same part of some rows");
  const int row = thread / EACH, part = thread % EACH * 8;
  const T *from = (const T *)a.data + efla_array_row(&a, at.entry, h, at.first) + column + row * a.token + part;
  const ptrdiff_t step = ROWS * a.token;
  const unsigned base = shared_address(to) + 2 * (row * STRIDE + part);
  if (at.tokens == CHUNK) {
#pragma unroll
    for (int i = 0; i < STEPS; i++, from += step) copy16(base + 2 * i * ROWS * STRIDE, from, true);
  } else {
#pragma unroll
    for (int i = 0; i < STEPS; i++, from += step) {
      const bool there = row + i * ROWS < at.tokens;
      copy16(base + 2 * i * ROWS * STRIDE, there ? from : (const T *)a.data, there);
    }
  }
}

/* ---- first: what depends on a chunk's tokens only ---- */

enum { PREPARERS = 128 };

template <typename T, int D> struct prepared {
  T k[CHUNK][D + PAD];
  T q[CHUNK][D + PAD];
  float L[CHUNK][CHUNK + 4];
  double G[CHUNK], before[CHUNK]; /* G_t, G_{t-1} */
  float lambda[CHUNK], erase[CHUNK], over_norm[CHUNK];
};

/* x (16, 64) = rows 16 block ... of a times the rows of k up to the same block. */
template <typename T, int D>
__device__ inline void gram(float (&x)[8][4], const T (*a)[D + PAD], const T (*k)[D + PAD], int block, int lane) {
  const unsigned rows = shared_address(&a[block * 16 + lane % 16][lane / 16 * 8]),
                 columns = shared_address(&k[lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8]);
#pragma unroll
  for (int n = 0; n < 8; n++) x[n][0] = x[n][1] = x[n][2] = x[n][3] = 0;
#pragma unroll
  for (int i = 0; i < D / 16; i++) {
    unsigned x4[4];
    load4(x4, rows + 32 * i);
    const uint4 row = make_uint4(x4[0], x4[1], x4[2], x4[3]);
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (n > block) break;
      unsigned column[4];
      load4(column, columns + 2 * (n * 16 * (D + PAD) + 16 * i));
      multiply<T>(x[2 * n], row, column[0], column[1]);
      multiply<T>(x[2 * n + 1], row, column[2], column[3]);
    }
  }
}

/* (I + L)^-1 in place of L: blocks of 16 on the diagonal by forward substitution, then T_ij = -T_ii sum L_ik T_kj, first
 * within each half of the chunk, then between them; all in f32. */
struct square {
  float (*x)[CHUNK + 4];
};

/* A block on the diagonal, by one warp: a column to each of 16 lanes. */
__device__ inline void invert_block(square L, int block, int lane) {
  const int first = 16 * block, column = lane % 16;
  float x[16];
#pragma unroll
  for (int i = 0; i < 16; i++) {
    float sum = i == column ? 1 : 0;
#pragma unroll
    for (int j = 0; j < i; j += 4) {
      const float4 row = *(const float4 *)&L.x[first + i][first + j];
      sum -= row.x * x[j];
      if (j + 1 < i) sum -= row.y * x[j + 1];
      if (j + 2 < i) sum -= row.z * x[j + 2];
      if (j + 3 < i) sum -= row.w * x[j + 3];
    }
    x[i] = sum;
  }
  __syncwarp();
  if (lane < 16)
#pragma unroll
    for (int i = 0; i < 16; i++) L.x[first + i][first + column] = x[i];
  __syncwarp();
}

/* y += sign a b for two blocks; a lane has 8 neighbouring numbers of a row. */
__device__ inline void add_product(float (&y)[8], float sign, square L, int ai, int aj, int bi, int bj, int lane) {
  const float *a = &L.x[16 * ai + lane / 2][16 * aj];
  const int column = 16 * bj + lane % 2 * 8;
#pragma unroll
  for (int k = 0; k < 16; k++) {
    const float4 four = *(const float4 *)&a[k / 4 * 4];
    const float factor = sign * (k % 4 == 0 ? four.x : k % 4 == 1 ? four.y : k % 4 == 2 ? four.z : four.w);
    const float4 low = *(const float4 *)&L.x[16 * bi + k][column],
                 high = *(const float4 *)&L.x[16 * bi + k][column + 4];
    y[0] += factor * low.x, y[1] += factor * low.y, y[2] += factor * low.z, y[3] += factor * low.w;
    y[4] += factor * high.x, y[5] += factor * high.y, y[6] += factor * high.z, y[7] += factor * high.w;
  }
}

__device__ inline void set_block(square L, int i, int j, const float (&y)[8], int lane) {
  float4 *to = (float4 *)&L.x[16 * i + lane / 2][16 * j + lane % 2 * 8];
  to[0] = make_float4(y[0], y[1], y[2], y[3]), to[1] = make_float4(y[4], y[5], y[6], y[7]);
}

/* By four warps. */
__device__ inline void invert(square L, int warp, int lane) {
  invert_block(L, warp, lane);
  __syncthreads();
  if (warp < 2) { /* blocks (1, 0) and (3, 2) */
    const int i = 2 * warp + 1;
    float y[8] = {};
    add_product(y, 1, L, i, i - 1, i - 1, i - 1, lane);
    __syncwarp();
    set_block(L, i, i - 1, y, lane);
    __syncwarp();
    float z[8] = {};
    add_product(z, -1, L, i, i, i, i - 1, lane);
    __syncwarp();
    set_block(L, i, i - 1, z, lane);
  }
  __syncthreads();
  const int i = 2 + warp / 2, j = warp % 2; /* the lower left quarter */
  float y[8] = {}, z[8] = {};
  for (int k = j; k < 2; k++) add_product(y, 1, L, i, k, k, j, lane);
  __syncthreads();
  set_block(L, i, j, y, lane);
  __syncthreads();
  for (int k = 2; k <= i; k++) add_product(z, -1, L, i, k, k, j, lane);
  __syncthreads();
  set_block(L, i, j, z, lane);
  __syncthreads();
}

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

/* The sums of two warps' numbers up to each thread's. */
__device__ inline double running_sum(double x, int lane) {
  for (int i = 1; i < 32; i *= 2) {
    const double other = __shfl_up_sync(~0u, x, i);
    if (lane >= i) x += other;
  }
  return x;
}

/* Calls f(row, column, x, next column's x) for the products of a block of rows, over the norms of the columns' keys and
 * decayed from their tokens to the rows'. */
template <typename F>
__device__ inline void weigh(const float (&x)[8][4], int block, int lane, const double *until, const double *since,
                             const float *over_norm, bool decays, F f) {
#pragma unroll
  for (int n = 0; n < 8; n++) {
    if (n > 2 * block + 1) break;
    const int c = n * 8 + 2 * (lane % 4);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int r = 16 * block + lane / 4 + 8 * i;
      const float low = decays ? expf((float)(until[r] - since[c])) : 1,
                  high = decays ? expf((float)(until[r] - since[c + 1])) : 1;
      f(r, c, over_norm[c] * low * x[n][2 * i], over_norm[c + 1] * high * x[n][2 * i + 1]);
    }
  }
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

/* ---- then: chunk after chunk ---- */

/* A block takes WARPS slices of 16 columns.  Of each slice one warp carries the state from chunk to chunk, another one
 * reads it out a chunk later; LOADERS more warps each copy what the first and the others need.  They wait for each other at barriers in shared
 * memory: each buffer has one that says that it is full, and one that it is empty. */
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

__device__ inline void barrier_make(unsigned long long *b, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory");
}
__device__ inline void barrier_arrive(unsigned long long *b) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(shared_address(b)) : "memory");
}
/* Arrives when all copies that this thread has begun are done. */
__device__ inline void barrier_arrive_copied(unsigned long long *b) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_address(b)) : "memory");
}
/* Waits for the end of phase number `phase`, the first being 0. */
__device__ inline void barrier_wait(unsigned long long *b, unsigned phase) {
  const unsigned address = shared_address(b), parity = phase % 2;
  unsigned done = 0;
  while (!done)
    asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(address), "r"(parity)
                 : "memory");
}

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

__device__ inline place place_in(const work &w, size_t chunk) {
  const size_t begin = chunk * CHUNK, left = w.span.tokens - begin;
  return {w.sequence, w.span.entry, w.span.begin + begin, left < CHUNK ? (int)left : CHUNK};
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

/* An operand from accumulators: columns 16 i ... 16 i + 15. */
template <typename T> __device__ inline uint4 operand(const float (&low)[4], const float (&high)[4]) {
  return make_uint4(pack<T>(low[0], low[1]), pack<T>(low[2], low[3]), pack<T>(high[0], high[1]),
                    pack<T>(high[2], high[3]));
}

/* x^T (16, 64) += a (16, 16 N) rows^T, rows (64, 16 N) in shared memory from a lane's address on; of a triangular square
 * up to the diagonal.  What the next step needs is loaded before this one's products. */
template <typename T, int N, int ROW, bool TRIANGLE>
__device__ inline void times_rows(float (&x)[8][4], const uint4 (&a)[N], unsigned rows) {
  unsigned b[2][4][4];
#pragma unroll
  for (int n = 0; n < 4; n++) load4(b[0][n], rows + 2 * (n * 16 * ROW));
#pragma unroll
  for (int i = 0; i < N; i++) {
#pragma unroll
    for (int n = 0; n < 4 && i + 1 < N; n++)
      if (!TRIANGLE || i + 1 <= n) load4(b[(i + 1) % 2][n], rows + 2 * (n * 16 * ROW + 16 * (i + 1)));
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (TRIANGLE && i > n) continue;
      multiply<T>(x[2 * n], a[i], b[i % 2][n][0], b[i % 2][n][1]);
      multiply<T>(x[2 * n + 1], a[i], b[i % 2][n][2], b[i % 2][n][3]);
    }
  }
}

/* S^T (16, D) += a (16, 64) k, k (64, D) in shared memory from a lane's address on. */
template <typename T, int D>
__device__ inline void times_keys(float (&S)[D / 8][4], const uint4 (&a)[4], unsigned keys) {
  constexpr int STEPS = 4 * (D / 32); /* of 16 tokens and 32 columns */
  unsigned b[2][2][4];
#pragma unroll
  for (int j = 0; j < 2; j++) load4_transposed(b[0][j], keys + 32 * j);
#pragma unroll
  for (int i = 0; i < STEPS; i++) {
    const int next = i + 1, t = i / (D / 32), column = i % (D / 32) * 4;
#pragma unroll
    for (int j = 0; j < 2 && next < STEPS; j++)
      load4_transposed(b[next % 2][j], keys + 2 * (next / (D / 32) * 16 * (D + PAD)) + 64 * (next % (D / 32)) + 32 * j);
#pragma unroll
    for (int j = 0; j < 2; j++) {
      multiply<T>(S[column + 2 * j], a[t], b[i % 2][j][0], b[i % 2][j][1]);
      multiply<T>(S[column + 2 * j + 1], a[t], b[i % 2][j][2], b[i % 2][j][3]);
    }
  }
}

/* w v - f S^T k, in place of S^T k. */
template <typename T, int ROW>
__device__ inline void subtract_known(float (&u)[8][4], const scalars &c, const T (*v)[ROW], int column, int lane) {
  const int matrix = lane / 8, line = lane % 8, pair = 2 * (lane % 4);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned x[4];
    load4_transposed(x, shared_address(&v[16 * i + matrix / 2 * 8 + line][column + matrix % 2 * 8]));
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const int t = 16 * i + 8 * j + pair;
      const float2 w = *(const float2 *)&c.write[t], f = *(const float2 *)&c.erase[t];
      const float2 low = unpack<T>(x[2 * j]), high = unpack<T>(x[2 * j + 1]);
      float(&y)[4] = u[2 * i + j];
      y[0] = w.x * low.x - f.x * y[0], y[1] = w.y * low.y - f.y * y[1];
      y[2] = w.x * high.x - f.x * y[2], y[3] = w.y * high.y - f.y * y[3];
    }
  }
}

/* Columns of numbers (16, 64), each of a token, times the token's factor. */
__device__ inline void scale_tokens(float (&x)[8][4], const float *factors, int lane) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    const float2 f = *(const float2 *)&factors[8 * i + 2 * (lane % 4)];
    x[i][0] *= f.x, x[i][1] *= f.y, x[i][2] *= f.x, x[i][3] *= f.y;
  }
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

template <typename T, int D, int WARPS>
__device__ void read_out(const efla_cuda_job &job, const work &w, shared<T, D, WARPS> &s, int warp, int lane) {
  const int matrix = lane / 8, line = lane % 8, r = matrix / 2 * 8 + line, part = matrix % 2 * 8;
  const efla_array &to = job.y.o;
  for (size_t c = 0; c < w.chunks; c++) {
    const unsigned i = c % READ_STAGES, j = c % OPERANDS;
    const place at = place_in(w, c);
    read_stage<T, D> &stage = s.read[i];
    operands<D> &handed = s.handed[warp][j];
    uint4 state[D / 16], u[4];
    float o[8][4] = {};
    barrier_wait(&s.at.read_full[i], c / READ_STAGES);
    barrier_wait(&s.handed_full[warp][j], c / OPERANDS);
#pragma unroll
    for (int n = 0; n < D / 16; n++) state[n] = handed.state[n][lane];
#pragma unroll
    for (int n = 0; n < 4; n++) u[n] = handed.u[n][lane];
    barrier_arrive(&s.handed_empty[warp][j]);
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

template <typename T, int D, int WARPS>
__global__ void __launch_bounds__(64 * (WARPS + LOADERS), 1)
    pass(const __grid_constant__ efla_cuda_job job, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  shared<T, D, WARPS> &s = *(shared<T, D, WARPS> *)memory;
  constexpr int SLICES = D / (16 * WARPS);
  const efla_sequence &x = job.x;
  const int warp = warp_number(), lane = threadIdx.x % 32;
  work w = {.sequence = blockIdx.x / SLICES / (unsigned)x.heads,
            .head = blockIdx.x / SLICES % (unsigned)x.heads,
            .column = (size_t)(blockIdx.x % SLICES * 16 * WARPS)};
  w.span = efla_sequence_span(&x, w.sequence);
  w.chunks = (w.span.tokens + CHUNK - 1) / CHUNK;
  w.first = chunks.first ? chunks.first[w.sequence] : w.sequence * w.chunks;
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
  else if (warp < 2 * WARPS)
    read_out<T, D, WARPS>(job, w, s, warp - WARPS, lane);
  else if (warp < 2 * WARPS + LOADERS)
    load_states<T, D, WARPS>(job, chunks, w, s, threadIdx.x - 64 * WARPS);
  else
    load_readers<T, D, WARPS>(job, chunks, w, s, threadIdx.x - 64 * WARPS - LOADING);
}

/* ---- starting ---- */

template <typename T, int D>
cudaError_t start_prepare(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const auto kernel = prepare<T, D>;
  const int bytes = (int)sizeof(prepared<T, D>);
  const size_t blocks = chunks->chunks * job->x.heads;
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, PREPARERS, bytes, stream>>>(*job, *chunks);
  return cudaGetLastError();
}

template <typename T, int D, int WARPS>
cudaError_t start_pass(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const auto kernel = pass<T, D, WARPS>;
  const int bytes = (int)sizeof(shared<T, D, WARPS>);
  const size_t blocks = job->states * job->x.heads * (D / (16 * WARPS));
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, 64 * (WARPS + LOADERS), bytes, stream>>>(*job, *chunks);
  return cudaGetLastError();
}

/* The widest blocks that still keep most multiprocessors busy: few heads are split into narrow slices. */
template <typename T, int D>
cudaError_t start(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  enum { BUSY = 100 };
  cudaError_t error = start_prepare<T, D>(job, chunks, stream);
  if (error) return error;
  const size_t heads = job->states * job->x.heads;
  if (heads * (D / 64) >= BUSY) return start_pass<T, D, 4>(job, chunks, stream);
  if (heads * (D / 32) >= BUSY) return start_pass<T, D, 2>(job, chunks, stream);
  return start_pass<T, D, 1>(job, chunks, stream);
}

} // namespace

cudaError_t efla_cuda_chunkwise(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const bool brain = job->x.v.type == EFLA_BF16;
  if (job->x.dk == 128) return brain ? start<bf16, 128>(job, chunks, stream) : start<half, 128>(job, chunks, stream);
  return brain ? start<bf16, 64>(job, chunks, stream) : start<half, 64>(job, chunks, stream);
}

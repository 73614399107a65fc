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
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y) : "r"(x));
  return y;
}

/* c (16, 8) += a (16, 16) b (16, 8) */
template <typename T> __device__ inline void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);
template <> __device__ inline void multiply<bf16>(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <> __device__ inline void multiply<half>(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
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
__device__ place place_of(const efla_sequence &x, const size_t *first, size_t i) {
  size_t s = 0, least = 0, most = x.sequences;
  if (!first) {
    const size_t each = (x.tokens + CHUNK - 1) / CHUNK;
    s = i / each, i -= s * each;
  } else {
    while (least + 1 < most) { /* the last sequence whose first chunk is not past i and that is not empty */
      const size_t middle = (least + most) / 2;
      if (first[middle] <= i)
        least = middle;
      else
        most = middle;
    }
    s = least, i -= first[s];
  }
  const efla_span span = efla_sequence_span(&x, s);
  const size_t begin = i * CHUNK, left = begin < span.tokens ? span.tokens - begin : 0;
  return {s, span.entry, span.begin + begin, left < CHUNK ? (int)left : CHUNK};
}

/* Rows of 2 x width bytes to rows of `stride` numbers in shared memory, zeros past the last token. */
template <typename T, int WIDTH, int THREADS>
__device__ inline void copy_rows(T *to, int stride, const efla_array &a, const efla_sequence &x, const place &at,
                                 size_t h, size_t column) {
  constexpr int EACH = WIDTH / 8;
  const T *from = (const T *)a.data + efla_array_row(&a, at.entry, h, at.first) + column;
  const unsigned base = shared_address(to);
#pragma unroll
  for (int i = threadIdx.x; i < CHUNK * EACH; i += THREADS) {
    const int t = i / EACH, part = i % EACH * 8;
    const bool there = t < at.tokens;
    copy16(base + 2 * (t * stride + part), there ? from + t * a.token + part : (const T *)a.data, there);
  }
}

/* ---- first: what depends on a chunk's tokens only ---- */

enum { PREPARERS = 128 };

template <typename T, int D> struct prepared {
  T k[CHUNK][D + PAD];
  union {
    T q[CHUNK][D + PAD];
    T solve[CHUNK][SQUARE_ROW];
  };
  float L[CHUNK][CHUNK + 4];
  double G[CHUNK], before[CHUNK]; /* G_t, G_{t-1} */
  float lambda[CHUNK], erase[CHUNK], over_norm[CHUNK];
};

/* x (16, 64) = rows of a times all rows of k, as far as the diagonal; 16 rows to a warp. */
template <typename T, int D>
__device__ inline void gram(float (&x)[8][4], const T (*a)[D + PAD], const T (*k)[D + PAD], int warp, int lane) {
  const unsigned rows = shared_address(&a[warp * 16 + lane % 16][lane / 16 * 8]),
                 columns = shared_address(&k[lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8]);
#pragma unroll
  for (int n = 0; n < 8; n++) x[n][0] = x[n][1] = x[n][2] = x[n][3] = 0;
#pragma unroll
  for (int i = 0; i < D / 16; i++) {
    unsigned row[4];
    load4(row, rows + 32 * i);
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (n > warp) continue;
      unsigned column[4];
      load4(column, columns + 2 * (n * 16 * (D + PAD) + 16 * i));
      multiply<T>(x[2 * n], row, column[0], column[1]);
      multiply<T>(x[2 * n + 1], row, column[2], column[3]);
    }
  }
}

/* Column `column` of (I + L)^-1 from row FIRST on, above which it is 0. */
template <typename T, int FIRST, typename SHARED> __device__ inline void substitute(SHARED &s, int column) {
  float x[CHUNK];
#pragma unroll
  for (int i = FIRST; i < CHUNK; i++) {
    float sum[4] = {i == column ? 1.f : 0.f, 0, 0, 0};
#pragma unroll
    for (int j = FIRST; j < i; j += 4) {
      const float4 row = *(const float4 *)&s.L[i][j];
      sum[0] -= row.x * x[j];
      if (j + 1 < i) sum[1] -= row.y * x[j + 1];
      if (j + 2 < i) sum[2] -= row.z * x[j + 2];
      if (j + 3 < i) sum[3] -= row.w * x[j + 3];
    }
    x[i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    s.solve[i][column] = narrow<T>(x[i]);
  }
#pragma unroll
  for (int i = 0; i < FIRST; i++) s.solve[i][column] = narrow<T>(0.f);
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

template <typename T, int D>
__global__ void __launch_bounds__(PREPARERS)
    prepare(const __grid_constant__ efla_cuda_job job, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  prepared<T, D> &s = *(prepared<T, D> *)memory;
  const efla_sequence &x = job.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const size_t h = blockIdx.x % x.heads, unit = blockIdx.x;
  if (chunks.first && unit / x.heads >= chunks.first[x.sequences]) return;
  const place at = place_of(x, chunks.first, unit / x.heads);
  copy_rows<T, D, PREPARERS>(&s.k[0][0], D + PAD, x.k, x, at, h, 0);
  copy_rows<T, D, PREPARERS>(&s.q[0][0], D + PAD, x.q, x, at, h, 0);
  copies_commit();
  copies_wait();
  __syncthreads();
  float kk[8][4], qk[8][4];
  gram<T, D>(kk, s.k, s.k, warp, lane);
  gram<T, D>(qk, s.q, s.k, warp, lane);
  /* lambda is the diagonal of kk */
  const int row = warp * 16 + lane / 4, pair = 2 * (lane % 4);
#pragma unroll
  for (int n = 0; n < 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int r = row + i / 2 * 8, c = n * 8 + pair + i % 2;
      if (r == c) s.lambda[r] = kk[n][i];
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
#pragma unroll
  for (int n = 0; n < 8; n++) {
    if (n > 2 * warp + 1) continue;
    const int column = n * 8 + pair;
    const double G0 = s.G[column], G1 = s.G[column + 1];
    const float n0 = s.over_norm[column], n1 = s.over_norm[column + 1];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int r = row + 8 * i;
      const float erase = s.erase[r] * s.over_norm[r], scale = (float)job.rule.scale;
      const float back0 = decays ? expf((float)(s.before[r] - G0)) : 1,
                  back1 = decays ? expf((float)(s.before[r] - G1)) : 1;
      const float now0 = decays ? expf((float)(s.G[r] - G0)) : 1, now1 = decays ? expf((float)(s.G[r] - G1)) : 1;
      *(float2 *)&s.L[r][column] = make_float2(column < r ? erase * n0 * back0 * kk[n][2 * i] : 0,
                                               column + 1 < r ? erase * n1 * back1 * kk[n][2 * i + 1] : 0);
      *(unsigned *)(mix + r * CHUNK + column) = pack<T>(column <= r ? scale * n0 * now0 * qk[n][2 * i] : 0,
                                                        column + 1 <= r ? scale * n1 * now1 * qk[n][2 * i + 1] : 0);
    }
  }
  __syncthreads();
  if (warp == 0) substitute<T, 0>(s, threadIdx.x);
  if (warp == 1) substitute<T, 32>(s, threadIdx.x);
  __syncthreads();
  for (int i = threadIdx.x; i < CHUNK * 8; i += PREPARERS) {
    const int r = i / 8, part = i % 8 * 8;
    if (part < (r / 16 + 1) * 16) *(uint4 *)(solve + r * CHUNK + part) = *(const uint4 *)&s.solve[r][part];
  }
}

/* ---- then: chunk after chunk ---- */

template <typename T, int D, int WARPS> struct stage {
  static constexpr int WIDTH = 16 * WARPS;
  T k[CHUNK][D + PAD], q[CHUNK][D + PAD], v[CHUNK][WIDTH + PAD], solve[CHUNK][SQUARE_ROW], mix[CHUNK][SQUARE_ROW];
  scalars c;
};

/* Rows of a triangular square, whose blocks of 16 above the diagonal nobody reads. */
template <typename T, int THREADS> __device__ inline void copy_square(T (*to)[SQUARE_ROW], const T *from) {
  const unsigned base = shared_address(to);
#pragma unroll
  for (int i = threadIdx.x; i < CHUNK * 8; i += THREADS) {
    const int r = i / 8, part = i % 8 * 8;
    if (part < (r / 16 + 1) * 16) copy16(base + 2 * (r * SQUARE_ROW + part), from + r * CHUNK + part, true);
  }
}

template <typename T, int D, int WARPS>
__device__ inline void fetch(stage<T, D, WARPS> &s, const efla_cuda_job &job, const efla_cuda_chunks &chunks,
                             const place &at, size_t h, size_t column, size_t unit) {
  constexpr int THREADS = 32 * WARPS;
  const efla_sequence &x = job.x;
  copy_rows<T, D, THREADS>(&s.k[0][0], D + PAD, x.k, x, at, h, 0);
  copy_rows<T, D, THREADS>(&s.q[0][0], D + PAD, x.q, x, at, h, 0);
  copy_rows<T, 16 * WARPS, THREADS>(&s.v[0][0], 16 * WARPS + PAD, x.v, x, at, h, column);
  copy_square<T, THREADS>(s.solve, (const T *)chunks.solve + unit * SQUARE);
  copy_square<T, THREADS>(s.mix, (const T *)chunks.mix + unit * SQUARE);
  const float *from = chunks.scalars + unit * EFLA_CUDA_SCALARS;
  for (int i = threadIdx.x; i < EFLA_CUDA_SCALARS / 4; i += THREADS)
    copy16(shared_address((float *)&s.c + 4 * i), from + 4 * i, true);
  copies_commit();
}

/* An operand from accumulators: columns 16 i ... 16 i + 15. */
template <typename T> __device__ inline void operand(unsigned (&a)[4], const float (&low)[4], const float (&high)[4]) {
  a[0] = pack<T>(low[0], low[1]), a[1] = pack<T>(low[2], low[3]);
  a[2] = pack<T>(high[0], high[1]), a[3] = pack<T>(high[2], high[3]);
}

/* x^T (16, 64) += a (16, 16 n) rows^T, rows (64, 16 n) in shared memory; of a triangular square up to the diagonal. */
template <typename T, int N, int ROW, bool TRIANGLE>
__device__ inline void times_rows(float (&x)[8][4], const unsigned (&a)[N][4], unsigned rows) {
#pragma unroll
  for (int i = 0; i < N; i++)
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (TRIANGLE && i > n) continue;
      unsigned b[4];
      load4(b, rows + 2 * (n * 16 * ROW + 16 * i));
      multiply<T>(x[2 * n], a[i], b[0], b[1]);
      multiply<T>(x[2 * n + 1], a[i], b[2], b[3]);
    }
}

template <typename T, int D, int WARPS>
__global__ void __launch_bounds__(32 * WARPS)
    pass(const __grid_constant__ efla_cuda_job job, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  typedef stage<T, D, WARPS> stage_type;
  stage_type *stages = (stage_type *)memory;
  constexpr int SLICES = D / (16 * WARPS);
  const efla_sequence &x = job.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, pair = 2 * (lane % 4);
  const size_t column = blockIdx.x % SLICES * 16 * WARPS, head = blockIdx.x / SLICES, sequence = head / x.heads,
               h = head % x.heads;
  const efla_span span = efla_sequence_span(&x, sequence);
  const size_t n = (span.tokens + CHUNK - 1) / CHUNK, own = column + 16 * warp + lane / 4,
               first = chunks.first ? chunks.first[sequence] : sequence * n;
  float S[D / 8][4];
#pragma unroll
  for (int i = 0; i < D / 8; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const efla_array &from = x.initial_state;
      S[i][j] =
          from.data
              ? state_number<T, float>(from, efla_array_row(&from, sequence, h, 8 * i + pair + j % 2) + own + j / 2 * 8)
              : 0;
    }
  place at = {sequence, span.entry, span.begin, span.tokens < CHUNK ? (int)span.tokens : CHUNK};
  if (n > 0) fetch<T, D, WARPS>(stages[0], job, chunks, at, h, column, first * x.heads + h);
  for (size_t c = 0; c < n; c++) {
    stage_type &s = stages[c % 2];
    place next = at;
    copies_wait();
    __syncthreads();
    if (c + 1 < n) {
      const size_t left = span.tokens - (c + 1) * CHUNK;
      next.first += CHUNK, next.tokens = left < CHUNK ? (int)left : CHUNK;
      fetch<T, D, WARPS>(stages[(c + 1) % 2], job, chunks, next, h, column, (first + c + 1) * x.heads + h);
    }
    const int matrix = lane / 8, line = lane % 8;
    unsigned state[D / 16][4];
#pragma unroll
    for (int i = 0; i < D / 16; i++) operand<T>(state[i], S[2 * i], S[2 * i + 1]);
    float u[8][4] = {}, o[8][4] = {};
    const int r = matrix / 2 * 8 + line, part = matrix % 2 * 8;
    times_rows<T, D / 16, D + PAD, false>(u, state, shared_address(&s.k[r][part]));
    times_rows<T, D / 16, D + PAD, false>(o, state, shared_address(&s.q[r][part]));
    /* w v - f S^T k */
    unsigned right[4][4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      unsigned v[4];
      load4_transposed(v, shared_address(&s.v[16 * i + matrix / 2 * 8 + line][16 * warp + matrix % 2 * 8]));
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int t = 16 * i + 8 * j + pair;
        const float2 w = *(const float2 *)&s.c.write[t], f = *(const float2 *)&s.c.erase[t];
        const float2 low = unpack<T>(v[2 * j]), high = unpack<T>(v[2 * j + 1]);
        float(&y)[4] = u[2 * i + j];
        y[0] = w.x * low.x - f.x * y[0], y[1] = w.y * low.y - f.y * y[1];
        y[2] = w.x * high.x - f.x * y[2], y[3] = w.y * high.y - f.y * y[3];
      }
      operand<T>(right[i], u[2 * i], u[2 * i + 1]);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) u[i][0] = u[i][1] = u[i][2] = u[i][3] = 0;
    times_rows<T, 4, SQUARE_ROW, true>(u, right, shared_address(&s.solve[r][part]));
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const float2 read = *(const float2 *)&s.c.read[8 * i + pair];
      o[i][0] *= read.x, o[i][1] *= read.y, o[i][2] *= read.x, o[i][3] *= read.y;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) operand<T>(right[i], u[2 * i], u[2 * i + 1]);
    times_rows<T, 4, SQUARE_ROW, true>(o, right, shared_address(&s.mix[r][part]));
    /* the state after the chunk */
    const float all = s.c.all;
#pragma unroll
    for (int i = 0; i < D / 8; i++) S[i][0] *= all, S[i][1] *= all, S[i][2] *= all, S[i][3] *= all;
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const float2 keep = *(const float2 *)&s.c.keep[16 * i + 8 * j + pair];
        float(&y)[4] = u[2 * i + j];
        y[0] *= keep.x, y[1] *= keep.y, y[2] *= keep.x, y[3] *= keep.y;
      }
      operand<T>(right[i], u[2 * i], u[2 * i + 1]);
      const unsigned keys = shared_address(&s.k[16 * i + matrix % 2 * 8 + line][matrix / 2 * 8]);
#pragma unroll
      for (int j = 0; j < D / 16; j++) {
        unsigned b[4];
        load4_transposed(b, keys + 32 * j);
        multiply<T>(S[2 * j], right[i], b[0], b[1]);
        multiply<T>(S[2 * j + 1], right[i], b[2], b[3]);
      }
    }
    /* o^T is transposed in registers: a thread then has two neighbouring columns of one token */
    T *to = job.y.o.data ? (T *)job.y.o.data + efla_array_row(&job.y.o, at.entry, h, at.first) : NULL;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const unsigned low = transposed(pack<T>(o[i][0], o[i][1])), high = transposed(pack<T>(o[i][2], o[i][3]));
      const int t = 8 * i + lane / 4;
      if (!to || t >= at.tokens) continue;
      T *row = to + t * job.y.o.token + column + 16 * warp + pair;
      *(unsigned *)row = low, *(unsigned *)(row + 8) = high;
    }
    at = next;
  }
  const efla_array &final = job.y.final_state;
  if (!final.data) return;
#pragma unroll
  for (int i = 0; i < D / 8; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      set_state<T, float>(final, efla_array_row(&final, sequence, h, 8 * i + pair + j % 2) + own + j / 2 * 8, S[i][j]);
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
  const int bytes = 2 * (int)sizeof(stage<T, D, WARPS>);
  const size_t blocks = job->states * job->x.heads * (D / (16 * WARPS));
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, 32 * WARPS, bytes, stream>>>(*job, *chunks);
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

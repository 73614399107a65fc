/* SPDX-License-Identifier: MIT */
/* The recurrence, token by token, for every type, size and rule.  A warp holds all rows of some columns of one head's
 * state in registers: LANES of its lanes share a column, each with the rows lane, lane + LANES, ...; a thread has WIDE
 * neighbouring columns.  The columns of a state do not depend on each other: the warps of a block only share the
 * tokens' keys, which they treat and stage in shared memory a few tokens at a time. */
#ifndef EFLA_CUDA_RECURRENT_CUH
#define EFLA_CUDA_RECURRENT_CUH

#include "efla/cuda/number.cuh"

namespace {

/* Tokens that are staged together, each (4, rows): q, k that is added along, p that is erased by, the rows' decays;
 */
struct stage_shape {
  int tokens, rows;
};

template <typename REAL> struct staged { REAL *q, *adds, *erases, *decays; };

template <typename REAL> __device__ staged<REAL> staged_at(REAL *memory, stage_shape n, int t) {
  REAL *at = memory + (size_t)t * 4 * n.rows;
  return {at, at + n.rows, at + 2 * n.rows, at + 3 * n.rows};
}

/* The treated key of one token, by one warp: of norm 1 as rule.c has it, scaled by a power of two first.  Returns the
 * norm that it was divided by, of a key of zeros 0. */
template <typename T, typename REAL> __device__ double stage_key(const T *k, int dk, bool unit, REAL *to) {
  const int lane = threadIdx.x % 32;
  double largest = 0, squares = 0;
  for (int i = lane; i < dk && unit; i += 32) largest = fmax(largest, fabs((double)widen(k[i])));
  for (int i = 16; i > 0 && unit; i /= 2) largest = fmax(largest, __shfl_xor_sync(~0u, largest, i));
  const int shift = unit && largest > 0 && isfinite(largest) ? -ilogb(largest) : 0;
  for (int i = lane; i < dk && unit; i += 32) {
    const double x = ldexp((double)widen(k[i]), shift);
    squares += x * x;
  }
  const double norm = unit && largest > 0 ? sqrt(warp_sum(squares)) : 1;
  for (int i = lane; i < dk; i += 32)
    to[i] = unit ? (REAL)(ldexp((double)widen(k[i]), shift) / norm) : (REAL)widen(k[i]);
  return unit && largest == 0 ? 0 : ldexp(norm, -shift);
}

/* One token, by one warp: returns lambda. */
template <typename T, typename REAL>
__device__ double stage_token(const efla_cuda_job &job, size_t b, size_t h, size_t t, staged<REAL> s, int rows) {
  const efla_sequence &x = job.x;
  const int lane = threadIdx.x % 32, dk = (int)x.dk;
  stage_key((const T *)x.k.data + efla_array_row(&x.k, b, h, t), dk, job.rule.unit, s.adds);
  const T *q = job.y.o.data ? (const T *)x.q.data + efla_array_row(&x.q, b, h, t) : NULL;
  const T *p = x.p.data ? (const T *)x.p.data + efla_array_row(&x.p, b, h, t) : NULL;
  double lambda = 0;
  for (int i = lane; i < rows; i += 32) {
    const REAL key = i < dk ? s.adds[i] : (REAL)0, erase = i < dk && p ? (REAL)widen(p[i]) : key;
    s.q[i] = i < dk && q ? (REAL)widen(q[i]) : (REAL)0;
    s.adds[i] = key, s.erases[i] = erase;
    lambda += (double)erase * (double)key;
  }
  if (x.g_per_channel) {
    const ptrdiff_t g = efla_array_row(&x.g, b, h, t);
    const double share = job.rule.share;
    for (int i = lane; i < dk; i += 32) {
      const double log_decay = number<T>(x.g, g + i);
      s.decays[i] = (REAL)exp(log_decay);
      s.erases[i] = (REAL)((double)s.erases[i] * exp(share * log_decay)); /* share is 1/2 or 1 */
      if (share != 1) s.adds[i] = (REAL)((double)s.adds[i] * exp((1 - share) * log_decay));
    }
  }
  return warp_sum(lambda);
}

/* What the coefficients of one token follow from. */
struct arguments {
  double lambda, beta, g;
};

template <typename T> __device__ arguments read_arguments(const efla_sequence &x, size_t b, size_t h, size_t t) {
  return {0, number<T>(x.beta, efla_array_row(&x.beta, b, h, t)),
          x.g.data && !x.g_per_channel ? number<T>(x.g, efla_array_row(&x.g, b, h, t)) : 0};
}

/* The coefficients of one token, by one thread: e, w, d. */
template <typename REAL> __device__ void set_coefficients(const efla_cuda_rule &rule, const arguments &a, REAL *out) {
  efla_rates r;
  efla_coefficients c;
  rates_of(rule.decay, a.beta, a.g, &r);
  coefficients_of(rule, r, a.lambda, &c);
  out[0] = (REAL)c.erase, out[1] = (REAL)c.write, out[2] = (REAL)c.decay;
}

/* The sum over the lanes that share a column. */
template <int LANES, typename REAL> __device__ REAL lanes_sum(REAL x) {
  for (int i = 16; i >= 32 / LANES; i /= 2) x += __shfl_xor_sync(~0u, x, i);
  return x;
}

/* Neighbouring numbers, loaded and stored at once. */
template <typename REAL, int WIDE> struct alignas(sizeof(REAL) * WIDE) vector { REAL at[WIDE]; };

/* Warps of a block at most: staging is the same work for any number of them. */
enum { WARPS = 4 };

/* Whether rows of a state array can be taken as vectors. */
enum { VECTORS_IN = 1, VECTORS_OUT = 2 };

/* The numbers of a state that one thread has. */
template <typename T, typename REAL, int ROWS, int WIDE, int LANES> struct part {
  typedef vector<REAL, WIDE> vec;
  int row, column, dk, dv; /* the first ones of the thread */
  vec S[ROWS];

  /* Row r of the thread is `step` numbers further than row r - 1. */
  __device__ void load(const efla_array &from, size_t s, size_t h, bool vectors) {
    ptrdiff_t at = from.data ? efla_array_row(&from, s, h, row) + column : 0;
    const ptrdiff_t step = LANES * from.token;
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int j = 0; j < WIDE; j++) S[r].at[j] = 0;
    if (!from.data || column >= dv) return;
    if (vectors) {
#pragma unroll
      for (int r = 0; r < ROWS; r++, at += step)
        if (row + r * LANES < dk) S[r] = *(const vec *)((const REAL *)from.data + at);
    } else {
#pragma unroll
      for (int r = 0; r < ROWS; r++, at += step)
#pragma unroll
        for (int j = 0; j < WIDE; j++)
          if (row + r * LANES < dk && column + j < dv) S[r].at[j] = state_number<T, REAL>(from, at + j);
    }
  }

  __device__ void store(const efla_array &to, size_t s, size_t h, bool vectors) const {
    if (!to.data || column >= dv) return;
    ptrdiff_t at = efla_array_row(&to, s, h, row) + column;
    const ptrdiff_t step = LANES * to.token;
    if (vectors) {
#pragma unroll
      for (int r = 0; r < ROWS; r++, at += step)
        if (row + r * LANES < dk) *(vec *)((REAL *)to.data + at) = S[r];
    } else {
#pragma unroll
      for (int r = 0; r < ROWS; r++, at += step)
#pragma unroll
        for (int j = 0; j < WIDE; j++)
          if (row + r * LANES < dk && column + j < dv) set_state<T, REAL>(to, at + j, S[r].at[j]);
    }
  }

  /* S <- D S + adds (w v - e S^T erases)^T, o = S^T q.  Rows past dk stay 0, whatever u is. */
  __device__ vec advance(staged<REAL> token, const REAL *c, vec v, bool channels) {
    vec u, o;
#pragma unroll
    for (int j = 0; j < WIDE; j++) u.at[j] = o.at[j] = 0;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const REAL p = token.erases[row + r * LANES];
#pragma unroll
      for (int j = 0; j < WIDE; j++) u.at[j] += p * S[r].at[j];
    }
#pragma unroll
    for (int j = 0; j < WIDE; j++) u.at[j] = c[1] * v.at[j] - c[0] * lanes_sum<LANES>(u.at[j]);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const int i = row + r * LANES;
      const REAL k = token.adds[i], q = token.q[i], d = channels ? token.decays[i] : c[2];
#pragma unroll
      for (int j = 0; j < WIDE; j++) {
        const REAL next = d * S[r].at[j] + k * u.at[j];
        S[r].at[j] = i < dk ? next : 0;
        o.at[j] += q * S[r].at[j];
      }
    }
#pragma unroll
    for (int j = 0; j < WIDE; j++) o.at[j] = lanes_sum<LANES>(o.at[j]);
    return o;
  }
};

/* A row of v from its column on, as it is: nothing waits for it yet.  0 past the end. */
template <typename T, int WIDE> struct raw { T at[WIDE]; };

template <typename T, int WIDE> __device__ raw<T, WIDE> read_v(const T *row, int column, int dv) {
  raw<T, WIDE> v;
#pragma unroll
  for (int j = 0; j < WIDE; j++) v.at[j] = column + j < dv ? row[column + j] : T(0.f);
  return v;
}

template <typename T, typename REAL, int ROWS, int WIDE, int LANES>
__global__ void __launch_bounds__(32 * WARPS, ROWS *WIDE * sizeof(REAL) <= 256 ? 4 : 1)
    recurrent(const __grid_constant__ efla_cuda_job job, int tile, int groups, int vectors) {
  extern __shared__ __align__(16) char memory[];
  arguments *given = (arguments *)memory;
  REAL *coefficients = (REAL *)(given + tile), *keys = coefficients + 4 * tile;
  const stage_shape shape = {tile, ROWS * LANES};
  const efla_sequence &x = job.x;
  const int warp = warp_number(), lane = threadIdx.x % 32, warps = blockDim.x / 32, columns = 32 / LANES;
  const unsigned head = blockIdx.x / groups, s = head / (unsigned)x.heads, h = head % (unsigned)x.heads;
  const efla_span span = efla_sequence_span(&x, s);
  part<T, REAL, ROWS, WIDE, LANES> own = {
      lane / columns, (int)(blockIdx.x % groups * warps + warp) * columns * WIDE + lane % columns * WIDE, (int)x.dk,
      (int)x.dv};
  own.load(x.initial_state, s, h, vectors & VECTORS_IN);
  const T *v_row = (const T *)x.v.data + efla_array_row(&x.v, span.entry, h, span.begin);
  raw<T, WIDE> v = {};
  if (span.tokens > 0) v = read_v<T, WIDE>(v_row, own.column, own.dv);
  for (size_t first = 0; first < span.tokens; first += tile) {
    const int n = span.tokens - first < (size_t)tile ? (int)(span.tokens - first) : tile;
    if (first > 0) __syncthreads();
    for (int t = warp; t < n; t += warps) {
      arguments a = read_arguments<T>(x, span.entry, h, span.begin + first + t);
      a.lambda =
          stage_token<T, REAL>(job, span.entry, h, span.begin + first + t, staged_at(keys, shape, t), shape.rows);
      if (lane == 0) given[t] = a;
    }
    __syncthreads();
    for (int t = threadIdx.x; t < n; t += blockDim.x) set_coefficients(job.rule, given[t], coefficients + 4 * t);
    __syncthreads();
    for (int t = 0; t < n; t++) {
      const size_t now = span.begin + first + t;
      vector<REAL, WIDE> value;
#pragma unroll
      for (int j = 0; j < WIDE; j++) value.at[j] = (REAL)widen(v.at[j]);
      v_row += x.v.token;
      if (first + t + 1 < span.tokens) v = read_v<T, WIDE>(v_row, own.column, own.dv);
      const vector<REAL, WIDE> o = own.advance(staged_at(keys, shape, t), coefficients + 4 * t, value, x.g_per_channel);
      if (!job.y.o.data || own.row != 0) continue;
      T *to = (T *)job.y.o.data + efla_array_row(&job.y.o, span.entry, h, now);
#pragma unroll
      for (int j = 0; j < WIDE; j++)
        if (own.column + j < own.dv) to[own.column + j] = narrow<T>((REAL)job.rule.scale * o.at[j]);
    }
  }
  own.store(job.y.final_state, s, h, vectors & VECTORS_OUT);
}

/* ---- starting ---- */

template <typename REAL> bool rows_are_vectors(const efla_array &a, size_t dv, int wide) {
  const size_t bytes = sizeof(REAL) * wide;
  return a.type == (sizeof(REAL) == 4 ? EFLA_F32 : EFLA_F64) && (size_t)a.data % bytes == 0 && dv % wide == 0 &&
         a.batch % wide == 0 && a.head % wide == 0 && a.token % wide == 0;
}

template <typename T, typename REAL, int ROWS, int WIDE, int LANES>
cudaError_t start(const efla_cuda_job *job, cudaStream_t stream) {
  const size_t width = 32 / LANES * WIDE, needed = (job->x.dv + width - 1) / width,
               warps = needed < WARPS ? needed : WARPS, groups = (needed + warps - 1) / warps,
               token = 4 * ROWS * LANES * sizeof(REAL), most = 40960 / token;
  const int tile = most < 1 ? 1 : most > 16 ? 16 : (int)most;
  const size_t bytes = tile * (sizeof(arguments) + 4 * sizeof(REAL) + token);
  const int vectors = (rows_are_vectors<REAL>(job->x.initial_state, job->x.dv, WIDE) ? VECTORS_IN : 0) |
                      (rows_are_vectors<REAL>(job->y.final_state, job->x.dv, WIDE) ? VECTORS_OUT : 0);
  const auto kernel = recurrent<T, REAL, ROWS, WIDE, LANES>;
  if (bytes > 48 * 1024) {
    const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
    if (error) return error;
  }
  const size_t blocks = job->states * job->x.heads * groups;
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  kernel<<<(unsigned)blocks, (unsigned)(32 * warps), bytes, stream>>>(*job, tile, (int)groups, vectors);
  return cudaGetLastError();
}

/* ROWS WIDE numbers are at most 128 registers of 32 bits. */
template <typename T, typename REAL> cudaError_t start(const efla_cuda_job *job, cudaStream_t stream) {
  constexpr int wide = 16 / sizeof(REAL), most = 128 * 4 / sizeof(REAL);
  const size_t dk = job->x.dk;
  if (dk <= 64) return start<T, REAL, 16, wide, 4>(job, stream);
  if (dk <= 128) return start<T, REAL, 16, wide, 8>(job, stream);
  if (dk <= 256) return start<T, REAL, 32, wide, 8>(job, stream);
  if (dk <= 1024) return start<T, REAL, 32, 1, 32>(job, stream);
  return start<T, REAL, most, 1, 32>(job, stream);
}

} // namespace

#endif

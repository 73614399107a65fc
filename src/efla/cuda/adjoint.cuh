/* SPDX-License-Identifier: MIT */
/* The derivative of the recurrence (recurrent.cuh), token by token in reverse, for every type, size and rule: the
 * definition of src/efla/reference/backward.inc.  A block has WIDTH columns of one head's states.  It goes through the
 * tokens once and keeps the state before every `segment` of them; then segment by segment, from the last on, it
 * computes the states before all tokens of the segment again, and goes back through them.  Of a state and of G a thread
 * has the same numbers always: rows warp, warp + ADJOINT_WARPS, ..., columns lane and lane + 32. */
#ifndef EFLA_CUDA_ADJOINT_CUH
#define EFLA_CUDA_ADJOINT_CUH

#include "efla/cuda/recurrent.cuh"
#include "efla/cuda/slopes.cuh"

namespace {

enum { ADJOINT_WARPS = 16, WIDTH = EFLA_CUDA_ADJOINT_WIDTH };
static_assert(WIDTH == 64, "two columns a lane");

/* What is kept of each token for the kernel that finishes: rows of dk numbers by kind, from each slice of columns. */
enum { BY_Q, BY_K, BY_P, BY_D, KINDS };

__device__ inline size_t row_of(const efla_sequence &x, size_t b, size_t h, size_t t) {
  return (b * x.heads + h) * x.tokens + t;
}
template <typename REAL>
__device__ inline REAL *kept_row(const efla_cuda_adjoint &a, size_t slice, int kind, size_t row) {
  const efla_sequence &x = a.job.x;
  return (REAL *)a.rows + ((slice * KINDS + kind) * x.batch * x.heads * x.tokens + row) * x.dk;
}
/* v.du and -s.du of half a slice. */
template <typename REAL> __device__ inline REAL *kept_sums(const efla_cuda_adjoint &a, size_t half, size_t row) {
  const efla_sequence &x = a.job.x;
  return (REAL *)a.sums + (half * x.batch * x.heads * x.tokens + row) * 2;
}

template <typename T, typename REAL> struct slice_of_head {
  const efla_cuda_adjoint &a;
  size_t slice, head, sequence;
  efla_span span;
  int warp, lane, dk, tile;
  REAL *S, *G; /* (dk, WIDTH), of this block */
  arguments *given;
  REAL *coefficients, *keys; /* of `tile` tokens */
  REAL *sums[2];             /* (ADJOINT_WARPS, WIDTH): parts of S^T p and of G^T k */
  REAL *u, *du;              /* (WIDTH) */

  __device__ int column(int c) const { return (int)slice * WIDTH + c; }

  /* Number c of this slice of a row of `from`. */
  __device__ REAL value(const efla_array &from, size_t t, int c) const {
    if (!from.data || column(c) >= (int)a.job.x.dv) return 0;
    return (REAL)widen(((const T *)from.data)[efla_array_row(&from, span.entry, head, span.begin + t) + column(c)]);
  }

  template <typename F> __device__ void each(F f) const {
    for (int r = warp; r < dk; r += ADJOINT_WARPS)
#pragma unroll
      for (int j = 0; j < 2; j++) f(r, j, r * WIDTH + lane + 32 * j);
  }
  __device__ void load(REAL *to, const efla_array &from) const {
    each([&](int r, int j, int i) {
      const int c = lane + 32 * j;
      const bool there = from.data && column(c) < (int)a.job.x.dv;
      to[i] = there ? state_number<T, REAL>(from, efla_array_row(&from, sequence, head, r) + column(c)) : (REAL)0;
    });
  }
  __device__ void copy(REAL *to, const REAL *from) const {
    each([&](int, int, int i) { to[i] = from[i]; });
  }

  __device__ void stage(size_t first, int n) {
    const stage_shape shape = {tile, dk};
    __syncthreads();
    for (int t = warp; t < n; t += ADJOINT_WARPS) {
      arguments x = read_arguments<T>(a.job.x, span.entry, head, span.begin + first + t);
      x.lambda = stage_token<T, REAL>(a.job, span.entry, head, span.begin + first + t, staged_at(keys, shape, t), dk);
      if (lane == 0) given[t] = x;
    }
    __syncthreads();
    if (threadIdx.x < n) set_coefficients(a.job.rule, given[threadIdx.x], coefficients + 4 * threadIdx.x);
    __syncthreads();
  }

  __device__ REAL whole_sum(int which, int c) const {
    REAL sum = 0;
    for (int w = 0; w < ADJOINT_WARPS; w++) sum += sums[which][w * WIDTH + c];
    return sum;
  }

  /* Token `first + i`, number i of the tile: S to the state after it. */
  __device__ void advance(size_t first, int i) {
    const staged<REAL> token = staged_at(keys, {tile, dk}, i);
    const REAL *c = coefficients + 4 * i;
    const bool channels = a.job.x.g_per_channel;
    REAL sum[2] = {};
    each([&](int r, int j, int n) { sum[j] += token.erases[r] * S[n]; });
    sums[0][warp * WIDTH + lane] = sum[0], sums[0][warp * WIDTH + lane + 32] = sum[1];
    __syncthreads();
    if (threadIdx.x < WIDTH)
      u[threadIdx.x] = c[1] * value(a.job.x.v, first + i, threadIdx.x) - c[0] * whole_sum(0, threadIdx.x);
    __syncthreads();
    each([&](int r, int j, int n) {
      S[n] = (channels ? token.decays[r] : c[2]) * S[n] + token.adds[r] * u[lane + 32 * j];
    });
  }

  /* By a column: dv, and its parts of the sums by w and e. */
  __device__ void finish_column(const REAL *c, size_t t, int l) {
    const REAL s = whole_sum(0, l), d = whole_sum(1, l), v = value(a.job.x.v, t, l);
    u[l] = c[1] * v - c[0] * s, du[l] = d;
    const efla_array &to = a.to.v;
    if (to.data && column(l) < (int)a.job.x.dv)
      set_state<T, REAL>(to, efla_array_row(&to, span.entry, head, span.begin + t) + column(l), c[1] * d);
    const REAL by_w = warp_sum(v * d), by_e = warp_sum(-s * d);
    REAL *kept = kept_sums<REAL>(a, 2 * slice + l / 32, row_of(a.job.x, span.entry, head, span.begin + t));
    if (lane == 0) kept[0] = by_w, kept[1] = by_e;
  }

  /* Token `first + i`, from the state before it: G to the derivative by that state. */
  __device__ void retreat(size_t first, int i, const REAL *before) {
    const staged<REAL> token = staged_at(keys, {tile, dk}, i);
    const REAL *c = coefficients + 4 * i, scale = (REAL)a.job.rule.scale;
    const bool channels = a.job.x.g_per_channel;
    const size_t row = row_of(a.job.x, span.entry, head, span.begin + first + i);
    const REAL d_o[2] = {scale * value(a.job.y.o, first + i, lane), scale * value(a.job.y.o, first + i, lane + 32)};
    REAL s[2] = {}, d[2] = {};
    each([&](int r, int j, int n) {
      G[n] += token.q[r] * d_o[j];
      s[j] += token.erases[r] * before[n], d[j] += token.adds[r] * G[n];
    });
    for (int j = 0; j < 2; j++)
      sums[0][warp * WIDTH + lane + 32 * j] = s[j], sums[1][warp * WIDTH + lane + 32 * j] = d[j];
    __syncthreads();
    if (threadIdx.x < WIDTH) finish_column(c, first + i, threadIdx.x);
    __syncthreads();
    for (int r = warp; r < dk; r += ADJOINT_WARPS) {
      const REAL decay = channels ? token.decays[r] : c[2];
      REAL by[KINDS] = {};
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int l = lane + 32 * j;
        const REAL S0 = before[r * WIDTH + l], g = G[r * WIDTH + l];
        by[BY_Q] += (decay * S0 + token.adds[r] * u[l]) * d_o[j];
        by[BY_K] += g * u[l], by[BY_P] -= c[0] * S0 * du[l], by[BY_D] += g * S0;
        G[r * WIDTH + l] = decay * g - c[0] * token.erases[r] * du[l];
      }
#pragma unroll
      for (int kind = 0; kind < KINDS; kind++) {
        const REAL sum = warp_sum(by[kind]);
        if (lane == kind) kept_row<REAL>(a, slice, kind, row)[r] = sum;
      }
    }
  }

  __device__ int tile_from(size_t first, size_t end) const {
    return end - first < (size_t)tile ? (int)(end - first) : tile;
  }

  /* Forward from the state S through tokens begin ... end - 1; keep(t) before each. */
  template <typename F> __device__ void replay(size_t begin, size_t end, F keep) {
    for (size_t first = begin; first < end; first += tile) {
      const int n = tile_from(first, end);
      stage(first, n);
      for (int i = 0; i < n; i++) keep(first + i), advance(first, i);
    }
  }

  __device__ void run(REAL *checkpoints, REAL *states) {
    const size_t segment = a.segment, numbers = (size_t)dk * WIDTH;
    load(S, a.job.x.initial_state);
    load(G, a.job.y.final_state);
    replay(0, span.tokens, [&](size_t t) {
      if (t % segment == 0) copy(checkpoints + t / segment * numbers, S);
    });
    for (size_t end = span.tokens; end > 0;) {
      const size_t begin = (end - 1) / segment * segment;
      copy(S, checkpoints + begin / segment * numbers);
      replay(begin, end, [&](size_t t) { copy(states + (t - begin) * numbers, S); });
      for (size_t last = end; last > begin;) {
        const int n = last - begin < (size_t)tile ? (int)(last - begin) : tile;
        last -= n;
        stage(last, n);
        for (int i = n; i-- > 0;) retreat(last, i, states + (last + i - begin) * numbers);
      }
      end = begin;
    }
    const efla_array &to = a.to.initial_state;
    if (!to.data) return;
    each([&](int r, int j, int i) {
      const int c = lane + 32 * j;
      if (column(c) < (int)a.job.x.dv) set_state<T, REAL>(to, efla_array_row(&to, sequence, head, r) + column(c), G[i]);
    });
  }
};

template <typename T, typename REAL>
__global__ void __launch_bounds__(32 * ADJOINT_WARPS)
    adjoint(const __grid_constant__ efla_cuda_adjoint a, int tile, unsigned slices) {
  extern __shared__ __align__(16) char memory[];
  const efla_sequence &x = a.job.x;
  const size_t numbers = x.dk * WIDTH, units = a.job.states * x.heads * slices;
  REAL *own = (REAL *)a.states + blockIdx.x * (a.segment + 2) * numbers;
  slice_of_head<T, REAL> s = {a};
  s.warp = warp_number(), s.lane = threadIdx.x % 32, s.dk = (int)x.dk, s.tile = tile;
  s.S = own, s.G = own + numbers;
  s.given = (arguments *)memory;
  s.coefficients = (REAL *)(s.given + tile), s.u = s.coefficients + 4 * tile, s.du = s.u + WIDTH;
  s.sums[0] = s.du + WIDTH, s.sums[1] = s.sums[0] + ADJOINT_WARPS * WIDTH;
  s.keys = s.sums[1] + ADJOINT_WARPS * WIDTH;
  for (size_t unit = blockIdx.x; unit < units; unit += gridDim.x) {
    s.slice = unit % slices, s.head = unit / slices % x.heads, s.sequence = unit / slices / x.heads;
    s.span = efla_sequence_span(&x, s.sequence);
    const size_t first =
        x.cu_seqlens ? x.cu_seqlens[s.sequence] / a.segment + s.sequence : s.sequence * (x.tokens / a.segment + 1);
    s.run((REAL *)a.checkpoints + (first * x.heads * slices +
                                   (unit / slices % x.heads * slices + s.slice) * (s.span.tokens / a.segment + 1)) *
                                      numbers,
          own + 2 * numbers);
  }
}

/* ---- what follows from the sums over columns, a warp to each row of a token and head ---- */

/* The sums over slices. */
template <typename REAL> __device__ REAL kept(const efla_cuda_adjoint &a, size_t slices, int kind, size_t row, int i) {
  REAL sum = 0;
  for (size_t s = 0; s < slices; s++) sum += kept_row<REAL>(a, s, kind, row)[i];
  return sum;
}

/* By lambda, beta and g. */
struct scalar_slopes {
  double lambda, beta, g;
};

template <typename REAL>
__device__ scalar_slopes chain(const efla_cuda_adjoint &a, const arguments &at, size_t slices, size_t row) {
  const int lane = threadIdx.x % 32;
  double by_d = 0, by_w = 0, by_e = 0;
  for (int i = lane; i < (int)a.job.x.dk; i += 32) by_d += (double)kept<REAL>(a, slices, BY_D, row, i);
  for (size_t half = 0; half < 2 * slices; half++) {
    const REAL *sums = kept_sums<REAL>(a, half, row);
    by_w += (double)sums[0], by_e += (double)sums[1];
  }
  by_d = warp_sum(by_d);
  efla_coefficient_slopes s;
  slopes_of(a.job.rule, a.forms, at.lambda, at.beta, at.g, &s);
  return {by_d * s.by_lambda.decay + by_e * s.by_lambda.erase + by_w * s.by_lambda.write,
          by_d * s.by_beta.decay + by_e * s.by_beta.erase + by_w * s.by_beta.write,
          by_d * s.by_g.decay + by_e * s.by_g.erase + by_w * s.by_g.write};
}

/* d (treated k) in `to` to d_k (untreat.inc). */
template <typename T, typename REAL>
__device__ void untreat(const efla_cuda_adjoint &a, const REAL *key, double norm, const REAL *d, ptrdiff_t at) {
  const int lane = threadIdx.x % 32, dk = (int)a.job.x.dk;
  double along = 0;
  for (int i = lane; i < dk; i += 32) along += (double)key[i] * (double)d[i];
  along = warp_sum(along);
  for (int i = lane; i < dk && a.to.k.data; i += 32) {
    const REAL x = !a.job.rule.unit ? d[i]
                   : norm == 0      ? (REAL)0
                                    : (REAL)(((double)d[i] - (double)key[i] * along) / norm);
    set_state<T, REAL>(a.to.k, at + i, x);
  }
}

template <typename T, typename REAL>
__global__ void __launch_bounds__(32) finish(const __grid_constant__ efla_cuda_adjoint a, unsigned slices) {
  extern __shared__ __align__(16) char memory[];
  const efla_sequence &x = a.job.x;
  const int lane = threadIdx.x, dk = (int)x.dk;
  const size_t row = blockIdx.x, t = row % x.tokens, h = row / x.tokens % x.heads, b = row / x.tokens / x.heads;
  const staged<REAL> token = staged_at((REAL *)memory, {1, dk}, 0);
  REAL *key = (REAL *)memory + 4 * dk, *d_key = token.q;
  arguments at = read_arguments<T>(x, b, h, t);
  at.lambda = stage_token<T, REAL>(a.job, b, h, t, token, dk);
  const double norm = stage_key((const T *)x.k.data + efla_array_row(&x.k, b, h, t), dk, a.job.rule.unit, key);
  __syncwarp();
  const scalar_slopes by = chain<REAL>(a, at, slices, row);
  const double share = a.job.rule.share;
  for (int i = lane; i < dk; i += 32) {
    const REAL p = x.p.data ? (REAL)widen(((const T *)x.p.data)[efla_array_row(&x.p, b, h, t) + i]) : key[i];
    REAL d_k = kept<REAL>(a, slices, BY_K, row, i), d_p = kept<REAL>(a, slices, BY_P, row, i);
    if (x.g_per_channel) {
      const double g = number<T>(x.g, efla_array_row(&x.g, b, h, t) + i);
      const REAL d_g = token.decays[i] * kept<REAL>(a, slices, BY_D, row, i) + (REAL)share * (token.erases[i] * d_p) +
                       (REAL)(1 - share) * (token.adds[i] * d_k);
      if (a.to.g.data) set_state<T, REAL>(a.to.g, efla_array_row(&a.to.g, b, h, t) + i, d_g);
      if (share != 1) d_k *= (REAL)exp((1 - share) * g);
      d_p *= (REAL)exp(share * g);
    }
    d_k += (REAL)by.lambda * p, d_p += (REAL)by.lambda * key[i];
    d_key[i] = x.p.data ? d_k : d_k + d_p;
    if (a.to.p.data) set_state<T, REAL>(a.to.p, efla_array_row(&a.to.p, b, h, t) + i, d_p);
    if (a.to.q.data)
      set_state<T, REAL>(a.to.q, efla_array_row(&a.to.q, b, h, t) + i, kept<REAL>(a, slices, BY_Q, row, i));
  }
  __syncwarp();
  untreat<T, REAL>(a, key, norm, d_key, a.to.k.data ? efla_array_row(&a.to.k, b, h, t) : 0);
  if (lane > 0) return;
  if (a.to.beta.data) set_state<T, REAL>(a.to.beta, efla_array_row(&a.to.beta, b, h, t), (REAL)by.beta);
  if (a.to.g.data && !x.g_per_channel) set_state<T, REAL>(a.to.g, efla_array_row(&a.to.g, b, h, t), (REAL)by.g);
}

/* ---- starting ---- */

template <typename K> cudaError_t allow(K kernel, size_t bytes) {
  return bytes <= 48 * 1024 ? cudaSuccess
                            : cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
}

template <typename T, typename REAL> cudaError_t start_adjoint(const efla_cuda_adjoint *a, cudaStream_t stream) {
  const efla_sequence &x = a->job.x;
  const unsigned slices = (unsigned)((x.dv + WIDTH - 1) / WIDTH);
  const size_t token = 4 * x.dk * sizeof(REAL), most = 40960 / token, rows = x.batch * x.heads * x.tokens;
  const int tile = most < 1 ? 1 : most > 16 ? 16 : (int)most;
  const size_t bytes =
      tile * (sizeof(arguments) + 4 * sizeof(REAL) + token) + (2 + 2 * ADJOINT_WARPS) * WIDTH * sizeof(REAL);
  cudaError_t error = allow(adjoint<T, REAL>, bytes);
  if (!error) error = allow(finish<T, REAL>, 5 * x.dk * sizeof(REAL));
  if (error) return error;
  if (rows > 0x7fffffff) return cudaErrorInvalidConfiguration;
  adjoint<T, REAL><<<(unsigned)a->blocks, 32 * ADJOINT_WARPS, bytes, stream>>>(*a, tile, slices);
  error = cudaGetLastError();
  if (error || rows == 0) return error;
  finish<T, REAL><<<(unsigned)rows, 32, 5 * x.dk * sizeof(REAL), stream>>>(*a, slices);
  return cudaGetLastError();
}

} // namespace

#endif

/* SPDX-License-Identifier: MIT */
/* Of the chunkwise backward call, what depends on one chunk once the derivatives G by the state after it and dR by its
 * right-hand sides are known (reverse.cu).  With n_t = 1 over the norm of a key that is normalised, else 1, and the rest
 * as in chunk.cuh,
 *
 *     P_ts = scale exp(G_t - G_s) n_s do_t.u_s  (s <= t),   W_ts = -n_t n_s exp(G_{t-1} - G_s) dr_t.u_s  (s < t),
 *     dq_t = scale exp(G_t) S_0 do_t + sum_s P_ts k_s,
 *     y_t = -n_t exp(G_{t-1}) S_0 dr_t + sum_s W_ts k_s,    z_s = keep_s G u_s + sum_t P_ts q_t + sum_t e_t W_ts k_t,
 *     n_t d(n_t k_t) = e_t y_t + z_t,   dv_t = w_t dr_t,   dw_t = v_t.dr_t,   de_t = k_t.y_t.
 *
 * The sums of logarithms have the derivatives q_t.dq_t - k_t.z_t + e_{t+1} k_{t+1}.y_{t+1}, the last one <G, S_C>
 * beside, and the logarithm of a token's decay the sum of those from the token on. */
#include "efla/cuda/square.cuh"
#include "efla/cuda/tile.cuh"

namespace {

/* ROWS_AT_ONCE: which the threads of a block take, each 8 numbers of one. */
enum { P, W, SQUARES, Q_DQ = 0, K_Y, K_Z, DOTS, ROWS_AT_ONCE = 16 };
template <int D> constexpr int DERIVERS = ROWS_AT_ONCE *D / 8;

template <typename T, int D> struct desk {
  T state[D][D + PAD]; /* S_0, then G, transposed */
  union {
    T d_o[CHUNK][D + PAD], squares[SQUARES][CHUNK][SQUARE_ROW]; /* then P and W */
  };
  union {
    T d_r[CHUNK][D + PAD], q[CHUNK][D + PAD]; /* then q */
  };
  T u[CHUNK][D + PAD], k[CHUNK][D + PAD];
  double sum[CHUNK + 1], part; /* G_{t-1} */
  float lambda[CHUNK], over_norm[CHUNK], erase[CHUNK], write[CHUNK], read[CHUNK], keep[CHUNK], before[CHUNK];
  float by_w[CHUNK], along[CHUNK], dots[DOTS][tile<D>::SLICES][CHUNK], inner[D / 16], all;
  efla_cuda_token_slopes slopes[CHUNK];

  __device__ float dot(int which, int t) const {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < tile<D>::SLICES; i++) sum += dots[which][i][t];
    return sum;
  }
};

/* Where a block works. */
struct desk_place {
  place at;
  size_t unit, head;
};

template <typename T, int D, int ROWS> __device__ void copy_whole(T (*to)[D + PAD], const T *from) {
  constexpr int EACH = D / 8;
#pragma unroll
  for (int i = threadIdx.x; i < ROWS * EACH; i += DERIVERS<D>)
    copy16(shared_address(&to[i / EACH][i % EACH * 8]), from + 8 * i, true);
}

template <typename T, int D>
__device__ void read_scalars(const efla_cuda_adjoint &a, const efla_cuda_chunks &chunks, const desk_place &w,
                             desk<T, D> &s) {
  const int t = threadIdx.x;
  if (t >= CHUNK) return;
  const scalars &from = *(const scalars *)(chunks.scalars + w.unit * EFLA_CUDA_SCALARS);
  const efla_cuda_token *tokens = chunks.tokens + w.unit * CHUNK;
  const float lambda = tokens[t].lambda, n = !a.job.rule.unit ? 1 : lambda > 0 ? 1 / sqrtf(lambda) : 0;
  const double before = t > 0 ? tokens[t - 1].sum : 0;
  s.sum[t] = before, s.lambda[t] = lambda, s.over_norm[t] = n, s.erase[t] = tokens[t].erase;
  if (t == CHUNK - 1) s.sum[CHUNK] = tokens[t].sum, s.all = from.all;
  s.write[t] = from.write[t], s.read[t] = from.read[t], s.keep[t] = from.keep[t];
  s.before[t] = n * expf((float)before);
  s.slopes[t] = chunks.slopes[w.unit * CHUNK + t];
}

/* What takes the place of other numbers in the end, into the nearest cache that has room for it. */
template <typename T, int D>
__device__ void prefetch_later(const efla_cuda_adjoint &a, const efla_cuda_chunks &chunks, const desk_place &w) {
  constexpr int LINE = 128 / sizeof(T), EACH = D / LINE;
  const T *adjoint = (const T *)chunks.adjoints + w.unit * D * D;
  static_assert(D * EACH <= DERIVERS<D> && CHUNK * EACH <= DERIVERS<D>, "a thread to each line");
  const efla_array &q = a.job.x.q;
  const int i = threadIdx.x, t = i / EACH;
  if (i < D * EACH) prefetch(adjoint + i * LINE);
  if (t < w.at.tokens)
    prefetch((const T *)q.data + efla_array_row(&q, w.at.entry, w.head, w.at.first + t) + i % EACH * LINE);
}

/* What one thread takes of v: of every ROWS-th row 8 numbers. */
template <typename T, int D>
__device__ void read_values(const efla_array &from, const desk_place &w, uint4 (&v)[CHUNK / ROWS_AT_ONCE]) {
  constexpr int EACH = D / 8, ROWS = ROWS_AT_ONCE;
  const T *rows = (const T *)from.data + efla_array_row(&from, w.at.entry, w.head, w.at.first) + threadIdx.x % EACH * 8;
#pragma unroll
  for (int i = 0; i < CHUNK / ROWS; i++) {
    const int t = threadIdx.x / EACH + i * ROWS;
    v[i] = t < w.at.tokens ? *(const uint4 *)(rows + t * from.token) : make_uint4(0, 0, 0, 0);
  }
}

/* dv, and dw. */
template <typename T, int D>
__device__ void derive_values(const efla_cuda_adjoint &a, const desk_place &w, desk<T, D> &s,
                              const uint4 (&v)[CHUNK / ROWS_AT_ONCE]) {
  constexpr int EACH = D / 8, ROWS = ROWS_AT_ONCE;
  const efla_array &to = a.to.v;
  const int part = threadIdx.x % EACH * 8;
#pragma unroll
  for (int i = 0; i < CHUNK / ROWS; i++) {
    const int t = threadIdx.x / EACH + i * ROWS;
    const bool there = t < w.at.tokens;
    float sum = 0;
    if (there) {
      const uint4 d4 = *(const uint4 *)&s.d_r[t][part], v4 = v[i];
      const unsigned d[4] = {d4.x, d4.y, d4.z, d4.w}, x[4] = {v4.x, v4.y, v4.z, v4.w};
      unsigned scaled_rows[4];
      const ptrdiff_t row = to.data ? efla_array_row(&to, w.at.entry, w.head, w.at.first + t) + part : 0;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float2 dr = unpack<T>(d[j]), value = unpack<T>(x[j]);
        sum += dr.x * value.x + dr.y * value.y;
        if (to.data && to.type == EFLA_F32)
          *(float2 *)((float *)to.data + row + 2 * j) = make_float2(s.write[t] * dr.x, s.write[t] * dr.y);
        scaled_rows[j] = pack<T>(s.write[t] * dr.x, s.write[t] * dr.y);
      }
      if (to.data && to.type != EFLA_F32)
        *(uint4 *)((T *)to.data + row) = make_uint4(scaled_rows[0], scaled_rows[1], scaled_rows[2], scaled_rows[3]);
    }
#pragma unroll
    for (int j = EACH / 2; j > 0; j /= 2) sum += __shfl_xor_sync(~0u, sum, j);
    if (threadIdx.x % EACH == 0) s.by_w[t] = sum;
  }
}

/* P or W of 16 rows: weighted, as pairs of numbers. */
template <typename T, int D>
__device__ void correlate(int which, const desk<T, D> &s, bool decays, float scale, int block, int lane,
                          unsigned (&packed)[8][2]) {
  float x[8][4];
  gram<T, D>(x, which == P ? s.d_o : s.d_r, s.u, block, lane);
  const double *until = which == P ? s.sum + 1 : s.sum;
#pragma unroll
  for (int n = 0; n < 8; n++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int c = n * 8 + 2 * (lane % 4), r = 16 * block + lane / 4 + 8 * i, last = which == P ? r : r - 1;
      const float factor = which == P ? scale : -s.over_norm[r];
      float y[2];
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const float weight = decays && c + j <= last ? expf((float)(until[r] - s.sum[c + j + 1])) : 1;
        y[j] = c + j <= last ? factor * weight * s.over_norm[c + j] * x[n][2 * i + j] : 0;
      }
      packed[n][i] = pack<T>(y[0], y[1]);
    }
}

template <typename T>
__device__ void set_square(T (*to)[SQUARE_ROW], const unsigned (&packed)[8][2], int block, int lane) {
#pragma unroll
  for (int n = 0; n < 8; n++)
#pragma unroll
    for (int i = 0; i < 2; i++) *(unsigned *)&to[16 * block + lane / 4 + 8 * i][n * 8 + 2 * (lane % 4)] = packed[n][i];
}

template <typename T, int D>
__device__ void set_dots(desk<T, D> &s, int which, tile<D> &x, const T (*with)[D + PAD], int warp, int lane) {
  float sum[2][2];
  x.template dots<T, D + PAD>(with, sum);
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int half = 0; half < 2; half++)
      if (lane % 4 == 0) s.dots[which][warp % tile<D>::SLICES][x.row_at(m, half)] = sum[m][half];
}

/* Rows of a derivative that has not the type T: f32, which is summed later. */
template <int D> __device__ void put_wide_rows(const efla_array &to, ptrdiff_t first, int tokens, tile<D> &x) {
  x.each([&](int m, int n, float(&y)[4]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int t = x.row_at(m, half);
      if (t < tokens)
        *(float2 *)((float *)to.data + first + t * to.token + x.column_at(n)) =
            make_float2(y[2 * half], y[2 * half + 1]);
    }
  });
}

template <typename T, int D> __device__ void put_rows(const efla_array &to, const desk_place &w, tile<D> &x) {
  if (!to.data) return;
  const ptrdiff_t first = efla_array_row(&to, w.at.entry, w.head, w.at.first);
  if (to.type == EFLA_F32) return put_wide_rows<D>(to, first, w.at.tokens, x);
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int t = x.row_at(m, half);
      unsigned pairs[4];
#pragma unroll
      for (int i = 0; i < 4; i++) pairs[i] = pack<T>(x.x[m][i][2 * half], x.x[m][i][2 * half + 1]);
      const uint4 row = exchanged(pairs[0], pairs[1], pairs[2], pairs[3], x.lane);
      if (t < w.at.tokens) *(uint4 *)((T *)to.data + first + t * to.token + x.column + 8 * (x.lane % 4)) = row;
    }
}

/* <G, S_0> of a thread's numbers, of which G is in shared memory. */
template <typename T, int D> __device__ float inner_before(const desk<T, D> &s, const T *state) {
  constexpr int EACH = D / 8;
  float sum = 0;
#pragma unroll 4
  for (int i = threadIdx.x; i < D * EACH; i += DERIVERS<D>) {
    const uint4 x4 = *(const uint4 *)(state + 8 * i), y4 = *(const uint4 *)&s.state[i / EACH][i % EACH * 8];
    const unsigned x[4] = {x4.x, x4.y, x4.z, x4.w}, y[4] = {y4.x, y4.y, y4.z, y4.w};
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float2 l = unpack<T>(x[j]), r = unpack<T>(y[j]);
      sum += l.x * r.x + l.y * r.y;
    }
  }
  return s.all * sum;
}

/* The derivative by the logarithm of each token's decay, up to the sum over the second half of the chunk, which is set
 * for the first half: by two warps, a thread to a token, the last one first. */
template <typename T, int D> __device__ double derive_decay(desk<T, D> &s, int t) {
  double by_sum = (double)s.dot(Q_DQ, t) - s.dot(K_Z, t);
  if (t < CHUNK - 1)
    by_sum += s.erase[t + 1] * s.dot(K_Y, t + 1);
  else
    for (int i = 0; i < D / 16; i++) by_sum += s.inner[i];
  const double by_log = running_sum(by_sum, threadIdx.x % 32);
  if (threadIdx.x == 31) s.part = by_log;
  return by_log;
}

/* dbeta, dg, and what each row of d_k has beside: along[t] times k_t. */
template <typename T, int D>
__device__ void derive_scalars(const efla_cuda_adjoint &a, const desk_place &w, desk<T, D> &s, int t, double by_log) {
  const float by_e = s.dot(K_Y, t), by_w = s.by_w[t];
  const efla_cuda_token_slopes slope = s.slopes[t];
  const size_t entry = w.at.entry, token = w.at.first + t;
  if (t < w.at.tokens && a.to.beta.data)
    set_state<T, float>(a.to.beta, efla_array_row(&a.to.beta, entry, w.head, token),
                        by_e * slope.erase_by_beta + by_w * slope.write_by_beta);
  if (t < w.at.tokens && a.to.g.data)
    set_state<T, float>(a.to.g, efla_array_row(&a.to.g, entry, w.head, token),
                        (float)by_log + by_e * slope.erase_by_g + by_w * slope.write_by_g);
  const float k_z = s.dot(K_Z, t);
  s.along[t] = !a.job.rule.unit  ? 2 * (by_e * slope.erase_by_lambda + by_w * slope.write_by_lambda)
               : s.lambda[t] > 0 ? -(s.erase[t] * by_e + k_z) / s.lambda[t]
                                 : 0;
}

/* y, in place of d_o's and dr's products with the state: e y in the end. */
template <typename T, int D>
__device__ void derive_queries(const efla_cuda_adjoint &a, const desk_place &w, desk<T, D> &s, tile<D> &d_q, tile<D> &y,
                               int warp, int lane) {
  d_q.scale_rows([&](int t) { return s.read[t]; });
  d_q.template add_triangle<T, D + PAD>(s.squares[P], s.k);
  y.scale_rows([&](int t) { return -s.before[t]; });
  y.template add_triangle<T, D + PAD>(s.squares[W], s.k);
  copies_wait();
  __syncthreads();
  set_dots<T, D>(s, Q_DQ, d_q, s.q, warp, lane);
  put_rows<T, D>(a.to.q, w, d_q);
  set_dots<T, D>(s, K_Y, y, s.k, warp, lane);
  y.scale_rows([&](int t) { return s.erase[t]; });
}

template <typename T, int D>
__device__ void derive_keys(const efla_cuda_adjoint &a, const efla_cuda_chunks &chunks, const desk_place &w,
                            desk<T, D> &s, tile<D> &z, tile<D> &y, int warp, int lane) {
  z.clear();
  z.template add_product<D / 16, T, D + PAD, D + PAD>(s.u, s.state);
  z.scale_rows([&](int t) { return s.keep[t]; });
  if (a.job.x.g.data) {
    float sum[2][2];
    z.template dots<T, D + PAD>(s.k, sum);
    float inner = inner_before<T, D>(s, (const T *)chunks.states + w.unit * D * D);
    if (lane % 4 == 0) inner += sum[0][0] + sum[0][1] + sum[1][0] + sum[1][1];
    inner = warp_sum(inner);
    if (lane == 0) s.inner[warp] = inner;
  } else if (lane == 0)
    s.inner[warp] = 0;
  z.template add_triangle_transposed<T, D + PAD>(s.squares[P], NULL, s.q);
  z.template add_triangle_transposed<T, D + PAD>(s.squares[W], s.erase, s.k);
  set_dots<T, D>(s, K_Z, z, s.k, warp, lane);
  __syncthreads();
  const int t = CHUNK - 1 - (int)threadIdx.x;
  const double by_log = t >= 0 ? derive_decay<T, D>(s, t) : 0;
  __syncthreads();
  if (t >= 0) derive_scalars<T, D>(a, w, s, t, t < CHUNK / 2 ? by_log + s.part : by_log);
  __syncthreads();
  z.each([&](int m, int n, float(&x)[4]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int t = z.row_at(m, half);
      const float2 k = unpack<T>(*(const unsigned *)&s.k[t][z.column_at(n)]);
      x[2 * half] += y.x[m][n][2 * half] + s.along[t] * k.x;
      x[2 * half + 1] += y.x[m][n][2 * half + 1] + s.along[t] * k.y;
    }
  });
  put_rows<T, D>(a.to.k, w, z);
}

template <typename T, int D>
__global__ void __launch_bounds__(DERIVERS<D>, D == 128 ? 2 : 3)
    derive(const __grid_constant__ efla_cuda_adjoint a, const __grid_constant__ efla_cuda_chunks chunks) {
  extern __shared__ __align__(16) char memory[];
  desk<T, D> &s = *(desk<T, D> *)memory;
  const efla_sequence &x = a.job.x;
  constexpr int EACH = SQUARES * 4 * 16 / D; /* of the squares' blocks of 16 rows, a warp's */
  const int warp = warp_number(), lane = threadIdx.x % 32, block = warp < 4 ? warp : 7 - warp; /* even shares */
  const unsigned chunk = blockIdx.x / (unsigned)x.heads;
  if (chunks.first && chunk >= chunks.first[x.sequences]) return;
  const desk_place w = {place_of(x, chunks.first, chunk), blockIdx.x, blockIdx.x - chunk * (unsigned)x.heads};
  copy_rows<T, D, D + PAD, DERIVERS<D>>(&s.d_o[0][0], a.job.y.o, w.at, w.head, 0, threadIdx.x);
  copy_whole<T, D, CHUNK>(s.d_r, (const T *)chunks.d_r + w.unit * CHUNK * D);
  copy_whole<T, D, CHUNK>(s.u, (const T *)chunks.u + w.unit * CHUNK * D);
  copies_commit();
  copy_whole<T, D, D>(s.state, (const T *)chunks.states + w.unit * D * D);
  copy_rows<T, D, D + PAD, DERIVERS<D>>(&s.k[0][0], x.k, w.at, w.head, 0, threadIdx.x);
  copies_commit();
  prefetch_later<T, D>(a, chunks, w);
  read_scalars<T, D>(a, chunks, w, s);
  uint4 v[CHUNK / ROWS_AT_ONCE];
  read_values<T, D>(x.v, w, v);
  copies_wait_but_last();
  __syncthreads();
  derive_values<T, D>(a, w, s, v);
  unsigned squares[EACH][8][2];
#pragma unroll
  for (int i = 0; i < EACH; i++)
    correlate<T, D>(EACH == 1 ? warp / 4 : i, s, x.g.data != NULL, (float)a.job.rule.scale, block, lane, squares[i]);
  copies_wait();
  __syncthreads();
  tile<D> first(warp, lane), second(warp, lane);
  first.template add_product<D / 16, T, D + PAD, D + PAD>(s.d_o, s.state);
  second.template add_product<D / 16, T, D + PAD, D + PAD>(s.d_r, s.state);
  __syncthreads();
  copy_rows<T, D, D + PAD, DERIVERS<D>>(&s.q[0][0], x.q, w.at, w.head, 0, threadIdx.x);
  copy_whole<T, D, D>(s.state, (const T *)chunks.adjoints + w.unit * D * D);
  copies_commit();
#pragma unroll
  for (int i = 0; i < EACH; i++) set_square<T>(s.squares[EACH == 1 ? warp / 4 : i], squares[i], block, lane);
  __syncthreads();
  derive_queries<T, D>(a, w, s, first, second, warp, lane);
  derive_keys<T, D>(a, chunks, w, s, first, second, warp, lane);
}

template <typename T, int D>
cudaError_t start(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const auto kernel = derive<T, D>;
  const int bytes = (int)sizeof(desk<T, D>);
  const size_t blocks = chunks->chunks * a->job.x.heads;
  if (blocks > 0x7fffffff) return cudaErrorInvalidConfiguration;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error) return error;
  kernel<<<(unsigned)blocks, DERIVERS<D>, bytes, stream>>>(*a, *chunks);
  return cudaGetLastError();
}

} // namespace

cudaError_t efla_cuda_derive(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const bool brain = a->job.x.v.type == EFLA_BF16;
  if (a->job.x.dk == 128) return brain ? start<bf16, 128>(a, chunks, stream) : start<half, 128>(a, chunks, stream);
  return brain ? start<bf16, 64>(a, chunks, stream) : start<half, 64>(a, chunks, stream);
}

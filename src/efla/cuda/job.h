/* SPDX-License-Identifier: MIT */
/* What a kernel is given, and the functions that start kernels: between C (backend.c) and CUDA C++ (*.cu). */
#ifndef EFLA_CUDA_JOB_H
#define EFLA_CUDA_JOB_H

#include "efla/internal/slopes.h"
#include "efla/sequence.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A rule without pointers to functions: the exact flow or a method's coefficients, and a row of efla_decays. */
typedef struct efla_cuda_rule {
  bool closed, unit; /* the exact flow; keys of norm 1 */
  int decay;         /* EFLA_CUDA_NONE, ... */
  double share, scale, numerator[EFLA_PHI_TERMS], denominator[EFLA_PHI_TERMS];
  efla_fraction psi; /* of a decay that needs it and a method that is not closed */
} efla_cuda_rule;

enum { EFLA_CUDA_NONE, EFLA_CUDA_SPLIT, EFLA_CUDA_JOINT, EFLA_CUDA_RETENTION, EFLA_CUDA_STRANG, EFLA_CUDA_DECAYS };

/* A forward call, arrays and cu_seqlens in the device's memory.  A kernel's parameter, of 4 KiB at most. */
typedef struct efla_cuda_job {
  efla_sequence x;
  efla_result y;
  efla_cuda_rule rule;
  size_t states;
} efla_cuda_job;

/* Token by token, for every rule: numbers of the type, dk at most MOST, of f64 half of it. */
enum { EFLA_CUDA_MOST = 4096 };
cudaError_t efla_cuda_recurrent_f64(const efla_cuda_job *job, cudaStream_t stream);
cudaError_t efla_cuda_recurrent_f32(const efla_cuda_job *job, cudaStream_t stream);
cudaError_t efla_cuda_recurrent_bf16(const efla_cuda_job *job, cudaStream_t stream);
cudaError_t efla_cuda_recurrent_f16(const efla_cuda_job *job, cudaStream_t stream);

/* A backward call.  The states before every `segment` tokens of a sequence are kept, and those of one segment a block:
 * of sequences s before others that have P_s = P / segment + s checkpoints, P tokens before it. */
enum { EFLA_CUDA_ADJOINT_WIDTH = 64, EFLA_CUDA_ADJOINT_BLOCKS = 264 };
typedef struct efla_cuda_adjoint {
  efla_cuda_job job; /* y: the derivatives by o and final_state, which are read */
  efla_gradient to;  /* in which derivatives are written: rows that share no places */
  efla_fraction_slopes forms;
  size_t segment, blocks;
  void *checkpoints, *states, *rows, *sums; /* numbers of f64 for f64, else f32 */
} efla_cuda_adjoint;
cudaError_t efla_cuda_adjoint_f64(const efla_cuda_adjoint *a, cudaStream_t stream);
cudaError_t efla_cuda_adjoint_f32(const efla_cuda_adjoint *a, cudaStream_t stream);
cudaError_t efla_cuda_adjoint_bf16(const efla_cuda_adjoint *a, cudaStream_t stream);
cudaError_t efla_cuda_adjoint_f16(const efla_cuda_adjoint *a, cudaStream_t stream);

/* to = the sums over what shares a place in it of rows (batch, heads, tokens, features), in f64 of `type` f64, else in
 * f32. */
typedef struct efla_cuda_extent {
  size_t batch, heads, tokens, features;
} efla_cuda_extent;
cudaError_t efla_cuda_gather(const efla_array *to, const efla_cuda_extent *n, efla_type type, const void *rows,
                             cudaStream_t stream);

/* Of the chunkwise form: tokens in a chunk, numbers of a chunk and head that depend on its tokens only. */
enum { EFLA_CUDA_CHUNK = 64, EFLA_CUDA_SCALARS = 5 * EFLA_CUDA_CHUNK };

/* What the derivatives of a token's coefficients follow from: the sum of the logarithms of decays, in its chunk; k.k;
 * the coefficient of what is erased. */
typedef struct efla_cuda_token {
  double sum;
  float lambda, erase;
} efla_cuda_token;

/* Their derivatives. */
typedef struct efla_cuda_token_slopes {
  float erase_by_lambda, write_by_lambda, erase_by_beta, write_by_beta, erase_by_g, write_by_g;
} efla_cuda_token_slopes;

/* Its workspace; `chunks` is the number of chunks of all sequences. */
typedef struct efla_cuda_chunks {
  size_t chunks;
  size_t *first;     /* (sequences + 1): the first chunk of each sequence; NULL: not packed */
  void *solve, *mix; /* (chunks, heads, CHUNK, CHUNK) twice, of q's type */
  float *scalars;    /* (chunks, heads, SCALARS) */
  /* What a backward call needs too, else NULL: */
  efla_cuda_token *tokens; /* (chunks, heads, CHUNK) */
  void *states;            /* (chunks, heads, dv, dk): before chunks */
  void *u;                 /* (chunks, heads, CHUNK, dv) */
  /* Of a backward call only: */
  void *adjoints;                 /* (chunks, heads, dv, dk): the derivatives by the states after chunks */
  void *d_r;                      /* (chunks, heads, CHUNK, dv): those by w v - f S^T k */
  efla_cuda_token_slopes *slopes; /* (chunks, heads, CHUNK) */
} efla_cuda_chunks;

/* Whether a block's shared memory is large enough for the pass: consumer cards have less. */
bool efla_cuda_pass_fits(size_t dk, size_t shared_bytes);
/* bf16 and f16, dk = dv of 64 or 128, rows aligned to 16 bytes, decays that are exponentials: first what depends on a
 * chunk's tokens only, for all chunks, then the pass from chunk to chunk, which keeps states and u where they have a
 * place. */
cudaError_t efla_cuda_prepare(const efla_cuda_job *job, const efla_cuda_chunks *chunks, cudaStream_t stream);
cudaError_t efla_cuda_pass(const efla_cuda_job *job, const efla_cuda_chunks *chunks, size_t shared_bytes,
                           cudaStream_t stream);

/* The chunkwise backward call, after efla_cuda_prepare: the pass without read-outs that keeps states and u, unless the
 * forward call has kept them; the pass in reverse; and all that depends on one chunk then.  a->to has rows aligned as those of q. */
bool efla_cuda_backward_fits(size_t dk, size_t shared_bytes);
cudaError_t efla_cuda_keep(const efla_cuda_job *job, const efla_cuda_chunks *chunks, size_t shared_bytes,
                           cudaStream_t stream);
cudaError_t efla_cuda_reverse(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, size_t shared_bytes,
                              cudaStream_t stream);
cudaError_t efla_cuda_slopes(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream);
cudaError_t efla_cuda_derive(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif

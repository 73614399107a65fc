/* SPDX-License-Identifier: MIT */
/* The delta rule at the machine's speed: batch x heads x tokens, any dk and dv, and one token at a time for decoding.
 *
 * The recurrence (docs/derivations.md#e3) with the coefficients of any rule: S <- d S + k (w v - e S^T k)^T.  Columns
 * of S do not see each other: every tile of 128 bytes of columns runs through the tokens on its own (isa.h, tile.inc).
 * The naive recurrence is the reference for tests: the same sums in another order. */
#ifndef EFLA_CPU_KERNEL_H
#define EFLA_CPU_KERNEL_H

#include "efla/cpu/heads.h"
#include "efla/rule.h"

/* What a call reads and writes, each in the layout of its efla_heads.  initial and final may be the same array; no
 * others overlap. */
#define EFLA_KERNEL_TYPE(REAL, suffix)                                                                                 \
  typedef struct efla_kernel_##suffix {                                                                                \
    const REAL *q, *k, *v;                                                                                             \
    const REAL *write;         /* w */                                                                                 \
    const REAL *erase, *decay; /* e, d; both NULL: no decay, d = 1 and e = w, for less work */                         \
    const REAL *g;             /* as k: a logarithm of a decay per row of S, in place of d; NULL: none */              \
    REAL share;                /* of that decay that acts before the step, the rest after it */                        \
    const REAL *p;             /* as k: the erase key; NULL: k. With it, or with g, e is given */                      \
    REAL scale;                /* of what is read out; 0 means 1 */                                                    \
    const REAL *initial;       /* (sequences, heads, dk, dv); NULL: zero */                                            \
    REAL *final;               /* the same; NULL: not wanted */                                                        \
    REAL *o;                   /* NULL: no read-out, and then q may be NULL */                                         \
    bool last; /* read out the last token of a sequence only: o is (sequences, heads, dv), 0 where it is empty */      \
    /* For a backward pass; each NULL: not wanted. */                                                                  \
    REAL *y;           /* as v: v - S^T k of every token, S before it; k: what erases, decayed */                      \
    REAL *checkpoints; /* efla_kernel_checkpoints numbers: the states every EFLA_SEGMENT tokens, in tiles */           \
  } efla_kernel_##suffix;
EFLA_KERNEL_TYPE(float, f32)
EFLA_KERNEL_TYPE(double, f64)

/* Numbers of scratch that a call needs: for every thread one head's state and six blocks of keys, or all heads' states
 * if the layout is BTHD. */
size_t efla_kernel_scratch_f32(const efla_heads *heads);
size_t efla_kernel_scratch_f64(const efla_heads *heads);

/* Numbers that checkpoints have. */
size_t efla_kernel_checkpoints_f32(const efla_heads *heads);
size_t efla_kernel_checkpoints_f64(const efla_heads *heads);

/* All tokens of all heads.  Never fails, never allocates; inf and nan propagate as data. */
void efla_kernel_forward_f32(const efla_heads *heads, const efla_kernel_f32 *x, float *scratch);
void efla_kernel_forward_f64(const efla_heads *heads, const efla_kernel_f64 *x, double *scratch);

/* lambda = k^T k, or mu = p^T k, in f64, by eight sums that do not wait for each other; k, p (dk). */
double efla_kernel_lambda_f32(size_t dk, const float *k, const float *p);
double efla_kernel_lambda_f64(size_t dk, const double *k, const double *p);

/* coefficient from beta and the keys as they are, by that lambda; formed in f64 and rounded. */
void efla_kernel_coefficients_f32(const efla_heads *heads, const efla_method *method, const float *k, const float *beta,
                                  float *coefficient);
void efla_kernel_coefficients_f64(const efla_heads *heads, const efla_method *method, const double *k,
                                  const double *beta, double *coefficient);

/* Decoding: `states` holds batch * heads states in a form of their own, efla_decode_state numbers each, aligned to
 * EFLA_TILE_BYTES; the last token's update is pending in it, so that a step reads and writes each entry of S once. */
size_t efla_decode_state_f32(size_t dk, size_t dv);
size_t efla_decode_state_f64(size_t dk, size_t dv);

/* states from S (batch, heads, dk, dv), NULL: zero; and back, with nothing pending. */
void efla_decode_load_f32(const efla_heads *heads, const float *S, float *states);
void efla_decode_load_f64(const efla_heads *heads, const double *S, double *states);
void efla_decode_store_f32(const efla_heads *heads, const float *states, float *S);
void efla_decode_store_f64(const efla_heads *heads, const double *states, double *S);

/* One token for every state: q, k, g, p (batch, heads, dk), v, o (batch, heads, dv), write, erase, decay (batch,
 * heads). heads->tokens is 1; initial, final, last are not used.  Never fails, never allocates. */
void efla_decode_step_f32(const efla_heads *heads, const efla_kernel_f32 *x, float *states);
void efla_decode_step_f64(const efla_heads *heads, const efla_kernel_f64 *x, double *states);

#endif

/* SPDX-License-Identifier: MIT */
/* Matrix units: the chunkwise form (docs/derivations.md#e4) with products of bf16 that are summed in f32, for
 * processors that multiply bf16 faster than f32.
 *
 * A unit is one file matrix_*.c that defines the primitives which matrix.inc names, includes it, and is compiled
 * with the flags that the Makefile has for it; a row of `units` in matrix.c, chosen at run time.  What is rounded to
 * bf16: docs/bounds.md#backends. */
#ifndef EFLA_CPU_MATRIX_H
#define EFLA_CPU_MATRIX_H

#include "efla/cpu/heads.h"
#include "efla/cpu/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFLA_MATRIX_CHUNK 32 /* most tokens of a chunk, a multiple of 32 */
#define EFLA_MATRIX_BLOCK 16 /* tokens of a block of the triangles */

/* Two bf16 side by side, the first one in the lower half: what a product takes from each operand at once. */
typedef uint32_t efla_pair16;

/* C (rows, columns) = A B, or C + A B, sums in f32.  A (rows, pairs) has the pairs of a row one after another, B
 * (pairs, columns) those of a column in one place; columns are padded as those of isa.h's products are, and so is
 * the alignment of B and C. */
typedef struct efla_matrix_product {
  size_t rows, columns, pairs;
  const efla_pair16 *A, *B;
  size_t a_row, b_row, c_row; /* row to row */
  float *C;
  bool adds;
  const float *keep; /* then: what row i of C is multiplied by before, keep[i * keep_step]; NULL: 1 */
  size_t keep_step;
} efla_matrix_product;

/* A chunk of tokens of one head, and the columns of its state that are advanced.  Rows of q, k, v, o are bf16, or f32
 * where `wide`, which is rounded; they are `stride` numbers apart. */
typedef struct efla_matrix_chunk {
  size_t tokens, dk, dv; /* 1 <= tokens <= EFLA_MATRIX_CHUNK; dv: columns */
  bool wide;
  const void *q, *k, *v;
  ptrdiff_t q_stride, k_stride, v_stride, o_stride;
  const float *write, *erase, *decay;   /* (tokens); erase NULL: e = w; decay NULL: 1 */
  float scale;                          /* of o */
  float *S;                             /* (dk, dv) as matrices of isa.h's products, zero past dv; in and out */
  void *o;                              /* NULL: no read-out, and then q is not used */
  void *scratch;                        /* aligned to lines, efla_matrix_scratch bytes */
  const efla_isa *isa;                  /* for what is f32 */
  const struct efla_matrix_chunk *next; /* whose rows are fetched into the cache meanwhile; NULL: none */
} efla_matrix_chunk;

/* Bytes of scratch of a chunk. */
size_t efla_matrix_scratch(size_t dk, size_t dv);

typedef struct efla_matrix {
  const char *name;
  const efla_isa *isa;     /* beside which it is, for what is f32 */
  bool (*supported)(void); /* by this processor */
  void (*chunk)(const efla_matrix_chunk *chunk);
  void (*product)(const efla_matrix_product *product);
  float (*squares)(size_t n, const void *row); /* the sum of the squares of n bf16 */
} efla_matrix;

/* The first unit beside that instruction set which this processor has; NULL: none. */
const efla_matrix *efla_matrix_best(const efla_isa *isa);

/* What a call reads and writes: heads->arrays, or its layout, say where.  initial and final may be the same array. */
typedef struct efla_matrix_call {
  bool wide; /* q, k, v, o are f32 */
  const void *q, *k, *v;
  const float *write, *erase, *decay; /* as in a chunk, and where efla_kernel_f32 has them */
  float scale;                        /* of o */
  bool narrow_initial, narrow_final;  /* states are bf16, else f32 */
  const void *initial;                /* (sequences, heads, dk, dv); NULL: zero */
  void *final, *o;                    /* NULL: not wanted */
} efla_matrix_call;

/* Bytes of scratch that a call needs. */
size_t efla_matrix_forward_scratch(const efla_heads *heads);
/* All tokens of all heads.  Never fails, never allocates; inf and nan propagate as data, and may show in the read-outs
 * of up to 15 tokens before the one that they belong to, whose sums have them times 0. */
void efla_matrix_forward(const efla_matrix *unit, const efla_heads *heads, const efla_matrix_call *x, void *scratch);

#endif

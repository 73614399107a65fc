/* SPDX-License-Identifier: MIT */
/* Instruction sets: the hot loops, compiled once for each width of vector registers and chosen at run time.
 *
 * One is one file isa_*.c that includes isa.inc with its vector size, compiled with the flags that the Makefile has for
 * it.  All instruction sets do the same sums in the same order, but one with fused multiply-add rounds less often:
 * results of two agree to rounding, not to the bit. */
#ifndef EFLA_CPU_ISA_H
#define EFLA_CPU_ISA_H

#include "efla/backend.h"
#include "efla/cpu/query.h"
#include "efla/rule.h"

#include <stdbool.h>
#include <stddef.h>

#define EFLA_TILE_BYTES 128 /* of a row of S: a tile is that many columns, packed (dk, TILE), aligned to its width */
#define EFLA_BLOCK      64  /* most tokens of one call of its blocks */

/* Some tiles of one head, and a block of its tokens.  Rows of q, k, v, o are `stride` numbers apart; q, k, v, o point
 * to the first token, v, o and y also to the first column of the first tile.  Columns past `columns` are kept, but
 * neither read nor written.  Coefficients are those of rule.h: S <- d S + k (w v - e S^T k)^T.  Without decay, `decay`
 * NULL, d = 1, e = w, and `erase` is not read. */
#define EFLA_BLOCK_TYPE(REAL, suffix)                                                                                  \
  /* Of the tokens of a block, a step or a chunk: a decay per row of the state and a second key (rule.h); */           \
  /* both NULL: one decay, one key. */                                                                                 \
  typedef struct efla_diagonal_##suffix {                                                                              \
    const REAL *g; /* rows of dk: logarithms of decays; NULL: `decay` holds for all rows */                            \
    const REAL *p; /* rows of dk: the erase key; NULL: k */                                                            \
    size_t g_stride, p_stride;                                                                                         \
    REAL share; /* of a decay that acts before the step */                                                             \
  } efla_diagonal_##suffix;                                                                                            \
  typedef struct efla_block_##suffix {                                                                                 \
    size_t tokens, dk, tiles, columns; /* tokens <= EFLA_BLOCK; columns <= tiles * TILE */                             \
    const REAL *q, *k, *v;                                                                                             \
    size_t q_stride, k_stride, v_stride, o_stride, y_stride;                                                           \
    const REAL *write, *erase, *decay; /* (tokens) */                                                                  \
    REAL scale;                        /* of o */                                                                      \
    REAL *S;                           /* (tiles, dk, TILE), in and out */                                             \
    REAL *o;                           /* NULL: no read-out, and then q is not used */                                 \
    REAL *y;                           /* v - S^T k, S before the token; NULL: not wanted */                           \
    efla_diagonal_##suffix diagonal;   /* with it `erase` is read, and k in y is the erase key, decayed */             \
    REAL *packed; /* room for 2 EFLA_BLOCK rows of dk, where rows do not lie one after another; NULL: they do */       \
    REAL *room;   /* efla_block_room(dk) numbers, aligned to lines; with it only */                                    \
    const struct efla_block_##suffix *next; /* whose rows are fetched into the cache meanwhile; NULL: none */          \
  } efla_block_##suffix;                                                                                               \
  /* The new update is left pending in u and *decay; the caller replaces k when all tiles are done. */                 \
  typedef struct efla_step_##suffix {                                                                                  \
    size_t dk, tiles, columns;                                                                                         \
    const REAL *q, *k, *v;                                                                                             \
    REAL write, erase, decay;                                                                                          \
    REAL scale;                /* of o */                                                                              \
    bool decays;               /* false: this token and the pending one are without decay */                           \
    const REAL *pending_k;     /* (dk) */                                                                              \
    const REAL *pending_decay; /* (dk) */                                                                              \
    bool diagonal;             /* q, k are rows of efla_joined; pending_decay counts row by row */                     \
    REAL qk;                   /* then: q.k of it */                                                                   \
    REAL *u;                   /* (tiles, TILE), pending in, pending out */                                            \
    REAL *S;                                                                                                           \
    REAL *o;                                                                                                           \
  } efla_step_##suffix;                                                                                                \
  /* One token with a diagonal decay or a second key, made ready for a step. */                                        \
  typedef struct efla_joined_##suffix {                                                                                \
    size_t dk;                                                                                                         \
    const REAL *q, *k; /* q NULL: no read-out */                                                                       \
    REAL decay;        /* where g is not per channel */                                                                \
    efla_diagonal_##suffix diagonal;                                                                                   \
    REAL *rows; /* (4, efla_row(dk)), aligned to lines, out: decay; q, the key to erase by, the key to write along */  \
    REAL *qk;   /* out: q.k of the latter */                                                                           \
  } efla_joined_##suffix;
EFLA_BLOCK_TYPE(float, f32)
EFLA_BLOCK_TYPE(double, f64)

/* Matrices of products have rows of whole lines, aligned to them: columns are padded to EFLA_PAD numbers.  Rows are an
 * odd number of paddings apart, so that a few columns of many rows do not meet in the same sets of the cache. */
#define EFLA_LINE_BYTES 64 /* of the cache */
#define EFLA_PAD        16
static inline size_t efla_padded(size_t n) { return (n + EFLA_PAD - 1) / EFLA_PAD * EFLA_PAD; }
static inline size_t efla_row(size_t n) { return efla_padded(n) | EFLA_PAD; }

/* Numbers of room of a block with a diagonal decay or a second key. */
static inline size_t efla_block_room(size_t dk) { return 4 * EFLA_BLOCK * efla_row(dk); }

/* Which entries of A are not zero, by row and column; the others are zero too where they are met, but mostly
 * skipped. */
typedef enum efla_part { EFLA_ALL, EFLA_LOWER, EFLA_UPPER } efla_part; /* the triangles with the diagonal */

/* C (rows, columns) = keep D + A B with A (rows, inner), B (inner, columns).  Strides count numbers and may be
 * negative; A has one for its columns too, so that it may be a transpose.  Rows of B, C, D are aligned to lines,
 * columns padded. */
#define EFLA_PRODUCT_TYPE(REAL, suffix)                                                                                \
  typedef struct efla_product_##suffix {                                                                               \
    size_t rows, columns, inner;                                                                                       \
    const REAL *A, *B;                                                                                                 \
    ptrdiff_t a_row, a_column, b_row;                                                                                  \
    efla_part part;                                                                                                    \
    REAL *C; /* overlaps neither A nor B */                                                                            \
    ptrdiff_t c_row;                                                                                                   \
    const REAL *D; /* rows c_row apart; may be C; NULL: zero */                                                        \
    REAL keep;                                                                                                         \
  } efla_product_##suffix;
EFLA_PRODUCT_TYPE(float, f32)
EFLA_PRODUCT_TYPE(double, f64)

/* One chunk of tokens of one head (docs/derivations.md#e4).  Rows of q, k, v, o as in a block. */
#define EFLA_WY_TYPE(REAL, suffix)                                                                                     \
  typedef struct efla_wy_##suffix {                                                                                    \
    size_t tokens, dk, dv; /* tokens >= 1 */                                                                           \
    const REAL *q, *k, *v;                                                                                             \
    size_t q_stride, k_stride, v_stride, o_stride;                                                                     \
    const REAL *write, *erase, *decay; /* (tokens), as in a block */                                                   \
    REAL *S;                           /* (dk, dv) as matrices of products, zero past dv; in and out */                \
    REAL *o;                           /* NULL: no read-out, and then q is not used */                                 \
    REAL *scratch;                     /* aligned to lines, efla_wy_scratch */                                         \
  } efla_wy_##suffix;
EFLA_WY_TYPE(float, f32)
EFLA_WY_TYPE(double, f64)

/* Numbers of scratch of a chunk of that many tokens: [K; Q], K^T, [U; O], [K K^T; Q K^T], and the decays between
 * tokens. */
static inline size_t efla_wy_scratch(size_t tokens, size_t dk, size_t dv) {
  size_t C = efla_padded(tokens);
  return 2 * C * efla_row(dk) + efla_padded(dk) * efla_row(C) + 2 * C * efla_row(dv) + 3 * C * efla_row(C) + 2 * C;
}

#define EFLA_ADJOINT_TOKENS 16 /* most tokens of one chunk of the backward pass */

/* The backward pass of one chunk for `dv` columns of S, in two steps; states are transposed, (dv, dk), as matrices of
 * products. `replay` takes the state from before the chunk to after it; `adjoint` takes G, the loss's derivative by the
 * state, from after it to before it. */
#define EFLA_ADJOINT_TYPE(REAL, suffix)                                                                                \
  typedef struct efla_adjoint_##suffix {                                                                               \
    size_t tokens, dk, dv;           /* 1 <= tokens <= EFLA_ADJOINT_TOKENS */                                          \
    const REAL *q, *k, *v, *y, *d_o; /* y = v - S^T k before the token; v is used where there is `erase` */            \
    REAL *d_q, *d_k, *d_v;           /* out; NULL: not wanted */                                                       \
    size_t q_stride, k_stride, v_stride, y_stride; /* of their rows */                                                 \
    size_t d_o_stride, d_q_stride, d_k_stride, d_v_stride;                                                             \
    REAL scale;                                    /* of the read-outs, and so of d_o */                               \
    const REAL *write, *erase, *decay;             /* (tokens), as in a block, but without decay `erase` is NULL */    \
    const REAL *write_by_lambda, *erase_by_lambda; /* their slopes */                                                  \
    efla_diagonal_##suffix diagonal;               /* as in a block; with it k in y is the erase key, decayed */       \
    REAL *d_g, *d_p;                               /* rows (tokens, dk), out, as g and p are; NULL: not wanted */      \
    size_t d_g_stride, d_p_stride;                                                                                     \
    REAL *d_write;           /* (tokens), out; without `erase` by both, which are one */                               \
    REAL *d_erase, *d_decay; /* with it only; d_decay: times the decay, 0 with g per row */                            \
    REAL *reach;             /* (1) <G, S> after the chunk in, before it out; of each row of S (dk) with g per row */  \
    const REAL *S;           /* before the chunk */                                                                    \
    REAL *next;              /* after it: what replay writes */                                                        \
    REAL *G;                                                                                                           \
    size_t ahead;  /* rows of earlier tokens, up to as many, are fetched into the cache meanwhile; 0: none */          \
    REAL *scratch; /* aligned to lines, efla_adjoint_scratch */                                                        \
  } efla_adjoint_##suffix;
EFLA_ADJOINT_TYPE(float, f32)
EFLA_ADJOINT_TYPE(double, f64)

/* Numbers of scratch: [Q; K], [dQ; dK] and K^T, [dO; -dY], U and dU with their transposes, and the chunk's small
 * matrices; with a diagonal decay or a second key 11 rows more a token. */
static inline size_t efla_adjoint_scratch(size_t dk, size_t dv) {
  enum { C = EFLA_ADJOINT_TOKENS };
  return (4 + 11) * C * efla_row(dk) + efla_padded(dk) * efla_row(C) + 4 * C * efla_row(dv) +
         2 * efla_padded(dv) * efla_row(C) + 6 * C * efla_row(C) + 2 * C;
}

/* Of up to EFLA_BLOCK tokens: rates (efla_rates) and lambda in, the coefficients of the exact flow out, in `decay`,
 * `erase` and `write`. */
typedef struct efla_flow {
  _Alignas(EFLA_LINE_BYTES) double before[EFLA_BLOCK], decay[EFLA_BLOCK], erase[EFLA_BLOCK], write[EFLA_BLOCK],
      lambda[EFLA_BLOCK];
} efla_flow;

struct efla_isa {
  const char *name;
  size_t vector;           /* bytes of a vector register */
  bool (*supported)(void); /* by this processor */
  void (*block_f32)(const efla_block_f32 *block);
  void (*block_f64)(const efla_block_f64 *block);
  void (*step_f32)(const efla_step_f32 *step);
  void (*step_f64)(const efla_step_f64 *step);
  void (*join_step_f32)(const efla_joined_f32 *token);
  void (*join_step_f64)(const efla_joined_f64 *token);
  /* Reads, adds 1 to and writes n numbers, a multiple of a tile and aligned to one, to measure the memory's rate. */
  void (*rmw_f32)(size_t n, float *x);
  void (*rmw_f64)(size_t n, double *x);
  /* The naive recurrence (recurrence.h) compiled for this instruction set, a baseline for the loops above. */
  void (*recurrence_f32)(size_t tokens, size_t dk, size_t dv, const float *q, const float *k, const float *v,
                         const efla_coefficients *c, float *S, float *o);
  void (*recurrence_f64)(size_t tokens, size_t dk, size_t dv, const double *q, const double *k, const double *v,
                         const efla_coefficients *c, double *S, double *o);
  void (*product_f32)(const efla_product_f32 *product);
  void (*product_f64)(const efla_product_f64 *product);
  void (*wy_f32)(const efla_wy_f32 *chunk);
  void (*wy_f64)(const efla_wy_f64 *chunk);
  void (*replay_f32)(const efla_adjoint_f32 *chunk);
  void (*replay_f64)(const efla_adjoint_f64 *chunk);
  void (*adjoint_f32)(const efla_adjoint_f32 *chunk);
  void (*adjoint_f64)(const efla_adjoint_f64 *chunk);
  /* to (columns, rows) = from^T; rows of `to` are aligned to lines. */
  void (*transpose_f32)(size_t rows, size_t columns, const float *from, size_t from_row, float *to, size_t to_row);
  void (*transpose_f64)(size_t rows, size_t columns, const double *from, size_t from_row, double *to, size_t to_row);
  /* C <- (I - A)^-1 C, A strictly lower triangular (what is on and above its diagonal is not read); B, D, part are not
   * used. */
  void (*solve_f32)(const efla_product_f32 *product);
  void (*solve_f64)(const efla_product_f64 *product);
  /* p^T k, k/|k| and its derivative, computed in f64 (flow.inc). */
  double (*lambda_f32)(size_t dk, const float *k, const float *p);
  void (*unit_f32)(size_t dk, const float *k, float *to);
  void (*untreat_f32)(size_t dk, const float *k, const float *unit, float *d);
  /* Of n tokens; without `decays` before = decay = 0 and erase = write, and only `write` is computed. */
  void (*flow)(size_t n, bool decays, efla_flow *f);
  void (*query_f32)(const efla_query_f32 *x);
  void (*query_f64)(const efla_query_f64 *x);
  void (*query_backward_f32)(const efla_query_gradient_f32 *x);
  void (*query_backward_f64)(const efla_query_gradient_f64 *x);
};

/* Instruction set i of this build (efla_isa_name), also where this processor does not support it. */
const efla_isa *efla_isa_at(size_t i);
/* The first that this processor supports. */
const efla_isa *efla_isa_best(void);

#endif

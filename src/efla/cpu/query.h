/* SPDX-License-Identifier: MIT */
/* The read-out of the last token's query without the state, from a zero initial state, and its derivative.
 *
 * S_T = sum_t [prod_{s>t} (I - a_s k_s k_s^T)] a_t k_t v_t^T is a sum of products that S_T^T q can apply to q instead:
 * from the last token to the first,
 *
 *     r_T = q;   p_t = k_t.r_t,   c_t = a_t p_t,   o += c_t v_t,   r_{t-1} = r_t - c_t k_t,
 *
 * O(dk + dv) operations per token where a state takes O(dk dv).  r_t is the query to the state S_t: o = S_t^T r_t
 * plus the contributions of the later tokens.  The derivative goes from the first token to the last, with rho_t = S_t
 * d_o:
 *
 *     rho_0 = 0;   e_t = v_t.d_o - rho_{t-1}.k_t (the loss's derivative by c_t),   d_a = p_t e_t,   g = a_t e_t,
 *     d_v_t = c_t d_o,   d_k_t = g r_t - c_t rho_{t-1} + 2 k_t (da/dlambda) d_a,   d_beta_t = (da/dbeta) d_a,
 *     rho_t = rho_{t-1} + g k_t;   d_q = rho_T.
 *
 * The definition is the recurrence (recurrence.h, recurrence_backward.h). */
#ifndef EFLA_CPU_QUERY_H
#define EFLA_CPU_QUERY_H

#include <stddef.h>

#define EFLA_QUERY_GROUP   4    /* tokens computed together, see query.inc */
#define EFLA_QUERY_MOST_DK 1024 /* largest dk without r */

/* Rows of r that are stored: r_t of the last token of every group, and of every token after the last whole group.  The
 * backward pass recomputes the others with the operations of the forward pass, hence with the same bits, which is
 * faster than reading them from memory. */
static inline size_t efla_query_rows(size_t tokens) { return tokens / EFLA_QUERY_GROUP + tokens % EFLA_QUERY_GROUP; }

/* Rows are contiguous, aligned as their numbers only; arrays do not overlap. */
#define EFLA_QUERY_TYPE(REAL, suffix)                                                                                  \
  typedef struct efla_query_##suffix {                                                                                 \
    size_t tokens, dk, dv;   /* dk, dv >= 1 */                                                                         \
    const REAL *q;           /* (dk) */                                                                                \
    const REAL *k, *v;       /* (tokens, dk), (tokens, dv) */                                                          \
    const REAL *coefficient; /* (tokens) */                                                                            \
    REAL *r; /* (efla_query_rows, dk), for the backward pass; NULL: not wanted, dk <= EFLA_QUERY_MOST_DK */            \
    REAL *p; /* (tokens): k_t.r_t, for the backward pass; NULL: not wanted */                                          \
    REAL *o; /* (dv), 0 without tokens */                                                                              \
  } efla_query_##suffix;                                                                                               \
  typedef struct efla_query_gradient_##suffix {                                                                        \
    size_t tokens, dk, dv;                                                                                             \
    const REAL *k, *v, *coefficient;                                                                                   \
    const REAL *by_beta, *by_lambda; /* (tokens): the coefficient's slopes (efla_gradient_slopes) */                   \
    const REAL *r, *p;               /* as the forward pass left them */                                               \
    const REAL *d_o;                 /* (dv) */                                                                        \
    REAL *d_q;                       /* (dk), 0 without tokens */                                                      \
    REAL *d_k, *d_v, *d_beta;        /* (tokens, dk), (tokens, dv), (tokens) */                                        \
  } efla_query_gradient_##suffix;
EFLA_QUERY_TYPE(float, f32)
EFLA_QUERY_TYPE(double, f64)

typedef struct efla_isa efla_isa;

/* isa NULL: the best; the backward pass needs that of the forward pass.  The same isa gives the same bits.  Never fail,
 * never allocate; inf and nan propagate as data. */
void efla_query_forward_f32(const efla_isa *isa, const efla_query_f32 *x);
void efla_query_forward_f64(const efla_isa *isa, const efla_query_f64 *x);
void efla_query_backward_f32(const efla_isa *isa, const efla_query_gradient_f32 *x);
void efla_query_backward_f64(const efla_isa *isa, const efla_query_gradient_f64 *x);

#endif

/* SPDX-License-Identifier: MIT */
/* A batch of heads: the shape of what attention kernels take, and how it lies in memory.
 *
 * Rows q_t, k_t, and with them g_t and p_t (dk), v_t, o_t (dv), and coefficients of every batch entry, head and token;
 * states (sequences, heads, dk, dv). A sequence may be empty: it has no rows, and ends in the state that it starts
 * from. */
#ifndef EFLA_CPU_HEADS_H
#define EFLA_CPU_HEADS_H

#include "efla/array.h"
#include "efla/cpu/isa.h"

#include <stddef.h>

typedef enum efla_layout {
  EFLA_BTHD, /* (batch, tokens, heads, D): token-major, as projections leave it */
  EFLA_BHTD  /* (batch, heads, tokens, D): head-major */
} efla_layout;

/* The layout's name, as in a file's attribute; NULL past the end. */
const char *efla_layout_name(size_t i);

/* Strides and repeat of arrays that lie otherwise than the layout says; data and type are not used.  NULL: it lies as
 * the layout says.  The arrays of scalars always do. */
typedef struct efla_heads_arrays {
  const efla_array *q, *k, *v, *g, *p, *o, *initial, *final;
  const efla_array *d_o, *d_final, *d_q, *d_k, *d_v, *d_g, *d_p, *d_initial; /* of a backward pass */
} efla_heads_arrays;

typedef struct efla_heads {
  size_t batch, heads, tokens, dk, dv; /* heads, dk, dv >= 1 */
  efla_layout layout;
  size_t
      sequences; /* packed one after another along the tokens of a single batch entry; not used if cu_seqlens is NULL */
  const size_t
      *cu_seqlens;     /* (sequences + 1), from 0 to tokens, not decreasing; NULL: every batch entry is one sequence */
  size_t threads;      /* OpenMP threads of one call, 0 as 1; the results have the same bits for any number */
  const efla_isa *isa; /* NULL: the best that this processor supports */
  const efla_heads_arrays *arrays; /* NULL: all arrays lie as the layout says */
} efla_heads;

/* threads and isa as they are meant: at least one, and never NULL. */
static inline size_t efla_heads_threads(const efla_heads *heads) { return heads->threads ? heads->threads : 1; }
static inline const efla_isa *efla_heads_isa(const efla_heads *heads) {
  return heads->isa ? heads->isa : efla_isa_best();
}

/* One head of one sequence, whose rows lie one after another; one thread. */
static inline efla_heads efla_heads_one(size_t tokens, size_t dk, size_t dv) {
  return (efla_heads){.batch = 1, .heads = 1, .tokens = tokens, .dk = dk, .dv = dv};
}

/* How many states there are: per head. */
size_t efla_heads_sequences(const efla_heads *heads);

/* Where one head of one sequence lies: token t of it is row first + t * stride, a row being dk or dv numbers or one
 * scalar. */
typedef struct efla_head_rows {
  size_t first, stride, tokens;
} efla_head_rows;
efla_head_rows efla_heads_rows(const efla_heads *heads, size_t sequence, size_t head);

/* The same for an array of rows of `width`, counted in numbers and from the start of the array: token t is at
 * first + t * stride.  array NULL: contiguous in the layout of heads. */
typedef struct efla_head_numbers {
  size_t first, stride;
} efla_head_numbers;
efla_head_numbers efla_heads_numbers(const efla_heads *heads, const efla_array *array, size_t sequence, size_t head,
                                     size_t width);
/* And for states (dk, dv), of which row i is at first + i * stride. */
efla_head_numbers efla_heads_state(const efla_heads *heads, const efla_array *array, size_t sequence, size_t head);

/* The array of that name in heads->arrays, NULL: as the layout says. */
#define EFLA_HEADS_ARRAY(heads, name) ((heads)->arrays ? (heads)->arrays->name : NULL)

/* Whether the rows of one token lie nearer to each other than those of one head. */
bool efla_heads_scattered(const efla_heads *heads);

/* States are kept every EFLA_SEGMENT tokens of a sequence, its start included, for a backward pass.  Room for how many
 * per head, and which is the first of a sequence; some in between may stay unused. */
#define EFLA_SEGMENT (2 * EFLA_BLOCK)
size_t efla_heads_segments(const efla_heads *heads);
size_t efla_heads_first_segment(const efla_heads *heads, size_t sequence);

/* What is left to the caller to get right is checked here: asserts that the shape is consistent. */
void efla_heads_assert(const efla_heads *heads);

#endif

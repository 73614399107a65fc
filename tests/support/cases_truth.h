/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One head in long double, and what its rounding errors are bounded by (docs/bounds.md#backends): shared by the forward
 * and the backward half of cases_truth. */
#ifndef CASES_TRUTH_H
#define CASES_TRUTH_H

#include "cases.h"

typedef struct truth_head {
  const backend_case *c;
  size_t b, h, s, begin, tokens; /* batch entry, head, sequence; its tokens */
  long double *S;                /* (tokens + 1, dk, dv), before each token and after the last */
  long double *k, *p;            /* (tokens, dk) twice: what an update adds along, and what it erases by */
  long double *u, *du;           /* (tokens, dv) twice */
  double *error, *S_size;        /* (tokens + 1): of S, in roundoffs; |S| */
  double *ku;                    /* (tokens): |k| |u| */
  double *gain;                  /* (tokens): |G + readout| grows by this */
  double *through;               /* (tokens + 1): what a scan carries: twice |M| |S| of the piece's beginning */
} truth_head;

/* A token's keys, coefficients and their slopes. */
typedef struct truth_token {
  const long double *k, *p;     /* (dk): rows of the head's */
  long double lambda, beta, g;  /* g: 0 where it is per channel */
  long double key_norm;         /* before treatment */
  long double key_size, p_size; /* of the treated key, and of the erase key, before decays */
  efla_coefficients_long c;
  efla_coefficient_slopes slopes;
  double k_size, p_length; /* |k|, |p| of the update */
  double dd, de, dw, dkey; /* errors of the coefficients, and of each of k and p relative to it */
  double carried;          /* the norm of the transition */
} truth_token;

/* Tokens that any form takes together, at most; and where products are of bf16. */
enum { TRUTH_WINDOW = 16, TRUTH_HALF_WINDOW = 64 };

long double truth_norm(size_t n, const long double *x);
long double truth_dot(size_t n, const long double *x, const long double *y);
void *truth_room(size_t n, size_t size);
double truth_scale(const backend_case *c);
/* Of an absent input nothing is read: `to` is zero. */
void truth_read_row(const field *f, size_t b, size_t h, size_t t, long double *to);
/* Token t, whose k and p it leaves in the head. */
truth_token truth_read_token(const truth_head *x, size_t t);
/* The decay of row i of the state, from a token and the number of its head. */
long double truth_row_decay(const truth_head *x, const truth_token *a, size_t t, size_t i);
/* exp(share g_i) of token t; 1 where g is not per channel. */
long double truth_channel(const truth_head *x, size_t t, size_t i, double share);
/* Whether a scan carries the state on to token t of the head's sequence. */
bool truth_is_cut(const truth_head *x, size_t t);
/* |S| before token t, and all that its last tokens added, as many as are taken together, with no cancellation. */
double truth_size_before(const truth_head *x, size_t t);

/* All tokens backwards, into `to`. */
void truth_retreat(const truth_head *x, truth *to);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of the library with unusual shapes and strides, exact results in long double, and bounds for rounding errors
 * (docs/bounds.md#backends). */
#ifndef CASES_H
#define CASES_H

#include "efla/efla.h"
#include "testing.h"

/* The different numbers of an input, all representable in f32; what is shared has one entry, or fewer groups of
 * heads. */
typedef struct field {
  size_t entries, groups, tokens, features, repeat;
  double *values; /* (entries, groups, tokens, features); NULL: absent */
} field;

enum { CASE_CUTS = 32 };
enum { CASE_INPUTS = 7, CASE_Q = 0, CASE_K, CASE_V, CASE_BETA, CASE_G, CASE_P, CASE_INITIAL };

typedef struct backend_case {
  efla_rule rule;
  size_t batch, heads, tokens, dk, dv, sequences, cu[6];
  bool packed, in_place; /* in place: final_state is initial_state's array */
  bool per_channel;      /* g has dk numbers a token */
  bool half;             /* all numbers are bf16, and products may be formed of such */
  field in[CASE_INPUTS];
  field d_o, d_final;          /* o and final_state are wanted where these are given */
  size_t cuts, cut[CASE_CUTS]; /* tokens before which states are carried on by a scan (docs/bounds.md#scan) */
} backend_case;

/* The first of the list have the decays none and split; then others from CASES_ANY on, decay per channel from
 * CASES_CHANNEL on, and other erase keys from CASES_ERASE on. */
enum { CASES_ANY = 49, CASES_CHANNEL = 84, CASES_ERASE = 126, CASES = 168 };

/* Number n of a fixed list of combinations, with random numbers; end it with case_clear. */
backend_case case_make(size_t n, gsl_rng *draw);
void case_clear(backend_case *c);
/* The same with all numbers cut to bf16. */
void case_halve(backend_case *c);
size_t case_states(const backend_case *c);
/* The number of input `field` that batch entry, head, token (of a state: sequence, head, row) and feature see. */
double case_number(const field *f, size_t b, size_t h, size_t t, size_t i);

/* Rows in the order (batch, heads, tokens) or (states, heads); an error bounds the Euclidean norm of a row's, in units
 * of the roundoff, where `half` that of bf16. */
typedef struct truth {
  long double *o, *final, *d[CASE_INPUTS];
  double *o_error, *final_error, *d_error[CASE_INPUTS];
} truth;
truth case_solve(const backend_case *c, bool backward);
void truth_clear(truth *t);

/* An array in memory of its own, with strides of a kind that `draw` picks; what is between its rows, and all of it
 * before it is filled, are bytes 0xff. */
typedef struct placed {
  efla_array array;
  unsigned char *memory;
  size_t bytes;
  double unit; /* what bounds count: the type's roundoff */
} placed;
placed case_place(const field *shape, efla_type type, gsl_rng *draw);
void case_fill(const placed *p, const field *f);

/* Rows (batch, heads, tokens, features) of `type` against long double: error <= unit * bound for each row; then
 * nothing but those rows has been written.  sums: rows that share a place in the array are added up. */
void case_compare(const char *what, const placed *p, const field *shape, size_t batch, size_t heads, size_t tokens,
                  const long double *expected, const double *bound);

#endif

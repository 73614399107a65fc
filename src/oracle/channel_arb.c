/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/channel.h"

#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb_mat.h>)
#include <flint/arb_mat.h>
#else
#include <arb_mat.h>
#endif
#include <float.h>

enum { BITS = 128 };

typedef struct balls {
  slong dk, dv;
  arb_mat_t A, S, next; /* (dk + 1, dk + 1); (dk + 1, dv), the last row is v^T */
  arb_t k, beta;
  arf_t part;
} balls;

static void balls_init(balls *b, slong dk, slong dv) {
  b->dk = dk, b->dv = dv;
  arb_mat_init(b->A, dk + 1, dk + 1);
  arb_mat_init(b->S, dk + 1, dv);
  arb_mat_init(b->next, dk + 1, dv);
  arb_init(b->k);
  arb_init(b->beta);
  arf_init(b->part);
}

static void balls_clear(balls *b) {
  arb_mat_clear(b->A);
  arb_mat_clear(b->S);
  arb_mat_clear(b->next);
  arb_clear(b->k);
  arb_clear(b->beta);
  arf_clear(b->part);
  flint_cleanup();
}

/* A <- [[-(diag(y) + beta k k^T), beta k], [0, 0]] */
static void set_augmented(balls *b, const double *k, const double *y, double beta) {
  arb_mat_zero(b->A);
  arb_set_d(b->beta, beta);
  for (slong i = 0; i < b->dk; i++) {
    arb_ptr last = arb_mat_entry(b->A, i, b->dk), diagonal = arb_mat_entry(b->A, i, i);
    arb_set_d(b->k, k[i]);
    arb_mul(last, b->beta, b->k, BITS);
    for (slong j = 0; j < b->dk; j++) {
      arb_set_d(b->k, -k[j]);
      arb_mul(arb_mat_entry(b->A, i, j), last, b->k, BITS);
    }
    arb_set_d(b->k, y[i]);
    arb_sub(diagonal, diagonal, b->k, BITS);
  }
}

/* One token on exact midpoints; the radii it leaves are squared into *spread and dropped. */
static void step(balls *b, const double *k, const double *v, double beta, const double *y, mag_t spread) {
  set_augmented(b, k, y, beta);
  arb_mat_exp(b->A, b->A, BITS);
  for (slong j = 0; j < b->dv; j++) arb_set_d(arb_mat_entry(b->S, b->dk, j), v[j]);
  arb_mat_mul(b->next, b->A, b->S, BITS);
  arb_mat_swap(b->S, b->next);
  mag_zero(spread);
  for (slong i = 0; i < b->dk; i++)
    for (slong j = 0; j < b->dv; j++) {
      mag_ptr radius = arb_radref(arb_mat_entry(b->S, i, j));
      mag_addmul(spread, radius, radius);
      mag_zero(radius);
    }
}

/* A long double is the exact sum of two doubles. */
static void set_long(balls *b, arb_t entry, long double value) {
  double high = (double)value;
  arf_set_d(arb_midref(entry), high);
  arf_set_d(b->part, (double)(value - high));
  arf_add(arb_midref(entry), arb_midref(entry), b->part, ARF_PREC_EXACT, ARF_RND_DOWN);
}

static long double midpoint(balls *b, const arb_t entry) {
  double high = arf_get_d(arb_midref(entry), ARF_RND_NEAR);
  arf_set_d(b->part, high);
  arf_sub(b->part, arb_midref(entry), b->part, BITS, ARF_RND_NEAR);
  return (long double)high + arf_get_d(b->part, ARF_RND_NEAR);
}

efla_status efla_channel_arb_advance(const efla_tokens *x, const double *y, long double *S, double *error,
                                     efla_message *why) {
  (void)why; /* FLINT aborts the program where memory ends */
  size_t dk = x->dk, dv = x->dv, state = dk * dv;
  balls b;
  mag_t spread, total;
  balls_init(&b, (slong)dk, (slong)dv);
  mag_init(spread);
  mag_init(total);
  for (size_t e = 0; e < state; e++) set_long(&b, arb_mat_entry(b.S, (slong)(e / dv), (slong)(e % dv)), S[e]);
  for (size_t t = 0; t < x->tokens; t++) {
    step(&b, x->k + t * dk, x->v + t * dv, x->beta[t], y + t * dk, spread);
    mag_sqrt(spread, spread);
    mag_add(total, total, spread);
  }
  for (size_t e = 0; e < state; e++) S[e] = midpoint(&b, arb_mat_entry(b.S, (slong)(e / dv), (slong)(e % dv)));
  *error = mag_get_d(total) + (double)LDBL_EPSILON * efla_norm(state, S); /* as in arb.c */
  mag_clear(total);
  mag_clear(spread);
  balls_clear(&b);
  return EFLA_OK;
}

#else

efla_status efla_channel_arb_advance(const efla_tokens *x, const double *y, long double *S, double *error,
                                     efla_message *why) {
  (void)x;
  (void)y;
  (void)S;
  *error = 0;
  return efla_fail(why, EFLA_NOT_BUILT, "oracle arb: not built (Arb was not found when the toolkit was built)");
}

#endif

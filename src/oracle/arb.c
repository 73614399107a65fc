/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certified truth: the rank-one recurrence in ball arithmetic.
 *
 * Balls carried from token to token would grow by |I| + a|k||k|^T each time and be useless after a hundred tokens.
 * Instead every token starts from the midpoint of the last, the radii it makes are added up in norm, and the exact
 * flow, whose transitions have norm at most 1, carries that sum: a certified bound that grows linearly, not
 * exponentially. */
#include "oracle/advance.h"

#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#else
#include <arb.h>
#endif
#include <float.h>
#include <math.h>

enum { BITS = 128 };

typedef struct balls {
  size_t dk, dv;
  arb_ptr S, k, u; /* (dk, dv), (dk), (dv) */
  arb_t lambda, beta, coefficient, factor;
  arf_t part;
} balls;

static void balls_init(balls *b, size_t dk, size_t dv) {
  *b = (balls){.dk = dk, .dv = dv};
  b->S = _arb_vec_init((slong)(dk * dv));
  b->k = _arb_vec_init((slong)dk);
  b->u = _arb_vec_init((slong)dv);
  arb_init(b->lambda);
  arb_init(b->beta);
  arb_init(b->coefficient);
  arb_init(b->factor);
  arf_init(b->part);
}

static void balls_clear(balls *b) {
  _arb_vec_clear(b->S, (slong)(b->dk * b->dv));
  _arb_vec_clear(b->k, (slong)b->dk);
  _arb_vec_clear(b->u, (slong)b->dv);
  arb_clear(b->lambda);
  arb_clear(b->beta);
  arb_clear(b->coefficient);
  arb_clear(b->factor);
  arf_clear(b->part);
  flint_cleanup();
}

/* coefficient = (1 - exp(-beta*lambda))/lambda */
static void enclose_coefficient(balls *b, double beta) {
  arb_set_d(b->beta, beta);
  arb_dot(b->lambda, NULL, 0, b->k, 1, b->k, 1, (slong)b->dk, BITS);
  if (arb_is_zero(b->lambda)) {
    arb_set(b->coefficient, b->beta);
    return;
  }
  arb_mul(b->coefficient, b->beta, b->lambda, BITS);
  arb_neg(b->coefficient, b->coefficient);
  arb_expm1(b->coefficient, b->coefficient, BITS);
  arb_neg(b->coefficient, b->coefficient);
  arb_div(b->coefficient, b->coefficient, b->lambda, BITS);
}

/* One token on exact midpoints; the radii it leaves are squared into *spread and dropped. */
static void step(balls *b, const double *k, const double *v, double beta, mag_t spread) {
  slong dk = (slong)b->dk, dv = (slong)b->dv;
  for (slong i = 0; i < dk; i++) arb_set_d(b->k + i, k[i]);
  enclose_coefficient(b, beta);
  for (slong j = 0; j < dv; j++) {
    arb_set_d(b->factor, v[j]);
    arb_dot(b->u + j, b->factor, 1, b->k, 1, b->S + j, dv, dk, BITS);
  }
  mag_zero(spread);
  for (slong i = 0; i < dk; i++) {
    arb_mul(b->factor, b->coefficient, b->k + i, BITS);
    for (slong j = 0; j < dv; j++) {
      arb_ptr entry = b->S + i * dv + j;
      arb_addmul(entry, b->factor, b->u + j, BITS);
      mag_addmul(spread, arb_radref(entry), arb_radref(entry));
      mag_zero(arb_radref(entry));
    }
  }
}

static long double midpoint(balls *b, arb_srcptr entry) {
  double high = arf_get_d(arb_midref(entry), ARF_RND_NEAR);
  arf_set_d(b->part, high);
  arf_sub(b->part, arb_midref(entry), b->part, BITS, ARF_RND_NEAR);
  return (long double)high + arf_get_d(b->part, ARF_RND_NEAR);
}

efla_status efla_arb_advance(const efla_tokens *x, long double *S, double *error, efla_message *why) {
  (void)why; /* FLINT aborts the program where memory ends */
  size_t state = x->dk * x->dv;
  balls b;
  mag_t spread, total;
  balls_init(&b, x->dk, x->dv);
  mag_init(spread);
  mag_init(total);
  for (size_t e = 0; e < state; e++) { /* a long double is the exact sum of two doubles */
    double high = (double)S[e], low = (double)(S[e] - high);
    arf_set_d(arb_midref(b.S + e), high);
    arf_set_d(b.part, low);
    arf_add(arb_midref(b.S + e), arb_midref(b.S + e), b.part, ARF_PREC_EXACT, ARF_RND_DOWN);
  }
  for (size_t t = 0; t < x->tokens; t++) {
    step(&b, x->k + t * x->dk, x->v + t * x->dv, x->beta[t], spread);
    mag_sqrt(spread, spread);
    mag_add(total, total, spread);
  }
  for (size_t e = 0; e < state; e++) S[e] = midpoint(&b, b.S + e);
  /* Rounding the midpoints to long double is one more error, at most half an ulp each; twice that covers the double
   * rounding and the rounding of this very line. */
  *error = mag_get_d(total) + (double)LDBL_EPSILON * efla_norm(state, S);
  mag_clear(total);
  mag_clear(spread);
  balls_clear(&b);
  return EFLA_OK;
}

#else

efla_status efla_arb_advance(const efla_tokens *x, long double *S, double *error, efla_message *why) {
  (void)x;
  (void)S;
  *error = 0;
  return efla_fail(why, EFLA_NOT_BUILT, "oracle arb: not built (Arb was not found when the toolkit was built)");
}

#endif

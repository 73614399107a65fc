/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certified truth: the rank-one recurrence in ball arithmetic.
 *
 * Balls carried from token to token would grow by |I| + a|k||k|^T each time and be useless after a hundred tokens.
 * Instead every token starts from the midpoint of the last, the radii it makes are added up in norm, and the exact
 * flow, whose transitions have norm at most 1, carries that sum: a certified bound that grows linearly, not
 * exponentially.  With an erase key p the transition's norm may exceed 1 and is enclosed as well. */
#include "oracle/advance.h"

#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#else
#include <arb.h>
#endif
#include <float.h>
#include <math.h>
#include <string.h>

enum { BITS = 128 };

enum { LAMBDA, X, Y, Z, RHO, B, DECAY, ERASE, WRITE, FACTOR, NORM, KEYS, GAP, SCALARS };

typedef struct balls {
  size_t dk, dv;
  arb_ptr S, k, p, u, scalar; /* (dk, dv), (dk), (dk), (dv), (SCALARS) */
  arf_t part;
} balls;

static void balls_init(balls *b, size_t dk, size_t dv) {
  *b = (balls){.dk = dk, .dv = dv};
  b->S = _arb_vec_init((slong)(dk * dv));
  b->k = _arb_vec_init((slong)dk);
  b->p = _arb_vec_init((slong)dk);
  b->u = _arb_vec_init((slong)dv);
  b->scalar = _arb_vec_init(SCALARS);
  arf_init(b->part);
}

static void balls_clear(balls *b) {
  _arb_vec_clear(b->S, (slong)(b->dk * b->dv));
  _arb_vec_clear(b->k, (slong)b->dk);
  _arb_vec_clear(b->p, (slong)b->dk);
  _arb_vec_clear(b->u, (slong)b->dv);
  _arb_vec_clear(b->scalar, SCALARS);
  arf_clear(b->part);
  flint_cleanup();
}

/* A long double is the exact sum of two doubles. */
static void set_long(balls *b, arb_ptr to, long double value) {
  double high = (double)value, low = (double)(value - high);
  arb_set_d(to, high);
  arf_set_d(b->part, low);
  arf_add(arb_midref(to), arb_midref(to), b->part, ARF_PREC_EXACT, ARF_RND_DOWN);
}

/* A rate: beta, -g and 0 are exact, all else, as 1 - alpha or exp(g/2) beta, has at most the errors of an exponential and
 * a product in long double. */
static void enclose_rate(balls *b, arb_ptr to, long double rate, bool exact) {
  set_long(b, to, rate);
  if (exact) return;
  arb_set_d(b->scalar + FACTOR, 2 * (double)LDBL_EPSILON * fabs((double)rate) * (1 + DBL_EPSILON));
  arb_add_error(to, b->scalar + FACTOR);
}

/* phi(x) = (1 - exp(-x))/x; x may be to. */
static void enclose_phi(arb_ptr to, arb_srcptr x) {
  if (arb_is_zero(x)) {
    arb_one(to);
    return;
  }
  arb_t numerator;
  arb_init(numerator);
  arb_neg(numerator, x);
  arb_expm1(numerator, numerator, BITS);
  arb_neg(numerator, numerator);
  arb_div(to, numerator, x, BITS);
  arb_clear(numerator);
}

/* d = exp(-y), e = rho exp(-y) phi(x), w = b phi(y + x), x = rho lambda. */
static void enclose_coefficients(balls *b, const efla_decay *decay, const efla_tokens *x, size_t t) {
  const efla_rates_long r = efla_token_rates_long(decay, x, t);
  const bool exact = !decay || !decay->argument || !strcmp(decay->argument, "g");
  arb_ptr c = b->scalar;
  arb_dot(c + LAMBDA, NULL, 0, b->p, 1, b->k, 1, (slong)b->dk, BITS);
  enclose_rate(b, c + Y, r.decay, exact);
  enclose_rate(b, c + RHO, r.erase, exact);
  enclose_rate(b, c + B, r.write, r.write == (long double)x->beta[t]);
  arb_mul(c + X, c + RHO, c + LAMBDA, BITS);
  arb_add(c + Z, c + Y, c + X, BITS);
  arb_neg(c + DECAY, c + Y);
  arb_exp(c + DECAY, c + DECAY, BITS);
  enclose_phi(c + ERASE, c + X);
  arb_mul(c + ERASE, c + ERASE, c + RHO, BITS);
  arb_mul(c + ERASE, c + ERASE, c + DECAY, BITS);
  enclose_phi(c + WRITE, c + Z);
  arb_mul(c + WRITE, c + WRITE, c + B, BITS);
}

/* An upper bound of the norm of d I - e k p^T, from its singular values in the span of k and p: with K = |k|^2 |p|^2 the
 * larger one's square is d^2 + (s + sqrt(s^2 + 4 d^2 e^2 (K - mu^2)))/2, s = e^2 K - 2 d e mu. */
static void enclose_norm(balls *b, mag_t norm) {
  arb_ptr c = b->scalar;
  const slong dk = (slong)b->dk;
  arb_dot(c + KEYS, NULL, 0, b->k, 1, b->k, 1, dk, BITS);
  arb_dot(c + FACTOR, NULL, 0, b->p, 1, b->p, 1, dk, BITS);
  arb_mul(c + KEYS, c + KEYS, c + FACTOR, BITS);
  arb_mul(c + GAP, c + LAMBDA, c + LAMBDA, BITS);
  arb_sub(c + GAP, c + KEYS, c + GAP, BITS);
  arb_mul(c + FACTOR, c + DECAY, c + ERASE, BITS);
  arb_mul_2exp_si(c + FACTOR, c + FACTOR, 1); /* 2 d e */
  arb_mul(c + GAP, c + GAP, c + FACTOR, BITS);
  arb_mul(c + GAP, c + GAP, c + FACTOR, BITS);
  arb_mul(c + KEYS, c + KEYS, c + ERASE, BITS);
  arb_mul(c + KEYS, c + KEYS, c + ERASE, BITS);
  arb_submul(c + KEYS, c + FACTOR, c + LAMBDA, BITS); /* s */
  arb_addmul(c + GAP, c + KEYS, c + KEYS, BITS);
  arb_sqrtpos(c + GAP, c + GAP, BITS);
  arb_add(c + NORM, c + KEYS, c + GAP, BITS);
  arb_mul_2exp_si(c + NORM, c + NORM, -1);
  arb_addmul(c + NORM, c + DECAY, c + DECAY, BITS);
  arb_sqrtpos(c + NORM, c + NORM, BITS);
  arb_get_mag(norm, c + NORM);
}

/* One token on exact midpoints; the radii it leaves are squared into *spread and dropped. */
static void step(balls *b, const efla_decay *decay, const efla_tokens *x, size_t t, mag_t spread) {
  slong dk = (slong)b->dk, dv = (slong)b->dv;
  arb_ptr c = b->scalar;
  const double *p = efla_token_erase_key(x, t);
  for (slong i = 0; i < dk; i++) arb_set_d(b->k + i, x->k[t * x->dk + (size_t)i]), arb_set_d(b->p + i, p[i]);
  enclose_coefficients(b, decay, x, t);
  for (slong j = 0; j < dv; j++) { /* u = w v - e S^T k */
    arb_dot(b->u + j, NULL, 0, b->p, 1, b->S + j, dv, dk, BITS);
    arb_mul(b->u + j, b->u + j, c + ERASE, BITS);
    arb_set_d(c + FACTOR, x->v[t * x->dv + (size_t)j]);
    arb_mul(c + FACTOR, c + FACTOR, c + WRITE, BITS);
    arb_sub(b->u + j, c + FACTOR, b->u + j, BITS);
  }
  mag_zero(spread);
  for (slong i = 0; i < dk; i++)
    for (slong j = 0; j < dv; j++) {
      arb_ptr entry = b->S + i * dv + j;
      if (!arb_is_one(c + DECAY)) arb_mul(entry, entry, c + DECAY, BITS);
      arb_addmul(entry, b->k + i, b->u + j, BITS);
      mag_addmul(spread, arb_radref(entry), arb_radref(entry));
      mag_zero(arb_radref(entry));
    }
}

static long double midpoint(balls *b, arb_srcptr entry) {
  double high = arf_get_d(arb_midref(entry), ARF_RND_NEAR);
  arf_set_d(b->part, high);
  arf_sub(b->part, arb_midref(entry), b->part, BITS, ARF_RND_NEAR);
  return (long double)high + arf_get_d(b->part, ARF_RND_NEAR);
}

efla_status efla_arb_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                             efla_message *why) {
  (void)why; /* FLINT aborts the program where memory ends */
  size_t state = x->dk * x->dv;
  balls b;
  mag_t spread, total, norm;
  balls_init(&b, x->dk, x->dv);
  mag_init(norm);
  mag_init(spread);
  mag_init(total);
  for (size_t e = 0; e < state; e++) set_long(&b, b.S + e, S[e]);
  for (size_t t = 0; t < x->tokens; t++) {
    step(&b, decay, x, t, spread);
    mag_sqrt(spread, spread);
    if (x->p) enclose_norm(&b, norm), mag_mul(total, total, norm);
    mag_add(total, total, spread);
  }
  for (size_t e = 0; e < state; e++) S[e] = midpoint(&b, b.S + e);
  /* Rounding the midpoints to long double is one more error, at most half an ulp each; twice that covers the double
   * rounding and the rounding of this very line. */
  *error = mag_get_d(total) + (double)LDBL_EPSILON * efla_norm(state, S);
  mag_clear(total);
  mag_clear(norm);
  mag_clear(spread);
  balls_clear(&b);
  return EFLA_OK;
}

#else

efla_status efla_arb_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                             efla_message *why) {
  (void)x, (void)decay, (void)S;
  *error = 0;
  return efla_fail(why, EFLA_NOT_BUILT, "oracle arb: not built (Arb was not found when the toolkit was built)");
}

#endif

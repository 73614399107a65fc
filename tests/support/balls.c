/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balls.h"

#ifdef EFLA_HAVE_ARB

enum { STEP = -250 };

static void polynomial(arb_t value, const double *c, const arb_t x) {
  arb_t term;
  arb_init(term);
  arb_zero(value);
  for (int i = EFLA_PHI_TERMS - 1; i >= 0; i--) {
    arb_set_d(term, c[i]);
    arb_mul(value, value, x, BALLS_BITS);
    arb_add(value, value, term, BALLS_BITS);
  }
  arb_clear(term);
}

/* R(-x) = 1 - x phi(x); of another x than R */
static void stability(const efla_method *m, const arb_t x, arb_t R) {
  if (m->closed) {
    ck_assert_msg(m->order == EFLA_ORDER_INFINITE, "%s has no definition here", m->name);
    arb_neg(R, x);
    arb_exp(R, R, BALLS_BITS);
    return;
  }
  arb_t Q;
  arb_init(Q);
  polynomial(R, m->numerator, x);
  polynomial(Q, m->denominator, x);
  arb_div(R, R, Q, BALLS_BITS);
  arb_mul(R, R, x, BALLS_BITS);
  arb_sub_ui(R, R, 1, BALLS_BITS);
  arb_neg(R, R);
  arb_clear(Q);
}

void balls_define(const efla_rule *rule, arb_srcptr p, arb_ptr c) {
  arb_t x, z, before, R;
  arb_init(x), arb_init(z), arb_init(before), arb_init(R);
  arb_set(x, p + BALLS_X);
  if (arb_is_zero(x)) arb_one(x), arb_mul_2exp_si(x, x, BALLS_TINY);
  arb_add(z, p + BALLS_DECAY, x, BALLS_BITS);
  arb_exp(before, p + BALLS_BEFORE, BALLS_BITS);
  stability(rule->method, p + BALLS_DECAY, c + BALLS_D);
  stability(rule->method, z, R);
  arb_sub(c + BALLS_E, c + BALLS_D, R, BALLS_BITS);
  arb_div(c + BALLS_E, c + BALLS_E, x, BALLS_BITS); /* psi(y, z) */
  arb_mul(c + BALLS_E, c + BALLS_E, p + BALLS_ERASE, BALLS_BITS);
  arb_sub_ui(c + BALLS_W, R, 1, BALLS_BITS);
  arb_neg(z, z);
  arb_div(c + BALLS_W, c + BALLS_W, z, BALLS_BITS); /* phi(z) */
  arb_mul(c + BALLS_W, c + BALLS_W, p + BALLS_WRITE, BALLS_BITS);
  arb_mul(c + BALLS_D, c + BALLS_D, before, BALLS_BITS);
  arb_mul(c + BALLS_E, c + BALLS_E, before, BALLS_BITS);
  arb_clear(x), arb_clear(z), arb_clear(before), arb_clear(R);
}

void balls_rates(const efla_decay *decay, arb_srcptr in, arb_ptr p) {
  _arb_vec_zero(p, BALLS_RATES);
  arb_set(p + BALLS_ERASE, in + BALLS_BETA);
  arb_set(p + BALLS_WRITE, in + BALLS_BETA);
  if (!strcmp(decay->name, "split")) {
    arb_set(p + BALLS_BEFORE, in + BALLS_ARGUMENT);
  } else if (!strcmp(decay->name, "strang")) {
    arb_set(p + BALLS_BEFORE, in + BALLS_ARGUMENT);
    arb_mul_2exp_si(p + BALLS_WRITE, in + BALLS_ARGUMENT, -1);
    arb_exp(p + BALLS_WRITE, p + BALLS_WRITE, BALLS_BITS);
    arb_mul(p + BALLS_WRITE, p + BALLS_WRITE, in + BALLS_BETA, BALLS_BITS);
  } else if (!strcmp(decay->name, "joint")) {
    arb_neg(p + BALLS_DECAY, in + BALLS_ARGUMENT);
  } else if (!strcmp(decay->name, "retention")) {
    arb_sub_ui(p + BALLS_DECAY, in + BALLS_ARGUMENT, 1, BALLS_BITS);
    arb_neg(p + BALLS_DECAY, p + BALLS_DECAY);
    arb_mul(p + BALLS_ERASE, in + BALLS_BETA, in + BALLS_ARGUMENT, BALLS_BITS);
  } else {
    ck_assert_msg(!strcmp(decay->name, "none"), "%s has no definition here", decay->name);
  }
  arb_mul(p + BALLS_X, p + BALLS_ERASE, in + BALLS_LAMBDA, BALLS_BITS);
}

void balls_from_inputs(const efla_rule *rule, arb_srcptr in, arb_ptr c) {
  arb_ptr p = _arb_vec_init(BALLS_RATES);
  balls_rates(rule->decay, in, p);
  balls_define(rule, p, c);
  _arb_vec_clear(p, BALLS_RATES);
}

void balls_differentiate(balls_coefficients *f, const efla_rule *rule, arb_srcptr at, int n, int i, int j,
                         arb_ptr slope) {
  arb_ptr moved = _arb_vec_init(n), side = _arb_vec_init(BALLS_COEFFICIENTS);
  arb_t h;
  arb_init(h);
  _arb_vec_zero(slope, BALLS_COEFFICIENTS);
  for (int sign = 1; sign >= -1; sign -= 2) {
    arb_set_si(h, sign);
    arb_mul_2exp_si(h, h, STEP - 2 * i);
    _arb_vec_set(moved, at, n);
    arb_add(moved + i, at + i, h, BALLS_BITS);
    if (j >= 0)
      balls_differentiate(f, rule, moved, n, j, -1, side);
    else
      f(rule, moved, side);
    arb_mul_2exp_si(h, h, 1);
    for (int k = 0; k < BALLS_COEFFICIENTS; k++) {
      arb_div(side + k, side + k, h, BALLS_BITS);
      arb_add(slope + k, slope + k, side + k, BALLS_BITS);
    }
  }
  arb_clear(h);
  _arb_vec_clear(side, BALLS_COEFFICIENTS);
  _arb_vec_clear(moved, n);
}

void balls_diagonal(const efla_method *m, const arb_t x, arb_t slope) {
  arb_t h, end, R;
  arb_init(h), arb_init(end), arb_init(R);
  arb_one(h);
  arb_mul_2exp_si(h, h, STEP);
  arb_sub(end, x, h, BALLS_BITS);
  stability(m, end, slope);
  arb_add(end, x, h, BALLS_BITS);
  stability(m, end, R);
  arb_sub(slope, slope, R, BALLS_BITS);
  arb_mul_2exp_si(slope, slope, -STEP - 1);
  arb_clear(h), arb_clear(end), arb_clear(R);
}

double balls_size(const arb_t x) {
  mag_t limit;
  mag_init(limit);
  arb_get_mag(limit, x);
  mag_mul_2exp_si(limit, limit, -200);
  ck_assert(mag_cmp(arb_radref(x), limit) <= 0 || mag_cmp_2exp_si(arb_radref(x), -400) < 0);
  mag_clear(limit);
  return fabs(arf_get_d(arb_midref(x), ARF_RND_UP));
}

double balls_distance(double value, const arb_t truth) {
  arb_t difference;
  arb_init(difference);
  arb_set_d(difference, value);
  arb_sub(difference, truth, difference, BALLS_BITS);
  double size = fabs(arf_get_d(arb_midref(difference), ARF_RND_UP));
  arb_clear(difference);
  return size;
}

#endif

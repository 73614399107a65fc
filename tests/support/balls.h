/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The coefficients of a token by their definition (docs/derivations.md#e7) in ball arithmetic, and their
 * derivatives, as differences of it: nothing of rule.c's algebra.  Where Arb is not built in, nothing. */
#ifndef BALLS_H
#define BALLS_H

#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#else
#include <arb.h>
#endif
#endif

#include "testing.h" /* after FLINT, whose headers use the name U */

#ifdef EFLA_HAVE_ARB

/* A quotient of differences loses 600 bits at most (BALLS_TINY), a derivative 250 and a second one 500; a central
 * difference errs by h^2 = 2^-500 of a third derivative. */
enum { BALLS_BITS = 1536, BALLS_TINY = -600 };

enum { BALLS_BEFORE, BALLS_DECAY, BALLS_ERASE, BALLS_WRITE, BALLS_X, BALLS_RATES }; /* x = rho lambda */
enum { BALLS_BETA, BALLS_ARGUMENT, BALLS_LAMBDA, BALLS_INPUTS };
enum { BALLS_D, BALLS_E, BALLS_W, BALLS_COEFFICIENTS };

/* c <- the coefficients from rates, or from inputs.  An x of 0 is taken as 2^BALLS_TINY, which changes none by more
 * than about that. */
typedef void balls_coefficients(const efla_rule *rule, arb_srcptr at, arb_ptr c);
void balls_define(const efla_rule *rule, arb_srcptr rates, arb_ptr c);
void balls_from_inputs(const efla_rule *rule, arb_srcptr inputs, arb_ptr c);
/* The table of rule.h. */
void balls_rates(const efla_decay *decay, arb_srcptr inputs, arb_ptr rates);

/* slope <- the derivative of the coefficients by the i-th of n arguments, and by the j-th unless it is negative.  Steps
 * differ by arguments, so that y + x is not 0 where both start from 0. */
void balls_differentiate(balls_coefficients *f, const efla_rule *rule, arb_srcptr at, int n, int i, int j,
                         arb_ptr slope);
/* slope <- -dR(-x)/dx = psi(x, x) */
void balls_diagonal(const efla_method *m, const arb_t x, arb_t slope);

/* |x|, whose radius must be that of a reference; |value - x|. */
double balls_size(const arb_t x);
double balls_distance(double value, const arb_t x);

#endif

#endif

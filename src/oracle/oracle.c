/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/oracle.h"

#include "efla/rule.h"
#include "efla/reference/recurrence.h"
#include "oracle/advance.h"

#include <float.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* With an erase key the state may grow by e^-(y + rho*lambda) a token: to what f64 can hold, with room for the rest. */
static const double LARGEST_GROWTH = 600;

/* The limits say from where on an oracle's own error makes it useless as a truth: six digits for the ones in f64. */
const efla_oracle efla_oracles[] = {
    {.name = "gsl",
     .what = "gsl_linalg_exponential_ss on the augmented matrix",
     .trust =
         "keys whose entries differ in size: its Taylor degree follows the largest entry of the matrix instead of "
         "a norm, and fails just below the edges x = dk*10^j of its table where all |k_i| are equal and at least |v|",
     .error_kind = EFLA_ERROR_ESTIMATED,
     .limit = 1e-6,
     .largest_x = INFINITY,
     .largest_dk = SIZE_MAX,
     .advance = efla_gsl_advance},
    {.name = "expm1",
     .what = "scaling and squaring of exp(A) - I on the augmented matrix",
     .trust = "dk <= 256: relative error at most (2 dk + 16) u max(1, x)",
     .error_kind = EFLA_ERROR_BOUND,
     .limit = 1e-6,
     .largest_x = INFINITY,
     .largest_dk = 256,
     .advance = efla_expm1_advance},
    {.name = "odeiv",
     .what = "GSL's adaptive Runge-Kutta rk8pd, tolerance 1e-13, on the matrix ODE",
     .trust = "x <= 1e4: an explicit method needs about x/5 steps",
     .error_kind = EFLA_ERROR_ESTIMATED,
     .limit = 1e-6,
     .largest_x = 1.0001e4,
     .largest_dk = SIZE_MAX,
     .advance = efla_odeiv_advance},
    {.name = "longdouble",
     .what = "rank-one recurrence in long double",
     .trust = "all tokens, long runs included, unless they erase the state down to its rounding errors",
     .error_kind = EFLA_ERROR_ESTIMATED,
     .limit = 1e-12,
     .largest_x = INFINITY,
     .largest_dk = SIZE_MAX,
     .advance = efla_longdouble_advance},
    {.name = "arb",
     .what = "rank-one recurrence in 128-bit balls",
     .trust = "all tokens, certified, unless they erase the state down to its rounding errors",
     .error_kind = EFLA_ERROR_CERTIFIED,
     .limit = 1e-12,
     .largest_x = INFINITY,
     .largest_dk = SIZE_MAX,
     .advance = efla_arb_advance},
    {.name = NULL},
};

const char *efla_oracle_name(size_t i) {
  return i < sizeof efla_oracles / sizeof *efla_oracles ? efla_oracles[i].name : NULL;
}

const efla_oracle *efla_oracle_find(const char *name) {
  for (const efla_oracle *o = efla_oracles; o->name; o++)
    if (!strcmp(o->name, name)) return o;
  return NULL;
}

efla_status efla_oracle_raw(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x, long double *S,
                            double *error, efla_message *why) {
  gsl_set_error_handler_off();
  return oracle->advance(x, decay, S, error, why);
}

/* An upper bound of the norm of the tokens' product of transitions, which carries the error of the state that comes in:
 * of its Frobenius norm, whose own rounding is at most (dk+8) u per token and unit column (docs/bounds.md#step with v =
 * 0), and of the product of the transitions' norms, the less.  With erase keys the product of norms alone, which may
 * exceed 1. */
static efla_status carry(const efla_decay *decay, const efla_tokens *x, double *factor) {
  size_t dk = x->dk;
  *factor = 0;
  double *block = calloc(dk * dk + dk, sizeof *block);
  if (!block) return EFLA_NO_MEMORY;
  double *P = block, *zero = block + dk * dk, norms = 1;
  for (size_t i = 0; i < dk; i++) P[i * dk + i] = 1;
  for (size_t t = 0; t < x->tokens; t++) {
    const double *k = x->k + t * dk, norm = efla_transition_norm(x, decay, t);
    efla_rates rates = efla_token_rates(decay, x, t);
    efla_coefficients c;
    rates.before = 0; /* decay_before has it */
    efla_rates_coefficients(efla_method_find("exact"), &rates, efla_lambda(dk, k), &c);
    efla_recurrence_f64(1, dk, dk, NULL, k, zero, &c, P, NULL);
    norms *= x->p ? norm : fmin(1, norm);
  }
  *factor = sqrt(efla_lambda(dk * dk, P)) + (double)x->tokens * ((double)dk + 8) * sqrt((double)dk) * DBL_EPSILON / 2;
  if (x->p || norms < *factor) *factor = norms;
  if (!x->p && !(*factor < 1)) *factor = 1;
  free(block);
  return EFLA_OK;
}

static efla_status refuse(const efla_oracle *oracle, efla_message *why, const char *what, double value) {
  return efla_fail(why, EFLA_UNTRUSTED, "oracle %s refuses: %s %g; it can be trusted for %s", oracle->name, what, value,
                   oracle->trust);
}

efla_status efla_oracle_admits(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x,
                               efla_message *why) {
  if (x->dk > oracle->largest_dk) return refuse(oracle, why, "dk =", (double)x->dk);
  for (size_t t = 0; t < x->tokens; t++) {
    efla_rates r = efla_token_rates(decay, x, t);
    double step = r.decay + r.erase * efla_token_lambda(x, t);
    if (!(step <= oracle->largest_x && step >= -LARGEST_GROWTH)) return refuse(oracle, why, "y + rho*lambda =", step);
  }
  if (x->g_per_channel && decay && decay->gated && decay->share == 0)
    return efla_fail(why, EFLA_UNTRUSTED, "oracle %s refuses: decay %s with g per channel, which no coefficient solves",
                     oracle->name, decay->name);
  return EFLA_OK;
}

bool efla_oracle_vouches(const efla_oracle *oracle, size_t n, const long double *S, double own) {
  double norm = efla_norm(n, S);
  return isfinite(norm) && own <= oracle->limit * norm;
}

/* Tokens without a decay before them. */
static efla_status advance(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x, long double *S,
                           double *error, efla_message *why) {
  size_t n = x->dk * x->dv;
  double factor = 1, own = 0;
  if (*error > 0 && carry(decay, x, &factor) != EFLA_OK) return efla_fail_memory(why);
  efla_status status = efla_oracle_raw(oracle, decay, x, S, &own, why);
  if (status == EFLA_OK && !efla_oracle_vouches(oracle, n, S, own))
    status = efla_fail(
        why, EFLA_UNTRUSTED,
        "oracle %s refuses: its own error is %.3g of a state of norm %.3g, expected at most %.3g of it; it can be "
        "trusted for %s",
        oracle->name, own / efla_norm(n, S), efla_norm(n, S), oracle->limit, oracle->trust);
  if (status == EFLA_OK) *error = *error * factor + own;
  return status;
}

/* S <- e^before S.  What long double rounds goes into the error: e^g and the product are off by one unit in the last
 * place each at most. */
static void decay_before(size_t n, long double before, long double *S, double *error) {
  long double factor = expl(before);
  for (size_t e = 0; e < n; e++) S[e] *= factor;
  *error = *error * (double)factor + 2 * (double)LDBL_EPSILON * efla_norm(n, S);
}

/* A part of the decays of the channels of one token, where it has them: each row as in decay_before. */
static void decay_channels(const efla_tokens *one, double part, long double *S, double *error) {
  double most = 0, norm = 0;
  for (size_t i = 0; i < one->dk && one->g_per_channel && part > 0; i++) {
    const long double factor = expl((long double)part * (long double)one->g[i]);
    for (size_t j = 0; j < one->dv; j++) S[i * one->dv + j] *= factor;
    most = fmax(most, (double)factor);
    norm = hypot(norm, efla_norm(one->dv, S + i * one->dv));
  }
  if (one->g_per_channel && part > 0) *error = *error * most * (1 + DBL_EPSILON) + 2 * (double)LDBL_EPSILON * norm;
}

efla_status efla_oracle_advance(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x,
                                long double *S, double *error, efla_message *why) {
  const efla_decay *row = decay ? decay : efla_decays;
  const bool channels = row->gated && x->g_per_channel;
  size_t n = x->dk * x->dv, most = row->gated ? 1 : x->tokens;
  efla_status status = efla_oracle_admits(oracle, row, x, why);
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t += most) {
    const efla_tokens piece = efla_tokens_slice(x, t, most);
    const efla_rates_long r = efla_token_rates_long(row, &piece, 0);
    if (r.before != 0) decay_before(n, r.before, S, error);
    if (channels) decay_channels(&piece, row->share, S, error);
    status = advance(oracle, row, &piece, S, error, why);
    if (channels) decay_channels(&piece, 1 - row->share, S, error);
  }
  if (status == EFLA_OK) return EFLA_OK;
  *error = INFINITY;
  for (size_t e = 0; e < n; e++) S[e] = NAN;
  return status;
}

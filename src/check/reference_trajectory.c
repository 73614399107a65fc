/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/reference_trajectory.h"

#include "check/rounded_sums.h"
#include "efla/reference/recurrence.h"
#include "ode/channel_exact.h"
#include "oracle/channel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool every_method(const efla_oracle *oracle) { return !strcmp(oracle->name, "longdouble"); }

bool efla_kernel_spec_exact(const efla_kernel_spec *spec, bool g_per_channel) {
  const efla_decay *decay = spec->rule.decay;
  return g_per_channel && decay && decay->gated && decay->share == 0;
}

efla_status efla_kernel_spec_check(const efla_kernel_spec *spec, bool g_per_channel, bool erase_key,
                                   efla_message *why) {
  const char *truth = spec->truth->name, *method = spec->rule.method->name;
  const bool exact_method = !strcmp(method, "exact");
  if (efla_kernel_spec_exact(spec, g_per_channel)) {
    if (erase_key)
      return efla_fail(why, EFLA_USAGE, "--decay exact: with an erase key p there is no truth, expected lie or strang");
    if (!exact_method)
      return efla_fail(why, EFLA_USAGE, "--decay exact: the flow itself, expected --method exact, not %s", method);
    if (every_method(spec->truth) || efla_channel_oracle_find(truth)) return EFLA_OK;
    return efla_fail(why, EFLA_USAGE, "--truth %s: does not know --decay exact, expected longdouble or arb", truth);
  }
  if (every_method(spec->truth) || exact_method) return EFLA_OK;
  return efla_fail(why, EFLA_USAGE, "--truth %s: knows the exact flow only, expected longdouble for --method %s", truth,
                   method);
}

efla_status efla_reference_trajectory_init(efla_reference_trajectory *trajectory, const efla_kernel_spec *spec,
                                           size_t dk, size_t dv) {
  *trajectory = (efla_reference_trajectory){.spec = spec, .dk = dk, .dv = dv};
  trajectory->S = calloc(dk * dv + 2 * dv + 5 * dk, sizeof *trajectory->S);
  trajectory->key = calloc(dk * dv + 6 * dk, sizeof *trajectory->key);
  if (!trajectory->S || !trajectory->key ||
      efla_error_bound_init(&trajectory->bound, &spec->units, dk, dv,
                            (efla_followed){.decays = spec->rule.decay && spec->rule.decay->gated}) != EFLA_OK) {
    efla_reference_trajectory_clear(trajectory);
    return EFLA_NO_MEMORY;
  }
  trajectory->o = trajectory->S + dk * dv;
  trajectory->wide = trajectory->o + dv;
  trajectory->update = trajectory->key + dk;
  trajectory->last = trajectory->update + 3 * dk;
  trajectory->rates = trajectory->last + dk;
  trajectory->S64 = trajectory->rates + dk;
  return EFLA_OK;
}

void efla_reference_trajectory_clear(efla_reference_trajectory *trajectory) {
  free(trajectory->S);
  free(trajectory->key);
  efla_error_bound_clear(&trajectory->bound);
  *trajectory = (efla_reference_trajectory){0};
}

void efla_reference_trajectory_start(efla_reference_trajectory *trajectory, const double *S) {
  for (size_t e = 0; e < trajectory->dk * trajectory->dv; e++) trajectory->S[e] = S ? S[e] : 0;
  trajectory->error = 0;
  memset(trajectory->last, 0, trajectory->dk * sizeof *trajectory->last);
  efla_error_bound_start(&trajectory->bound, trajectory->S);
}

/* One token: a row of x, its treated key, its coefficients and their derivatives by lambda. */
typedef struct token {
  efla_tokens x;
  bool channels; /* decays per channel */
  efla_coefficients_long c;
  efla_coefficients by_lambda;
  double norm; /* what the norm of the key rounds, relative; 0: it is not divided by it */
} token;

static token take(efla_reference_trajectory *trajectory, const efla_tokens *x, size_t t) {
  const efla_kernel_spec *spec = trajectory->spec;
  token one = {.x = efla_tokens_slice(x, t, 1), .channels = x->g && x->g_per_channel};
  memcpy(trajectory->key, one.x.k, trajectory->dk * sizeof *trajectory->key);
  if (spec->rule.keys->unit) one.norm = efla_rounded_norm(trajectory->dk, one.x.k);
  spec->rule.keys->apply(trajectory->dk, trajectory->key);
  one.x.k = trajectory->key;
  const double *p = efla_token_erase_key(&one.x, 0), argument = efla_token_argument(&one.x, 0);
  long double lambda = 0;
  for (size_t i = 0; i < trajectory->dk; i++) lambda += (long double)p[i] * trajectory->key[i];
  efla_coefficient_slopes slopes = {.by_lambda = {0}};
  efla_rule_coefficients_long(&spec->rule, lambda, one.x.beta[0], argument, &one.c);
  efla_rule_slopes(&spec->rule, (double)lambda, one.x.beta[0], argument, &slopes);
  one.by_lambda = slopes.by_lambda;
  return one;
}

/* Half the length of the interval that holds the exact flow's eigenvalues (ode/channel_exact.h). */
static double half_range(const token *one) {
  double most = 0;
  for (size_t i = 0; i < one->x.dk; i++) most = fmax(most, -one->x.g[i]);
  return (most + efla_token_x(&one->x, 0)) / 2;
}

/* The keys of the update and the decays of the rows, in double. */
static void spread(efla_reference_trajectory *trajectory, const token *one) {
  const efla_decay *decay = trajectory->spec->rule.decay;
  const size_t dk = trajectory->dk;
  const double share = decay && decay->share > 0 ? decay->share : 0.5, *erase_key = efla_token_erase_key(&one->x, 0);
  double *k = trajectory->update, *p = k + dk, *d = p + dk;
  for (size_t i = 0; i < dk; i++) {
    const double g = one->channels ? one->x.g[i] : 0;
    k[i] = one->x.k[i] * exp((1 - share) * g), p[i] = erase_key[i] * exp(share * g);
    d[i] = one->channels ? exp(g) : (double)one->c.decay;
  }
}

/* What the error bound needs to know of a token, from the state before it. */
static efla_token_sizes measure(efla_reference_trajectory *trajectory, const token *one) {
  const efla_kernel_spec *spec = trajectory->spec;
  const size_t dk = trajectory->dk;
  spread(trajectory, one);
  efla_token_sizes sizes = {.k = trajectory->update,
                            .p = trajectory->update + dk,
                            .decay = trajectory->update + 2 * dk,
                            .v = one->x.v,
                            .erase = (double)one->c.erase,
                            .write = (double)one->c.write,
                            .erase_slope = one->by_lambda.erase,
                            .write_slope = one->by_lambda.write,
                            .apart = spec->rule.decay && !spec->rule.decay->proportional && !one->channels,
                            .channels = one->channels,
                            .norm = one->norm,
                            .repeats = efla_decays_repeat(dk, trajectory->update + 2 * dk, trajectory->last)};
  if (!spec->rule.keys->unit || one->x.p)
    sizes.lambda = efla_rounded_lambda(dk, efla_token_erase_key(&one->x, 0), one->x.k);
  if (efla_kernel_spec_exact(spec, one->channels)) sizes.series = 12 * pow(1 + half_range(one), 2);
  return sizes;
}

/* The exact flow with g per channel, by its series or another oracle; the error that comes in is carried by e^-(least
 * rate).  The series in f64 where the kernel's roundings are those of f32 or coarser. */
static efla_status advance_exactly(efla_reference_trajectory *trajectory, const token *one, efla_message *why) {
  const efla_kernel_spec *spec = trajectory->spec;
  const size_t dk = trajectory->dk, n = dk * trajectory->dv;
  double *y = trajectory->rates, *S64 = trajectory->S64, own = 0, least = INFINITY;
  for (size_t i = 0; i < dk; i++) y[i] = -one->x.g[i], least = fmin(least, y[i]);
  if (!every_method(spec->truth))
    return efla_channel_oracle_advance(efla_channel_oracle_find(spec->truth->name), &one->x, y, trajectory->S,
                                       &trajectory->error, why);
  efla_status status;
  if (spec->units.arithmetic < 0x1p-40) {
    status = efla_channel_exact_long(&one->x, y, trajectory->S, &own);
  } else {
    for (size_t e = 0; e < n; e++) S64[e] = (double)trajectory->S[e];
    status = efla_channel_exact_f64(&one->x, y, S64, &own);
    for (size_t e = 0; e < n; e++) trajectory->S[e] = S64[e];
  }
  trajectory->error = exp(-least) * trajectory->error + own;
  return status == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
}

/* wide: q, k, p, the decays before and after the step, v. */
static efla_status advance(efla_reference_trajectory *trajectory, const token *one, efla_message *why) {
  const efla_kernel_spec *spec = trajectory->spec;
  const size_t dk = trajectory->dk;
  if (efla_kernel_spec_exact(spec, one->channels)) return advance_exactly(trajectory, one, why);
  if (!every_method(spec->truth))
    return efla_oracle_advance(spec->truth, spec->rule.decay, &one->x, trajectory->S, &trajectory->error, why);
  long double *k = trajectory->wide + dk, *p = k + dk, *before = p + dk, *after = before + dk, *v = after + dk;
  const double *erase_key = efla_token_erase_key(&one->x, 0);
  for (size_t i = 0; i < dk; i++) {
    k[i] = one->x.k[i], p[i] = erase_key[i];
    if (!one->channels) continue;
    const long double share = spec->rule.decay->share, g = one->x.g[i];
    before[i] = expl(share * g), after[i] = expl((1 - share) * g);
  }
  for (size_t j = 0; j < trajectory->dv; j++) v[j] = one->x.v[j];
  efla_recurrence_step_long(dk, trajectory->dv, k, one->x.p ? p : NULL, v, &one->c, one->channels ? before : NULL,
                            one->channels && spec->rule.decay->share < 1 ? after : NULL, trajectory->S);
  return EFLA_OK;
}

efla_status efla_reference_trajectory_step(efla_reference_trajectory *trajectory, const efla_tokens *x, size_t t,
                                           efla_message *why) {
  size_t dk = trajectory->dk, dv = trajectory->dv;
  const efla_kernel_spec *spec = trajectory->spec;
  long double *q = trajectory->wide;
  const token one = take(trajectory, x, t);
  efla_token_sizes sizes = measure(trajectory, &one);
  efla_status status = advance(trajectory, &one, why);
  if (status != EFLA_OK) return status;
  efla_error_bound_step(&trajectory->bound, &sizes, trajectory->S);
  for (size_t i = 0; i < dk; i++) q[i] = one.x.q[i];
  efla_readout_long(dk, dv, q, trajectory->S, trajectory->o);
  for (size_t j = 0; j < dv; j++) trajectory->o[j] *= spec->scale;
  trajectory->variance = efla_error_bound_readout(&trajectory->bound, one.x.q, spec->scale, &spec->o);
  return EFLA_OK;
}

static double allowed(const efla_reference_trajectory *trajectory, const efla_variance *variance) {
  return efla_variance_factor(variance, trajectory->spec->tests) * sqrt(variance->sum);
}

double efla_reference_trajectory_readout_tolerance(const efla_reference_trajectory *trajectory, const double *q) {
  return allowed(trajectory, &trajectory->variance) +
         fabs(trajectory->spec->scale) * sqrt(efla_lambda(trajectory->dk, q)) * trajectory->error;
}

double efla_reference_trajectory_state_tolerance(const efla_reference_trajectory *trajectory) {
  const efla_variance variance = efla_error_bound_state(&trajectory->bound, &trajectory->spec->state);
  return allowed(trajectory, &variance) + trajectory->error;
}

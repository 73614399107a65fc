/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/reference_trajectory.h"

#include "efla/reference/recurrence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool every_method(const efla_oracle *oracle) { return !strcmp(oracle->name, "longdouble"); }

efla_status efla_kernel_spec_check(const efla_kernel_spec *spec, efla_message *why) {
  if (every_method(spec->truth) || !strcmp(spec->rule.method->name, "exact")) return EFLA_OK;
  return efla_fail(why, EFLA_USAGE, "--truth %s: knows the exact flow only, expected longdouble for --method %s",
                   spec->truth->name, spec->rule.method->name);
}

efla_status efla_reference_trajectory_init(efla_reference_trajectory *trajectory, const efla_kernel_spec *spec,
                                           size_t dk, size_t dv) {
  *trajectory = (efla_reference_trajectory){.spec = spec, .dk = dk, .dv = dv};
  trajectory->S = calloc(dk * dv + 2 * dv + 2 * dk, sizeof *trajectory->S);
  trajectory->key = calloc(dk + dv, sizeof *trajectory->key);
  if (!trajectory->S || !trajectory->key || efla_error_bound_init(&trajectory->bound, &spec->units, dk) != EFLA_OK) {
    efla_reference_trajectory_clear(trajectory);
    return EFLA_NO_MEMORY;
  }
  trajectory->o = trajectory->S + dk * dv;
  trajectory->wide = trajectory->o + dv;
  trajectory->read = trajectory->key + dk;
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
  efla_error_bound_start(&trajectory->bound, trajectory->dv, trajectory->S);
}

/* What the error bound needs to know of a token, from the state before it. */
static efla_token_sizes measure(const efla_reference_trajectory *trajectory, const double *v,
                                const efla_coefficients_long *c) {
  const efla_decay *decay = trajectory->spec->rule.decay;
  efla_token_sizes sizes = {.k = trajectory->key,
                            .decay = (double)c->decay,
                            .erase = (double)c->erase,
                            .apart = decay && !decay->proportional};
  double *read = trajectory->read;
  memset(read, 0, trajectory->dv * sizeof *read);
  for (size_t i = 0; i < trajectory->dk; i++)
    for (size_t j = 0; j < trajectory->dv; j++)
      read[j] += trajectory->key[i] * (double)trajectory->S[i * trajectory->dv + j];
  for (size_t j = 0; j < trajectory->dv; j++) {
    const double erased = sizes.erase * read[j], written = (double)c->write * v[j];
    sizes.value += written * written;
    sizes.read += erased * erased;
    sizes.update += (written - erased) * (written - erased);
  }
  return sizes;
}

static efla_status advance(efla_reference_trajectory *trajectory, const efla_tokens *x, size_t t, const long double *k,
                           const long double *v, const efla_coefficients_long *c, efla_message *why) {
  if (every_method(trajectory->spec->truth)) {
    efla_recurrence_long(1, trajectory->dk, trajectory->dv, NULL, k, v, c, trajectory->S, NULL);
    return EFLA_OK;
  }
  efla_tokens one = efla_tokens_slice(x, t, 1);
  one.k = trajectory->key;
  return efla_oracle_advance(trajectory->spec->truth, trajectory->spec->rule.decay, &one, trajectory->S,
                             &trajectory->error, why);
}

efla_status efla_reference_trajectory_step(efla_reference_trajectory *trajectory, const efla_tokens *x, size_t t,
                                           efla_message *why) {
  size_t dk = trajectory->dk, dv = trajectory->dv;
  const efla_kernel_spec *spec = trajectory->spec;
  long double *q = trajectory->wide, *k = q + dk, *v = k + dk, lambda = 0;
  memcpy(trajectory->key, x->k + t * dk, dk * sizeof *trajectory->key);
  spec->rule.keys->apply(dk, trajectory->key);
  for (size_t i = 0; i < dk; i++) {
    q[i] = x->q[t * dk + i], k[i] = trajectory->key[i];
    lambda += k[i] * k[i];
  }
  for (size_t j = 0; j < dv; j++) v[j] = x->v[t * dv + j];
  efla_coefficients_long c;
  efla_rule_coefficients_long(&spec->rule, lambda, x->beta[t], x->g ? x->g[t] : 0, &c);
  efla_token_sizes sizes = measure(trajectory, x->v + t * dv, &c);
  efla_status status = advance(trajectory, x, t, k, v, &c, why);
  if (status != EFLA_OK) return status;
  efla_error_bound_step(&trajectory->bound, &sizes, dv, trajectory->S);
  efla_readout_long(dk, dv, q, trajectory->S, trajectory->o);
  double o2 = 0;
  for (size_t j = 0; j < dv; j++) {
    trajectory->o[j] *= spec->scale;
    o2 += (double)(trajectory->o[j] * trajectory->o[j]);
  }
  trajectory->variance = efla_error_bound_readout(&trajectory->bound, x->q + t * dk, spec->scale, o2, dv, &spec->o);
  return EFLA_OK;
}

double efla_reference_trajectory_readout_tolerance(const efla_reference_trajectory *trajectory, const double *q) {
  return EFLA_ERROR_BOUND_TOKEN * sqrt(trajectory->variance) +
         fabs(trajectory->spec->scale) * sqrt(efla_lambda(trajectory->dk, q)) * trajectory->error;
}

double efla_reference_trajectory_state_tolerance(const efla_reference_trajectory *trajectory) {
  return EFLA_ERROR_BOUND_TOKEN *
             sqrt(efla_error_bound_state(&trajectory->bound, trajectory->dv, &trajectory->spec->state)) +
         trajectory->error;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ODE itself, integrated by GSL's adaptive Prince-Dormand 8(9) over each token. */
#include "oracle/odeiv.h"

#include "oracle/advance.h"
#include "oracle/state.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_odeiv2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TOLERANCE = 1e-13;

typedef struct problem {
  const efla_signal *signal;
  double *k, *v; /* scratch: (dk), (dv) */
} problem;

static int slope(double time, const double *S, double *dS, void *context) {
  const problem *p = context;
  p->signal->sample(p->signal->context, time, p->k, p->v);
  efla_ode_rhs(p->signal, p->k, p->v, S, dS);
  return GSL_SUCCESS;
}

efla_status efla_odeiv_integrate(const efla_signal *signal, double time, double duration, double step, double reach,
                                 double *S, efla_message *why) {
  size_t state = signal->dk * signal->dv;
  efla_status status = EFLA_OK;
  gsl_set_error_handler_off();
  problem p = {.signal = signal, .k = malloc((signal->dk + signal->dv) * sizeof *p.k)};
  gsl_odeiv2_system system = {slope, NULL, state, &p};
  gsl_odeiv2_driver *driver =
      gsl_odeiv2_driver_alloc_y_new(&system, gsl_odeiv2_step_rk8pd, fmin(duration, step), TOLERANCE * reach, TOLERANCE);
  if (!driver || !p.k) {
    status = efla_fail_memory(why);
  } else {
    p.v = p.k + signal->dk;
    int code = gsl_odeiv2_driver_apply(driver, &time, time + duration, S);
    if (code != GSL_SUCCESS)
      status = efla_fail(why, EFLA_UNTRUSTED, "oracle odeiv stopped at time %g: %s", time, gsl_strerror(code));
  }
  if (driver) gsl_odeiv2_driver_free(driver);
  free(p.k);
  return status;
}

efla_status efla_odeiv_confirm(const efla_signal *signal, double time, double duration, double step, double reach,
                               size_t steps, double *S, double *floor, efla_message *why) {
  const efla_tableau *gauss = efla_tableau_find("gauss4");
  size_t dk = signal->dk, dv = signal->dv, n = dk * dv;
  double *other = malloc((n + efla_ode_scratch(gauss, dk, dv)) * sizeof *other);
  if (!other) return efla_fail_memory(why);
  memcpy(other, S, n * sizeof *S);
  efla_status status = efla_odeiv_integrate(signal, time, duration, step, reach, S, why);
  if (status == EFLA_OK && efla_ode_advance(gauss, signal, time, duration, steps, other, other + n) != EFLA_OK)
    status = efla_fail_memory(why);
  *floor = efla_relative_distance(n, other, S);
  free(other);
  return status;
}

static double largest_entry(size_t n, const double *values) {
  double largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(values[i]));
  return largest;
}

/* One token.  Without decay beta is the time, with it the rates act for a unit of time.  The tolerance is relative
 * to what a state of this size and this token can reach, where it grows: to what it grows from. */
static efla_status integrate(const efla_tokens *x, const efla_decay *decay, size_t t, double *S, efla_message *why) {
  efla_zero_order_hold hold = {x->dk, x->dv, x->k + t * x->dk, x->v + t * x->dv, efla_token_erase_key(x, t)};
  efla_signal signal = efla_signal_hold(&hold);
  const efla_rates r = efla_token_rates(decay, x, t);
  double z = r.decay + r.erase * efla_token_lambda(x, t), size = r.decay + r.erase * efla_token_reach(x, t),
         duration = 1;
  if (!(size > 0 || r.write * efla_lambda(x->dk, hold.k) > 0)) return EFLA_OK; /* nothing moves */
  if (r.decay == 0 && r.erase == r.write)
    duration = r.write;
  else
    signal.decay = r.decay, signal.erase = r.erase, signal.write = r.write;
  double reach = r.write / (1 + fmax(0, z)) * largest_entry(x->dk, hold.k) * largest_entry(x->dv, hold.v);
  return efla_odeiv_integrate(&signal, 0, duration, 0.1 * duration / size, largest_entry(x->dk * x->dv, S) + reach, S,
                              why);
}

efla_status efla_odeiv_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                               efla_message *why) {
  size_t state = x->dk * x->dv;
  efla_status status = EFLA_NO_MEMORY;
  double *S64 = malloc(state * sizeof *S64);
  long double *before = malloc(state * sizeof *before);
  if (!S64 || !before) goto done;
  for (size_t e = 0; e < state; e++) {
    before[e] = S[e];
    S64[e] = (double)S[e];
  }
  status = EFLA_OK;
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t++) status = integrate(x, decay, t, S64, why);
  for (size_t e = 0; e < state; e++) S[e] = S64[e];
  if (status == EFLA_OK) status = efla_gap(x, decay, before, S, error, why);
done:
  free(before);
  free(S64);
  return status == EFLA_NO_MEMORY ? efla_fail_memory(why) : status;
}

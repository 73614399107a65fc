/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/exponential.h"

#include "app/progress.h"
#include "efla/reference/recurrence.h"

#include <math.h>
#include <stdlib.h>

static const double LEAST = 1e-3; /* seconds that are measured */

efla_status efla_exponential_init(efla_exponential *e, size_t dk, size_t dv) {
  size_t n = dk * dv;
  *e = (efla_exponential){.truth = calloc(2 * n, sizeof *e->truth), .E64 = calloc(n, sizeof *e->E64)};
  if (!e->truth || !e->E64) return EFLA_NO_MEMORY;
  e->E = e->truth + n;
  return efla_tokens_init(&e->x, 1, dk, dv);
}

void efla_exponential_clear(efla_exponential *e) {
  efla_tokens_clear(&e->x);
  free(e->truth);
  free(e->E64);
  *e = (efla_exponential){0};
}

static void set_identity(size_t dk, size_t dv, long double *S) {
  for (size_t i = 0; i < dk * dv; i++) S[i] = i / dv == i % dv;
}

efla_status efla_exponential_know(efla_exponential *e, const efla_oracle *oracle, efla_message *why) {
  e->floor = 0;
  set_identity(e->x.dk, e->x.dv, e->truth);
  efla_status status = efla_oracle_advance(oracle, NULL, &e->x, e->truth, &e->floor, why);
  e->floor /= efla_norm(e->x.dk * e->x.dv, e->truth);
  return status;
}

/* -expm1(-x)/lambda. */
static long double true_coefficient(const efla_tokens *x) {
  long double lambda = 0;
  for (size_t i = 0; i < x->dk; i++) lambda += (long double)x->k[i] * x->k[i];
  return -expm1l(-x->beta[0] * lambda) / lambda;
}

/* 1 - E_jj = a k_j^2, summed over the columns that are there. */
static long double read_coefficient(const efla_exponential *e) {
  long double lost = 0, squares = 0;
  for (size_t j = 0; j < e->x.dv; j++) {
    lost += 1 - e->E[j * e->x.dv + j];
    squares += (long double)e->x.k[j] * e->x.k[j];
  }
  return lost / squares;
}

static void compare(const efla_exponential *e, efla_exponential_trial *trial) {
  size_t n = e->x.dk * e->x.dv;
  long double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (e->E[i] - e->truth[i]) * (e->E[i] - e->truth[i]);
  trial->error = (double)sqrtl(sum) / efla_norm(n, e->truth);
  trial->coefficient_error = (double)fabsl(read_coefficient(e) / true_coefficient(&e->x) - 1);
}

efla_status efla_exponential_try(efla_exponential *e, const efla_oracle *oracle, efla_exponential_trial *trial,
                                 efla_message *why) {
  size_t n = e->x.dk * e->x.dv, calls = 0;
  double claimed = NAN, seconds = NAN;
  efla_message refusal;
  efla_status status = EFLA_OK;
  bool admitted = efla_oracle_admits(oracle, NULL, &e->x, &refusal) == EFLA_OK;
  for (size_t i = 0; i < n && !admitted; i++) e->E[i] = NAN;
  for (double start = efla_seconds(); admitted && !(seconds > LEAST); calls++) {
    set_identity(e->x.dk, e->x.dv, e->E);
    status = efla_oracle_raw(oracle, NULL, &e->x, e->E, &claimed, &refusal);
    if (status != EFLA_OK) break;
    seconds = efla_seconds() - start;
  }
  if (status == EFLA_NOT_BUILT || status == EFLA_NO_MEMORY) return *why = refusal, status;
  *trial = (efla_exponential_trial){.claimed = claimed / efla_norm(n, e->truth),
                                    .vouched =
                                        admitted && status == EFLA_OK && efla_oracle_vouches(oracle, n, e->E, claimed),
                                    .seconds = seconds / (double)calls};
  compare(e, trial);
  return EFLA_OK;
}

efla_exponential_trial efla_exponential_try_closed_form(efla_exponential *e) {
  size_t dk = e->x.dk, dv = e->x.dv, calls = 0;
  double seconds, start = efla_seconds();
  const efla_rule exact = {.method = efla_method_find("exact")};
  efla_coefficients c;
  do {
    for (size_t i = 0; i < dk * dv; i++) e->E64[i] = i / dv == i % dv;
    efla_token_coefficients(&exact, &e->x, &c);
    efla_recurrence_f64(1, dk, dv, NULL, e->x.k, e->x.v, &c, e->E64, NULL);
    calls++;
  } while ((seconds = efla_seconds() - start) < LEAST);
  for (size_t i = 0; i < dk * dv; i++) e->E[i] = e->E64[i];
  efla_exponential_trial trial = {.claimed = NAN, .vouched = true, .seconds = seconds / (double)calls};
  compare(e, &trial);
  return trial;
}

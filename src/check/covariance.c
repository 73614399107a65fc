/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/covariance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of an exponential, by one unit in the last place, and a product with it. */
static const double CHANNEL_ROUNDINGS = 3;

static double square(double x) { return x * x; }

efla_roundings efla_roundings_of(const efla_format *state, double results) {
  const double s = efla_format_unit(state), coarse = fmax(s, results), fine = fmin(coarse, 0x1p-24);
  return (efla_roundings){square(fine) / 3, square(coarse) / 3, square(s) / 3};
}

double efla_rounded_dot(const efla_roundings *r, size_t n, double squares, double total2) {
  return (r->a * ((double)n + 2) + r->o) * (squares + total2);
}

efla_status efla_covariance_init(efla_covariance *c, const efla_roundings *r, size_t dk, size_t dv) {
  *c = (efla_covariance){.r = *r, .dk = dk, .dv = dv, .kept = dk * dk + 2 * dk + 2 * dv};
  double *at = c->memory = calloc(c->kept + dk + dv, sizeof *at);
  if (!at) {
    *c = (efla_covariance){.memory = NULL};
    return EFLA_NO_MEMORY;
  }
  c->C = at, at += dk * dk;
  c->rows = at, c->diagonal = at + dk, at += 2 * dk;
  c->columns = at, c->share = at + dv, at += 2 * dv;
  c->w = at, c->added = at + dk;
  return EFLA_OK;
}

void efla_covariance_clear(efla_covariance *c) {
  free(c->memory);
  *c = (efla_covariance){.memory = NULL};
}

static void measure(efla_covariance *c, const long double *S) {
  memset(c->rows, 0, c->dk * sizeof *c->rows);
  memset(c->columns, 0, c->dv * sizeof *c->columns);
  for (size_t i = 0; i < c->dk; i++)
    for (size_t j = 0; j < c->dv; j++) {
      const double x = square((double)S[i * c->dv + j]);
      c->rows[i] += x, c->columns[j] += x;
    }
}

/* Takes trace, diagonal and norm of the new C; `kept` of the shares stay, the rest is in proportion to c->added. */
static void follow(efla_covariance *c, double kept) {
  double trace = 0, squares = 0, sum = 0;
  for (size_t i = 0; i < c->dk; i++) c->diagonal[i] = c->C[i * c->dk + i], trace += c->diagonal[i];
  for (size_t e = 0; e < c->dk * c->dk; e++) squares += square(c->C[e]);
  for (size_t j = 0; j < c->dv; j++) sum += c->added[j];
  const double rest = fmax(trace - kept * c->trace, 0);
  for (size_t j = 0; j < c->dv; j++)
    c->share[j] = kept * c->share[j] + (sum > 0 ? rest * c->added[j] / sum : rest / (double)c->dv);
  c->trace = trace, c->frobenius = sqrt(squares);
}

void efla_covariance_start(efla_covariance *c, const long double *S) {
  memset(c->C, 0, c->dk * c->dk * sizeof *c->C);
  memset(c->share, 0, c->dv * sizeof *c->share);
  c->trace = 0;
  measure(c, S);
  for (size_t i = 0; i < c->dk; i++) c->C[i * c->dk + i] = c->r.s * c->rows[i];
  memcpy(c->added, c->columns, c->dv * sizeof *c->added);
  follow(c, 0);
}

/* w = C x; returns x^T C x. */
static double apply(const efla_covariance *c, const double *x, double *w) {
  const size_t n = c->dk;
  double form = 0;
  memset(w, 0, n * sizeof *w);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) w[j] += c->C[i * n + j] * x[i];
  for (size_t i = 0; i < n; i++) form += w[i] * x[i];
  return form > 0 ? form : 0;
}

double efla_covariance_form(const efla_covariance *c, const double *x) { return apply(c, x, c->w); }

/* What rounding adds to column j of u. */
static double added_to_update(const efla_covariance *c, const efla_rounded_step *step, size_t j) {
  const efla_roundings *r = &c->r;
  const double n = (double)c->dk + 2, channels = step->channels ? CHANNEL_ROUNDINGS : 0;
  return (r->a * n + r->o + r->a * channels) * step->terms[j] + r->a * n * (step->read[j] + step->value[j]) +
         r->o * (step->update[j] + step->value[j]) +
         r->a * (4 * step->update[j] + (step->apart ? 5 * step->value[j] : 0));
}

/* C <- M C M^T + U k k^T, from w = C p; returns the trace of the first over that of C. */
static double carry(efla_covariance *c, const efla_rounded_step *step, double form, double U) {
  const double *k = step->k, *d = step->decay, *w = c->w, e = step->erase, along = e * e * form;
  double carried = 0;
  for (size_t i = 0; i < c->dk; i++) {
    for (size_t j = 0; j < c->dk; j++)
      c->C[i * c->dk + j] =
          d[i] * d[j] * c->C[i * c->dk + j] - e * (k[i] * w[j] * d[j] + d[i] * w[i] * k[j]) + k[i] * k[j] * (along + U);
    carried += c->C[i * c->dk + i] - k[i] * k[i] * U;
  }
  return c->trace > 0 && carried > 0 ? carried / c->trace : 0;
}

void efla_covariance_step(efla_covariance *c, const efla_rounded_step *step, const long double *S) {
  const efla_roundings *r = &c->r;
  const double channels = step->channels ? CHANNEL_ROUNDINGS : 0, form = apply(c, step->p, c->w);
  double U = r->a * (double)c->dk * step->lambda, update = 0, k2 = 0;
  for (size_t j = 0; j < c->dv; j++)
    c->added[j] = added_to_update(c, step, j), U += c->added[j], update += step->update[j];
  const double kept = carry(c, step, form, U);
  for (size_t i = 0; i < c->dk; i++) { /* of the decayed rows */
    c->C[i * c->dk + i] += r->a * channels * (square(step->decay[i]) * c->rows[i] + square(step->k[i]) * update);
    k2 += square(step->k[i]);
  }
  measure(c, S);
  for (size_t i = 0; i < c->dk; i++)
    c->C[i * c->dk + i] += (r->s + 2 * r->a) * c->rows[i] + r->o * square(step->k[i]) * update;
  for (size_t j = 0; j < c->dv; j++)
    c->added[j] = k2 * (c->added[j] + r->o * step->update[j]) + (r->s + 2 * r->a) * c->columns[j];
  follow(c, kept);
}

void efla_covariance_add(efla_covariance *c, const double *y, const double *z, const long double *S) {
  const efla_roundings *r = &c->r;
  double y2 = 0, z2 = 0;
  for (size_t i = 0; i < c->dk; i++) y2 += y[i] * y[i];
  for (size_t j = 0; j < c->dv; j++) z2 += z[j] * z[j];
  measure(c, S);
  for (size_t i = 0; i < c->dk; i++)
    c->C[i * c->dk + i] += (r->s + 2 * r->a) * c->rows[i] + (r->o + 2 * r->a) * square(y[i]) * z2;
  for (size_t j = 0; j < c->dv; j++)
    c->added[j] = (r->s + 2 * r->a) * c->columns[j] + (r->o + 2 * r->a) * y2 * square(z[j]);
  follow(c, 1);
}

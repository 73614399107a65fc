/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/zero_order_hold.h"

#include "efla/reference/recurrence.h"

#include <math.h>
#include <string.h>

size_t efla_zero_order_hold_scratch(size_t dk, size_t dv) { return 2 * dk + 4 * dv + dk * dv; }

void efla_zero_order_hold_advance(const efla_rule *rule, double point, const efla_signal *signal, double time,
                                  double duration, size_t steps, double *S, double *scratch) {
  size_t dk = signal->dk;
  double h = duration / (double)steps, *k = scratch, *v = scratch + dk;
  double g = rule->decay && rule->decay->gated ? rule->decay->at_rate(signal->decay * h) : 0;
  for (size_t i = 0; i < steps; i++) {
    efla_coefficients c;
    signal->sample(signal->context, time + ((double)i + point) * h, k, v);
    efla_rule_coefficients(rule, efla_lambda(dk, k), h, g, &c);
    efla_recurrence_f64(1, dk, signal->dv, NULL, k, v, &c, S, NULL);
  }
}

void efla_zero_order_hold_extrapolate(const efla_rule *rule, const efla_signal *signal, double time, double duration,
                                      size_t steps, double *S, double *scratch) {
  size_t n = signal->dk * signal->dv;
  double *coarse = scratch, *rest = scratch + n;
  memcpy(coarse, S, n * sizeof *S);
  efla_zero_order_hold_advance(rule, 0.5, signal, time, duration, steps, coarse, rest);
  efla_zero_order_hold_advance(rule, 0.5, signal, time, duration, 2 * steps, S, rest);
  for (size_t e = 0; e < n; e++) S[e] += (S[e] - coarse[e]) / 3;
}

typedef double matrix[2][2];

static void multiply(matrix A, matrix B, matrix C) {
  matrix product;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) product[i][j] = A[i][0] * B[0][j] + A[i][1] * B[1][j];
  memcpy(C, product, sizeof product);
}

/* phi_1(A): scaled to norm <= 1/2, Taylor series (the 16th term is 1e-19), then phi_1(2A) = (exp(A) + I) phi_1(A)/2
 * with exp(A) = I + A phi_1(A); nothing cancels for A near 0. */
static void phi_1(matrix A, matrix phi) {
  double norm = fmax(fabs(A[0][0]) + fabs(A[0][1]), fabs(A[1][0]) + fabs(A[1][1]));
  int halvings = isfinite(norm) && norm > 0.5 ? ilogb(norm) + 2 : 0;
  matrix scaled, power;
  for (int i = 0; i < 4; i++) scaled[i / 2][i % 2] = ldexp(A[i / 2][i % 2], -halvings);
  for (int i = 0; i < 4; i++) phi[i / 2][i % 2] = i % 3 == 0;
  for (int m = 16; m >= 1; m--) { /* Horner: I + A/2 (I + A/3 (...)) */
    multiply(scaled, phi, power);
    for (int i = 0; i < 4; i++) phi[i / 2][i % 2] = (i % 3 == 0) + power[i / 2][i % 2] / (m + 1);
  }
  for (; halvings > 0; halvings--) {
    multiply(scaled, phi, power);
    for (int i = 0; i < 4; i++) power[i / 2][i % 2] = ((i % 3 == 0) + power[i / 2][i % 2] / 2);
    multiply(power, phi, phi);
    for (int i = 0; i < 4; i++) scaled[i / 2][i % 2] *= 2;
  }
}

void efla_flow_of_two(size_t dk, size_t dv, const double *k, const double *v, const double *w, double *S,
                      double *scratch) {
  const double *k2 = k + dk;
  matrix A, phi;
  double g11 = efla_lambda(dk, k), g22 = efla_lambda(dk, k2), g12 = 0;
  for (size_t i = 0; i < dk; i++) g12 += k[i] * k2[i];
  A[0][0] = -g11 * w[0], A[0][1] = -g12 * w[1], A[1][0] = -g12 * w[0], A[1][1] = -g22 * w[1];
  phi_1(A, phi);
  double *y = scratch;
  memcpy(y, v, 2 * dv * sizeof *y);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      y[j] -= k[i] * S[i * dv + j];
      y[dv + j] -= k2[i] * S[i * dv + j];
    }
  for (size_t j = 0; j < dv; j++) {
    double first = w[0] * (phi[0][0] * y[j] + phi[0][1] * y[dv + j]),
           second = w[1] * (phi[1][0] * y[j] + phi[1][1] * y[dv + j]);
    for (size_t i = 0; i < dk; i++) S[i * dv + j] += k[i] * first + k2[i] * second;
  }
}

void efla_cf4_advance(const efla_signal *signal, double time, double duration, size_t steps, double *S,
                      double *scratch) {
  const double root = sqrt(3) / 6, large = 0.25 + root, small = 0.25 - root;
  size_t dk = signal->dk, dv = signal->dv;
  double h = duration / (double)steps, *k = scratch, *v = k + 2 * dk, *y = v + 2 * dv;
  double early[2] = {large * h, small * h}, late[2] = {small * h, large * h};
  const double kept = exp(-signal->decay * h),
               kept_of[2] = {exp(-signal->decay * (0.5 + root) * h), exp(-signal->decay * (0.5 - root) * h)};
  for (size_t i = 0; i < steps; i++) {
    signal->sample(signal->context, time + ((double)i + 0.5 - root) * h, k, v);
    signal->sample(signal->context, time + ((double)i + 0.5 + root) * h, k + dk, v + dv);
    for (size_t e = 0; e < dk * dv; e++) S[e] *= kept;
    for (size_t j = 0; j < dv; j++) v[j] *= kept_of[0], v[dv + j] *= kept_of[1];
    efla_flow_of_two(dk, dv, k, v, early, S, y);
    efla_flow_of_two(dk, dv, k, v, late, S, y);
  }
}

/* SPDX-License-Identifier: MIT */
/* The rates of the decays in double: what decay.c lists, and a GPU computes. */
#ifndef EFLA_INTERNAL_RATES_H
#define EFLA_INTERNAL_RATES_H

#include "efla/internal/device.h"
#include "efla/rule.h"

#include <math.h>

EFLA_SHARED void efla_rates_none(double beta, double g, efla_rates *r) {
  (void)g;
  *r = (efla_rates){.erase = beta, .write = beta};
}

EFLA_SHARED void efla_rates_split(double beta, double g, efla_rates *r) {
  *r = (efla_rates){.before = g, .erase = beta, .write = beta};
}

EFLA_SHARED void efla_rates_strang(double beta, double g, efla_rates *r) {
  *r = (efla_rates){.before = g, .erase = beta, .write = exp(g / 2) * beta};
}

EFLA_SHARED void efla_rates_joint(double beta, double g, efla_rates *r) {
  *r = (efla_rates){.decay = -g, .erase = beta, .write = beta};
}

EFLA_SHARED void efla_rates_retention(double beta, double alpha, efla_rates *r) {
  *r = (efla_rates){.decay = 1 - alpha, .erase = alpha * beta, .write = beta};
}

/* Their derivatives. */

EFLA_SHARED void efla_slopes_none(double beta, double g, efla_rates *by_beta, efla_rates *by_g) {
  (void)beta, (void)g;
  *by_beta = (efla_rates){.erase = 1, .write = 1};
  *by_g = (efla_rates){.before = 0};
}

EFLA_SHARED void efla_slopes_split(double beta, double g, efla_rates *by_beta, efla_rates *by_g) {
  (void)beta, (void)g;
  *by_beta = (efla_rates){.erase = 1, .write = 1};
  *by_g = (efla_rates){.before = 1};
}

EFLA_SHARED void efla_slopes_strang(double beta, double g, efla_rates *by_beta, efla_rates *by_g) {
  *by_beta = (efla_rates){.erase = 1, .write = exp(g / 2)};
  *by_g = (efla_rates){.before = 1, .write = exp(g / 2) * beta / 2};
}

EFLA_SHARED void efla_slopes_joint(double beta, double g, efla_rates *by_beta, efla_rates *by_g) {
  (void)beta, (void)g;
  *by_beta = (efla_rates){.erase = 1, .write = 1};
  *by_g = (efla_rates){.decay = -1};
}

EFLA_SHARED void efla_slopes_retention(double beta, double alpha, efla_rates *by_beta, efla_rates *by_alpha) {
  *by_beta = (efla_rates){.erase = alpha, .write = 1};
  *by_alpha = (efla_rates){.decay = -1, .erase = beta};
}

/* The coefficients from the parts of their formulas (docs/derivations.md#e7): before = e^before, R = R(-y), psi =
 * psi(y, y + x), phi = phi(y + x). */
EFLA_SHARED void efla_rates_combine(const efla_rates *r, double before, double R, double psi, double phi,
                                    efla_coefficients *c) {
  c->decay = before * R;
  c->erase = before * (r->erase * psi);
  c->write = r->write * phi;
}

#endif

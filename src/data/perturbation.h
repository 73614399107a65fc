/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Perturbations of keys and values, one row each. */
#ifndef EFLA_DATA_PERTURBATION_H
#define EFLA_DATA_PERTURBATION_H

#include "base/tokens.h"
#include "base/status.h"

#include <gsl/gsl_rng.h>
#include <stdbool.h>
#include <stdio.h>

#define EFLA_LEVELS 6

typedef struct efla_perturbation {
  const char *name;
  const char *what;           /* what is done to keys and values, short enough for the title of a panel */
  const char *level;          /* what the level means, its unit included: the label of an axis */
  bool logarithmic;           /* whether figures show levels on a logarithmic axis */
  double levels[EFLA_LEVELS]; /* the sweep, increasing; zeros after the last one */
  double quick;               /* the level of --quick */
  efla_status (*apply)(efla_tokens *x, double level, gsl_rng *draw, efla_message *why);
} efla_perturbation;

extern const efla_perturbation efla_perturbations[]; /* ends with a row whose name is NULL */
const char *efla_perturbation_name(size_t i);
const efla_perturbation *efla_perturbation_find(const char *name);

/* Writes header lines of a table that figures use: "# perturbation NAME: what", "# level of NAME: level" and "# axis of
 * NAME: logarithmic" or "linear". */
void efla_perturbation_describe(FILE *header, const efla_perturbation *perturbation);

/* Changes k and v of x in place; q and beta stay.  The size of noise is relative to the root mean square entry of the
 * array that it is added to.  Fails with EFLA_NOT_BUILT where FFTW is needed and was missing at build time, and with
 * EFLA_NO_MEMORY. */
efla_status efla_perturb(const efla_perturbation *perturbation, efla_tokens *x, double level, gsl_rng *draw,
                         efla_message *why);

#endif

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
  bool logarithmic;           /* whether levels are to be shown on a logarithmic axis */
  double levels[EFLA_LEVELS]; /* the sweep, rising; unused ones are 0 at the end */
  double quick;               /* one of them */
  efla_status (*apply)(efla_tokens *x, double level, gsl_rng *draw, efla_message *why);
} efla_perturbation;

extern const efla_perturbation efla_perturbations[]; /* ends with a row whose name is NULL */
const char *efla_perturbation_name(size_t i);
const efla_perturbation *efla_perturbation_find(const char *name);

/* What figures say of it, for the header of a table: "# perturbation NAME: what", "# level of NAME: level" and "# axis of
 * NAME: logarithmic" or linear. */
void efla_perturbation_describe(FILE *header, const efla_perturbation *perturbation);

/* Changes k and v of x in place; q and beta stay.  Sizes of noise are relative to the root mean square entry of the
 * array that it is added to.  Fails with EFLA_NOT_BUILT where FFTW is needed and was not there at build time, and with
 * EFLA_NO_MEMORY. */
efla_status efla_perturb(const efla_perturbation *perturbation, efla_tokens *x, double level, gsl_rng *draw,
                         efla_message *why);

#endif

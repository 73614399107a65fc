/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One point of a study of stability: a growth rate or a limit of stability of a rule, measured on a source of tokens
 * and, for the families that the law of ode/growth.h covers, predicted. */
#ifndef EFLA_RUN_STABILITY_POINT_H
#define EFLA_RUN_STABILITY_POINT_H

#include "diagnose/stability_limit.h"

typedef struct efla_stability_point {
  double predicted;       /* nan: the law does not cover the family */
  efla_interval measured; /* nan: not measured */
} efla_stability_point;

/* gamma, the mean log growth per token of the product of transitions; or the parameter of the source at which gamma is
 * zero, all others and the random numbers kept. */
typedef enum efla_stability_sought {
  EFLA_STABILITY_RATE,
  EFLA_STABILITY_NORM, /* spec.norm, from 0.1 to 10 */
  EFLA_STABILITY_STEP  /* spec.beta, the step of every token, from 0.01 to 1000 */
} efla_stability_sought;

/* On the first `tokens` tokens of a source, treated as the rule says, each with the decay rate y; 0: not measured.
 *
 * Measured: Student's t over 20 batch means, which are nearly independent where a batch is long; of a parameter, that
 * interval divided by the slope of gamma.  Predicted for the family gaussian and, of rates with raw keys, spikes, as
 * the mean of the rates of both norms weighted with their shares; with negative spec.beta as the mean over sigmoid of
 * N(0,1).  A parameter is INFINITY where the method is stable for every x or gamma is negative throughout, 0 where it is
 * positive throughout.  Fails as efla_source_init and efla_source_next do, and with EFLA_NO_MEMORY. */
efla_status efla_stability_point_find(const efla_rule *rule, double y, const efla_spec *spec,
                                      efla_stability_sought sought, size_t tokens, efla_stability_point *point,
                                      efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One point of a study of stability: a growth rate or a limit of stability, measured on a source of tokens and, for the
 * families that the law of diagnose/stability_limit.h covers, predicted. */
#ifndef EFLA_RUN_STABILITY_POINT_H
#define EFLA_RUN_STABILITY_POINT_H

#include "diagnose/stability_limit.h"

typedef struct efla_stability_point {
  double predicted;       /* nan: the law does not cover the family */
  efla_interval measured; /* nan: not measured */
} efla_stability_point;

/* gamma, the mean log growth per token of the product of transitions, on the first `tokens` tokens of a source; 0: not
 * measured.  Predicted for the families gaussian and spikes, the latter as the mean of the rates of both norms weighted
 * with their shares.  Fails as efla_source_init and efla_source_next do, and with EFLA_NO_MEMORY. */
efla_status efla_stability_point_rate(const efla_method *method, const efla_spec *spec, size_t tokens,
                                      efla_stability_point *point, efla_message *why);

/* The same for the key norm at which gamma is zero, INFINITY where the method is stable for every x; spec->norm is not
 * used.  Predicted for the family gaussian. */
efla_status efla_stability_point_threshold(const efla_method *method, const efla_spec *spec, size_t tokens,
                                           efla_stability_point *point, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Effects as text: a summary, and what is missing in it. */
#ifndef EFLA_STATS_EFFECTS_TEXT_H
#define EFLA_STATS_EFFECTS_TEXT_H

#include "stats/effects.h"

#include <stdio.h>

/* Where the learning rate is a factor: one line per effect, one column per perturbation, with means over its levels.
 * Elsewhere the learning rates that were chosen, then under each condition one line per difference, with what could have
 * been seen. */
void efla_effects_print(FILE *file, const efla_effects *effects, const efla_results *results,
                        const efla_contrast *contrast);

/* One line for each variant with missing values and for each effect without seeds; each line begins with `before`. */
void efla_effects_print_gaps(FILE *file, const efla_effects *effects, const efla_results *results, const char *before);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Effects in words: a summary, and what it had to leave out. */
#ifndef EFLA_STATS_EFFECTS_TEXT_H
#define EFLA_STATS_EFFECTS_TEXT_H

#include "stats/effects.h"

#include <stdio.h>

/* One line per effect, one column per perturbation: means over the levels of each. */
void efla_effects_print(FILE *file, const efla_effects *effects, const efla_results *results,
                        const efla_contrast *contrast);

/* One line for each variant that lacks accuracies, and for each effect that no seed has; `before`, a program's name and
 * a table's, begins each. */
void efla_effects_print_gaps(FILE *file, const efla_effects *effects, const efla_results *results, const char *before);

#endif

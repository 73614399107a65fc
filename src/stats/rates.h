/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One learning rate for each config of a study whose models are compared each at its own rate. */
#ifndef EFLA_STATS_RATES_H
#define EFLA_STATS_RATES_H

#include "stats/results.h"

/* Leaves one variant of those that differ in nothing but the rate, whose lr is then nan.  A rate with fewer than two
 * thirds of the seeds of the one with most was only tried, and is left out.  Of the others that one is taken at which
 * fewest models diverged, and of those the one of the best mean, over the seeds that all of them have, or where there is
 * none each over its own; by the condition that the kind names, or each condition by itself.  results->rate and
 * results->choices say what was chosen, results->tried from what.  Called before means are filled.  Fails with
 * EFLA_INPUT where nothing is there
 * to choose by, and with EFLA_NO_MEMORY. */
efla_status efla_rates_choose(efla_results *results, const char *path, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The product of several lists of values; the last list varies fastest. */
#ifndef EFLA_APP_SWEEP_H
#define EFLA_APP_SWEEP_H

#include "app/cli.h"

/* The number of combinations. `lists` ends with NULL, here and below. */
size_t efla_sweep_size(const efla_list *const *lists);
/* Combination i takes value number at[l] of list l. */
void efla_sweep_at(const efla_list *const *lists, size_t i, size_t *at);

#endif

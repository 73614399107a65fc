/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every combination of the values of some lists, those of the last list varying fastest. */
#ifndef EFLA_APP_SWEEP_H
#define EFLA_APP_SWEEP_H

#include "app/cli.h"

/* Both take lists that end with NULL. */
size_t efla_sweep_size(const efla_list *const *lists);
/* Combination number i has value number at[l] of list number l. */
void efla_sweep_at(const efla_list *const *lists, size_t i, size_t *at);

#endif

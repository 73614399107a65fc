/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of bin/effects. */
#ifndef EFLA_TASK_EFFECT_TABLE_H
#define EFLA_TASK_EFFECT_TABLE_H

#include "app/table.h"
#include "stats/effects.h"

extern const efla_column efla_effect_columns[];

/* Writes an effect as a row. */
void efla_effect_put(const efla_effect *effect, efla_table *table);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rule reads in each layer of a language model, as rows of a table: before training, after it, and where the
 * training has kept them along it; and the inputs themselves as tensor files. */
#ifndef EFLA_TASK_TEXT_LAYER_ROWS_H
#define EFLA_TASK_TEXT_LAYER_ROWS_H

#include "task/text_rows.h"

extern const efla_column efla_text_layer_columns[];

/* config: the config's columns. table: for the rows; NULL: none. stem: of files before and after training, as in
 * efla_text_layers_describe; NULL: none. Nothing is done where there is nothing to look at
 * (efla_text_layers_windows). Fails with EFLA_NO_MEMORY, EFLA_OUTPUT and as efla_lm_forward does. */
efla_status efla_text_inspect(const efla_text_run *run, const efla_text_row *config, const char *stem,
                              efla_table *table, efla_message *why);

#endif

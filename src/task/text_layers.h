/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rule reads in each layer of a language model, before and after training: distributions of beta, lambda,
 * beta*lambda, the decay's argument and the norm of the state, and the inputs themselves as tensor files. */
#ifndef EFLA_TASK_TEXT_LAYERS_H
#define EFLA_TASK_TEXT_LAYERS_H

#include "task/text_rows.h"

extern const efla_column efla_text_layer_columns[];

/* Both on the first windows of the validation text, as many as a batch has sequences, or all there are. config: the
 * config's columns. table: for the rows; NULL: none. stem: files STEM-before-1.h5, ..., STEM-after-1.h5, ... with q of
 * norm one, treated keys, v, beta and a decay's g of each layer, from 1; NULL: none. Nothing is done for softmax, which
 * has no rule, nor where the text has no window. Fails with EFLA_NO_MEMORY, EFLA_OUTPUT and as efla_lm_forward does. */
efla_status efla_text_inspect(const efla_text_run *run, const efla_text_row *config, const char *stem,
                              efla_table *table, efla_message *why);

#endif

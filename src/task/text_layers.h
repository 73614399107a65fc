/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rule reads in each layer of a language model: distributions of beta, lambda, x = beta*lambda, the norm of the
 * state and the decay's argument. */
#ifndef EFLA_TASK_TEXT_LAYERS_H
#define EFLA_TASK_TEXT_LAYERS_H

#include "task/text_task.h"

enum {
  EFLA_LAYER_QUANTITIES = 5, /* at most */
  EFLA_LAYER_NUMBERS = 10    /* of each: mean, efla_distribution_orders' quantiles, largest, share beyond 2 */
};

/* Quantities of a model's layers, 0 for softmax, which has no rule; and the name of one, from 0. */
size_t efla_text_layers_quantities(const efla_lm_config *config);
const char *efla_text_layers_quantity(const efla_lm_config *config, size_t i);

/* Windows of the validation text that are looked at, its first ones: as many as a batch has sequences, or all there
 * are; 0 for softmax. */
size_t efla_text_layers_windows(const efla_text_task *task);

/* x (layers, quantities, EFLA_LAYER_NUMBERS), NULL: not wanted: nan where a value is not finite, or there is no window.
 * stem: files STEM-WHEN-1.h5, ... with q of norm one, treated keys, v, beta and a decay's g of each layer, from 1; NULL:
 * none. Fails with EFLA_NO_MEMORY, EFLA_OUTPUT and as efla_lm_forward does. */
efla_status efla_text_layers_describe(const efla_text_task *task, const float *parameters, const char *stem,
                                      const char *when, double *x, efla_message *why);

#endif

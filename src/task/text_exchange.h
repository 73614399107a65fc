/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A trained language model whose method is exchanged: its bits per byte under another method, before and after some
 * steps of tuning. Tells a model's parameters, shaped by the method that it was trained with, from the method itself. */
#ifndef EFLA_TASK_TEXT_EXCHANGE_H
#define EFLA_TASK_TEXT_EXCHANGE_H

#include "task/text_run.h"

/* Evaluates the trained parameters with the method in place of the config's, on the validation text as in training:
 * bits[0] as they are, bits[1] after `steps` of tuning, with new moments, at the last learning rate of the training,
 * on windows of another seed; nan where that diverges, and both where the training had. The
 * config's own method tells what tuning alone does. Fails as efla_text_run_open and efla_training_finish do. */
efla_status efla_text_exchange(const efla_text_run *run, const efla_method *method, size_t steps, double bits[2],
                               efla_message *why);

#endif

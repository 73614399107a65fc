/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accuracies of answers to token tasks as they are published (efla_token_score). */
#ifndef EFLA_TASK_TOKEN_SCORE_H
#define EFLA_TASK_TOKEN_SCORE_H

#include "data/token_task.h"

enum { EFLA_SCORED_TOGETHER = 128 }; /* examples whose labels are averaged together */

/* labels, answers (examples, positions); answers count where labels are not EFLA_UNSCORED. Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_token_score_of(efla_token_score score, size_t vocabulary, size_t examples, size_t positions,
                                const uint16_t *labels, const uint16_t *answers, double *accuracy, efla_message *why);

#endif

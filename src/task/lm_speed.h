/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The speed of a language model's training beside that of its matrix products alone. */
#ifndef EFLA_TASK_LM_SPEED_H
#define EFLA_TASK_LM_SPEED_H

#include "task/lm_learner.h"

typedef struct efla_lm_speed {
  double flops; /* of matrix products, for each token of a training: forward, and twice that backward */
  double rate;  /* flop per second of these products alone, in their shapes, on all threads at once */
} efla_lm_speed;

/* Times the products of one group on every thread of an open learner, in rounds, and takes the median. Without those of
 * softmax attention and of the delta rule. Fails with EFLA_NO_MEMORY. */
efla_status efla_lm_measure_speed(const efla_lm_learner *l, efla_lm_speed *speed, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pieces of the model of costs, measured here. */
#ifndef EFLA_TASK_SCALING_PIECES_H
#define EFLA_TASK_SCALING_PIECES_H

#include "task/scaling.h"

/* Sets all costs but those of the network, on one core: medians of measurements in turn. The tokens have the dk and dv
 * of the work; a group is `group` sequences of `context` tokens of the model of bin/lm --width 64 --heads 2 --hidden 176, of 0.2
 * million parameters. */
efla_status efla_scaling_measure(efla_scaling_costs *costs, const efla_scaling_work *work, size_t group, size_t context,
                                 efla_message *why);

#endif

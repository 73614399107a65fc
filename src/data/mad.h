/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The six tasks of MAD (docs/tasks.md#mad). */
#ifndef EFLA_DATA_MAD_H
#define EFLA_DATA_MAD_H

#include "data/token_task.h"

extern const efla_token_task efla_mad_in_context_recall, efla_mad_fuzzy_recall, efla_mad_noisy_recall,
    efla_mad_selective_copying, efla_mad_compression, efla_mad_memorization;

#endif

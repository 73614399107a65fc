/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The share of a study's configs that one process trains, from the text of an option. */
#ifndef EFLA_TRAIN_STUDY_SHARE_H
#define EFLA_TRAIN_STUDY_SHARE_H

#include "train/study.h"

/* Sets study->shard and study->shards from "I/N": the I-th of N shares, 1 <= I <= N.  All other options of the study
 * must be set before.  Fails with EFLA_USAGE and a message that names the option where the text is not I/N, where the
 * study has no directory of checkpoints although it has several shares or `finished` is set, and where the share has no
 * config. */
efla_status efla_study_set_share(efla_study *study, const char *text, efla_message *why);

#endif

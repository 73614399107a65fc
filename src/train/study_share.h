/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The share of a study's configs that one process trains, from the text of an option. */
#ifndef EFLA_TRAIN_STUDY_SHARE_H
#define EFLA_TRAIN_STUDY_SHARE_H

#include "train/study.h"

/* Sets study->shard and study->shards from "I/N": the I-th of N shares, 1 <= I <= N; the lists of the study, its
 * directory of configs and `finished` are set before.  Fails with EFLA_USAGE and a sentence that names the option where
 * the text is no I/N, where the study has no directory of configs although it has several shares or only finished
 * configs are wanted, and where no config falls to the share. */
efla_status efla_study_set_share(efla_study *study, const char *text, efla_message *why);

#endif

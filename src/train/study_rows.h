/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows that a study writes to its tables; used by study.c only.  Nothing is written to a table that is NULL. */
#ifndef EFLA_TRAIN_STUDY_ROWS_H
#define EFLA_TRAIN_STUDY_ROWS_H

#include "train/activations.h"
#include "train/study.h"

/* A row for every evaluation of the run. */
void efla_study_write_scores(const efla_study *study, const efla_training_run *run);

/* Mean losses of study->loss_every steps each, epoch by epoch. */
void efla_study_write_losses(const efla_study *study, const efla_training_run *run);

/* A row for each distribution (EFLA_DISTRIBUTIONS) of a model's activations; when: "before" or "after" training. */
void efla_study_write_steps(const efla_study *study, const efla_training_options *options, const char *when,
                            const efla_distribution *distributions);

#endif

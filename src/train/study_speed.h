/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast a study trained, beside the machine's rate in matrix products. */
#ifndef EFLA_TRAIN_STUDY_SPEED_H
#define EFLA_TRAIN_STUDY_SPEED_H

#include "train/study.h"

#include <stdio.h>

/* A line on `file`, after efla_study_run: images per second and flop per second of what was trained in this run, and
 * its part of sgemm's rate, measured here with as many threads; that there is nothing to compare where nothing was
 * trained.  Fails with EFLA_NO_MEMORY. */
efla_status efla_study_print_speed(FILE *file, const efla_study *study, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The speed of a study's training, relative to the machine's rate of matrix products. */
#ifndef EFLA_TASK_IMAGE_SPEED_H
#define EFLA_TASK_IMAGE_SPEED_H

#include "task/image_study.h"

#include <stdio.h>

/* Prints, after efla_study_run, the images per second and flop per second of the training in this run, and the latter
 * relative to the rate of sgemm, measured here with as many threads; or that nothing was trained.  Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_image_print_speed(FILE *file, const efla_image_study *study, efla_message *why);

#endif

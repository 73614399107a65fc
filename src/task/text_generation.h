/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that a trained language model continues, and how fast, against the rate at which its weights can be read from memory or cache. */
#ifndef EFLA_TASK_TEXT_GENERATION_H
#define EFLA_TASK_TEXT_GENERATION_H

#include "task/text_run.h"

#include <stdio.h>

typedef struct efla_text_speed {
  double bytes;       /* generated per second */
  double weights;     /* bytes of weights that are read per second for them */
  double memory_rate; /* bytes of the same weights per second where they are only added up, measured at the same time */
} efla_text_speed;

/* Writes to `file` the prompt, not empty, and `length` bytes that follow it, drawn with a temperature, 0: the
 * likeliest. Fails as efla_lm_decoder_open. */
efla_status efla_text_generate(const efla_text_run *run, const char *prompt, size_t length, double temperature,
                               size_t seed, FILE *file, efla_text_speed *speed, efla_message *why);

#endif

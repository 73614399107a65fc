/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Token tasks for tests, and what is counted in random examples against what is expected. */
#ifndef DRAWS_H
#define DRAWS_H

#include "laboratory.h"

/* A source with the seed of this run; ends the test where it is refused. */
efla_token_source draws_open(const efla_token_task *task, const efla_token_settings *settings, bool training);

/* `found` of n agree with a share within so many standard errors and what the share was rounded by. */
void draws_check_share(double found, double n, double share, double errors, double rounded);

/* The mean of n numbers, from their sum and the sum of their squares, agrees with another one within 5 standard errors
 * of a mean of m such numbers. */
void draws_check_mean(double sum, double squares, double n, double expected, double m);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A quadratic loss to train on, whose centres depend on step and group. */
#ifndef QUADRATIC_H
#define QUADRATIC_H

#include "testing.h"

#include "efla/cpu/isa.h"
#include "train/trainer.h"

enum { QUADRATIC_NUMBERS = 5 * EFLA_PAD, QUADRATIC_DECAYED = 2 * EFLA_PAD, QUADRATIC_GROUPS = 7, QUADRATIC_STEPS = 60 };

extern const efla_schedule quadratic_schedule;
extern size_t quadratic_poisoned; /* step in which the loss of a group is nan; 0: none */
extern size_t quadratic_failing;  /* step in which a group fails; 0: none */

efla_learner quadratic_learner(void);

/* A trainer with this weight decay. */
efla_trainer quadratic_open(size_t threads, const efla_communicator *ranks, double decay);

/* Trains until `to` steps are done. */
void quadratic_train(efla_trainer *t, size_t to);

#endif

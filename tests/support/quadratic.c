/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "quadratic.h"

#include <gsl/gsl_rng.h>

const efla_schedule quadratic_schedule = {.steps = QUADRATIC_STEPS, .warmup = 10, .rate = .05, .least = .1};
size_t quadratic_poisoned, quadratic_failing;

/* Group g of step s: the mean over the groups of |p - c|^2/2 with centres c that depend on both. */
static efla_status gradient(void *context, size_t thread, size_t step, size_t group, const float *p, float *gradient,
                            double *loss, efla_message *why) {
  (void)context, (void)thread;
  if (step == quadratic_failing && group == 3) return efla_fail(why, EFLA_INPUT, "group %zu fails", group);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, 1000 * step + group);
  *loss = 0;
  for (size_t i = 0; i < QUADRATIC_NUMBERS; i++) {
    const double away = (double)p[i] - 1 - .1 * gsl_rng_uniform(draw);
    gradient[i] += (float)(away / QUADRATIC_GROUPS), *loss += away * away / 2 / QUADRATIC_GROUPS;
  }
  gsl_rng_free(draw);
  if (step == quadratic_poisoned && group == 3) *loss = NAN;
  return EFLA_OK;
}

efla_learner quadratic_learner(void) {
  return (efla_learner){NULL, QUADRATIC_NUMBERS, QUADRATIC_DECAYED, QUADRATIC_GROUPS, gradient, NULL};
}

efla_trainer quadratic_open(size_t threads, const efla_communicator *ranks, double decay) {
  static const double start[QUADRATIC_NUMBERS];
  const efla_learner learner = quadratic_learner();
  efla_adamw rule = efla_adamw_default(0);
  efla_trainer t;
  efla_message why;
  rule.decay = decay;
  ck_assert_int_eq(efla_trainer_init(&t, &learner, &quadratic_schedule, &rule, threads, ranks, start, &why), EFLA_OK);
  return t;
}

void quadratic_train(efla_trainer *t, size_t to) {
  efla_message why;
  while (efla_trainer_unfinished(t) && t->step < to) ck_assert_int_eq(efla_trainer_step(t, &why), EFLA_OK);
}

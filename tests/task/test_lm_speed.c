/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The matrix products that a training's speed is compared with: their number, and a rate of the right size. */
#include "testing.h"

#include "task/lm_speed.h"

static efla_lm_speed speed_of(size_t threads, bool softmax) {
  efla_lm_learner l = {.positions = 32, .batch = 8, .group = 4, .threads = threads};
  l.model = (efla_lm_config){.vocabulary = 48, .width = 32, .layers = 3, .heads = 2, .hidden = 64, .softmax = softmax};
  l.model.beta = efla_beta_maps;
  efla_message why;
  efla_lm_speed speed;
  ck_assert_int_eq(efla_rule_find("exact", "none", "raw", &l.model.rule), EFLA_OK);
  ck_assert_int_eq(efla_lm_learner_open(&l, &why), EFLA_OK);
  ck_assert_int_eq(efla_lm_measure_speed(&l, &speed, &why), EFLA_OK);
  efla_lm_learner_close(&l);
  return speed;
}

/* A layer has q, k, v, o (4 W^2), SwiGLU (3 W hidden) and, but with softmax attention, beta (W heads). */
START_TEST(products) {
  const double W = 32, layer = 4 * W * W + 3 * W * 64, out = 48 * W;
  for (size_t threads = 1; threads <= 2; threads++) {
    const efla_lm_speed delta = speed_of(threads, false), softmax = speed_of(threads, true);
    ck_assert_double_eq(delta.flops, 6 * (3 * (layer + 2 * W) + out));
    ck_assert_double_eq(softmax.flops, 6 * (3 * layer + out));
    ck_assert_msg(delta.rate > 1e7 && delta.rate < 1e13, "%g flop/s", delta.rate); /* of any processor's */
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {products};
  return testing_main("lm_speed", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draws.h"

#include "testing.h"

efla_token_source draws_open(const efla_token_task *task, const efla_token_settings *settings, bool training) {
  efla_token_source source;
  efla_message why = {{0}};
  efla_status status = efla_token_source_init(&source, task, settings, testing_seed(), training, &why);
  ck_assert_msg(status == EFLA_OK, "%s", why.text);
  return source;
}

void draws_check_share(double found, double n, double share, double errors, double rounded) {
  CHECK_BOUND(fabs(found / n - share), rounded + errors * sqrt(share * (1 - share) / n));
}

void draws_check_mean(double sum, double squares, double n, double expected, double m) {
  double mean = sum / n;
  CHECK_BOUND(fabs(mean - expected), 5 * sqrt((squares / n - mean * mean) / m));
}

/* SPDX-License-Identifier: MIT */
#include "efla/forward.h"

#include "efla/internal/backend.h"
#include "efla/internal/check.h"

efla_status efla_forward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, const efla_result *y) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  const efla_call call = {.backend = backend, .rule = rule, .x = x, .y = y};
  efla_status status = efla_check_forward(&call);
  return status ? status : efla_backend_run(&call, backend->row->forward);
}

/* SPDX-License-Identifier: MIT */
#include "efla/backward.h"

#include "efla/internal/backend.h"
#include "efla/internal/check.h"

efla_status efla_backward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, const efla_result *dy,
                          const efla_gradient *dx) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  const efla_call call = {.backend = backend, .rule = rule, .x = x, .y = dy, .dx = dx};
  efla_status status = efla_check_backward(&call);
  return status ? status : efla_backend_run(&call, backend->row->backward);
}

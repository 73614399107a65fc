/* SPDX-License-Identifier: MIT */
/* All tokens of a batch of sequences. */
#ifndef EFLA_FORWARD_H
#define EFLA_FORWARD_H

#include "efla/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From S = initial_state, for every token in turn: S <- d S + k (w v - e S^T k)^T with the rule's
 * coefficients (rule.h), o = scale S^T q. The key treatment and the coefficients are computed in f64 and
 * rounded to the arrays' type; lambda is that of the rounded key.
 *
 * EFLA_INVALID: an argument violates sequence.h or array.h; nothing is written then. EFLA_UNSUPPORTED: the
 * backend does not support the type or the rule. EFLA_NO_MEMORY. inf and nan propagate as data. */
efla_status efla_forward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, const efla_result *y);

#ifdef __cplusplus
}
#endif

#endif

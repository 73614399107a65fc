/* SPDX-License-Identifier: MIT */
/* The derivative of efla_forward. */
#ifndef EFLA_BACKWARD_H
#define EFLA_BACKWARD_H

#include "efla/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From dy, the derivatives of a loss with respect to o and to final_state (absent: zero), computes dx, its
 * derivatives with respect to the inputs x of a forward call. They include the dependence through the
 * coefficients and the key treatment: d_k is with respect to the untreated keys. dy is only read. The
 * intermediate results of the forward pass are computed again, unless dy->kept is what a forward call has kept.
 *
 * A zero key that is to be normalised has no derivative; its d_k is 0. Fails as efla_forward does. */
efla_status efla_backward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, const efla_result *dy,
                          const efla_gradient *dx);

#ifdef __cplusplus
}
#endif

#endif

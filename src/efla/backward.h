/* SPDX-License-Identifier: MIT */
/* The derivative of efla_forward. */
#ifndef EFLA_BACKWARD_H
#define EFLA_BACKWARD_H

#include "efla/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From dy, the derivatives of a loss by o and by final_state (absent: zero), to dx, its derivatives by the inputs x of a
 * forward call, through the coefficients and the treatment of keys: d_k is by the keys as they are given.  dy is only
 * read.  What of the forward pass is needed is computed anew; nothing is kept between calls.
 *
 * A zero key that is to have norm one has no derivative; its d_k is 0.  Failures as efla_forward. */
efla_status efla_backward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, const efla_result *dy,
                          const efla_gradient *dx);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of libefla with arrays of the processor, on any backend: one that takes them in a device's memory gets copies,
 * and what it writes is copied back. */
#ifndef EFLA_RUN_DEVICE_CALL_H
#define EFLA_RUN_DEVICE_CALL_H

#include "efla/backward.h"
#include "efla/forward.h"

/* Whether the backend takes arrays in the memory of a device. */
bool efla_backend_on_device(const efla_backend *backend);

/* As efla_forward and efla_backward, and EFLA_NO_MEMORY where the device has none left for the copies. */
efla_status efla_device_forward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x,
                                const efla_result *y);
efla_status efla_device_backward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x,
                                 const efla_result *dy, const efla_gradient *dx);

#endif

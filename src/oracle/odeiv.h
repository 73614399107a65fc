/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The delta rule as an ODE with k(t), v(t), integrated by GSL's adaptive Prince-Dormand 8(9). */
#ifndef EFLA_ORACLE_ODEIV_H
#define EFLA_ORACLE_ODEIV_H

#include "ode/ode.h"
#include "base/status.h"

/* Advances S (dk, dv) in place from time to time + duration with relative tolerance 1e-13; `reach` is the size that
 * entries of S may come to and that the absolute tolerance refers to.  `step` is the first step tried.  Fails with
 * EFLA_UNTRUSTED where GSL's stepper gives up and with EFLA_NO_MEMORY. */
efla_status efla_odeiv_integrate(const efla_signal *signal, double time, double duration, double step, double reach,
                                 double *S, efla_message *why);

/* The same, and beside it the two-stage Gauss method with so many steps, which has nothing in common with it: *floor is
 * the distance of both relative to the new S (Frobenius norm).  Fails in the same ways. */
efla_status efla_odeiv_confirm(const efla_signal *signal, double time, double duration, double step, double reach,
                               size_t steps, double *S, double *floor, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/zero_order_hold.h"

static void left(const efla_rule *rule, const efla_signal *signal, double time, double duration, size_t steps,
                 double *S, double *scratch) {
  efla_zero_order_hold_advance(rule, 0, signal, time, duration, steps, S, scratch);
}

static void midpoint(const efla_rule *rule, const efla_signal *signal, double time, double duration, size_t steps,
                     double *S, double *scratch) {
  efla_zero_order_hold_advance(rule, 0.5, signal, time, duration, steps, S, scratch);
}

static void euler(const efla_rule *rule, const efla_signal *signal, double time, double duration, size_t steps,
                  double *S, double *scratch) {
  (void)rule;
  (void)efla_ode_advance(efla_tableau_find("euler"), signal, time, duration, steps, S,
                         scratch); /* explicit: no failure */
}

static void rk4(const efla_rule *rule, const efla_signal *signal, double time, double duration, size_t steps, double *S,
                double *scratch) {
  (void)rule;
  (void)efla_ode_advance(efla_tableau_find("rk4"), signal, time, duration, steps, S, scratch);
}

static void cf4(const efla_rule *rule, const efla_signal *signal, double time, double duration, size_t steps, double *S,
                double *scratch) {
  (void)rule;
  efla_cf4_advance(signal, time, duration, steps, S, scratch);
}

const efla_hold_scheme efla_hold_schemes[] = {
    {"left", "EFLA, k and v at the left end", left},
    {"midpoint", "EFLA, k and v at the midpoint", midpoint},
    {"richardson", "EFLA midpoint, extrapolated", efla_zero_order_hold_extrapolate},
    {"euler", "Euler on the true ODE", euler},
    {"rk4", "RK4 on the true ODE", rk4},
    {"cf4", "exponential integrator CF4", cf4},
    {.name = NULL},
};

size_t efla_hold_scheme_scratch(size_t dk, size_t dv) {
  return efla_ode_scratch(efla_tableau_find("rk4"), dk, dv) + efla_zero_order_hold_scratch(dk, dv);
}

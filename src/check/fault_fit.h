/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults that are a factor: its value is fitted to the file by least squares, with a standard error. */
#ifndef EFLA_CHECK_FAULT_FIT_H
#define EFLA_CHECK_FAULT_FIT_H

#include "check/faults.h"

/* Adds a candidate for each array (o, k, v, beta, g, lambda, initial state) that a factor may be missing from, fitted,
 * where the factor differs from 1 by more than four standard errors.  Fails with EFLA_NO_MEMORY. */
efla_status efla_fault_fit(efla_fault_candidates *candidates, const efla_fault_setting *setting, size_t threads);

#endif

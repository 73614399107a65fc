/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States on which oracles are compared. */
#ifndef ORACLES_H
#define ORACLES_H

#include "oracle/oracle.h"

#include <stdbool.h>
#include <stddef.h>

/* n numbers, of size about one together; to be freed. */
long double *oracles_new_state(size_t n);

/* |S - T| */
double oracles_distance(size_t n, const long double *S, const long double *T);

/* Whether this build has the oracle. */
bool oracles_built(const efla_oracle *oracle);

#endif

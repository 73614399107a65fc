/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Norms of states; those in long double are inf where a part is inf or nan. */
#ifndef EFLA_ORACLE_STATE_H
#define EFLA_ORACLE_STATE_H

#include <stddef.h>

/* Frobenius norm of a state of n entries. */
double efla_norm(size_t n, const long double *S);

/* Frobenius norm of S - truth. */
double efla_distance(size_t n, const double *S, const long double *truth);

/* The Frobenius norm of S - truth relative to truth's, all of it in f64; n entries each. */
double efla_relative_distance(size_t n, const double *S, const double *truth);

#endif

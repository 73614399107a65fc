/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Student's test of a mean sees: its p value, its power, and tests and shares beside it. */
#ifndef EFLA_STATS_POWER_H
#define EFLA_STATS_POWER_H

#include <stddef.h>

/* The two-sided p value of the mean of n values with the standard deviation sd (n - 1 in the denominator) against 0; nan
 * for n < 2 and where nothing varies, sd = 0. */
double efla_student_p(double mean, double sd, size_t n);

/* The probability that the two-sided test at this level of n >= 2 normal values, of mean `effect` times their true
 * standard deviation, rejects 0: 1 - F(t) + F(-t), F the noncentral t distribution with n - 1 degrees of freedom and
 * noncentrality effect sqrt(n), t the quantile 1 - level/2 of the central one. */
double efla_student_power(double effect, size_t n, double level);

/* The smallest mean, in standard deviations, that n values see with power .8; nan for n < 2. */
double efla_student_seen_from(size_t n, double level);

/* The fewest values that see a mean of `effect` > 0 standard deviations with power .8; inf above a million. */
double efla_student_seeds(double effect, double level);

/* Holm's adjustment (1979) of n <= m p values of a family of m, of which the others are not known, nor those that are
 * nan: the k-th smallest is multiplied by m + 1 - k, made monotone and cut at 1, which controls the probability of any
 * false rejection whatever their dependence. */
void efla_holm(size_t m, size_t n, const double *p, double *adjusted);

/* The 95 % interval of Clopper and Pearson (1934) of a probability of which k of n >= 1 trials were seen. */
void efla_clopper_pearson(size_t k, size_t n, double *low, double *high);

#endif

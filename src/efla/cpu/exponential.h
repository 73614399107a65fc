/* SPDX-License-Identifier: MIT */
/* The coefficients of exponential.inc and flow.inc. */
#ifndef EFLA_CPU_EXPONENTIAL_H
#define EFLA_CPU_EXPONENTIAL_H

static const double inverse_factorials[] = {1,
                                            1,
                                            1. / 2,
                                            1. / 6,
                                            1. / 24,
                                            1. / 120,
                                            1. / 720,
                                            1. / 5040,
                                            1. / 40320,
                                            1. / 362880,
                                            1. / 3628800,
                                            1. / 39916800,
                                            1. / 479001600,
                                            1. / 6227020800,
                                            1. / 87178291200.,
                                            1. / 1307674368000.,
                                            1. / 20922789888000.,
                                            1. / 355687428096000.};

#endif

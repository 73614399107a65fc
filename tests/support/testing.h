/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the test programs share: Check, one seed that is printed, and an assertion that an error is within a bound. */
#ifndef TESTING_H
#define TESTING_H

#include "laboratory.h"

#include <check.h>
#include <float.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define U   (DBL_EPSILON / 2) /* unit roundoff of f64, 2^-53 */
#define U32 (FLT_EPSILON / 2) /* of f32, 2^-24 */
#define U16 (1. / 256)        /* of bf16 */

/* Runs the tests of one module, each with the time limit given (seconds); the status for main.  A test that ends
 * without having asserted anything has failed, unless it says by testing_skip what it lacks here.  The random seed is
 * the variable EFLA_TEST_SEED or 1, and is printed. */
int testing_main(const char *module, const TTest *const *tests, size_t n, double limit);

/* Its two halves: the tests as a suite, and running one, which clears it. */
Suite *testing_suite(const char *module, const TTest *const *tests, size_t n, double limit);
int testing_run(Suite *suite, enum fork_status forked);

/* The generator of this run; each test starts it afresh with testing_seed(). */
unsigned long testing_seed(void);

/* Says that a test, or a part of one, is not run, and why. */
void testing_skip(const char *test, const char *why);

/* error <= bound, or the test fails and says both. */
#define CHECK_BOUND(error, bound)                                                                                      \
  do {                                                                                                                 \
    double error_ = (error), bound_ = (bound);                                                                         \
    ck_assert_msg(error_ <= bound_, "%s = %g exceeds %s = %g (seed %lu)", #error, error_, #bound, bound_,              \
                  testing_seed());                                                                                     \
  } while (0)

/* n doubles, all nan: outputs are filled with it first, so that entries not written are found.  Ends the test where
 * there is no memory. */
double *testing_poison(size_t n);

/* The larger of two errors; one that is nan is worse than any, so that an entry that was not written shows. */
static inline double testing_worse(double a, double b) { return isnan(a) || a > b ? a : b; }

/* n numbers N(0, sigma^2); and their f32 neighbours, to which the originals are rounded too: the same problem in both
 * types.  End the test where there is no memory. */
double *testing_normal(size_t n, double sigma, gsl_rng *draw);
float *testing_narrow(size_t n, double *values);

/* A block of tokens of a family, keys of the norm given. */
efla_tokens testing_tokens(const char *family, double norm, size_t tokens, size_t dk, size_t dv);

/* From now on this process gets `more` bytes of address space and no further ones; a sanitizer needs them for itself,
 * and then there is no limit. */
void testing_limit_memory(size_t more);

/* Runs a shell command and returns its exit status, or minus the signal that ended it.  The two outputs go to out and
 * err (either NULL: dropped), cut to size bytes. */
int testing_shell(const char *command, char *out, char *err, size_t size);

/* A bound for rounding errors, in units of u times the largest norm that the state reaches, after so many tokens with
 * keys of dk entries.  One token errs by a sum of dk products and a few operations more: (dk + 8) u in the worst case
 * (docs/bounds.md#step), its square root for errors of random sign; decay and the products between the tokens of a
 * group make it dk + 16.  Tokens err independently and the exact flow enlarges nothing: the square root of their
 * number.  Twice that, so that two standard deviations pass. */
double testing_rounding(size_t tokens, size_t dk);

/* Runs the statement that follows once for every instruction set (isa) that this processor has. */
#define FOR_EACH_ISA(isa)                                                                                              \
  for (size_t isa##_i = 0; efla_isa_name(isa##_i); isa##_i++)                                                          \
    for (const efla_isa *isa = efla_isa_at(isa##_i); isa && isa->supported(); isa = NULL)

#endif

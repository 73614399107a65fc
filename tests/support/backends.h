/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every backend that this processor has, and the arrays of one call on it. */
#ifndef BACKENDS_H
#define BACKENDS_H

#include "cases.h"

/* Configuration i: each row of the table, the cpu backend with each instruction set, with one and two threads
 * alternately; NULL past the end.  *name describes it. */
efla_backend *backends_open(size_t i, char name[64]);

/* A case's inputs in memory, of q's type `type`; beta and g, and states beside
 * bf16, are f32 where `narrow`. */
typedef struct backend_inputs {
  placed in[CASE_INPUTS];
  efla_sequence x;
} backend_inputs;
backend_inputs backends_place(const backend_case *c, efla_type type, bool narrow, gsl_rng *draw);
void backends_clear(backend_inputs *x);

/* An array in memory where the backend takes it: as it is, or a copy of all its bytes on a device; and back. */
efla_array backends_lend(efla_backend *b, const placed *p);
void backends_return(efla_backend *b, const placed *p, efla_array lent);
/* The same of all inputs. */
efla_sequence backends_lend_inputs(efla_backend *b, const backend_inputs *x);
void backends_return_inputs(efla_backend *b, const backend_inputs *x, const efla_sequence *lent);

/* Runs a function for every case, on every backend, and in both types, where `half` on the cpu in bf16 too;
 * backward: with the exact derivatives. */
typedef void backend_check(efla_backend *b, const char *name, const backend_case *c, const truth *to, efla_type type,
                           gsl_rng *draw);
void backends_run(bool backward, bool half, backend_check *check);

#define CHECK_OK(b, status) ck_assert_msg(!(status), "%s", efla_last_message(b))

/* Results of a case against the truth, which within their bounds they are; o and final are left, the memory of d is freed
 * unless the case computes in place. */
void backends_compare_outputs(const char *name, const backend_case *c, const placed *o, const placed *final,
                              const truth *to);
void backends_compare_gradients(const char *name, const backend_case *c, placed d[CASE_INPUTS], const truth *to);

#endif

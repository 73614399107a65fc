/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Multi-query associative recall (docs/tasks.md#mqar). */
#ifndef EFLA_DATA_MQAR_H
#define EFLA_DATA_MQAR_H

#include "data/token_task.h"

extern const efla_token_task efla_mqar;

/* A set of examples of a published comparison: "zoology" trains and tests each length by itself, "based" trains one
 * model on all training sets together and tests it on all test sets.  All have 8192 tokens and the exponent 0.01.  Each
 * set wants a seed of its own, for instance efla_seed(seed, row). */
typedef struct efla_mqar_set {
  const char *comparison;
  bool training;
  size_t length, pairs, examples;
  bool random_filler;
} efla_mqar_set;

extern const efla_mqar_set efla_mqar_sets[]; /* ends with a row whose comparison is NULL */

efla_token_settings efla_mqar_settings(const efla_mqar_set *set);

#endif

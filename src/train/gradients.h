/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gradients of the groups of a batch, computed by one process or dealt to ranks, and their sum.
 *
 * Group g belongs to rank g mod ranks. To add, every rank receives its share of the numbers from each group, adds them
 * in the groups' order, and all gather the sums: the same bits for any number of ranks, and every number is sent once
 * for each group and once as a sum. */
#ifndef EFLA_TRAIN_GRADIENTS_H
#define EFLA_TRAIN_GRADIENTS_H

#include "base/ranks.h"

typedef struct efla_gradients {
  const efla_communicator *ranks; /* NULL: one process */
  size_t numbers, groups;
  size_t own;    /* groups of this rank, that is numbers rank, rank + ranks, ... */
  size_t share;  /* numbers that a rank adds */
  size_t stride; /* of a row: the shares of all ranks, not less than `numbers` */
  float *rows;   /* (own, but at least one; stride); at the end the sum is the first one */
  double *parts; /* (own): of the loss */
  /* Of several ranks: */
  float *received;         /* (ranks, share) */
  float *sum;              /* (share) */
  double *told;            /* what each rank tells: whether it failed, and its parts */
  size_t *sent, *arriving; /* (ranks): bytes */
} efla_gradients;

/* f32 numbers that this takes: (own + 1) * stride + share, with one process groups * numbers. */
size_t efla_gradients_floats(size_t numbers, size_t groups, const efla_communicator *ranks);

/* numbers: a multiple of EFLA_PAD. Fails with EFLA_NO_MEMORY; g is then zeroed. */
efla_status efla_gradients_init(efla_gradients *g, size_t numbers, size_t groups, const efla_communicator *ranks,
                                efla_message *why);
void efla_gradients_clear(efla_gradients *g);

/* The number of this rank's group `own`, which all have where it is less than groups. */
size_t efla_gradients_group(const efla_gradients *g, size_t own);

/* Adds all groups, in their order: the sum (numbers) is at g->rows, and *loss the sum of the parts. Called by all ranks,
 * each with the status of its groups: fails on all as the first one that failed. */
efla_status efla_gradients_add(efla_gradients *g, size_t threads, efla_status status, double *loss, efla_message *why);

#endif

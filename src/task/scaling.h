/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What work takes over many ranks: a model of costs (docs/scaling.md), and the same work with its real messages, in
 * which a pause takes the place of computing.
 *
 * scan   one long sequence: every rank forms the map of its tokens, states are moved from rank to rank, every rank
 *        computes its tokens
 * step   a step of training whose groups are dealt to ranks (train/gradients.h) */
#ifndef EFLA_TASK_SCALING_H
#define EFLA_TASK_SCALING_H

#include "base/status.h"
#include "efla/communicator.h"

/* Seconds on one core, but for the network. */
typedef struct efla_scaling_costs {
  double forward, sum, map; /* a token of a head: its outputs; N, without outputs; M */
  double product;           /* M S + N of a head */
  double gradient;          /* of one group */
  double add, update;       /* a number of one group's gradient; of the parameters */
  double latency, message;  /* of the network; of a rank for each message that it sends or receives */
  double rate;              /* bytes per second of a rank, in each direction */
} efla_scaling_costs;

typedef struct efla_scaling_work {
  size_t tokens; /* of the sequence, on all ranks together; 0: a step of training */
  size_t heads, dk, dv;
  size_t groups, numbers; /* of a step, and of its parameters; numbers: a multiple of EFLA_PAD */
} efla_scaling_work;

/* Where the time of the slowest rank goes. */
typedef struct efla_scaling_time {
  double own;      /* what one process would compute, in parts: outputs; gradients and the update */
  double more;     /* what is computed because there are several: M, N, products */
  double waiting;  /* latencies and messages */
  double transfer; /* of bytes */
  double total;
} efla_scaling_time;

efla_scaling_time efla_scaling_predict(const efla_scaling_costs *c, const efla_scaling_work *w, size_t ranks);

/* The same with real messages: *seconds of the slowest rank, the same on all. Under SimGrid's SMPI both messages and
 * pauses take simulated time. */
efla_status efla_scaling_run(const efla_scaling_costs *c, const efla_scaling_work *w, const efla_communicator *ranks,
                             double *seconds, efla_message *why);

#endif

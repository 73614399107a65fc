/* SPDX-License-Identifier: MIT */
/* Communicators: processes (ranks) that compute one call together.
 *
 * What is split over ranks (scan.h, and whatever is trained) sees only this table, whose functions are those of MPI or
 * of another library. All ranks call the same functions in the same order. Data are bytes: all ranks are of one
 * architecture. */
#ifndef EFLA_COMMUNICATOR_H
#define EFLA_COMMUNICATOR_H

#include "efla/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct efla_communicator efla_communicator;

/* EFLA_NO_MEMORY or EFLA_DEVICE_FAILED where the library reports an error; with MPI's default error handler the job
 * ends instead. */
struct efla_communicator {
  const char *name; /* "serial", "mpi" */
  size_t rank;      /* of this process, 0 <= rank < size */
  size_t size;      /* how many there are */
  void *context;    /* the owner's */
  /* Sends sent[r] bytes to every rank r and receives received[r] from it, which is what r sends. The bytes for rank 0,
   * 1, ... lie one after another at send, those from rank 0, 1, ... at receive. */
  efla_status (*exchange)(const efla_communicator *c, const void *send, const size_t *sent, void *receive,
                          const size_t *received);
  /* all (size, bytes): what every rank has at mine (bytes), the same number on all. */
  efla_status (*gather)(const efla_communicator *c, const void *mine, size_t bytes, void *all);
  /* data (bytes) of rank root to all. */
  efla_status (*broadcast)(const efla_communicator *c, void *data, size_t bytes, size_t root);
  /* Ends the job: all ranks, with this exit status. Does not return. */
  void (*abort)(const efla_communicator *c, int exit_status);
};

/* One rank: this process alone. */
efla_communicator efla_communicator_serial(void);

/* Where the share of a rank begins when n items are dealt to `size` ranks in blocks whose lengths differ by at most
 * one: it has the items from this one on to before that of rank + 1. */
size_t efla_rank_first(size_t n, size_t rank, size_t size);

#ifdef __cplusplus
}
#endif

#endif

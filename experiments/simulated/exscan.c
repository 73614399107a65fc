/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MPI_Exscan for SimGrid's SMPI, where every rank sends to all that come after it. Here by recursive doubling, as in Open
 * MPI and MPICH: in round i groups of 2^i ranks, of which all know what they have together, meet their neighbours. For
 * data without gaps, and operators that do not commute. Linked into the simulated program only. */
#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* So many elements of a type. */
typedef struct data {
  int n;
  MPI_Datatype type;
  MPI_Op op;
  size_t bytes;
} data;

/* What the partner's group has is sent to other; whole becomes that of both groups, before that of all ranks below. */
static int meet(const data *d, bool below, bool first, char **whole, char **other, void *before) {
  int error = MPI_SUCCESS;
  if (!below) {
    char *const mine = *whole;
    error = MPI_Reduce_local(mine, *other, d->n, d->type, d->op);
    *whole = *other, *other = mine;
    return error;
  }
  if (first)
    memcpy(before, *other, d->bytes);
  else
    error = MPI_Reduce_local(*other, before, d->n, d->type, d->op);
  return error == MPI_SUCCESS ? MPI_Reduce_local(*other, *whole, d->n, d->type, d->op) : error;
}

int MPI_Exscan(const void *send, void *before, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  enum { TAG = 2 };
  int rank, size, bytes, error = MPI_SUCCESS;
  MPI_Comm_rank(comm, &rank), MPI_Comm_size(comm, &size), MPI_Type_size(type, &bytes);
  const data d = {n, type, op, (size_t)n * (size_t)bytes};
  char *room = malloc(2 * d.bytes + 1);
  if (!room) return MPI_ERR_NO_MEM;
  char *whole = room, *other = room + d.bytes;
  memcpy(whole, send, d.bytes);
  bool first = true;
  for (int distance = 1; distance < size && error == MPI_SUCCESS; distance *= 2) {
    const int partner = rank ^ distance;
    if (partner >= size) continue;
    error = MPI_Sendrecv(whole, n, type, partner, TAG, other, n, type, partner, TAG, comm, MPI_STATUS_IGNORE);
    if (error == MPI_SUCCESS) error = meet(&d, partner < rank, first, &whole, &other, before);
    first = first && partner > rank;
  }
  free(room);
  return error;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MPI_Alltoallw for SimGrid's SMPI, of which there all messages are sent at once, which takes time by the cube of the
 * ranks to simulate. Here in turn, as in other MPI libraries: each rank sends to the i-th after it and receives from the
 * i-th before it, i = 0, 1, .... Linked into the simulated program only. */
#include <mpi.h>

static char *at(const void *data, int place) { return (char *)data + place; }

int MPI_Alltoallw(const void *send, const int *sent, const int *to_places, const MPI_Datatype *to_types, void *receive,
                  const int *received, const int *from_places, const MPI_Datatype *from_types, MPI_Comm comm) {
  enum { TAG = 1 };
  int rank, size, error = MPI_SUCCESS;
  MPI_Comm_rank(comm, &rank), MPI_Comm_size(comm, &size);
  for (int i = 0; i < size && error == MPI_SUCCESS; i++) {
    const int to = (rank + i) % size, from = (rank - i + size) % size;
    error = MPI_Sendrecv(at(send, to_places[to]), sent[to], to_types[to], sent[to] ? to : MPI_PROC_NULL, TAG,
                         at(receive, from_places[from]), received[from], from_types[from],
                         received[from] ? from : MPI_PROC_NULL, TAG, comm, MPI_STATUS_IGNORE);
  }
  return error;
}

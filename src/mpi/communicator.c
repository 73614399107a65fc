/* SPDX-License-Identifier: MIT */
#include "mpi/communicator.h"

#include <stdlib.h>

/* MPI counts and places are of type int, so that a message is one element of a type of its own, made of parts of this
 * many bytes and a rest. */
enum { PART = 1 << 28 };

static MPI_Comm comm_of(const efla_communicator *c) { return *(MPI_Comm *)c->context; }

static efla_status status_of(int error) {
  if (error == MPI_SUCCESS) return EFLA_OK;
  int class = MPI_ERR_OTHER;
  MPI_Error_class(error, &class);
  return class == MPI_ERR_NO_MEM ? EFLA_NO_MEMORY : EFLA_DEVICE_FAILED;
}

/* So many bytes, `place` after the address that a call is given. */
static int make_type(size_t bytes, MPI_Aint place, MPI_Datatype *type) {
  MPI_Datatype part;
  int error = MPI_Type_contiguous(PART, MPI_BYTE, &part);
  if (error != MPI_SUCCESS) return error;
  const size_t parts = bytes / PART;
  const int counts[] = {(int)parts, (int)(bytes % PART)};
  const MPI_Aint places[] = {place, place + (MPI_Aint)(parts * PART)};
  const MPI_Datatype types[] = {part, MPI_BYTE};
  error = MPI_Type_create_struct(2, counts, places, types, type);
  MPI_Type_free(&part);
  return error == MPI_SUCCESS ? MPI_Type_commit(type) : error;
}

/* One direction of an exchange. */
typedef struct side {
  int *counts, *places;
  MPI_Datatype *types; /* (ranks): of the bytes to or from each */
} side;

static void clear_side(side *s, size_t ranks) {
  for (size_t r = 0; s->types && r < ranks; r++)
    if (s->types[r] != MPI_BYTE) MPI_Type_free(&s->types[r]);
  free(s->counts), free(s->types);
}

/* After a failure too s is to be cleared. */
static efla_status make_side(side *s, size_t ranks, const size_t *bytes) {
  *s = (side){.counts = calloc(2 * ranks, sizeof *s->counts), .types = calloc(ranks, sizeof *s->types)};
  for (size_t r = 0; s->types && r < ranks; r++) s->types[r] = MPI_BYTE;
  if (!s->counts || !s->types) return EFLA_NO_MEMORY;
  s->places = s->counts + ranks; /* all 0: the types have them */
  MPI_Aint place = 0;
  for (size_t r = 0; r < ranks; place += (MPI_Aint)bytes[r++]) {
    if (bytes[r] == 0) continue;
    const int error = make_type(bytes[r], place, &s->types[r]);
    if (error != MPI_SUCCESS) return status_of(error);
    s->counts[r] = 1;
  }
  return EFLA_OK;
}

static efla_status exchange(const efla_communicator *c, const void *send, const size_t *sent, void *receive,
                            const size_t *received) {
  side to = {0}, from = {0};
  efla_status status = make_side(&to, c->size, sent);
  if (!status) status = make_side(&from, c->size, received);
  if (!status)
    status = status_of(
        MPI_Alltoallw(send, to.counts, to.places, to.types, receive, from.counts, from.places, from.types, comm_of(c)));
  clear_side(&to, c->size), clear_side(&from, c->size);
  return status;
}

static efla_status gather(const efla_communicator *c, const void *mine, size_t bytes, void *all) {
  MPI_Datatype type;
  int error = make_type(bytes, 0, &type);
  if (error != MPI_SUCCESS) return status_of(error);
  error = MPI_Allgather(mine, 1, type, all, 1, type, comm_of(c));
  MPI_Type_free(&type);
  return status_of(error);
}

static efla_status broadcast(const efla_communicator *c, void *data, size_t bytes, size_t root) {
  MPI_Datatype type;
  int error = make_type(bytes, 0, &type);
  if (error != MPI_SUCCESS) return status_of(error);
  error = MPI_Bcast(data, 1, type, (int)root, comm_of(c));
  MPI_Type_free(&type);
  return status_of(error);
}

static void stop(const efla_communicator *c, int exit_status) {
  MPI_Abort(comm_of(c), exit_status);
  exit(exit_status);
}

efla_communicator efla_mpi_communicator(MPI_Comm *comm) {
  int rank = 0, size = 1;
  MPI_Comm_rank(*comm, &rank), MPI_Comm_size(*comm, &size);
  return (efla_communicator){.name = "mpi",
                             .rank = (size_t)rank,
                             .size = (size_t)size,
                             .context = comm,
                             .exchange = exchange,
                             .gather = gather,
                             .broadcast = broadcast,
                             .abort = stop};
}

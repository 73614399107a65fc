/* SPDX-License-Identifier: MIT */
/* The communicator of MPI: a small library of its own, libefla_mpi, so that libefla needs no MPI. */
#ifndef EFLA_MPI_COMMUNICATOR_H
#define EFLA_MPI_COMMUNICATOR_H

#include "efla/communicator.h"

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ranks of an MPI communicator, of a library that has been initialised. *comm is the caller's, who keeps it as long
 * as the communicator is used; an error reported by MPI is handled by comm's error handler. */
efla_communicator efla_mpi_communicator(MPI_Comm *comm);

#ifdef __cplusplus
}
#endif

#endif

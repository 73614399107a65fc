/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ranks among which a program was started: by mpirun, srun and their like where the toolkit was built with MPI. */
#ifndef EFLA_APP_WORLD_H
#define EFLA_APP_WORLD_H

#include "base/status.h"
#include "efla/communicator.h"

/* Joins the ranks of the launcher that started this process, found by what it leaves in the environment; without one
 * the process is alone. argv of all ranks must be the same. To be called once, before there are threads. Fails with
 * EFLA_NOT_BUILT where a launcher started several processes and there is no MPI in this build, and with EFLA_USAGE
 * where a rank has other arguments: ranks is then the world all the same. */
efla_status efla_world_open(efla_communicator *ranks, int argc, char **argv, efla_message *why);

/* Waits for all ranks, and returns the largest of their exit statuses. */
int efla_world_close(const efla_communicator *ranks, int exit_status);

/* To be called before an error is reported. An error that all ranks have alike is then reported by rank 0 only: the
 * others wait here for a moment, in which rank 0 ends them. */
void efla_world_yield(const efla_communicator *ranks);

/* Ends all ranks after an error on this one has been reported; returns exit_status where the process is alone. */
int efla_world_abort(const efla_communicator *ranks, int exit_status);

#endif

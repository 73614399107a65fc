/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests that several ranks run together, and programs started as several ranks. */
#ifndef RANKS_H
#define RANKS_H

#include "testing.h"

/* Of the process that runs a test of ranks_main. */
extern efla_communicator ranks;

/* As testing_main, for tests that all ranks run together, on 1, 2, 3, 5 and 8 ranks: this program starts itself again
 * under mpirun.  limit: of all tests on one number of ranks (seconds).  All tests are skipped where there is
 * no MPI. */
int ranks_main(int argc, char **argv, const char *module, const TTest *const *tests, size_t n, double limit);

/* Runs a shell command that begins with a program as n ranks; outputs and result as of testing_shell.  In a build
 * without MPI: ranks_missing says so, and tests are to be skipped. */
int ranks_shell(size_t n, const char *command, char *out, char *err, size_t size);
bool ranks_missing(void);

/* In a shell that becomes a rank: its files may have 4 KiB, as where a disk is full. MPI's messages then take no file. */
#define RANKS_FULL_DISK "trap \"\" XFSZ; ulimit -f 8; export OMPI_MCA_btl=self,tcp; "

#endif

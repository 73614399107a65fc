/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The main function of every program: everything except the experiment itself. */
#ifndef EFLA_APP_PROGRAM_H
#define EFLA_APP_PROGRAM_H

#include "app/cli.h"
#include "app/progress.h"
#include "app/table.h"

/* The whole of main: parses the command line, calls program->check, checks that no output replaces an input
 * or another output, opens the table, calls program->run, and reports errors on standard error. The table is
 * completed where run returns EFLA_OK, EFLA_UNTRUSTED (an oracle refused; the rows show where), EFLA_OUTSIDE
 * or EFLA_NOT_FINITE, and discarded otherwise. An experiment that wrote no row has failed. Returns the exit
 * status. */
int efla_program_main(const efla_program *program, int argc, char **argv);

/* One work item, number i of n: writes its rows to `rows` and adds to the progress. */
typedef efla_status efla_work(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why);

/* Runs n work items on the program's threads; with several ranks, which all call this alike, item i is that of rank
 * i % size. Rank 0 writes their rows in the order of the items, whatever the number of threads and ranks. `total`: the
 * sum of what the items add to the progress. Returns EFLA_OK or the status of a failed item; EFLA_UNTRUSTED only if no
 * item failed otherwise. */
efla_status efla_program_parallel(efla_table *table, size_t n, efla_work *work, void *context, const char *what,
                                  size_t total, efla_message *why);

#endif

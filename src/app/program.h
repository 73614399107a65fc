/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every experiment program does around its experiment. */
#ifndef EFLA_APP_PROGRAM_H
#define EFLA_APP_PROGRAM_H

#include "app/cli.h"
#include "app/progress.h"
#include "app/table.h"

/* The whole of main: parses the command line, checks what belongs together and that outputs harm no file of this run,
 * opens the table, runs, completes the table where run returns EFLA_OK, EFLA_UNTRUSTED (an oracle refused: the rows say
 * so), EFLA_OUTSIDE or EFLA_NOT_FINITE and gives it up otherwise, says why on standard error.  An experiment that wrote
 * no row has failed.  Returns the exit status. */
int efla_program_main(const efla_program *program, int argc, char **argv);

/* One piece of parallel work: number i of n writes its rows and adds to the progress. */
typedef efla_status efla_work(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why);

/* Does all pieces on the program's threads; the rows end up in the order of the pieces whatever the number of threads.
 * `total` is what the pieces' progress adds up to.  Returns EFLA_OK, or the status of a piece that failed, a refusal
 * only if nothing worse happened. */
efla_status efla_program_parallel(efla_table *table, size_t n, efla_work *work, void *context, const char *what,
                                  size_t total, efla_message *why);

#endif

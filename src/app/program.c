/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/program.h"

#include "app/collect.h"
#include "app/provenance.h"
#include "app/world.h"

#include <assert.h>
#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 16 };

/* Checks that no output file is an input file or another output file of this run. */
static efla_status check_files(const efla_cli *cli, efla_message *why) {
  const char *reads[MOST_FILES], *writes[MOST_FILES] = {cli->out};
  size_t inputs = 0, outputs = cli->out ? 1 : 0;
  for (const efla_option *option = cli->program->options; option->name; option++) {
    bool written = option->kind == EFLA_RESULT || option->kind == EFLA_NEEDED_RESULT;
    bool read = (option->kind == EFLA_TEXT || option->kind == EFLA_NEEDED) && !strcmp(option->argument, "FILE");
    const char *file = read || written ? *(const char **)option->to : NULL;
    assert(inputs < MOST_FILES && outputs < MOST_FILES);
    if (file && read) reads[inputs++] = file;
    if (file && written) writes[outputs++] = file;
  }
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < outputs; i++) {
    for (size_t j = 0; j < inputs && status == EFLA_OK; j++) status = efla_output_spares(writes[i], reads[j], why);
    for (size_t j = 0; j < i && status == EFLA_OK; j++) status = efla_output_apart(writes[i], writes[j], why);
  }
  return status;
}

/* Ranks but the first compute without leaving anything. */
static efla_status silence(efla_cli *cli, efla_message *why) {
  cli->out = NULL;
  for (const efla_option *option = cli->program->options; option->name; option++)
    if (option->kind == EFLA_RESULT) *(const char **)option->to = NULL;
  return freopen("/dev/null", "w", stdout) ? EFLA_OK
                                           : efla_fail(why, EFLA_OUTPUT, "/dev/null: cannot open: %s", strerror(errno));
}

static bool completes(efla_status status) {
  return status == EFLA_OK || status == EFLA_UNTRUSTED || status == EFLA_OUTSIDE || status == EFLA_NOT_FINITE;
}

/* From the options to the complete table. */
static efla_status run(efla_cli *cli, efla_message *why) {
  const efla_program *program = cli->program;
  efla_table table = {0};
  efla_message trouble;
  efla_status status = check_files(cli, why);
  if (status == EFLA_OK && cli->ranks->rank > 0) status = silence(cli, why);
  if (status == EFLA_OK && program->check) status = program->check(cli, why);
  if (status == EFLA_OK) status = efla_table_open(&table, cli, why);
  if (status == EFLA_OK) status = program->run(cli, &table, why);
  if (status == EFLA_OK && table.rows == 0 && !program->reports && cli->ranks->rank == 0)
    status = efla_fail(why, EFLA_USAGE, "no row: nothing of what was asked for can be computed");
  if (completes(status)) {
    efla_status closed = efla_table_close(&table, &trouble);
    if (closed != EFLA_OK) status = closed, *why = trouble;
  } else {
    efla_table_abandon(&table);
  }
  if (program->reports && (fflush(stdout) != 0 || ferror(stdout)))
    status = efla_fail(why, EFLA_OUTPUT, "standard output: cannot write: %s", strerror(errno));
  return status;
}

/* Reports the failure, and ends all ranks where this one cannot go on. */
static int fail(const efla_cli *cli, efla_status status, const efla_message *why) {
  if (!completes(status)) efla_world_yield(cli->ranks);
  const int code = efla_cli_fail(cli, status, why);
  return completes(status) ? code : efla_world_abort(cli->ranks, code);
}

int efla_program_main(const efla_program *program, int argc, char **argv) {
  efla_cli cli = {.program = program, .name = program->name};
  efla_communicator ranks;
  efla_message why;
  int code = EFLA_EXIT_FINE;
  efla_blas_best_kernels(argv);
  efla_status status = efla_world_open(&ranks, argc, argv, &why);
  if (status == EFLA_OK && ranks.size > 1 && !program->over_ranks)
    status = efla_fail(&why, EFLA_USAGE, "started as %zu ranks, but it runs as one process only", ranks.size);
  cli.ranks = &ranks;
  if (status != EFLA_OK) return fail(&cli, status, &why);
  /* What is wrong with the options is wrong on all ranks, and said by one. */
  bool runs = ranks.rank == 0 && efla_cli_read(&cli, program, argc, argv, &code);
  if (ranks.broadcast(&ranks, &runs, sizeof runs, 0) == EFLA_OK && runs) {
    if (ranks.rank > 0 && !efla_cli_read(&cli, program, argc, argv, &code)) return efla_world_abort(&ranks, code);
    cli.ranks = &ranks;
    omp_set_num_threads((int)cli.threads);
    efla_blas_single_thread();
    status = run(&cli, &why);
    code = status == EFLA_OK ? EFLA_EXIT_FINE : fail(&cli, status, &why);
    efla_cli_clear(&cli);
  }
  return efla_world_close(&ranks, code);
}

/* The items of this rank. */
static size_t count_mine(const efla_communicator *ranks, size_t n) {
  return efla_rank_first(n, ranks->rank + 1, ranks->size) - efla_rank_first(n, ranks->rank, ranks->size);
}

static efla_status run_items(efla_table *table, const efla_communicator *ranks, size_t n, efla_work *work,
                             void *context, efla_progress *progress, efla_branch *branches, efla_message *why) {
  efla_status worst = EFLA_OK;
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = ranks->rank; i < n; i += ranks->size) {
    efla_message reason;
    efla_status status = efla_table_fork(table, &branches[i]);
    status = status == EFLA_OK ? work(context, i, &branches[i].table, progress, &reason) : efla_fail_memory(&reason);
#pragma omp critical(efla_program_worst)
    if (status != EFLA_OK && (worst == EFLA_OK || worst == EFLA_UNTRUSTED)) worst = status, *why = reason;
  }
  return worst;
}

efla_status efla_program_parallel(efla_table *table, size_t n, efla_work *work, void *context, const char *what,
                                  size_t total, efla_message *why) {
  const efla_communicator alone = efla_communicator_serial(), *ranks = table->ranks ? table->ranks : &alone;
  efla_branch *branches = calloc(n ? n : 1, sizeof *branches);
  if (!branches) return efla_fail_memory(why);
  efla_progress progress;
  efla_progress_start(&progress, what, n > 0 ? (size_t)((double)total / (double)n * (double)count_mine(ranks, n)) : 0);
  efla_status worst = run_items(table, ranks, n, work, context, &progress, branches, why);
  efla_progress_end(&progress);
  if (ranks->size > 1 && completes(worst)) {
    const efla_status status = efla_collect(table, ranks, branches, n, &worst, why);
    if (status != EFLA_OK) worst = status;
  }
  for (size_t i = 0; i < n && ranks->size == 1; i++) efla_table_join(table, &branches[i]);
  for (size_t i = 0; i < n; i++) efla_branch_clear(&branches[i]);
  free(branches);
  return worst;
}

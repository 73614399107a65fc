/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/world.h"

#include "app/cli.h"
#include "base/ranks.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef EFLA_HAVE_MPI
#include "mpi/communicator.h"
#endif

/* Where launchers leave the number of processes that they have started: Open MPI, Hydra (MPICH, Intel MPI) and Slurm's
 * PMI-2, MVAPICH, SimGrid. */
static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SMPI_GLOBAL_SIZE"};

static size_t started(void) {
  size_t most = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const char *text = getenv(sizes[i]);
    const size_t n = text ? strtoul(text, NULL, 10) : 0;
    if (n > most) most = n;
  }
  /* PMIx says only which rank this is. */
  return most == 0 && getenv("PMIX_RANK") ? 1 : most;
}

#ifdef EFLA_HAVE_MPI
static MPI_Comm world;

static efla_communicator join(int *argc, char ***argv) {
  int threads;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &threads);
  MPI_Comm_dup(MPI_COMM_WORLD, &world);
  return efla_mpi_communicator(&world);
}

static void leave(void) {
  MPI_Comm_free(&world);
  MPI_Finalize();
}
#else
static efla_communicator join(int *argc, char ***argv) {
  (void)argc, (void)argv;
  return efla_communicator_serial();
}

static void leave(void) {}
#endif

/* FNV-1a, of the arguments with their ends, without the program's name. */
static uint64_t hash_arguments(int argc, char **argv) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (int i = 1; i < argc; i++)
    for (size_t at = 0; at <= strlen(argv[i]); at++) hash = (hash ^ (unsigned char)argv[i][at]) * 0x100000001b3U;
  return hash;
}

static efla_status compare_arguments(const efla_communicator *ranks, int argc, char **argv, efla_message *why) {
  char text[17];
  snprintf(text, sizeof text, "%016" PRIx64, hash_arguments(argc, argv));
  return efla_ranks_compare(ranks, text, "arguments", why);
}

efla_status efla_world_open(efla_communicator *ranks, int argc, char **argv, efla_message *why) {
  *ranks = efla_communicator_serial();
  const size_t processes = started();
  if (processes == 0) return EFLA_OK;
#ifndef EFLA_HAVE_MPI
  if (processes > 1)
    return efla_fail(why, EFLA_NOT_BUILT, "started %zu times by a launcher, but built without MPI", processes);
#endif
  *ranks = join(&argc, &argv);
  return compare_arguments(ranks, argc, argv, why);
}

static bool is_alone(const efla_communicator *ranks) { return !strcmp(ranks->name, "serial"); }

int efla_world_close(const efla_communicator *ranks, int exit_status) {
  if (is_alone(ranks)) return exit_status;
  int *all = malloc(ranks->size * sizeof *all);
  if (!all || ranks->gather(ranks, &exit_status, sizeof exit_status, all) != EFLA_OK)
    return free(all), efla_world_abort(ranks, EFLA_EXIT_IO);
  for (size_t r = 0; r < ranks->size; r++)
    if (all[r] > exit_status) exit_status = all[r];
  free(all);
  leave();
  return exit_status;
}

void efla_world_yield(const efla_communicator *ranks) {
  if (ranks->rank > 0) nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
}

int efla_world_abort(const efla_communicator *ranks, int exit_status) {
  if (!is_alone(ranks)) ranks->abort(ranks, exit_status);
  return exit_status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rate TOKENS HEADS D THREADS LAYOUT PASS: seconds of one call over the ranks it was started as, the median of five.
 *
 * LAYOUT: head-major or token-major; PASS: forward or backward. make rate compares ranks with threads by it. */
#include "laboratory.h"

#include "mpi/communicator.h"

#include <string.h>

enum { CALLS = 5, ARRAYS = 9 };

typedef struct problem {
  size_t tokens, heads, d; /* tokens: of this rank */
  bool head_major;
  float *memory;
  efla_sequence x;
  efla_result y;
  efla_gradient dx;
} problem;

/* Array number i, of rows of so many numbers. */
static efla_array array_of(const problem *p, size_t i, size_t width) {
  float *data = p->memory + i * p->tokens * p->heads * p->d;
  return (p->head_major ? efla_array_head_major : efla_array_token_major)(data, EFLA_F32, p->tokens, p->heads, width);
}

/* Keys of norm 1, as nearly as matters for speed. */
static bool fill(problem *p) {
  const size_t n = ARRAYS * p->tokens * p->heads * p->d;
  p->memory = malloc((n + 1) * sizeof *p->memory);
  for (size_t i = 0; i < n && p->memory; i++)
    p->memory[i] = (float)(i * 2654435761U % 1000) * 1.7e-3F / sqrtf((float)p->d);
  p->x = (efla_sequence){.batch = 1, .heads = p->heads, .tokens = p->tokens, .dk = p->d, .dv = p->d};
  p->x.q = array_of(p, 0, p->d), p->x.k = array_of(p, 1, p->d), p->x.v = array_of(p, 2, p->d);
  p->x.beta = array_of(p, 3, 1), p->y.o = array_of(p, 4, p->d);
  p->dx.q = array_of(p, 5, p->d), p->dx.k = array_of(p, 6, p->d), p->dx.v = array_of(p, 7, p->d);
  p->dx.beta = array_of(p, 8, 1);
  return p->memory != NULL;
}

static efla_status call(const efla_communicator *ranks, efla_backend *backend, const problem *p, bool backward) {
  const efla_rule rule = {.method = efla_method_find("exact"), .scale = 1};
  return backward ? efla_backward_over(ranks, NULL, backend, &rule, &p->x, &p->y, &p->dx)
                  : efla_forward_over(ranks, NULL, backend, &rule, &p->x, &p->y);
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int measure(const efla_communicator *ranks, char **argv) {
  const size_t all = strtoul(argv[1], NULL, 10), first = efla_rank_first(all, ranks->rank, ranks->size);
  problem p = {.tokens = efla_rank_first(all, ranks->rank + 1, ranks->size) - first,
               .heads = strtoul(argv[2], NULL, 10),
               .d = strtoul(argv[3], NULL, 10),
               .head_major = !strcmp(argv[5], "head-major")};
  const efla_options options = {.threads = strtoul(argv[4], NULL, 10)};
  efla_backend *backend = NULL;
  efla_status status = efla_backend_open("cpu", &options, &backend);
  if (!status && !fill(&p)) status = EFLA_NO_MEMORY;
  double seconds[CALLS + 1]; /* the first is not counted */
  for (size_t i = 0; i <= CALLS && !status; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = MPI_Wtime();
    status = call(ranks, backend, &p, !strcmp(argv[6], "backward"));
    MPI_Barrier(MPI_COMM_WORLD);
    seconds[i] = MPI_Wtime() - begin;
  }
  if (status) fprintf(stderr, "rate: %s %s\n", efla_status_text(status), efla_last_message(backend));
  qsort(seconds + 1, CALLS, sizeof *seconds, compare);
  if (!status && ranks->rank == 0) printf("%.4f\n", seconds[1 + CALLS / 2]);
  efla_backend_close(backend), free(p.memory);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  MPI_Comm world;
  MPI_Init(&argc, &argv);
  MPI_Comm_dup(MPI_COMM_WORLD, &world);
  const efla_communicator ranks = efla_mpi_communicator(&world);
  const int status = argc == 7 ? measure(&ranks, argv) : EFLA_EXIT_USAGE;
  MPI_Comm_free(&world), MPI_Finalize();
  return status;
}

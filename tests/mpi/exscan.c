/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exscan D HEADS [PRODUCT COMPOSITION]: the states that each rank of a sequence begins with, by the scan's chain
 * (src/efla/scan/chain.h) and by MPI_Exscan, whose operator composes (M, N) of all heads.
 *
 * Checks that both give the same states within docs/bounds.md#scan, and prints ranks, the median seconds of the chain,
 * of MPI_Exscan, and of their ratios in turn, and how often a rank has composed, at most. Started as one rank: the least
 * seconds of a head's M S + N in the chain, and of a head's composition. Where these are given, a pause as long takes
 * the place of either: under SimGrid, whose messages are simulated. make exscan runs it. */
#include "laboratory.h"

#include "efla/scan/chain.h"
#include "mpi/communicator.h"

#include <cblas.h>
#include <gsl/gsl_statistics.h>
#include <string.h>
#include <time.h>

enum { CALLS = 9, LINKS = 9 }; /* the first call is not counted */

typedef struct problem {
  const efla_communicator *ranks;
  size_t d, heads;
  double product, composition; /* pauses */
  size_t composed;             /* by MPI_Exscan, of a head */
  size_t calls;                /* that are counted */
  float *M, *N;                /* (heads, d, d) each: S -> M S + N */
  float *mine, *before;        /* (heads, d, 2 d): M and N of this rank side by side; of all before it */
  float *chained, *scanned;    /* (heads, d, d): states */
  float *room;                 /* (d, 2 d) */
  MPI_Datatype pair;           /* of a head */
  MPI_Op compose;
} problem;

static problem p; /* MPI hands nothing else to an operator */

static void pause_for(double seconds) {
  const struct timespec length = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
  if (seconds > 0) nanosleep(&length, NULL);
}

/* (M, N) after (M', N'): (M M', M N' + N), in place of (M, N). */
static void compose(void *earlier, void *later, int *n, MPI_Datatype *type) {
  (void)type;
  const size_t d = p.d, pair = 2 * d * d;
  const int rows = (int)d;
  for (int h = 0; h < *n; h++) {
    const float *from = (const float *)earlier + (size_t)h * pair;
    float *to = (float *)later + (size_t)h * pair;
    memcpy(p.room, to, pair * sizeof *to);
    for (size_t i = 0; i < d; i++) memset(to + 2 * i * d, 0, d * sizeof *to);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, 2 * rows, rows, 1, p.room, 2 * rows, from, 2 * rows, 1,
                to, 2 * rows);
  }
  p.composed += (size_t)*n;
  pause_for(*n * p.composition);
}

/* ---- the two ways ---- */

static efla_chain chain_of(const efla_communicator *ranks, const efla_link *links, size_t n_links) {
  return (efla_chain){.ranks = ranks,
                      .lanes = 1,
                      .heads = p.heads,
                      .dk = p.d,
                      .dv = p.d,
                      .bytes = sizeof(float),
                      .threads = 1,
                      .links = links,
                      .n_links = n_links,
                      .maps = 1,
                      .sums = 1,
                      .M = p.M,
                      .N = p.N};
}

/* Every rank's share of all columns meets each M, of all ranks but the first and the last. */
static efla_status by_chain(void) {
  const efla_communicator *r = p.ranks;
  const efla_link link = {r->rank > 0 ? EFLA_LINK_STEP : EFLA_LINK_START, 0, 0};
  efla_chain c = chain_of(r, &link, r->rank + 1 < r->size);
  c.states = r->rank > 0, c.S = p.chained;
  pause_for((double)(p.heads * (r->size - 2)) / (double)r->size * p.product);
  return efla_chain_follow(&c);
}

/* Of a rank's M and N in arrays of their own, as the chain has them, to states in one of theirs. */
static efla_status by_exscan(void) {
  const size_t d = p.d;
  for (size_t row = 0; row < p.heads * d; row++) {
    memcpy(p.mine + 2 * row * d, p.M + row * d, d * sizeof *p.M);
    memcpy(p.mine + (2 * row + 1) * d, p.N + row * d, d * sizeof *p.N);
  }
  const int error = MPI_Exscan(p.mine, p.before, (int)p.heads, p.pair, p.compose, MPI_COMM_WORLD);
  for (size_t row = 0; row < p.heads * d; row++)
    memcpy(p.scanned + row * d, p.before + (2 * row + 1) * d, d * sizeof *p.scanned);
  return error == MPI_SUCCESS ? EFLA_OK : EFLA_DEVICE_FAILED;
}

/* ---- measurements ---- */

static bool open_problem(void) {
  const size_t n = p.heads * p.d * p.d;
  p.M = calloc(10 * n, sizeof *p.M), p.room = malloc(2 * p.d * p.d * sizeof *p.room);
  if (!p.M || !p.room) return false;
  p.N = p.M + n, p.chained = p.N + n, p.scanned = p.chained + n, p.mine = p.scanned + n, p.before = p.mine + 2 * n;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, 1 + p.ranks->rank);
  /* Nothing is negative, so that nothing cancels; rows of M have the sum .9. */
  for (size_t i = 0; i < n; i++)
    p.M[i] = (float)(1.8 / (double)p.d * gsl_rng_uniform(draw)), p.N[i] = (float)gsl_rng_uniform(draw);
  gsl_rng_free(draw);
  MPI_Type_contiguous((int)(2 * p.d * p.d), MPI_FLOAT, &p.pair), MPI_Type_commit(&p.pair);
  MPI_Op_create(compose, false, &p.compose);
  return true;
}

static void close_problem(void) {
  free(p.M), free(p.room);
  MPI_Type_free(&p.pair), MPI_Op_free(&p.compose);
}

/* A state of rank r has met r - 1 compositions of d products and an addition, or is rounded by the chain. */
static bool same_states(void) {
  const double n = (double)((p.ranks->rank - 1) * (p.d + 1) + 3) * 0x1p-24, bound = n / (1 - n);
  for (size_t i = 0; i < p.heads * p.d * p.d; i++)
    if (!(fabs((double)p.scanned[i] - (double)p.chained[i]) <= bound * (double)p.chained[i]))
      return fprintf(stderr, "exscan: rank %zu, number %zu: %.9g, expected %.9g as of the chain, within %.2g of it\n",
                     p.ranks->rank, i, (double)p.scanned[i], (double)p.chained[i], bound),
             false;
  return true;
}

static double median_of(double *seconds) { return gsl_stats_median(seconds + 1, 1, p.calls); }

static double time_call(efla_status (*call)(void), efla_status *status) {
  MPI_Barrier(MPI_COMM_WORLD);
  const double begin = MPI_Wtime();
  if (*status == EFLA_OK) *status = call();
  MPI_Barrier(MPI_COMM_WORLD);
  return MPI_Wtime() - begin;
}

static efla_status compare(void) {
  double chain[CALLS + 1], exscan[CALLS + 1], ratio[CALLS + 1];
  efla_status status = EFLA_OK;
  for (size_t i = 0; i <= p.calls; i++) {
    p.composed = 0;
    chain[i] = time_call(by_chain, &status), exscan[i] = time_call(by_exscan, &status);
    ratio[i] = exscan[i] / chain[i];
    if (i == 0 && status == EFLA_OK && p.ranks->rank > 0 && !same_states()) MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
  }
  size_t most = 0;
  MPI_Reduce(&p.composed, &most, 1, MPI_UINT64_T, MPI_MAX, 0, MPI_COMM_WORLD);
  if (status == EFLA_OK && p.ranks->rank == 0)
    printf("%zu ranks: chain %.4g s, MPI_Exscan %.4g s, ratio %.2f, %zu compositions of a head\n", p.ranks->size,
           median_of(chain), median_of(exscan), median_of(ratio), most / p.heads);
  return status;
}

/* By a chain of one rank, and by the operator alone. */
static efla_status measure_pieces(void) {
  efla_link links[LINKS] = {{EFLA_LINK_START, 0, 0}};
  for (size_t i = 1; i < LINKS; i++) links[i].kind = EFLA_LINK_STEP;
  efla_chain c = chain_of(p.ranks, links, LINKS);
  float *states = malloc(LINKS * p.heads * p.d * p.d * sizeof *states);
  efla_status status = states ? EFLA_OK : EFLA_NO_MEMORY;
  c.states = LINKS, c.S = states;
  int heads = (int)p.heads;
  double chain[CALLS + 1], composition[CALLS + 1];
  for (size_t i = 0; i <= p.calls && status == EFLA_OK; i++) {
    const double begin = MPI_Wtime();
    status = efla_chain_follow(&c);
    chain[i] = (MPI_Wtime() - begin) / (double)(p.heads * (LINKS - 1));
    const double then = MPI_Wtime();
    for (size_t n = 0; n + 1 < LINKS; n++) compose(p.before, p.mine, &heads, &p.pair);
    composition[i] = (MPI_Wtime() - then) / (double)(p.heads * (LINKS - 1));
  }
  free(states);
  if (status == EFLA_OK)
    printf("%.4g %.4g\n", gsl_stats_min(chain + 1, 1, CALLS), gsl_stats_min(composition + 1, 1, CALLS));
  return status;
}

int main(int argc, char **argv) {
  MPI_Comm world;
  MPI_Init(&argc, &argv);
  MPI_Comm_dup(MPI_COMM_WORLD, &world);
  const efla_communicator ranks = efla_mpi_communicator(&world);
  efla_blas_single_thread();
  if (argc == 3 || argc == 5)
    p = (problem){.ranks = &ranks, .d = strtoul(argv[1], NULL, 10), .heads = strtoul(argv[2], NULL, 10)};
  if (argc == 5) p.product = strtod(argv[3], NULL), p.composition = strtod(argv[4], NULL);
  p.calls = argc == 5 ? 1 : CALLS; /* simulated times are the same every time */
  efla_status status = p.d == 0 || p.heads == 0 ? EFLA_USAGE : open_problem() ? EFLA_OK : EFLA_NO_MEMORY;
  if (status == EFLA_OK) status = ranks.size > 1 ? compare() : measure_pieces();
  if (status != EFLA_OK) fprintf(stderr, "exscan: %s\n", efla_status_text(status)), MPI_Abort(world, EXIT_FAILURE);
  close_problem();
  MPI_Comm_free(&world), MPI_Finalize();
  return EXIT_SUCCESS;
}

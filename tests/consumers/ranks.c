/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program of others that spreads one sequence over the ranks of MPI: a token on each, whose state holds the sum. */
#include <efla/efla.h>
#include <efla/mpi.h>

#include <stdio.h>

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm world = MPI_COMM_WORLD;
  const efla_communicator ranks = efla_mpi_communicator(&world);
  efla_rule rule;
  efla_backend *backend;
  if (efla_rule_find("euler", NULL, NULL, &rule) || efla_backend_open(NULL, NULL, &backend)) return 1;
  /* Nothing is erased, since the erase key is 0. */
  double key = 1, value = (double)(ranks.rank + 1), erase = 0, beta = 1, o = 0;
  const efla_sequence x = {.batch = 1,
                           .heads = 1,
                           .tokens = 1,
                           .dk = 1,
                           .dv = 1,
                           .q = efla_array_token_major(&key, EFLA_F64, 1, 1, 1),
                           .k = efla_array_token_major(&key, EFLA_F64, 1, 1, 1),
                           .v = efla_array_token_major(&value, EFLA_F64, 1, 1, 1),
                           .p = efla_array_token_major(&erase, EFLA_F64, 1, 1, 1),
                           .beta = efla_array_token_major(&beta, EFLA_F64, 1, 1, 1)};
  const efla_result y = {.o = efla_array_token_major(&o, EFLA_F64, 1, 1, 1)};
  if (efla_forward_over(&ranks, NULL, backend, &rule, &x, &y)) fprintf(stderr, "%s\n", efla_last_message(backend));
  efla_backend_close(backend);
  const double n = (double)(ranks.rank + 1);
  const int wrong = o != n * (n + 1) / 2;
  if (wrong) fprintf(stderr, "rank %zu: o = %g, expected %g\n", ranks.rank, o, n * (n + 1) / 2);
  MPI_Finalize();
  return wrong;
}

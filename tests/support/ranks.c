/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ranks.h"

#include <unistd.h>
#ifdef EFLA_HAVE_MPI
#include "mpi/communicator.h"
#endif

efla_communicator ranks;

static const size_t sizes[] = {1, 2, 3, 5, 8};
enum { SIZES = sizeof sizes / sizeof *sizes, TEXT = 1 << 14 };

/* More ranks than processors, which then must not spin; leaks of the MPI library are not ours. */
#define LAUNCH                                                                                                         \
  "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "                     \
  "OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_base_warn_component_unused=0 "  \
  "ASAN_OPTIONS=detect_leaks=0 OMP_WAIT_POLICY=passive mpirun"

bool ranks_missing(void) {
#ifdef EFLA_HAVE_MPI
  return system(LAUNCH " -n 2 true >/dev/null 2>&1") != 0; /* no launcher, or none that may start processes here */
#else
  return true;
#endif
}

int ranks_shell(size_t n, const char *command, char *out, char *err, size_t size) {
  char *line = NULL;
  ck_assert_int_ge(asprintf(&line, LAUNCH " -n %zu %s", n, command), 0);
  const int status = testing_shell(line, out, err, size);
  free(line);
  return status;
}

#ifdef EFLA_HAVE_MPI
static char self[4096];
static const char together[] = "--together"; /* the argument of a process that is a rank */

START_TEST(on_ranks) {
  static char out[TEXT], err[TEXT];
  char *command = NULL;
  ck_assert_int_ge(asprintf(&command, "%s %s", self, together), 0);
  const int status = ranks_shell(sizes[_i], command, out, err, TEXT);
  ck_assert_msg(status == 0, "%zu ranks: status %d\n%s%s", sizes[_i], status, out, err);
  free(command);
}
END_TEST

static int start(const char *module, double limit) {
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  self[length > 0 ? length : 0] = 0;
  Suite *suite = suite_create(module);
  TCase *one = tcase_create(module);
  tcase_set_timeout(one, limit);
  tcase_add_loop_test(one, on_ranks, 0, SIZES);
  suite_add_tcase(suite, one);
  printf("%s (seed %lu)\n", module, testing_seed());
  fflush(stdout);
  return testing_run(suite, CK_FORK_GETENV);
}

/* One rank's part of all tests.  Where it fails, others would wait for it. */
static int be_rank(const char *module, const TTest *const *tests, size_t n) {
  static MPI_Comm world;
  MPI_Init(NULL, NULL);
  world = MPI_COMM_WORLD;
  ranks = efla_mpi_communicator(&world);
  for (size_t i = 0; i < n; i++) {
    const int status = testing_run(testing_suite(module, tests + i, 1, 0), CK_NOFORK);
    fflush(stdout);
    if (status != EXIT_SUCCESS) ranks.abort(&ranks, status);
  }
  MPI_Finalize();
  return EXIT_SUCCESS;
}
#endif

int ranks_main(int argc, char **argv, const char *module, const TTest *const *tests, size_t n, double limit) {
#ifdef EFLA_HAVE_MPI
  if (argc > 1 && !strcmp(argv[1], together)) return be_rank(module, tests, n);
  if (!ranks_missing()) return start(module, limit);
#endif
  (void)argc, (void)argv, (void)tests, (void)n, (void)limit;
  testing_skip(module, "no MPI, or none that starts processes here");
  return EXIT_SUCCESS;
}

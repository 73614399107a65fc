/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs started as several ranks: bin/run within bin/compare's bound on the awkward cases and in its gradients, the
 * same table from work items, what is refused, a killed rank, a full disk. */
#include "files.h"
#include "gradient_kernel.h"
#include "ranks.h"

#include <unistd.h>

enum { TEXT = 1 << 14, SIZES = 5 };
static const size_t sizes[SIZES] = {1, 2, 3, 5, 8};
static char out[TEXT], err[TEXT];

static int run_on(size_t n, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int run_on(size_t n, const char *format, ...) {
  char *command;
  va_list values;
  va_start(values, format);
  ck_assert_int_ge(vasprintf(&command, format, values), 0);
  va_end(values);
  const int status = n > 0 ? ranks_shell(n, command, out, err, TEXT) : testing_shell(command, out, err, TEXT);
  free(command);
  return status;
}

static bool missing(const char *test) {
  if (ranks_missing()) testing_skip(test, "no MPI");
  return ranks_missing();
}

/* The sizes by turns over the cases, so that every case is cut in some way. */
START_TEST(awkward_cases) {
  if (missing("awkward_cases")) return;
  const char *directory = files_directory("ranks-awkward");
  ck_assert_int_eq(run_on(0, TEST_BIN "/compare --make %s/c.h5 --cases awkward", directory), 0);
  ck_assert_int_eq(run_on(0, "ls -d %s/c-*", directory), 0);
  char *names = strdup(out), *rest = names, *name;
  for (size_t i = 0; (name = strsep(&rest, "\n")) && *name; i++) {
    ck_assert_msg(run_on(sizes[i % SIZES], TEST_BIN "/run --input %s --output %s/o.h5 --precision %s --threads 1", name,
                         directory, i % 2 ? "f32" : "f64") == 0,
                  "%s on %zu ranks: %s", name, sizes[i % SIZES], err);
    ck_assert_msg(run_on(0, TEST_BIN "/compare --input %s --outputs %s/o.h5", name, directory) == 0,
                  "%s on %zu ranks: %s", name, sizes[i % SIZES], out);
  }
  free(names);
}
END_TEST

/* Packed sequences, decay, initial states; gradients are judged by the kernel check as o is. */
START_TEST(gradients) {
  if (missing("gradients")) return;
  char path[256], to[256];
  const char *directory = files_directory("ranks-gradients");
  snprintf(path, sizeof path, "%s/in.h5", directory), snprintf(to, sizeof to, "%s/out.h5", directory);
  for (size_t i = 0; i < SIZES; i++) {
    gradient_kernel k = gradient_kernel_usual();
    k.decay = i % 2 ? "split" : "none", k.packed = i % 3 == 1, k.initial = k.final = i % 2, k.erase_key = i % 4 == 2;
    gradient_kernel_write(&k, path);
    ck_assert_msg(
        run_on(sizes[i], TEST_BIN "/run --input %s --output %s --gradients --precision f32 --threads 1", path, to) == 0,
        "%zu ranks: %s", sizes[i], err);
    ck_assert_msg(run_on(0, TEST_BIN "/compare --input %s --outputs %s", path, to) == 0, "%zu ranks: %s", sizes[i],
                  out);
    ck_assert_ptr_nonnull(strstr(out, "gradients: dq, dk, dv, dbeta"));
  }
}
END_TEST

/* The rows of one rank, and what it says at the end. */
static void expect_same_table(const char *program, const char *options) {
  static char said[TEXT];
  const char *directory = files_directory(program);
  for (size_t i = 0; i < SIZES; i++) {
    ck_assert_msg(run_on(sizes[i], TEST_BIN "/%s --quick --threads 1 %s --out %s/%zu.csv", program, options, directory,
                         sizes[i]) == 0,
                  "%s", err);
    if (i == 0) snprintf(said, sizeof said, "%s", err);
    ck_assert_msg(strstr(err, said) != NULL, "%s on %zu ranks says: %s", program, sizes[i], err);
    ck_assert_msg(run_on(0, "cd %s && grep -v '^#' %zu.csv >%zu && cmp 1 %zu && test $(wc -l <1) -gt 100", directory,
                         sizes[i], sizes[i], sizes[i]) == 0,
                  "%s on %zu ranks: %s%s", program, sizes[i], out, err);
  }
}

START_TEST(same_table) {
  if (missing("same_table")) return;
  expect_same_table("accumulation", "--tokens 50 --norm 1,2 --family unit,gaussian,dictionary --dk 4 --dv 3");
  expect_same_table("noise", "--trials 3 --dk 8 --pairs 8 --perturbations noise_keys,dropout,burst");
}
END_TEST

static void refuses(int status, const char *complaint) {
  ck_assert_msg(status > 0, "status %d: %s", status, err);
  ck_assert_msg(strstr(err, complaint) != NULL, "no '%s' in: %s", complaint, err);
}

START_TEST(refusals) {
  if (missing("refusals")) return;
  char path[256];
  const char *directory = files_directory("ranks-refusals");
  snprintf(path, sizeof path, "%s/in.h5", directory);
  gradient_kernel k = gradient_kernel_usual();
  gradient_kernel_write(&k, path);
  const char *run = TEST_BIN "/run --input";
  refuses(run_on(2, "%s %s --output %s/o.h5 --form chunk", run, path, directory), "over ranks, expected form");
  refuses(run_on(2, "%s %s --output %s/o.h5 --precision bf16", run, path, directory),
          "over ranks, expected f64 or f32");
  refuses(run_on(3, "%s %s/none.h5 --output %s/o.h5", run, directory, directory), "none.h5");
  refuses(run_on(2, "%s %s --output %s/none/o.h5", run, path, directory), "none/o.h5");
  refuses(run_on(2, TEST_BIN "/order --quick"), "it runs as one process only");
  /* Rank 1 works in another directory, whose file of that name has other tokens. */
  ck_assert_int_eq(run_on(0, "mkdir %s/other", directory), 0);
  k.sizes.tokens += 1;
  snprintf(path, sizeof path, "%s/other/in.h5", directory);
  gradient_kernel_write(&k, path);
  refuses(run_on(2,
                 "sh -c 'b=$PWD/" TEST_BIN "/run; cd %s; test ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} = 0 || cd other; "
                 "exec $b --input in.h5 --output o.h5'",
                 directory),
          "in.h5: another file on rank 1 than on rank 0");
  ck_assert_int_eq(run_on(0, "test -z \"$(find %s -name 'o.h5*')\"", directory), 0);
}
END_TEST

/* The job ends, and there is no file of that name; rank 0, which may be killed too, may leave its .part. */
START_TEST(killed_rank) {
  if (missing("killed_rank")) return;
  const char *directory = files_directory("ranks-killed");
  const int status = run_on(3,
                            "sh -c 'test ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} != 1 || (sleep 1; kill -9 $$) & "
                            "exec " TEST_BIN "/accumulation --tokens 1000000 --threads 1 --out %s/t.csv'",
                            directory);
  ck_assert_int_ne(status, 0);
  ck_assert_msg(run_on(0, "test ! -e %s/t.csv", directory) == 0, "%s", out);
}
END_TEST

/* What was there stays, and nothing else; with room the same command is well. */
START_TEST(full_disk) {
  if (missing("full_disk")) return;
  char path[256], run[600];
  const char *directory = files_directory("ranks-full");
  snprintf(path, sizeof path, "%s/in.h5", directory);
  snprintf(run, sizeof run, TEST_BIN "/run --input %s --output %s/o.h5 --threads 1", path, directory);
  gradient_kernel k = gradient_kernel_usual();
  gradient_kernel_write(&k, path);
  for (size_t i = 1; i < 3; i++) {
    ck_assert_int_eq(run_on(0, "rm -rf %s-before && cp -R %s %s-before", directory, directory, directory), 0);
    const int status = run_on(sizes[i], "sh -c '" RANKS_FULL_DISK "exec %s'", run);
    ck_assert_msg(status == EFLA_EXIT_IO && strstr(err, "cannot write: File too large"), "status %d: %s", status, err);
    ck_assert_msg(run_on(0, "diff -r %s %s-before", directory, directory) == 0, "left: %s", out);
    ck_assert_msg(run_on(sizes[i], "%s", run) == 0, "%s", err);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {awkward_cases, gradients, same_table, refusals, killed_rank, full_disk};
  return testing_main("over_ranks", tests, sizeof tests / sizeof *tests, 240);
}

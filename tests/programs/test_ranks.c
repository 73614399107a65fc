/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that train, started as several ranks: the rows of one process, whatever ranks share; a rank that is killed;
 * a full disk; ranks that were started in different ways. */
#include "files.h"
#include "ranks.h"

#include <dirent.h>

enum { TEXT = 1 << 15 };

static char out[TEXT], err[TEXT];
static const char *work;
static size_t columns = 17; /* that are compared */

#define LM "lm --quick --threads 1 --batch 12 --group 2 --steps 24 --every 8 --windows 7 --save-every 5"

/* The rows of the program alone, as work/alone.rows; false where there is no MPI. */
static bool set_up(const char *directory, const char *program) {
  char command[1000];
  if (ranks_missing()) {
    testing_skip(directory, "no MPI");
    ck_assert(true);
    return false;
  }
  work = files_directory(directory);
  snprintf(command, sizeof command,
           TEST_BIN "/%s --out %s/alone 2>/dev/null && grep -v '^#' %s/alone | cut -d, -f1-%zu >%s/alone.rows", program,
           work, work, columns, work);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  return true;
}

/* The same program as n ranks, with more options. */
static void expect_same(size_t n, const char *program, const char *options) {
  char command[1000];
  snprintf(command, sizeof command, TEST_BIN "/%s %s --out %s/table", program, options, work);
  const int status = ranks_shell(n, command, out, err, TEXT);
  ck_assert_msg(status == 0, "%s on %zu ranks: status %d: %s%s", command, n, status, out, err);
  snprintf(command, sizeof command, "cd %s && grep -v '^#' table | cut -d, -f1-%zu | cmp - alone.rows", work, columns);
  ck_assert_msg(testing_shell(command, out, NULL, TEXT) == 0, "%zu ranks, %s: other rows: %s", n, options, out);
}

START_TEST(sharing_data) {
  static const char *const programs[] = {
      LM " --mixer delta,softmax", "recall --quick --threads 1 --seeds 42,43 --steps 12 --tested 7",
      "mad --quick --threads 1 --tasks in-context-recall,compression --steps 6 --tested 9"};
  for (size_t i = 0; i < sizeof programs / sizeof *programs && set_up("ranks", programs[i]); i++)
    for (size_t n = 1; n <= 3; n++) expect_same(n, programs[i], "");
}
END_TEST

/* Without the column of seconds, which is the last one. */
START_TEST(sharing_images) {
  static const char program[] =
      "smnist --quick --threads 1 --width 16 --train-images 70 --eval-images 5 --batch 40 --keys raw,unit";
  columns = 10;
  if (set_up("images", program)) expect_same(3, program, "");
}
END_TEST

START_TEST(sharing_configs) {
  static const char program[] = LM " --keys raw,unit --seeds 42,43";
  char options[200];
  if (!set_up("configs", program)) return;
  for (size_t n = 1; n <= 3; n++) {
    snprintf(options, sizeof options, "--parallel configs --configs %s/configs-%zu", work, n);
    expect_same(n, program, options);
    expect_same(4 - n, program, options); /* all are there */
  }
  snprintf(options, sizeof options, "--parallel configs --finished --configs %s/configs-3", work);
  expect_same(2, program, options);
  snprintf(options, sizeof options, "--finished --configs %s/configs-3", work);
  expect_same(2, program, options);
}
END_TEST

/* ---- ranks that die ---- */

/* Entries of the directory of configs, and whether they are whole checkpoints only. */
static size_t count_configs(bool whole) {
  char path[300];
  snprintf(path, sizeof path, "%s/configs", work);
  DIR *entries = opendir(path);
  size_t n = 0;
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    const size_t length = strlen(entry->d_name);
    if (*entry->d_name == '.') continue;
    ck_assert_msg(!whole || (length > 3 && !strcmp(entry->d_name + length - 3, ".h5")), "left: %s", entry->d_name);
    n++;
  }
  if (entries) closedir(entries);
  return n;
}

/* Kills the last of three ranks once a checkpoint is there: the job ends soon, and says so; another number of ranks
 * continues from the checkpoints. */
static void kill_one(const char *parallel) {
  static const char program[] = LM " --keys raw,unit --seeds 42,43 --steps 200";
  char command[1000], options[200];
  if (!set_up(parallel, program)) return;
  snprintf(options, sizeof options, "--configs %s/configs --parallel %s", work, parallel);
  snprintf(command, sizeof command,
           "sh -c 'if test $OMPI_COMM_WORLD_RANK = 2; then (while ! ls %s/configs/*.h5 >/dev/null 2>&1; do sleep .01; "
           "done; kill -9 $$) & fi; exec " TEST_BIN "/%s %s --out %s/table'",
           work, program, options, work);
  const double begin = efla_seconds();
  const int status = ranks_shell(3, command, out, err, TEXT);
  ck_assert_msg(status != 0 && efla_seconds() - begin < 20, "status %d after %g s: %s", status, efla_seconds() - begin,
                err);
  ck_assert_msg(strstr(err, "signal 9") != NULL || strstr(out, "signal 9") != NULL, "%s%s", out, err);
  /* mpirun does not wait for all ranks, and kills those that do not end within a second of its SIGTERM, say in an fsync;
   * these leave table.part, which the next run replaces. */
  snprintf(command, sizeof command, "cd %s && ls | grep -x table; ps -ef | grep '%s/tabl[e]'", work, work);
  do testing_shell(command, out, NULL, TEXT);
  while (*out && efla_seconds() - begin < 20);
  ck_assert_msg(!*out, "left: %s, after %s", out, err);
  ck_assert_uint_gt(count_configs(false), 0);
  expect_same(2, program, options);
  ck_assert_uint_eq(count_configs(true), 4);
  snprintf(command, sizeof command, "ls %s | grep part", work);
  ck_assert_msg(testing_shell(command, out, NULL, TEXT) == 1, "left: %s", out);
}

START_TEST(killed_while_data_are_shared) { kill_one("data"); }
END_TEST
START_TEST(killed_while_configs_are_shared) { kill_one("configs"); }
END_TEST

/* ---- a full disk ---- */

/* Configs that were finished before stay, nothing else is left, and with room the same command goes on. */
static void fill_disk(const char *parallel) {
  static const char program[] = LM " --keys raw,unit --seeds 42,43";
  char command[1000], options[200], name[100];
  snprintf(name, sizeof name, "full-%s", parallel);
  if (!set_up(name, program)) return;
  snprintf(options, sizeof options, "--configs %s/configs --parallel %s", work, parallel);
  snprintf(command, sizeof command, TEST_BIN "/" LM " --keys raw,unit --seeds 42 %s --out %s/first", options, work);
  ck_assert_msg(ranks_shell(2, command, out, err, TEXT) == 0, "%s", err);
  snprintf(command, sizeof command, "cd %s && rm first && cp -R configs kept", work);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  snprintf(command, sizeof command, "sh -c '" RANKS_FULL_DISK "exec " TEST_BIN "/%s %s --out %s/table'", program,
           options, work);
  const int status = ranks_shell(3, command, out, err, TEXT);
  ck_assert_msg(status == EFLA_EXIT_IO && strstr(err, "-43.h5: cannot write: File too large"), "status %d: %s", status,
                err);
  snprintf(command, sizeof command, "cd %s && diff -r configs kept && ! ls | grep table", work);
  ck_assert_msg(testing_shell(command, out, NULL, TEXT) == 0, "left: %s", out);
  expect_same(3, program, options);
  ck_assert_uint_eq(count_configs(true), 4);
}

START_TEST(full_disk_while_data_are_shared) { fill_disk("data"); }
END_TEST
START_TEST(full_disk_while_configs_are_shared) { fill_disk("configs"); }
END_TEST

/* ---- ranks that do not fit together ---- */

static void expect_refused(const char *command, const char *why) {
  const int status = ranks_shell(1, command, out, err, TEXT);
  ck_assert_msg(status == EFLA_EXIT_USAGE && strstr(err, why), "%s: status %d: %s", command, status, err);
}

START_TEST(other_options) {
  if (!set_up("options", LM)) return;
  expect_refused(TEST_BIN "/" LM " --seed 1 : -n 1 " TEST_BIN "/" LM " --seed 2",
                 "rank 1 has other arguments than rank 0");
  expect_refused(TEST_BIN "/" LM " --parallel configs", "--parallel configs: expected --configs");
  expect_refused(TEST_BIN "/order --quick : -n 1 " TEST_BIN "/order --quick", "runs as one process only");
}
END_TEST

/* The variable names a text for each. */
START_TEST(other_texts) {
  char command[2000];
  if (!set_up("texts", LM)) return;
  snprintf(command, sizeof command,
           "cd %s && mkdir 1 2 && for p in train valid test; do for n in 1 2; do seq $n 3 9000 >$n/$p.txt; done; done",
           work);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  snprintf(command, sizeof command,
           "-x EFLA_CORPUS=%s/1 " TEST_BIN "/" LM " : -n 2 -x EFLA_CORPUS=%s/2 " TEST_BIN "/" LM, work, work);
  expect_refused(command, "rank 1 has other settings or data than rank 0");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {sharing_data,
                                sharing_images,
                                sharing_configs,
                                killed_while_data_are_shared,
                                killed_while_configs_are_shared,
                                full_disk_while_data_are_shared,
                                full_disk_while_configs_are_shared,
                                other_options,
                                other_texts};
  return testing_main("ranks", tests, sizeof tests / sizeof *tests, 300);
}

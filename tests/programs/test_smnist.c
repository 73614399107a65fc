/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/smnist, run as a program: tables, threads, shares, and the files that remain when it is killed. */
#include "files.h"
#include "smnist.h"
#include "testing.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVALUATIONS = 33 };
#define COLUMNS "method,keys,lr,seed,epoch,perturbation,level,images,accuracy,loss,train_seconds"

static const char *mnist;

static void check_run(const char *options, const char *table) {
  int status = smnist_run(SMNIST_SMALL "%s --out %s/%s", options, smnist_work, table);
  ck_assert_msg(status == 0, "%s: status %d, %s", options, status, smnist_err);
}

static efla_csv read_back(const char *name) {
  char path[300];
  efla_csv csv;
  efla_message why;
  snprintf(path, sizeof path, "%s/%s", smnist_work, name);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  return csv;
}

/* Rows first, first + 1, ... of b, as many as a has, are those of a, times excepted, which are the last column. */
static void check_same_rows(const efla_csv *a, const efla_csv *b, size_t first) {
  ck_assert_uint_le(first + a->rows, b->rows);
  for (size_t r = 0; r < a->rows; r++)
    for (size_t c = 0; c < a->columns - 1; c++)
      ck_assert_msg(!strcmp(a->cells[r * a->columns + c], b->cells[(first + r) * b->columns + c]),
                    "row %zu: %s: %s, expected %s", r, a->names[c], b->cells[(first + r) * b->columns + c],
                    a->cells[r * a->columns + c]);
}

static void check_same(const char *expected, const char *found) {
  efla_csv a = read_back(expected), b = read_back(found);
  ck_assert_uint_eq(a.rows, b.rows);
  check_same_rows(&a, &b, 0);
  efla_csv_clear(&a);
  efla_csv_clear(&b);
}

/* Columns, 33 rows for each config and epoch in order, numbers that can be. */
static void check_table(const efla_csv *csv, size_t configs, size_t epochs, const char *origin) {
  char line[64], names[256] = "";
  snprintf(line, sizeof line, "\n# digits: %s\n", origin);
  ck_assert_msg(strstr(csv->header, line) != NULL, "%s", csv->header);
  for (size_t c = 0, n = 0; c < csv->columns; c++)
    n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", c ? "," : "", csv->names[c]);
  ck_assert_str_eq(names, COLUMNS);
  ck_assert_uint_eq(csv->rows, configs * epochs * EVALUATIONS);
  for (size_t r = 0; r < csv->rows; r++) {
    double accuracy = efla_csv_real(csv, r, "accuracy"), images = efla_csv_real(csv, r, "images");
    ck_assert(accuracy >= 0 && accuracy <= 1 && accuracy * images == rint(accuracy * images));
    ck_assert_double_eq(efla_csv_real(csv, r, "epoch"), (double)(r / EVALUATIONS % epochs + 1));
    ck_assert_double_ge(efla_csv_real(csv, r, "train_seconds"), 0);
    ck_assert_int_eq(!strcmp(efla_csv_text(csv, r, "perturbation"), "clean"), r % EVALUATIONS == 0);
  }
}

/* Two configs of two epochs, with one thread and with two: the same tables. */
START_TEST(tables) {
  smnist_work = files_directory("smnist-tables");
  for (int threads = 1; threads <= 2; threads++) {
    char options[700], table[32];
    snprintf(table, sizeof table, "scores-%d", threads);
    snprintf(options, sizeof options,
             "--method exact,euler --epochs 2 --loss-every 2 --losses %s/losses-%d --steps %s/steps-%d --threads %d",
             smnist_work, threads, smnist_work, threads, threads);
    check_run(options, table);
  }
  efla_csv scores = read_back("scores-1"), losses = read_back("losses-1"), steps = read_back("steps-1");
  check_table(&scores, 2, 2, "built-in strokes");
  ck_assert_ptr_nonnull(strstr(losses.header, "# digits: built-in strokes"));
  ck_assert_uint_eq(losses.rows, 2 * 2 * 2); /* steps 2 and 3 of every epoch */
  ck_assert_uint_eq(steps.rows, 2 * 2 * EFLA_ACTIVATIONS_DISTRIBUTIONS);
  check_same("scores-1", "scores-2");
  efla_csv_clear(&scores), efla_csv_clear(&losses), efla_csv_clear(&steps);
  for (int i = 0; i < 2; i++) { /* these have no times */
    char command[700];
    const char *which = i ? "losses" : "steps";
    snprintf(command, sizeof command, "cd %s && grep -v '^#' %s-1 >a; grep -v '^#' %s-2 >b; cmp a b", smnist_work,
             which, which);
    ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  }
  smnist_check_no_parts(smnist_work, 0);
}
END_TEST

/* Two shares of three configs, then all that is finished: as without shares. */
START_TEST(shares) {
  smnist_work = files_directory("smnist-shares");
  const char *const configs = "--method exact,euler,rk4";
  char options[700];
  check_run(configs, "whole");
  for (int i = 1; i <= 3; i++) {
    char table[32];
    snprintf(table, sizeof table, "share-%d", i);
    snprintf(options, sizeof options, "%s --configs %s/configs %s", configs, smnist_work,
             i == 1   ? "--shard 1/2"
             : i == 2 ? "--shard 2/2"
                      : "--finished");
    check_run(options, table);
  }
  check_same("whole", "share-3");
  efla_csv whole = read_back("whole"), first = read_back("share-1"), second = read_back("share-2");
  ck_assert(first.rows == 2 * EVALUATIONS && second.rows == EVALUATIONS);
  check_same_rows(&second, &whole, EVALUATIONS);
  efla_csv_clear(&whole), efla_csv_clear(&first), efla_csv_clear(&second);
  smnist_check_no_parts(smnist_work, 1);
}
END_TEST

/* Starts a longer run in the background and kills it with a signal that nobody can catch, soon after its first
 * checkpoint. */
static void start_and_kill(const char *command, const char *checkpoint) {
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    ck_assert(freopen("/dev/null", "w", stderr) && freopen("/dev/null", "w", stdout));
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
  }
  int status = 0;
  for (int i = 0; i < 60000 && access(checkpoint, F_OK) != 0 && waitpid(child, &status, WNOHANG) == 0; i++)
    usleep(1000);
  ck_assert_int_eq(kill(child, SIGKILL), 0);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s ended before it was killed", command);
}

/* Killed three times, and run again to its end: the table of one that was never stopped.  What part files were left are
 * gone then. */
START_TEST(killed) {
  smnist_work = files_directory("smnist-killed");
  static const char options[] = "--method euler,exact --batch 4 --save-every 3 --epochs 3";
  char command[700], checkpoint[400], kept[400];
  check_run(options, "whole");
  snprintf(kept, sizeof kept, "%s --configs %s/configs", options, smnist_work);
  snprintf(command, sizeof command, "exec " TEST_BIN "/smnist " SMNIST_SMALL "%s --out %s/table", kept, smnist_work);
  for (int i = 0; i < 3; i++) {
    snprintf(checkpoint, sizeof checkpoint, "%s/configs/%s-raw-0.003-42.h5", smnist_work, i < 2 ? "euler" : "exact");
    start_and_kill(command, checkpoint);
  }
  snprintf(command, sizeof command, "%s --finished", kept);
  check_run(command, "unfinished");
  efla_csv csv = read_back("unfinished");
  ck_assert_uint_eq(csv.rows, 3 * EVALUATIONS); /* the first config */
  efla_csv_clear(&csv);
  check_run(kept, "table");
  check_same("whole", "table");
  check_run(command, "finished");
  check_same("whole", "finished");
  smnist_check_no_parts(smnist_work, 1);
}
END_TEST

/* Two files a config, which diagnose reads: unit keys have lambda = 1, and beta*lambda below 1 is safe for every
 * method. */
START_TEST(tensors) {
  smnist_work = files_directory("smnist-tensors");
  char options[400], command[700];
  snprintf(options, sizeof options, "--keys unit --tensors %s/made/", smnist_work);
  check_run(options, "table");
  for (int after = 0; after < 2; after++) {
    snprintf(command, sizeof command,
             TEST_BIN "/diagnose --input %s/made/exact-unit-0.003-42-%s.h5 --tokens 64 --threads 1", smnist_work,
             after ? "after" : "before");
    int status = testing_shell(command, smnist_out, smnist_err, SMNIST_TEXT);
    ck_assert_msg(status == 0, "%s: %s", command, smnist_err);
    ck_assert_msg(strstr(smnist_out, "safe") != NULL, "%s", smnist_out);
  }
  smnist_check_no_parts(smnist_work, 1);
}
END_TEST

/* Where EFLA_MNIST names the real files. */
START_TEST(real_digits) {
  smnist_work = files_directory("smnist-real");
  if (!mnist) {
    testing_skip("real_digits", "EFLA_MNIST names no directory");
    return;
  }
  char command[700];
  for (int named = 0; named < 2; named++) { /* by the option, by the variable */
    snprintf(command, sizeof command, "%s%s " TEST_BIN "/smnist --quick --threads 1 --width 16 %s%s --out %s/%s",
             named ? "" : "EFLA_MNIST=", named ? "" : mnist, named ? "--mnist " : "", named ? mnist : "", smnist_work,
             named ? "named" : "variable");
    int status = testing_shell(command, smnist_out, smnist_err, SMNIST_TEXT);
    ck_assert_msg(status == 0, "%s: %s", command, smnist_err);
  }
  efla_csv csv = read_back("named");
  check_table(&csv, 1, 1, "mnist");
  ck_assert_ptr_nonnull(strstr(csv.header, "\n# train-images: 640\n"));
  ck_assert_str_eq(efla_csv_text(&csv, 0, "images"), "200");
  ck_assert_double_gt(efla_csv_real(&csv, 0, "accuracy"), 0);
  efla_csv_clear(&csv);
  check_same("variable", "named");
}
END_TEST

int main(void) {
  const char *where = getenv("EFLA_MNIST");
  mnist = where && *where ? strdup(where) : NULL;
  unsetenv("EFLA_MNIST");
  const TTest *const tests[] = {tables, shares, killed, tensors, real_digits};
  return testing_main("smnist", tests, sizeof tests / sizeof *tests, 120);
}

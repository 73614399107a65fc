/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs as their users meet them: every program in TEST_BIN, whatever it computes. */
#include "files.h"
#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT = 1 << 16 };

static char out[TEXT], err[TEXT]; /* of the last run() */
static const char *work;

/* Runs "TEST_BIN/name arguments" through the shell; returns the exit status. */
static int run(const char *name, const char *arguments, ...) __attribute__((format(printf, 2, 3)));
static int run(const char *name, const char *arguments, ...) {
  char *text, *command;
  va_list values;
  va_start(values, arguments);
  ck_assert_int_ge(vasprintf(&text, arguments, values), 0);
  va_end(values);
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/%s %s", name, text), 0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  free(text);
  return status;
}

/* A program that answers about the user's files has no run of its own, quick or not. */
static bool is_experiment(const char *name) {
  ck_assert_int_eq(run(name, "--help"), 0);
  return strstr(out, "--quick") != NULL;
}

static void check_each(void (*check)(const char *name), bool experiments_only) {
  struct dirent **entries;
  int n = scandir(TEST_BIN, &entries, NULL, alphasort), programs = 0;
  ck_assert_int_gt(n, 0);
  work = files_directory("programs");
  for (int i = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    if (*name == '.') continue;
    if (experiments_only && !is_experiment(name)) continue;
    programs++;
    check(name);
  }
  for (int i = 0; i < n; i++) free(entries[i]);
  free(entries);
  ck_assert_int_gt(programs, 0);
}

static void each_program(void (*check)(const char *name)) { check_each(check, false); }
static void each_experiment(void (*check)(const char *name)) { check_each(check, true); }

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static char *path_of(const char *name, const char *what) {
  char *path;
  ck_assert_int_ge(asprintf(&path, "%s/%s%s", work, name, what), 0);
  return path;
}

static efla_csv read_table(const char *path) {
  efla_csv csv;
  efla_message why = {{0}};
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_msg(csv.rows > 0, "%s: no rows", path);
  return csv;
}

/* A table whose numbers are times: no two runs have the same. */
static bool is_benchmark(const efla_csv *csv) { return efla_csv_column(csv, "of_gemm") < csv->columns; }

/* A column of times: no two runs have the same. */
static bool is_time(const char *column) { return !strcmp(column, "seconds") || !strcmp(column, "train_seconds"); }

/* The same columns and rows, times excepted. */
static bool same_rows(const efla_csv *a, const efla_csv *b) {
  bool same = a->columns == b->columns && a->rows == b->rows;
  for (size_t c = 0; same && c < a->columns; c++) {
    same = !strcmp(a->names[c], b->names[c]);
    for (size_t r = 0; same && r < a->rows && !is_time(a->names[c]); r++)
      same = !strcmp(a->cells[r * a->columns + c], b->cells[r * b->columns + c]);
  }
  return same;
}

/* The value of "# key: value" in a table's header, up to the end of its line; ends the test where there is none. */
static char *header_value(const char *header, const char *key) {
  char line[128];
  snprintf(line, sizeof line, "\n# %s: ", key);
  const char *found = strncmp(header, line + 1, strlen(line + 1)) ? strstr(header, line) : header - 1;
  ck_assert_msg(found != NULL, "no line '# %s: ' in the header", key);
  found += strlen(line);
  return strndup(found, strcspn(found, "\n"));
}

static void check_header(const char *name, const efla_csv *csv, const char *path) {
  static const char *const keys[] = {"program",  "command", "quick", "seed", "threads", "out", "version", "commit",
                                     "compiler", "flags",   "cpu",   "blas", "gsl",     "arb", "date"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    char *value = header_value(csv->header, keys[i]);
    ck_assert_msg(*value, "%s: header: %s has no value", name, keys[i]);
    if (!strcmp(keys[i], "program")) ck_assert_str_eq(value, name);
    if (!strcmp(keys[i], "out")) ck_assert_str_eq(value, path);
    if (!strcmp(keys[i], "quick")) ck_assert_str_eq(value, "yes");
    if (!strcmp(keys[i], "threads")) ck_assert_str_eq(value, "1");
    if (!strcmp(keys[i], "command")) ck_assert(!strncmp(value, name, strlen(name)) && strstr(value, path));
    free(value);
  }
}

/* Any run of blanks becomes one, so that a text can be found wherever its lines were broken. */
static void squeeze(char *text) {
  char *to = text;
  for (char *from = text; *from; from++)
    if (!strchr(" \n", *from))
      *to++ = *from;
    else if (to > text && to[-1] != ' ')
      *to++ = ' ';
  *to = 0;
}

/* Help says of every option in the header of a run with --quick alone that this was its default. */
static void check_help(const char *name, const efla_csv *defaults) {
  static const char *const common[] = {"--help", "--version", "--quick", "--seed=N", "--threads=N", "--out=FILE"};
  ck_assert_int_eq(run(name, "--help"), 0);
  ck_assert_str_eq(err, "");
  squeeze(out);
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    ck_assert_msg(strstr(out, common[i]) != NULL, "%s --help lacks %s", name, common[i]);
  const char *line = strstr(defaults->header, "# quick: "), *last = strstr(defaults->header, "\n# out: ");
  ck_assert_msg(line && last, "%s: no options in the header", name);
  while ((line = strchr(line, '\n')) <= last) { /* a remark may follow */
    char key[64], value[1024] = "", normal[1100], quick[1100];
    line++;
    ck_assert_int_ge(sscanf(line, "# %63[^:]:%*1[ ]%1023[^\n]", key, value), 1);
    if (strchr(key, ' ')) continue; /* "methods table": no option */
    snprintf(normal, sizeof normal, "--%s=", key);
    char *about = strstr(out, normal);
    snprintf(quick, sizeof quick, " --%s ", key);
    if (!about && !strcmp(value, "no") && strstr(out, quick)) continue; /* a flag */
    ck_assert_msg(about != NULL, "%s --help lacks %s", name, normal);
    const char *next = strstr(about + 2, " --");
    size_t length = next ? (size_t)(next + 1 - about) : strlen(about);
    snprintf(normal, sizeof normal, "; default %s ", value);
    snprintf(quick, sizeof quick, ", quick %s ", value);
    const char *wanted = memmem(about, length, ", quick ", 8) ? quick : normal;
    bool told = memmem(about, length, wanted, strlen(wanted)) != NULL;
    ck_assert_msg(!*value || told, "%s --help: %.*s: no default %s", name, (int)length, about, value);
  }
}

static void check_runs(const char *name) {
  char *first = path_of(name, "-1.csv"), *part = path_of(name, "-1.csv.part"), *second = path_of(name, "-2.csv");
  ck_assert_msg(run(name, "--quick --threads 1 --out %s", first) == 0, "%s: %s", name, err);
  ck_assert_str_eq(out, "");
  ck_assert_msg(!strpbrk(err, "\r\033"), "%s: progress, and nobody is there to see it", name);
  ck_assert(exists(first) && !exists(part));
  efla_csv csv = read_table(first);
  check_header(name, &csv, first);

  ck_assert_int_eq(run(name, "--quick >%s", second), 0);
  efla_csv other = read_table(second);
  ck_assert_msg(is_benchmark(&csv) || same_rows(&csv, &other), "%s: other rows on standard output", name);
  check_help(name, &other);
  efla_csv_clear(&other);

  ck_assert_int_eq(run(name, "--threads 2 --quick --out %s", second), 0);
  other = read_table(second);
  ck_assert_msg(is_benchmark(&csv) || same_rows(&csv, &other), "%s: other rows with two threads", name);
  efla_csv_clear(&other);

  ck_assert_int_eq(run(name, "--seed 2 --quick --out=%s", second), 0);
  other = read_table(second);
  ck_assert_msg(!same_rows(&csv, &other), "%s: the seed changes nothing", name);
  efla_csv_clear(&other);
  efla_csv_clear(&csv);
  free(first);
  free(part);
  free(second);
}
START_TEST(quick_runs) { each_experiment(check_runs); }
END_TEST

static void check_version(const char *name) {
  size_t length = strlen(name);
  ck_assert_int_eq(run(name, "--version"), 0);
  ck_assert_str_eq(err, "");
  ck_assert_msg(!strncmp(out, name, length) && out[length] == ' ' && strchr("0123456789", out[length + 1]) &&
                    out[strlen(out) - 1] == '\n',
                "%s --version: %s", name, out);
}
START_TEST(version) { each_program(check_version); }
END_TEST

/* A wrong command line: status 2, a sentence that says which word was wrong, no table. */
static void check_usage(const char *name) {
  static const struct {
    const char *arguments, *word;
  } wrong[] = {{"--no-such-option", "no-such-option"},
               {"--seed x", "'x'"},
               {"--seed -1", "'-1'"},
               {"--seed 1e99", "'1e99'"},
               {"--seed 1.5", "'1.5'"},
               {"--seed ''", "''"},
               {"--seed nan", "'nan'"},
               {"--seed 1,2", "'1,2'"},
               {"--seed 4294967296", "'4294967296'"},
               {"--seed", "seed"},
               {"--threads 0", "'0'"},
               {"--threads -2", "'-2'"},
               {"--threads 1e9", "'1e9'"},
               {"--threads two", "'two'"},
               {"--out", "out"},
               {"stray", "'stray'"},
               {"--quick=yes", "quick"},
               {"--truth unknown", "'unknown'"},
               {"--methods euler,unknown", "'unknown'"}};
  ck_assert_int_eq(run(name, "--help"), 0);
  bool truth = strstr(out, "--truth=") != NULL, methods = strstr(out, "--methods=") != NULL;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (strstr(wrong[i].arguments, "--truth") && !truth) continue;
    if (strstr(wrong[i].arguments, "--methods") && !methods) continue;
    int status = run(name, "--quick %s", wrong[i].arguments);
    ck_assert_msg(status == 2, "%s %s: status %d", name, wrong[i].arguments, status);
    ck_assert_msg(strstr(err, wrong[i].word) != NULL, "%s %s: %s", name, wrong[i].arguments, err);
    ck_assert_msg(!*out, "%s %s: output", name, wrong[i].arguments);
  }
}
START_TEST(wrong_command_lines) { each_experiment(check_usage); }
END_TEST

/* Where the table cannot go: status 3 and a sentence that names the place. */
static void check_output(const char *name) {
  char *missing = path_of("missing/", name), *directory = path_of("directory-", name);
  mkdir(directory, 0777);
  ck_assert_int_eq(run(name, "--quick --out %s", missing), 3);
  ck_assert_msg(strstr(err, missing) != NULL, "%s", err);
  ck_assert_int_eq(run(name, "--quick --out %s", directory), 3);
  ck_assert_msg(strstr(err, directory) != NULL, "%s", err);
  ck_assert_int_eq(rmdir(directory), 0); /* still a directory, and empty */
  ck_assert_int_eq(run(name, "--quick --out ''"), 3);
  ck_assert_msg(strstr(err, "--out") != NULL, "%s", err);
  struct stat full;
  ck_assert_int_eq(run(name, "--quick --out /dev/full"), 3);
  ck_assert_msg(strstr(err, "/dev/full: cannot write: No space") != NULL, "%s", err);
  ck_assert(stat("/dev/full", &full) == 0 && S_ISCHR(full.st_mode) && !exists("/dev/full.part"));
  ck_assert_int_eq(run(name, "--help >/dev/full"), 3);
  free(missing);
  free(directory);
}
START_TEST(output_that_cannot_be_written) { each_experiment(check_output); }
END_TEST

/* Starts the long run, waits until it writes, sends the signal; returns how the program ended. */
static int interrupt(const char *name, const char *path, const char *part, int signal_number) {
  char *program;
  ck_assert_int_ge(asprintf(&program, TEST_BIN "/%s", name), 0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    int nowhere = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) dup2(nowhere, i);
    signal(signal_number, SIG_DFL);
    execl(program, program, "--out", path, NULL);
    _exit(127);
  }
  int status;
  for (int i = 0; i < 10000 && !exists(part) && waitpid(child, &status, WNOHANG) == 0; i++) usleep(1000);
  ck_assert_msg(exists(part), "%s never wrote %s", name, part);
  kill(child, signal_number);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  free(program);
  return status;
}

/* Nothing is left of an interrupted run, an older table stays, and the shell sees the signal. */
static void check_signals(const char *name) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  char *path = path_of(name, "-cut.csv"), *part = path_of(name, "-cut.csv.part");
  for (int older = 0; older < 2; older++)
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
      if (older) files_write(path, "older", 5);
      int status = interrupt(name, path, part, signals[i]);
      ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "%s: signal %d: status %d", name, signals[i],
                    status);
      struct stat file;
      ck_assert_msg(!exists(part), "%s: signal %d left %s", name, signals[i], part);
      ck_assert_int_eq(exists(path), older);
      if (older) ck_assert(stat(path, &file) == 0 && file.st_size == 5);
    }
  free(path);
  free(part);
}
START_TEST(signals_leave_nothing_half_done) { each_experiment(check_signals); }
END_TEST

/* Real input that is missing, damaged or not named; a program without families takes its own digits where it is not
 * named. */
static void check_mnist(const char *name) {
  ck_assert_int_eq(run(name, "--help"), 0);
  if (!strstr(out, "--mnist=")) return;
  const char *family = strstr(out, "--family=") ? "--family mnist" : "";
  char *damaged = path_of("train-images-idx3-ubyte", "");
  ck_assert_int_eq(run(name, "--quick %s --mnist no/such/directory >/dev/null", family), 3);
  ck_assert_msg(strstr(err, "no/such/directory") != NULL, "%s", err);
  files_write(damaged, "\0\0\x08\x03", 4);
  ck_assert_int_eq(run(name, "--quick %s --mnist %s >/dev/null", family, work), 3);
  ck_assert_msg(strstr(err, damaged) && strstr(err, "offset 4"), "%s", err);
  ck_assert_int_eq(run(name, "--quick %s >/dev/null", family), *family ? 3 : 0);
  ck_assert_msg(!*family || (strstr(err, "--mnist") && strstr(err, "EFLA_MNIST")), "%s", err);
  free(damaged);
}
START_TEST(mnist_that_is_not_there) { each_experiment(check_mnist); }
END_TEST

/* What is checked here holds for the inputs that every program has. */
int main(void) {
  unsetenv("EFLA_MNIST");
  const TTest *const tests[] = {quick_runs,
                                version,
                                wrong_command_lines,
                                output_that_cannot_be_written,
                                signals_leave_nothing_half_done,
                                mnist_that_is_not_there};
  return testing_main("programs", tests, sizeof tests / sizeof *tests, 300);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all programs have in common, checked on every program in TEST_BIN: help, tables, threads, exit status. */
#include "files.h"
#include "programs.h"
#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

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
  const bool draws = program_draws(name);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (!strcmp(keys[i], "seed") && !draws) continue;
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
  const bool draws = program_draws(name); /* by its help, which stays in program_out */
  ck_assert_str_eq(program_err, "");
  squeeze(program_out);
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    ck_assert_msg((!draws && !strcmp(common[i], "--seed=N")) || strstr(program_out, common[i]) != NULL,
                  "%s --help lacks %s", name, common[i]);
  const char *line = strstr(defaults->header, "# quick: "), *last = strstr(defaults->header, "\n# out: ");
  ck_assert_msg(line && last, "%s: no options in the header", name);
  while ((line = strchr(line, '\n')) <= last) { /* a remark may follow */
    char key[64], value[1024] = "", normal[1100], quick[1100];
    line++;
    ck_assert_int_ge(sscanf(line, "# %63[^:]:%*1[ ]%1023[^\n]", key, value), 1);
    if (strchr(key, ' ')) continue; /* "methods table": no option */
    snprintf(normal, sizeof normal, "--%s=", key);
    char *about = strstr(program_out, normal);
    snprintf(quick, sizeof quick, " --%s ", key);
    if (!about && !strcmp(value, "no") && strstr(program_out, quick)) continue; /* a flag */
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
  char *first = program_path(name, "-1.csv"), *part = program_path(name, "-1.csv.part"),
       *second = program_path(name, "-2.csv");
  ck_assert_msg(program_run(name, "--quick --threads 1 --out %s", first) == 0, "%s: %s", name, program_err);
  ck_assert_str_eq(program_out, "");
  ck_assert_msg(!strpbrk(program_err, "\r\033"), "%s: progress, and nobody is there to see it", name);
  ck_assert(program_exists(first) && !program_exists(part));
  efla_csv csv = read_table(first);
  check_header(name, &csv, first);

  ck_assert_int_eq(program_run(name, "--quick >%s", second), 0);
  efla_csv other = read_table(second);
  ck_assert_msg(is_benchmark(&csv) || same_rows(&csv, &other), "%s: other rows on standard output", name);
  check_help(name, &other);
  efla_csv_clear(&other);

  ck_assert_int_eq(program_run(name, "--threads 2 --quick --out %s", second), 0);
  other = read_table(second);
  ck_assert_msg(is_benchmark(&csv) || same_rows(&csv, &other), "%s: other rows with two threads", name);
  efla_csv_clear(&other);

  if (program_draws(name)) {
    ck_assert_int_eq(program_run(name, "--seed 2 --quick --out=%s", second), 0);
    other = read_table(second);
    ck_assert_msg(!same_rows(&csv, &other), "%s: the seed changes nothing", name);
    efla_csv_clear(&other);
  }
  efla_csv_clear(&csv);
  free(first);
  free(part);
  free(second);
}
START_TEST(quick_runs) { program_each_experiment(check_runs); }
END_TEST

static void check_version(const char *name) {
  size_t length = strlen(name);
  ck_assert_int_eq(program_run(name, "--version"), 0);
  ck_assert_str_eq(program_err, "");
  ck_assert_msg(!strncmp(program_out, name, length) && program_out[length] == ' ' &&
                    strchr("0123456789", program_out[length + 1]) && program_out[strlen(program_out) - 1] == '\n',
                "%s --version: %s", name, program_out);
}
START_TEST(version) { program_each(check_version); }
END_TEST

/* A wrong command line: status 2, a sentence that says which word was wrong, no table. */
static int with_truth, with_methods; /* programs that have these options */
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
  ck_assert_int_eq(program_run(name, "--help"), 0);
  bool truth = strstr(program_out, "--truth=") != NULL, methods = strstr(program_out, "--methods=") != NULL,
       draws = strstr(program_out, "--seed=") != NULL;
  with_truth += truth, with_methods += methods;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (strstr(wrong[i].arguments, "--truth") && !truth) continue;
    if (strstr(wrong[i].arguments, "--methods") && !methods) continue;
    if (strstr(wrong[i].arguments, "--seed") && !draws) continue;
    int status = program_run(name, "--quick %s", wrong[i].arguments);
    ck_assert_msg(status == 2, "%s %s: status %d", name, wrong[i].arguments, status);
    ck_assert_msg(strstr(program_err, wrong[i].word) != NULL, "%s %s: %s", name, wrong[i].arguments, program_err);
    ck_assert_msg(!*program_out, "%s %s: output", name, wrong[i].arguments);
  }
}
START_TEST(wrong_command_lines) {
  program_each_experiment(check_usage);
  ck_assert(with_truth > 0 && with_methods > 0);
}
END_TEST

/* Where the table cannot go: status 3 and a sentence that names the place. */
static void check_output(const char *name) {
  char *missing = program_path("missing/", name), *directory = program_path("directory-", name);
  mkdir(directory, 0777);
  ck_assert_int_eq(program_run(name, "--quick --out %s", missing), 3);
  ck_assert_msg(strstr(program_err, missing) != NULL, "%s", program_err);
  ck_assert_int_eq(program_run(name, "--quick --out %s", directory), 3);
  ck_assert_msg(strstr(program_err, directory) != NULL, "%s", program_err);
  ck_assert_int_eq(rmdir(directory), 0); /* still a directory, and empty */
  ck_assert_int_eq(program_run(name, "--quick --out ''"), 3);
  ck_assert_msg(strstr(program_err, "--out") != NULL, "%s", program_err);
  struct stat full;
  ck_assert_int_eq(program_run(name, "--quick --out /dev/full"), 3);
  ck_assert_msg(strstr(program_err, "/dev/full: cannot write: No space") != NULL, "%s", program_err);
  ck_assert(stat("/dev/full", &full) == 0 && S_ISCHR(full.st_mode) && !program_exists("/dev/full.part"));
  ck_assert_int_eq(program_run(name, "--help >/dev/full"), 3);
  free(missing);
  free(directory);
}
START_TEST(output_that_cannot_be_written) { program_each_experiment(check_output); }
END_TEST

/* Real input that is missing, damaged or not named; a program without families takes its own digits where it is not
 * named. */
static int readers_of_mnist;
static void check_mnist(const char *name) {
  ck_assert_int_eq(program_run(name, "--help"), 0);
  if (!strstr(program_out, "--mnist=")) return;
  readers_of_mnist++;
  const char *family = strstr(program_out, "--family=") ? "--family mnist" : "";
  char *damaged = program_path("train-images-idx3-ubyte", "");
  ck_assert_int_eq(program_run(name, "--quick %s --mnist no/such/directory >/dev/null", family), 3);
  ck_assert_msg(strstr(program_err, "no/such/directory") != NULL, "%s", program_err);
  files_write(damaged, "\0\0\x08\x03", 4);
  ck_assert_int_eq(program_run(name, "--quick %s --mnist %s >/dev/null", family, program_work), 3);
  ck_assert_msg(strstr(program_err, damaged) && strstr(program_err, "offset 4"), "%s", program_err);
  ck_assert_int_eq(program_run(name, "--quick %s >/dev/null", family), *family ? 3 : 0);
  ck_assert_msg(!*family || (strstr(program_err, "--mnist") && strstr(program_err, "EFLA_MNIST")), "%s", program_err);
  free(damaged);
}
START_TEST(mnist_that_is_not_there) {
  program_each_experiment(check_mnist);
  ck_assert_int_eq(readers_of_mnist, 3); /* accumulation, noise, smnist */
}
END_TEST

/* What is checked here holds for the inputs that every program has. */
int main(void) {
  unsetenv("EFLA_MNIST");
  const TTest *const tests[] = {quick_runs, version, wrong_command_lines, output_that_cannot_be_written,
                                mnist_that_is_not_there};
  return testing_main("programs", tests, sizeof tests / sizeof *tests, 600);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every option of every program against values that it cannot have.  The allowed values are read from the program's
 * --help. */
#include "testing.h"

#include <dirent.h>

enum { TEXT = 1 << 16, MOST_VALUES = 10 };

static char help[TEXT], out[TEXT], err[TEXT];

/* What must be refused, by what --help calls the value and what its line says; more than one row may apply. */
static const struct row {
  const char *argument, *line; /* line: NULL, or words of the help */
  const char *values[MOST_VALUES];
} rows[] = {
    {"N", NULL, {"1.5", "-1", "nan", "inf", "1e300", "1e999", "''", "x", "1,2"}},
    {"X", NULL, {"nan", "inf", "-inf", "1e999", "''", "x", "1,2"}},
    {"B", NULL, {"nan", "inf", "-inf", "1e999", "''", "x", "1,2"}},
    {"R", NULL, {"nan", "inf", "-inf", "1e999", "''", "x", "1,2"}},
    {"F", NULL, {"nan", "inf", "-inf", "1e999", "''", "x", "1,2", "-0.1", "1.1"}},
    {"S", NULL, {"nan", "inf", "-inf", "1e999", "''", "x", "1,2", "-1"}},
    {"NAME", NULL, {"no-such", "''", "all", "1"}},
    {"LIST", NULL, {"nan", "inf", "-1e300", "1e999", "''", "no-such", ","}},
    {"LIST", "(comma-separated whole numbers)", {"1.5", "-1", "1e300"}},
    {"KIND", NULL, {"no-such", "''", "ulps=nan"}},
    {"I/N", NULL, {"no-such", "''", "1.5/2", "0/1", "2/1"}},
    {"FILE", NULL, {NULL}}, /* any name may be one of a file */
    {"DIR", NULL, {NULL}},
    {"TEXT", NULL, {NULL}}, /* any text may be continued */
};

/* One line of --help: "  --family=LIST   text". */
typedef struct option {
  char name[64], argument[16], first[64]; /* first: the default's first entry */
  const char *line;
} option;

static bool read_line(const char *line, option *o) {
  const char *dashes = strstr(line, "--"), *standard = strstr(line, "; default ");
  *o = (option){.line = line};
  if (!dashes || sscanf(dashes, "--%63[a-z0-9-]=%15s", o->name, o->argument) != 2) return false;
  if (standard) sscanf(standard, "; default %63[^,; ]", o->first);
  return true;
}

/* Runs the program with this option, and with files where it needs some; status 2, the option's name and the word,
 * nothing else. */
static void check_refused(const char *program, const char *name, const char *value, const char *word) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/%s%s%s --%s=%s", program,
                            strstr(help, "--input=") ? " --input none" : "",
                            strstr(help, "--output=") ? " --output none.out" : "", name, value),
                   0);
  int status = testing_shell(command, out, err, TEXT);
  ck_assert_msg(status == EFLA_EXIT_USAGE, "%s: status %d, %s", command, status, err);
  ck_assert_msg(strstr(err, word) != NULL, "%s: '%s' does not say %s", command, err, word);
  ck_assert_msg(!*out, "%s: output", command);
  free(command);
}

static void check_option(const char *program, const option *o) {
  char word[160], value[160];
  size_t known = 0;
  snprintf(word, sizeof word, "--%s: '", o->name);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    if (strcmp(rows[r].argument, o->argument) != 0) continue;
    known++;
    if (rows[r].line && !strstr(o->line, rows[r].line)) continue;
    for (size_t v = 0; v < MOST_VALUES && rows[r].values[v]; v++)
      check_refused(program, o->name, rows[r].values[v], word);
  }
  ck_assert_msg(known > 0, "%s --%s=%s: add what such a value cannot be", program, o->name, o->argument);
  if (strcmp(o->argument, "LIST") != 0) return;
  ck_assert_msg(*o->first, "%s --%s has no default", program, o->name);
  const char *names = strstr(o->line, "; one of ");
  char entry[64] = "";
  if (names) sscanf(names, "; one of %63[^,;\n]", entry);
  snprintf(value, sizeof value, "%s,%s", names ? entry : o->first, names ? entry : o->first);
  snprintf(word, sizeof word, "--%s: '%s' is there twice", o->name, names ? entry : o->first);
  check_refused(program, o->name, value, word);
}

/* One name of a singular and its plural is the documented one, both are the same option. */
static void check_other_number(const char *program, const option *o) {
  if (strcmp(o->argument, "LIST") != 0 && strcmp(o->argument, "NAME") != 0) return;
  char other[80], shown[90], word[160];
  size_t length = strlen(o->name);
  if (!strcmp(o->name, "family"))
    snprintf(other, sizeof other, "families");
  else if (o->name[length - 1] == 's')
    snprintf(other, sizeof other, "%.*s", (int)length - 1, o->name);
  else
    snprintf(other, sizeof other, "%ss", o->name);
  snprintf(shown, sizeof shown, "--%s=", other);
  if (strstr(help, shown)) return; /* an option of its own, as --seed beside --seeds */
  snprintf(word, sizeof word, "--%s: 'no-such'", o->name);
  check_refused(program, other, "no-such", word);
}

/* Calls check for every option of every program. */
static void each_option(void (*check)(const char *program, const option *o)) {
  struct dirent **entries;
  int n = scandir(TEST_BIN, &entries, NULL, alphasort), programs = 0, options = 0;
  for (int i = 0; i < n; i++) {
    const char *program = entries[i]->d_name;
    char command[600];
    option o;
    if (*program == '.') continue;
    snprintf(command, sizeof command, "ARGP_HELP_FMT=rmargin=10000 " TEST_BIN "/%s --help", program);
    ck_assert_int_eq(testing_shell(command, help, NULL, TEXT), 0);
    programs++;
    char *lines = strdup(help), *rest = lines;
    for (char *line; (line = strsep(&rest, "\n"));)
      if (read_line(line, &o)) options++, check(program, &o);
    free(lines);
  }
  for (int i = 0; i < n; i++) free(entries[i]);
  free(entries);
  ck_assert(programs > 10 && options > 5 * programs);
}

START_TEST(values_that_no_option_takes) { each_option(check_option); }
END_TEST

START_TEST(singular_and_plural) { each_option(check_other_number); }
END_TEST

/* Options of which each is well, but not together. */
START_TEST(together) {
  static const struct {
    const char *program, *options, *words;
  } wrong[] = {{"reference", "--smallest=10 --largest=1", "no x is in that range"},
               {"effects", "--input none --method=euler", "both euler"},
               {"effects", "--input none --lr=1e-3", "both 0.001"},
               {"smnist", "--shard=2/2 --configs=none", "'2/2' has no config"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char command[300];
    snprintf(command, sizeof command, TEST_BIN "/%s %s", wrong[i].program, wrong[i].options);
    int status = testing_shell(command, out, err, TEXT);
    ck_assert_msg(status == EFLA_EXIT_USAGE && strstr(err, wrong[i].words) && !*out, "%s: status %d, %s", command,
                  status, err);
  }
}
END_TEST

typedef struct one_number {
  double a;
} one_number;
static const efla_column columns[] = {EFLA_COLUMN(one_number, a, "", "a number"), EFLA_COLUMNS_END(one_number)};
static const efla_option none[] = {{.name = NULL}};
static efla_status run_nothing(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli, (void)table, (void)why;
  return EFLA_OK;
}

/* A table without a row is no result, whatever the reason. */
START_TEST(a_run_without_rows) {
  static const efla_program program = {
      .name = "empty", .summary = "s", .description = "d", .options = none, .columns = columns, .run = run_nothing};
  char name[] = "empty", quick[] = "--quick", to[] = "--out=" TEST_WORK "/empty.csv",
       *words[] = {name, quick, to, NULL};
  setenv("OPENBLAS_CORETYPE", "Haswell", 0); /* or this test might be started anew for better kernels */
  remove(TEST_WORK "/empty.csv");
  ck_assert_int_eq(efla_program_main(&program, 3, words), EFLA_EXIT_USAGE);
  ck_assert_ptr_null(fopen(TEST_WORK "/empty.csv", "r"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {values_that_no_option_takes, singular_and_plural, together, a_run_without_rows};
  return testing_main("options", tests, sizeof tests / sizeof *tests, 300);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: what is read, what is refused, and that reading it never ends the program. */
#include "testing.h"

#include <fcntl.h>
#include <unistd.h>

static size_t tokens, method;
static double norm;
static const char *note;
static efla_list lengths, methods, counts;

static const efla_option options[] = {
    {"tokens", "N", "100", "7", "count", EFLA_COUNT, &tokens, 1, 1000, NULL},
    {"norm", "X", "0.1", NULL, "real", EFLA_REAL, &norm, 0, 0, NULL},
    {"note", "TEXT", NULL, NULL, "text", EFLA_TEXT, &note, 0, 0, NULL},
    {"method", "NAME", "exact", NULL, "name", EFLA_NAME, &method, 0, 0, efla_method_name},
    {"lengths", "LIST", "1,2.5", "3", "reals", EFLA_REALS, &lengths, 0, 100, NULL},
    {"counts", "LIST", "1,2", NULL, "whole numbers", EFLA_COUNTS, &counts, 0, 100, NULL},
    {"methods", "LIST", "all", NULL, "names", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {.name = NULL},
};
typedef struct one_number {
  double a;
} one_number;
static const efla_column columns[] = {EFLA_COLUMN(one_number, a, "", "a number"), EFLA_COLUMNS_END(one_number)};
static const efla_program program = {
    .name = "trial", .summary = "summary", .description = "text", .options = options, .columns = columns};

/* One that answers about a file, and has no table. */
static const char *input;
static const efla_option file_options[] = {{"input", "FILE", NULL, NULL, "file", EFLA_NEEDED, &input, 0, 0, NULL},
                                           {.name = NULL}};
static const efla_program answering = {
    .name = "answer", .summary = "summary", .description = "text", .options = file_options, .reports = true};

static const efla_program *tried = &program;

enum { WORDS = 64 };

/* Reads "trial WORDS", cut at blanks, with both outputs on /dev/null; `line` must outlive cli. */
static bool read_line(efla_cli *cli, char *line, int *code) {
  char *words[WORDS] = {"bin/trial"};
  int n = 1, kept[2], nowhere = open("/dev/null", O_WRONLY);
  for (char *word; (word = strsep(&line, " "));) {
    ck_assert_int_lt(n, WORDS - 1);
    words[n++] = word;
  }
  fflush(stdout);
  for (int i = 0; i < 2; i++) kept[i] = dup(i + 1), dup2(nowhere, i + 1);
  bool run = efla_cli_read(cli, tried, n, words, code);
  for (int i = 0; i < 2; i++) dup2(kept[i], i + 1), close(kept[i]);
  close(nowhere);
  return run;
}

static void check_refused(const char *text, int expected) {
  efla_cli cli;
  char *line = strdup(text);
  int code = -1;
  memset(&cli, 0x5a, sizeof cli);
  ck_assert_msg(!read_line(&cli, line, &code), "accepted: %s", text);
  ck_assert_msg(code == expected, "%s: status %d", text, code);
  ck_assert_msg(!cli.settings && !cli.command && !cli.program, "%s: something is kept", text);
  free(line);
}

START_TEST(values_are_assigned) {
  efla_cli cli;
  int code = -1;
  char line[] =
      "--norm -2e3 --quick --lengths=1,1e2 --note a=b --methods exact,euler --method=rk4 --count 3,0 --seed 4294967295";
  ck_assert(read_line(&cli, line, &code) && code == EFLA_EXIT_FINE);
  ck_assert(tokens == 7 && norm == -2e3 && !strcmp(note, "a=b") && cli.seed == 4294967295 && cli.quick && !cli.out);
  ck_assert(lengths.n == 2 && lengths.value[0] == 1 && lengths.value[1] == 100 && methods.n == 2);
  ck_assert(counts.n == 2 && counts.count[0] == 3 && counts.count[1] == 0);
  ck_assert_str_eq(efla_method_name(method), "rk4");
  ck_assert_str_eq(efla_method_name(methods.row[0]), "exact");
  ck_assert_str_eq(efla_method_name(methods.row[1]), "euler");
  ck_assert_str_eq(cli.name, "trial");
  ck_assert_str_eq(cli.command,
                   "trial --norm -2e3 --quick --lengths=1,1e2 --note a=b --methods exact,euler --method=rk4 "
                   "--count 3,0 --seed 4294967295");
  efla_cli_clear(&cli);
}
END_TEST

START_TEST(what_is_refused) {
  static const char *const lines[] = {
      "--tokens=0",
      "--tokens=1001",
      "--tokens=1.5",
      "--tokens=",
      "--tokens=nan",
      "--tokens=0x",
      "--norm=inf",
      "--norm=1x",
      "--norm=1,2",
      "--method=exac",
      "--method=",
      "--method=all",
      "--method=Exact",
      "--lengths=1,,2",
      "--lengths=1,",
      "--lengths=101",
      "--lengths=all",
      "--methods=all,all",
      "--methods=euler,exact,euler",
      "--lengths=1,2,1.0",
      "--counts=1.5",
      "--counts=-1",
      "--counts=1,1",
      "--norms=1", /* neither a list nor a name */
      "--seeds=1",
      "--methods=rk4,x",
      "--methods=,",
      "--no-such-option",
      "-z",
      "stray",
      "-- stray",
      "--quick=yes",
      "--tokens",
      "--seed=-1",
      "--threads=0",
      "--n=1",
      "--seed=1e300",
      "--tokens=1 ",
      "--threads=1025",
      "--program-name=x",
      "--HANG=0",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) check_refused(lines[i], EFLA_EXIT_USAGE);
  char many[200] = "--lengths=0";
  size_t length = strlen(many);
  for (int i = 1; i < EFLA_LIST_MAX; i++) length += (size_t)snprintf(many + length, sizeof many - length, ",%d", i);
  efla_cli cli;
  int code;
  char line[200];
  memcpy(line, many, sizeof line);
  ck_assert(read_line(&cli, line, &code) && lengths.n == EFLA_LIST_MAX);
  efla_cli_clear(&cli);
  memcpy(many + length, ",99", 4);
  check_refused(many, EFLA_EXIT_USAGE);
}
END_TEST

/* ... whatever else is on the line, as long as it comes first. */
START_TEST(answers_end_well) {
  static const char *const lines[] = {
      "--help", "-?", "--usage", "--version", "-V", "--quick -V --tokens=0", "--help --no-such-option"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) check_refused(lines[i], EFLA_EXIT_FINE);
}
END_TEST

/* No options that would do nothing; and the file has to be named. */
START_TEST(programs_that_answer_about_files) {
  static const char *const lines[] = {"--threads 1", "--input", "--input a --seed 1", "--input a --quick",
                                      "--input a --out b"};
  efla_cli cli;
  int code = -1;
  char line[] = "--threads 1 --input a.h5";
  tried = &answering;
  ck_assert(read_line(&cli, line, &code) && !strcmp(input, "a.h5") && cli.threads == 1);
  ck_assert_str_eq(cli.settings, "input: a.h5\nthreads: 1\n");
  efla_cli_clear(&cli);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) check_refused(lines[i], EFLA_EXIT_USAGE);
  check_refused("--help", EFLA_EXIT_FINE);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {values_are_assigned, what_is_refused, answers_end_well,
                                programs_that_answer_about_files};
  return testing_main("cli", tests, sizeof tests / sizeof *tests, 60);
}

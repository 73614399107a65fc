/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables: what is written reads back to the same bits, has its provenance, and is complete or absent. */
#include "files.h"
#include "testing.h"

#include <gsl/gsl_rng.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t tokens, method;
static double norm;
static const char *note;
static efla_list lengths, methods;

static const efla_option options[] = {
    {"tokens", "N", "100", "7", "count", EFLA_COUNT, &tokens, 1, 1000, NULL},
    {"norm", "X", "0.1", NULL, "real", EFLA_REAL, &norm, 0, 0, NULL},
    {"note", "TEXT", NULL, NULL, "text", EFLA_TEXT, &note, 0, 0, NULL},
    {"method", "NAME", "exact", NULL, "name", EFLA_NAME, &method, 0, 0, efla_method_name},
    {"lengths", "LIST", "1,2.5", "3", "reals", EFLA_REALS, &lengths, 0, 100, NULL},
    {"methods", "LIST", "all", NULL, "names", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {.name = NULL},
};
typedef struct counted {
  size_t a;
} counted;
static const efla_column one[] = {EFLA_COLUMN(counted, a, "tokens", "how many; so far"), EFLA_COLUMNS_END(counted)};

typedef struct mixed {
  size_t row;
  double value;
  const char *text;
} mixed;
static const efla_column three[] = {EFLA_COLUMN(mixed, row, "", "its number"), EFLA_COLUMN(mixed, value, "s", "a real"),
                                    EFLA_COLUMN(mixed, text, "", "a word"), EFLA_COLUMNS_END(mixed)};

static efla_program program = {
    .name = "trial", .summary = "summary", .description = "description", .options = options, .columns = one};

static char path[256], part[300];

/* Fresh names in a directory of the test's own; returns what "trial ARGUMENTS --out PATH" asks for. */
static efla_cli set_up(const char *name, const char *argument) {
  efla_cli cli;
  snprintf(path, sizeof path, "%s/table.csv", files_directory(name));
  snprintf(part, sizeof part, "%s.part", path);
  char *words[] = {"elsewhere/trial", "--out", path, (char *)argument, NULL};
  int code;
  ck_assert(efla_cli_read(&cli, &program, argument ? 4 : 3, words, &code));
  return cli;
}

static efla_table open_table(const efla_cli *cli, const efla_column *columns) {
  efla_table table;
  efla_message why = {{0}};
  program.columns = columns;
  ck_assert_msg(efla_table_open(&table, cli, &why) == EFLA_OK, "%s", why.text);
  return table;
}

static void close_table(efla_table *table) {
  efla_message why = {{0}};
  ck_assert_msg(efla_table_close(table, &why) == EFLA_OK, "%s", why.text);
}

static efla_csv read_back(void) {
  efla_csv csv;
  efla_message why = {{0}};
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  return csv;
}

static bool exists(const char *file) { return access(file, F_OK) == 0; }

/* Random bits are doubles of all sizes, subnormals among them; nan has no sign and no payload in a table. */
START_TEST(reals_read_back_to_the_same_bits) {
  static const double special[] = {0.,      -0.,      1. / 3,   DBL_TRUE_MIN, -DBL_TRUE_MIN, DBL_MIN - DBL_TRUE_MIN,
                                   DBL_MAX, -DBL_MAX, INFINITY, -INFINITY,    DBL_EPSILON};
  enum { SPECIAL = sizeof special / sizeof *special, ROWS = 3000 };
  static double values[ROWS];
  efla_cli cli = set_up("table-reals", NULL);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  efla_table table = open_table(&cli, three);
  for (size_t i = 0; i < ROWS; i++) {
    uint64_t bits = (uint64_t)gsl_rng_get(draw) << 32 | gsl_rng_get(draw);
    if (i % 3 == 0) bits &= UINT64_C(0x800fffffffffffff); /* subnormal */
    memcpy(values + i, &bits, sizeof bits);
    if (i < SPECIAL) values[i] = special[i];
    if (i >= SPECIAL && i < SPECIAL + 2) values[i] = i % 2 ? NAN : -NAN;
    efla_table_put(&table, &(mixed){i, values[i], "word"});
  }
  close_table(&table);
  efla_csv csv = read_back();
  ck_assert_uint_eq(csv.rows, ROWS);
  for (size_t i = 0; i < ROWS; i++) {
    double value = efla_csv_real(&csv, i, "value");
    if (isnan(values[i]))
      ck_assert_str_eq(efla_csv_text(&csv, i, "value"), "nan");
    else
      ck_assert_msg(!memcmp(&value, values + i, sizeof value), "%a came back as %a", values[i], value);
    if (isinf(values[i])) ck_assert_str_eq(efla_csv_text(&csv, i, "value"), values[i] > 0 ? "inf" : "-inf");
    ck_assert_double_eq(efla_csv_real(&csv, i, "row"), (double)i);
    ck_assert_str_eq(efla_csv_text(&csv, i, "text"), "word");
  }
  efla_csv_clear(&csv);
  gsl_rng_free(draw);
  efla_cli_clear(&cli);
}
END_TEST

START_TEST(largest_count) {
  efla_cli cli = set_up("table-count", NULL);
  efla_table table = open_table(&cli, one);
  efla_table_put(&table, &(counted){SIZE_MAX});
  close_table(&table);
  efla_csv csv = read_back();
  ck_assert_str_eq(efla_csv_text(&csv, 0, "a"), "18446744073709551615");
  efla_csv_clear(&csv);
  efla_cli_clear(&cli);
}
END_TEST

static void check_line(const char *header, const char *line) {
  ck_assert_msg(strstr(header, line) != NULL, "no line '%s' in\n%s", line, header);
}

/* Every option as it was in force, in any run; the rest of the provenance has a value each. */
START_TEST(header_says_where_the_numbers_come_from) {
  static const char *const keys[] = {"version", "commit", "compiler", "flags", "cpu", "blas", "gsl", "arb", "date"};
  char line[400];
  efla_cli cli = set_up("table-header", "--note=a b\n# c");
  efla_table table = open_table(&cli, one);
  close_table(&table);
  efla_csv csv = read_back();
  ck_assert(!strncmp(csv.header, "# program: trial\n# command: trial --out ", 40));
  snprintf(line, sizeof line, "\n# command: trial --out %s '--note=a b # c'\n", path); /* one line, quoted */
  check_line(csv.header, line);
  snprintf(line, sizeof line, "\n# seed: 1\n# threads: %zu\n# out: %s\n", cli.threads, path);
  check_line(csv.header, line);
  check_line(csv.header, "\n# quick: no\n# tokens: 100\n# norm: 0.1\n# note: a b # c\n");
  check_line(csv.header, "\n# method: exact\n# lengths: 1,2.5\n# methods: all\n# methods table: euler,rk2,");
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    char value[200] = "";
    snprintf(line, sizeof line, "\n# %s: ", keys[i]);
    check_line(csv.header, line);
    ck_assert_int_eq(sscanf(strstr(csv.header, line) + strlen(line), "%199[^\n]", value), 1);
  }
  for (const char *l = csv.header; *l; l += strcspn(l, "\n") + 1) {
    char key[64], space;
    ck_assert_msg(sscanf(l, "# %63[][a-z ]:%c", key, &space) == 2 && space == ' ', "%.60s", l);
  }
  efla_csv_clear(&csv);
  efla_cli_clear(&cli);
}
END_TEST

/* In the header, in the line of names and in --help. */
START_TEST(columns_are_described_once) {
  efla_cli cli = set_up("table-columns", NULL);
  efla_table table = open_table(&cli, three);
  close_table(&table);
  efla_csv csv = read_back();
  check_line(csv.header, "\n# column row: its number\n# column value [s]: a real\n# column text: a word\n");
  ck_assert_uint_eq(csv.columns, 3);
  for (size_t c = 0; c < 3; c++) ck_assert_str_eq(csv.names[c], three[c].name);
  ck_assert(efla_columns_cover(one) && efla_columns_cover(three));
  const efla_column hole[] = {three[0], three[2], three[3]};
  ck_assert(!efla_columns_cover(hole)); /* a member without a column */
  efla_csv_clear(&csv);
  efla_cli_clear(&cli);
}
END_TEST

/* An interval is three columns. */
START_TEST(intervals_have_three_columns) {
  typedef struct measured {
    size_t row;
    efla_interval rate;
  } measured;
  static const efla_column columns[] = {EFLA_COLUMN(measured, row, "", "its number"),
                                        EFLA_COLUMN_INTERVAL(measured, rate, "Hz", "a rate"),
                                        EFLA_COLUMNS_END(measured)};
  efla_cli cli = set_up("interval", NULL);
  efla_table table = open_table(&cli, columns);
  efla_table_put(&table, &(measured){1, {2, 1.5, 3}});
  close_table(&table);
  efla_csv csv = read_back();
  ck_assert_ptr_nonnull(strstr(csv.header, "# column rate [Hz]: a rate\n"
                                           "# column rate_low [Hz]: low end of the 95 % interval of rate\n"
                                           "# column rate_high [Hz]: high end of the 95 % interval of rate\n"));
  ck_assert(efla_csv_real(&csv, 0, "rate") == 2 && efla_csv_real(&csv, 0, "rate_low") == 1.5 &&
            efla_csv_real(&csv, 0, "rate_high") == 3);
  efla_csv_clear(&csv);
  efla_cli_clear(&cli);
}
END_TEST

START_TEST(header_of_a_quick_run) {
  efla_cli cli = set_up("table-quick", "--quick");
  efla_table table = open_table(&cli, one);
  close_table(&table);
  efla_csv csv = read_back();
  check_line(csv.header, "\n# quick: yes\n# tokens: 7\n# norm: 0.1\n# note: \n# method: exact\n# lengths: 3\n");
  efla_csv_clear(&csv);
  efla_cli_clear(&cli);
}
END_TEST

START_TEST(date_can_be_told) {
  efla_cli cli = set_up("table-date", NULL);
  setenv("SOURCE_DATE_EPOCH", "86399", 1);
  setenv("TZ", "America/New_York", 1);
  efla_table table = open_table(&cli, one);
  close_table(&table);
  efla_csv csv = read_back();
  check_line(csv.header, "\n# date: 1970-01-01T23:59:59Z\n");
  efla_csv_clear(&csv);
  efla_cli_clear(&cli);
}
END_TEST

/* FILE.part until the table is complete, FILE then; an older FILE stays as long. */
START_TEST(renamed_when_complete) {
  efla_cli cli = set_up("table-part", NULL);
  files_write(path, "older", 5);
  efla_table table = open_table(&cli, one);
  efla_table_put(&table, &(counted){1});
  struct stat file;
  ck_assert(stat(path, &file) == 0 && file.st_size == 5 && exists(part));
  close_table(&table);
  ck_assert(!exists(part));
  efla_csv csv = read_back();
  ck_assert_uint_eq(csv.rows, 1);
  efla_csv_clear(&csv);
  efla_table_abandon(&table); /* after close: nothing to do */
  ck_assert(exists(path));
  efla_cli_clear(&cli);
}
END_TEST

START_TEST(abandoned_table_leaves_nothing) {
  efla_cli cli = set_up("table-abandoned", NULL);
  efla_table table = open_table(&cli, one);
  efla_table_put(&table, &(counted){1});
  ck_assert(exists(part));
  efla_table_abandon(&table);
  efla_table_abandon(&table); /* twice is once */
  ck_assert(!exists(part) && !exists(path));
  efla_cli_clear(&cli);
}
END_TEST

/* Opening or closing fails as output, says where, and leaves nothing. */
static void check_failure(efla_status status, const efla_message *why, const char *place) {
  ck_assert_int_eq(status, EFLA_OUTPUT);
  ck_assert_msg(!strncmp(why->text, place, strlen(place)), "%s", why->text);
  ck_assert(!exists(part));
}

START_TEST(where_no_table_can_go) {
  static const char *const places[] = {"", "no/such/directory/table.csv", TEST_WORK, "/dev/null/table.csv"};
  efla_message why;
  efla_table table;
  efla_cli cli = set_up("table-nowhere", NULL);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    cli.out = places[i];
    memset(&table, 0x5a, sizeof table);
    check_failure(efla_table_open(&table, &cli, &why), &why, *places[i] ? places[i] : "--out");
    efla_table_abandon(&table);
  }
  cli.out = path; /* a directory takes the name while the table is written */
  table = open_table(&cli, one);
  mkdir(path, 0777);
  check_failure(efla_table_close(&table, &why), &why, path);
  efla_cli_clear(&cli);
}
END_TEST

/* A device or a pipe is written to and stays what it is; a disk that is full is noticed at the latest on closing. */
START_TEST(devices_and_pipes) {
  efla_message why;
  efla_cli cli = set_up("table-devices", NULL);
  struct stat file;
  cli.out = "/dev/full";
  efla_table table = open_table(&cli, one);
  efla_table_put(&table, &(counted){1});
  check_failure(efla_table_close(&table, &why), &why, "/dev/full: cannot write: No space left on device");
  table = open_table(&cli, one);
  for (size_t i = 0; i < 100000; i++) efla_table_put(&table, &(counted){i}); /* more than is buffered */
  check_failure(efla_table_close(&table, &why), &why, "/dev/full: cannot write: ");
  ck_assert(stat("/dev/full", &file) == 0 && S_ISCHR(file.st_mode) && !exists("/dev/full.part"));

  cli.out = path;
  ck_assert_int_eq(mkfifo(path, 0666), 0);
  char command[700], copy[300], text[64] = "";
  snprintf(copy, sizeof copy, "%s.copy", path);
  snprintf(command, sizeof command, "cat %s >%s", path, copy);
  FILE *reader = popen(command, "w");
  ck_assert_ptr_nonnull(reader);
  table = open_table(&cli, one);
  efla_table_put(&table, &(counted){42});
  ck_assert(!exists(part));
  close_table(&table);
  ck_assert_int_eq(pclose(reader), 0);
  ck_assert(stat(path, &file) == 0 && S_ISFIFO(file.st_mode));
  snprintf(command, sizeof command, "tail -n 1 %s", copy);
  ck_assert_int_eq(testing_shell(command, text, NULL, sizeof text), 0);
  ck_assert_str_eq(text, "42\n");
  efla_cli_clear(&cli);
}
END_TEST

/* A disk that was full for a while only: later writes succeed, and the table has a hole. */
START_TEST(earlier_write_that_failed) {
  efla_cli cli = set_up("table-hole", NULL);
  efla_message why;
  struct rlimit limit;
  efla_table table = open_table(&cli, one);
  getrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){10000, limit.rlim_max});
  for (size_t i = 0; i < 10000; i++) efla_table_put(&table, &(counted){i});
  setrlimit(RLIMIT_FSIZE, &limit);
  check_failure(efla_table_close(&table, &why), &why, path);
  ck_assert(!exists(path));
  efla_cli_clear(&cli);
}
END_TEST

/* Standard output: asked for by silence or by "-"; full, it is an error as well. */
START_TEST(standard_output) {
  efla_cli cli = set_up("table-stdout", NULL);
  efla_message why;
  for (int dash = 0; dash < 2; dash++) {
    ck_assert_ptr_nonnull(freopen(path, "w", stdout));
    cli.out = dash ? "-" : NULL;
    efla_table table = open_table(&cli, one);
    efla_table_put(&table, &(counted){1});
    close_table(&table);
    efla_csv csv = read_back();
    ck_assert_uint_eq(csv.rows, 1);
    efla_csv_clear(&csv);
  }
  ck_assert_ptr_nonnull(freopen("/dev/full", "w", stdout));
  efla_table table = open_table(&cli, one);
  check_failure(efla_table_close(&table, &why), &why, "standard output: cannot write: No space left on device");
  efla_cli_clear(&cli);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {reals_read_back_to_the_same_bits,
                                largest_count,
                                header_says_where_the_numbers_come_from,
                                columns_are_described_once,
                                intervals_have_three_columns,
                                header_of_a_quick_run,
                                date_can_be_told,
                                renamed_when_complete,
                                abandoned_table_leaves_nothing,
                                where_no_table_can_go,
                                devices_and_pipes,
                                earlier_write_that_failed,
                                standard_output};
  return testing_main("table", tests, sizeof tests / sizeof *tests, 60);
}

#include "report/cli.h"

#include "report/provenance.h"

#include <argp.h>
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMON = 5, MOST_OPTIONS = 48, FIRST_KEY = 1000 };

/* One parse: the program's options followed by the common ones, and the text given for each. */
typedef struct parse {
  efla_cli *cli;
  efla_option options[MOST_OPTIONS];
  const char *given[MOST_OPTIONS];
  size_t n;
} parse;

static char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *format_text(const char *format, ...) {
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length >= 0) return text;
  fputs("out of memory\n", stderr);
  exit(EFLA_EXIT_IO);
}

/* A line of a table's header stays one line. */
static void join_lines(char *text) {
  for (; *text; text++)
    if (*text == '\n' || *text == '\r') *text = ' ';
}

static _Noreturn void reject(struct argp_state *state, const efla_option *option, const char *text, const char *expected) {
  argp_error(state, "--%s: '%s' is not %s", option->name, text, expected);
  exit(EFLA_EXIT_USAGE); /* argp_error has done so already */
}

static double number(struct argp_state *state, const efla_option *option, const char *text) {
  char *end;
  double value = strtod(text, &end);
  bool whole = option->kind == EFLA_COUNT, bounded = option->least != 0 || option->most != 0;
  double least = bounded ? option->least : -INFINITY, most = bounded ? option->most : INFINITY;
  if (end != text && !*end && isfinite(value) && value >= least && value <= most &&
      (!whole || (value == floor(value) && value <= 9007199254740992.))) /* 2^53: every count so far is exact */
    return value;
  char *expected = bounded ? format_text("a%s number from %g to %g", whole ? " whole" : "", least, most)
                           : format_text("a finite%s number", whole ? " whole" : "");
  reject(state, option, text, expected);
}

static size_t name_row(struct argp_state *state, const efla_option *option, const char *text) {
  char *all = format_text("one of");
  for (size_t row = 0; option->names(row); row++) {
    if (!strcmp(option->names(row), text)) {
      free(all);
      return row;
    }
    char *longer = format_text("%s%s %s", all, row ? "," : "", option->names(row));
    free(all);
    all = longer;
  }
  reject(state, option, text, all);
}

static void read_list(struct argp_state *state, const efla_option *option, const char *text, efla_list *list) {
  char *copy = format_text("%s", text), *rest = copy;
  list->n = 0;
  if (option->kind == EFLA_NAMES && !strcmp(text, "all")) {
    for (size_t row = 0; option->names(row) && row < EFLA_LIST_MAX; row++) list->row[list->n++] = row;
    rest = NULL;
  }
  for (char *item; (item = strsep(&rest, ","));) {
    if (list->n == EFLA_LIST_MAX) reject(state, option, text, "a list of at most 32 values");
    if (option->kind == EFLA_NAMES)
      list->row[list->n] = name_row(state, option, item);
    else
      list->value[list->n] = number(state, option, item);
    list->n++;
  }
  free(copy);
}

static void assign(struct argp_state *state, const efla_option *option, const char *text) {
  switch (option->kind) {
  case EFLA_COUNT:
    *(size_t *)option->to = (size_t)number(state, option, text);
    break;
  case EFLA_REAL:
    *(double *)option->to = number(state, option, text);
    break;
  case EFLA_TEXT:
    *(const char **)option->to = text;
    break;
  case EFLA_NAME:
    *(size_t *)option->to = name_row(state, option, text);
    break;
  case EFLA_REALS:
  case EFLA_NAMES:
    read_list(state, option, text, option->to);
    break;
  }
}

static const char *chosen(const parse *p, size_t i) {
  const efla_option *option = &p->options[i];
  if (p->given[i]) return p->given[i];
  return p->cli->quick && option->quick ? option->quick : option->normal;
}

/* All values are assigned when all are known, since --quick changes the defaults wherever it stands. */
static void finish(parse *p, struct argp_state *state) {
  char *settings = format_text("quick: %s\n", p->cli->quick ? "yes" : "no");
  for (size_t i = 0; i < p->n; i++) {
    const efla_option *option = &p->options[i];
    const char *text = chosen(p, i);
    if (text) assign(state, option, text);
    char *value = format_text("%s", text ? text : "");
    join_lines(value);
    char *longer = format_text("%s%s: %s\n", settings, option->name, value);
    free(settings);
    free(value);
    settings = longer;
    if (option->kind != EFLA_NAMES) continue;
    for (size_t row = 0; option->names(row); row++) { /* the whole table, by which figures choose colours */
      longer = row ? format_text("%.*s,%s\n", (int)strlen(settings) - 1, settings, option->names(row))
                   : format_text("%s%s table: %s\n", settings, option->name, option->names(row));
      free(settings);
      settings = longer;
    }
  }
  p->cli->settings = settings;
}

static error_t on_option(int key, char *argument, struct argp_state *state) {
  parse *p = state->input;
  switch (key) {
  case 'q':
    p->cli->quick = true;
    return 0;
  case 'V':
    printf("%s %s (%s)\n", p->cli->program->name, EFLA_VERSION, efla_commit());
    exit(EFLA_EXIT_FINE);
  case ARGP_KEY_ARG:
    argp_error(state, "unexpected argument '%s'", argument);
    return EINVAL;
  case ARGP_KEY_END:
    finish(p, state);
    return 0;
  default:
    break;
  }
  if (key < FIRST_KEY || key >= FIRST_KEY + (int)p->n) return ARGP_ERR_UNKNOWN; /* argp's own keys are large */
  p->given[key - FIRST_KEY] = argument;
  return 0;
}

static char *quote_command(int argc, char **argv) {
  char *command = format_text("%s", argv[0]);
  for (int i = 1; i < argc; i++) {
    bool plain = argv[i][strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=.,/+:")] == 0;
    char *longer = format_text(plain && *argv[i] ? "%s %s" : "%s '%s'", command, argv[i]);
    free(command);
    command = longer;
  }
  join_lines(command);
  return command;
}

/* The help text of an option, with its choices and defaults; to be freed. */
static char *describe(const efla_option *option) {
  const char *list = option->kind == EFLA_REALS || option->kind == EFLA_NAMES ? " (comma-separated)" : "";
  char *names = format_text("%s", option->names ? "; one of" : "");
  for (size_t i = 0; option->names && option->names(i); i++) {
    char *longer = format_text("%s%s %s", names, i ? "," : "", option->names(i));
    free(names);
    names = longer;
  }
  char *normal = option->normal ? format_text("; default %s", option->normal) : format_text("%s", "");
  char *quick = option->quick ? format_text(", quick %s", option->quick) : format_text("%s", "");
  char *help = format_text("%s%s%s%s%s", option->help, list, names, normal, quick);
  free(names);
  free(normal);
  free(quick);
  return help;
}

void efla_cli_parse(efla_cli *cli, const efla_program *program, int argc, char **argv) {
  *cli = (efla_cli){.program = program};
  parse p = {.cli = cli};
  while (program->options[p.n].name) {
    p.options[p.n] = program->options[p.n];
    p.n++;
  }
  char processors[16];
  snprintf(processors, sizeof processors, "%d", omp_get_num_procs());
  const efla_option common[] = {
      {"seed", "N", "1", NULL, "seed of all random streams", EFLA_COUNT, &cli->seed, 0, 4294967295., NULL},
      {"threads", "N", processors, NULL, "number of threads", EFLA_COUNT, &cli->threads, 1, 1024, NULL},
      {"out", "FILE", NULL, NULL, "write the table there instead of standard output", EFLA_TEXT, &cli->out, 0, 0, NULL},
  };
  size_t commons = sizeof common / sizeof *common;
  assert(p.n + COMMON <= MOST_OPTIONS);
  memcpy(p.options + p.n, common, sizeof common);
  p.n += commons;

  struct argp_option rows[MOST_OPTIONS + COMMON] = {{0}};
  const size_t options = p.n;
  char *help[MOST_OPTIONS];
  for (size_t i = 0; i < options; i++) {
    const efla_option *option = &p.options[i];
    help[i] = describe(option);
    rows[i] = (struct argp_option){.name = option->name, .key = FIRST_KEY + (int)i, .arg = option->argument, .doc = help[i]};
  }
  rows[p.n] = (struct argp_option){.name = "quick", .key = 'q', .doc = "a version of the same run that takes seconds"};
  rows[p.n + 1] = (struct argp_option){.name = "version", .key = 'V', .doc = "print version and commit"};
  char *text = format_text("%s\v%s", program->summary, program->description);
  struct argp argp = {.options = rows, .parser = on_option, .doc = text};
  argp_err_exit_status = EFLA_EXIT_USAGE;
  argv[0] = (char *)program->name;
  cli->command = quote_command(argc, argv);
  argp_parse(&argp, argc, argv, 0, NULL, &p);
  for (size_t i = 0; i < options; i++) free(help[i]);
  free(text);
  omp_set_num_threads((int)cli->threads);
  efla_blas_single_thread();
}

void efla_cli_clear(efla_cli *cli) {
  free(cli->settings);
  free(cli->command);
  *cli = (efla_cli){0};
}

int efla_cli_fail(const efla_cli *cli, efla_status status, const efla_message *why) {
  fprintf(stderr, "%s: %s\n", cli->program->name, why->text);
  return status == EFLA_UNTRUSTED ? EFLA_EXIT_CHECK : status == EFLA_NOT_BUILT ? EFLA_EXIT_USAGE : EFLA_EXIT_IO;
}

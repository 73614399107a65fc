#include "app/cli.h"

#include "app/provenance.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMON = 7, MOST_OPTIONS = 48, FIRST_KEY = 1000, USAGE_KEY = FIRST_KEY - 1 }; /* keys that are no letters */

/* One parse: the program's options followed by the common ones, and the text given for each. */
typedef struct parse {
  efla_cli *cli;
  efla_option options[MOST_OPTIONS];
  const char *given[MOST_OPTIONS];
  size_t n;
  char processors[16]; /* the default of --threads */
  bool answered;       /* --help, --usage or --version: all that was asked for */
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

/* "before a, b, c", separated as given; to be freed. */
static char *list_names(const char *before, const char *separator, const char *(*names)(size_t row)) {
  char *all = format_text("%s", before);
  for (size_t row = 0; names(row); row++) {
    char *longer = format_text("%s%s%s", all, row ? separator : "", names(row));
    free(all);
    all = longer;
  }
  return all;
}

/* A line of a table's header stays one line. */
static void join_lines(char *text) {
  for (; *text; text++)
    if (*text == '\n' || *text == '\r') *text = ' ';
}

/* Says so with argp's sentence; `expected` is freed.  Always false, so that a failing check ends in `return reject(...)`. */
static bool reject(struct argp_state *state, const efla_option *option, const char *text, char *expected) {
  argp_error(state, "--%s: '%s' is not %s", option->name, text, expected);
  free(expected);
  return false;
}

static bool read_number(struct argp_state *state, const efla_option *option, const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  bool whole = option->kind == EFLA_COUNT, bounded = option->least != 0 || option->most != 0;
  double least = bounded ? option->least : -INFINITY, most = bounded ? option->most : INFINITY;
  if (end != text && !*end && isfinite(*value) && *value >= least && *value <= most &&
      (!whole || (*value == floor(*value) && *value >= 0 && *value <= 9007199254740992.))) /* 2^53: every count so far is exact */
    return true;
  return reject(state, option, text,
                bounded ? format_text("a%s number from %.10g to %.10g", whole ? " whole" : "", least, most)
                        : format_text("a finite%s number", whole ? " whole" : ""));
}

static bool read_name(struct argp_state *state, const efla_option *option, const char *text, size_t *row) {
  for (*row = 0; option->names(*row); ++*row)
    if (!strcmp(option->names(*row), text)) return true;
  return reject(state, option, text, list_names("one of ", ", ", option->names));
}

static bool read_list(struct argp_state *state, const efla_option *option, const char *text, efla_list *list) {
  char *copy = format_text("%s", text), *rest = copy;
  bool good = true;
  list->n = 0;
  if (option->kind == EFLA_NAMES && !strcmp(text, "all")) {
    for (size_t row = 0; option->names(row) && row < EFLA_LIST_MAX; row++) list->row[list->n++] = row;
    rest = NULL;
  }
  for (char *item; good && (item = strsep(&rest, ","));) {
    if (list->n == EFLA_LIST_MAX)
      good = reject(state, option, text, format_text("a list of at most %d values", EFLA_LIST_MAX));
    else if (option->kind == EFLA_NAMES)
      good = read_name(state, option, item, &list->row[list->n++]);
    else
      good = read_number(state, option, item, &list->value[list->n++]);
  }
  free(copy);
  return good;
}

static bool assign(struct argp_state *state, const efla_option *option, const char *text) {
  double value = 0;
  switch (option->kind) {
  case EFLA_COUNT:
    if (!read_number(state, option, text, &value)) return false;
    *(size_t *)option->to = (size_t)value;
    return true;
  case EFLA_TEXT:
  case EFLA_NEEDED:
    *(const char **)option->to = text;
    return true;
  case EFLA_REAL:
    return read_number(state, option, text, option->to);
  case EFLA_NAME:
    return read_name(state, option, text, option->to);
  case EFLA_REALS:
  case EFLA_NAMES:
    return read_list(state, option, text, option->to);
  case EFLA_FLAG:
    *(bool *)option->to = !strcmp(text, "yes");
    return true;
  }
  return false;
}

static const char *chosen(const parse *p, size_t i) {
  const efla_option *option = &p->options[i];
  if (p->given[i]) return p->given[i];
  if (option->kind == EFLA_FLAG) return "no";
  return p->cli->quick && option->quick ? option->quick : option->normal;
}

/* "key: value\n" for every option, and after a list of names the whole table, by which figures choose colours. */
static char *list_settings(const parse *p) {
  char *settings = format_text("%s", p->cli->program->answers ? "" : p->cli->quick ? "quick: yes\n" : "quick: no\n");
  for (size_t i = 0; i < p->n; i++) {
    const efla_option *option = &p->options[i];
    const char *text = chosen(p, i);
    char *value = format_text("%s", text ? text : "");
    char *table = option->kind == EFLA_NAMES ? list_names(" table: ", ",", option->names) : NULL;
    join_lines(value);
    char *longer = format_text("%s%s: %s\n%s%s%s", settings, option->name, value, table ? option->name : "", table ? table : "",
                               table ? "\n" : "");
    free(settings);
    free(value);
    free(table);
    settings = longer;
  }
  return settings;
}

/* All values are assigned when all are known, since --quick changes the defaults wherever it stands. */
static bool finish(parse *p, struct argp_state *state) {
  for (size_t i = 0; i < p->n; i++) {
    const efla_option *option = &p->options[i];
    const char *text = chosen(p, i);
    if (text && !assign(state, option, text)) return false;
    if (text || option->kind != EFLA_NEEDED) continue;
    argp_error(state, "--%s %s is needed", option->name, option->argument);
    return false;
  }
  p->cli->settings = list_settings(p);
  return true;
}

/* --help and the like end the parse: nothing else was asked for. */
static error_t answer(parse *p) {
  p->answered = true;
  return ECANCELED;
}

static error_t on_option(int key, char *argument, struct argp_state *state) {
  parse *p = state->input;
  switch (key) {
  case 'q':
    p->cli->quick = true;
    return 0;
  case 'V':
    printf("%s %s (%s)\n", state->name, EFLA_VERSION, efla_commit());
    return answer(p);
  case '?':
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return answer(p);
  case USAGE_KEY:
    argp_state_help(state, stdout, ARGP_HELP_USAGE);
    return answer(p);
  case ARGP_KEY_ARG:
    argp_error(state, "unexpected argument '%s'", argument);
    return EINVAL;
  case ARGP_KEY_END:
    return finish(p, state) ? 0 : EINVAL;
  default:
    break;
  }
  if (key < FIRST_KEY || key >= FIRST_KEY + (int)p->n) return ARGP_ERR_UNKNOWN; /* argp's other keys are large */
  p->given[key - FIRST_KEY] = p->options[key - FIRST_KEY].kind == EFLA_FLAG ? "yes" : argument;
  return 0;
}

static char *quote_command(const char *name, int argc, char **argv) {
  char *command = format_text("%s", name);
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
  char *names = option->names ? list_names("; one of ", ", ", option->names) : format_text("%s", "");
  char *normal = option->normal ? format_text("; default %s", option->normal) : format_text("%s", "");
  char *quick = option->quick ? format_text(", quick %s", option->quick) : format_text("%s", "");
  char *help = format_text("%s%s%s%s%s", option->help, list, names, normal, quick);
  free(names);
  free(normal);
  free(quick);
  return help;
}

/* The program's options and then those that all programs have.  One that answers about files draws nothing at random, and may have
 * no table. */
static void gather_options(parse *p) {
  efla_cli *cli = p->cli;
  const efla_program *program = cli->program;
  const char *out = program->answers ? "write a table there as well" : "write the table there instead of standard output";
  const efla_option common[] = {
      {"seed", "N", "1", NULL, "seed of all random streams", EFLA_COUNT, &cli->seed, 0, 4294967295., NULL},
      {"threads", "N", p->processors, NULL, "number of threads", EFLA_COUNT, &cli->threads, 1, 1024, NULL},
      {"out", "FILE", NULL, NULL, out, EFLA_TEXT, &cli->out, 0, 0, NULL},
  };
  const bool has[] = {!program->answers, true, program->columns != NULL};
  snprintf(p->processors, sizeof p->processors, "%d", omp_get_num_procs());
  for (const efla_option *option = program->options; option->name; option++) p->options[p->n++] = *option;
  assert(p->n + COMMON <= MOST_OPTIONS);
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    if (has[i]) p->options[p->n++] = common[i];
}

bool efla_cli_read(efla_cli *cli, const efla_program *program, int argc, char **argv, int *code) {
  *cli = (efla_cli){.program = program, .name = basename(argv[0])};
  parse p = {.cli = cli};
  gather_options(&p);
  struct argp_option rows[MOST_OPTIONS + COMMON] = {{0}};
  char *help[MOST_OPTIONS];
  const size_t options = p.n;
  for (size_t i = 0; i < options; i++) {
    const efla_option *option = &p.options[i];
    help[i] = describe(option);
    rows[i] = (struct argp_option){.name = option->name, .key = FIRST_KEY + (int)i, .arg = option->argument, .doc = help[i]};
  }
  const struct argp_option simple[] = {{"help", '?', NULL, 0, "give this help list", -1},
                                       {"usage", USAGE_KEY, NULL, 0, "give a short usage message", -1},
                                       {"version", 'V', NULL, 0, "print version and commit", -1},
                                       {"quick", 'q', NULL, 0, "a version of the same run that takes seconds", 0}};
  memcpy(rows + options, simple, sizeof simple - (program->answers ? sizeof *simple : 0));
  char *text = format_text("%s\v%s", program->summary, program->description);
  struct argp argp = {.options = rows, .parser = on_option, .doc = text};
  cli->command = quote_command(cli->name, argc, argv);
  error_t error = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &p);
  for (size_t i = 0; i < options; i++) free(help[i]);
  free(text);
  *code = error == 0 || p.answered ? EFLA_EXIT_FINE : EFLA_EXIT_USAGE;
  if (p.answered && fflush(stdout) != 0) *code = EFLA_EXIT_IO;
  if (error != 0) efla_cli_clear(cli);
  return error == 0;
}

void efla_cli_parse(efla_cli *cli, const efla_program *program, int argc, char **argv) {
  int code;
  if (!efla_cli_read(cli, program, argc, argv, &code)) exit(code);
  omp_set_num_threads((int)cli->threads);
  efla_blas_single_thread();
}

void efla_cli_clear(efla_cli *cli) {
  free(cli->settings);
  free(cli->command);
  *cli = (efla_cli){0};
}

int efla_cli_fail(const efla_cli *cli, efla_status status, const efla_message *why) {
  static const int codes[] = {
      [EFLA_OK] = EFLA_EXIT_FINE,     [EFLA_MEMORY] = EFLA_EXIT_IO,       [EFLA_INPUT] = EFLA_EXIT_IO,
      [EFLA_OUTPUT] = EFLA_EXIT_IO,   [EFLA_UNTRUSTED] = EFLA_EXIT_CHECK, [EFLA_NOT_BUILT] = EFLA_EXIT_USAGE,
      [EFLA_USAGE] = EFLA_EXIT_USAGE, [EFLA_OUTSIDE] = EFLA_EXIT_CHECK,   [EFLA_NOT_FINITE] = EFLA_EXIT_NOT_FINITE};
  if (*why->text) fprintf(stderr, "%s: %s\n", cli->name, why->text);
  return codes[status];
}

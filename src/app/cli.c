/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli.h"

#include "app/option.h"
#include "app/provenance.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FIRST_KEY: getopt keys from here on are options of the program, none is a character. */
enum { COMMON = 7, MOST_OPTIONS = 64, FIRST_KEY = 1000, USAGE_KEY = FIRST_KEY - 1 };

/* State of one parse: the program's options followed by the common ones, and the text given for each. */
typedef struct parse {
  efla_cli *cli;
  efla_option options[MOST_OPTIONS];
  const char *given[MOST_OPTIONS];
  size_t n;
  char processors[16]; /* the default of --threads */
  bool stopped;        /* --help, --usage or --version was given: nothing else is run */
} parse;

/* Replaces line breaks: a header line of a table must stay one line. */
static void join_lines(char *text) {
  for (; *text; text++)
    if (*text == '\n' || *text == '\r') *text = ' ';
}

static const char *chosen(const parse *p, size_t i) {
  const efla_option *option = &p->options[i];
  if (p->given[i]) return p->given[i];
  if (option->kind == EFLA_FLAG) return "no";
  return p->cli->quick && option->quick ? option->quick : option->normal;
}

/* "key: value\n" for every option. A list of names is followed by the whole table of names: plots choose
 * colours by a row's position in it. */
static char *list_settings(const parse *p) {
  char *settings = efla_option_text("%s", p->cli->program->reports ? ""
                                          : p->cli->quick          ? "quick: yes\n"
                                                                   : "quick: no\n");
  for (size_t i = 0; i < p->n; i++) {
    const efla_option *option = &p->options[i];
    const char *text = chosen(p, i);
    char *value = efla_option_text("%s", text ? text : "");
    char *table = option->kind == EFLA_NAMES ? efla_option_names(" table: ", ",", option->names) : NULL;
    join_lines(value);
    char *longer = efla_option_text("%s%s: %s\n%s%s%s", settings, option->name, value, table ? option->name : "",
                                    table ? table : "", table ? "\n" : "");
    free(settings);
    free(value);
    free(table);
    settings = longer;
  }
  return settings;
}

/* Assigns all values at the end of the command line: --quick changes defaults wherever it stands. */
static bool finish(parse *p, struct argp_state *state) {
  for (size_t i = 0; i < p->n; i++) {
    const efla_option *option = &p->options[i];
    const char *text = chosen(p, i);
    if (text && !efla_option_assign(state, option, text)) return false;
    if (text || (option->kind != EFLA_NEEDED && option->kind != EFLA_NEEDED_RESULT)) continue;
    argp_error(state, "--%s %s is needed", option->name, option->argument);
    return false;
  }
  p->cli->settings = list_settings(p);
  return true;
}

/* Ends the parse after --help, --usage or --version. */
static error_t stop(parse *p) {
  p->stopped = true;
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
    return stop(p);
  case '?':
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return stop(p);
  case USAGE_KEY:
    argp_state_help(state, stdout, ARGP_HELP_USAGE);
    return stop(p);
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
  char *command = efla_option_text("%s", name);
  for (int i = 1; i < argc; i++) {
    bool plain =
        argv[i][strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=.,/+:")] == 0;
    char *longer = efla_option_text(plain && *argv[i] ? "%s %s" : "%s '%s'", command, argv[i]);
    free(command);
    command = longer;
  }
  join_lines(command);
  return command;
}

/* The help text of an option, with its choices and defaults; to be freed. */
static char *describe(const efla_option *option) {
  const char *list = !efla_option_is_list(option)  ? ""
                     : option->kind == EFLA_COUNTS ? " (comma-separated whole numbers)"
                                                   : " (comma-separated)";
  char *names = option->names ? efla_option_names("; one of ", ", ", option->names) : efla_option_text("%s", "");
  char *normal = option->normal ? efla_option_text("; default %s", option->normal) : efla_option_text("%s", "");
  char *quick = option->quick ? efla_option_text(", quick %s", option->quick) : efla_option_text("%s", "");
  char *help = efla_option_text("%s%s%s%s%s", option->help, list, names, normal, quick);
  free(names);
  free(normal);
  free(quick);
  return help;
}

/* The text that --help prints below the options: the description, then the columns of every table. To be
 * freed. */
static char *describe_program(const efla_program *program) {
  char *columns = program->columns ? efla_columns_help(program->columns) : NULL;
  char *text = efla_option_text("%s\v%s%s%s", program->summary, program->description,
                                columns ? "\n\nColumns of the table:\n" : "", columns ? columns : "");
  free(columns);
  for (const efla_further_table *f = program->further; f && f->option; f++) {
    columns = efla_columns_help(f->columns);
    char *longer = efla_option_text("%s\nColumns of the table for --%s:\n%s", text, f->option, columns);
    free(columns);
    free(text);
    text = longer;
  }
  return text;
}

/* The program's options, then the common ones. A program with `reports` draws no random numbers and may have
 * no table. */
static void gather_options(parse *p) {
  efla_cli *cli = p->cli;
  const efla_program *program = cli->program;
  const char *out =
      program->reports ? "write a table there as well" : "write the table there instead of standard output";
  const efla_option common[] = {
      {"seed", "N", "1", NULL, "seed of all random streams", EFLA_COUNT, &cli->seed, 0, 4294967295., NULL},
      {"threads", "N", p->processors, NULL, "number of threads", EFLA_COUNT, &cli->threads, 1, 1024, NULL},
      {"out", "FILE", NULL, NULL, out, EFLA_RESULT, &cli->out, 0, 0, NULL},
  };
  const bool has[] = {!program->reports && !program->seedless, true, program->columns != NULL};
  snprintf(p->processors, sizeof p->processors, "%d", omp_get_num_procs());
  for (const efla_option *option = program->options; option->name; option++) p->options[p->n++] = *option;
  assert(p->n + COMMON <= MOST_OPTIONS);
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    if (has[i]) p->options[p->n++] = common[i];
}

/* The plural of a singular name or the singular of a plural one: "method" and "methods", "family" and
 * "families", "key" and "keys". To be freed. */
static char *plural_or_singular(const char *name) {
  size_t length = strlen(name);
  if (length > 3 && !strcmp(name + length - 3, "ies")) return efla_option_text("%.*sy", (int)length - 3, name);
  if (length > 1 && name[length - 1] == 's') return efla_option_text("%.*s", (int)length - 1, name);
  if (length > 1 && name[length - 1] == 'y' && !strchr("aeiou", name[length - 2]))
    return efla_option_text("%.*sies", (int)length - 1, name);
  return efla_option_text("%ss", name);
}

/* The option's hidden alias, its name in the other number: some programs take one method, others a list of
 * methods. NULL for an option that takes no names and no list, and where another option has that name. To be
 * freed. */
static char *alias_of(const parse *p, const efla_option *option) {
  if (!efla_option_is_list(option) && option->kind != EFLA_NAME) return NULL;
  char *alias = plural_or_singular(option->name);
  for (size_t i = 0; i < p->n; i++) {
    if (strcmp(p->options[i].name, alias) != 0) continue;
    free(alias);
    return NULL;
  }
  return alias;
}

bool efla_cli_read(efla_cli *cli, const efla_program *program, int argc, char **argv, int *code) {
  static efla_communicator alone;
  alone = efla_communicator_serial();
  *cli = (efla_cli){.program = program, .name = basename(argv[0]), .ranks = &alone};
  parse p = {.cli = cli};
  gather_options(&p);
  struct argp_option rows[3 * MOST_OPTIONS + COMMON] = {{0}};
  char *help[MOST_OPTIONS], *alias[MOST_OPTIONS];
  const size_t options = p.n;
  size_t n = 0;
  for (size_t i = 0; i < options; i++) {
    const efla_option *option = &p.options[i];
    help[i] = describe(option);
    alias[i] = alias_of(&p, option);
    rows[n++] =
        (struct argp_option){.name = option->name, .key = FIRST_KEY + (int)i, .arg = option->argument, .doc = help[i]};
    if (alias[i]) rows[n++] = (struct argp_option){.name = alias[i], .flags = OPTION_ALIAS | OPTION_HIDDEN};
    for (const efla_former_name *f = program->former_names; f && f->name; f++)
      if (!strcmp(f->name, option->name))
        rows[n++] = (struct argp_option){.name = f->former, .flags = OPTION_ALIAS | OPTION_HIDDEN};
  }
  const struct argp_option simple[] = {{"help", '?', NULL, 0, "give this help list", -1},
                                       {"usage", USAGE_KEY, NULL, 0, "give a short usage message", -1},
                                       {"version", 'V', NULL, 0, "print version and commit", -1},
                                       {"quick", 'q', NULL, 0, "a version of the same run that takes seconds", 0}};
  memcpy(rows + n, simple, sizeof simple - (program->reports ? sizeof *simple : 0));
  char *text = describe_program(program);
  struct argp argp = {.options = rows, .parser = on_option, .doc = text};
  cli->command = quote_command(cli->name, argc, argv);
  error_t error = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &p);
  for (size_t i = 0; i < options; i++) free(help[i]), free(alias[i]);
  free(text);
  if (error == ENOMEM) efla_option_no_memory();
  *code = error == 0 || p.stopped ? EFLA_EXIT_FINE : EFLA_EXIT_USAGE;
  if (p.stopped && (fflush(stdout) != 0 || ferror(stdout))) *code = EFLA_EXIT_IO;
  if (error != 0) efla_cli_clear(cli);
  return error == 0;
}

void efla_cli_clear(efla_cli *cli) {
  free(cli->settings);
  free(cli->command);
  *cli = (efla_cli){0};
}

int efla_cli_fail(const efla_cli *cli, efla_status status, const efla_message *why) {
  static const int codes[] = {[EFLA_OK] = EFLA_EXIT_FINE,           [EFLA_INVALID] = EFLA_EXIT_USAGE,
                              [EFLA_UNSUPPORTED] = EFLA_EXIT_USAGE, [EFLA_DEVICE_FAILED] = EFLA_EXIT_IO,
                              [EFLA_NO_MEMORY] = EFLA_EXIT_IO,      [EFLA_INPUT] = EFLA_EXIT_IO,
                              [EFLA_OUTPUT] = EFLA_EXIT_IO,         [EFLA_UNTRUSTED] = EFLA_EXIT_CHECK,
                              [EFLA_NOT_BUILT] = EFLA_EXIT_USAGE,   [EFLA_USAGE] = EFLA_EXIT_USAGE,
                              [EFLA_OUTSIDE] = EFLA_EXIT_CHECK,     [EFLA_NOT_FINITE] = EFLA_EXIT_NOT_FINITE};
  if (*why->text && cli->ranks->size > 1)
    fprintf(stderr, "%s: rank %zu: %s\n", cli->name, cli->ranks->rank, why->text);
  else if (*why->text)
    fprintf(stderr, "%s: %s\n", cli->name, why->text);
  return codes[status];
}

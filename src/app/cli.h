/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line, the same for all programs, from one table per program.
 *
 * A row of the table is at once the parser's option, the line in --help with its default, the check of the value, and
 * the line `# name: value` in the output's header.  --help --version --seed --threads --out --quick are there by
 * themselves (see `answers` for the exception).  An option that takes names or a list goes by its singular and its
 * plural, only one of which --help shows.  Usage errors end the program with status 2 and a sentence; --help and
 * --version with 0. */
#ifndef EFLA_APP_CLI_H
#define EFLA_APP_CLI_H

#include "app/column.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum efla_exit { EFLA_EXIT_FINE, EFLA_EXIT_CHECK, EFLA_EXIT_USAGE, EFLA_EXIT_IO, EFLA_EXIT_NOT_FINITE };

#define EFLA_LIST_MAX 32

/* A comma-separated list of numbers, whole numbers, or rows of a table of names, each once. */
typedef struct efla_list {
  size_t n;
  double value[EFLA_LIST_MAX]; /* numbers */
  size_t count[EFLA_LIST_MAX]; /* whole numbers */
  size_t row[EFLA_LIST_MAX];   /* names: index into their table */
} efla_list;

typedef enum efla_option_kind {
  EFLA_COUNT,  /* size_t, least <= value <= most */
  EFLA_REAL,   /* double */
  EFLA_TEXT,   /* const char *; where `argument` is FILE, a file that the program reads */
  EFLA_NEEDED, /* the same, and a usage error where it is not given */
  EFLA_RESULT, /* const char *, a file that the program writes */
  EFLA_NEEDED_RESULT,
  EFLA_COUNTS, /* efla_list of whole numbers */
  EFLA_REALS,  /* efla_list of numbers */
  EFLA_NAME,   /* size_t: one row of `names` */
  EFLA_NAMES,  /* efla_list of rows of `names`; "all" is every one */
  EFLA_FLAG    /* bool, an option without a value: true where it is given */
} efla_option_kind;

typedef struct efla_option {
  const char *name;           /* without the dashes; also the CSV header's key */
  const char *argument;       /* what --help calls the value */
  const char *normal, *quick; /* defaults, as text; quick NULL: the same */
  const char *help;
  efla_option_kind kind;
  void *to;                         /* where the value goes */
  double least, most;               /* both 0: any finite number */
  const char *(*names)(size_t row); /* NULL past the end */
} efla_option;

/* The name that an option had in the release before: still understood, and not in --help. */
typedef struct efla_former_name {
  const char *former, *name;
} efla_former_name;

/* A further table of a run, for the file that this option names. */
typedef struct efla_further_table {
  const char *option;
  const efla_column *columns;
} efla_further_table;

struct efla_cli;
struct efla_table;

typedef struct efla_program {
  const char *name, *summary, *description; /* plain text; --help lists the columns after the description */
  const efla_option *options;               /* ends with a row whose name is NULL */
  const efla_former_name *former_names;     /* ends with a row whose name is NULL; NULL: none */
  const efla_column *columns;               /* of its table; NULL: it has none, and no --out */
  const efla_further_table *further;        /* ends with a row whose option is NULL; NULL: none */
  efla_status (*run)(const struct efla_cli *cli, struct efla_table *table, efla_message *why); /* writes the rows */
  /* Answers about the user's files, as text on standard output: no --seed, no --quick, and a table goes to --out or
   * nowhere. */
  bool answers;
  /* What the options must be together, and whether the inputs can be had: before any output is opened.  NULL: nothing
   * more. */
  efla_status (*check)(const struct efla_cli *cli, efla_message *why);
  const char *(*remark)(
      void); /* a line "key: value" more for the header of its tables, once options are known; NULL: none */
} efla_program;

/* What every program has; filled by efla_cli_parse. */
typedef struct efla_cli {
  const efla_program *program;
  const char *name; /* the program as it was called: "order", "efla-order" where installed; part of argv[0] */
  size_t seed, threads;
  const char *out; /* NULL: standard output */
  bool quick;
  char *settings; /* "key: value\n" for every option as it was in force */
  char *command;  /* the command line, quoted for a shell */
} efla_cli;

/* The command line of a program that has nothing else to do: the values are assigned, or the program ends. */
void efla_cli_parse(efla_cli *cli, const efla_program *program, int argc, char **argv);

/* The same, but it returns in any case: true where the program is to run; false where cli is zeroed and *code is what
 * to end with, 0 after --help, --usage and --version (3 where standard output is full), 2 after a sentence on standard
 * error.  argp sorts argv. */
bool efla_cli_read(efla_cli *cli, const efla_program *program, int argc, char **argv, int *code);
void efla_cli_clear(efla_cli *cli);

/* "program: sentence" on standard error, nothing where the sentence is empty; returns the exit status that goes with
 * it: 3 for memory, input and output, 2 for what was not built, 1 for an oracle that refuses and a comparison that
 * fails, 4 for a result that must be finite and is not. */
int efla_cli_fail(const efla_cli *cli, efla_status status, const efla_message *why);

#endif

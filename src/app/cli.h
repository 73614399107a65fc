/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line, the same for all programs, from one table per program.
 *
 * One row defines the parser's option, its line in --help with the default, the check of its value, and the line
 * `# name: value` in the header of tables. Every program also has --help --version --seed --threads --out --quick
 * (exceptions: see `reports` and `seedless`). An option that takes names or a list is accepted in singular and plural; --help
 * shows one of the two. A usage error ends the program with a message and status 2; --help and --version with 0. */
#ifndef EFLA_APP_CLI_H
#define EFLA_APP_CLI_H

#include "app/column.h"
#include "base/status.h"
#include "efla/communicator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum efla_exit { EFLA_EXIT_FINE, EFLA_EXIT_CHECK, EFLA_EXIT_USAGE, EFLA_EXIT_IO, EFLA_EXIT_NOT_FINITE };

#define EFLA_LIST_MAX 32

/* A comma-separated list of numbers, whole numbers, or rows of a table of names, without duplicates. */
typedef struct efla_list {
  size_t n;
  double value[EFLA_LIST_MAX]; /* numbers */
  size_t count[EFLA_LIST_MAX]; /* whole numbers */
  size_t row[EFLA_LIST_MAX];   /* names: index into their table */
} efla_list;

typedef enum efla_option_kind {
  EFLA_COUNT,         /* size_t, least <= value <= most */
  EFLA_REAL,          /* double */
  EFLA_TEXT,          /* const char *; where `argument` is FILE, the name of an input file */
  EFLA_NEEDED,        /* the same, required */
  EFLA_RESULT,        /* const char *, the name of an output file */
  EFLA_NEEDED_RESULT, /* the same, required */
  EFLA_COUNTS,        /* efla_list of whole numbers */
  EFLA_REALS,         /* efla_list of numbers */
  EFLA_NAME,          /* size_t: one row of `names` */
  EFLA_NAMES,         /* efla_list of rows of `names`; "all" is every one */
  EFLA_FLAG           /* bool, an option without a value: true where it is given */
} efla_option_kind;

typedef struct efla_option {
  const char *name;           /* without the dashes; also the CSV header's key */
  const char *argument;       /* the value's name in --help */
  const char *normal, *quick; /* defaults, as text; quick NULL: the same */
  const char *help;
  efla_option_kind kind;
  void *to;                         /* the variable that receives the value */
  double least, most;               /* both 0: any finite number */
  const char *(*names)(size_t row); /* NULL past the end */
} efla_option;

/* A name that an option had in an earlier release: still accepted, not shown by --help. */
typedef struct efla_former_name {
  const char *former, *name;
} efla_former_name;

/* A further output table; the option takes the name of its file. */
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
  /* The program reports on the user's files, as text on standard output: it has no --seed and no --quick, and a table
   * is written only where --out is given. */
  bool reports;
  bool seedless; /* it draws no random numbers: it has no --seed */
  /* Checks combinations of options and that the inputs are available, before any output is opened. May be NULL. */
  efla_status (*check)(const struct efla_cli *cli, efla_message *why);
  /* Writes additional lines "# key: value" to the header of tables, once the options are known. May be NULL. */
  void (*remarks)(FILE *header);
  bool over_ranks; /* it can be started as several ranks (app/world.h), which run all functions here, each with its own
                      cli->ranks; only rank 0 has outputs: elsewhere optional ones are not wanted, and standard output
                      goes nowhere */
} efla_program;

/* The parsed command line, filled by efla_cli_read. */
typedef struct efla_cli {
  const efla_program *program;
  const char *name; /* the program as it was called: "order", "efla-order" where installed; part of argv[0] */
  size_t seed, threads;
  const char *out; /* NULL: standard output */
  bool quick;
  char *settings;                 /* "key: value\n" for every option with the value used */
  char *command;                  /* the command line, quoted for a shell */
  const efla_communicator *ranks; /* with which this process runs; never NULL in a program's functions */
} efla_cli;

/* Parses the command line and assigns the values of options. True: the program is to run. False: cli is zeroed and
 * *code is the exit status, 0 after --help, --usage and --version (3 where standard output cannot be written), 2 after
 * a usage error, reported on standard error. argp reorders argv. */
bool efla_cli_read(efla_cli *cli, const efla_program *program, int argc, char **argv, int *code);
void efla_cli_clear(efla_cli *cli);

/* Writes "program: message" to standard error unless the message is empty, and returns the exit status: 3 for memory,
 * input and output, 2 for usage and for a missing optional library, 1 for an oracle that refuses and for a comparison
 * outside its tolerance, 4 for a result that must be finite and is not. */
int efla_cli_fail(const efla_cli *cli, efla_status status, const efla_message *why);

#endif

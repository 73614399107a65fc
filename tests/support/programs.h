/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running every program in TEST_BIN, whatever it computes. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <stdbool.h>

enum { PROGRAM_TEXT = 1 << 16 };
extern char program_out[PROGRAM_TEXT], program_err[PROGRAM_TEXT]; /* of the last program_run() */
extern const char *program_work;                                  /* a directory, empty before the first program */

/* Runs "TEST_BIN/name arguments" through the shell; returns the exit status. */
int program_run(const char *name, const char *arguments, ...) __attribute__((format(printf, 2, 3)));

/* Calls check for each program, or each that is an experiment, which there must be some of. */
void program_each(void (*check)(const char *name));
void program_each_experiment(void (*check)(const char *name));

/* Whether it draws random numbers; one that does not computes formulas, in an instant. */
bool program_draws(const char *name);

bool program_exists(const char *path);
char *program_path(const char *name, const char *what); /* program_work/NAMEWHAT, to be freed */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What campaigns share: trials that are numbered and drawn from a seed, shared out among processes, and programs that
 * are run in a directory of their own, with a time limit and perhaps a signal on the way. */
#ifndef CAMPAIGN_H
#define CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAMPAIGN_COUNTS = 4, CAMPAIGN_SECONDS = 120 /* that a program may take */ };

/* In memory that all processes of a campaign share. */
typedef struct campaign_shared {
  size_t next, broken, count[CAMPAIGN_COUNTS];
} campaign_shared;

typedef struct campaign {
  const char *name, *bin, *data; /* absolute paths: of the programs, of tests/corpus */
  char preload[512];             /* this campaign's library for LD_PRELOAD: the program's own path and ".so" */
  char work[512];                /* directory of this process, the current one while trials run */
  uint64_t seed, state;          /* of the trial's random numbers */
  size_t n, trial;
  campaign_shared *shared;
} campaign;

/* Reads "NAME BIN CORPUS WORK N SEED PROCESSES" from the command line, prepares once in WORK/0, then runs trials in
 * PROCESSES processes until more() is false; false in `broken` of all is what main returns as 0.  The others'
 * directories are copies of WORK/0. */
int campaign_main(int argc, char **argv, void (*prepare)(campaign *), bool (*more)(const campaign *),
                  void (*trial)(campaign *), void (*summary)(const campaign *));

void campaign_count(campaign *c, size_t which); /* one more in shared->count[which] */

/* A promise that does not hold: says which trial, and counts it. */
void campaign_broken(campaign *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

double campaign_uniform(campaign *c);         /* in [0, 1) */
size_t campaign_below(campaign *c, size_t n); /* 0 ... n-1 */

/* Runs "BIN/LINE" by the shell in work, standard output in `out` and standard error in `err` there; a signal, if any,
 * after so many seconds, to the program or, as a terminal does, to its whole process group.  Returns once all of the
 * group is gone, with what waitpid says; -1: it took too long, and was killed. */
int campaign_run(campaign *c, const char *line, int signal_number, double after, bool group);

/* The same without a signal, with this campaign's library loaded, which reads the variables: "NAME=VALUE ...". */
int campaign_run_preloaded(campaign *c, const char *line, const char *variables, ...)
    __attribute__((format(printf, 3, 4)));

int campaign_shell(const char *format, ...) __attribute__((format(printf, 1, 2))); /* exit status */

/* The bytes of a file, to be freed; NULL where there is none. */
unsigned char *campaign_read(const char *path, size_t *n);
size_t campaign_read_number(const char *path); /* 0 where there is none */
void campaign_write(const char *path, const void *bytes, size_t n);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running bin/smnist. */
#ifndef SMNIST_H
#define SMNIST_H

/* Three steps an epoch, the last one shorter. */
#define SMNIST_SMALL "--quick --threads 1 --width 16 --train-images 40 --eval-images 4 --batch 16 "

enum { SMNIST_TEXT = 1 << 14 };
extern char smnist_out[SMNIST_TEXT], smnist_err[SMNIST_TEXT]; /* of the last smnist_run() */
extern const char *smnist_work;                               /* the directory of the running test */

/* Runs "TEST_BIN/smnist OPTIONS" in the shell; returns the exit status. */
int smnist_run(const char *options, ...) __attribute__((format(printf, 1, 2)));

/* No unfinished file in the directory, nor in those at most `depth` below it. */
void smnist_check_no_parts(const char *directory, int depth);

#endif

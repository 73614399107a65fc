/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of bin/diagnose share: an input file, and runs of the program on it. */
#ifndef DIAGNOSING_H
#define DIAGNOSING_H

#include "h5.h"

/* The input file, the directory that it is in, and what the last run wrote. */
extern struct diagnosing {
  const char *work;
  char in[256], out[1 << 21], err[1 << 14];
} ran;

/* Begins the input file, in a directory of that name. */
hid_t diagnosing_create(const char *name);

/* Fills it: raw keys of norm 1, and in head 1 of sequence 1 one token at t = 77 with a key of norm 9 and beta = 1. */
void diagnosing_put(hid_t file);
extern const h5_sizes diagnosing_sizes;

/* "bin/diagnose --input IN options" after `before` (variables, limits); returns the exit status. */
int diagnosing_run(const char *before, const char *options, ...) __attribute__((format(printf, 2, 3)));

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A kernel with switches for its faults, written apart from the library, that leaves its inputs and outputs in a
 * tensor file. */
#ifndef FAULTY_H
#define FAULTY_H

#include "laboratory.h"
#include "h5.h"

#include <stdbool.h>

typedef struct faulty {
  h5_sizes sizes;        /* batch and heads >= 1 */
  double norm;           /* of keys */
  bool f64;              /* arithmetic; otherwise f32 */
  const char *state;     /* format that the state is rounded to after every token, NULL: none */
  const char *o;         /* format of o */
  const char *stored;    /* type of o on disk: f64, f32, fp16, bf16 */
  double scale, applied; /* attribute; what the kernel does */
  bool unit_keys, unit_coefficient, unit_queries;    /* normalises keys, takes lambda from normalised ones */
  double (*coefficient)(double beta, double lambda); /* NULL: exact */
  bool has_initial, ignores_initial, initial_transposed, final_transposed, no_final;
  bool has_decay, ignores_decay, decay_after;
  const char *decay; /* that the kernel computes: joint, with g; retention, with alpha = 1 + g; NULL: split */
  bool reads_before, reads_transposed;
  bool packed,
      carries;        /* two sequences of 3/5 and 2/5 of the tokens in one batch entry; state not reset between them */
  bool lost_in_state; /* only final_state lacks the lost tail */
  double epsilon, key_epsilon; /* in the coefficient; in the norm of keys */
  size_t lost_tail, zero_tail; /* chunk whose incomplete last one never enters the state, leaves o zero */
  size_t same_until;           /* all batch entries have the same inputs up to this token */
  bool peeks;                  /* o_t is read from S_{t+1} */
  double nudge;                /* added to one entry of o: of the token, the last batch entry, head and value */
  size_t nudged;
} faulty;

/* The kernel without faults, in f32. */
faulty faulty_none(h5_sizes sizes);

/* Writes q, k, v, beta, o, final_state and the other datasets that the switches ask for. */
void faulty_write(const faulty *f, const char *path);

/* Is the file's o right for the exact coefficient, raw keys, and the tolerance that is derived?  And the kernel check;
 * the test ends where it fails. */
efla_kernel_check_options faulty_question(const char *file);
/* The value of --decay that has this name. */
size_t faulty_decay(const char *name);
efla_kernel_check faulty_check(const efla_kernel_check_options *ask);

double faulty_euler(double beta, double lambda);
double faulty_implicit(double beta, double lambda);

#endif

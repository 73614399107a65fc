/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Problems for the backend cuda: arrays of random numbers on the processor, and their copies on the device. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "efla/efla.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct device_case {
  const char *method, *decay, *keys;
  efla_type type;
  size_t batch, heads, repeat, tokens, dk, dv, gap; /* gap: numbers between rows */
  double norm;                                      /* of raw keys, about */
  bool packed, initial, narrow_states;              /* states in f32 */
} device_case;

enum { CHUNK = 64, SEQUENCES = 5 };

typedef struct both {
  efla_array host, device;
  size_t bytes;
} both;

typedef struct problem {
  const device_case *c;
  efla_rule rule;
  both q, k, v, beta, g, initial, o, final;
  size_t cu[SEQUENCES + 1], states;
} problem;

/* The roundoff of a type; number i of memory of a type. */
double problem_unit(efla_type type);
double problem_get(efla_type type, const void *from, size_t i);
void problem_put(efla_type type, void *to, size_t i, double x);

/* Ends the program with the backend's message where something is not ok. */
void problem_check(bool ok, efla_backend *b, const char *what);

/* (batch, tokens, heads, features) with a gap between rows; all bytes 0xff. */
both problem_make(efla_backend *b, efla_type type, size_t batch, size_t tokens, size_t heads, size_t features,
                  size_t gap);
void problem_fill(both *x, size_t batch, size_t heads, size_t tokens, size_t n, double center, double spread,
                  bool flat);
void problem_send(efla_backend *b, const both *x);
void problem_clear(efla_backend *b, both *x);
size_t problem_at(const efla_array *a, size_t b, size_t h, size_t t);

/* Random numbers of a case, on both sides; what it asks of a call. */
problem problem_pose(efla_backend *b, const device_case *c);
efla_sequence problem_sequence(const problem *p);

#endif

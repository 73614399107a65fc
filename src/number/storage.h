/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a run is stored in a number format, and how it gets there. */
#ifndef EFLA_NUMBER_STORAGE_H
#define EFLA_NUMBER_STORAGE_H

#include "number/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct efla_storage {
  const efla_format *format;
  bool state;      /* after every token */
  bool inputs;     /* q, k and v */
  bool stochastic; /* the state's rounding; inputs go to the nearest */
  uint64_t seed;   /* of stochastic rounding: names the run's stream, see efla_format_draw */
  size_t chunk; /* tokens per chunk of the chunkwise form, after each of which the state is stored; 0: token by token */
} efla_storage;

/* The state in a format, to the nearest: the usual case. */
efla_storage efla_storage_state(const efla_format *format);

/* The ways to store, token by token, that an experiment compares. */
enum { EFLA_STORAGE_WAYS = 4 };

/* Way i < EFLA_STORAGE_WAYS in a format: the state to the nearest, the state stochastically, the inputs, both.  seed is
 * that of stochastic rounding.  False where this way computes the same as way 0: in formats of 24 digits and more
 * neither state nor inputs are rounded further than by the arithmetic itself. */
bool efla_storage_way(const efla_format *format, size_t i, uint64_t seed, efla_storage *storage);

/* "state", "inputs" or "both"; "nearest" or "stochastic". */
const char *efla_storage_stored(const efla_storage *storage);
const char *efla_storage_rounding(const efla_storage *storage);

#endif

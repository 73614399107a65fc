/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of what the error of a run consists: discretisation (another method than the exact one), chunking, and rounding of
 * what is stored, each as the distance of two runs in lockstep. */
#ifndef EFLA_RUN_ERROR_PARTS_H
#define EFLA_RUN_ERROR_PARTS_H

#include "run/lockstep.h"

/* Adds runs, each with the decay of l, in this order: exact in f64; the other methods in f64; exact by chunks of so many
 * tokens in f32; exact in every format and way to store (efla_lockstep_add_formats).  methods, formats: rows of their
 * tables.  Fails with EFLA_NO_MEMORY. */
efla_status efla_error_parts_add(efla_lockstep *l, const efla_list *methods, const efla_list *formats, size_t chunk,
                                 size_t seed);

/* Whether the run is one of the last kind. */
bool efla_error_parts_stores(const efla_lockstep *l, size_t run);

typedef struct efla_error_part {
  const char *name, *part; /* method or format; discretisation, rounding or chunking */
  double distance;         /* relative distance of the states */
} efla_error_part;

/* The parts, two at most, that a run shows: discretisation of another method; rounding of a state stored to the nearest,
 * and of its format chunking.  Returns their number. */
size_t efla_error_parts_of(const efla_lockstep *l, size_t run, efla_error_part part[2]);

#endif

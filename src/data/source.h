/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sources of tokens: the input families.
 *
 * A source is a stream: each call continues where the last one ended, so that a run of a million tokens needs memory
 * for one block only.  Keys, values, queries, steps (beta) and picks (choices among keys) have one random generator
 * each, seeded from the seed and the purpose alone, so that a further family or purpose does not change the numbers of
 * the others.  A family is one row of the table. */
#ifndef EFLA_DATA_SOURCE_H
#define EFLA_DATA_SOURCE_H

#include "base/tokens.h"
#include "io/idx.h"
#include "base/status.h"

#include <gsl/gsl_rng.h>
#include <stdbool.h>

struct efla_source;

typedef struct efla_family {
  const char *name;
  const char *what;
  size_t side;    /* dk and dv must be equal to this; 0: any */
  bool scaled;    /* the spec's norm applies */
  bool isotropic; /* keys are independent and uniform in direction: the theory of growth.h applies */
  size_t (*room)(const struct efla_source *source);                    /* how many doubles `memory` has */
  efla_status (*start)(struct efla_source *source, efla_message *why); /* NULL: nothing to do */
  size_t (*tokens)(const struct efla_source *source);                  /* how many there are; NULL: unlimited */
  /* Sets the key of token number `token` (from 0, over all calls); v has a Gaussian value, which a family may
   * replace. */
  efla_status (*next)(struct efla_source *source, size_t token, double *k, double *v, efla_message *why);
} efla_family;

extern const efla_family efla_families[]; /* ends with a row whose name is NULL */
const char *efla_family_name(size_t i);
const efla_family *efla_family_find(const char *name);

/* The parameters of a source; efla_spec_default has the defaults. */
typedef struct efla_spec {
  const efla_family *family;
  size_t dk, dv, seed;
  double norm;       /* root mean square of |k|; mnist: factor of the pixels */
  double rho;        /* ar1: correlation of successive keys; cone: of any two (then >= 0) */
  size_t words;      /* dictionary: number of distinct keys */
  double fraction;   /* spikes: share of large tokens */
  double size;       /* spikes: their |k| in units of norm */
  double beta;       /* the step of every token; negative: sigmoid(N(0,1)), drawn per token */
  const char *mnist; /* directory; NULL: the variable EFLA_MNIST */
} efla_spec;

efla_spec efla_spec_default(const efla_family *family);

/* Number of independent directions of keys: dk, or the number of words of the dictionary. */
size_t efla_spec_directions(const efla_spec *spec);

enum efla_purpose {
  EFLA_DRAW_KEYS,
  EFLA_DRAW_VALUES,
  EFLA_DRAW_QUERIES,
  EFLA_DRAW_STEPS,
  EFLA_DRAW_PICKS,
  EFLA_PURPOSES
};

typedef struct efla_source {
  efla_spec spec;
  size_t token; /* tokens delivered so far */
  gsl_rng *draw[EFLA_PURPOSES];
  double *memory;  /* of the family */
  efla_idx images; /* mnist */
} efla_source;

/* Fails with EFLA_INPUT (dk or dv impossible for the family, MNIST missing or damaged) or EFLA_NO_MEMORY; source is
 * then zeroed. */
efla_status efla_source_init(efla_source *source, const efla_spec *spec, efla_message *why);
void efla_source_clear(efla_source *source);

/* Checks that a source can be opened and has so many tokens; for all inputs, before anything is computed.  Fails as
 * efla_source_init does, and with EFLA_INPUT where there are fewer. */
efla_status efla_source_check(const efla_spec *spec, size_t tokens, efla_message *why);

/* The same for n sources. */
efla_status efla_source_check_all(size_t n, efla_spec (*spec)(size_t i), size_t tokens, efla_message *why);

/* Fills all of x (dk, dv as in spec) with the next tokens.  Queries are N(0, I/dk); values N(0, I) unless the family
 * has its own.  Every number is rounded to f32, so that runs in f64 and f32 have the same input.  Fails with EFLA_INPUT
 * where the data end. */
efla_status efla_source_next(efla_source *source, efla_tokens *x, efla_message *why);

/* A nonzero initial state S (dk, dv): the recurrence with a = beta applied to the zero state over the next tokens.
 * Fails as efla_source_next does, and with EFLA_NO_MEMORY. */
efla_status efla_source_fill(efla_source *source, size_t tokens, double *S, efla_message *why);

#endif

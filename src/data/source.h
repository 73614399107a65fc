/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sources of tokens: the input families.
 *
 * A source is a stream: each call continues where the last one ended, so that a run of a million tokens needs memory
 * for one block only.  Keys, values, queries, steps and picks come from one generator each, seeded from the seed and
 * the purpose alone; a new family or a new purpose does not change any other's numbers.  Adding a family is one row of
 * the table. */
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
  size_t side;    /* dk = dv must be this; 0: free */
  bool scaled;    /* the spec's norm applies */
  bool isotropic; /* keys are independent and uniform in direction: the theory of growth.h applies */
  size_t (*room)(const struct efla_source *source);                    /* doubles that the family keeps */
  efla_status (*start)(struct efla_source *source, efla_message *why); /* NULL: nothing to do */
  size_t (*tokens)(const struct efla_source *source);                  /* how many there are; NULL: without end */
  /* Fills the key of token number `token` (from 0, over all calls); v holds a Gaussian value, which a family may
   * replace. */
  efla_status (*next)(struct efla_source *source, size_t token, double *k, double *v, efla_message *why);
} efla_family;

extern const efla_family efla_families[]; /* ends with a row whose name is NULL */
const char *efla_family_name(size_t i);
const efla_family *efla_family_find(const char *name);

/* How a source is described; the defaults are those of efla_spec_default. */
typedef struct efla_spec {
  const efla_family *family;
  size_t dk, dv, seed;
  double norm;       /* s: root mean square of |k| (times the pixels for mnist; unit keys ignore it) */
  double rho;        /* ar1: correlation of successive keys; cone: of any two (then >= 0) */
  size_t words;      /* dictionary: number of distinct keys */
  double fraction;   /* spikes: share of large tokens */
  double size;       /* spikes: their |k| in units of norm */
  double beta;       /* the step of every token; negative: sigmoid(N(0,1)), drawn per token */
  const char *mnist; /* directory; NULL: the variable EFLA_MNIST */
} efla_spec;

efla_spec efla_spec_default(const efla_family *family);

/* In how many directions keys point: dk, or the words of the dictionary. */
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
  size_t token; /* tokens given out so far */
  gsl_rng *draw[EFLA_PURPOSES];
  double *memory;  /* what the family keeps */
  efla_idx images; /* mnist */
} efla_source;

/* Fails with EFLA_INPUT (dk or dv the family cannot have, MNIST missing or damaged) or EFLA_NO_MEMORY; source is then
 * zeroed. */
efla_status efla_source_init(efla_source *source, const efla_spec *spec, efla_message *why);
void efla_source_clear(efla_source *source);

/* Whether a source of that description can be had, and gives so many tokens: to be asked of all inputs before anything
 * is computed from the first.  Fails as efla_source_init does, and with EFLA_INPUT where there are fewer. */
efla_status efla_source_check(const efla_spec *spec, size_t tokens, efla_message *why);

/* The same of several. */
efla_status efla_source_check_all(size_t n, efla_spec (*spec)(size_t i), size_t tokens, efla_message *why);

/* Fills all of x (dk, dv as in spec) with the next tokens.  Queries are N(0, I/dk); values N(0, I) unless the family
 * has its own; every number is rounded to f32, so that runs in f64 and f32 see the same problem.  Fails with EFLA_INPUT
 * where the data end. */
efla_status efla_source_next(efla_source *source, efla_tokens *x, efla_message *why);

/* A state to start from that is not zero: S (dk, dv), what the recurrence with a = beta makes of zero over so many next
 * tokens.  Fails as efla_source_next does, and with EFLA_NO_MEMORY. */
efla_status efla_source_fill(efla_source *source, size_t tokens, double *S, efla_message *why);

#endif

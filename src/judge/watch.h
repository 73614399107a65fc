/* A watch: one method's state in f32, as a kernel carries it, along a whole stream, for the token after which it is no longer finite. */
#ifndef EFLA_JUDGE_WATCH_H
#define EFLA_JUDGE_WATCH_H

#include "precision/forward.h"

#include <stdbool.h>

enum { EFLA_WATCH_BLOCK = 128 }; /* tokens at a time */

typedef struct efla_watch {
  efla_forward forward;
  double *S, *before;  /* (dk, dv): the state, and what it was before the block at hand */
  double *o, *scratch; /* (EFLA_WATCH_BLOCK, dv), as efla_forward_scratch says */
  size_t token;        /* consumed since start */
  size_t overflow;     /* the token after which the state was not finite, from 0; SIZE_MAX: none so far */
} efla_watch;

/* Fails with EFLA_MEMORY and leaves watch zeroed. */
efla_status efla_watch_init(efla_watch *watch, const efla_method *method, size_t dk, size_t dv);
void efla_watch_clear(efla_watch *watch);

/* A stream begins from S (dk, dv), NULL: zero. */
void efla_watch_start(efla_watch *watch, const double *S);

/* The next tokens, at most EFLA_WATCH_BLOCK; g (x->tokens) log decays, or NULL.  After an overflow there is nothing left to do. */
void efla_watch_advance(efla_watch *watch, const efla_tokens *x, const double *g);

#endif

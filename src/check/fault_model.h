/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fault models: what a kernel with a typical fault computes.  A fault is recognised by computing its model and
 * comparing with the kernel's output. */
#ifndef EFLA_CHECK_FAULT_MODEL_H
#define EFLA_CHECK_FAULT_MODEL_H

#include "check/evidence.h"

typedef enum efla_fault_array {
  EFLA_OF_Q,
  EFLA_OF_K,
  EFLA_OF_V,
  EFLA_OF_BETA,
  EFLA_OF_G,
  EFLA_OF_P,
  EFLA_OF_ARRAYS
} efla_fault_array;

/* How an array is read wrongly; zero: as it is. */
typedef struct efla_fault_reading {
  double times;              /* multiplied by 1 + times */
  int shift;                 /* tokens: -1 for that of the token before; zero outside the sequence */
  const efla_format *format; /* rounded to */
  bool turned, first;        /* of the head that fault_model's `groups` says; of the first head */
} efla_fault_reading;

/* Where chunks have a fault of their own. */
typedef enum efla_fault_chunk {
  EFLA_CHUNK_RIGHT,
  EFLA_CHUNK_RESET,        /* the state is zero where a chunk starts */
  EFLA_CHUNK_DROPS_FIRST,  /* the first token of a chunk never enters the state */
  EFLA_CHUNK_DROPS_LAST,   /* the last one */
  EFLA_CHUNK_DROPPED,      /* no token of the chunk that starts at token `chunk_from` enters the state */
  EFLA_CHUNK_NO_DECAY,     /* no decay at the first token of a chunk */
  EFLA_CHUNK_STALE_VALUE,  /* v of the token before at the first token of a chunk */
  EFLA_CHUNK_READS_START,  /* o is read from the state at the chunk's start: what the chunk itself writes is missing */
  EFLA_CHUNK_READS_END,    /* o is read from the state at the chunk's end */
  EFLA_CHUNK_TAIL,         /* tokens after the last whole chunk never enter the state */
  EFLA_CHUNK_TAIL_OF_STATE /* ... the written final_state; o is not affected */
} efla_fault_chunk;

/* What is computed.  The model of a correct kernel has the rule and scale that were requested, coefficient_keys,
 * write_keys and erase_keys = the rule's keys, raw queries, and zero everywhere else. */
typedef struct efla_fault_model {
  efla_rule rule;                                       /* decay and method; its keys are not used */
  const efla_key_treatment *coefficient_keys, *queries; /* treatment of the keys for lambda, and of q */
  const efla_key_treatment *write_keys, *erase_keys;    /* of the update k (w v - e S^T p) */
  double scale;
  enum { EFLA_READ_AFTER, EFLA_READ_BEFORE, EFLA_READ_TRANSPOSED } read; /* o from S after or before the token; S q */
  bool undecayed;   /* read before: also before the token's decay */
  bool decay_after; /* an update without decay, and then S <- d S, per channel S <- diag(d) S */
  enum { EFLA_START_GIVEN, EFLA_START_ZERO, EFLA_START_TRANSPOSED, EFLA_START_CARRIED, EFLA_START_FIRST } start;
  bool transposed_final; /* final_state is written as (dv, dk) */
  efla_fault_chunk at_chunks;
  size_t chunk, chunk_from;
  bool mean_decay; /* of g per channel the mean in every channel */
  bool ignores_p;  /* k in place of the erase key, in lambda too */
  double epsilon;  /* in the coefficient: (1 - exp(-beta max(lambda, epsilon)))/(lambda + epsilon) */
  efla_fault_reading reads[EFLA_OF_ARRAYS];
  bool swapped;  /* k is read with, q is written with */
  size_t groups; /* `turned`: heads are taken to be in this many groups that alternate, or (negative) follow */
  bool groups_follow;
  enum { EFLA_BETA_GIVEN, EFLA_BETA_ONE, EFLA_BETA_SIGMOID, EFLA_BETA_SQUARED } beta;
  double erase_times, lambda_times, start_times; /* multiplied by 1 + times */
  enum { EFLA_WEIGHTS_RIGHT, EFLA_WRITES_ONE, EFLA_ERASES_ONE, EFLA_ERASES_UNDECAYED } weights; /* w = 1; e = 1; e/d */
  const efla_format *state, *products; /* the state is rounded to; operands of products are rounded to */
  size_t state_chunk;                  /* the state is rounded where chunks start only; 0: after every token */
} efla_fault_model;

efla_fault_model efla_fault_model_right(const efla_kernel_spec *spec);

/* Computes lane i of the evidence: o (tokens, dv); S (dk, dv): the state of the sequence before in, of the last token
 * out; scratch (efla_fault_scratch numbers). */
size_t efla_fault_scratch(const efla_evidence *evidence);
void efla_fault_model_run(const efla_fault_model *model, const efla_evidence *evidence, size_t i, double *o, double *S,
                          double *scratch);

/* How far the file is from a model, over the lanes that are judged. */
typedef struct efla_fault_distance {
  double o, state;       /* means of error^2 over what the error bound expects of a kernel with numbers of this size */
  double tokens, states; /* how many of each */
} efla_fault_distance;

/* Adds one lane, of which o and S were computed. */
void efla_fault_distance_add(efla_fault_distance *distance, const efla_fault_model *model,
                             const efla_evidence *evidence, size_t i, const double *o, const double *S);

/* The same over all lanes.  Ends early, with distances of inf, once the sum over tokens is above `most`.  Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_fault_model_distance(const efla_fault_model *model, const efla_evidence *evidence, double most,
                                      efla_fault_distance *distance);

/* The square root of the larger mean over EFLA_FAULT_SCALE, about what a right kernel's root mean square may reach of
 * the expected one: up to 1 the model explains the file. */
#define EFLA_FAULT_SCALE 4.0
double efla_fault_score(const efla_fault_distance *distance);

/* The logarithm of the likelihood ratio of two models (a over b), when errors are Gaussian with the covariance that is
 * expected, up to a factor; tokens count as independent if EFLA_FAULT_MEMORY apart. */
#define EFLA_FAULT_MEMORY 8.
double efla_fault_likelihood(const efla_fault_distance *a, const efla_fault_distance *b);

#endif

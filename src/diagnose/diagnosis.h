/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The diagnosis of a stream of tokens with many heads: which methods are stable on it, and the errors of methods and
 * number formats; with g per channel those of the splittings instead.
 *
 *     efla_diagnosis_init(&d, &options, why);
 *     for every sequence, for groups of at most options.slots heads:
 *       for every slot: efla_diagnosis_start(&d, slot, place of the first token, initial state, length)
 *       for every block, for every slot: efla_diagnosis_advance(&d, slot, x, why)
 *     efla_diagnosis_finish(&d);
 *     read d.head[h], d.total, efla_diagnosis_sentence
 *     efla_diagnosis_clear(&d);
 *
 * Slots hold different heads and may advance in parallel. */
#ifndef EFLA_DIAGNOSE_DIAGNOSIS_H
#define EFLA_DIAGNOSE_DIAGNOSIS_H

#include "diagnose/token_statistics.h"
#include "diagnose/splitting.h"
#include "diagnose/stability_run.h"

/* The stream's shape, and what to measure. */
typedef struct efla_diagnosis_options {
  size_t sequences, heads, dk, dv;
  size_t slots;             /* heads processed at the same time */
  size_t measure;           /* tokens per head with measured runs: the first ones of the first sequences */
  const efla_oracle *truth; /* the oracle of these runs; longdouble where a decay is within the step */
  const efla_decay *decay;  /* NULL: none */
  bool channels;            /* tokens have g per channel; of joint it is the exact flow */
  bool erase_key;           /* tokens have p */
} efla_diagnosis_options;

typedef struct efla_slot {
  efla_stability_run stability; /* where efla_statistics_runs */
  efla_splitting splitting;     /* with g per channel and without an erase key */
  efla_place at;                /* of the next token */
  efla_status status;
  efla_message why; /* where the oracle refused */
} efla_slot;

typedef struct efla_diagnosis {
  efla_diagnosis_options options;
  efla_token_statistics *token_stats; /* (heads) */
  efla_statistics *head;              /* (heads) */
  efla_statistics total;              /* of all heads, valid after finish */
  efla_slot *slot;                    /* (slots) */
} efla_diagnosis;

/* Fails with EFLA_NO_MEMORY; d is then zeroed. */
efla_status efla_diagnosis_init(efla_diagnosis *d, const efla_diagnosis_options *options, efla_message *why);
void efla_diagnosis_clear(efla_diagnosis *d);

/* Begins head `head` of a sequence of `length` tokens in a slot, with the state S (dk, dv), NULL: zero. */
void efla_diagnosis_start(efla_diagnosis *d, size_t slot, size_t sequence, size_t head, const double *S, size_t length);

/* Adds the next block of the slot's head. */
void efla_diagnosis_advance(efla_diagnosis *d, size_t slot, const efla_tokens *x);

/* Computes the results, after the last block.  Returns EFLA_UNTRUSTED and a message where the oracle refused:
 * deviations are inf there, all else is valid. */
efla_status efla_diagnosis_finish(efla_diagnosis *d, efla_message *why);

/* "t = 417, head 5", with the sequence where there are several; "-" for nowhere. */
enum { EFLA_PLACE_TEXT = 96 };
const char *efla_place_name(const efla_diagnosis *d, efla_place place, char text[EFLA_PLACE_TEXT]);

/* The factor by which a rounding error grows from the measured tokens to the end of the longest sequence, if it grows
 * as a random walk: the square root of the ratio of their lengths (number/rounding_law.h). */
double efla_diagnosis_walk(const efla_statistics *statistics);

/* The format with the fewest digits whose largest error times efla_diagnosis_walk is at most `tolerance`, of several
 * the one with the smallest error; NULL if there is none, or nothing was measured. */
const efla_format *efla_diagnosis_sufficient(const efla_statistics *statistics, double tolerance);

/* The decay's name, which tells one per channel from one per head: "lie", "exact". */
const char *efla_diagnosis_decay(const efla_diagnosis *d);

/* "beta*lambda", the step x in terms of a token's numbers. */
const char *efla_diagnosis_step(const efla_diagnosis *d);

/* The verdict in one sentence. */
enum { EFLA_SENTENCE = 768 };
void efla_diagnosis_sentence(const efla_diagnosis *d, char text[EFLA_SENTENCE]);

#endif

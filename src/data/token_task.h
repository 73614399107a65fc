/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Synthetic tasks on sequences of tokens, one row each: multi-query associative recall (data/mqar.h) and the six tasks
 * of MAD (data/mad.h).  docs/tasks.md defines them.
 *
 * An example is a row of inputs and a row of labels of the same length.  Where the label at position t is not
 * EFLA_UNSCORED, a model is to give it after having read inputs 0 ... t. */
#ifndef EFLA_DATA_TOKEN_TASK_H
#define EFLA_DATA_TOKEN_TASK_H

#include "base/draw.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EFLA_UNSCORED = UINT16_MAX };

typedef struct efla_token_settings {
  size_t vocabulary;                       /* V <= EFLA_UNSCORED: inputs and scored labels are 0 ... V-1 */
  size_t length;                           /* L of the definition; a source says how many positions that makes */
  size_t items;                            /* mqar: pairs; selective-copying: tokens to copy; otherwise 0 */
  size_t noise_vocabulary;                 /* recall tasks: how many of the V tokens are noise only */
  double noise;                            /* recall tasks: share of pairs that noise replaces, in [0, 1) */
  double exponent;                         /* mqar: a of the power law, in (0, 1] */
  bool random_filler;                      /* mqar: whether filler is random and not 0 */
  size_t training_examples, test_examples; /* in the published sets */
} efla_token_settings;

/* How published accuracies are averaged over scored positions. */
typedef enum efla_token_score {
  EFLA_SCORE_EXAMPLES, /* the share of right answers of each example, then the mean over examples */
  /* In batches of 128 examples the share of right answers for each label, then the mean over the tokens that occur as
   * a label or as an answer there (0 for one that is no label), then the mean over batches. */
  EFLA_SCORE_LABELS
} efla_token_score;

struct efla_token_source;

typedef struct efla_token_task {
  const char *name;
  const char *what;
  efla_token_settings settings; /* published */
  efla_token_score score;
  bool whole;  /* labels are to be given from what is kept after the last input: an auto-encoder */
  bool noisy;  /* takes noise */
  size_t lost; /* L less the number of positions */
  const char *(*expected)(const efla_token_settings *settings); /* what does not hold of them; NULL: all does */
  size_t (*table)(const efla_token_settings *settings);         /* bytes that all examples share; NULL: none */
  void (*start)(const struct efla_token_source *source, efla_draw *draw); /* fills them */
  void (*generate)(const struct efla_token_source *source, efla_draw *draw, uint16_t *inputs, uint16_t *labels);
} efla_token_task;

extern const efla_token_task *const efla_token_tasks[]; /* ends with NULL */
const char *efla_token_task_name(size_t i);
const efla_token_task *efla_token_task_find(const char *name); /* NULL: none */

/* A set of examples without end; several threads may use it at once. */
typedef struct efla_token_source {
  const efla_token_task *task;
  efla_token_settings settings;
  uint64_t seed;
  bool training;    /* the recall tasks of MAD have other labels for training, and shorter keys */
  size_t positions; /* of an example */
  void *table;
} efla_token_source;

/* Fails with EFLA_USAGE and a message where the task has no such settings, and with EFLA_NO_MEMORY; source is then
 * zeroed. */
efla_status efla_token_source_init(efla_token_source *source, const efla_token_task *task,
                                   const efla_token_settings *settings, uint64_t seed, bool training,
                                   efla_message *why);
void efla_token_source_clear(efla_token_source *source);

/* Example i: inputs (positions) and labels (positions) follow from (seed, training, i) and the settings only; sources
 * of one seed with different settings may have related examples.  What all examples share (the pairs of memorization)
 * follows from the seed, and is the same in training and test. */
void efla_token_example(const efla_token_source *source, uint64_t i, uint16_t *inputs, uint16_t *labels);

/* For tasks.  One token, uniform in first ... first+count-1; n <= count different ones, each ordered choice as likely
 * as any other, at tokens[0], tokens[stride], ... */
uint16_t efla_token_draw(efla_draw *draw, size_t first, size_t count);
void efla_token_draw_distinct(efla_draw *draw, size_t first, size_t count, size_t n, size_t stride, uint16_t *tokens);

/* The same for labels (n): none is scored. */
void efla_token_unscore(size_t n, uint16_t *labels);

#endif

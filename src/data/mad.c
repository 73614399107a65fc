/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copying, compression and memorization; the recall tasks are in mad_recall.c. */
#include "data/mad.h"

#include <string.h>

static const char *copying_expected(const efla_token_settings *s) {
  if (s->vocabulary < 3) return "at least 3 tokens";
  if (s->items < 1 || s->items > (s->length - 1) / 2) return "a token to copy, and two positions for each and one more";
  return NULL;
}

/* Content with blanks before any of it, the marker, and as many blanks as there is content. */
static void generate_copying(const efla_token_source *source, efla_draw *draw, uint16_t *inputs, uint16_t *labels) {
  const efla_token_settings *s = &source->settings;
  const uint16_t marker = (uint16_t)(s->vocabulary - 1), blank = (uint16_t)(s->vocabulary - 2);
  size_t items = s->items, answers = s->length - items, t = 0;
  uint16_t *blanks = labels; /* before each item, in labels that are set at the end */
  memset(blanks, 0, items * sizeof *blanks);
  for (size_t b = 0; b < answers - items - 1; b++) blanks[efla_draw_below(draw, items)]++;
  for (size_t i = 0; i < items; i++) {
    for (size_t b = 0; b < blanks[i]; b++) inputs[t++] = blank;
    inputs[t++] = labels[answers + i] = efla_token_draw(draw, 0, blank);
  }
  inputs[t++] = marker;
  while (t < s->length) inputs[t++] = blank;
  efla_token_unscore(answers, labels);
}

static const char *compression_expected(const efla_token_settings *s) {
  return s->vocabulary < 2 ? "at least 2 tokens" : NULL;
}

static void generate_compression(const efla_token_source *source, efla_draw *draw, uint16_t *inputs, uint16_t *labels) {
  size_t last = source->settings.length - 1, marker = source->settings.vocabulary - 1;
  for (size_t t = 0; t < last; t++) inputs[t] = efla_token_draw(draw, 0, marker);
  inputs[last] = (uint16_t)marker;
  memcpy(labels, inputs, (last + 1) * sizeof *labels);
}

static size_t keys_of(const efla_token_settings *s) { return (s->vocabulary - 1) / 2; }

static const char *memorization_expected(const efla_token_settings *s) {
  if (s->vocabulary < 3) return "at least 3 tokens";
  return s->length % 2 != 0 ? "an even length" : NULL;
}

/* The value of each key. */
static size_t memorization_table(const efla_token_settings *s) { return keys_of(s) * sizeof(uint16_t); }

static void start_memorization(const efla_token_source *source, efla_draw *draw) {
  size_t keys = keys_of(&source->settings), values = source->settings.vocabulary - 1 - keys;
  efla_token_draw_distinct(draw, keys, values, keys, 1, source->table);
}

static void generate_memorization(const efla_token_source *source, efla_draw *draw, uint16_t *inputs,
                                  uint16_t *labels) {
  const efla_token_settings *s = &source->settings;
  const uint16_t *value = source->table;
  efla_token_unscore(s->length, labels);
  for (size_t t = 0; t < s->length; t += 2) {
    inputs[t] = efla_token_draw(draw, 0, keys_of(s));
    inputs[t + 1] = (uint16_t)(s->vocabulary - 1);
    labels[t + 1] = value[inputs[t]];
  }
}

const efla_token_task efla_mad_selective_copying = {
    .name = "selective-copying",
    .what = "tokens among blanks; give them in order after the marker",
    .settings = {.vocabulary = 16, .length = 256, .items = 16, .training_examples = 12800, .test_examples = 1280},
    .score = EFLA_SCORE_LABELS,
    .expected = copying_expected,
    .generate = generate_copying,
};

const efla_token_task efla_mad_compression = {
    .name = "compression",
    .what = "random tokens; give all of them from what is kept after the last",
    .settings = {.vocabulary = 16, .length = 32, .training_examples = 12800, .test_examples = 1280},
    .score = EFLA_SCORE_LABELS,
    .whole = true,
    .expected = compression_expected,
    .generate = generate_compression,
};

const efla_token_task efla_mad_memorization = {
    .name = "memorization",
    .what = "keys; give the value of each, the same in all examples and never an input",
    .settings = {.vocabulary = 256, .length = 32, .training_examples = 256, .test_examples = 1280},
    .score = EFLA_SCORE_LABELS,
    .expected = memorization_expected,
    .table = memorization_table,
    .start = start_memorization,
    .generate = generate_memorization,
};

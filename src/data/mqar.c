/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/mqar.h"

#include <math.h>

static size_t slots_of(const efla_token_settings *s) { return s->length / 2 - s->items; }

static const char *expected(const efla_token_settings *s) {
  if (s->length % 2 != 0) return "an even length";
  if (s->vocabulary <= s->length) return "more tokens than positions";
  if (s->items < 1 || s->items > s->length / 4) return "at least one pair and four positions for each pair";
  if (!(s->exponent > 0 && s->exponent <= 1)) return "an exponent in (0, 1]";
  return NULL;
}

static size_t table(const efla_token_settings *s) { return slots_of(s) * sizeof(double); }

static void start(const efla_token_source *source, efla_draw *draw) {
  double *weight = source->table, a = source->settings.exponent;
  (void)draw;
  for (size_t j = 0; j < slots_of(&source->settings); j++) weight[j] = pow((double)j + 1, a - 1); /* times a constant */
}

/* A slot whose first input is filler, by the weights of these. */
static size_t draw_slot(const efla_token_source *source, efla_draw *draw, const uint16_t *inputs) {
  const double *weight = source->table;
  size_t slots = slots_of(&source->settings), chosen = 0;
  double total = 0;
  for (size_t j = 0; j < slots; j++) total += inputs[2 * j] ? 0 : weight[j];
  double left = efla_draw_uniform(draw) * total;
  for (size_t j = 0; j < slots && left >= 0; j++)
    if (!inputs[2 * j]) chosen = j, left -= weight[j];
  return chosen;
}

/* Pairs, then the queries in their slots; 0 is neither a key nor a value. */
static void generate(const efla_token_source *source, efla_draw *draw, uint16_t *inputs, uint16_t *labels) {
  const efla_token_settings *s = &source->settings;
  size_t pairs = s->items, context = 2 * pairs, keys = s->vocabulary / 2;
  efla_token_draw_distinct(draw, 1, keys - 1, pairs, 2, inputs);
  efla_token_draw_distinct(draw, keys, s->vocabulary - keys, pairs, 2, inputs + 1);
  for (size_t t = context; t < s->length; t++) inputs[t] = 0;
  efla_token_unscore(s->length, labels);
  for (size_t i = 0; i < pairs; i++) {
    size_t query = context + 2 * draw_slot(source, draw, inputs + context);
    inputs[query] = inputs[2 * i];
    labels[query] = inputs[2 * i + 1];
  }
  for (size_t t = context; t < s->length && s->random_filler; t++)
    if (!inputs[t]) inputs[t] = efla_token_draw(draw, 0, s->vocabulary);
}

const efla_token_task efla_mqar = {
    .name = "mqar",
    .what = "pairs of keys and values; give the value of each key that comes again",
    .settings = {.vocabulary = 8192,
                 .length = 64,
                 .items = 4,
                 .exponent = 0.01,
                 .random_filler = true,
                 .training_examples = 100000,
                 .test_examples = 1000},
    .score = EFLA_SCORE_EXAMPLES,
    .expected = expected,
    .table = table,
    .start = start,
    .generate = generate,
};

const efla_mqar_set efla_mqar_sets[] = {
    {"zoology", true, 64, 4, 100000, false},
    {"zoology", false, 64, 4, 3000, false},
    {"zoology", true, 128, 8, 100000, false},
    {"zoology", false, 128, 8, 3000, false},
    {"zoology", true, 256, 16, 100000, false},
    {"zoology", false, 256, 16, 3000, false},
    {"zoology", true, 512, 64, 100000, false},
    {"zoology", false, 512, 64, 3000, false},
    {"based", true, 64, 4, 100000, true},
    {"based", true, 128, 8, 20000, true},
    {"based", true, 256, 16, 20000, true},
    {"based", true, 256, 32, 20000, true},
    {"based", true, 256, 64, 20000, true},
    {"based", false, 64, 4, 1000, true},
    {"based", false, 64, 8, 1000, true},
    {"based", false, 64, 16, 1000, true},
    {"based", false, 128, 32, 1000, true},
    {"based", false, 256, 64, 1000, true},
    {"based", false, 512, 128, 1000, true},
    {"based", false, 1024, 256, 1000, true},
    {.comparison = NULL},
};

efla_token_settings efla_mqar_settings(const efla_mqar_set *set) {
  efla_token_settings s = efla_mqar.settings;
  s.length = set->length, s.items = set->pairs, s.random_filler = set->random_filler;
  s.training_examples = set->training ? set->examples : 0;
  s.test_examples = set->training ? 0 : set->examples;
  return s;
}

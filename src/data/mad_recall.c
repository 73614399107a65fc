/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recall tasks of MAD.  Keys, values and noise are disjoint ranges of tokens, so that the pairs written so far can
 * be read off the sequence itself. */
#include "data/mad.h"

#include <string.h>

typedef struct ranges {
  size_t keys, values; /* how many: 0 ... keys-1, keys ... keys+values-1, then noise */
} ranges;

/* `special` tokens are neither. */
static ranges ranges_of(const efla_token_settings *s, size_t special) {
  size_t usable = s->vocabulary - s->noise_vocabulary - special;
  return (ranges){usable / 2, usable - usable / 2};
}

static bool is_noise(const efla_token_settings *s, efla_draw *draw) {
  return s->noise > 0 && efla_draw_uniform(draw) < s->noise;
}

static uint16_t draw_noise(const efla_token_settings *s, ranges r, efla_draw *draw) {
  return efla_token_draw(draw, r.keys + r.values, s->noise_vocabulary);
}

static const char *recall_expected(const efla_token_settings *s) {
  if (s->length < 4 || s->length % 2 != 0) return "an even length of at least 4";
  return s->vocabulary - s->noise_vocabulary < 2 ? "at least 2 tokens beside noise" : NULL;
}

/* The first position of a key before `end`; `end` where there is none.  Keys stand at even positions. */
static size_t find_key(const uint16_t *inputs, size_t end, uint16_t key) {
  size_t t = 0;
  while (t < end && inputs[t] != key) t += 2;
  return t < end ? t : end;
}

/* A key and its value, the one it has or a new one, at t; whether the key was there before. */
static bool write_pair(ranges r, efla_draw *draw, uint16_t *inputs, size_t t) {
  inputs[t] = efla_token_draw(draw, 0, r.keys);
  size_t before = find_key(inputs, t, inputs[t]);
  inputs[t + 1] = before < t ? inputs[before + 1] : efla_token_draw(draw, r.keys, r.values);
  return before < t;
}

/* One of the different keys before `end`, each as likely as any other; the number of these. */
static size_t draw_known_key(ranges r, efla_draw *draw, const uint16_t *inputs, size_t end, uint16_t *key) {
  size_t known = 0;
  for (size_t t = 0; t < end; t += 2) /* the n-th replaces the choice among those before it with probability 1/n */
    if (inputs[t] < r.keys && find_key(inputs, t, inputs[t]) == t && efla_draw_below(draw, ++known) == 0)
      *key = inputs[t];
  return known;
}

/* All pairs but the last, and the last key; false where all pairs are noise. */
static bool try_recall(const efla_token_settings *s, efla_draw *draw, uint16_t *inputs, uint16_t *labels) {
  ranges r = ranges_of(s, 0);
  size_t last = s->length - 2, no_noise = 2 * efla_draw_below(draw, s->length / 2);
  efla_token_unscore(last, labels);
  for (size_t t = 0; t < last; t += 2) {
    if (t != no_noise && is_noise(s, draw))
      inputs[t] = draw_noise(s, r, draw), inputs[t + 1] = draw_noise(s, r, draw);
    else if (write_pair(r, draw, inputs, t))
      labels[t] = inputs[t + 1];
  }
  if (draw_known_key(r, draw, inputs, last, &inputs[last]) == 0) return false;
  labels[last] = inputs[find_key(inputs, last, inputs[last]) + 1];
  return true;
}

static void generate_recall(const efla_token_source *source, efla_draw *draw, uint16_t *inputs, uint16_t *labels) {
  while (!try_recall(&source->settings, draw, inputs, labels)) {}
  if (source->training) memcpy(labels, inputs + 1, (source->positions - 1) * sizeof *labels); /* the last one is set */
}

enum { MOTIF = 3 }; /* most tokens of a key, and of a value */

typedef struct motif {
  size_t n;
  uint16_t token[MOTIF];
} motif;

typedef struct motifs {
  motif key, value;
} motifs;

typedef struct sequence {
  uint16_t *inputs, *labels; /* the label of a token itself here, not of the one before it */
  size_t n;
} sequence;

static const char *fuzzy_expected(const efla_token_settings *s) {
  if (s->length <= 4 * MOTIF) return "a length of at least 13";
  return s->vocabulary < s->noise_vocabulary + 2 * MOTIF + 1 ? "at least 7 tokens beside noise" : NULL;
}

static size_t draw_size(efla_draw *draw) { return 1 + efla_draw_below(draw, MOTIF); }

static motif draw_motif(efla_draw *draw, size_t first, size_t count, size_t n) {
  motif m = {.n = n};
  efla_token_draw_distinct(draw, first, count, n, 1, m.token);
  return m;
}

static bool same(const motif *a, const motif *b) {
  return a->n == b->n && !memcmp(a->token, b->token, a->n * sizeof *a->token);
}

static void append(sequence *x, const motif *m, bool scored) {
  for (size_t i = 0; i < m->n; i++, x->n++) {
    x->inputs[x->n] = m->token[i];
    x->labels[x->n] = scored ? m->token[i] : EFLA_UNSCORED;
  }
}

/* Whether the key stands at t of the inputs, whole: between tokens of other ranges. */
static bool key_at(const sequence *x, ranges r, const motif *key, size_t t) {
  return (t == 0 || x->inputs[t - 1] >= r.keys) && x->inputs[t + key->n] >= r.keys &&
         !memcmp(x->inputs + t, key->token, key->n * sizeof *key->token);
}

/* Whether a key was written before; its value then: all value tokens that follow it. */
static bool find_value(const sequence *x, ranges r, motifs *pair) {
  size_t t = 0;
  while (t + pair->key.n < x->n && !key_at(x, r, &pair->key, t)) t++;
  if (t + pair->key.n >= x->n) return false;
  pair->value.n = 0;
  for (t += pair->key.n; t < x->n && x->inputs[t] >= r.keys && x->inputs[t] < r.keys + r.values; t++)
    pair->value.token[pair->value.n++] = x->inputs[t];
  return true;
}

static void append_pair(sequence *x, const motifs *pair, bool scored) {
  append(x, &pair->key, false);
  append(x, &pair->value, scored);
}

static void append_noise(const efla_token_settings *s, ranges r, efla_draw *draw, sequence *x, size_t n) {
  for (size_t i = 0; i < n; i++) append(x, &(motif){1, {draw_noise(s, r, draw)}}, false);
}

/* A key of the given size, its value of the given size unless it has one; whether it is the probe. */
static bool append_new(ranges r, efla_draw *draw, sequence *x, size_t key_size, size_t value_size,
                       const motifs *probe) {
  motifs pair = {.key = draw_motif(draw, 0, r.keys, key_size)};
  bool known = find_value(x, r, &pair), probed = same(&pair.key, &probe->key);
  if (probed)
    pair.value = probe->value;
  else if (!known)
    pair.value = draw_motif(draw, r.keys, r.values, value_size);
  append_pair(x, &pair, known);
  return probed;
}

/* Pairs with the probe, one of them, from some place on; noise; and at the end the probe again.  Keys are of the
 * largest size in tests. */
static void write_fuzzy(const efla_token_source *source, ranges r, efla_draw *draw, sequence *x) {
  const efla_token_settings *s = &source->settings;
  size_t key_size = source->training ? draw_size(draw) : MOTIF, value_size = draw_size(draw);
  motifs probe = {.key = draw_motif(draw, 0, r.keys, key_size)};
  probe.value = draw_motif(draw, r.keys, r.values, value_size);
  size_t size = key_size + value_size, place = efla_draw_below(draw, s->length - 2 * size);
  bool probed = false;
  while (x->n < s->length - size - 2 * MOTIF) {
    if (x->n >= place && !probed) {
      append_pair(x, &probe, false);
      probed = true;
      continue;
    }
    key_size = source->training ? draw_size(draw) : MOTIF;
    value_size = draw_size(draw);
    if (is_noise(s, draw))
      append_noise(s, r, draw, x, key_size + value_size);
    else
      probed |= append_new(r, draw, x, key_size, value_size, &probe);
  }
  append_pair(x, &probe, true);
}

/* The sequence padded on the left to one position more than there are, and labels moved to the token before theirs. */
static void generate_fuzzy(const efla_token_source *source, efla_draw *draw, uint16_t *inputs, uint16_t *labels) {
  const efla_token_settings *s = &source->settings;
  const uint16_t padding = (uint16_t)(s->vocabulary - 1);
  sequence x = {inputs, labels, 0};
  write_fuzzy(source, ranges_of(s, 1), draw, &x);
  size_t padded = s->length + 1 - x.n;
  memmove(labels + padded - 1, labels, x.n * sizeof *labels);
  efla_token_unscore(padded - 1, labels);
  memmove(inputs + padded, inputs, (x.n - 1) * sizeof *inputs);
  for (size_t t = 0; t < padded; t++) inputs[t] = padding;
  if (source->training) memcpy(labels, inputs + 1, (s->length - 1) * sizeof *labels); /* the last one is set */
}

const efla_token_task efla_mad_in_context_recall = {
    .name = "in-context-recall",
    .what = "pairs of a key and its value; give the value of each key that was there before",
    .settings = {.vocabulary = 16, .length = 128, .training_examples = 12800, .test_examples = 1280},
    .score = EFLA_SCORE_LABELS,
    .noisy = true,
    .lost = 1,
    .expected = recall_expected,
    .generate = generate_recall,
};

const efla_token_task efla_mad_fuzzy_recall = {
    .name = "fuzzy-recall",
    .what = "the same with keys and values of one to three tokens",
    .settings = {.vocabulary = 16, .length = 128, .training_examples = 12800, .test_examples = 1280},
    .score = EFLA_SCORE_LABELS,
    .noisy = true,
    .expected = fuzzy_expected,
    .generate = generate_fuzzy,
};

const efla_token_task efla_mad_noisy_recall = {
    .name = "noisy-recall",
    .what = "in-context-recall with a share of the pairs replaced by noise",
    .settings = {.vocabulary = 32,
                 .length = 128,
                 .noise_vocabulary = 16,
                 .noise = 0.2,
                 .training_examples = 12800,
                 .test_examples = 1280},
    .score = EFLA_SCORE_LABELS,
    .noisy = true,
    .lost = 1,
    .expected = recall_expected,
    .generate = generate_recall,
};

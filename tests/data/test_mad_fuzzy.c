/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzy recall against its definition, docs/tasks.md#mad. */
#include "draws.h"
#include "testing.h"

enum { LENGTH = 1024 };

static uint16_t inputs[LENGTH + 1], labels[LENGTH + 1]; /* of the last example */

/* What is read off one fuzzy example. */
typedef struct fuzzy {
  size_t padding, pairs, noise, sizes[2][4]; /* keys and values by their number of tokens */
  size_t scored, probe;                      /* scored tokens; those of the last value */
  bool good, answerable;                     /* the last key was there before */
} fuzzy;

/* Takes the tokens [first, end) from t on; their number.  A motif has no token twice. */
static size_t take(const uint16_t *x, size_t n, size_t t, size_t first, size_t end, bool *good) {
  size_t size = 0;
  for (; t + size < n && x[t + size] >= first && x[t + size] < end; size++)
    for (size_t i = 0; i < size; i++) *good &= x[t + i] != x[t + size];
  return size;
}

/* The value that the same key had before t, by the last pair that has it; its size, 0: none. */
static size_t recall_motif(const uint16_t *x, size_t t, size_t size, size_t keys, size_t usable,
                           const uint16_t **value) {
  size_t found = 0;
  bool any = true;
  for (size_t before = 0; before < t;) {
    size_t key = take(x, t, before, 0, keys, &any), at = before + key;
    size_t length = key ? take(x, t, at, keys, usable, &any) : 1; /* else padding or noise */
    if (key == size && !memcmp(x + before, x + t, size * sizeof *x)) found = length, *value = x + at;
    before = at + length;
  }
  return found;
}

/* Labels of value tokens t ... t+size-1 of x, which stand one place before theirs. */
static bool labels_hold(const uint16_t *x, size_t t, size_t size, bool scored) {
  bool good = true;
  for (size_t i = 0; i < size; i++) good &= labels[t + i - 1] == (scored ? x[t + i] : EFLA_UNSCORED);
  return good;
}

static fuzzy read_fuzzy(const efla_token_settings *s, bool training) {
  size_t usable = s->vocabulary - 1 - s->noise_vocabulary, keys = usable / 2, n = s->length + 1, t = 0;
  fuzzy f = {.good = true};
  uint16_t x[LENGTH + 1];
  memcpy(x, inputs, s->length * sizeof *x);
  x[s->length] = labels[s->length - 1];
  for (; t < n && x[t] == s->vocabulary - 1; t++) f.good &= t == 0 || training || labels[t - 1] == EFLA_UNSCORED;
  f.padding = t;
  while (t < n && f.good) {
    const uint16_t *known = NULL;
    size_t key = take(x, n, t, 0, keys, &f.good), at = t + key;
    if (key == 0) {
      f.good &= x[t] >= usable && x[t] < s->vocabulary - 1 && (training || labels_hold(x, t, 1, false));
      f.noise++, t++;
      continue;
    }
    size_t value = take(x, n, at, keys, usable, &f.good), before = recall_motif(x, t, key, keys, usable, &known);
    bool last = at + value == n, scored = before || last;
    f.good &= key <= 3 && value >= 1 && value <= 3 && (training || (key == 3 && labels_hold(x, t, key, false)));
    f.good &= training || labels_hold(x, at, value, scored);
    f.good &= !before || (before == value && !memcmp(known, x + at, value * sizeof *x));
    f.pairs++, f.sizes[0][key % 4]++, f.sizes[1][value % 4]++, f.scored += scored ? value : 0;
    if (last) f.probe = value, f.answerable = before > 0;
    t = at + value;
  }
  return f;
}

START_TEST(fuzzy_recall_asks_for_every_known_key) {
  static const efla_token_settings settings[] = {{.vocabulary = 16, .length = 128},
                                                 {.vocabulary = 128, .length = 1024},
                                                 {.vocabulary = 7, .length = 13},
                                                 {.vocabulary = 8, .length = 512},
                                                 {.vocabulary = 24, .length = 256, .noise_vocabulary = 8, .noise = .4}};
  for (size_t n = 0; n < sizeof settings / sizeof *settings; n++)
    for (int training = 0; training < 2; training++) {
      efla_token_source source = draws_open(&efla_mad_fuzzy_recall, &settings[n], training);
      ck_assert_uint_eq(source.positions, settings[n].length);
      size_t noise = 0;
      for (uint64_t i = 0; i < 300; i++) {
        efla_token_example(&source, i, inputs, labels);
        fuzzy f = read_fuzzy(&settings[n], training);
        ck_assert(f.good && f.padding >= 2 && f.probe >= 1);
        noise += f.noise;
      }
      ck_assert_int_eq(noise > 0, settings[n].noise > 0);
      efla_token_source_clear(&source);
    }
}
END_TEST

/* As in 100000 test examples of the published code: scored tokens, tokens of padding, and the share of examples whose
 * last key was not there before. */
START_TEST(fuzzy_recall_counts_as_published) {
  enum { N = 20000, PUBLISHED = 100000 };
  static const double expected[] = {4.38187, 4.93767, .02277};
  const double m = 1 / (1. / N + 1. / PUBLISHED); /* for the error of a difference */
  efla_token_source source = draws_open(&efla_mad_fuzzy_recall, &efla_mad_fuzzy_recall.settings, false);
  double sum[3] = {0}, squares[3] = {0}, sizes[4] = {0};
  size_t wrong = 0;
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    fuzzy f = read_fuzzy(&source.settings, false);
    const double number[] = {(double)f.scored, (double)f.padding, !f.answerable};
    for (size_t k = 0; k < 3; k++) sum[k] += number[k], squares[k] += number[k] * number[k];
    sizes[f.probe % 4]++, wrong += !f.good;
  }
  ck_assert_uint_eq(wrong, 0);
  for (size_t k = 0; k < 3; k++) draws_check_mean(sum[k], squares[k], N, expected[k], m);
  for (size_t k = 1; k <= 3; k++) draws_check_share(sizes[k], N, 1. / 3, 5, 0);
  efla_token_source_clear(&source);
}
END_TEST

/* In training keys and values of 1, 2 and 3 tokens are equally frequent, and as many as are wanted give way to noise of
 * their size, of 4 tokens on average with variance 4/3; the two probes never do. */
START_TEST(fuzzy_recall_draws_its_sizes_uniformly) {
  enum { N = 3000 };
  static const efla_token_settings s = {.vocabulary = 1000, .length = 1024, .noise_vocabulary = 100, .noise = 1. / 3};
  efla_token_source source = draws_open(&efla_mad_fuzzy_recall, &s, true);
  double sizes[2][4] = {{0}}, pairs = 0, noise = 0, tokens = 0;
  size_t wrong = 0;
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    fuzzy f = read_fuzzy(&s, true);
    for (size_t k = 0; k < 2; k++)
      for (size_t size = 1; size <= 3; size++) sizes[k][size] += (double)f.sizes[k][size];
    pairs += (double)f.pairs, noise += (double)f.noise, tokens += (double)(s.length + 1 - f.padding);
    wrong += !f.good;
  }
  ck_assert_uint_eq(wrong, 0);
  for (size_t k = 0; k < 2; k++)
    for (size_t size = 1; size <= 3; size++) draws_check_share(sizes[k][size], pairs, 1. / 3, 5, 0);
  double drawn = (tokens - 8 * N) / 4; /* pairs and noise, of which shares vary by what their sizes do, too */
  CHECK_BOUND(fabs(noise / 4 / drawn - 1. / 3), 5 * sqrt(2. / 9 / drawn * (1 + 4. / 3 / 16)));
  efla_token_source_clear(&source);
}
END_TEST

/* Where keys are too many to be drawn twice, the probe comes first at the first pair from some place on, which is
 * uniform among 1024 - 2*4 to 1024 - 2*6: a quarter of them each, within 5 standard errors and the 6 tokens of a
 * pair. */
START_TEST(the_probe_is_anywhere) {
  enum { N = 3000 };
  static const efla_token_settings s = {.vocabulary = 1000, .length = 1024};
  efla_token_source source = draws_open(&efla_mad_fuzzy_recall, &s, false);
  double quarter[4] = {0}, lost = 0;
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    fuzzy f = read_fuzzy(&s, false);
    size_t t = f.padding, probe = s.length + 1 - f.probe - 3;
    while (memcmp(inputs + t, inputs + probe, 3 * sizeof *inputs) != 0) t++;
    if (t == probe)
      lost++;
    else
      quarter[(t - f.padding) / 256]++;
  }
  CHECK_BOUND(lost, .02 * N);
  for (size_t k = 0; k < 4; k++) CHECK_BOUND(fabs(quarter[k] / N - .25), 5 * sqrt(.25 * .75 / N) + 6. / 1024);
  efla_token_source_clear(&source);
}
END_TEST

/* A key of one token that ended the key before it is new.  It has the value of that one by chance only, in 1/9 of the
 * cases at most: there are three values of one token, and these are drawn in a third of the cases. */
START_TEST(a_key_is_not_the_end_of_another) {
  enum { N = 20000, KEYS = 3, USABLE = 6 };
  static const efla_token_settings s = {.vocabulary = USABLE + 1, .length = 64};
  efla_token_source source = draws_open(&efla_mad_fuzzy_recall, &s, true);
  double cases = 0, equal = 0;
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    bool good = true;
    size_t first = 0, size[4];
    while (inputs[first] == USABLE) first++;
    for (size_t m = 0, t = first; m < 4; t += size[m], m++)
      size[m] = take(inputs, s.length, t, m % 2 ? KEYS : 0, m % 2 ? USABLE : KEYS, &good);
    const uint16_t *value = inputs + first + size[0], *key = value + size[1];
    if (size[0] < 2 || size[2] != 1 || key[0] != value[-1]) continue;
    cases++, equal += size[1] == size[3] && !memcmp(value, key + 1, size[1] * sizeof *value);
  }
  ck_assert(cases > 500);
  CHECK_BOUND(equal / cases, 1. / 9 + 5 * sqrt(1. / 9 * 8 / 9 / cases));
  efla_token_source_clear(&source);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {fuzzy_recall_asks_for_every_known_key, fuzzy_recall_counts_as_published,
                                fuzzy_recall_draws_its_sizes_uniformly, the_probe_is_anywhere,
                                a_key_is_not_the_end_of_another};
  return testing_main("mad_fuzzy", tests, sizeof tests / sizeof *tests, 60);
}

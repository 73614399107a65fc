/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Selective copying, compression and memorization against their definitions, docs/tasks.md#mad. */
#include "draws.h"
#include "testing.h"

enum { LENGTH = 1024, TOKENS = 8192 };

static uint16_t inputs[LENGTH], labels[LENGTH]; /* of the last example */

/* Whether the last labels are what a reader of the definition finds: content is what stands before the marker and is no
 * blank; the marker follows content. */
static bool copies(const efla_token_settings *s) {
  size_t marker = s->vocabulary - 1, blank = s->vocabulary - 2, n = 0, t = 0;
  uint16_t content[LENGTH];
  for (; t < s->length && inputs[t] != marker; t++)
    if (inputs[t] != blank) content[n++] = inputs[t];
  bool good = n == s->items && t == s->length - n - 1 && inputs[t - 1] < blank;
  for (size_t i = 0; i < s->length && good; i++) {
    size_t first = s->length - s->items;
    good = labels[i] == (i < first ? EFLA_UNSCORED : content[i - first]);
    good &= i <= t || inputs[i] == blank;
  }
  return good;
}

START_TEST(copying_gives_the_content_in_order) {
  static const efla_token_settings settings[] = {{.vocabulary = 16, .length = 256, .items = 16},
                                                 {.vocabulary = 128, .length = 1024, .items = 16},
                                                 {.vocabulary = 16, .length = 256, .items = 96},
                                                 {.vocabulary = 3, .length = 3, .items = 1}};
  for (size_t n = 0; n < sizeof settings / sizeof *settings; n++)
    for (int training = 0; training < 2; training++) {
      efla_token_source source = draws_open(&efla_mad_selective_copying, &settings[n], training);
      for (uint64_t i = 0; i < 200; i++) {
        efla_token_example(&source, i, inputs, labels);
        ck_assert(copies(&settings[n]));
      }
      efla_token_source_clear(&source);
    }
}
END_TEST

/* Each of the 223 blanks goes before one of the 16 items, so that the number before an item is binomial; items are
 * uniform.  Variances of n examples vary by sqrt(2/n) of themselves. */
START_TEST(copying_scatters_its_blanks) {
  enum { N = 10000, BLANKS = 223, ITEMS = 16, CONTENT = 14 };
  const double share = 1. / ITEMS, variance = BLANKS * share * (1 - share);
  efla_token_source source = draws_open(&efla_mad_selective_copying, &efla_mad_selective_copying.settings, true);
  double sum[ITEMS] = {0}, squares[ITEMS] = {0}, found[2][CONTENT] = {{0}};
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    size_t item = 0;
    double before = 0;
    for (size_t t = 0; item < ITEMS && t < LENGTH; t++) {
      if (inputs[t] == 14) {
        before++;
        continue;
      }
      sum[item] += before, squares[item] += pow(before - BLANKS * share, 2);
      if (item == 0 || item == ITEMS - 1) found[item > 0][inputs[t]]++;
      before = 0, item++;
    }
  }
  for (size_t item = 0; item < ITEMS; item++) {
    CHECK_BOUND(fabs(sum[item] / N - BLANKS * share), 5 * sqrt(variance / N));
    CHECK_BOUND(fabs(squares[item] / N / variance - 1), 5 * sqrt(2. / N));
  }
  for (size_t k = 0; k < 2; k++)
    for (size_t token = 0; token < CONTENT; token++) draws_check_share(found[k][token], N, 1. / CONTENT, 5, 0);
  efla_token_source_clear(&source);
}
END_TEST

START_TEST(compression_wants_all_of_its_inputs) {
  enum { N = 10000, V = 16, L = 32 };
  double found[2][V - 1] = {{0}};
  ck_assert(efla_mad_compression.whole && !efla_mad_memorization.whole);
  for (int training = 0; training < 2; training++) {
    efla_token_source source = draws_open(&efla_mad_compression, &efla_mad_compression.settings, training);
    size_t wrong = 0;
    for (uint64_t i = 0; i < N; i++) {
      efla_token_example(&source, i, inputs, labels);
      for (size_t t = 0; t < L; t++) wrong += labels[t] != inputs[t] || (inputs[t] == V - 1) != (t == L - 1);
      if (wrong == 0) found[0][inputs[0]]++, found[1][inputs[L - 2]]++;
    }
    ck_assert_uint_eq(wrong, 0);
    efla_token_source_clear(&source);
  }
  for (size_t k = 0; k < 2; k++)
    for (size_t token = 0; token < V - 1; token++) draws_check_share(found[k][token], 2 * N, 1. / (V - 1), 5, 0);
}
END_TEST

/* Enters the pairs of n examples into value (TOKENS), where 0 is unknown; the number of scored answers that are known
 * already.  Fails the test where an answer differs from what is known or an example is not of the right form. */
static size_t learn(const efla_token_source *source, size_t n, uint16_t *value) {
  size_t keys = (source->settings.vocabulary - 1) / 2, known = 0, wrong = 0;
  for (uint64_t i = 0; i < n; i++) {
    efla_token_example(source, i, inputs, labels);
    for (size_t t = 0; t < source->positions; t += 2) {
      uint16_t key = inputs[t], answer = labels[t + 1];
      wrong += key >= keys || labels[t] != EFLA_UNSCORED || inputs[t + 1] != source->settings.vocabulary - 1;
      wrong += answer < keys || answer >= source->settings.vocabulary - 1 || (value[key] && value[key] != answer);
      known += value[key] == answer;
      value[key] = answer;
    }
  }
  ck_assert_uint_eq(wrong, 0);
  return known;
}

/* What training shows answers the test.  Of the 4095 keys of 8192 tokens 4096 pairs leave out a share of 1/e, within 5
 * standard errors of the number of empty ones when as many balls as there are boxes are thrown, sqrt(1/e - 2/e^2) times
 * the root of the boxes. */
START_TEST(memorization_has_one_value_for_each_key) {
  static const size_t vocabularies[] = {3, 9, 256, 8192};
  for (size_t n = 0; n < sizeof vocabularies / sizeof *vocabularies; n++) {
    static uint16_t value[TOKENS];
    efla_token_settings s = efla_mad_memorization.settings;
    s.vocabulary = vocabularies[n];
    efla_token_source training = draws_open(&efla_mad_memorization, &s, true),
                      test = draws_open(&efla_mad_memorization, &s, false);
    size_t keys = (s.vocabulary - 1) / 2, shared = 0;
    memset(value, 0, sizeof value);
    learn(&training, 256, value);
    if (keys < 4095) ck_assert_uint_eq(learn(&test, 1280, value), (size_t)1280 * 16);
    learn(&training, 10000, value);
    for (size_t a = 0; a < keys; a++)
      for (size_t b = 0; b < a; b++) shared += value[a] == value[b];
    ck_assert_uint_eq(shared, 0);
    memset(value, 0, sizeof value);
    learn(&training, 256, value);
    double unseen = 0;
    for (size_t key = 0; key < keys; key++) unseen += value[key] == 0;
    if (keys == 4095) CHECK_BOUND(fabs(unseen / 4095 - exp(-1)), 5 * sqrt((exp(-1) - 2 * exp(-2)) / 4095));
    efla_token_source_clear(&training), efla_token_source_clear(&test);
  }
}
END_TEST

/* Keys of an example, and over seeds the values of the first and the last key: 4 keys, 5 values of which one is
 * unused. */
START_TEST(memorization_draws_keys_and_values_uniformly) {
  enum { N = 10000, KEYS = 4, VALUES = 5 };
  efla_token_settings s = efla_mad_memorization.settings;
  double keys[KEYS] = {0}, values[2][VALUES] = {{0}};
  s.vocabulary = 10, s.length = 64;
  for (uint64_t seed = 0; seed < N; seed++) {
    efla_token_source source;
    ck_assert_int_eq(efla_token_source_init(&source, &efla_mad_memorization, &s, seed, true, NULL), EFLA_OK);
    efla_token_example(&source, 0, inputs, labels);
    const uint16_t *value = source.table;
    keys[inputs[62]]++, values[0][value[0] - KEYS]++, values[1][value[KEYS - 1] - KEYS]++;
    efla_token_source_clear(&source);
  }
  for (size_t k = 0; k < KEYS; k++) draws_check_share(keys[k], N, 1. / KEYS, 5, 0);
  for (size_t v = 0; v < VALUES; v++)
    for (size_t k = 0; k < 2; k++) draws_check_share(values[k][v], N, 1. / VALUES, 5, 0);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {copying_gives_the_content_in_order, copying_scatters_its_blanks,
                                compression_wants_all_of_its_inputs, memorization_has_one_value_for_each_key,
                                memorization_draws_keys_and_values_uniformly};
  return testing_main("mad", tests, sizeof tests / sizeof *tests, 60);
}

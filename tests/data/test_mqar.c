/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Multi-query associative recall against its definition, docs/tasks.md#mqar. */
#include "draws.h"
#include "testing.h"

enum { LENGTH = 1024 };

static uint16_t inputs[LENGTH], labels[LENGTH]; /* of the last example */

static efla_token_source open_source(size_t vocabulary, size_t length, size_t pairs, bool random_filler) {
  efla_token_settings s = efla_mqar.settings;
  s.vocabulary = vocabulary, s.length = length, s.items = pairs, s.random_filler = random_filler;
  return draws_open(&efla_mqar, &s, true);
}

/* The position of the only label that is this token; LENGTH where there is none, or several. */
static size_t find_label(size_t length, uint16_t value) {
  size_t at = LENGTH, found = 0;
  for (size_t t = 0; t < length; t++)
    if (labels[t] == value) at = t, found++;
  return found == 1 ? at : LENGTH;
}

/* Whether pair i has a key and a value of the right kind, unlike those before it, and a query of its own. */
static bool pair_holds(const efla_token_settings *s, size_t i) {
  uint16_t key = inputs[2 * i], value = inputs[2 * i + 1];
  size_t keys = s->vocabulary / 2, query = find_label(s->length, value);
  for (size_t j = 0; j < i; j++)
    if (inputs[2 * j] == key || inputs[2 * j + 1] == value) return false;
  return key >= 1 && key < keys && value >= keys && value < s->vocabulary && query < s->length &&
         query >= 2 * s->items && query % 2 == 0 && inputs[query] == key;
}

static void check_example(const efla_token_settings *s) {
  size_t scored = 0, filler = 0, wrong = 0;
  for (size_t i = 0; i < s->items; i++) wrong += !pair_holds(s, i);
  for (size_t t = 0; t < s->length; t++) {
    scored += labels[t] != EFLA_UNSCORED;
    if (t >= 2 * s->items && labels[t] == EFLA_UNSCORED) filler += inputs[t] != 0;
  }
  ck_assert_uint_eq(wrong, 0);
  ck_assert_uint_eq(scored, s->items);
  ck_assert(s->random_filler || filler == 0);
}

START_TEST(every_query_has_its_value) {
  static const size_t sizes[][3] = {{17, 16, 2},    {18, 16, 4},      {9, 4, 1},       {8192, 64, 4},
                                    {256, 64, 4},   {8192, 64, 16},   {8192, 512, 64}, {8192, 1024, 256},
                                    {65535, 64, 8}, {1025, 1024, 256}};
  for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
    for (int filler = 0; filler < 2; filler++) {
      efla_token_source source = open_source(sizes[n][0], sizes[n][1], sizes[n][2], filler);
      for (uint64_t i = 0; i < 100; i++) {
        efla_token_example(&source, i, inputs, labels);
        check_example(&source.settings);
      }
      efla_token_source_clear(&source);
    }
}
END_TEST

/* The slot of the pair that draws first follows the power law: its first three weights and its last one. */
START_TEST(first_slots_follow_the_power_law) {
  enum { N = 10000 };
  static const struct {
    size_t length, pairs, slots;
    double weight[3], last;
  } rows[] = {{64, 4, 28, {.251, .126, .085}, .0093},     {64, 8, 24, {.261, .132, .088}, .0112},
              {64, 16, 16, {.292, .147, .099}, .0188},    {128, 8, 56, {.213, .107, .072}, .0040},
              {128, 32, 32, {.243, .122, .082}, .0079},   {256, 16, 112, {.185, .093, .062}, .0017},
              {256, 64, 64, {.207, .104, .070}, .0034},   {512, 64, 192, {.167, .084, .056}, .0009},
              {1024, 256, 256, {.159, .080, .054}, .0007}};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    efla_token_source source = open_source(8192, rows[r].length, rows[r].pairs, r % 2);
    double found[LENGTH / 2] = {0};
    for (uint64_t i = 0; i < N; i++) {
      efla_token_example(&source, i, inputs, labels);
      found[(find_label(rows[r].length, inputs[1]) - 2 * rows[r].pairs) / 2]++;
    }
    for (size_t j = 0; j < 3; j++) draws_check_share(found[j], N, rows[r].weight[j], 4, .0005);
    draws_check_share(found[rows[r].slots - 1], N, rows[r].last, 4, .00005);
    efla_token_source_clear(&source);
  }
}
END_TEST

/* Without replacement: the slot of the second pair is j with probability w_j times the sum of w_i/(1 - w_i), i != j;
 * where there are as many slots as pairs, all are taken. */
START_TEST(further_slots_are_drawn_without_replacement) {
  enum { N = 20000, SLOTS = 28 };
  efla_token_source source = open_source(8192, 64, 4, false);
  double weight[SLOTS], total = 0, found[SLOTS] = {0};
  for (size_t j = 0; j < SLOTS; j++) total += weight[j] = pow((double)j + 1, -.99);
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    found[(find_label(64, inputs[3]) - 8) / 2]++;
  }
  for (size_t j = 0; j < SLOTS; j++) {
    double share = 0;
    for (size_t i = 0; i < SLOTS; i++) share += i == j ? 0 : weight[j] / total * weight[i] / (total - weight[i]);
    draws_check_share(found[j], N, share, 5, 0);
  }
  efla_token_source_clear(&source);
  source = open_source(8192, 64, 16, false);
  for (uint64_t i = 0; i < 100; i++) {
    efla_token_example(&source, i, inputs, labels);
    check_example(&source.settings); /* 16 queries in as many slots */
  }
  efla_token_source_clear(&source);
}
END_TEST

/* Keys and values of the first and the last pair, and random filler (the position after a query is always filler). */
START_TEST(tokens_are_uniform) {
  enum { N = 20000, V = 67, KEYS = 33, L = 64, P = 16 };
  efla_token_source source = open_source(V, L, P, true);
  double found[5][V] = {{0}};
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    const uint16_t tokens[] = {inputs[0], inputs[2 * P - 2], inputs[1], inputs[2 * P - 1], inputs[L - 1]};
    for (size_t k = 0; k < 5; k++) found[k][tokens[k]]++;
  }
  for (size_t k = 0; k < 5; k++)
    for (size_t token = 0; token < V; token++) {
      bool may = k == 4 || (k < 2 ? token >= 1 && token < KEYS : token >= KEYS);
      draws_check_share(found[k][token], N, may ? 1. / (k == 4 ? V : k < 2 ? KEYS - 1 : V - KEYS) : 0, 5, 0);
    }
  efla_token_source_clear(&source);
}
END_TEST

/* Sizes of the two comparisons. */
START_TEST(published_sets) {
  size_t sets[2][2] = {{0}}, examples[2][2] = {{0}}, pairs[2] = {0}, lengths[2] = {0};
  for (const efla_mqar_set *set = efla_mqar_sets; set->comparison; set++) {
    bool based = !strcmp(set->comparison, "based");
    efla_token_settings s = efla_mqar_settings(set);
    efla_token_source source;
    ck_assert(s.length == set->length && s.items == set->pairs && s.vocabulary == 8192 && s.random_filler == based);
    ck_assert(based || s.length == (s.items == 64 ? 512 : 16 * s.items));
    ck_assert_uint_eq(s.training_examples + s.test_examples, set->examples);
    ck_assert_uint_eq(set->training ? s.test_examples : s.training_examples, 0);
    ck_assert_int_eq(efla_token_source_init(&source, &efla_mqar, &s, 1, set->training, NULL), EFLA_OK);
    efla_token_example(&source, 0, inputs, labels);
    check_example(&s);
    efla_token_source_clear(&source);
    sets[based][set->training]++, examples[based][set->training] += set->examples;
    if (based) pairs[set->training] += set->pairs, lengths[set->training] += set->length;
  }
  ck_assert(sets[0][0] == 4 && sets[0][1] == 4 && sets[1][0] == 7 && sets[1][1] == 5);
  ck_assert(examples[0][0] == 12000 && examples[0][1] == 400000 && examples[1][0] == 7000 && examples[1][1] == 180000);
  ck_assert(pairs[0] == 508 && pairs[1] == 124 && lengths[0] == 2112 && lengths[1] == 960);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_query_has_its_value, first_slots_follow_the_power_law,
                                further_slots_are_drawn_without_replacement, tokens_are_uniform, published_sets};
  return testing_main("mqar", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What holds of every token task: examples follow from seed, set and number; tokens are in range; settings without
 * sense are refused. */
#include "draws.h"
#include "testing.h"

enum { MOST = 1100 };

START_TEST(names) {
  size_t n = 0;
  for (const efla_token_task *const *task = efla_token_tasks; *task; task++, n++) {
    ck_assert_str_eq(efla_token_task_name(n), (*task)->name);
    ck_assert_ptr_eq(efla_token_task_find((*task)->name), *task);
  }
  ck_assert_uint_eq(n, 7);
  ck_assert(!efla_token_task_name(n) && !efla_token_task_name(n + 1) && !efla_token_task_find("none"));
}
END_TEST

typedef struct example {
  uint16_t inputs[MOST], labels[MOST];
} example;

/* With other bytes where nothing is written. */
static void draw(example *x, const efla_token_source *source, uint64_t i, int fill) {
  memset(x, fill, sizeof *x);
  efla_token_example(source, i, x->inputs, x->labels);
}

/* Whether two draws of one example are equal and within its task's tokens, and nothing is written past it. */
static bool in_order(const efla_token_source *source, const example *a, const example *b) {
  size_t n = source->positions, tokens = source->settings.vocabulary;
  bool good = true;
  for (size_t t = 0; t < MOST; t++) {
    bool within = t < n;
    good &= within == (a->inputs[t] == b->inputs[t]) && within == (a->labels[t] == b->labels[t]);
    good &= !within || (a->inputs[t] < tokens && (a->labels[t] < tokens || a->labels[t] == EFLA_UNSCORED));
  }
  return good;
}

static void check_other(const efla_token_source *source, uint64_t seed, bool training) {
  efla_token_source other;
  example a, b;
  ck_assert_int_eq(efla_token_source_init(&other, source->task, &source->settings, seed, training, NULL), EFLA_OK);
  draw(&a, source, 7, 0);
  draw(&b, &other, 7, 0);
  ck_assert(memcmp(a.inputs, b.inputs, sizeof a.inputs) != 0);
  efla_token_source_clear(&other);
}

START_TEST(examples_follow_from_seed_set_and_number) {
  static example first, second, again;
  for (const efla_token_task *const *task = efla_token_tasks; *task; task++)
    for (int training = 0; training < 2; training++) {
      efla_token_source source = draws_open(*task, &(*task)->settings, training);
      ck_assert_uint_eq(source.positions, source.settings.length - (*task)->lost);
      for (uint64_t i = 0; i < 200; i++) {
        draw(&first, &source, i, 0x5a), draw(&second, &source, i + 1, 0x5a), draw(&again, &source, i, 0xa5);
        ck_assert(in_order(&source, &first, &again));
        ck_assert(memcmp(first.inputs, second.inputs, sizeof first.inputs) != 0);
      }
      check_other(&source, testing_seed() + 1, training);
      check_other(&source, testing_seed(), !training);
      efla_token_source_clear(&source);
      ck_assert(!source.table && !source.task);
    }
}
END_TEST

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* By a hash of 64 bits, for which two of the 14080 examples of a task agree by chance in one of 10^11 runs. */
START_TEST(no_example_comes_twice_in_the_published_sets) {
  static uint64_t hash[14080];
  for (const efla_token_task *const *task = efla_token_tasks + 1; *task; task++) {
    const efla_token_settings *s = &(*task)->settings;
    size_t n = 0, sizes[] = {s->test_examples, s->training_examples};
    ck_assert_uint_eq(sizes[0], 1280);
    for (int training = 0; training < 2; training++) {
      efla_token_source source = draws_open(*task, s, training);
      for (uint64_t i = 0; i < sizes[training]; i++, n++) {
        uint16_t inputs[MOST], labels[MOST];
        efla_token_example(&source, i, inputs, labels);
        hash[n] = 0;
        for (size_t t = 0; t < source.positions; t++) hash[n] = efla_seed_64(hash[n], inputs[t]);
      }
      efla_token_source_clear(&source);
    }
    qsort(hash, n, sizeof *hash, compare);
    size_t twice = 0;
    for (size_t i = 1; i < n; i++) twice += hash[i] == hash[i - 1];
    ck_assert_msg(twice == 0, "%s: %zu", (*task)->name, twice);
  }
}
END_TEST

START_TEST(settings_without_sense_are_refused) {
  static const struct {
    const char *task;
    efla_token_settings settings;
    const char *says; /* NULL: they have sense */
  } cases[] = {
      {"mqar", {.vocabulary = 0, .length = 64, .items = 4, .exponent = 1}, "tokens"},
      {"mqar", {.vocabulary = 65536, .length = 64, .items = 4, .exponent = 1}, "65535 tokens"},
      {"mqar", {.vocabulary = 65535, .length = 64, .items = 4, .exponent = 1}, NULL},
      {"mqar", {.vocabulary = 64, .length = 64, .items = 4, .exponent = 1}, "more tokens than positions"},
      {"mqar", {.vocabulary = 65, .length = 64, .items = 4, .exponent = 1}, NULL},
      {"mqar", {.vocabulary = 99, .length = 63, .items = 4, .exponent = 1}, "even"},
      {"mqar", {.vocabulary = 99, .length = 64, .items = 17, .exponent = 1}, "four positions"},
      {"mqar", {.vocabulary = 99, .length = 64, .items = 16, .exponent = 1}, NULL},
      {"mqar", {.vocabulary = 99, .length = 64, .items = 0, .exponent = 1}, "one pair"},
      {"mqar", {.vocabulary = 99, .length = 64, .items = 4, .exponent = 0}, "exponent"},
      {"mqar", {.vocabulary = 99, .length = 64, .items = 4, .exponent = 1, .noise = .1}, "no noise"},
      {"in-context-recall", {.vocabulary = 2, .length = 4}, NULL},
      {"in-context-recall", {.vocabulary = 1, .length = 4}, "2 tokens"},
      {"in-context-recall", {.vocabulary = 16, .length = 2}, "even length of at least 4"},
      {"in-context-recall", {.vocabulary = 16, .length = 5}, "even length"},
      {"in-context-recall", {.vocabulary = 16, .length = 0}, "length"},
      {"noisy-recall", {.vocabulary = 16, .length = 8, .noise = .5}, "tokens for the noise"},
      {"noisy-recall", {.vocabulary = 16, .length = 8, .noise_vocabulary = 1, .noise = 1}, "share of noise"},
      {"noisy-recall", {.vocabulary = 16, .length = 8, .noise_vocabulary = 1, .noise = -.1}, "share of noise"},
      {"noisy-recall", {.vocabulary = 16, .length = 8, .noise_vocabulary = 16, .noise = .1}, "fewer tokens of noise"},
      {"noisy-recall", {.vocabulary = 16, .length = 8, .noise_vocabulary = 14, .noise = .1}, NULL},
      {"fuzzy-recall", {.vocabulary = 7, .length = 13}, NULL},
      {"fuzzy-recall", {.vocabulary = 6, .length = 13}, "7 tokens"},
      {"fuzzy-recall", {.vocabulary = 16, .length = 12}, "at least 13"},
      {"selective-copying", {.vocabulary = 3, .length = 33, .items = 16}, NULL},
      {"selective-copying", {.vocabulary = 2, .length = 33, .items = 16}, "3 tokens"},
      {"selective-copying", {.vocabulary = 3, .length = 32, .items = 16}, "two positions"},
      {"selective-copying", {.vocabulary = 3, .length = 32, .items = 0}, "a token to copy"},
      {"compression", {.vocabulary = 2, .length = 1}, NULL},
      {"compression", {.vocabulary = 1, .length = 1}, "2 tokens"},
      {"memorization", {.vocabulary = 3, .length = 2}, NULL},
      {"memorization", {.vocabulary = 2, .length = 2}, "3 tokens"},
      {"memorization", {.vocabulary = 3, .length = 3}, "even"},
  };
  uint16_t inputs[MOST], labels[MOST];
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const efla_token_task *task = efla_token_task_find(cases[c].task);
    efla_token_source source, nothing = {0};
    efla_message why = {{0}};
    memset(&source, 0x5a, sizeof source);
    efla_status status = efla_token_source_init(&source, task, &cases[c].settings, 1, true, &why);
    ck_assert_msg(status == (cases[c].says ? EFLA_USAGE : EFLA_OK), "case %zu: %d, %s", c, (int)status, why.text);
    if (cases[c].says)
      ck_assert_msg(strstr(why.text, cases[c].says) && strstr(why.text, cases[c].task), "case %zu: %s", c, why.text);
    if (cases[c].says) ck_assert(!memcmp(&source, &nothing, sizeof source));
    for (uint64_t i = 0; i < 20 && !cases[c].says; i++) efla_token_example(&source, i, inputs, labels);
    efla_token_source_clear(&source);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {names, examples_follow_from_seed_set_and_number,
                                no_example_comes_twice_in_the_published_sets, settings_without_sense_are_refused};
  return testing_main("token_task", tests, sizeof tests / sizeof *tests, 60);
}

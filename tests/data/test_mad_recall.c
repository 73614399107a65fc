/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In-context recall, plain and noisy, against its definition, docs/tasks.md#mad. */
#include "draws.h"
#include "testing.h"

enum { LENGTH = 1024 };

static uint16_t inputs[LENGTH + 1], labels[LENGTH + 1]; /* of the last example */

typedef struct counts {
  double scored, scored_squares, noise, noise_squares;
} counts;

/* Whether a test example is what a reader of the definition expects: an answer is the value that stands after the same
 * key earlier on, and is asked for wherever there is one. */
static bool recalls(const efla_token_settings *s, counts *c) {
  size_t usable = s->vocabulary - s->noise_vocabulary, keys = usable / 2, last = s->length - 2;
  double scored = 0, noise = 0;
  bool good = true;
  for (size_t t = 0; t <= last; t += 2) {
    uint16_t key = inputs[t], answer = EFLA_UNSCORED;
    for (size_t before = 0; before < t && key < usable; before += 2)
      if (inputs[before] == key) answer = inputs[before + 1];
    good &= labels[t] == answer && (t < last || answer != EFLA_UNSCORED);
    scored += answer != EFLA_UNSCORED, noise += key >= usable;
    if (t == last) break;
    good &= labels[t + 1] == EFLA_UNSCORED;
    good &= key < usable ? key < keys && inputs[t + 1] >= keys && inputs[t + 1] < usable
                         : key < s->vocabulary && inputs[t + 1] >= usable && inputs[t + 1] < s->vocabulary;
    good &= answer == EFLA_UNSCORED || answer == inputs[t + 1]; /* a key keeps its value */
  }
  c->scored += scored, c->scored_squares += scored * scored;
  c->noise += noise, c->noise_squares += noise * noise;
  return good;
}

static counts count(const efla_token_task *task, const efla_token_settings *s, size_t n) {
  efla_token_source source = draws_open(task, s, false);
  counts c = {0};
  size_t wrong = 0;
  for (uint64_t i = 0; i < n; i++) {
    efla_token_example(&source, i, inputs, labels);
    wrong += !recalls(s, &c);
  }
  ck_assert_uint_eq(source.positions, s->length - 1);
  ck_assert_uint_eq(wrong, 0);
  efla_token_source_clear(&source);
  return c;
}

START_TEST(recall_asks_for_every_known_key) {
  static const efla_token_settings settings[] = {
      {.vocabulary = 16, .length = 128},
      {.vocabulary = 128, .length = 1024},
      {.vocabulary = 3, .length = 4},
      {.vocabulary = 32, .length = 128, .noise_vocabulary = 16, .noise = .2},
      {.vocabulary = 144, .length = 512, .noise_vocabulary = 16, .noise = .8},
      {.vocabulary = 20, .length = 4, .noise_vocabulary = 16, .noise = .99}};
  for (size_t n = 0; n < sizeof settings / sizeof *settings; n++)
    count(n < 3 ? &efla_mad_in_context_recall : &efla_mad_noisy_recall, &settings[n], 300);
}
END_TEST

/* Pair i of 63 is noise with probability f unless i is the protected one of 64, so it is a pair of keys with p = 1 or
 * 1 - f, and asked for unless all pairs before were noise or had one of the other 31 keys. */
START_TEST(as_many_answers_as_expected) {
  enum { N = 3000, PAIRS = 64, KEYS = 32 };
  for (int noisy = 0; noisy < 2; noisy++) {
    const efla_token_task *task = noisy ? &efla_mad_noisy_recall : &efla_mad_in_context_recall;
    efla_token_settings s = task->settings;
    double expected = 1;
    s.vocabulary = 2 * KEYS + s.noise_vocabulary;
    for (size_t protected = 0; protected < PAIRS; protected ++) {
      double fresh = 1;
      for (size_t i = 0; i < PAIRS - 1; i++) {
        double p = i == protected ? 1 : 1 - s.noise;
        expected += p * (1 - fresh) / PAIRS;
        fresh *= 1 - p / KEYS;
      }
    }
    counts c = count(task, &s, N);
    draws_check_mean(c.scored, c.scored_squares, N, expected, N);
    draws_check_mean(c.noise, c.noise_squares, N, s.noise * (PAIRS - 1) * (1 - 1. / PAIRS), N);
  }
}
END_TEST

/* Of four pairs the first three are noise with f = 1/2 but for the protected one; where it is the last, three times
 * noise is drawn again.  Then the first pair is noise with (2 f + f - f^3)/(4 - f^3).  Where the first two pairs have
 * one key and the third another, each of them is the last in half of the cases. */
START_TEST(the_protected_pair_and_the_last_key) {
  enum { N = 40000 };
  static const efla_token_settings s = {.vocabulary = 20, .length = 8, .noise_vocabulary = 10, .noise = .5};
  efla_token_source source = draws_open(&efla_mad_noisy_recall, &s, false);
  double first_noise = 0, cases = 0, first_key = 0, keys[5] = {0}, values[5] = {0}, plain = 0, noise[10] = {0};
  for (uint64_t i = 0; i < N; i++) {
    efla_token_example(&source, i, inputs, labels);
    if (inputs[0] >= 10)
      first_noise++, noise[inputs[1] - 10]++;
    else
      plain++, keys[inputs[0]]++, values[inputs[1] - 5]++;
    if (inputs[0] == inputs[2] && inputs[0] < 5 && inputs[4] < 5 && inputs[4] != inputs[0])
      cases++, first_key += inputs[6] == inputs[0];
  }
  draws_check_share(first_noise, N, (1.5 - .125) / (4 - .125), 5, 0);
  ck_assert(cases > 500);
  draws_check_share(first_key, cases, .5, 5, 0);
  for (size_t k = 0; k < 5; k++)
    draws_check_share(keys[k], plain, .2, 5, 0), draws_check_share(values[k], plain, .2, 5, 0);
  for (size_t k = 0; k < 10; k++) draws_check_share(noise[k], first_noise, .1, 5, 0);
  efla_token_source_clear(&source);
}
END_TEST

/* The next input everywhere, and at the end the value of the last key, or for fuzzy recall a token of a value. */
START_TEST(training_asks_for_every_next_token) {
  const efla_token_task *const tasks[] = {&efla_mad_in_context_recall, &efla_mad_noisy_recall, &efla_mad_fuzzy_recall};
  for (int k = 0; k < 3; k++) {
    efla_token_source source = draws_open(tasks[k], &tasks[k]->settings, true);
    size_t wrong = 0, last = source.positions - 1;
    for (uint64_t i = 0; i < 300; i++) {
      efla_token_example(&source, i, inputs, labels);
      for (size_t t = 0; t < last; t++) wrong += labels[t] != inputs[t + 1];
      size_t t = 0;
      while (k < 2 && inputs[t] != inputs[last]) t += 2;
      wrong += k < 2 ? t >= last || labels[last] != inputs[t + 1] : labels[last] < 7 || labels[last] >= 15;
    }
    ck_assert_uint_eq(wrong, 0);
    efla_token_source_clear(&source);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {recall_asks_for_every_known_key, as_many_answers_as_expected,
                                the_protected_pair_and_the_last_key, training_asks_for_every_next_token};
  return testing_main("mad_recall", tests, sizeof tests / sizeof *tests, 60);
}

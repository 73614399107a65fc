/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sources of tokens: the streams that all families share, and MNIST, which is a family of its own kind.
 *
 * Means are held against expectations with a margin of 5 standard errors, which follow from the definition; that all
 * numbers are rounded to f32 moves them by 2^-24 of their size, which is far less. */
#include "files.h"
#include "testing.h"

enum { IMAGES = 100, SIDE = EFLA_MNIST_SIDE, TOKENS = 2000 };

static unsigned char images[16 + IMAGES * SIDE * SIDE];
static const char *directory;

/* A directory with synthetic images for the family mnist. */
static void set_up(const char *name) {
  char path[256];
  directory = files_directory(name);
  snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", directory);
  files_write(path, images, files_idx(images, sizeof images, 3, (size_t[]){IMAGES, SIDE, SIDE}));
}

/* dk = dv = 28 suits all families. */
static efla_spec spec_of(const efla_family *family) {
  efla_spec spec = efla_spec_default(family);
  spec.dk = spec.dv = SIDE, spec.seed = testing_seed(), spec.mnist = directory;
  return spec;
}

/* The first tokens of a source, asked for in blocks of the size given. */
static efla_tokens draw_in_blocks(const efla_spec *spec, size_t tokens, size_t block) {
  efla_source source;
  efla_tokens x;
  efla_message why = {{0}};
  ck_assert_msg(efla_source_init(&source, spec, &why) == EFLA_OK, "%s", why.text);
  ck_assert_int_eq(efla_tokens_init(&x, tokens, spec->dk, spec->dv), EFLA_OK);
  for (size_t t = 0; t < tokens; t += block) {
    efla_tokens slice = efla_tokens_slice(&x, t, t + block < tokens ? block : tokens - t);
    for (size_t e = 0; e < slice.tokens * spec->dk; e++) slice.q[e] = slice.k[e] = NAN;
    ck_assert_msg(efla_source_next(&source, &slice, &why) == EFLA_OK, "%s", why.text);
  }
  efla_source_clear(&source);
  return x;
}

static efla_tokens draw(const efla_spec *spec, size_t tokens) { return draw_in_blocks(spec, tokens, tokens); }

static bool same(size_t n, const double *a, const double *b) { return !memcmp(a, b, n * sizeof *a); }

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

START_TEST(blocks_of_any_size_give_the_same_numbers) {
  static const size_t blocks[] = {1, 2, 7, 64, 1999};
  set_up("source-blocks");
  for (const efla_family *f = efla_families; f->name; f++) {
    efla_spec spec = spec_of(f);
    spec.dv = f->side ? f->side : 5;
    efla_tokens x = draw(&spec, TOKENS);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
      efla_tokens y = draw_in_blocks(&spec, TOKENS, blocks[i]);
      ck_assert_msg(same(TOKENS * (2 * spec.dk + spec.dv + 1), x.block, y.block), "%s: blocks of %zu", f->name,
                    blocks[i]);
      efla_tokens_clear(&y);
    }
    efla_tokens_clear(&x);
  }
}
END_TEST

/* How many tokens there are is known before the first is drawn; most families have no end. */
START_TEST(what_there_is_is_known_first) {
  set_up("source-check");
  efla_message why;
  for (const efla_family *f = efla_families; f->name; f++) {
    efla_spec spec = spec_of(f);
    bool data = !strcmp(f->name, "mnist");
    ck_assert_int_eq(efla_source_check(&spec, TOKENS, &why), EFLA_OK);
    ck_assert_int_eq(efla_source_check(&spec, SIZE_MAX, &why), data ? EFLA_INPUT : EFLA_OK);
    if (data) ck_assert_msg(strstr(why.text, "family mnist: ") != NULL, "%s", why.text);
    spec.dk = f->side + 1;
    ck_assert_int_eq(efla_source_check(&spec, 1, &why), data ? EFLA_INPUT : EFLA_OK);
  }
}
END_TEST

/* A state filled by a source is the recurrence over its next tokens, and the stream goes on after them. */
START_TEST(a_state_is_filled) {
  enum { FILL = 5, D = 4 };
  efla_spec spec = efla_spec_default(efla_family_find("gaussian"));
  spec.dk = spec.dv = D, spec.seed = testing_seed();
  efla_tokens all = draw_in_blocks(&spec, FILL + 1, FILL + 1), next;
  double expected[D * D] = {0}, S[D * D];
  const efla_tokens filled = efla_tokens_slice(&all, 0, FILL);
  efla_coefficients c[FILL];
  efla_token_coefficients(&(efla_rule){.method = efla_method_find("euler")}, &filled, c);
  efla_recurrence_f64(FILL, D, D, NULL, all.k, all.v, c, expected, NULL);
  efla_source source;
  efla_message why = {{0}};
  ck_assert_int_eq(efla_source_init(&source, &spec, &why), EFLA_OK);
  ck_assert_int_eq(efla_tokens_init(&next, 1, D, D), EFLA_OK);
  for (size_t e = 0; e < D * D; e++) S[e] = NAN;
  ck_assert_int_eq(efla_source_fill(&source, FILL, S, &why), EFLA_OK);
  ck_assert_int_eq(efla_source_next(&source, &next, &why), EFLA_OK);
  ck_assert_mem_eq(S, expected, sizeof S);
  ck_assert_mem_eq(next.k, all.k + FILL * D, D * sizeof *next.k);
  efla_source_clear(&source);
  efla_tokens_clear(&next);
  efla_tokens_clear(&all);
}
END_TEST

/* Neighbouring seeds are unrelated: the correlation of what they give is that of independent numbers. */
START_TEST(seeds_choose_the_numbers) {
  set_up("source-seeds");
  for (const efla_family *f = efla_families; f->name; f++) {
    efla_spec spec = spec_of(f);
    size_t n = TOKENS * SIDE;
    efla_tokens x = draw(&spec, TOKENS), again = draw(&spec, TOKENS);
    spec.seed++;
    efla_tokens y = draw(&spec, TOKENS);
    bool data = !strcmp(f->name, "mnist");
    ck_assert_msg(same(3 * n + TOKENS, x.block, again.block), "%s: the same seed", f->name);
    ck_assert_msg(same(n, x.k, y.k) == data && same(n, x.v, y.v) == data, "%s: another seed", f->name);
    ck_assert_msg(!same(TOKENS, x.beta, y.beta), "%s: another seed, the same steps", f->name);
    CHECK_BOUND(fabs(dot(n, x.q, y.q)) * SIDE / (double)n, 5 / sqrt((double)n));
    efla_tokens_clear(&x);
    efla_tokens_clear(&y);
    efla_tokens_clear(&again);
  }
}
END_TEST

/* A family changes keys (mnist: and values) and nothing else; nor does the other sizes' choice or a constant step. */
START_TEST(one_stream_for_each_purpose) {
  set_up("source-purposes");
  efla_spec first = spec_of(efla_families), other = first;
  size_t n = TOKENS * SIDE;
  efla_tokens x = draw(&first, TOKENS);
  for (const efla_family *f = efla_families; f->name; f++) {
    efla_spec spec = spec_of(f);
    efla_tokens y = draw(&spec, TOKENS);
    ck_assert_msg(same(n, x.q, y.q) && same(TOKENS, x.beta, y.beta), "%s: other queries or steps", f->name);
    ck_assert_msg(same(n, x.v, y.v) == (strcmp(f->name, "mnist") != 0), "%s: values", f->name);
    ck_assert_msg(same(n, x.k, y.k) == (f == efla_families), "%s: keys", f->name);
    efla_tokens_clear(&y);
  }
  other.dv = 3, other.beta = 0.5;
  efla_tokens y = draw(&other, TOKENS);
  ck_assert(same(n, x.q, y.q) && same(n, x.k, y.k) && same(TOKENS * 3, x.v, y.v));
  /* and the streams have nothing to do with each other */
  double bound = 5 / sqrt((double)n);
  CHECK_BOUND(fabs(dot(n, x.q, x.v)) * sqrt(SIDE) / (double)n, bound);
  CHECK_BOUND(fabs(dot(n, x.k, x.v)) * sqrt(SIDE) / (double)n, bound);
  CHECK_BOUND(fabs(dot(n, x.q, x.k)) * SIDE / (double)n, bound);
  efla_tokens_clear(&x);
  efla_tokens_clear(&y);
}
END_TEST

START_TEST(all_numbers_are_f32) {
  set_up("source-f32");
  for (const efla_family *f = efla_families; f->name; f++)
    for (double beta = -1; beta < 1; beta += 1.3) {
      efla_spec spec = spec_of(f);
      spec.norm = 1.1, spec.beta = beta;
      efla_tokens x = draw(&spec, TOKENS);
      const double *numbers = x.block;
      size_t odd = 0;
      for (size_t e = 0; e < TOKENS * (3 * SIDE + 1); e++) odd += (double)(float)numbers[e] != numbers[e];
      ck_assert_msg(odd == 0, "%s: %zu numbers", f->name, odd);
      efla_tokens_clear(&x);
    }
}
END_TEST

/* Mean and variance of n numbers that should be N(0, variance): standard errors sqrt(variance/n), variance sqrt(2/n).
 */
static void check_gaussian(size_t n, const double *values, double variance) {
  double sum = 0, count = (double)n;
  for (size_t i = 0; i < n; i++) sum += values[i];
  CHECK_BOUND(fabs(sum / count), 5 * sqrt(variance / count));
  CHECK_BOUND(fabs(dot(n, values, values) / count - variance), 5 * variance * sqrt(2 / count));
}

START_TEST(queries_values_and_steps) {
  set_up("source-shared");
  for (const efla_family *f = efla_families; f->name; f++) {
    efla_spec spec = spec_of(f);
    efla_tokens x = draw(&spec, TOKENS);
    check_gaussian(TOKENS * SIDE, x.q, 1. / SIDE);
    if (strcmp(f->name, "mnist") != 0) check_gaussian(TOKENS * SIDE, x.v, 1);
    double logit[TOKENS];
    for (size_t t = 0; t < TOKENS; t++) {
      ck_assert(x.beta[t] > 0 && x.beta[t] < 1);
      logit[t] = log(x.beta[t] / (1 - x.beta[t]));
    }
    check_gaussian(TOKENS, logit, 1);
    efla_tokens_clear(&x);
    static const double constant[] = {0, 0.3, 7};
    for (size_t i = 0; i < 3; i++) {
      spec.beta = constant[i];
      x = draw(&spec, 100);
      for (size_t t = 0; t < 100; t++) ck_assert_double_eq(x.beta[t], (double)(float)constant[i]);
      efla_tokens_clear(&x);
    }
  }
}
END_TEST

/* Row t is key t and row t + 1 value t, from one image into the next. */
START_TEST(mnist_keys_and_values) {
  set_up("source-mnist");
  size_t last = IMAGES * SIDE - 1, wrong = 0;
  efla_spec spec = spec_of(efla_family_find("mnist"));
  spec.norm = 2;
  efla_tokens x = draw(&spec, last);
  for (size_t e = 0; e < last * SIDE; e++) {
    wrong += x.k[e] != (double)(float)(2. * images[16 + e] / 255);
    wrong += x.v[e] != (double)(float)(images[16 + SIDE + e] / 255.);
  }
  ck_assert_uint_eq(wrong, 0);
  efla_tokens_clear(&x);
}
END_TEST

START_TEST(mnist_ends) {
  set_up("source-end");
  efla_spec spec = spec_of(efla_family_find("mnist"));
  efla_source source;
  efla_tokens x;
  efla_message why = {{0}};
  ck_assert_int_eq(efla_source_init(&source, &spec, &why), EFLA_OK);
  ck_assert_int_eq(efla_tokens_init(&x, IMAGES * SIDE, SIDE, SIDE), EFLA_OK);
  ck_assert_int_eq(efla_source_next(&source, &x, &why), EFLA_INPUT);
  ck_assert_str_eq(why.text, "mnist: 100 images give 2799 tokens, more were asked for");
  efla_tokens_clear(&x);
  efla_source_clear(&source);
}
END_TEST

/* What a family cannot give is refused with a sentence that has the text, and the source is zeroed. */
static void check_refused(const efla_spec *spec, const char *text) {
  static const efla_source zeroed;
  efla_source source;
  efla_message why = {{0}};
  memset(&source, 0x5a, sizeof source);
  ck_assert_int_eq(efla_source_init(&source, spec, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, text) != NULL, "%s", why.text);
  ck_assert(!memcmp(&source, &zeroed, sizeof source));
}

START_TEST(what_a_family_cannot_give) {
  set_up("source-refused");
  efla_spec spec = spec_of(efla_family_find("mnist"));
  spec.dk = 27;
  check_refused(&spec, "family mnist: dk = 27, dv = 28, expected both 28");
  spec.dk = 28, spec.dv = 29;
  check_refused(&spec, "family mnist: dk = 28, dv = 29, expected both 28");
  spec.dv = 28, spec.mnist = "no/such/directory";
  check_refused(&spec, "no/such/directory");
  spec = spec_of(efla_family_find("dictionary"));
  spec.words = 0;
  check_refused(&spec, "dictionary");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {blocks_of_any_size_give_the_same_numbers,
                                what_there_is_is_known_first,
                                a_state_is_filled,
                                seeds_choose_the_numbers,
                                one_stream_for_each_purpose,
                                all_numbers_are_f32,
                                queries_values_and_steps,
                                mnist_keys_and_values,
                                mnist_ends,
                                what_a_family_cannot_give};
  return testing_main("source", tests, sizeof tests / sizeof *tests, 60);
}

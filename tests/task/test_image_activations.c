/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Activations: queries, keys, values and steps against their definitions, the file written, quantiles against
 * sorting. */
#include "files.h"
#include "image_training.h"
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <unistd.h>

enum { IMAGES = 5, WIDTH = 16, TOKENS = EFLA_IMAGE_PIXELS, ROWS = TOKENS * WIDTH };

static efla_images digits;

/* A training that has made a step, so that no parameter is what it was. */
static void start(image_training *t, size_t keys) {
  const efla_image_options options = {.model = {.tokens = TOKENS,
                                                .width = WIDTH,
                                                .classes = EFLA_IMAGE_CLASSES,
                                                .method = efla_method_find("exact"),
                                                .keys = &efla_key_treatments[keys],
                                                .readout = &efla_readouts[0]},
                                      .rule = efla_adamw_default(3e-3),
                                      .seed = testing_seed(),
                                      .batch = IMAGES,
                                      .count = IMAGES,
                                      .threads = 1};
  ck_assert_int_eq(efla_images_strokes(&digits, IMAGES, testing_seed(), true, NULL), EFLA_OK);
  image_training_open(t, &options, &digits);
  image_training_step(t);
}

static void end(image_training *t) {
  image_training_close(t);
  efla_images_clear(&digits);
}

static efla_activations record(image_training *t, size_t count) {
  efla_activations x;
  ck_assert_int_eq(efla_activations_record(&x, &t->task, t->trainer.parameters, &digits, count, NULL), EFLA_OK);
  ck_assert(x.images == count && x.tokens == TOKENS && x.width == WIDTH);
  return x;
}

static const float *of(const image_training *t, efla_parameter p) {
  return t->trainer.parameters + efla_model_place(&t->task.options.model, p).first;
}

/* W x for one row of f32, and the sum of its terms' sizes. */
static double row_times(const float *W, const float *x, double *size) {
  double sum = 0;
  *size = 0;
  for (size_t j = 0; j < WIDTH; j++) sum += (double)W[j] * (double)x[j], *size += fabs((double)W[j] * (double)x[j]);
  return sum;
}

/* A sum of WIDTH products in f32, in any order, against f64. */
static void check_linear(const float *W, const float *h, const float *found) {
  double size;
  for (size_t i = 0; i < WIDTH; i++) {
    double expected = row_times(W + i * WIDTH, h, &size);
    CHECK_BOUND(fabs((double)found[i] - expected), (WIDTH + 1) * U32 * size);
  }
}

/* q = W_q h, v = W_v h for every token; k = W_k h, or of norm one: |k|^2 in f32 errs by WIDTH/2 + 2 units after the
 * root, a quotient and a product add two; beta = sigmoid(w_b h + b_b), whose slope is at most 1/4, and three roundings
 * of numbers below 1. */
START_TEST(by_definition) {
  for (size_t keys = 0; efla_key_treatments[keys].name; keys++) {
    image_training t;
    start(&t, keys);
    efla_activations x = record(&t, IMAGES);
    efla_classifier_f32 *c = t.task.classifiers;
    efla_classifier_load_f32(c, t.trainer.parameters);
    for (size_t i = 0; i < IMAGES; i++) {
      efla_image_read(&digits, i, c->x);
      efla_classifier_encode_f32(c);
      ck_assert_mem_eq(x.k + i * ROWS, c->e.k, ROWS * sizeof *x.k);
      ck_assert_mem_eq(x.beta + i * TOKENS, c->e.beta, TOKENS * sizeof *x.beta);
      for (size_t row = 0; row < TOKENS; row++) {
        const float *h = c->e.h + row * WIDTH;
        size_t at = i * ROWS + row * WIDTH;
        double size, s = row_times(of(&t, EFLA_W_BETA), h, &size) + (double)*of(&t, EFLA_B_BETA), norm = 0;
        check_linear(of(&t, EFLA_W_Q), h, x.q + at);
        check_linear(of(&t, EFLA_W_V), h, x.v + at);
        CHECK_BOUND(fabs((double)x.beta[i * TOKENS + row] - 1 / (1 + exp(-s))),
                    ((WIDTH + 2) * (size + fabs(s)) / 4 + 3) * U32);
        if (!t.task.options.model.keys->unit) check_linear(of(&t, EFLA_W_K), h, x.k + at);
        for (size_t j = 0; j < WIDTH; j++) norm += (double)x.k[at + j] * (double)x.k[at + j];
        if (t.task.options.model.keys->unit) CHECK_BOUND(fabs(sqrt(norm) - 1), (WIDTH / 2 + 4) * U32);
      }
      if (i > 0) ck_assert(memcmp(x.q, x.q + i * ROWS, ROWS * sizeof *x.q) != 0); /* images differ */
    }
    efla_activations first = record(&t, 2); /* of fewer images: the first ones */
    ck_assert_mem_eq(first.q, x.q, 2 * ROWS * sizeof *x.q);
    ck_assert_mem_eq(first.beta, x.beta, 2 * TOKENS * sizeof *x.beta);
    efla_activations_clear(&first);
    efla_activations_clear(&x);
    end(&t);
  }
}
END_TEST

static void check_tensor(efla_tensors *file, efla_tensor which, size_t width, const float *expected) {
  static double values[ROWS];
  ck_assert_uint_eq(efla_tensors_width(file, which), width);
  for (size_t i = 0; i < IMAGES; i++) {
    efla_message why;
    const efla_tensor_block block = {.batch = i, .head = 0, .heads = 1, .first = 0, .tokens = TOKENS};
    ck_assert_msg(efla_tensors_read(file, which, &block, efla_array_head_major(values, EFLA_F64, TOKENS, 1, width),
                                    &why) == EFLA_OK,
                  "%s", why.text);
    for (size_t j = 0; j < TOKENS * width; j++) ck_assert(values[j] == (double)expected[i * TOKENS * width + j]);
  }
}

/* The file has the numbers, bit for bit, as f32. */
START_TEST(there_and_back) {
  image_training t;
  start(&t, 0);
  efla_activations x = record(&t, IMAGES);
  efla_tensors file;
  efla_message why;
  char path[300];
  snprintf(path, sizeof path, "%s/x.h5", files_directory("activations"));
  for (int again = 0; again < 2; again++) { /* the second replaces the first */
    ck_assert_msg(efla_activations_save(&x, path, &why) == EFLA_OK, "%s", why.text);
    ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
    ck_assert(file.batch == IMAGES && file.tokens == TOKENS && file.heads == 1 && file.dk == WIDTH && file.dv == WIDTH);
    ck_assert(file.rank == 4 && file.sequences == IMAGES && !file.has[EFLA_G] && file.scale == 1);
    for (efla_tensor which = EFLA_Q; which <= EFLA_BETA; which++) ck_assert_str_eq(file.stored[which].name, "f32");
    check_tensor(&file, EFLA_Q, WIDTH, x.q);
    check_tensor(&file, EFLA_K, WIDTH, x.k);
    check_tensor(&file, EFLA_V, WIDTH, x.v);
    check_tensor(&file, EFLA_BETA, 1, x.beta);
    ck_assert_int_eq(efla_tensors_close(&file, &why), EFLA_OK);
    x.q[3] += 1;
  }
  efla_activations_clear(&x);
  end(&t);
}
END_TEST

/* The sentence names the file, and nothing is left; where the disk is full, HDF5 finds out when the file is closed. */
START_TEST(nowhere_to_write) {
  image_training t;
  start(&t, 0);
  efla_activations x = record(&t, 1);
  const char *directory = files_directory("activations-nowhere");
  char missing[300];
  snprintf(missing, sizeof missing, "%s/missing/x.h5", directory);
  const char *const places[] = {missing, directory, "/dev/full"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    efla_message why = {{0}};
    ck_assert_int_eq(efla_activations_save(&x, places[i], &why), EFLA_OUTPUT);
    ck_assert_msg(strstr(why.text, places[i]) != NULL, "%s", why.text);
  }
  ck_assert_int_eq(rmdir(directory), 0); /* still empty */
  efla_activations_clear(&x);
  end(&t);
}
END_TEST

/* The number of that rank, from 0: no more than that many are smaller, and more are not larger. */
static double of_rank(size_t n, const double *values, size_t rank) {
  for (size_t i = 0; i < n; i++) {
    size_t smaller = 0, not_larger = 0;
    for (size_t j = 0; j < n; j++) smaller += values[j] < values[i], not_larger += values[j] <= values[i];
    if (smaller <= rank && rank < not_larger) return values[i];
  }
  return NAN;
}

/* Means of n positive numbers err by n u of the largest, by both ways of summing; quantiles lie between their
 * neighbours, by (n-1) p, where three roundings are of n, at a slope of the neighbours' difference, and three of the
 * number itself. */
static void check_distribution(const efla_distribution *d, const char *quantity, size_t n, const double *values) {
  static const double share[EFLA_DISTRIBUTION_QUANTILES] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};
  double sum = 0, most = of_rank(n, values, n - 1);
  for (size_t i = 0; i < n; i++) sum += values[i];
  ck_assert_str_eq(d->quantity, quantity);
  ck_assert_double_eq(d->most, most);
  CHECK_BOUND(fabs(d->mean - sum / (double)n), 2 * (double)n * U * most);
  for (size_t q = 0; q < EFLA_DISTRIBUTION_QUANTILES; q++) {
    double place = (double)(n - 1) * share[q], below = floor(place);
    double low = of_rank(n, values, (size_t)below), high = of_rank(n, values, n > 1 ? (size_t)below + 1 : 0);
    ck_assert_double_eq(efla_distribution_orders[q], share[q]);
    CHECK_BOUND(fabs(d->quantile[q] - (low + (place - below) * (high - low))),
                3 * U * ((double)n * (high - low) + high));
  }
}

/* beta, lambda = |k|^2 and their product, in that order, for 1, 2, 21 and 101 tokens; the activations is left as it
 * was. */
START_TEST(quantiles_by_brute_force) {
  static const size_t sizes[][2] = {{1, 1}, {2, 1}, {3, 7}, {1, 101}};
  enum { MOST = 101 };
  float k[MOST * WIDTH], beta[MOST], before[MOST];
  double values[3][MOST];
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    size_t n = sizes[s][0] * sizes[s][1];
    for (size_t t = 0; t < n; t++) {
      beta[t] = before[t] = (float)gsl_rng_uniform(draw);
      values[0][t] = (double)beta[t], values[1][t] = 0;
      for (size_t j = 0; j < WIDTH; j++) { /* in multiples of 1/16, so that lambda is exact */
        k[t * WIDTH + j] = (float)(rint(gsl_ran_gaussian(draw, 16)) / 16);
        values[1][t] += (double)k[t * WIDTH + j] * (double)k[t * WIDTH + j];
      }
      values[2][t] = values[0][t] * values[1][t];
    }
    const efla_activations x = {.images = sizes[s][0], .tokens = sizes[s][1], .width = WIDTH, .k = k, .beta = beta};
    efla_distribution d[EFLA_ACTIVATIONS_DISTRIBUTIONS];
    ck_assert_int_eq(efla_activations_summarise(&x, d, NULL), EFLA_OK);
    check_distribution(&d[0], "beta", n, values[0]);
    check_distribution(&d[1], "lambda", n, values[1]);
    check_distribution(&d[2], "x", n, values[2]);
    ck_assert_mem_eq(beta, before, n * sizeof *beta);
  }
  gsl_rng_free(draw);
}
END_TEST

static void check_finite(const efla_distribution *d, bool finite) {
  ck_assert_msg(isfinite(d->mean) ? finite : isnan(d->mean) && !finite, "mean of %s: %g", d->quantity, d->mean);
  ck_assert_msg(isfinite(d->most) ? finite : isnan(d->most) && !finite, "largest %s: %g", d->quantity, d->most);
  for (size_t q = 0; q < EFLA_DISTRIBUTION_QUANTILES; q++) ck_assert_int_eq(isnan(d->quantile[q]) != 0, !finite);
}

/* A parameter that is nan makes all of its quantity nan, and others stay what they are. */
START_TEST(nan_parameters) {
  static const struct {
    efla_parameter parameter;
    bool beta, lambda;
  } cases[] = {{EFLA_W_Q, true, true}, {EFLA_W_K, true, false}, {EFLA_B_BETA, false, true}, {EFLA_W_IN, false, false}};
  image_training t;
  start(&t, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    float *parameter = t.trainer.parameters + efla_model_place(&t.task.options.model, cases[i].parameter).first,
          kept = *parameter;
    efla_distribution d[EFLA_ACTIVATIONS_DISTRIBUTIONS];
    *parameter = NAN;
    efla_activations x = record(&t, 2);
    *parameter = kept;
    ck_assert_int_eq(efla_activations_summarise(&x, d, NULL), EFLA_OK);
    check_finite(&d[0], cases[i].beta);
    check_finite(&d[1], cases[i].lambda);
    check_finite(&d[2], cases[i].beta && cases[i].lambda);
    efla_activations_clear(&x);
  }
  end(&t);
}
END_TEST

/* One number that is not finite, wherever it lies. */
START_TEST(one_that_is_not_finite) {
  enum { N = 9 };
  const float bad[] = {NAN, INFINITY};
  for (size_t b = 0; b < 2; b++)
    for (size_t where = 0; where < N; where++) {
      float k[N * WIDTH] = {0}, beta[N] = {0};
      efla_distribution d[EFLA_ACTIVATIONS_DISTRIBUTIONS];
      k[where * WIDTH + where] = bad[b];
      const efla_activations x = {.images = N, .tokens = 1, .width = WIDTH, .k = k, .beta = beta};
      ck_assert_int_eq(efla_activations_summarise(&x, d, NULL), EFLA_OK);
      check_finite(&d[0], true), check_finite(&d[1], false), check_finite(&d[2], false);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {by_definition,  there_and_back,        nowhere_to_write, quantiles_by_brute_force,
                                nan_parameters, one_that_is_not_finite};
  return testing_main("activations", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The language model: the gradient of every parameter against central differences in f64, the past alone, and what its
 * memory and its parameters count to. */
#include "differences.h"
#include "language_models.h"

#include "nn/language_parts.h"

#include <gsl/gsl_randist.h>

/* The loss along a direction: parameters + x direction. */
typedef struct along {
  model *m;
  const double *from, *direction;
  double x;
} along;

static double loss_along(void *context, double *size) {
  along *a = context;
  for (size_t i = 0; i < a->m->numbers; i++) a->m->parameters[i] = a->from[i] + a->x * a->direction[i];
  const double loss = loss_of(a->m, 0);
  *size = ROWS + fabs(loss);
  return loss;
}

/* Along a random direction within each parameter of each layer.  Rounding: a loss is off by the roundings along the
 * longest path, about 40 a layer and token, each of terms whose sizes are of the order of the loss. */
START_TEST(gradients) {
  for (size_t k = 0; k < KINDS; k++) {
    model m = open_model(&kinds[k], EFLA_F64);
    double *gradient = gradient_of(&m), *from = calloc(m.numbers, sizeof *from), *v = calloc(m.numbers, sizeof *v);
    memcpy(from, m.parameters, m.numbers * sizeof *from);
    gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(draw, testing_seed() + k);
    for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++)
      for (size_t l = 0; l < efla_lm_copies(&m.c, p); l++) {
        const efla_lm_place place = efla_lm_place_of(&m.c, p, l);
        if (place.rows == 0) continue;
        const size_t n = place.rows * place.columns;
        double expected = 0, doubt;
        memset(v, 0, m.numbers * sizeof *v);
        for (size_t i = 0; i < n; i++) {
          v[place.first + i] = gsl_ran_gaussian(draw, .1);
          expected += v[place.first + i] * gradient[place.first + i];
        }
        along a = {&m, from, v, 0};
        const double slope = differences_slope(loss_along, &a, &a.x, 40 * 2 * TOKENS, &doubt);
        ck_assert_msg(fabs(slope - expected) <= doubt && fabs(expected) > 4 * doubt,
                      "kind %zu, parameter %d, layer %zu: %.12g, expected %.12g within %g (seed %lu)", k, (int)p, l,
                      expected, slope, doubt, testing_seed());
      }
    gsl_rng_free(draw);
    free(gradient), free(from), free(v);
    close_model(&m);
  }
}
END_TEST

/* A token changes no loss before it, but all of an auto-encoder, and a sequence none of another; bit for bit. */
START_TEST(causal) {
  for (size_t k = 0; k < KINDS; k++) {
    model m = open_model(&kinds[k], EFLA_F32);
    double before[ROWS];
    for (size_t r = 0; r < ROWS; r++) m.labels[r] = 3;
    loss_of(&m, 0);
    memcpy(before, m.lm.losses, sizeof before);
    const size_t changed = 9;
    m.tokens[changed] = (m.tokens[changed] + 1) % VOCABULARY;
    loss_of(&m, 0);
    bool later = false;
    for (size_t r = 0; r < ROWS; r++)
      if ((r < changed && !m.c.compress) || r >= TOKENS)
        ck_assert_msg(m.lm.losses[r] == before[r], "kind %zu: row %zu", k, r);
      else
        later = later || m.lm.losses[r] != before[r];
    ck_assert(later);
    close_model(&m);
  }
}
END_TEST

/* Equal shapes start equally whatever the rule, places do not overlap and fill the block. */
START_TEST(parameters) {
  efla_lm_config a = config_of(&kinds[0]), b = config_of(&kinds[4]);
  efla_message why;
  double *x = calloc(efla_lm_numbers(&a), sizeof *x), *y = calloc(efla_lm_numbers(&b), sizeof *y);
  ck_assert_int_eq(efla_lm_start(&a, 5, x, &why), EFLA_OK);
  ck_assert_int_eq(efla_lm_start(&b, 5, y, &why), EFLA_OK);
  size_t end = 0, count = 0;
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++)
    for (size_t l = 0; l < efla_lm_copies(&a, p); l++) {
      const efla_lm_place of_a = efla_lm_place_of(&a, p, l), of_b = efla_lm_place_of(&b, p, l);
      ck_assert_uint_eq(of_a.first, end);
      if (p == EFLA_LM_CONVOLUTION && l == 0) ck_assert_uint_eq(efla_lm_matrices(&a), end);
      end += efla_padded(of_a.rows * of_a.columns), count += of_a.rows * of_a.columns;
      for (size_t i = 0; i < of_a.rows * of_a.columns; i++) ck_assert(x[of_a.first + i] == y[of_b.first + i]);
    }
  ck_assert_uint_eq(end, efla_lm_numbers(&a));
  ck_assert_uint_eq(count, efla_lm_parameters(&a));
  free(x), free(y);
}
END_TEST

static size_t allocated;
static void *count_allocation(size_t n) {
  allocated += n;
  return efla_device_find("cpu", EFLA_F64)->allocate(n);
}

/* Memory as announced: the device's numbers, and on the host 8 bytes for a row's loss and 4 for the place of a code. */
START_TEST(memory) {
  for (size_t k = 0; k < KINDS; k++) {
    model m = open_model(&kinds[k], EFLA_F64);
    efla_device_row counting = *m.device.row;
    efla_device device = m.device;
    efla_message why;
    const size_t host = ROWS * (kinds[k].compress ? 12 : 8);
    counting.allocate = count_allocation, device.row = &counting;
    for (int backward = 0; backward < 2; backward++) {
      efla_lm lm;
      allocated = 0;
      ck_assert_int_eq((backward ? efla_lm_init : efla_lm_init_forward)(&lm, &m.c, &device, SEQUENCES, TOKENS, &why),
                       EFLA_OK);
      ck_assert_double_eq(efla_lm_bytes(&m.c, &counting, SEQUENCES, TOKENS, backward), (double)(allocated * 8 + host));
      efla_lm_clear(&lm);
    }
    close_model(&m);
  }
}
END_TEST

/* One layer of an expansion as the header defines it; returns the new bound, where x erred by error. */
static double expand_layer(const model *m, size_t l, double *x, double error) {
  const size_t W = m->c.width;
  const double *matrix = m->parameters + efla_lm_place_of(&m->c, EFLA_LM_EXPAND, l).first,
               *bias = m->parameters + efla_lm_place_of(&m->c, EFLA_LM_EXPAND_BIAS, l).first,
               *scale = m->parameters + efla_lm_place_of(&m->c, EFLA_LM_NORM_EXPAND, l).first;
  double square = EFLA_RMS_EPSILON, largest = 0, widest = 0, y[WIDTH], most = 0;
  for (size_t i = 0; i < W; i++) square += x[i] * x[i] / (double)W, largest = fmax(largest, fabs(x[i]));
  for (size_t i = 0; i < W; i++) {
    double row = 0;
    y[i] = bias[i];
    for (size_t j = 0; j < W; j++) {
      const double factor = matrix[i * W + j] * scale[j];
      y[i] += factor * x[j] / sqrt(square), row += fabs(factor);
    }
    widest = fmax(widest, row), most = fmax(most, fabs(y[i]));
  }
  for (size_t i = 0; i < W; i++) x[i] = y[i] * (1 + erf(y[i] / sqrt(2))) / 2;
  return 1.13 * widest * ((1 + sqrt((double)W)) * error + (double)(3 * W + 10) * U * largest) / sqrt(square) +
         6 * U * most;
}

/* Row t of a sequence from the code; returns its bound, docs/bounds.md#training. */
static double expand(const model *m, size_t t, const double *code, double *x) {
  const size_t half = m->c.width / 2;
  double error = 0;
  for (size_t i = 0; i < m->c.width; i++) {
    const double angle = (double)t / pow(10000, (double)(i % half) / (double)(half - 1));
    x[i] = code[i] + (i < half ? sin(angle) : cos(angle));
    error = fmax(error, U * (25 * angle + 4 + 2 * fabs(x[i])));
  }
  for (size_t l = 0; l < EFLA_LM_EXPANSIONS; l++) error = expand_layer(m, l, x, error);
  return error;
}

/* What is read out follows from the code of the last token as it is defined, and from nothing else. */
START_TEST(compression) {
  model m = open_model(&kinds[COMPRESSED], EFLA_F64);
  loss_of(&m, 0);
  double *code = m.lm.code, *read = m.lm.x, before[ROWS * WIDTH], x[WIDTH] = {0};
  memcpy(before, read, sizeof before);
  for (size_t r = 0; r < ROWS; r++) {
    const size_t last = r / TOKENS * TOKENS + TOKENS - 1;
    const double bound = expand(&m, r % TOKENS, code + last * WIDTH, x);
    for (size_t i = 0; i < WIDTH; i++) CHECK_BOUND(fabs(x[i] - before[r * WIDTH + i]), bound);
  }
  for (size_t r = 0; r < ROWS; r++)
    for (size_t i = 0; i < WIDTH && r % TOKENS < TOKENS - 1; i++) code[r * WIDTH + i] = NAN;
  efla_lm_expand(&m.lm, m.mine);
  ck_assert_mem_eq(read, before, sizeof before);
  close_model(&m);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {gradients, causal, parameters, memory, compression};
  return testing_main("language_model", tests, sizeof tests / sizeof *tests, 120);
}

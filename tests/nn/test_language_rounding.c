/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rounding does to the language model: f32 against f64, and decoding against the forward pass, within what errors
 * that are drawn at random do to the same model (docs/bounds.md#language-model). */
#include "language_models.h"
#include "rounding_device.h"

#include "nn/language_decoder.h"

enum { DRAWS = 24 };

/* 7.5 standard deviations, and the root of a mean square of DRAWS draws is below a quarter of its expectation with a
 * probability of 3e-10. */
static const double LIMIT = 4 * 7.5;

/* Mean squares of what the errors of f32 do; `gradient` as the parameters, or NULL. */
typedef struct spread {
  double loss, rows[ROWS], *gradient;
} spread;

static void add_square(double *sum, double x) { *sum += x * x / DRAWS; }

/* Of a model whose forward pass has been run, with the labels that it has now; gradient: its own, or NULL. */
static spread spread_of(const struct kind *kind, const model *right, double loss, const double *gradient) {
  spread s = {.gradient = gradient ? calloc(right->numbers, sizeof(double)) : NULL};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t d = 0; d < DRAWS; d++) {
    efla_device device;
    rounding_device_open(&device, draw);
    model m = open_model_on(kind, device);
    memcpy(m.labels, right->labels, sizeof m.labels);
    add_square(&s.loss, loss_of(&m, 0) - loss);
    for (size_t r = 0; r < ROWS; r++) add_square(&s.rows[r], m.lm.losses[r] - right->lm.losses[r]);
    double *found = gradient ? gradient_of(&m) : NULL;
    for (size_t i = 0; found && i < m.numbers; i++) add_square(&s.gradient[i], found[i] - gradient[i]);
    free(found), close_model(&m);
  }
  gsl_rng_free(draw);
  return s;
}

static double norm_of(const double *x, const double *other, size_t n) {
  double square = 0;
  for (size_t i = 0; i < n; i++) square += (x[i] - (other ? other[i] : 0)) * (x[i] - (other ? other[i] : 0));
  return sqrt(square);
}

/* The derivative by each parameter of each layer; tolerances of 1e-3 of the whole gradient would say little. */
static void check_gradient(size_t k, const model *m, const double *found, const double *right, const double *squares) {
  const double whole = norm_of(right, NULL, m->numbers);
  for (efla_lm_parameter p = 0; p < EFLA_LM_PARAMETERS; p++)
    for (size_t l = 0; l < efla_lm_copies(&m->c, p); l++) {
      const efla_lm_place place = efla_lm_place_of(&m->c, p, l);
      const size_t n = place.rows * place.columns;
      double square = 0;
      for (size_t i = 0; i < n; i++) square += squares[place.first + i];
      const double error = norm_of(found + place.first, right + place.first, n), bound = LIMIT * sqrt(square);
      ck_assert_msg(error <= bound && bound < 1e-3 * whole,
                    "kind %zu, parameter %d, layer %zu: %g, expected %g of %g (seed %lu)", k, (int)p, l, error, bound,
                    whole, testing_seed());
    }
}

START_TEST(narrow_and_wide) {
  for (size_t k = 0; k < KINDS; k++) {
    model wide = open_model(&kinds[k], EFLA_F64), narrow = open_model(&kinds[k], EFLA_F32);
    double *right = gradient_of(&wide), *found = gradient_of(&narrow);
    const double loss = loss_of(&wide, 0);
    spread s = spread_of(&kinds[k], &wide, loss, right);
    CHECK_BOUND(fabs(loss_of(&narrow, 0) - loss), LIMIT * sqrt(s.loss));
    check_gradient(k, &wide, found, right, s.gradient);
    free(right), free(found), free(s.gradient);
    close_model(&wide), close_model(&narrow);
  }
}
END_TEST

/* Token by token the same losses, in two orders of the same sums, both in f64; the logarithm is taken here of a sum of
 * VOCABULARY terms. */
START_TEST(decoding) {
  for (size_t k = 0; k < KINDS; k++) {
    model m = open_model(&kinds[k], EFLA_F64);
    efla_lm_decoder d;
    efla_message why;
    for (size_t r = 0; r < ROWS; r++) m.labels[r] = (int32_t)(r % VOCABULARY);
    const double loss = loss_of(&m, 0);
    const efla_status status = efla_lm_decoder_open(&d, &m.c, &m.device, m.mine, &why);
    ck_assert_int_eq(status, kinds[k].softmax || kinds[k].compress ? EFLA_UNSUPPORTED : EFLA_OK);
    spread s = {.loss = 0};
    if (status == EFLA_OK) s = spread_of(&kinds[k], &m, loss, NULL);
    for (size_t t = 0; t < TOKENS && status == EFLA_OK; t++) {
      double logits[VOCABULARY], sum = 0;
      ck_assert_int_eq(efla_lm_decoder_step(&d, m.tokens[t], logits, &why), EFLA_OK);
      for (size_t i = 0; i < VOCABULARY; i++) sum += exp(logits[i]);
      const double own = logits[t % VOCABULARY], size = 1 + fabs(log(sum)) + fabs(own);
      CHECK_BOUND(fabs(log(sum) - own - m.lm.losses[t]),
                  LIMIT * sqrt(2 * s.rows[t]) * U / U32 + (VOCABULARY + 4) * U * size);
    }
    efla_lm_decoder_close(&d), close_model(&m);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {narrow_and_wide, decoding};
  return testing_main("language_rounding", tests, sizeof tests / sizeof *tests, 120);
}

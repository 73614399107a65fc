/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole classifier: its gradient against central differences, with every method, key treatment and read-out; f32
 * against f64. */
#include "differences.h"
#include "testing.h"

#include <gsl/gsl_randist.h>

enum { TOKENS = 21, WIDTH = 16, CLASSES = 10, LABEL = 3 };

typedef struct problem {
  efla_model model;
  efla_classifier_f64 c;
  size_t numbers;
  double *parameters, *gradient;
} problem;

static efla_model model_of(const efla_method *method, const efla_key_treatment *keys, const efla_readout *readout) {
  return (efla_model){
      .tokens = TOKENS, .width = WIDTH, .classes = CLASSES, .method = method, .keys = keys, .readout = readout};
}

static double *lines(size_t n) {
  double *block = aligned_alloc(64, (n * sizeof *block + 63) / 64 * 64);
  ck_assert_ptr_nonnull(block);
  memset(block, 0, n * sizeof *block);
  return block;
}

/* Parameters as they are at the start of a training, but larger positions, so that tokens differ, and larger keys, so
 * that methods do. */
static void set_up(problem *p, efla_model model, gsl_rng *draw) {
  *p = (problem){.model = model, .numbers = efla_model_numbers(&model)};
  p->parameters = lines(p->numbers), p->gradient = lines(p->numbers);
  ck_assert_int_eq(efla_classifier_init_f64(&p->c, &p->model, NULL, NULL), EFLA_OK);
  ck_assert_ptr_nonnull(p->c.x);
  ck_assert_int_eq(efla_model_start(&model, testing_seed(), p->parameters, NULL), EFLA_OK);
  efla_extent positions = efla_model_place(&model, EFLA_POSITIONS), keys = efla_model_place(&model, EFLA_W_K);
  for (size_t i = 0; i < positions.rows * positions.columns; i++) p->parameters[positions.first + i] *= 25;
  for (size_t i = 0; i < keys.rows * keys.columns; i++) p->parameters[keys.first + i] *= 2;
  p->parameters[efla_model_place(&model, EFLA_B_BETA).first] = -0.5;
  for (size_t t = 0; t < TOKENS; t++) p->c.x[t] = t % 3 == 1 ? gsl_rng_uniform(draw) : 0;
}

static void clear(problem *p) {
  efla_classifier_clear_f64(&p->c);
  free(p->parameters), free(p->gradient);
}

static double loss(void *context, double *size) {
  problem *p = context;
  efla_classifier_load_f64(&p->c, p->parameters);
  efla_classifier_forward_f64(&p->c);
  double value = efla_entropy_f64(CLASSES, p->c.logits, LABEL, 1, NULL), most = 0;
  for (size_t i = 0; i < CLASSES; i++) most = fmax(most, fabs(p->c.logits[i]));
  *size = value + most;
  return value;
}

/* Rounding of the logits: TOKENS transitions of WIDTH + 8 operations each, random signs, and LayerNorm divides by the
 * deviation, which may be as small as a tenth of the largest entry: 10 sqrt(TOKENS (WIDTH + 8)) = 225; one parameter in
 * `stride` is tried. */
static void check_gradient(problem *p, size_t stride) {
  const size_t operations = 225;
  efla_classifier_load_f64(&p->c, p->parameters);
  efla_classifier_forward_f64(&p->c);
  efla_classifier_backward_f64(&p->c, LABEL, 1, p->gradient);
  for (efla_parameter q = 0; q < EFLA_PARAMETERS; q++) {
    efla_extent place = efla_model_place(&p->model, q);
    for (size_t i = 0; i<place.rows * place.columns; i += place.rows * place.columns> 2 * stride ? stride : 1) {
      double doubt, found = p->gradient[place.first + i];
      double slope = differences_slope(loss, p, &p->parameters[place.first + i], operations, &doubt);
      ck_assert_msg(fabs(found - slope) <= doubt, "%s, %s keys, %s: %s[%zu]: %.17g, by differences %.17g +- %g",
                    p->model.method->name, p->model.keys->name, p->model.readout->name, efla_parameter_name(q), i,
                    found, slope, doubt);
      CHECK_BOUND(doubt, 1e-3);
    }
  }
}

START_TEST(gradient_equals_central_differences) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (const efla_method *m = efla_methods; m->name; m++)
    for (const efla_key_treatment *k = efla_key_treatments; k->name; k++)
      for (const efla_readout *r = efla_readouts; r->name; r++) {
        problem p;
        set_up(&p, model_of(m, k, r), draw);
        check_gradient(&p, 31);
        clear(&p);
      }
  gsl_rng_free(draw);
}
END_TEST

static double norm_of(size_t n, const double *x) { return sqrt(efla_lambda(n, x)); }

/* Both read-outs are one function: logits and gradient as far apart as rounding makes them, 225 u as above, twice for
 * the way back. */
START_TEST(readings_agree) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (const efla_method *m = efla_methods; m->name; m++) {
    problem p[2];
    for (size_t r = 0; r < 2; r++) {
      gsl_rng_set(draw, testing_seed());
      set_up(&p[r], model_of(m, &efla_key_treatments[0], &efla_readouts[r]), draw);
      efla_classifier_load_f64(&p[r].c, p[r].parameters);
      efla_classifier_forward_f64(&p[r].c);
      efla_classifier_backward_f64(&p[r].c, LABEL, 1, p[r].gradient);
    }
    ck_assert_str_ne(p[0].model.readout->name, p[1].model.readout->name);
    double size = norm_of(CLASSES, p[0].c.logits), gradient = norm_of(p[0].numbers, p[0].gradient);
    for (size_t i = 0; i < CLASSES; i++) CHECK_BOUND(fabs(p[0].c.logits[i] - p[1].c.logits[i]), 225 * U * size);
    for (size_t i = 0; i < p[0].numbers; i++)
      CHECK_BOUND(fabs(p[0].gradient[i] - p[1].gradient[i]), 2 * 225 * U * gradient);
    clear(&p[0]), clear(&p[1]);
  }
  gsl_rng_free(draw);
}
END_TEST

/* The model as it is written down: tokens one after another through GELU, projections, coefficients and the naive
 * recurrence. */
START_TEST(logits_by_definition) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  problem p;
  set_up(&p, model_of(efla_method_find("exact"), &efla_key_treatments[1], &efla_readouts[0]), draw);
  const double *of[EFLA_PARAMETERS];
  for (efla_parameter q = 0; q < EFLA_PARAMETERS; q++) of[q] = p.parameters + efla_model_place(&p.model, q).first;
  double S[WIDTH * WIDTH] = {0}, h[WIDTH], q[WIDTH], k[WIDTH], v[WIDTH], o[WIDTH], mean = 0, variance = 0;
  for (size_t t = 0; t < TOKENS; t++) {
    double beta = *of[EFLA_B_BETA], coefficient;
    for (size_t i = 0; i < WIDTH; i++) {
      double z = of[EFLA_W_IN][i] * p.c.x[t] + of[EFLA_POSITIONS][t * WIDTH + i];
      h[i] = z * erfc(-z / sqrt(2)) / 2;
      beta += of[EFLA_W_BETA][i] * h[i];
    }
    for (size_t i = 0; i < WIDTH; i++) {
      q[i] = k[i] = v[i] = 0;
      for (size_t j = 0; j < WIDTH; j++) {
        q[i] += of[EFLA_W_Q][i * WIDTH + j] * h[j], k[i] += of[EFLA_W_K][i * WIDTH + j] * h[j];
        v[i] += of[EFLA_W_V][i * WIDTH + j] * h[j];
      }
    }
    efla_key_treatments[1].apply(WIDTH, k);
    coefficient = efla_coefficient(p.model.method, 1 / (1 + exp(-beta)), efla_lambda(WIDTH, k));
    efla_recurrence_f64(1, WIDTH, WIDTH, q, k, v, &(efla_coefficients){1, coefficient, coefficient}, S, o);
  }
  for (size_t i = 0; i < WIDTH; i++) mean += o[i] / WIDTH;
  for (size_t i = 0; i < WIDTH; i++) variance += (o[i] - mean) * (o[i] - mean) / WIDTH;
  efla_classifier_load_f64(&p.c, p.parameters);
  efla_classifier_forward_f64(&p.c);
  double size = norm_of(CLASSES, p.c.logits);
  for (size_t c = 0; c < CLASSES; c++) {
    double logit = of[EFLA_B_OUT][c];
    for (size_t i = 0; i < WIDTH; i++)
      logit += of[EFLA_W_OUT][c * WIDTH + i] *
               ((o[i] - mean) / sqrt(variance + 1e-5) * of[EFLA_NORM_SCALE][i] + of[EFLA_NORM_SHIFT][i]);
    CHECK_BOUND(fabs(p.c.logits[c] - logit), 2 * 225 * U * size);
  }
  clear(&p);
  gsl_rng_free(draw);
}
END_TEST

/* f32 is the same code but for GELU: 225 units of f32, twice for the way back. */
START_TEST(f32_is_close_to_f64) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  problem p;
  set_up(&p, model_of(efla_method_find("exact"), &efla_key_treatments[0], &efla_readouts[0]), draw);
  efla_classifier_f32 c;
  ck_assert_int_eq(efla_classifier_init_f32(&c, &p.model, NULL, NULL), EFLA_OK);
  float *parameters = aligned_alloc(64, p.numbers * sizeof *parameters),
        *gradient = aligned_alloc(64, p.numbers * sizeof *gradient);
  for (size_t i = 0; i < p.numbers; i++) p.parameters[i] = parameters[i] = (float)p.parameters[i], gradient[i] = 0;
  for (size_t t = 0; t < TOKENS; t++) p.c.x[t] = c.x[t] = (float)p.c.x[t];
  efla_classifier_load_f64(&p.c, p.parameters);
  efla_classifier_load_f32(&c, parameters);
  size_t best = efla_classifier_forward_f64(&p.c);
  ck_assert_uint_eq(efla_classifier_forward_f32(&c), best);
  double size = norm_of(CLASSES, p.c.logits), whole = efla_classifier_backward_f64(&p.c, LABEL, 1, p.gradient);
  CHECK_BOUND(fabs((double)efla_classifier_backward_f32(&c, LABEL, 1, gradient) - whole), 225 * U32 * size);
  for (size_t i = 0; i < p.numbers; i++)
    CHECK_BOUND(fabs((double)gradient[i] - p.gradient[i]), 2 * 225 * U32 * norm_of(p.numbers, p.gradient));
  free(parameters), free(gradient);
  efla_classifier_clear_f32(&c);
  clear(&p);
  gsl_rng_free(draw);
}
END_TEST

/* What was encoded before does not matter, and neither does how much of an image is background: the same bits. */
START_TEST(paper_is_encoded_once) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  problem p, fresh;
  set_up(&p, model_of(efla_method_find("exact"), &efla_key_treatments[1], &efla_readouts[0]), draw);
  efla_classifier_load_f64(&p.c, p.parameters);
  for (size_t foreground = 0; foreground <= TOKENS; foreground += 7) {
    gsl_rng_set(draw, testing_seed());
    set_up(&fresh, p.model, draw);
    efla_classifier_load_f64(&fresh.c, fresh.parameters);
    for (size_t t = 0; t < TOKENS; t++) p.c.x[t] = fresh.c.x[t] = t < foreground ? gsl_rng_uniform(draw) : 0;
    efla_classifier_forward_f64(&p.c), efla_classifier_forward_f64(&fresh.c);
    ck_assert_mem_eq(p.c.logits, fresh.c.logits, CLASSES * sizeof *p.c.logits);
    memset(p.gradient, 0, p.numbers * sizeof *p.gradient);
    efla_classifier_backward_f64(&p.c, LABEL, 1, p.gradient),
        efla_classifier_backward_f64(&fresh.c, LABEL, 1, fresh.gradient);
    ck_assert_mem_eq(p.gradient, fresh.gradient, p.numbers * sizeof *p.gradient);
    clear(&fresh);
  }
  clear(&p);
  gsl_rng_free(draw);
}
END_TEST

/* A parameter that is not finite leads to no class; it is data, no failure. */
START_TEST(not_finite) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  problem p;
  set_up(&p, model_of(efla_method_find("euler"), &efla_key_treatments[0], &efla_readouts[0]), draw);
  p.parameters[efla_model_place(&p.model, EFLA_W_K).first + 5] = NAN;
  efla_classifier_load_f64(&p.c, p.parameters);
  ck_assert_uint_eq(efla_classifier_forward_f64(&p.c), CLASSES);
  ck_assert(isnan(efla_classifier_backward_f64(&p.c, LABEL, 1, p.gradient)));
  clear(&p);
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {gradient_equals_central_differences,
                                readings_agree,
                                logits_by_definition,
                                f32_is_close_to_f64,
                                paper_is_encoded_once,
                                not_finite};
  return testing_main("classifier", tests, sizeof tests / sizeof *tests, 120);
}

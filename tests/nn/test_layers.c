/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers: every derivative against central differences of the layer itself, and f32 against f64. */
#include "differences.h"
#include "testing.h"

#include <gsl/gsl_randist.h>

enum { ROWS = 5, WIDTH = 32, CLASSES = 10, PADDED = 16, MOST = 1024 };

/* A layer of numbers in and numbers out: where its inputs lie in one array, and its derivative times d_out. */
typedef struct layer {
  const char *name;
  size_t inputs, outputs;
  void (*forward)(const double *in, double *out);
  void (*backward)(const double *in, const double *d_out, double *d_in);
} layer;

/* Every array starts at a line. */
static _Alignas(64) double scratch[WIDTH * WIDTH + ROWS * PADDED], kept[ROWS * WIDTH];
static const efla_isa *isa;

/* x (PADDED of which ROWS), W_in (WIDTH), P (ROWS, WIDTH) */
static void embed(const double *in, double *out) {
  efla_embed_forward_f64(isa, ROWS, WIDTH, in, in + PADDED, in + PADDED + WIDTH, out, kept);
}
static void embed_backward(const double *in, const double *d_out, double *d_in) {
  embed(in, scratch);
  memcpy(scratch, d_out, ROWS * WIDTH * sizeof *d_out);
  efla_embed_backward_f64(isa, ROWS, WIDTH, in, kept, scratch, d_in + PADDED, d_in + PADDED + WIDTH);
  for (size_t t = 0; t < ROWS; t++) /* the layer has no derivative by pixels: from that by its sums */
    for (size_t i = 0; i < WIDTH; i++) d_in[t] += scratch[t * WIDTH + i] * in[PADDED + i];
}

/* x (ROWS, WIDTH), W (CLASSES, WIDTH) */
static void linear(const double *in, double *out) {
  efla_linear_forward_f64(isa, ROWS, WIDTH, CLASSES, in, in + ROWS * WIDTH, out, scratch);
}
static void linear_backward(const double *in, const double *d_out, double *d_in) {
  efla_linear_backward_f64(isa, ROWS, WIDTH, CLASSES, in, in + ROWS * WIDTH, d_out, d_in, d_in + ROWS * WIDTH);
}

static void unit(const double *in, double *out) {
  memcpy(out, in, ROWS * WIDTH * sizeof *in);
  efla_unit_forward_f64(ROWS, WIDTH, out, kept);
}
static void unit_backward(const double *in, const double *d_out, double *d_in) {
  unit(in, scratch);
  memcpy(d_in, d_out, ROWS * WIDTH * sizeof *d_in);
  efla_unit_backward_f64(ROWS, WIDTH, scratch, kept, d_in);
}

/* h (ROWS, WIDTH), w (WIDTH), b */
static void beta(const double *in, double *out) {
  efla_beta_forward_f64(isa, ROWS, WIDTH, in, in + ROWS * WIDTH, in[ROWS * WIDTH + WIDTH], out, scratch);
}
static void beta_backward(const double *in, const double *d_out, double *d_in) {
  double values[ROWS], d_beta[ROWS];
  beta(in, values);
  memcpy(d_beta, d_out, sizeof d_beta);
  double *d_w = d_in + ROWS * WIDTH;
  efla_beta_backward_f64(isa, ROWS, WIDTH, in, in + ROWS * WIDTH, values, d_beta, d_in, d_w, d_w + WIDTH);
}

/* x, scale, shift (WIDTH) */
static void norm(const double *in, double *out) {
  efla_norm_forward_f64(WIDTH, in, in + WIDTH, in + 2 * WIDTH, out, kept, kept + WIDTH);
}
static void norm_backward(const double *in, const double *d_out, double *d_in) {
  norm(in, scratch);
  efla_norm_backward_f64(WIDTH, kept, kept[WIDTH], in + WIDTH, d_out, d_in, d_in + WIDTH, d_in + 2 * WIDTH);
}

static void entropy(const double *in, double *out) { *out = efla_entropy_f64(CLASSES, in, 3, 1, NULL); }
static void entropy_backward(const double *in, const double *d_out, double *d_in) {
  efla_entropy_f64(CLASSES, in, 3, *d_out, d_in);
}

static const layer layers[] = {
    {"embed", PADDED + WIDTH + ROWS *WIDTH, ROWS *WIDTH, embed, embed_backward},
    {"linear", ROWS *WIDTH + CLASSES *WIDTH, ROWS *PADDED, linear, linear_backward},
    {"unit", ROWS *WIDTH, ROWS *WIDTH, unit, unit_backward},
    {"beta", ROWS *WIDTH + WIDTH + 1, ROWS, beta, beta_backward},
    {"norm", 3 * WIDTH, WIDTH, norm, norm_backward},
    {"entropy", CLASSES, 1, entropy, entropy_backward},
};

typedef struct problem {
  const layer *layer;
  _Alignas(64) double in[MOST], weights[MOST], out[MOST], d_in[MOST];
} problem;

/* sum weights . out */
static double loss(void *context, double *size) {
  problem *p = context;
  long double sum = 0, terms = 0;
  p->layer->forward(p->in, p->out);
  for (size_t i = 0; i < p->layer->outputs; i++)
    sum += (long double)p->weights[i] * p->out[i], terms += fabsl((long double)p->weights[i] * p->out[i]);
  *size = (double)terms;
  return (double)sum;
}

static problem *set_up(const layer *l, gsl_rng *draw) {
  problem *p = aligned_alloc(64, sizeof *p);
  ck_assert_ptr_nonnull(p);
  memset(p, 0, sizeof *p);
  p->layer = l;
  for (size_t i = 0; i < l->inputs; i++) p->in[i] = gsl_ran_gaussian(draw, 1);
  for (size_t i = 0; i < l->outputs; i++)
    p->weights[i] = l->forward == linear && i % PADDED >= CLASSES ? 0 : gsl_ran_gaussian(draw, 1); /* padding is 0 */
  return p;
}

/* Sums of WIDTH terms and a few operations more go into an output. */
START_TEST(equal_to_central_differences) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  FOR_EACH_ISA(each) {
    isa = each;
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
      problem *p = set_up(&layers[l], draw);
      p->layer->backward(p->in, p->weights, p->d_in);
      for (size_t i = 0; i < p->layer->inputs; i++) {
        if (p->layer->forward == embed && i >= ROWS && i < PADDED) continue; /* padding */
        double doubt, slope = differences_slope(loss, p, &p->in[i], WIDTH + 16, &doubt), size;
        loss(p, &size);
        ck_assert_msg(fabs(p->d_in[i] - slope) <= doubt, "%s, input %zu: %.17g, by differences %.17g +- %g",
                      layers[l].name, i, p->d_in[i], slope, doubt);
        CHECK_BOUND(doubt, 1e-4 * (1 + size)); /* the differences do say something */
      }
      free(p);
    }
  }
  gsl_rng_free(draw);
}
END_TEST

/* Derivatives by parameters and by a linear layer's input are added to what is there; the terms of one add up to less
 * than 64. */
START_TEST(gradients_add_up) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  isa = efla_isa_best();
  problem *p = set_up(&layers[1], draw);
  double once[MOST];
  linear_backward(p->in, p->weights, p->d_in);
  memcpy(once, p->d_in, sizeof once);
  linear_backward(p->in, p->weights, p->d_in);
  for (size_t i = 0; i < p->layer->inputs; i++) CHECK_BOUND(fabs(p->d_in[i] - 2 * once[i]), (WIDTH + 4) * U * 64);
  free(p);
  gsl_rng_free(draw);
}
END_TEST

/* A key of zeros has no direction: it stays, and nothing goes back through it. */
START_TEST(zero_key) {
  double k[WIDTH] = {0}, norm_of, d_k[WIDTH];
  for (size_t i = 0; i < WIDTH; i++) d_k[i] = 1;
  efla_unit_forward_f64(1, WIDTH, k, &norm_of);
  efla_unit_backward_f64(1, WIDTH, k, &norm_of, d_k);
  for (size_t i = 0; i < WIDTH; i++) ck_assert(k[i] == 0 && d_k[i] == 0);
}
END_TEST

/* Logits that are far apart, equal, infinite. */
START_TEST(entropy_of_extremes) {
  const double far[2] = {1000, -1000}, same[2] = {7, 7}, infinite[2] = {INFINITY, 0};
  double d[2];
  ck_assert_double_eq(efla_entropy_f64(2, far, 0, 1, d), 0);
  ck_assert(d[0] == 0 && d[1] == 0);
  ck_assert_double_eq(efla_entropy_f64(2, far, 1, 1, d), 2000);
  CHECK_BOUND(fabs(efla_entropy_f64(2, same, 1, 1, d) - M_LN2), 16 * U); /* 7 and its rounding cancel */
  ck_assert(isnan(efla_entropy_f64(2, infinite, 0, 1, d)));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {equal_to_central_differences, gradients_add_up, zero_key, entropy_of_extremes};
  return testing_main("layers", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The naive derivative against central differences of the naive recurrence. */
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

enum { TOKENS = 7, DK = 11, DV = 4, STATE = DK * DV };

/* One head; the loss is sum d_o . o + <d_final, S>.  All that it depends on lies in one array, so that differences can
 * walk over it. */
typedef struct problem {
  efla_rule rule;
  struct inputs {
    double q[TOKENS * DK], k[TOKENS * DK], v[TOKENS * DV], initial[STATE], g[TOKENS], beta[TOKENS];
  } in;
  double d_o[TOKENS * DV], d_final[STATE];
  double size; /* what the loss's terms add up to in magnitude, as last computed */
} problem;

enum { INPUTS = sizeof(struct inputs) / sizeof(double) };

static problem set_up(const efla_method *method, const efla_decay *decay, gsl_rng *draw) {
  problem p = {.rule = {.method = method, .decay = decay}};
  double *in = (double *)&p.in;
  for (size_t i = 0; i < INPUTS; i++) in[i] = gsl_ran_gaussian(draw, 0.8);
  for (size_t i = 0; i < TOKENS * DK; i++) p.in.k[i] /= 2; /* norms of 1.3 or so */
  for (size_t t = 0; t < TOKENS; t++) p.in.beta[t] = gsl_rng_uniform(draw), p.in.g[t] = -gsl_ran_exponential(draw, 0.3);
  for (size_t t = 0; t < TOKENS && !strcmp(decay->name, "retention"); t++) p.in.g[t] = exp(p.in.g[t]);
  for (size_t i = 0; i < DK; i++) p.in.k[2 * DK + i] = 0; /* a zero key */
  p.in.beta[4] = 0;                                       /* a coefficient that is 0 */
  for (size_t e = 0; e < TOKENS * DV; e++) p.d_o[e] = gsl_ran_gaussian(draw, 1);
  for (size_t e = 0; e < STATE; e++) p.d_final[e] = gsl_ran_gaussian(draw, 1);
  return p;
}

static efla_coefficients coefficients_of(const problem *p, size_t t) {
  efla_coefficients c;
  efla_rule_coefficients(&p->rule, efla_lambda(DK, p->in.k + t * DK), p->in.beta[t], p->in.g[t], &c);
  return c;
}

static long double loss(problem *p) {
  long double S[STATE], q[DK], k[DK], v[DV], o[DV], sum = 0, size = 0;
  for (size_t e = 0; e < STATE; e++) S[e] = p->in.initial[e];
  for (size_t t = 0; t < TOKENS; t++) {
    const efla_coefficients at = coefficients_of(p, t);
    const efla_coefficients_long c = {at.decay, at.erase, at.write};
    for (size_t i = 0; i < DK; i++) q[i] = p->in.q[t * DK + i], k[i] = p->in.k[t * DK + i];
    for (size_t j = 0; j < DV; j++) v[j] = p->in.v[t * DV + j];
    efla_recurrence_long(1, DK, DV, q, k, v, &c, S, o);
    for (size_t j = 0; j < DV; j++) sum += p->d_o[t * DV + j] * o[j], size += fabsl(p->d_o[t * DV + j] * o[j]);
  }
  for (size_t e = 0; e < STATE; e++) sum += p->d_final[e] * S[e], size += fabsl(p->d_final[e] * S[e]);
  p->size = (double)size;
  return sum;
}

static double difference(problem *p, double *at, double h) {
  double here = *at;
  *at = here + h;
  long double above = loss(p);
  *at = here - h;
  long double below = loss(p);
  *at = here;
  return (double)((above - below) / (2 * h));
}

/* From the derivatives by the coefficients to those by beta and the decay's argument. */
static void apply_slopes(const problem *p, const double *by_w, const double *by_e, const double *by_log_d,
                         struct inputs *d) {
  for (size_t t = 0; t < TOKENS; t++) {
    efla_coefficient_slopes by;
    efla_rule_slopes(&p->rule, efla_lambda(DK, p->in.k + t * DK), p->in.beta[t], p->in.g[t], &by);
    d->beta[t] = by.by_beta.write * by_w[t], d->g[t] = 0;
    if (!p->rule.decay->gated) continue;
    d->beta[t] += by.by_beta.erase * by_e[t];
    d->g[t] =
        by.by_g.write * by_w[t] + by.by_g.erase * by_e[t] + by.by_g.decay / coefficients_of(p, t).decay * by_log_d[t];
  }
}

/* The derivative by recurrence_backward of all inputs, in their order. */
static void derivative(const problem *p, struct inputs *d) {
  efla_heads heads = {.batch = 1, .heads = 1, .tokens = TOKENS, .dk = DK, .dv = DV};
  double c[3][TOKENS], by_lambda[2][TOKENS], by[3][TOKENS],
      *scratch = testing_poison(efla_recurrence_backward_scratch(&heads));
  for (size_t t = 0; t < TOKENS; t++) {
    const efla_coefficients at = coefficients_of(p, t);
    efla_coefficient_slopes slopes;
    efla_rule_slopes(&p->rule, efla_lambda(DK, p->in.k + t * DK), p->in.beta[t], p->in.g[t], &slopes);
    c[0][t] = at.write, c[1][t] = at.erase, c[2][t] = at.decay;
    by_lambda[0][t] = slopes.by_lambda.write, by_lambda[1][t] = slopes.by_lambda.erase;
  }
  memset(d, 255, sizeof *d); /* nan */
  const bool decays = p->rule.decay->gated;
  const efla_gradient_f64 x = {.q = p->in.q,
                               .k = p->in.k,
                               .v = p->in.v,
                               .write = c[0],
                               .erase = decays ? c[1] : NULL,
                               .decay = decays ? c[2] : NULL,
                               .write_by_lambda = by_lambda[0],
                               .erase_by_lambda = by_lambda[1],
                               .initial = p->in.initial,
                               .d_o = p->d_o,
                               .d_final = p->d_final,
                               .d_q = d->q,
                               .d_k = d->k,
                               .d_v = d->v,
                               .d_write = by[0],
                               .d_erase = by[1],
                               .d_decay = by[2],
                               .d_initial = d->initial};
  efla_recurrence_backward_f64(&heads, &x, scratch);
  apply_slopes(p, by[0], by[1], by[2], d);
  free(scratch);
}

/* Central differences D(h) err by h^2 f'''/6, of which D(2h) - D(h) is three times as much, so that it leaves room for
 * the next term; and by the loss's own error over h: coefficients err by 4u each and all else is long double, 8 u per
 * coefficient for the two losses, over 2h.  The derivative itself, in f64, is far better. */
START_TEST(equal_to_central_differences) {
  const double h = ldexp(1, -13);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (const efla_method *m = efla_methods; m->name; m++)
    for (const efla_decay *decay = efla_decays; decay->name; decay++) {
      problem p = set_up(m, decay, draw);
      struct inputs d;
      derivative(&p, &d);
      for (size_t i = 0; i < INPUTS; i++) {
        double *at = (double *)&p.in + i, found = ((double *)&d)[i];
        if ((at >= p.in.g && at < p.in.g + TOKENS && !decay->gated) || at == p.in.beta + 4)
          continue; /* beta below 0 is no coefficient's */
        double near = difference(&p, at, h), far = difference(&p, at, 2 * h);
        double bound = fabs(far - near) + 4 * TOKENS * U * p.size / h;
        CHECK_BOUND(fabs(found - near), bound);
        CHECK_BOUND(bound, 1e-4 * p.size); /* the differences do say something */
      }
    }
  gsl_rng_free(draw);
}
END_TEST

/* f32 is the same code: within what T tokens of dk + dv + 8 operations round to. */
START_TEST(f32_is_close_to_f64) {
  enum { ROWS = 2 * 3 * 20, dk = 5, dv = 9 };
  efla_heads heads = {.batch = 2, .heads = 3, .tokens = 20, .dk = dk, .dv = dv, .layout = EFLA_BHTD};
  float q[ROWS * dk], v[ROWS * dv], one[ROWS], d_q[ROWS * dk], d_k[ROWS * dk], d_v[ROWS * dv], d_write[ROWS],
      d_initial[6 * dk * dv];
  double q64[ROWS * dk], v64[ROWS * dv], one64[ROWS], d_q64[ROWS * dk], d_k64[ROWS * dk], d_v64[ROWS * dv],
      d_write64[ROWS], d_initial64[6 * dk * dv];
  for (size_t i = 0; i < ROWS * dk; i++) q64[i] = q[i] = sinf((float)(i * i)) / 2;
  for (size_t j = 0; j < ROWS * dv; j++) v64[j] = v[j] = cosf((float)(j * j));
  for (size_t r = 0; r < ROWS; r++) one64[r] = one[r] = 0.5f;
  float *scratch = malloc(efla_recurrence_backward_scratch(&heads) * sizeof *scratch);
  double *scratch64 = testing_poison(efla_recurrence_backward_scratch(&heads));
  efla_recurrence_backward_f32(&heads,
                               &(efla_gradient_f32){.q = q,
                                                    .k = q,
                                                    .v = v,
                                                    .write = one,
                                                    .write_by_lambda = one,
                                                    .d_o = v,
                                                    .d_q = d_q,
                                                    .d_k = d_k,
                                                    .d_v = d_v,
                                                    .d_write = d_write,
                                                    .d_initial = d_initial},
                               scratch);
  efla_recurrence_backward_f64(&heads,
                               &(efla_gradient_f64){.q = q64,
                                                    .k = q64,
                                                    .v = v64,
                                                    .write = one64,
                                                    .write_by_lambda = one64,
                                                    .d_o = v64,
                                                    .d_q = d_q64,
                                                    .d_k = d_k64,
                                                    .d_v = d_v64,
                                                    .d_write = d_write64,
                                                    .d_initial = d_initial64},
                               scratch64);
  const struct {
    const float *found;
    const double *truth;
    size_t n;
  } outputs[] = {{d_q, d_q64, ROWS * dk},
                 {d_k, d_k64, ROWS * dk},
                 {d_v, d_v64, ROWS * dv},
                 {d_write, d_write64, ROWS},
                 {d_initial, d_initial64, 6 * dk * dv}};
  /* Every token adds sums of dk and of dv products, with (dk + dv + 8) u each; 20 tokens' errors add up at most. */
  for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
    double worst = 0, largest = 0;
    for (size_t e = 0; e < outputs[i].n; e++) {
      worst = testing_worse(worst, fabs((double)outputs[i].found[e] - outputs[i].truth[e]));
      largest = fmax(largest, fabs(outputs[i].truth[e]));
    }
    CHECK_BOUND(worst, 20 * (dk + dv + 8) * U32 * largest);
  }
  free(scratch), free(scratch64);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {equal_to_central_differences, f32_is_close_to_f64};
  return testing_main("recurrence_backward", tests, sizeof tests / sizeof *tests, 120);
}

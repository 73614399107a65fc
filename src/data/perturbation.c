/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/perturbation.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef EFLA_HAVE_FFTW
#include <fftw3.h>
#endif

static double root_mean_square(size_t n, const double *values) {
  return n ? sqrt(efla_lambda(n, values) / (double)n) : 0;
}

static void add_noise(size_t n, double *values, double level, gsl_rng *draw) {
  double deviation = level * root_mean_square(n, values);
  for (size_t i = 0; i < n; i++) values[i] += gsl_ran_gaussian_ziggurat(draw, 1) * deviation;
}

static efla_status noise_on_keys(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  add_noise(x->tokens * x->dk, x->k, level, draw);
  return EFLA_OK;
}

static efla_status noise_on_values(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  add_noise(x->tokens * x->dv, x->v, level, draw);
  return EFLA_OK;
}

static efla_status noise_on_both(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  noise_on_keys(x, level, draw, why);
  return noise_on_values(x, level, draw, why);
}

/* Multiplies every entry of k and v by a random factor of its own. */
static void multiply_each(efla_tokens *x, double level, gsl_rng *draw, double (*factor)(double level, gsl_rng *draw)) {
  for (size_t e = 0; e < x->tokens * x->dk; e++) x->k[e] *= factor(level, draw);
  for (size_t e = 0; e < x->tokens * x->dv; e++) x->v[e] *= factor(level, draw);
}

static double zero_or_one(double level, gsl_rng *draw) { return gsl_rng_uniform(draw) < level ? 0 : 1; }
static double minus_or_plus(double level, gsl_rng *draw) { return gsl_rng_uniform(draw) < level ? -1 : 1; }

static efla_status dropout(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  multiply_each(x, level, draw, zero_or_one);
  return EFLA_OK;
}

static efla_status sign_flips(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  multiply_each(x, level, draw, minus_or_plus);
  return EFLA_OK;
}

static void scale(efla_tokens *x, double factor) {
  for (size_t e = 0; e < x->tokens * x->dk; e++) x->k[e] *= factor;
  for (size_t e = 0; e < x->tokens * x->dv; e++) x->v[e] *= factor;
}

static efla_status scaling(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)draw;
  (void)why;
  scale(x, level);
  return EFLA_OK;
}

/* Perturbs a tenth of the tokens, at least one, consecutive and at a random place. */
static efla_status burst(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  size_t length = (x->tokens + 9) / 10;
  if (x->tokens == 0) return EFLA_OK;
  efla_tokens part = efla_tokens_slice(x, gsl_rng_uniform_int(draw, x->tokens - length + 1), length);
  scale(&part, level);
  return EFLA_OK;
}

/* Rounds to 2^bits equidistant values from minus to plus the largest magnitude. */
static void to_levels(size_t n, double *values, double bits) {
  double largest = 0, steps = exp2(bits) - 1;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(values[i]));
  for (size_t i = 0; i < n && largest > 0; i++)
    values[i] = (rint((values[i] / largest + 1) / 2 * steps) / steps * 2 - 1) * largest;
}

static efla_status quantisation(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)draw;
  (void)why;
  to_levels(x->tokens * x->dk, x->k, level);
  to_levels(x->tokens * x->dv, x->v, level);
  return EFLA_OK;
}

#ifdef EFLA_HAVE_FFTW
typedef struct spectrum { /* FFTW's buffers and plans for lines of n numbers */
  double *line;
  fftw_complex *power;
  fftw_plan there, back;
} spectrum;

/* Adds coloured noise along the tokens to every entry of rows (n, width): white noise whose Fourier coefficients are
 * multiplied by f^(-gamma/2), so that its power spectrum is f^-gamma, with mean 0, scaled to the deviation. */
static void add_coloured(size_t n, size_t width, double *rows, double gamma, double deviation, gsl_rng *draw,
                         spectrum *s) {
  for (size_t i = 0; i < width; i++) {
    for (size_t t = 0; t < n; t++) s->line[t] = gsl_ran_gaussian_ziggurat(draw, 1);
    fftw_execute(s->there);
    for (size_t f = 0; f <= n / 2; f++) {
      double size = f ? pow((double)f, -gamma / 2) : 0;
      s->power[f][0] *= size, s->power[f][1] *= size;
    }
    fftw_execute(s->back);
    double now = root_mean_square(n, s->line);
    for (size_t t = 0; t < n && now > 0; t++) rows[t * width + i] += s->line[t] * deviation / now;
  }
}

static efla_status coloured(efla_tokens *x, double gamma, double level, gsl_rng *draw, efla_message *why) {
  size_t n = x->tokens;
  if (n < 2) return EFLA_OK;
  efla_status status = EFLA_OK;
#pragma omp critical(efla_fftw) /* FFTW's planner is not thread-safe */
  {
    spectrum s = {.line = fftw_alloc_real(n), .power = fftw_alloc_complex(n / 2 + 1)};
    if (s.line && s.power) {
      s.there = fftw_plan_dft_r2c_1d((int)n, s.line, s.power, FFTW_ESTIMATE);
      s.back = fftw_plan_dft_c2r_1d((int)n, s.power, s.line, FFTW_ESTIMATE);
    }
    if (s.there && s.back) {
      add_coloured(n, x->dk, x->k, gamma, level * root_mean_square(n * x->dk, x->k), draw, &s);
      add_coloured(n, x->dv, x->v, gamma, level * root_mean_square(n * x->dv, x->v), draw, &s);
    } else {
      status = efla_fail_memory(why);
    }
    fftw_destroy_plan(s.there);
    fftw_destroy_plan(s.back);
    fftw_free(s.line);
    fftw_free(s.power);
  }
  return status;
}
#else
static efla_status coloured(efla_tokens *x, double gamma, double level, gsl_rng *draw, efla_message *why) {
  (void)x;
  (void)gamma;
  (void)level;
  (void)draw;
  return efla_fail(why, EFLA_NOT_BUILT, "coloured noise: not built (FFTW was not found when the toolkit was built)");
}
#endif

static efla_status pink(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  return coloured(x, 1, level, draw, why);
}
static efla_status brown(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  return coloured(x, 2, level, draw, why);
}

const efla_perturbation efla_perturbations[] = {
    {"noise_keys", "Gaussian noise on keys", "relative size", true, {0.1, 0.2, 0.5, 1, 2}, 0.5, noise_on_keys},
    {"noise_values", "Gaussian noise on values", "relative size", true, {0.1, 0.2, 0.5, 1, 2}, 0.5, noise_on_values},
    {"noise_both", "Gaussian noise on both", "relative size", true, {0.1, 0.2, 0.5, 1, 2}, 0.5, noise_on_both},
    {"dropout", "entries set to zero", "share of entries", false, {0.1, 0.2, 0.4, 0.6, 0.8}, 0.4, dropout},
    {"scaling", "keys and values scaled", "factor", true, {0.1, 0.5, 2, 5, 10, 20}, 10, scaling},
    {"burst", "a tenth of the tokens, in a row, scaled", "factor", true, {2, 5, 10, 20, 50}, 10, burst},
    {"sign_flips", "signs of entries flipped", "share of entries", false, {0.01, 0.05, 0.1, 0.2, 0.3}, 0.1, sign_flips},
    {"quantisation", "keys and values quantised", "bits", false, {1, 2, 3, 4, 6}, 2, quantisation},
    {"pink_noise", "1/f noise along the tokens", "relative size", true, {0.1, 0.2, 0.5, 1, 2}, 0.5, pink},
    {"brown_noise", "1/f^2 noise along the tokens", "relative size", true, {0.1, 0.2, 0.5, 1, 2}, 0.5, brown},
    {.name = NULL},
};

const char *efla_perturbation_name(size_t i) {
  return i < sizeof efla_perturbations / sizeof *efla_perturbations ? efla_perturbations[i].name : NULL;
}

const efla_perturbation *efla_perturbation_find(const char *name) {
  for (const efla_perturbation *p = efla_perturbations; p->name; p++)
    if (!strcmp(p->name, name)) return p;
  return NULL;
}

void efla_perturbation_describe(FILE *header, const efla_perturbation *p) {
  fprintf(header, "# perturbation %s: %s\n# level of %s: %s\n", p->name, p->what, p->name, p->level);
  fprintf(header, "# axis of %s: %s\n", p->name, p->logarithmic ? "logarithmic" : "linear");
}

efla_status efla_perturb(const efla_perturbation *perturbation, efla_tokens *x, double level, gsl_rng *draw,
                         efla_message *why) {
  return perturbation->apply(x, level, draw, why);
}

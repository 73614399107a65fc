#include "inputs/perturbation.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef EFLA_HAVE_FFTW
#include <fftw3.h>
#endif

static double root_mean_square(size_t n, const double *values) { return n ? sqrt(efla_lambda(n, values) / (double)n) : 0; }

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

/* Multiplies every entry of k and v by what `factor` draws for it. */
static void for_each(efla_tokens *x, double level, gsl_rng *draw, double (*factor)(double level, gsl_rng *draw)) {
  for (size_t e = 0; e < x->tokens * x->dk; e++) x->k[e] *= factor(level, draw);
  for (size_t e = 0; e < x->tokens * x->dv; e++) x->v[e] *= factor(level, draw);
}

static double zero_or_one(double level, gsl_rng *draw) { return gsl_rng_uniform(draw) < level ? 0 : 1; }
static double minus_or_plus(double level, gsl_rng *draw) { return gsl_rng_uniform(draw) < level ? -1 : 1; }

static efla_status dropout(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  for_each(x, level, draw, zero_or_one);
  return EFLA_OK;
}

static efla_status sign_flips(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  for_each(x, level, draw, minus_or_plus);
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

/* A tenth of the tokens in a row, at least one, at a random place. */
static efla_status burst(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)why;
  size_t length = (x->tokens + 9) / 10;
  if (x->tokens == 0) return EFLA_OK;
  efla_tokens part = efla_tokens_slice(x, gsl_rng_uniform_int(draw, x->tokens - length + 1), length);
  scale(&part, level);
  return EFLA_OK;
}

static void to_levels(size_t n, double *values, double bits) {
  double largest = 0, steps = exp2(bits) - 1; /* 2^bits levels from -largest to largest */
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(values[i]));
  for (size_t i = 0; i < n && largest > 0; i++) values[i] = (rint((values[i] / largest + 1) / 2 * steps) / steps * 2 - 1) * largest;
}

static efla_status quantisation(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)draw;
  (void)why;
  to_levels(x->tokens * x->dk, x->k, level);
  to_levels(x->tokens * x->dv, x->v, level);
  return EFLA_OK;
}

#ifdef EFLA_HAVE_FFTW
/* Adds noise along the tokens to one entry (every stride-th number): white noise whose spectrum is multiplied by f^(-1/2), for a power
 * spectrum 1/f without a mean, scaled to the deviation. */
static void add_pink(size_t n, size_t stride, double *values, double deviation, gsl_rng *draw, double *line, fftw_complex *spectrum,
                     fftw_plan there, fftw_plan back) {
  for (size_t t = 0; t < n; t++) line[t] = gsl_ran_gaussian_ziggurat(draw, 1);
  fftw_execute(there);
  for (size_t f = 0; f <= n / 2; f++) {
    double size = f ? 1 / sqrt((double)f) : 0;
    spectrum[f][0] *= size, spectrum[f][1] *= size;
  }
  fftw_execute(back);
  double now = root_mean_square(n, line);
  for (size_t t = 0; t < n && now > 0; t++) values[t * stride] += line[t] * deviation / now;
}

static efla_status coloured(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  size_t n = x->tokens;
  if (n < 2) return EFLA_OK;
  efla_status status = EFLA_OK;
#pragma omp critical(efla_fftw) /* FFTW's planner is not for several threads at once */
  {
    double *line = fftw_alloc_real(n);
    fftw_complex *spectrum = fftw_alloc_complex(n / 2 + 1);
    fftw_plan there = line && spectrum ? fftw_plan_dft_r2c_1d((int)n, line, spectrum, FFTW_ESTIMATE) : NULL;
    fftw_plan back = line && spectrum ? fftw_plan_dft_c2r_1d((int)n, spectrum, line, FFTW_ESTIMATE) : NULL;
    if (!there || !back) status = efla_fail_memory(why);
    double on_keys = level * root_mean_square(n * x->dk, x->k), on_values = level * root_mean_square(n * x->dv, x->v);
    for (size_t i = 0; i < x->dk && status == EFLA_OK; i++)
      add_pink(n, x->dk, x->k + i, on_keys, draw, line, spectrum, there, back);
    for (size_t j = 0; j < x->dv && status == EFLA_OK; j++)
      add_pink(n, x->dv, x->v + j, on_values, draw, line, spectrum, there, back);
    fftw_destroy_plan(there);
    fftw_destroy_plan(back);
    fftw_free(line);
    fftw_free(spectrum);
  }
  return status;
}
#else
static efla_status coloured(efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  (void)x;
  (void)level;
  (void)draw;
  return efla_fail(why, EFLA_NOT_BUILT, "perturbation coloured: not built (FFTW was not found when the toolkit was built)");
}
#endif

const efla_perturbation efla_perturbations[] = {
    {"noise_keys", "additive Gaussian noise on keys", "size relative to the keys", {0.1, 0.2, 0.5, 1, 2}, 0.5, noise_on_keys},
    {"noise_values",
     "additive Gaussian noise on values",
     "size relative to the values",
     {0.1, 0.2, 0.5, 1, 2},
     0.5,
     noise_on_values},
    {"noise_both", "additive Gaussian noise on keys and values", "relative size", {0.1, 0.2, 0.5, 1, 2}, 0.5, noise_on_both},
    {"dropout", "entries of keys and values set to zero", "share of entries", {0.1, 0.2, 0.4, 0.6, 0.8}, 0.4, dropout},
    {"scaling", "keys and values made larger or smaller", "factor", {0.1, 0.5, 2, 5, 10, 20}, 10, scaling},
    {"burst", "a tenth of the tokens in a row made larger", "factor", {2, 5, 10, 20, 50}, 10, burst},
    {"sign_flips", "signs of entries of keys and values flipped", "share of entries", {0.01, 0.05, 0.1, 0.2, 0.3}, 0.1, sign_flips},
    {"quantisation", "keys and values to 2^bits levels", "bits", {1, 2, 3, 4, 6}, 2, quantisation},
    {"coloured",
     "noise with power spectrum 1/f along the tokens, on keys and values",
     "relative size",
     {0.1, 0.2, 0.5, 1, 2},
     0.5,
     coloured},
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

efla_status efla_perturb(const efla_perturbation *perturbation, efla_tokens *x, double level, gsl_rng *draw, efla_message *why) {
  return perturbation->apply(x, level, draw, why);
}

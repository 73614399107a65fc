/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/mnist.h"
#include "data/source.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

/* k ~ N(0, norm^2 I/dk), so that E |k|^2 = norm^2. */
static void draw_gaussian(efla_source *source, double *k) {
  size_t dk = source->spec.dk;
  double deviation = source->spec.norm / sqrt((double)dk);
  for (size_t i = 0; i < dk; i++) k[i] = gsl_ran_gaussian_ziggurat(source->draw[EFLA_DRAW_KEYS], deviation);
}

static efla_status next_gaussian(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  (void)token;
  (void)v;
  (void)why;
  draw_gaussian(source, k);
  return EFLA_OK;
}

static efla_status next_unit(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  (void)token;
  (void)v;
  (void)why;
  gsl_ran_dir_nd(source->draw[EFLA_DRAW_KEYS], source->spec.dk, k);
  return EFLA_OK;
}

static efla_status next_flat(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  (void)token;
  (void)v;
  (void)why;
  double size = source->spec.norm / sqrt((double)source->spec.dk);
  for (size_t i = 0; i < source->spec.dk; i++)
    k[i] = gsl_rng_uniform(source->draw[EFLA_DRAW_KEYS]) < 0.5 ? -size : size;
  return EFLA_OK;
}

/* k_t = rho k_{t-1} + sqrt(1 - rho^2) g_t, g_t Gaussian; stationary from the first token on. */
static efla_status next_ar1(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  (void)v;
  (void)why;
  double rho = token ? source->spec.rho : 0, fresh = sqrt(1 - rho * rho);
  draw_gaussian(source, k);
  for (size_t i = 0; i < source->spec.dk; i++) k[i] = rho * source->memory[i] + fresh * k[i];
  memcpy(source->memory, k, source->spec.dk * sizeof *k);
  return EFLA_OK;
}

static size_t room_for_key(const efla_source *source) { return source->spec.dk; }

/* k = sqrt(rho) c + sqrt(1 - rho) g with a common c and g both Gaussian, so that the cosine between any two keys is
 * about rho, and all keys are equal where rho = 1. */
static efla_status start_cone(efla_source *source, efla_message *why) {
  if (source->spec.rho < 0)
    return efla_fail(why, EFLA_INPUT, "family cone: rho = %g, expected a cosine from 0 to 1", source->spec.rho);
  draw_gaussian(source, source->memory);
  return EFLA_OK;
}

static efla_status next_cone(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  double common = sqrt(source->spec.rho), own = sqrt(1 - source->spec.rho);
  next_gaussian(source, token, k, v, why);
  for (size_t i = 0; i < source->spec.dk; i++) k[i] = common * source->memory[i] + own * k[i];
  return EFLA_OK;
}

static size_t room_for_words(const efla_source *source) { return source->spec.words * source->spec.dk; }

static efla_status start_dictionary(efla_source *source, efla_message *why) {
  if (source->spec.words == 0) return efla_fail(why, EFLA_INPUT, "family dictionary: no words, expected at least one");
  for (size_t w = 0; w < source->spec.words; w++) draw_gaussian(source, source->memory + w * source->spec.dk);
  return EFLA_OK;
}

static efla_status next_dictionary(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  (void)token;
  (void)v;
  (void)why;
  size_t word = gsl_rng_uniform_int(source->draw[EFLA_DRAW_PICKS], source->spec.words);
  memcpy(k, source->memory + word * source->spec.dk, source->spec.dk * sizeof *k);
  return EFLA_OK;
}

static efla_status next_spikes(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  next_gaussian(source, token, k, v, why);
  if (gsl_rng_uniform(source->draw[EFLA_DRAW_PICKS]) < source->spec.fraction)
    for (size_t i = 0; i < source->spec.dk; i++) k[i] *= source->spec.size;
  return EFLA_OK;
}

static efla_status start_mnist(efla_source *source, efla_message *why) {
  return efla_mnist_read(&source->images, source->spec.mnist, true, why);
}

/* With the rows of all images in one list, row t is key t and row t + 1 is value t. */
static size_t tokens_of_mnist(const efla_source *source) {
  size_t rows = source->images.size[0] * EFLA_MNIST_SIDE;
  return rows ? rows - 1 : 0;
}

static efla_status next_mnist(efla_source *source, size_t token, double *k, double *v, efla_message *why) {
  size_t side = EFLA_MNIST_SIDE;
  if (token >= tokens_of_mnist(source))
    return efla_fail(why, EFLA_INPUT, "mnist: %zu images give %zu tokens, more were asked for", source->images.size[0],
                     tokens_of_mnist(source));
  const unsigned char *row = source->images.data + token * side;
  for (size_t i = 0; i < side; i++) {
    k[i] = source->spec.norm * row[i] / 255;
    v[i] = row[side + i] / 255.;
  }
  return EFLA_OK;
}

const efla_family efla_families[] = {
    {"gaussian", "N(0, norm^2 I/dk)", 0, true, true, NULL, NULL, NULL, next_gaussian},
    {"unit", "uniform on the unit sphere", 0, false, true, NULL, NULL, NULL, next_unit},
    {"flat", "all |k_i| equal, random signs", 0, true, false, NULL, NULL, NULL, next_flat},
    {"ar1", "Gaussian, successive keys correlated by rho", 0, true, false, room_for_key, NULL, NULL, next_ar1},
    {"cone", "Gaussian about a common direction, cosine rho between any two", 0, true, false, room_for_key, start_cone,
     NULL, next_cone},
    {"dictionary", "a few Gaussian keys, revisited at random", 0, true, false, room_for_words, start_dictionary, NULL,
     next_dictionary},
    {"spikes", "Gaussian, a fraction of the tokens with much longer keys", 0, true, true, NULL, NULL, NULL,
     next_spikes},
    {"mnist", "rows of handwritten digits, each to recall the next", EFLA_MNIST_SIDE, true, false, NULL, start_mnist,
     tokens_of_mnist, next_mnist},
    {.name = NULL},
};

const char *efla_family_name(size_t i) {
  return i < sizeof efla_families / sizeof *efla_families ? efla_families[i].name : NULL;
}

const efla_family *efla_family_find(const char *name) {
  for (const efla_family *f = efla_families; f->name; f++)
    if (!strcmp(f->name, name)) return f;
  return NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Perturbations of images against their definitions.  Statistics are held against expectations within 5 standard
 * errors. */
#include "testing.h"

enum { PIXELS = EFLA_IMAGE_PIXELS, IMAGES = 200, ALL = IMAGES * PIXELS };

static const efla_image_perturbation *find(const char *name) {
  const efla_image_perturbation *p = efla_image_perturbations;
  while (p->name && strcmp(p->name, name) != 0) p++;
  ck_assert_ptr_nonnull(p->name);
  return p;
}

/* Grey pixels in (0, 1], other ones in every image. */
static float grey(size_t i) { return (float)(1 + i * 7919 % 255) / 255; }

/* IMAGES perturbed images, of grey pixels or of one value; freed by the caller. */
static float *perturb(const efla_image_perturbation *p, double level, size_t seed, const float *value) {
  float *pixels = malloc(ALL * sizeof *pixels);
  ck_assert_ptr_nonnull(pixels);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  for (size_t i = 0; i < ALL; i++) pixels[i] = value ? *value : grey(i);
  for (size_t i = 0; i < IMAGES; i++) efla_image_perturb(p, level, seed, i, PIXELS, pixels + i * PIXELS, draw);
  gsl_rng_free(draw);
  return pixels;
}

START_TEST(levels_are_decimals) {
  static const double tenths[] = {0, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1},
                      factors[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  static const struct {
    const char *name;
    size_t n;
    const double *level;
  } expected[] = {{"scale", 10, factors}, {"noise", 11, tenths}, {"dropout", 11, tenths}};
  for (size_t e = 0; e < 3; e++) {
    const efla_image_perturbation *p = efla_image_perturbations + e;
    ck_assert_str_eq(p->name, expected[e].name);
    ck_assert_str_eq(efla_image_perturbation_name(e), expected[e].name);
    ck_assert(p->what && p->level);
    ck_assert_uint_eq(p->levels, expected[e].n);
    for (size_t i = 0; i < p->levels; i++) ck_assert(efla_image_level(p, i) == expected[e].level[i]);
  }
  ck_assert(!efla_image_perturbation_name(3) && !efla_image_perturbation_name(4));
}
END_TEST

START_TEST(the_first_level_changes_nothing) {
  for (const efla_image_perturbation *p = efla_image_perturbations; p->name; p++) {
    float *pixels = perturb(p, efla_image_level(p, 0), testing_seed(), NULL);
    for (size_t i = 0; i < ALL; i++) ck_assert_msg(pixels[i] == grey(i), "%s: pixel %zu", p->name, i);
    free(pixels);
  }
}
END_TEST

/* Neither factors nor noise are clamped. */
START_TEST(scaled_pixels_go_beyond_one) {
  float *pixels = perturb(find("scale"), 7, testing_seed(), NULL);
  for (size_t i = 0; i < ALL; i++) ck_assert(pixels[i] == (float)(7 * (double)grey(i)));
  free(pixels);
}
END_TEST

/* Moments of n normal numbers: the mean has the standard error sigma/sqrt(n), the mean square sigma^2 sqrt(2/n), the
 * share beyond two deviations, erfc(sqrt 2), that of a binomial share, the correlation of unrelated ones 1/sqrt(n).
 * Rounding to f32 is 2^-24 of a number. */
START_TEST(noise_is_normal) {
  static const float background = 0;
  const efla_image_perturbation *p = find("noise");
  const double n = ALL, beyond = erfc(sqrt(2));
  for (size_t l = 1; l < p->levels; l++) {
    double sigma = efla_image_level(p, l), mean = 0, square = 0, tail = 0, next = 0;
    float *pixels = perturb(p, sigma, testing_seed(), &background);
    for (size_t i = 0; i < ALL; i++) {
      double x = (double)pixels[i];
      mean += x / n, square += x * x / n, tail += fabs(x) > 2 * sigma;
      next += x * (double)pixels[(i + PIXELS) % ALL] / n; /* the same pixel of the next image */
    }
    CHECK_BOUND(fabs(mean), 5 * sigma / sqrt(n));
    CHECK_BOUND(fabs(square - sigma * sigma), 5 * sigma * sigma * sqrt(2 / n));
    CHECK_BOUND(fabs(tail / n - beyond), 5 * sqrt(beyond * (1 - beyond) / n));
    CHECK_BOUND(fabs(next), 5 * sigma * sigma / sqrt(n));
    free(pixels);
  }
}
END_TEST

/* Noise of deviation sigma is sigma times that of deviation 1, on any pixels: both were rounded to f32, relative
 * to their size.  What f64 rounds is 2^-29 of that, for which 2 U32 leaves room. */
START_TEST(levels_share_their_noise) {
  static const float background = 0;
  const efla_image_perturbation *p = find("noise");
  float *one = perturb(p, 1, testing_seed(), &background);
  for (size_t l = 1; l < p->levels; l++) {
    double sigma = efla_image_level(p, l);
    float *pixels = perturb(p, sigma, testing_seed(), NULL);
    for (size_t i = 0; i < ALL; i++) {
      double noise = sigma * (double)one[i], clean = (double)grey(i);
      CHECK_BOUND(fabs((double)pixels[i] - clean - noise),
                  U32 * (1 + 2 * U32) * (fabs(noise) + fabs((double)pixels[i])));
    }
    free(pixels);
  }
  free(one);
}
END_TEST

/* The share is binomial; what is lost stays lost at the next level, and what is not is as it was. */
START_TEST(dropout_has_its_share_and_is_nested) {
  const efla_image_perturbation *p = find("dropout");
  float *before = perturb(p, 0, testing_seed(), NULL);
  for (size_t l = 1; l < p->levels; l++) {
    double level = efla_image_level(p, l), lost = 0;
    float *pixels = perturb(p, level, testing_seed(), NULL);
    for (size_t i = 0; i < ALL; i++) {
      ck_assert(pixels[i] == 0 || (pixels[i] == before[i] && before[i] == grey(i)));
      lost += pixels[i] == 0;
    }
    CHECK_BOUND(fabs(lost / ALL - level), 5 * sqrt(level * (1 - level) / ALL)); /* all of them at 1 */
    free(before);
    before = pixels;
  }
  free(before);
}
END_TEST

/* From last to first, with a generator in another state each time. */
START_TEST(the_order_does_not_matter) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  for (const efla_image_perturbation *p = efla_image_perturbations; p->name; p++) {
    double level = efla_image_level(p, p->levels / 2);
    float *pixels = perturb(p, level, testing_seed(), NULL), again[PIXELS];
    for (size_t i = IMAGES; i-- > 0;) {
      for (size_t e = 0; e < PIXELS; e++) again[e] = grey(i * PIXELS + e);
      gsl_rng_set(draw, i);
      for (size_t skip = 0; skip < i % 7; skip++) (void)gsl_rng_get(draw);
      efla_image_perturb(p, level, testing_seed(), i, PIXELS, again, draw);
      ck_assert_msg(!memcmp(again, pixels + i * PIXELS, sizeof again), "%s: image %zu", p->name, i);
    }
    free(pixels);
  }
  gsl_rng_free(draw);
}
END_TEST

/* Correlation of the noise of two calls; of unrelated ones it is 0 with the standard error 1/sqrt(n). */
static double correlation(const efla_image_perturbation *p, size_t seed, const efla_image_perturbation *q,
                          size_t other_seed) {
  static const float background = 0;
  float *a = perturb(p, 1, seed, &background), *b = perturb(q, 1, other_seed, &background);
  double sum = 0;
  for (size_t i = 0; i < ALL; i++) sum += (double)a[i] * (double)b[i] / ALL;
  free(a), free(b);
  return sum;
}

START_TEST(seeds_and_perturbations_have_draws_of_their_own) {
  const efla_image_perturbation *p = find("noise");
  efla_image_perturbation namesake = *p, other = *p;
  other.name = "noises";
  size_t seed = testing_seed();
  CHECK_BOUND(fabs(correlation(p, seed, &namesake, seed) - 1), 5 * sqrt(2. / ALL)); /* the same */
  CHECK_BOUND(fabs(correlation(p, seed, p, seed + 1)), 5 / sqrt(ALL));
  CHECK_BOUND(fabs(correlation(p, seed, &other, seed)), 5 / sqrt(ALL));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {levels_are_decimals,         the_first_level_changes_nothing,
                                scaled_pixels_go_beyond_one, noise_is_normal,
                                levels_share_their_noise,    dropout_has_its_share_and_is_nested,
                                the_order_does_not_matter,   seeds_and_perturbations_have_draws_of_their_own};
  return testing_main("image_perturbation", tests, sizeof tests / sizeof *tests, 60);
}

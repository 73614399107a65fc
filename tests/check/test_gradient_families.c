/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gradient check on plain backward passes, in several orders and formats and by chunks, of all input families: right
 * ones are within the bound and come near it; where a coefficient's derivative by lambda is missing, that is said. */
#include "files.h"
#include "gradient_kernel.h"
#include "testing.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

static char path[256];

static void set_up(const char *name) { snprintf(path, sizeof path, "%s/in.h5", files_directory(name)); }

typedef struct form {
  const char *name, *format, *operands, *state;
  gradient_order order;
  size_t chunk;
} form;

static const form forms[] = {
    {"plain", "f32", NULL, NULL, GRADIENT_FORWARD, 0},
    {"reversed", "f32", NULL, NULL, GRADIENT_REVERSED, 0},
    {"pairwise", "f32", NULL, NULL, GRADIENT_PAIRWISE, 0},
    {"in lanes", "f32", NULL, NULL, GRADIENT_LANES, 0},
    {"fused", "f32", NULL, NULL, GRADIENT_FUSED, 0},
    {"chunks of 16", "f32", NULL, NULL, GRADIENT_FORWARD, 16},
    {"chunks of 32, pairwise", "f32", NULL, NULL, GRADIENT_PAIRWISE, 32},
    {"chunks of 64", "f32", NULL, NULL, GRADIENT_FORWARD, 64},
    {"chunks of 128, in lanes", "f32", NULL, NULL, GRADIENT_LANES, 128},
    {"tf32", "f32", "tf32", "tf32", GRADIENT_FORWARD, 0},
    {"tf32, chunks of 64", "f32", "tf32", "tf32", GRADIENT_FORWARD, 64},
    {"f32 inside", "bf16", NULL, NULL, GRADIENT_FORWARD, 0},
    {"f32 inside, chunks of 64", "bf16", NULL, NULL, GRADIENT_FORWARD, 64},
    {"bf16 operands", "bf16", "bf16", NULL, GRADIENT_FORWARD, 0},
    {"bf16 operands, chunks of 64", "bf16", "bf16", NULL, GRADIENT_FORWARD, 64},
    {"f32 inside, in lanes", "fp16", NULL, NULL, GRADIENT_LANES, 0},
    {"fp16 operands, chunks of 32", "fp16", "fp16", NULL, GRADIENT_FORWARD, 32},
};
static const char *const families[] = {"gaussian", "unit", "flat", "ar1", "cone", "dictionary", "spikes"};
enum { FORMS = sizeof forms / sizeof *forms, FAMILIES = sizeof families / sizeof *families };

/* The largest error over what is granted, of all gradients of a right pass; the median of their root mean squares over
 * the expected ones goes to rms. */
static double expect_right(const gradient_kernel *k, const form *of, double *rms) {
  double largest = 0, all[EFLA_GRADIENTS];
  size_t n = 0;
  gradient_kernel_write(k, path);
  efla_kernel_check check = gradient_kernel_check(k, path);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    const efla_judged_gradient *g = &check.gradients.of[i];
    if (!g->file) continue;
    const efla_errors_of *errors = &g->total.errors;
    largest = fmax(largest, errors->ratio);
    all[n++] = sqrt(errors->error2 / errors->variance.sum);
    ck_assert_msg(!g->total.outside, "%s, %s: %s, do %d, decay %s, keys %s: %s %g of what is granted, token %zu",
                  of->name, of->format, k->family, (int)k->loss, k->decay, k->keys, efla_gradient_name(g),
                  errors->ratio, errors->first.token);
  }
  ck_assert(check.gradients.asked && !check.outside);
  efla_kernel_check_clear(&check);
  gsl_sort(all, 1, n);
  *rms = gsl_stats_median_from_sorted_data(all, 1, n);
  return largest;
}

/* Of all families and losses: rarely more than what is granted, and in the median .3 of it at least. */
static void check_form(size_t i, double *worst, size_t *cases) {
  double largest[FAMILIES * GRADIENT_LOSSES], rms[FAMILIES * GRADIENT_LOSSES];
  size_t n = 0;
  for (size_t f = 0; f < FAMILIES; f++)
    for (gradient_loss loss = 0; loss < GRADIENT_LOSSES; loss++, n++) {
      gradient_kernel k = gradient_kernel_usual();
      k.backend = NULL, k.format = forms[i].format, k.operands = forms[i].operands, k.state = forms[i].state;
      k.order = forms[i].order, k.by_chunks = forms[i].chunk, k.family = families[f], k.loss = loss;
      k.sizes = (h5_sizes){1, 100, 2, 16, 12}, k.seed = (i + f + loss) % 17;
      k.decay = (i + f + loss) % 2 ? "split" : "none", k.keys = (f + loss) % 3 ? "raw" : "unit";
      k.final = (i + f) % 3 == 0, k.initial = (i + loss) % 3 == 0, k.scale = (f + loss) % 2 ? 1 : .25;
      largest[n] = expect_right(&k, &forms[i], &rms[n]);
    }
  gsl_sort(largest, 1, n), gsl_sort(rms, 1, n);
  const double median = gsl_stats_median_from_sorted_data(largest, 1, n);
  printf("  %-28s %s: of what is granted %.2f, largest %.2f; root mean square over the expected one %.2f\n",
         forms[i].name, forms[i].format, median, largest[n - 1], gsl_stats_median_from_sorted_data(rms, 1, n));
  ck_assert_msg(median >= .3, "%s, %s: %g of what is granted", forms[i].name, forms[i].format, median);
  *worst = fmax(*worst, largest[n - 1]), *cases += n;
}

START_TEST(right_passes_are_near) {
  double worst = 0;
  size_t cases = 0;
  set_up("gradient-families");
  for (size_t i = 0; i < FORMS; i++) check_form(i, &worst, &cases);
  printf("%zu right passes: at most %.2f of what is granted\n", cases, worst);
}
END_TEST

/* dk = e (G y - S du) without the part 2 k da/dlambda: a loop in f32. */
static void expect_lambda(const char *family, const char *decay, gradient_loss loss, double norm) {
  gradient_kernel k = gradient_kernel_usual();
  k.backend = NULL, k.family = family, k.decay = decay, k.loss = loss, k.norm = norm;
  k.fault = GRADIENT_NO_LAMBDA, k.sizes = (h5_sizes){1, 100, 2, 16, 12};
  gradient_kernel_write(&k, path);
  efla_kernel_check check = gradient_kernel_check(&k, path);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++)
    ck_assert_msg(!check.gradients.of[i].file || check.gradients.of[i].total.outside == (i == EFLA_BY_K),
                  "%s, decay %s, do %d, norm %g: gradient %zu", family, decay, (int)loss, norm, i);
  ck_assert_msg(!strcmp(check.gradients.finding[EFLA_BY_K].name, "no-lambda"), "%s, decay %s, do %d, norm %g: '%s'",
                family, decay, (int)loss, norm, check.gradients.finding[EFLA_BY_K].name);
  efla_kernel_check_clear(&check);
}

START_TEST(missing_lambda_is_named) {
  static const double norms[] = {1, .3, .1};
  set_up("gradient-lambda");
  for (size_t f = 0; f < FAMILIES; f++)
    for (size_t i = 0; i < 6; i++)
      expect_lambda(families[f], i % 2 ? "split" : "none", (gradient_loss)(i % GRADIENT_LOSSES), norms[i / 2]);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {right_passes_are_near, missing_lambda_is_named};
  return testing_main("gradient_families", tests, sizeof tests / sizeof *tests, 300);
}

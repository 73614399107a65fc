/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults in the derivative of the coefficient a = (1 - exp(-beta lambda))/lambda, each put into right gradients by what
 * the file itself says: with y = v - d S^T k, dbeta is exp(-beta lambda) y.du and dv is a du. */
#include "files.h"
#include "gradient_kernel.h"
#include "testing.h"

#include <hdf5.h>

enum { B = 2, T = 50, H = 2, DK = 9, DV = 7, ROWS = B * T * H };

static char path[256];

/* A token: what the loss changes by with a (y.du), its part by what is written (v.du), and a with its slopes. */
typedef struct token {
  double lambda, a, by_beta, by_lambda, by_a, written;
} token;

typedef struct fault {
  const char *name;
  double norm; /* of keys */
  void (*change)(const token *of, const double *k, double *dk, double *dbeta);
} fault;

/* dk has 2 k times the derivative by lambda, which becomes less by this. */
static void less(double by_lambda, const double *k, double *dk) {
  for (size_t i = 0; i < DK; i++) dk[i] -= 2 * k[i] * by_lambda;
}

static void wrong_sign(const token *of, const double *k, double *dk, double *dbeta) {
  (void)dbeta;
  less(2 * of->by_lambda * of->by_a, k, dk);
}

static void numerator_alone(const token *of, const double *k, double *dk, double *dbeta) {
  (void)dbeta;
  less(-of->a / of->lambda * of->by_a, k, dk);
}

static void divisor_alone(const token *of, const double *k, double *dk, double *dbeta) {
  (void)dbeta;
  less((of->by_lambda + of->a / of->lambda) * of->by_a, k, dk);
}

static void written_alone(const token *of, const double *k, double *dk, double *dbeta) {
  (void)dbeta;
  less(of->by_lambda * (of->by_a - of->written), k, dk);
}

static void erased_alone(const token *of, const double *k, double *dk, double *dbeta) {
  (void)dbeta;
  less(of->by_lambda * of->written, k, dk);
}

/* As automatic differentiation of expm1 takes it. */
static void cancelling(const token *of, const double *k, double *dk, double *dbeta) {
  (void)k, (void)dk;
  const float down = (float)(of->by_beta - 1), slope = 1 + down;
  *dbeta = (double)slope * of->by_a;
}

static void not_finite(const token *of, const double *k, double *dk, double *dbeta) {
  (void)of, (void)k, (void)dbeta;
  dk[3] = (double)NAN;
}

static const fault faults[] = {{"lambda-sign", 1, wrong_sign},
                               {"lambda-numerator", 1, numerator_alone},
                               {"lambda-divisor", 1, divisor_alone},
                               {"lambda-written", 1, written_alone},
                               {"lambda-erased", 1, erased_alone},
                               {"lambda-divisor", 4, divisor_alone},
                               {"lambda-numerator", .2, numerator_alone},
                               {"beta-cancels", 5, cancelling},
                               {"not-finite", 1, not_finite}};

static void overwrite(const char *name, const double *values) {
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, name, H5P_DEFAULT);
  ck_assert(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(set), H5Fclose(file);
}

static void spoil(const fault *f) {
  double *k = h5_get(path, "k", ROWS * DK), *v = h5_get(path, "v", ROWS * DV), *beta = h5_get(path, "beta", ROWS),
         *dk = h5_get(path, "dk", ROWS * DK), *dv = h5_get(path, "dv", ROWS * DV), *dbeta = h5_get(path, "dbeta", ROWS);
  for (size_t row = 0; row < ROWS; row++) {
    token of = {0};
    for (size_t i = 0; i < DK; i++) of.lambda += k[row * DK + i] * k[row * DK + i];
    const double x = beta[row] * of.lambda;
    of.by_beta = exp(-x), of.a = -expm1(-x) / of.lambda;
    of.by_lambda = (beta[row] * of.by_beta - of.a) / of.lambda;
    of.by_a = dbeta[row] / of.by_beta;
    for (size_t j = 0; j < DV; j++) of.written += v[row * DV + j] * dv[row * DV + j] / of.a;
    f->change(&of, k + row * DK, dk + row * DK, dbeta + row);
  }
  overwrite("dk", dk), overwrite("dbeta", dbeta);
  free(k), free(v), free(beta), free(dk), free(dv), free(dbeta);
}

/* The name of what is wrong with the one gradient that is outside. */
static void expect(const fault *f, const char *decay) {
  gradient_kernel k = gradient_kernel_usual();
  k.sizes = (h5_sizes){B, T, H, DK, DV}, k.backend = NULL, k.norm = f->norm, k.decay = decay;
  gradient_kernel_write(&k, path);
  spoil(f);
  efla_kernel_check check = gradient_kernel_check(&k, path);
  size_t outside = 0;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    const efla_judged_gradient *g = &check.gradients.of[i];
    if (!g->file || !g->total.outside) continue;
    outside++;
    ck_assert_msg(!strcmp(check.gradients.finding[i].name, f->name), "%s, norm %g, decay %s: %s is '%s'", f->name,
                  f->norm, decay, efla_gradient_name(g), check.gradients.finding[i].name);
  }
  ck_assert_msg(outside == 1, "%s, norm %g, decay %s: %zu gradients are outside", f->name, f->norm, decay, outside);
  ck_assert(!*check.gradients.whole.name);
  efla_kernel_check_clear(&check);
}

START_TEST(faults_of_the_coefficient) {
  snprintf(path, sizeof path, "%s/in.h5", files_directory("gradient-faults"));
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect(&faults[i], "none"), expect(&faults[i], "split");
}
END_TEST

/* Errors beyond what cancels are not explained by it. */
static void beyond(const token *of, const double *k, double *dk, double *dbeta) {
  (void)k, (void)dk;
  *dbeta += 4 * 0x1p-24 * of->by_a;
}

START_TEST(more_than_cancels) {
  static const fault more = {"", 5, beyond};
  snprintf(path, sizeof path, "%s/in.h5", files_directory("gradient-beyond"));
  expect(&more, "none");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {faults_of_the_coefficient, more_than_cancels};
  return testing_main("gradient_faults", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/run with every decay, in every form: the numbers of the definition; which decay a file gets. */
#include "files.h"
#include "h5.h"
#include "testing.h"

enum { T = 40, H = 3, DK = 4, DV = 5, TOKENS = 2 * T * H };

static const h5_sizes usual = {2, T, H, DK, DV};
static char in[256], out[300], said[4096];

static double g_of(size_t i) { return -0.125 * (double)(i * 5 % 7); }
static double alpha_of(size_t i) { return (double)(i * 5 % 9) / 8; }

static void make(bool g, bool alpha) {
  double values[TOKENS];
  const char *directory = files_directory("run-decay");
  snprintf(in, sizeof in, "%s/in.h5", directory);
  snprintf(out, sizeof out, "%s/out.h5", directory);
  hid_t made = h5_create(in);
  h5_inputs(made, &usual, 1);
  for (size_t i = 0; i < TOKENS; i++) values[i] = g_of(i);
  if (g) h5_put_tokens(made, "g", H5T_IEEE_F64LE, &usual, 0, values);
  for (size_t i = 0; i < TOKENS; i++) values[i] = alpha_of(i);
  if (alpha) h5_put_tokens(made, "alpha", H5T_IEEE_F64LE, &usual, 0, values);
  h5_close(made);
}

static int run(const char *options) {
  char command[900];
  snprintf(command, sizeof command, TEST_BIN "/run --input %s --output %s %s", in, out, options);
  return testing_shell(command, NULL, said, sizeof said);
}

static long double phi(long double x) { return x == 0 ? 1 : -expm1l(-x) / x; }

/* One token of the exact flow by docs/derivations.md#e7: d = e^-y and what is left of e/d is rho phi(x); split and
 * strang decay by e^g first, and strang writes what decays by e^(g/2). */
static void step(const char *decay, size_t i, const double *k, const double *v, double beta, long double *S) {
  long double y = 0, rho = beta, before = 0, lambda = 0;
  if (!strcmp(decay, "split") || !strcmp(decay, "strang")) before = g_of(i);
  if (!strcmp(decay, "joint")) y = -(long double)g_of(i);
  if (!strcmp(decay, "retention")) y = 1 - (long double)alpha_of(i), rho = (long double)alpha_of(i) * beta;
  for (size_t a = 0; a < DK; a++) lambda += (long double)k[a] * k[a];
  const long double d = expl(before - y), e = d * rho * phi(rho * lambda),
                    later = strcmp(decay, "strang") ? 1 : expl(before / 2), w = later * beta * phi(y + rho * lambda);
  for (size_t j = 0; j < DV; j++) {
    long double s = 0;
    for (size_t a = 0; a < DK; a++) s += S[a * DV + j] * k[a];
    for (size_t a = 0; a < DK; a++) S[a * DV + j] = d * S[a * DV + j] + k[a] * (w * v[j] - e * s);
  }
}

/* The largest error of o and final_state.  *most: the largest |S| + |S^T q| that occurs. */
static double worst_error(const char *decay, double *most) {
  double *q = h5_numbers(&usual, 'q', 1), *k = h5_numbers(&usual, 'k', 1), *v = h5_numbers(&usual, 'v', 1),
         *beta = h5_numbers(&usual, 'b', 1), *o = h5_get(out, "o", TOKENS * DV),
         *found = h5_get(out, "final_state", 2 * H * DK * DV);
  double worst = 0;
  *most = 0;
  for (size_t n = 0; n < 2 * H; n++) {
    long double S[DK * DV] = {0};
    for (size_t t = 0; t < T; t++) {
      const size_t i = (n / H * T + t) * H + n % H;
      double read = sqrt(efla_lambda(DK, q + i * DK)), size = efla_norm(DK * DV, S);
      step(decay, i, k + i * DK, v + i * DV, beta[i], S);
      for (size_t j = 0; j < DV; j++) {
        long double sum = 0;
        for (size_t a = 0; a < DK; a++) sum += S[a * DV + j] * q[i * DK + a];
        worst = fmax(worst, (double)fabsl(sum - o[i * DV + j]));
      }
      size += beta[i] * sqrt(efla_lambda(DK, k + i * DK) * efla_lambda(DV, v + i * DV));
      *most = fmax(*most, size * fmax(read, 1));
    }
    for (size_t e = 0; e < DK * DV; e++) worst = fmax(worst, (double)fabsl(S[e] - found[n * DK * DV + e]));
  }
  free(q), free(k), free(v), free(beta), free(o), free(found);
  return worst;
}

/* A step errs by (3 dk + 13) u (|S| + w |k| |v|) at most (docs/bounds.md#step), w <= beta, and the flow with a decay
 * does not enlarge errors; each read-out adds dk u |q| |S|.  T steps. */
START_TEST(numbers_are_those_of_the_definition) {
  static const struct {
    const char *options;
    double unit;
  } ways[] = {{"", U},
              {"--form kernel", U},
              {"--form chunk --chunk 16", U},
              {"--precision f32", U32},
              {"--precision f32 --form kernel", U32},
              {"--precision f32 --form chunk --chunk 7", U32}};
  make(true, true);
  for (size_t d = 0; efla_decay_name(d); d++)
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
      char options[100];
      double most;
      snprintf(options, sizeof options, "--decay %s %s", efla_decay_name(d), ways[i].options);
      ck_assert_msg(run(options) == 0, "%s", said);
      const double worst = worst_error(efla_decay_name(d), &most);
      CHECK_BOUND(worst, (T * (3 * DK + 13) + DK) * ways[i].unit * most);
    }
}
END_TEST

/* Decays differ by far more than rounding, or the test above would show nothing. */
START_TEST(decays_differ) {
  make(true, true);
  for (size_t d = 0; efla_decay_name(d); d++) {
    char options[100];
    double most;
    snprintf(options, sizeof options, "--decay %s", efla_decay_name(d));
    ck_assert_msg(run(options) == 0, "%s", said);
    for (size_t other = 0; efla_decay_name(other); other++)
      if (other != d) ck_assert_double_gt(worst_error(efla_decay_name(other), &most), 1e-3);
  }
}
END_TEST

static void check_attribute(const char *wanted) {
  hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT), attribute = H5Aopen(file, "decay", H5P_DEFAULT);
  ck_assert(attribute >= 0);
  hid_t type = H5Aget_type(attribute);
  char *text = NULL;
  ck_assert_int_ge(H5Aread(attribute, type, &text), 0);
  ck_assert_str_eq(text, wanted);
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
}

/* Without the option: by the datasets; the output says which it was. */
START_TEST(the_decay_of_the_file) {
  static const char *const by_datasets[] = {"none", "split", "retention"};
  for (unsigned there = 0; there < 3; there++) {
    double most;
    make(there & 1, there & 2);
    ck_assert_msg(run("") == 0, "%s", said);
    check_attribute(by_datasets[there]);
    CHECK_BOUND(worst_error(by_datasets[there], &most), (T * (3 * DK + 13) + DK) * U * most);
  }
  make(true, false);
  ck_assert_int_eq(run("--decay joint"), 0);
  check_attribute("joint");
}
END_TEST

START_TEST(refusals) {
  make(true, true);
  ck_assert_int_eq(run(""), 3);
  ck_assert_msg(strstr(said, "in.h5: g, alpha: both are there, expected one of them or a decay by name"), "%s", said);
  make(false, true);
  ck_assert_int_eq(run("--decay joint"), 3);
  ck_assert_msg(strstr(said, "in.h5: g: no such dataset, expected one for decay joint"), "%s", said);
  ck_assert_int_eq(run("--decay gated"), 2);
  ck_assert_msg(strstr(said, "'gated'"), "%s", said);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {numbers_are_those_of_the_definition, decays_differ, the_decay_of_the_file, refusals};
  return testing_main("decay_run", tests, sizeof tests / sizeof *tests, 60);
}

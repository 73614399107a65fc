/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/lm --distributions, --tensors: what the rule reads in each layer, against the tensor files and a recurrence. */
#include "tables.h"
#include "testing.h"

#include "efla/efla.h"
#include "io/tensors.h"

enum { CONTEXT = 16, WIDTH = 16, HEADS = 2, D = WIDTH / HEADS, SEQUENCES = 4, N = SEQUENCES * CONTEXT * HEADS };

#define SMALL                                                                                                          \
  "lm --quick --width 16 --layers 2 --heads 2 --hidden 16 --context 16 --batch 4 --group 2 --steps 12 --warmup 2 "     \
  "--every 12 --windows 4 "
#define TABLE TEST_WORK "/lm-layers.csv"
#define FILES TEST_WORK "/lm-layers"

static char out[1 << 16], err[1 << 16];

static int run(const char *arguments) {
  char command[2048];
  snprintf(command, sizeof command, TEST_BIN "/" SMALL "--out /dev/null %s", arguments);
  return testing_shell(command, out, err, sizeof out);
}

static efla_csv read_layers(void) {
  efla_csv csv;
  efla_message why;
  ck_assert_msg(efla_csv_read(&csv, TABLE, &why) == EFLA_OK, "%s", why.text);
  return csv;
}

/* The row of a quantity in layer 2 after training, of the config without decay. */
static size_t find_row(const efla_csv *csv, const char *keys, const char *quantity) {
  for (size_t r = 0; r < csv->rows; r++)
    if (!strcmp(efla_csv_text(csv, r, "keys"), keys) && !strcmp(efla_csv_text(csv, r, "quantity"), quantity) &&
        !strcmp(efla_csv_text(csv, r, "decay"), "none") && efla_csv_real(csv, r, "step") == 12 &&
        efla_csv_real(csv, r, "layer") == 2)
      return r;
  ck_abort_msg("no row of %s", quantity);
}

/* 4 configs with a rule, before and after, 2 layers; with a decay g too. */
START_TEST(rows) {
  ck_assert_int_eq(run("--keys raw,unit --decay none,split --channels --mixer delta,softmax --distributions " TABLE),
                   0);
  efla_csv csv = read_layers();
  ck_assert_uint_eq(csv.rows, 2 * 2 * (2 * 4 + 2 * 5));
  for (size_t r = 0; r < csv.rows; r++) {
    const char *quantity = efla_csv_text(&csv, r, "quantity");
    const double low = efla_csv_real(&csv, r, "q01"), most = efla_csv_real(&csv, r, "most");
    if (!strcmp(quantity, "beta")) ck_assert(low > 0 && most < 1);
    if (!strcmp(quantity, "g")) ck_assert(low < most && most <= 0);
    if (!strcmp(quantity, "state")) ck_assert(low > 0 && low < most);
    if (!strcmp(quantity, "lambda") && !strcmp(efla_csv_text(&csv, r, "keys"), "unit"))
      CHECK_BOUND(fmax(fabs(most - 1), fabs(low - 1)), (D + 4) * U); /* a norm, a division, a sum of D squares */
  }
  efla_csv_clear(&csv);
}
END_TEST

/* A tensor of the file, (SEQUENCES, HEADS, CONTEXT, n). */
static void read_tensor(efla_tensors *file, efla_tensor tensor, size_t n, double *to) {
  efla_message why;
  for (size_t b = 0; b < SEQUENCES; b++) {
    const efla_tensor_block block = {.batch = b, .head = 0, .heads = HEADS, .first = 0, .tokens = CONTEXT};
    const efla_array array = efla_array_head_major(to + b * HEADS * CONTEXT * n, EFLA_F64, CONTEXT, HEADS, n);
    ck_assert_msg(efla_tensors_read(file, tensor, &block, array, &why) == EFLA_OK, "%s", why.text);
  }
}

/* The norm of the state after the tokens, by the exact method. *doubt: what a computation in f32 may be off by: a token
 * errs by D + 6 roundings of the terms |S| and |k| w (|v| + |k| |S|), where |k|^2 w < 1, and later ones enlarge no
 * error. */
static double state_norm(const double *k, const double *v, const double *beta, double *doubt) {
  double S[D * D] = {0}, size = 0;
  for (size_t t = 0; t < CONTEXT; t++, k += D, v += D) {
    double lambda = 0, residual[D];
    for (size_t i = 0; i < D; i++) lambda += k[i] * k[i];
    const double w = -expm1(-beta[t] * lambda) / lambda;
    size += 2 * efla_two_norm(D * D, S) + sqrt(lambda) * w * efla_two_norm(D, v);
    for (size_t j = 0; j < D; j++) {
      residual[j] = v[j];
      for (size_t i = 0; i < D; i++) residual[j] -= S[i * D + j] * k[i];
    }
    for (size_t i = 0; i < D * D; i++) S[i] += w * k[i / D] * residual[i % D];
  }
  *doubt = (D + 6) * U32 * size;
  return efla_two_norm(D * D, S);
}

/* Raw keys are written as the model has them, so that the file has the table's lambda and state. */
START_TEST(files) {
  static double q[N * D], k[N * D], v[N * D], beta[N];
  efla_tensors file;
  efla_message why;
  double lambda = 0, state = 0, doubt = 0;
  ck_assert_int_eq(run("--decay none,split --channels --distributions " TABLE " --tensors " FILES), 0);
  ck_assert_msg(efla_tensors_open(&file, FILES "/delta-exact-none-raw-sigmoid-16-0.01-42-after-2.h5", &why) == EFLA_OK,
                "%s", why.text);
  ck_assert(file.batch == SEQUENCES && file.heads == HEADS && file.tokens == CONTEXT && file.dk == D && file.dv == D);
  read_tensor(&file, EFLA_Q, D, q), read_tensor(&file, EFLA_K, D, k), read_tensor(&file, EFLA_V, D, v);
  read_tensor(&file, EFLA_BETA, 1, beta);
  efla_tensors_close(&file, &why);
  for (size_t i = 0; i < N; i++) {
    double sum = 0, mine;
    for (size_t j = 0; j < D; j++) sum += k[i * D + j] * k[i * D + j];
    lambda = fmax(lambda, sum);
    ck_assert(efla_two_norm(D, q + i * D) < 1 + (D + 4) * U32); /* RMSNorm's epsilon makes it less */
    if (i % CONTEXT != 0) continue;
    const double norm = state_norm(k + i * D, v + i * D, beta + i, &mine);
    if (norm > state) state = norm;
    doubt = fmax(doubt, mine);
  }
  efla_csv csv = read_layers();
  CHECK_BOUND(fabs(efla_csv_real(&csv, find_row(&csv, "raw", "lambda"), "most") - lambda), 2 * D * U * lambda);
  CHECK_BOUND(fabs(efla_csv_real(&csv, find_row(&csv, "raw", "state"), "most") - state), doubt);
  efla_csv_clear(&csv);
  ck_assert_msg(
      efla_tensors_open(&file, FILES "/delta-exact-split-channels-raw-sigmoid-16-0.01-42-before-1.h5", &why) == EFLA_OK,
      "%s", why.text);
  ck_assert(file.has[EFLA_G] && file.g_per_channel);
  efla_tensors_close(&file, &why);
}
END_TEST

#define KEPT  TEST_WORK "/lm-layers-kept"
#define ALONG "--every 4 --along --distributions " TABLE " --configs " KEPT

/* Rows of steps 0, 4, 8, 12, of which the last are those after training; a kept config has them all. */
START_TEST(along) {
  testing_shell("rm -rf " KEPT, out, err, sizeof out);
  ck_assert_int_eq(run("--every 4 --distributions " TABLE), 0);
  efla_csv ends = read_layers();
  for (int kept = 0; kept < 2; kept++) {
    ck_assert_int_eq(run(kept ? ALONG " --finished" : ALONG), 0);
    efla_csv csv = read_layers();
    ck_assert_uint_eq(csv.rows, 4 * 2 * 4);
    for (size_t r = 0; r < csv.rows; r++) {
      const size_t step = (size_t)efla_csv_real(&csv, r, "step"), i = r % 8;
      const double mean = efla_csv_real(&csv, r, "mean"), beyond = efla_csv_real(&csv, r, "beyond");
      ck_assert_uint_eq(step, 4 * (r / 8));
      ck_assert_str_eq(efla_csv_text(&csv, r, "quantity"), efla_csv_text(&ends, i, "quantity"));
      ck_assert((efla_csv_real(&csv, r, "most") > 2) == (beyond > 0));
      if (step == 0) ck_assert_double_eq(mean, efla_csv_real(&ends, i, "mean"));
      if (step == 4) ck_assert_double_ne(mean, efla_csv_real(&ends, i, "mean"));
      if (step == 12) ck_assert_double_eq(mean, efla_csv_real(&ends, 8 + i, "mean"));
    }
    efla_csv_clear(&csv);
  }
  efla_csv_clear(&ends);
  ck_assert_int_eq(run("--every 4 --configs " KEPT), 3); /* kept with the distributions */
}
END_TEST

START_TEST(refused) {
  ck_assert_int_eq(run("--decay retention --tensors " FILES), 2);
  ck_assert_msg(strstr(err, "--tensors") && strstr(err, "retention"), "%s", err);
  ck_assert_int_eq(run("--tensors /dev/null/x"), 3);
  ck_assert_msg(strstr(err, "/dev/null/x"), "%s", err);
  ck_assert_int_eq(run("--decay retention --distributions " TABLE), 0);
  efla_csv csv = read_layers();
  ck_assert_uint_eq(csv.rows, 2 * 2 * 5);
  ck_assert_str_eq(efla_csv_text(&csv, 4, "quantity"), "alpha");
  efla_csv_clear(&csv);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rows, files, along, refused};
  return testing_main("lm_layers", tests, sizeof tests / sizeof *tests, 120);
}

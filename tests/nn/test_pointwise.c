/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Products of a matrix and a row, and totals, of every instruction set against sums in long double. */
#include "testing.h"

#include "nn/pointwise.h"

#include <gsl/gsl_randist.h>

enum { ROWS = 11, MOST = 150 };

/* n + 2 roundings of the terms' absolute sum, as of gemm.inc (docs/bounds.md#kernel); `keep` has two of its own. Where
 * keep is 0, y is not read: it holds nan. Rows that are not asked for stay. */
#define CHECK_MATRIX(REAL, suffix, unit)                                                                               \
  static void check_matrix_##suffix(const efla_isa *isa, size_t rows, size_t n, gsl_rng *draw) {                       \
    const efla_pointwise_##suffix *f = efla_pointwise_of_##suffix(isa);                                                \
    REAL *W = calloc(rows * n + 1, sizeof *W), *x = calloc(n, sizeof *x), y[2][ROWS + 1];                              \
    for (size_t i = 0; i < rows * n; i++) W[i] = (REAL)gsl_ran_gaussian(draw, 1);                                      \
    for (size_t i = 0; i < n; i++) x[i] = (REAL)gsl_ran_gaussian(draw, 1);                                             \
    for (size_t r = 0; r <= rows; r++) y[0][r] = (REAL)NAN, y[1][r] = (REAL)r;                                         \
    f->matrix(rows, n, W, x, 0, y[0]), f->matrix(rows, n, W, x, 2, y[1]);                                              \
    ck_assert(isnan(y[0][rows]) && y[1][rows] == (REAL)rows);                                                          \
    long double total = 0, absolute = 0;                                                                               \
    for (size_t r = 0; r < rows; r++) {                                                                                \
      long double sum = 0, size = 0;                                                                                   \
      for (size_t i = 0; i < n; i++) {                                                                                 \
        const long double w = W[r * n + i], term = w * x[i];                                                           \
        sum += term, size += fabsl(term), total += w, absolute += fabsl(w);                                            \
      }                                                                                                                \
      CHECK_BOUND((double)fabsl(y[0][r] - sum), (double)(n + 2) * (unit) * (double)size);                              \
      CHECK_BOUND((double)fabsl(y[1][r] - sum - 2 * r), (double)(n + 4) * (unit) * (double)(size + 2 * r));            \
    }                                                                                                                  \
    CHECK_BOUND((double)fabsl(f->total(rows *n, W) - total), (double)(rows * n) * (unit) * (double)absolute);          \
    free(W), free(x);                                                                                                  \
  }
CHECK_MATRIX(float, f32, U32)
CHECK_MATRIX(double, f64, U)

START_TEST(matrices) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  FOR_EACH_ISA(isa) for (size_t rows = 0; rows <= ROWS; rows++) for (size_t n = 1; n <= MOST; n += 1 + n / 9) {
    check_matrix_f32(isa, rows, n, draw);
    check_matrix_f64(isa, rows, n, draw);
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {matrices};
  return testing_main("pointwise", tests, sizeof tests / sizeof *tests, 60);
}

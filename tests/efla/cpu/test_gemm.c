/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Products, substitution and transposes of every isa against the textbook's loops; one chunk of the WY form of every
 * isa, with decay. */
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

static gsl_rng *draw;
static void start(void) {
  draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
}

/* n numbers of either type, aligned to lines and the same in both; random or, to show what is written, all nan. */
typedef struct array {
  size_t n;
  double *f64;
  float *f32;
} array;

static array fresh(size_t n, bool random) {
  array x = {n, aligned_alloc(EFLA_LINE_BYTES, (n * sizeof(double) / 64 + 1) * 64),
             aligned_alloc(EFLA_LINE_BYTES, (n * 4 / 64 + 1) * 64)};
  ck_assert(x.f64 && x.f32);
  for (size_t i = 0; i < n; i++)
    x.f32[i] = random ? (float)gsl_ran_gaussian(draw, 1) : NAN, x.f64[i] = (double)x.f32[i];
  return x;
}

static array copy(const array *from) {
  array x = fresh(from->n, false);
  memcpy(x.f64, from->f64, x.n * sizeof *x.f64), memcpy(x.f32, from->f32, x.n * sizeof *x.f32);
  return x;
}

static void drop(array *x) { free(x->f64), free(x->f32); }

/* Entry e of both types against a sum of n terms and their size: n u of it (Higham 2002, 3.1), two units more for D and
 * for the sum's f64. */
static void check_entry(const array *x, size_t e, double sum, double size, size_t n) {
  CHECK_BOUND(fabs(x->f64[e] - sum), 2 * (double)(n + 2) * U * size);
  CHECK_BOUND(fabs((double)x->f32[e] - sum), (double)(n + 2) * U32 * size);
}

/* What lies between rows, and behind the last, is as it was: nan. */
static void check_untouched(const array *x, size_t rows, size_t columns, size_t row) {
  for (size_t e = 0; e < x->n; e++)
    if (e / row >= rows || e % row >= columns) ck_assert(isnan(x->f64[e]) && isnan(x->f32[e]));
}

static void check_product(const efla_isa *isa, size_t rows, size_t columns, size_t inner, bool transposed,
                          efla_part part, double keep) {
  size_t width = efla_padded(columns), row = efla_row(columns), a_row = transposed ? 1 : inner + 3,
         a_column = transposed ? rows + 1 : 1;
  array A = fresh((rows + 1) * (inner + 3), true), B = fresh(inner * row + 1, true), C = fresh((rows + 1) * row, false);
  array D = fresh((rows + 1) * row, true);
  for (size_t i = 0; i < rows; i++)
    for (size_t s = 0; s < inner; s++)
      if ((part == EFLA_LOWER && s > i) || (part == EFLA_UPPER && s < i))
        A.f64[i * a_row + s * a_column] = A.f32[i * a_row + s * a_column] = 0;
  efla_product_f64 p = {.rows = rows,
                        .columns = width,
                        .inner = inner,
                        .A = A.f64,
                        .B = B.f64,
                        .C = C.f64,
                        .D = keep != 0 ? D.f64 : NULL};
  efla_product_f32 p32 = {.rows = rows,
                          .columns = width,
                          .inner = inner,
                          .A = A.f32,
                          .B = B.f32,
                          .C = C.f32,
                          .D = keep != 0 ? D.f32 : NULL};
  p.a_row = p32.a_row = (ptrdiff_t)a_row, p.a_column = p32.a_column = (ptrdiff_t)a_column,
  p.b_row = p32.b_row = (ptrdiff_t)row;
  p.c_row = p32.c_row = (ptrdiff_t)row, p.part = p32.part = part, p.keep = keep, p32.keep = (float)keep;
  isa->product_f64(&p), isa->product_f32(&p32);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < width; j++) {
      double sum = keep * D.f64[i * row + j], size = fabs(sum);
      for (size_t s = 0; s < inner; s++) {
        double term = A.f64[i * a_row + s * a_column] * B.f64[s * row + j];
        sum += term, size += fabs(term);
      }
      check_entry(&C, i * row + j, sum, size, inner);
    }
  check_untouched(&C, rows, width, row);
  drop(&A), drop(&B), drop(&C), drop(&D);
}

START_TEST(products) {
  static const size_t rows[] = {0, 1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 23}, columns[] = {1, 16, 17, 48, 80},
                      inner[] = {0, 1, 7, 16, 33};
  start();
  FOR_EACH_ISA(isa)
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
      for (size_t n = 0; n < sizeof inner / sizeof *inner; n++)
        for (int transposed = 0; transposed < 2; transposed++)
          for (efla_part part = EFLA_ALL; part <= EFLA_UPPER; part++)
            check_product(isa, rows[r], columns[c], inner[n], transposed, part, (double)((r + c + n) % 3) / 2);
  gsl_rng_free(draw);
}
END_TEST

/* (I - A) X = B for X in B's place, rows from the first to the last or with negative strides from the last to the
 * first: the residual of row i is within i u of its terms. */
static void check_solve(const efla_isa *isa, size_t n, size_t columns, bool reversed) {
  size_t width = efla_padded(columns), row = efla_row(columns);
  array A = fresh(n * n + 1, true), B = fresh(n * row + 1, true), X = copy(&B);
  for (size_t e = 0; e < n * n; e++) A.f32[e] /= (float)n, A.f64[e] = (double)A.f32[e];
  for (size_t i = 0; i < n; i++) /* what is not read may be anything */
    for (size_t s = i; s < n; s++) A.f64[i * n + s] = NAN, A.f32[i * n + s] = NAN;
  size_t last = reversed ? n - 1 : 0;
  ptrdiff_t a_row = reversed ? -1 : (ptrdiff_t)n, a_column = reversed ? -(ptrdiff_t)n : 1,
            c_row = reversed ? -(ptrdiff_t)row : (ptrdiff_t)row;
  isa->solve_f64(&(efla_product_f64){.rows = n,
                                     .columns = width,
                                     .A = A.f64 + last * (n + 1),
                                     .a_row = a_row,
                                     .a_column = a_column,
                                     .C = X.f64 + last * row,
                                     .c_row = c_row});
  isa->solve_f32(&(efla_product_f32){.rows = n,
                                     .columns = width,
                                     .A = A.f32 + last * (n + 1),
                                     .a_row = a_row,
                                     .a_column = a_column,
                                     .C = X.f32 + last * row,
                                     .c_row = c_row});
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < width; j++) {
      double sum = B.f64[i * row + j], size = fabs(sum), sum32 = sum, size32 = size;
      for (size_t s = reversed ? i + 1 : 0; s < (reversed ? n : i); s++) {
        double a = reversed ? A.f64[s * n + i] : A.f64[i * n + s], term = a * X.f64[s * row + j],
               term32 = a * (double)X.f32[s * row + j];
        sum += term, size += fabs(term), sum32 += term32, size32 += fabs(term32);
      }
      CHECK_BOUND(fabs(X.f64[i * row + j] - sum), 2 * (double)(n + 1) * U * size);
      CHECK_BOUND(fabs((double)X.f32[i * row + j] - sum32), (double)(n + 1) * U32 * size32);
    }
  drop(&A), drop(&B), drop(&X);
}

START_TEST(substitution) {
  static const size_t sizes[] = {1, 2, 3, 5, 6, 7, 8, 9, 13, 16, 17, 40};
  start();
  FOR_EACH_ISA(isa)
  for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
    for (int reversed = 0; reversed < 2; reversed++)
      check_solve(isa, sizes[n], 33, reversed), check_solve(isa, sizes[n], 5, reversed);
  gsl_rng_free(draw);
}
END_TEST

START_TEST(transposes) {
  static const size_t sizes[] = {1, 2, 3, 4, 5, 16, 33};
  start();
  FOR_EACH_ISA(isa)
  for (size_t a = 0; a < 7; a++)
    for (size_t b = 0; b < 7; b++) {
      size_t rows = sizes[a], columns = sizes[b], row = efla_row(rows);
      array from = fresh(rows * columns + 1, true), to = fresh((columns + 1) * row, false);
      isa->transpose_f64(rows, columns, from.f64 + 1, columns, to.f64, row); /* from need not be aligned */
      isa->transpose_f32(rows, columns, from.f32 + 1, columns, to.f32, row);
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
          ck_assert(to.f64[j * row + i] == from.f64[i * columns + j + 1]);
          ck_assert(to.f32[j * row + i] == from.f32[i * columns + j + 1]);
        }
      check_untouched(&to, columns, rows, row);
      drop(&from), drop(&to);
    }
  gsl_rng_free(draw);
}
END_TEST

/* One chunk of every isa, with decays down to 0, against the recurrence in long double; bound as in test_chunk.c. */
static void check_chunk(const efla_isa *isa, size_t C, size_t dk, size_t dv, bool decays) {
  size_t row = efla_row(dv);
  array q = fresh(C * dk, true), k = fresh(C * dk, true), v = fresh(C * dv, true), S = fresh(dk * row, true),
        o = fresh(C * dv, false);
  array coefficient = fresh(C, false), erase = fresh(C, false), d = fresh(C, false),
        scratch = fresh(efla_wy_scratch(C, dk, dv), false);
  long double *truth = malloc((dk * dv + dk + 2 * dv) * sizeof *truth), *key = truth + dk * dv, *value = key + dk;
  double scale = 0, q_size = 0;
  for (size_t e = 0; e < dk * row; e++)
    if (e % row >= dv)
      S.f64[e] = S.f32[e] = 0;
    else
      truth[e / row * dv + e % row] = S.f64[e];
  scale = efla_norm(dk * dv, truth);
  for (size_t t = 0; t < C; t++) {
    coefficient.f64[t] = coefficient.f32[t] = 0.7f / (float)efla_lambda(dk, k.f64 + t * dk);
    d.f64[t] = d.f32[t] = t % 9 == 4 ? 0 : 1 - (float)gsl_ran_flat(draw, 0, 0.3);
    erase.f64[t] = erase.f32[t] = d.f32[t] * coefficient.f32[t];
  }
  efla_wy_f64 c = {.tokens = C,
                   .dk = dk,
                   .dv = dv,
                   .q = q.f64,
                   .k = k.f64,
                   .v = v.f64,
                   .write = coefficient.f64,
                   .S = S.f64,
                   .o = o.f64};
  efla_wy_f32 c32 = {.tokens = C,
                     .dk = dk,
                     .dv = dv,
                     .q = q.f32,
                     .k = k.f32,
                     .v = v.f32,
                     .write = coefficient.f32,
                     .S = S.f32,
                     .o = o.f32};
  c.q_stride = c.k_stride = c32.q_stride = c32.k_stride = dk,
  c.v_stride = c.o_stride = c32.v_stride = c32.o_stride = dv;
  c.erase = erase.f64, c32.erase = erase.f32;
  c.decay = decays ? d.f64 : NULL, c32.decay = decays ? d.f32 : NULL, c.scratch = scratch.f64,
  c32.scratch = scratch.f32;
  isa->wy_f64(&c), isa->wy_f32(&c32);
  for (size_t t = 0; t < C; t++) {
    long double a = coefficient.f64[t];
    for (size_t i = 0; i < dk; i++) key[i] = k.f64[t * dk + i];
    for (size_t j = 0; j < dv; j++) value[j] = v.f64[t * dv + j];
    efla_recurrence_long(1, dk, dv, NULL, key, value,
                         &(efla_coefficients_long){decays ? d.f64[t] : 1, decays ? erase.f64[t] : a, a}, truth, NULL);
    scale = fmax(scale, fmax(efla_norm(dk * dv, truth), (double)a * efla_norm(dk, key) * efla_norm(dv, value)));
    for (size_t i = 0; i < dk; i++) key[i] = q.f64[t * dk + i];
    efla_readout_long(dk, dv, key, truth, value);
    q_size = efla_norm(dk, key);
    for (size_t j = 0; j < dv; j++) {
      CHECK_BOUND(fabs((double)(o.f64[t * dv + j] - value[j])), 64 * U * scale * q_size);
      CHECK_BOUND(fabs((double)((long double)o.f32[t * dv + j] - value[j])), 64 * U32 * scale * q_size);
    }
  }
  for (size_t e = 0; e < dk * row; e++) {
    long double expected = e % row < dv ? truth[e / row * dv + e % row] : 0;
    CHECK_BOUND(fabs((double)(S.f64[e] - expected)), 64 * U * scale);
    CHECK_BOUND(fabs((double)((long double)S.f32[e] - expected)), 64 * U32 * scale);
  }
  drop(&q), drop(&k), drop(&v), drop(&S), drop(&o), drop(&coefficient), drop(&erase), drop(&d), drop(&scratch),
      free(truth);
}

START_TEST(chunks_with_decay) {
  static const size_t sizes[] = {1, 3, 16, 65}, lengths[] = {1, 2, 15, 16, 17, 50};
  start();
  FOR_EACH_ISA(isa)
  for (size_t a = 0; a < 4; a++)
    for (size_t b = 0; b < 4; b++)
      for (size_t c = 0; c < 6; c++)
        for (int decays = 0; decays < 2; decays++) check_chunk(isa, lengths[c], sizes[a], sizes[b], decays);
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {products, substitution, transposes, chunks_with_decay};
  return testing_main("gemm", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The matrix unit of this processor, if it has one: its product against the textbook's loop; calls that have the
 * same bits for any number of threads; what it refuses. Calls against the definition are in test_backends. */
#include "testing.h"

#include "efla/cpu/matrix.h"
#include "efla/efla.h"
#include "efla/internal/bf16.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

static gsl_rng *draw;
static const efla_matrix *unit;
static void start(void) {
  draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  unit = efla_matrix_best(efla_isa_best());
}

static void *room(size_t bytes) {
  void *x = efla_alloc(bytes + 1);
  ck_assert_ptr_nonnull(x);
  return memset(x, 0xff, bytes);
}

static uint16_t *random_bf16(size_t n) {
  uint16_t *x = room(n * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = efla_bf16_narrow((float)gsl_ran_gaussian(draw, 1));
  return x;
}

/* Entry (i, j) of the product, and its terms' size; half h of pair l is number 2 l + h. */
static double entry(const efla_matrix_product *p, size_t i, size_t j, double before, double *size) {
  double sum = before;
  *size = fabs(before);
  for (size_t l = 0; l < p->pairs; l++)
    for (size_t h = 0; h < 2; h++) {
      const double a = (double)efla_bf16_widen((uint16_t)(p->A[i * p->a_row + l] >> 16 * h)),
                   b = (double)efla_bf16_widen((uint16_t)(p->B[l * p->b_row + j] >> 16 * h));
      sum += a * b, *size += fabs(a * b);
    }
  return sum;
}

/* Products of bf16 are numbers of f32: a sum of n terms errs by n u of their sizes (Higham 2002, 3.1), 1 more for
 * what is kept. */
static void check_product(size_t rows, size_t columns, size_t pairs, size_t kind) {
  efla_matrix_product p = {.rows = rows, .columns = columns, .pairs = pairs, .adds = kind > 0};
  p.a_row = efla_row(pairs), p.b_row = p.c_row = efla_row(columns);
  uint16_t *A = random_bf16(2 * rows * p.a_row), *B = random_bf16(2 * (pairs + 1) * p.b_row);
  float *keep = room(rows * sizeof *keep), *before = room(rows * p.c_row * sizeof *before);
  for (size_t i = 0; i < rows; i++) keep[i] = (float)gsl_rng_uniform(draw);
  for (size_t i = 0; i < rows * p.c_row; i++) before[i] = (float)gsl_ran_gaussian(draw, 1);
  p.A = (const efla_pair16 *)(const void *)A, p.B = (const efla_pair16 *)(const void *)B;
  p.C = room(rows * p.c_row * sizeof *p.C);
  memcpy(p.C, before, rows * p.c_row * sizeof *before);
  if (kind > 1) p.keep = keep, p.keep_step = kind - 2;
  unit->product(&p);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < p.c_row; j++) {
      const double kept = kind > 1 ? (double)keep[i * p.keep_step] : 1, old = (double)before[i * p.c_row + j];
      double size, found = (double)p.C[i * p.c_row + j], expected;
      if (j >= columns) {
        ck_assert(found == old);
        continue;
      }
      expected = entry(&p, i, j, kind > 0 ? kept * old : 0, &size);
      CHECK_BOUND(fabs(found - expected), ((double)(2 * pairs) + 1) * U32 * size);
    }
  efla_free(A), efla_free(B), efla_free(keep), efla_free(before), efla_free(p.C);
}

START_TEST(products) {
  start();
  for (size_t rows = 1; rows <= 33 && unit; rows += 1 + rows / 18)
    for (size_t columns = 16; columns <= 144; columns += 16)
      check_product(rows, columns, (rows * 7 + columns / 16) % 40, rows % 4);
  gsl_rng_free(draw);
}
END_TEST

/* One call on packed sequences, of q, k, v of bf16. */
typedef struct problem {
  size_t heads, dv, cu[5];
  uint16_t *q, *k, *v;
  float *beta, *g;
} problem;
enum { TOKENS = 150, DK = 40, HEADS = 3, DV = 200 };

static efla_status forward(const problem *p, size_t threads, uint16_t *o, float *final) {
  efla_rule rule;
  efla_backend *b;
  ck_assert_int_eq(efla_rule_find("exact", "split", "unit", &rule), EFLA_OK);
  ck_assert_int_eq(efla_backend_open("cpu", &(efla_options){.threads = threads}, &b), EFLA_OK);
  const efla_sequence x = {.batch = 1,
                           .heads = p->heads,
                           .tokens = TOKENS,
                           .dk = DK,
                           .dv = p->dv,
                           .sequences = 4,
                           .cu_seqlens = p->cu,
                           .q = efla_array_token_major(p->q, EFLA_BF16, TOKENS, p->heads, DK),
                           .k = efla_array_token_major(p->k, EFLA_BF16, TOKENS, p->heads, DK),
                           .v = efla_array_token_major(p->v, EFLA_BF16, TOKENS, p->heads, p->dv),
                           .beta = efla_array_token_major(p->beta, EFLA_F32, TOKENS, p->heads, 1),
                           .g = efla_array_token_major(p->g, EFLA_F32, TOKENS, p->heads, 1)};
  const efla_result y = {.o = efla_array_token_major(o, EFLA_BF16, TOKENS, p->heads, p->dv),
                         .final_state = efla_array_states(final, EFLA_F32, p->heads, DK, p->dv)};
  const efla_status status = efla_forward(b, &rule, &x, &y);
  efla_backend_close(b);
  return status;
}

START_TEST(same_bits_for_any_threads) {
  start();
  for (size_t heads = 1; heads <= HEADS; heads += 2) {
    const size_t n = TOKENS * heads, states = 4 * heads * DK * DV;
    problem p = {.heads = heads, .dv = DV, .cu = {0, 1, 70, 70, TOKENS}};
    p.q = random_bf16(n * DK), p.k = random_bf16(n * DK), p.v = random_bf16(n * DV);
    p.beta = room(n * sizeof(float)), p.g = room(n * sizeof(float));
    for (size_t i = 0; i < n; i++) p.beta[i] = (float)gsl_rng_uniform(draw), p.g[i] = -(float)gsl_rng_uniform(draw) / 8;
    uint16_t *o[2] = {room(n * DV * 2), room(n * DV * 2)};
    float *S[2] = {room(states * sizeof(float)), room(states * sizeof(float))};
    ck_assert_int_eq(forward(&p, 1, o[0], S[0]), EFLA_OK);
    for (size_t threads = 2; threads <= 7; threads++) {
      ck_assert_int_eq(forward(&p, threads, o[1], S[1]), EFLA_OK);
      ck_assert_int_eq(memcmp(o[0], o[1], n * DV * 2) || memcmp(S[0], S[1], states * sizeof(float)), 0);
    }
    efla_free(p.q), efla_free(p.k), efla_free(p.v), efla_free(p.beta), efla_free(p.g);
    for (size_t i = 0; i < 2; i++) efla_free(o[i]), efla_free(S[i]);
  }
  gsl_rng_free(draw);
}
END_TEST

/* A unit belongs to an instruction set; without one there are no products of bf16 on request, but calls of bf16. */
START_TEST(refusals) {
  efla_backend *b;
  size_t last = 0;
  while (efla_isa_name(last + 1)) last++;
  const efla_options options = {.isa = efla_isa_name(last), .bf16_products = true};
  ck_assert_int_eq(efla_backend_open("cpu", &options, &b), EFLA_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(efla_last_message(NULL), "bf16_products: isa "));
  ck_assert_int_eq(efla_backend_open("cpu", NULL, &b), EFLA_OK);
  efla_rule rule;
  efla_decoder *d;
  ck_assert_int_eq(efla_rule_find("exact", "none", "raw", &rule), EFLA_OK);
  const efla_decoder_shape shape = {.batch = 1, .heads = 1, .dk = 4, .dv = 4, .type = EFLA_BF16};
  ck_assert_int_eq(efla_decoder_open(b, &rule, &shape, &d), EFLA_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(efla_last_message(b), "type bf16: decoders"));
  efla_backend_close(b);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {products, same_bits_for_any_threads, refusals};
  return testing_main("matrix", tests, sizeof tests / sizeof *tests, 60);
}

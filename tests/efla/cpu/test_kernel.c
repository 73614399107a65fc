/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel against the definition: unusual shapes, layout, packing, decay, isa and number of
 * threads. */
#include "kernel_problem.h"
#include "testing.h"

START_TEST(every_shape) {
  static const size_t sizes[] = {1, 3, 16, 63, 64, 65, 128, 200}, tokens[] = {0, 1, 2, 63, 64, 65, 1000};
  for (size_t a = 0; a < 8; a++)
    for (size_t b = 0; b < 8; b++)
      for (size_t t = 0; t < 7; t++) {
        if (tokens[t] == 1000 && a + b > 9 && a != b) continue; /* long runs of large states: the square ones */
        kernel_problem p = kernel_problem_init(
            (efla_heads){.batch = 1, .heads = 1, .tokens = tokens[t], .dk = sizes[a], .dv = sizes[b]}, (a + b + t) % 2,
            true);
        FOR_EACH_ISA(isa) p.heads.isa = isa, kernel_problem_check(&p);
        kernel_problem_clear(&p);
      }
}
END_TEST

START_TEST(every_layout) {
  for (int layout = 0; layout < 2; layout++)
    for (int decays = 0; decays < 2; decays++)
      for (int starts = 0; starts < 2; starts++) {
        efla_heads heads = {.batch = 2, .heads = 3, .tokens = 131, .dk = 17, .dv = 70, .layout = (efla_layout)layout};
        kernel_problem p = kernel_problem_init(heads, decays, starts);
        FOR_EACH_ISA(isa) p.heads.isa = isa, p.heads.threads = 2, kernel_problem_check(&p);
        kernel_problem_clear(&p);
      }
}
END_TEST

static const size_t packed[] = {0, 0, 0, 1, 70, 70, 198, 200, 200};
enum { SEQUENCES = sizeof packed / sizeof *packed - 1 };

START_TEST(packed_sequences) {
  for (int layout = 0; layout < 2; layout++) {
    efla_heads heads = {.batch = 1, .heads = 2, .tokens = 200, .dk = 9, .dv = 40, .layout = (efla_layout)layout};
    heads.sequences = SEQUENCES, heads.cu_seqlens = packed;
    kernel_problem p = kernel_problem_init(heads, layout, true);
    FOR_EACH_ISA(isa) p.heads.isa = isa, p.heads.threads = 2, kernel_problem_check(&p);
    for (size_t n = 0, state = 2 * 9 * 40; n < SEQUENCES; n++)
      ck_assert(packed[n] < packed[n + 1] ||
                !memcmp(p.x.final + n * state, p.x.initial + n * state, state * sizeof(double)));
    kernel_problem_clear(&p);
  }
}
END_TEST

/* The lanes of different threads share nothing: the same bits. */
START_TEST(same_bits_for_any_number_of_threads) {
  for (int layout = 0; layout < 2; layout++) {
    efla_heads heads = {.batch = 1, .heads = 3, .tokens = 200, .dk = 20, .dv = 100, .layout = (efla_layout)layout};
    heads.sequences = SEQUENCES, heads.cu_seqlens = packed;
    kernel_problem p = kernel_problem_init(heads, true, true), one = p;
    p.heads.isa = one.heads.isa = efla_isa_best();
    one.x32.o = malloc(p.rows * 100 * sizeof(float)), one.x32.final = malloc(p.states * sizeof(float));
    for (size_t threads = 1; threads <= 20; threads += threads < 4 ? 1 : 8) {
      p.heads.threads = threads;
      memset(p.x32.o, 255, p.rows * 100 * sizeof(float)), memset(p.x32.final, 255, p.states * sizeof(float));
      float *scratch = malloc(efla_kernel_scratch_f32(&p.heads) * sizeof *scratch);
      efla_kernel_forward_f32(&p.heads, threads == 1 ? &one.x32 : &p.x32, scratch);
      if (threads > 1) ck_assert_mem_eq(p.x32.o, one.x32.o, p.rows * 100 * sizeof(float));
      if (threads > 1) ck_assert_mem_eq(p.x32.final, one.x32.final, p.states * sizeof(float));
      free(scratch);
    }
    free(one.x32.o), free(one.x32.final);
    kernel_problem_clear(&p);
  }
}
END_TEST

/* Without read-out, with the last one only, and in place, the state has the same bits; the last read-out is the
 * truth's, 0 where a sequence is empty. */
static void check_parts(efla_layout layout, size_t threads) {
  enum { HEADS = 3, DV = 35, ALL = SEQUENCES * HEADS * DV };
  efla_heads heads = {
      .batch = 1, .heads = HEADS, .tokens = 200, .dk = 21, .dv = DV, .layout = layout, .threads = threads};
  heads.sequences = SEQUENCES, heads.cu_seqlens = packed, heads.isa = efla_isa_best();
  kernel_problem p = kernel_problem_init(heads, true, true);
  double *scratch = testing_poison(efla_kernel_scratch_f64(&p.heads)), *last = testing_poison(ALL),
         *S = testing_poison(p.states), zero[DV] = {0};
  float zero32[DV] = {0}, *last32 = testing_narrow(ALL, last),
        *scratch32 = malloc(efla_kernel_scratch_f32(&p.heads) * sizeof *scratch32);
  kernel_problem_check(&p);
  efla_kernel_f64 x = p.x;
  efla_kernel_f32 y = p.x32;
  x.o = last, x.last = true, x.final = S, y.o = last32, y.last = true;
  efla_kernel_forward_f64(&p.heads, &x, scratch);
  efla_kernel_forward_f32(&p.heads, &y, scratch32);
  ck_assert_mem_eq(S, p.x.final, p.states * sizeof *S);
  for (size_t n = 0; n < SEQUENCES * HEADS; n++) {
    efla_head_rows rows = efla_heads_rows(&heads, n / HEADS, n % HEADS);
    if (rows.tokens) {
      size_t row = rows.first + (rows.tokens - 1) * rows.stride;
      kernel_problem_compare_rows(&p, row, 1, last + n * DV, NULL);
      kernel_problem_compare_rows(&p, row, 1, NULL, last32 + n * DV);
    } else {
      ck_assert_mem_eq(last + n * DV, zero, DV * sizeof *zero);
      ck_assert_mem_eq(last32 + n * DV, zero32, DV * sizeof *zero32);
    }
  }
  memcpy(S, p.x.initial, p.states * sizeof *S);
  x = (efla_kernel_f64){
      .k = p.x.k, .v = p.x.v, .write = p.x.write, .erase = p.x.erase, .decay = p.x.decay, .initial = S, .final = S};
  efla_kernel_forward_f64(&p.heads, &x, scratch);
  ck_assert_mem_eq(S, p.x.final, p.states * sizeof *S);
  free(scratch), free(scratch32), free(last), free(last32), free(S);
  kernel_problem_clear(&p);
}

START_TEST(parts_of_the_output) {
  for (size_t threads = 1; threads <= 3; threads += 2) check_parts(EFLA_BTHD, threads), check_parts(EFLA_BHTD, threads);
}
END_TEST

START_TEST(an_empty_sequence_reads_zero) {
  static const size_t nothing[] = {0, 0};
  efla_heads heads = {.batch = 1, .heads = 1, .tokens = 0, .dk = 2, .dv = 3, .sequences = 1, .cu_seqlens = nothing};
  double initial[6] = {1, 2, 3, 4, 5, 6}, final[6] = {NAN}, o[3] = {NAN, NAN, NAN}, none[1] = {0};
  double *scratch = testing_poison(efla_kernel_scratch_f64(&heads));
  efla_kernel_f64 x = {
      .q = none, .k = none, .v = none, .write = none, .initial = initial, .final = final, .o = o, .last = true};
  efla_kernel_forward_f64(&heads, &x, scratch);
  ck_assert_mem_eq(initial, final, sizeof final);
  for (int j = 0; j < 3; j++) ck_assert_double_eq(o[j], 0);
  free(scratch);
}
END_TEST

/* Blow-up is data: columns that overflow are inf or nan, as in the definition, and the others are as good as ever. */
START_TEST(blow_up_is_data) {
  FOR_EACH_ISA(isa) {
    efla_heads heads = {.batch = 1, .heads = 1, .tokens = 40, .dk = 4, .dv = 40, .isa = isa};
    kernel_problem p = kernel_problem_init(heads, false, true);
    for (size_t t = 0; t < 40; t++) ((double *)p.x.v)[t * 40 + 7] = 1e308, ((double *)p.x.write)[t] *= 30;
    double *scratch = testing_poison(efla_kernel_scratch_f64(&heads)), *S = testing_poison(160);
    memcpy(S, p.x.initial, 160 * sizeof *S);
    efla_coefficients c[40];
    for (size_t t = 0; t < 40; t++) c[t] = efla_coefficients_of(p.x.write[t]);
    efla_recurrence_f64(40, 4, 40, p.x.q, p.x.k, p.x.v, c, S, p.x.o);
    efla_kernel_forward_f64(&heads, &p.x, scratch);
    for (size_t e = 0; e < 160; e++) ck_assert_int_eq(isfinite(S[e]) != 0, isfinite(p.x.final[e]) != 0);
    ck_assert(!isfinite(S[7]) && isfinite(S[8]));
    free(scratch), free(S);
    kernel_problem_clear(&p);
  }
}
END_TEST

/* Coefficients are the table's, lambda summed in f64: bit for bit. */
START_TEST(coefficients_of_heads) {
  efla_heads heads = {.batch = 1, .heads = 2, .tokens = 3, .dk = 2, .dv = 1, .threads = 2};
  const float k[] = {1, 2, 0, 0, 3, 4, 1e-20f, 0, 1e20f, 0, -1, 0.5f}, beta[] = {1, 0.5f, 0, 2, 0.1f, 3};
  float coefficient[6];
  for (const efla_method *m = efla_methods; m->name; m++) {
    memset(coefficient, 255, sizeof coefficient);
    efla_kernel_coefficients_f32(&heads, m, k, beta, coefficient);
    for (size_t r = 0; r < 6; r++) {
      double lambda = (double)k[2 * r] * (double)k[2 * r] + (double)k[2 * r + 1] * (double)k[2 * r + 1];
      float expected = (float)efla_coefficient(m, (double)beta[r], lambda);
      ck_assert_mem_eq(&coefficient[r], &expected, sizeof expected);
    }
  }
}
END_TEST

/* Memory does not grow with the number of tokens, but for inputs and outputs. */
START_TEST(scratch_is_flat_in_tokens) {
  efla_heads few = {.batch = 1, .heads = 5, .tokens = 1, .dk = 64, .dv = 64, .threads = 3}, many = few;
  many.tokens = 1 << 20;
  ck_assert_uint_eq(efla_kernel_scratch_f32(&few), efla_kernel_scratch_f32(&many));
  ck_assert_uint_eq(efla_kernel_scratch_f64(&few), efla_kernel_scratch_f64(&many));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_shape,
                                every_layout,
                                packed_sequences,
                                same_bits_for_any_number_of_threads,
                                parts_of_the_output,
                                an_empty_sequence_reads_zero,
                                blow_up_is_data,
                                coefficients_of_heads,
                                scratch_is_flat_in_tokens};
  return testing_main("kernel", tests, sizeof tests / sizeof *tests, 240);
}

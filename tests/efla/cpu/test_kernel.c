/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel against the definition: every shape that is awkward, layout, packing, decay, level and number of
 * threads. */
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

/* A batch of heads with random tokens, in both types, and what the definition says of it. */
typedef struct problem {
  efla_heads heads;
  size_t rows, states; /* batch * heads * tokens; sequences * heads * dk * dv */
  efla_kernel_f64 x;   /* q, k, v, coefficient, g, initial; outputs poisoned */
  efla_kernel_f32 x32; /* the same numbers */
  long double *S, *o;  /* the truth */
  double scale,
      readout_scale; /* what errors are measured by: the largest any of its states reaches, and that times |q| */
} problem;

/* One head by the definition, a token at a time, each after its decay. */
static void define(problem *p, size_t sequence, size_t head) {
  const efla_heads *h = &p->heads;
  size_t dk = h->dk, dv = h->dv, n = (sequence * h->heads + head) * dk * dv;
  efla_head_rows rows = efla_heads_rows(h, sequence, head);
  long double *S = p->S + n, *q = malloc((2 * dk + 2 * dv) * sizeof *q), *k = q + dk, *v = k + dk, *o = v + dv;
  for (size_t e = 0; e < dk * dv; e++) S[e] = p->x.initial ? p->x.initial[n + e] : 0;
  for (size_t t = 0; t <= rows.tokens; t++) {
    p->scale = fmax(p->scale, efla_norm(dk * dv, S));
    if (t == rows.tokens) break;
    size_t row = rows.first + t * rows.stride;
    long double coefficient = p->x.coefficient[row];
    for (size_t i = 0; i < dk; i++) q[i] = p->x.q[row * dk + i], k[i] = p->x.k[row * dk + i];
    for (size_t j = 0; j < dv; j++) v[j] = p->x.v[row * dv + j];
    for (size_t e = 0; e < dk * dv && p->x.g; e++) S[e] *= expl(p->x.g[row]);
    efla_recurrence_long(1, dk, dv, q, k, v, &coefficient, S, o);
    for (size_t j = 0; j < dv; j++) p->o[row * dv + j] = o[j];
    p->scale = fmax(p->scale, p->x.coefficient[row] * efla_norm(dk, k) * efla_norm(dv, v));
    p->readout_scale = fmax(p->readout_scale, efla_norm(dk, q));
  }
  free(q);
}

static problem set_up(efla_heads heads, bool decays, bool starts) {
  size_t rows = heads.batch * heads.heads * heads.tokens, dk = heads.dk, dv = heads.dv;
  size_t states = efla_heads_sequences(&heads) * heads.heads * dk * dv;
  problem p = {.heads = heads, .rows = rows, .states = states};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() + rows + 31 * dk + dv);
  double *q = testing_normal(rows * dk, 1, draw), *k = testing_normal(rows * dk, 1 / sqrt((double)dk), draw),
         *v = testing_normal(rows * dv, 1, draw);
  double *coefficient = testing_poison(rows), *g = testing_poison(rows), *beta = testing_poison(rows);
  double *initial = testing_normal(states, 1, draw);
  for (size_t r = 0; r < rows; r++) {
    beta[r] = gsl_rng_uniform(draw);
    g[r] = r % 37 == 29 ? -INFINITY : -gsl_ran_exponential(draw, 0.1); /* now and then everything is forgotten */
  }
  p.x32 = (efla_kernel_f32){
      .q = testing_narrow(rows * dk, q), .k = testing_narrow(rows * dk, k), .v = testing_narrow(rows * dv, v)};
  efla_kernel_coefficients_f64(&heads, efla_method_find("exact"), k, beta, coefficient);
  p.x32.coefficient = testing_narrow(rows, coefficient), p.x32.g = testing_narrow(rows, g),
  p.x32.initial = testing_narrow(states, initial);
  p.x = (efla_kernel_f64){.q = q, .k = k, .v = v, .coefficient = coefficient, .g = g, .initial = initial};
  p.x.final = testing_poison(states), p.x.o = testing_poison(rows * dv);
  p.x32.final = testing_narrow(states, p.x.final), p.x32.o = testing_narrow(rows * dv, p.x.o);
  if (!decays) free(g), free((void *)p.x32.g), p.x.g = NULL, p.x32.g = NULL;
  if (!starts) free(initial), free((void *)p.x32.initial), p.x.initial = NULL, p.x32.initial = NULL;
  p.S = malloc((states + 1) * sizeof *p.S), p.o = malloc((rows * dv + 1) * sizeof *p.o);
  for (size_t s = 0; s < efla_heads_sequences(&heads); s++)
    for (size_t h = 0; h < heads.heads; h++) define(&p, s, h);
  p.readout_scale *= p.scale;
  free(beta), gsl_rng_free(draw);
  return p;
}

static void tear_down(problem *p) {
  const void *all[] = {
      p->x.q,   p->x.k,   p->x.v,   p->x.coefficient,   p->x.g,   p->x.initial,   p->x.final,   p->x.o,   p->S,
      p->x32.q, p->x32.k, p->x32.v, p->x32.coefficient, p->x32.g, p->x32.initial, p->x32.final, p->x32.o, p->o};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free((void *)all[i]);
}

/* n results against the truth, entry by entry of one state or row, whose size is the scale. */
static void close_to(size_t n, const double *found, const long double *truth, double u, double scale,
                     const problem *p) {
  double worst = 0, bound = testing_rounding(p->heads.tokens, p->heads.dk); /* measured: at most .12 of it */
  for (size_t i = 0; i < n; i++) { worst = testing_worse(worst, fabs((double)(found[i] - truth[i]))); }
  ck_assert_msg(worst <= bound * u * scale, "error %g of scale %g exceeds %g u: %zu tokens, dk %zu, dv %zu, level %s",
                worst, scale, bound, p->heads.tokens, p->heads.dk, p->heads.dv, p->heads.isa->name);
}

static void close_to_f32(size_t n, const float *found, const long double *truth, double scale, const problem *p) {
  double *wide = testing_poison(n);
  for (size_t i = 0; i < n; i++) wide[i] = (double)found[i];
  close_to(n, wide, truth, U32, scale, p);
  free(wide);
}

/* Runs both types and compares all that they write. */
static void check(problem *p) {
  size_t n64 = efla_kernel_scratch_f64(&p->heads), n32 = efla_kernel_scratch_f32(&p->heads);
  double *scratch = testing_poison(n64), *poison = testing_poison(n32);
  float *scratch32 = testing_narrow(n32, poison);
  efla_kernel_forward_f64(&p->heads, &p->x, scratch);
  efla_kernel_forward_f32(&p->heads, &p->x32, scratch32);
  close_to(p->states, p->x.final, p->S, U, p->scale, p);
  close_to(p->rows * p->heads.dv, p->x.o, p->o, U, p->readout_scale, p);
  close_to_f32(p->states, p->x32.final, p->S, p->scale, p);
  close_to_f32(p->rows * p->heads.dv, p->x32.o, p->o, p->readout_scale, p);
  free(scratch), free(poison), free(scratch32);
}

START_TEST(every_shape) {
  static const size_t sizes[] = {1, 3, 16, 63, 64, 65, 128, 200}, tokens[] = {0, 1, 2, 63, 64, 65, 1000};
  for (size_t a = 0; a < 8; a++)
    for (size_t b = 0; b < 8; b++)
      for (size_t t = 0; t < 7; t++) {
        if (tokens[t] == 1000 && a + b > 9 && a != b) continue; /* long runs of large states: the square ones */
        problem p = set_up((efla_heads){.batch = 1, .heads = 1, .tokens = tokens[t], .dk = sizes[a], .dv = sizes[b]},
                           (a + b + t) % 2, true);
        FOR_EACH_LEVEL(level) p.heads.isa = level, check(&p);
        tear_down(&p);
      }
}
END_TEST

START_TEST(every_layout) {
  for (int layout = 0; layout < 2; layout++)
    for (int decays = 0; decays < 2; decays++)
      for (int starts = 0; starts < 2; starts++) {
        efla_heads heads = {.batch = 2, .heads = 3, .tokens = 131, .dk = 17, .dv = 70, .layout = (efla_layout)layout};
        problem p = set_up(heads, decays, starts);
        FOR_EACH_LEVEL(level) p.heads.isa = level, p.heads.threads = 2, check(&p);
        tear_down(&p);
      }
}
END_TEST

static const size_t packed[] = {0, 0, 0, 1, 70, 70, 198, 200, 200};
enum { SEQUENCES = sizeof packed / sizeof *packed - 1 };

START_TEST(packed_sequences) {
  for (int layout = 0; layout < 2; layout++) {
    efla_heads heads = {.batch = 1, .heads = 2, .tokens = 200, .dk = 9, .dv = 40, .layout = (efla_layout)layout};
    heads.sequences = SEQUENCES, heads.cu_seqlens = packed;
    problem p = set_up(heads, layout, true);
    FOR_EACH_LEVEL(level) p.heads.isa = level, p.heads.threads = 2, check(&p);
    for (size_t n = 0, state = 2 * 9 * 40; n < SEQUENCES; n++)
      ck_assert(packed[n] < packed[n + 1] ||
                !memcmp(p.x.final + n * state, p.x.initial + n * state, state * sizeof(double)));
    tear_down(&p);
  }
}
END_TEST

/* The lanes of different threads share nothing: the same bits. */
START_TEST(same_bits_for_any_number_of_threads) {
  for (int layout = 0; layout < 2; layout++) {
    efla_heads heads = {.batch = 1, .heads = 3, .tokens = 200, .dk = 20, .dv = 100, .layout = (efla_layout)layout};
    heads.sequences = SEQUENCES, heads.cu_seqlens = packed;
    problem p = set_up(heads, true, true), one = p;
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
    tear_down(&p);
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
  problem p = set_up(heads, true, true);
  double *scratch = testing_poison(efla_kernel_scratch_f64(&p.heads)), *last = testing_poison(ALL),
         *S = testing_poison(p.states);
  float *last32 = testing_narrow(ALL, last), *scratch32 = malloc(efla_kernel_scratch_f32(&p.heads) * sizeof *scratch32);
  check(&p);
  efla_kernel_f64 x = p.x;
  efla_kernel_f32 y = p.x32;
  x.o = last, x.last = true, x.final = S, y.o = last32, y.last = true;
  efla_kernel_forward_f64(&p.heads, &x, scratch);
  efla_kernel_forward_f32(&p.heads, &y, scratch32);
  ck_assert_mem_eq(S, p.x.final, p.states * sizeof *S);
  for (size_t n = 0; n < SEQUENCES * HEADS; n++) {
    efla_head_rows rows = efla_heads_rows(&heads, n / HEADS, n % HEADS);
    long double zero[DV] = {0}, *truth = rows.tokens ? p.o + (rows.first + (rows.tokens - 1) * rows.stride) * DV : zero;
    close_to(DV, last + n * DV, truth, U, rows.tokens ? p.readout_scale : 0, &p);
    close_to_f32(DV, last32 + n * DV, truth, rows.tokens ? p.readout_scale : 0, &p);
  }
  memcpy(S, p.x.initial, p.states * sizeof *S);
  x = (efla_kernel_f64){.k = p.x.k, .v = p.x.v, .coefficient = p.x.coefficient, .g = p.x.g, .initial = S, .final = S};
  efla_kernel_forward_f64(&p.heads, &x, scratch);
  ck_assert_mem_eq(S, p.x.final, p.states * sizeof *S);
  free(scratch), free(scratch32), free(last), free(last32), free(S);
  tear_down(&p);
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
      .q = none, .k = none, .v = none, .coefficient = none, .initial = initial, .final = final, .o = o, .last = true};
  efla_kernel_forward_f64(&heads, &x, scratch);
  ck_assert_mem_eq(initial, final, sizeof final);
  for (int j = 0; j < 3; j++) ck_assert_double_eq(o[j], 0);
  free(scratch);
}
END_TEST

static void *aligned(size_t n, size_t size) {
  void *block = aligned_alloc(EFLA_TILE_BYTES, (n * size + EFLA_TILE_BYTES - 1) / EFLA_TILE_BYTES * EFLA_TILE_BYTES);
  ck_assert_ptr_nonnull(block);
  memset(block, 255, n * size); /* nan */
  return block;
}

/* Token by token through decoding: every read-out, and the state after every token. */
static void decode(problem *p, size_t threads) {
  efla_heads now = p->heads;
  size_t n = now.batch * now.heads, dk = now.dk, dv = now.dv;
  now.tokens = 1, now.threads = threads;
  double *states = aligned(n * efla_decode_state_f64(dk, dv), sizeof *states);
  float *states32 = aligned(n * efla_decode_state_f32(dk, dv), sizeof *states32);
  efla_decode_load_f64(&now, p->x.initial, states);
  efla_decode_load_f32(&now, p->x32.initial, states32);
  for (size_t t = 0; t < p->heads.tokens; t++) { /* one batch entry, token-major: rows of token t lie together */
    size_t row = t * n;
    efla_kernel_f64 x = {
        .q = p->x.q + row * dk, .k = p->x.k + row * dk, .v = p->x.v + row * dv, .coefficient = p->x.coefficient + row};
    efla_kernel_f32 y = {.q = p->x32.q + row * dk,
                         .k = p->x32.k + row * dk,
                         .v = p->x32.v + row * dv,
                         .coefficient = p->x32.coefficient + row};
    if (p->x.g) x.g = p->x.g + row, y.g = p->x32.g + row;
    if (t % 5 != 3) x.o = p->x.o + row * dv, y.o = p->x32.o + row * dv; /* some tokens are not read out */
    efla_decode_step_f64(&now, &x, states);
    efla_decode_step_f32(&now, &y, states32);
    if (x.o) close_to(n * dv, x.o, p->o + row * dv, U, p->readout_scale, p);
    if (y.o) close_to_f32(n * dv, y.o, p->o + row * dv, p->readout_scale, p);
  }
  efla_decode_store_f64(&now, states, p->x.final);
  efla_decode_store_f32(&now, states32, p->x32.final);
  close_to(p->states, p->x.final, p->S, U, p->scale, p);
  close_to_f32(p->states, p->x32.final, p->S, p->scale, p);
  free(states), free(states32);
}

START_TEST(decoding) {
  static const size_t sizes[][2] = {{1, 1}, {64, 64}, {65, 33}, {3, 200}, {128, 16}};
  for (size_t s = 0; s < 5; s++)
    for (int decays = 0; decays < 2; decays++) {
      problem p = set_up((efla_heads){.batch = 1, .heads = 3, .tokens = 40, .dk = sizes[s][0], .dv = sizes[s][1]},
                         decays, s % 2);
      FOR_EACH_LEVEL(level) {
        p.heads.isa = level;
        decode(&p, 1);
        decode(&p, 2);
        decode(&p, 7);
      }
      tear_down(&p);
    }
}
END_TEST

/* Blow-up is data: columns that overflow are inf or nan, as in the definition, and the others are as good as ever. */
START_TEST(blow_up_is_data) {
  FOR_EACH_LEVEL(level) {
    efla_heads heads = {.batch = 1, .heads = 1, .tokens = 40, .dk = 4, .dv = 40, .isa = level};
    problem p = set_up(heads, false, true);
    for (size_t t = 0; t < 40; t++) ((double *)p.x.v)[t * 40 + 7] = 1e308, ((double *)p.x.coefficient)[t] *= 30;
    double *scratch = testing_poison(efla_kernel_scratch_f64(&heads)), *S = testing_poison(160);
    memcpy(S, p.x.initial, 160 * sizeof *S);
    efla_recurrence_f64(40, 4, 40, p.x.q, p.x.k, p.x.v, p.x.coefficient, S, p.x.o);
    efla_kernel_forward_f64(&heads, &p.x, scratch);
    for (size_t e = 0; e < 160; e++) ck_assert_int_eq(isfinite(S[e]) != 0, isfinite(p.x.final[e]) != 0);
    ck_assert(!isfinite(S[7]) && isfinite(S[8]));
    free(scratch), free(S);
    tear_down(&p);
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
                                decoding,
                                blow_up_is_data,
                                coefficients_of_heads,
                                scratch_is_flat_in_tokens};
  return testing_main("kernel", tests, sizeof tests / sizeof *tests, 240);
}

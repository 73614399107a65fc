/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fast backward pass against the naive derivative: unusual shapes, layout, packing, decay, method,
 * isa, split and number of threads. */
#include "backward_bound.h"
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

/* What is compared: derivatives by a and by the decay's logarithm take the places of those by the coefficients
 * (backward_bound.h). */
enum { D_Q, D_K, D_V, D_A, D_G, D_INITIAL, OUTPUTS };
static const char *const names[OUTPUTS] = {"d_q", "d_k", "d_v", "by a", "by log d", "d_initial"};

/* A batch of heads in both types, and what the definition says. */
typedef struct problem {
  efla_heads heads;
  size_t rows, states;
  efla_gradient_f64 x; /* outputs: the truth */
  efla_gradient_f32 x32;
  size_t size[OUTPUTS];             /* numbers of each output */
  backward_bound bound, definition; /* of what is compared, and of the truth in f64 */
} problem;

static void outputs_f64(efla_gradient_f64 *x, double *to[OUTPUTS]) {
  double *all[OUTPUTS] = {x->d_q, x->d_k, x->d_v, x->d_write, x->d_erase, x->d_initial};
  memcpy(to, all, sizeof all);
}

/* In the place of d_write and d_erase. */
#define COMBINE(REAL, suffix)                                                                                          \
  static void combine_##suffix(const efla_gradient_##suffix *x, size_t rows) {                                         \
    for (size_t r = 0; r < rows && x->decay; r++) {                                                                    \
      x->d_write[r] += x->decay[r] * x->d_erase[r];                                                                    \
      x->d_erase[r] = x->d_decay[r] + x->erase[r] * x->d_erase[r];                                                     \
    }                                                                                                                  \
  }
COMBINE(float, f32)
COMBINE(double, f64)

/* Keys of norm 1 or so; some zero, and some beta 0. */
static void draw_inputs(problem *p, const efla_method *method, bool decays, bool ends) {
  size_t rows = p->rows, dk = p->heads.dk, dv = p->heads.dv;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() + rows + 31 * dk + dv);
  double *q = testing_normal(rows * dk, 1, draw), *k = testing_normal(rows * dk, 1 / sqrt((double)dk), draw),
         *v = testing_normal(rows * dv, 1, draw);
  double *d_o = testing_normal(rows * dv, 1, draw), *initial = testing_normal(p->states, 1, draw),
         *d_final = testing_normal(p->states, 1, draw);
  double *beta = testing_poison(rows), *decay = testing_poison(rows), *erase = testing_poison(rows),
         *coefficient = testing_poison(rows);
  double *by_beta = testing_poison(rows), *by_lambda = testing_poison(rows), *by_erase = testing_poison(rows);
  for (size_t r = 0; r < rows; r++) {
    beta[r] = r % 11 == 5 ? 0 : gsl_rng_uniform(draw),
    decay[r] = r % 13 == 6 ? (r % 2 ? 1e-30 : 0) : exp(-gsl_ran_exponential(draw, 0.1));
    if (r % 7 == 3) memset(k + r * dk, 0, dk * sizeof *k);
  }
  p->x32 = (efla_gradient_f32){
      .q = testing_narrow(rows * dk, q), .k = testing_narrow(rows * dk, k), .v = testing_narrow(rows * dv, v)};
  efla_kernel_coefficients_f64(&p->heads, method, k, beta, coefficient);
  efla_gradient_slopes_f64(&p->heads, method, k, beta, by_beta, by_lambda);
  p->x32.write = testing_narrow(rows, coefficient), p->x32.decay = testing_narrow(rows, decay);
  for (size_t r = 0; r < rows; r++) erase[r] = decay[r] * coefficient[r], by_erase[r] = decay[r] * by_lambda[r];
  p->x32.erase = testing_narrow(rows, erase), p->x32.write_by_lambda = testing_narrow(rows, by_lambda);
  p->x32.erase_by_lambda = testing_narrow(rows, by_erase), p->x32.d_o = testing_narrow(rows * dv, d_o);
  p->x32.initial = testing_narrow(p->states, initial), p->x32.d_final = testing_narrow(p->states, d_final);
  p->x = (efla_gradient_f64){.q = q,
                             .k = k,
                             .v = v,
                             .write = coefficient,
                             .erase = erase,
                             .write_by_lambda = by_lambda,
                             .erase_by_lambda = by_erase};
  p->x.decay = decay, p->x.initial = initial, p->x.d_o = d_o, p->x.d_final = d_final;
  if (!decays) free(decay), free((void *)p->x32.decay), p->x.decay = NULL, p->x32.decay = NULL;
  if (!ends) free(initial), free((void *)p->x32.initial), p->x.initial = NULL, p->x32.initial = NULL;
  if (!ends) free(d_final), free((void *)p->x32.d_final), p->x.d_final = NULL, p->x32.d_final = NULL;
  free(beta), free(by_beta), gsl_rng_free(draw);
}

static problem set_up(efla_heads heads, const char *method, bool decays, bool ends) {
  size_t rows = heads.batch * heads.heads * heads.tokens,
         states = efla_heads_sequences(&heads) * heads.heads * heads.dk * heads.dv;
  problem p = {.heads = heads, .rows = rows, .states = states};
  draw_inputs(&p, efla_method_find(method), decays, ends);
  size_t sizes[OUTPUTS] = {rows * heads.dk, rows * heads.dk, rows * heads.dv, rows, decays ? rows : 0, states};
  memcpy(p.size, sizes, sizeof sizes);
  p.x.d_q = testing_poison(sizes[D_Q]), p.x.d_k = testing_poison(sizes[D_K]), p.x.d_v = testing_poison(sizes[D_V]);
  p.x.d_write = testing_poison(rows), p.x.d_erase = testing_poison(rows), p.x.d_decay = testing_poison(rows);
  p.x.d_initial = testing_poison(states);
  double *scratch = testing_poison(efla_recurrence_backward_scratch(&heads));
  efla_recurrence_backward_f64(&heads, &p.x, scratch);
  free(scratch);
  p.bound = backward_bound_init(&p.heads, &p.x, false), p.definition = backward_bound_init(&p.heads, &p.x, true);
  combine_f64(&p.x, rows);
  return p;
}

static void tear_down(problem *p) {
  const efla_gradient_f64 *x = &p->x;
  const efla_gradient_f32 *y = &p->x32;
  const void *all[] = {
      x->q,   x->k,       x->v,   x->write, x->erase, x->decay,   x->write_by_lambda, x->erase_by_lambda, x->initial,
      x->d_o, x->d_final, x->d_q, x->d_k,   x->d_v,   x->d_write, x->d_erase,         x->d_decay,         x->d_initial,
      y->q,   y->k,       y->v,   y->write, y->erase, y->decay,   y->write_by_lambda, y->erase_by_lambda, y->initial,
      y->d_o, y->d_final};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free((void *)all[i]);
  backward_bound_clear(&p->bound), backward_bound_clear(&p->definition);
}

/* The norms of the errors of rows against their bounds, the truth's own beside them.  A decay of 1e-30 leaves numbers
 * that underflow in f32. */
static void compare(const problem *p, int output, double u, const double *found, const double *truth) {
  const backward_bound *x = &p->bound, *y = &p->definition;
  const double *bounds[2][OUTPUTS] = {{x->q, x->k, x->v, x->a, x->g, x->initial},
                                      {y->q, y->k, y->v, y->a, y->g, y->initial}};
  size_t widths[OUTPUTS] = {p->heads.dk, p->heads.dk, p->heads.dv, 1, 1, p->heads.dk * p->heads.dv},
         width = widths[output];
  double worst = 0, worst_error = 0, worst_bound = 0;
  for (size_t r = 0; r < p->size[output] / width; r++) {
    double error = 0, bound = hypot(u * bounds[0][output][r], U * bounds[1][output][r]) + 1e4 * (double)FLT_MIN;
    for (size_t i = r * width; i < (r + 1) * width; i++) error += (found[i] - truth[i]) * (found[i] - truth[i]);
    error = sqrt(error);
    if (!(error <= worst * bound)) worst = testing_worse(0, error / bound), worst_error = error, worst_bound = bound;
  }
  ck_assert_msg(worst <= 1, "%s: error %g exceeds %g: %zu tokens, dk %zu, dv %zu, isa %s, seed %lu", names[output],
                worst_error, worst_bound, p->heads.tokens, p->heads.dk, p->heads.dv,
                p->heads.isa ? p->heads.isa->name : "best", testing_seed());
}

/* Forward and backward in one type, into fresh outputs.  The caller frees them, from out[0] ... */
#define RUN(REAL, suffix)                                                                                              \
  static void run_##suffix(const efla_heads *heads, size_t parts, const efla_gradient_##suffix *in,                    \
                           const size_t *size, REAL **out) {                                                           \
    size_t states = size[D_INITIAL], kept = efla_kernel_checkpoints_##suffix(heads);                                   \
    size_t n = efla_kernel_scratch_##suffix(heads), m = efla_backward_scratch_##suffix(heads, parts),                  \
           room = n > m ? n : m;                                                                                       \
    REAL *block = malloc((2 * size[D_V] + kept + states + room + 1) * sizeof *block);                                  \
    REAL *o = block, *y = o + size[D_V], *checkpoints = y + size[D_V], *scratch = checkpoints + kept;                  \
    memset(block, 255, (2 * size[D_V] + kept + states + room) * sizeof *block); /* nan */                              \
    for (int i = 0; i < OUTPUTS; i++)                                                                                  \
      out[i] = memset(malloc((size[i] + 1) * sizeof **out), 255, size[i] * sizeof **out);                              \
    efla_kernel_##suffix forward = {.q = in->q,                                                                        \
                                    .k = in->k,                                                                        \
                                    .v = in->v,                                                                        \
                                    .write = in->write,                                                                \
                                    .erase = in->erase,                                                                \
                                    .decay = in->decay,                                                                \
                                    .initial = in->initial};                                                           \
    forward.o = o, forward.y = y, forward.checkpoints = checkpoints;                                                   \
    efla_kernel_forward_##suffix(heads, &forward, scratch);                                                            \
    efla_gradient_##suffix x = *in;                                                                                    \
    REAL *by_decay = malloc((size[D_A] + 1) * sizeof *by_decay);                                                       \
    x.d_q = out[D_Q], x.d_k = out[D_K], x.d_v = out[D_V], x.d_write = out[D_A], x.d_erase = out[D_G],                  \
    x.d_decay = by_decay, x.d_initial = out[D_INITIAL];                                                                \
    efla_backward_##suffix(heads, parts, &x, y, checkpoints, scratch);                                                 \
    combine_##suffix(&x, size[D_A]);                                                                                   \
    free(block), free(by_decay);                                                                                       \
  }
RUN(float, f32)
RUN(double, f64)

static void check(problem *p, size_t parts) {
  double *found[OUTPUTS];
  float *found32[OUTPUTS];
  double *truth[OUTPUTS];
  outputs_f64(&p->x, truth);
  run_f64(&p->heads, parts, &p->x, p->size, found);
  run_f32(&p->heads, parts, &p->x32, p->size, found32);
  for (int i = 0; i < OUTPUTS; i++) {
    compare(p, i, U, found[i], truth[i]);
    for (size_t e = 0; e < p->size[i]; e++) found[i][e] = (double)found32[i][e];
    compare(p, i, U32, found[i], truth[i]);
    free(found[i]), free(found32[i]);
  }
}

START_TEST(every_shape) {
  static const size_t sizes[] = {1, 3, 16, 63, 64, 65, 128, 200}, tokens[] = {0, 1, 2, 15, 16, 17, 63, 64, 65, 1000};
  for (size_t a = 0; a < 8; a++)
    for (size_t b = 0; b < 8; b++)
      for (size_t t = 0; t < 10; t++) {
        if (tokens[t] == 1000 && sizes[a] * sizes[b] > 65 * 64) continue; /* the definition keeps 1000 states */
        efla_heads heads = {.batch = 1, .heads = 1, .tokens = tokens[t], .dk = sizes[a], .dv = sizes[b]};
        problem p = set_up(heads, "exact", (a + t) % 2, (b + t) % 3);
        FOR_EACH_ISA(isa) p.heads.isa = isa, check(&p, 1);
        tear_down(&p);
      }
}
END_TEST

START_TEST(every_layout_and_split) {
  for (int layout = 0; layout < 2; layout++)
    for (int decays = 0; decays < 2; decays++)
      for (size_t parts = 1; parts <= 3; parts++) {
        efla_heads heads = {
            .batch = 2, .heads = 3, .tokens = 150, .dk = 17, .dv = 70, .layout = (efla_layout)layout, .threads = 2};
        problem p = set_up(heads, "exact", decays, true);
        FOR_EACH_ISA(isa) p.heads.isa = isa, check(&p, parts);
        tear_down(&p);
      }
}
END_TEST

START_TEST(every_method) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (int decays = 0; decays < 2; decays++) {
      problem p =
          set_up((efla_heads){.batch = 1, .heads = 1, .tokens = 300, .dk = 20, .dv = 24}, m->name, decays, true);
      check(&p, 1);
      tear_down(&p);
    }
}
END_TEST

static const size_t packed[] = {0, 0, 0, 1, 70, 70, 198, 500, 500, 500};
enum { SEQUENCES = sizeof packed / sizeof *packed - 1 };

START_TEST(packed_sequences) {
  for (int layout = 0; layout < 2; layout++)
    for (int decays = 0; decays < 2; decays++) {
      efla_heads heads = {
          .batch = 1, .heads = 2, .tokens = 500, .dk = 9, .dv = 40, .layout = (efla_layout)layout, .threads = 2};
      heads.sequences = SEQUENCES, heads.cu_seqlens = packed;
      problem p = set_up(heads, "exact", decays, true);
      FOR_EACH_ISA(isa) p.heads.isa = isa, check(&p, 1);
      tear_down(&p);
    }
}
END_TEST

START_TEST(same_bits_for_any_number_of_threads) {
  for (size_t parts = 1; parts <= 3; parts++) {
    efla_heads heads = {
        .batch = 1, .heads = 3, .tokens = 500, .dk = 20, .dv = 100, .sequences = SEQUENCES, .cu_seqlens = packed};
    problem p = set_up(heads, "exact", true, true);
    float *one[OUTPUTS], *many[OUTPUTS];
    run_f32(&p.heads, parts, &p.x32, p.size, one);
    for (p.heads.threads = 2; p.heads.threads <= 5; p.heads.threads++) {
      run_f32(&p.heads, parts, &p.x32, p.size, many);
      for (int i = 0; i < OUTPUTS; i++) {
        ck_assert_mem_eq(one[i], many[i], p.size[i] * sizeof(float));
        free(many[i]);
      }
    }
    for (int i = 0; i < OUTPUTS; i++) free(one[i]);
    tear_down(&p);
  }
}
END_TEST

/* What the loss makes of the final state of an empty sequence it makes of its initial one, bit for bit; nothing where
 * it makes none. */
START_TEST(empty_sequences_pass_gradients_on) {
  efla_heads heads = {
      .batch = 1, .heads = 2, .tokens = 500, .dk = 9, .dv = 40, .sequences = SEQUENCES, .cu_seqlens = packed};
  problem p = set_up(heads, "exact", true, true);
  for (int ends = 1; ends >= 0; ends--) {
    double *found[OUTPUTS], zero[2 * 9 * 40] = {0};
    efla_gradient_f64 x = p.x;
    if (!ends) x.d_final = NULL;
    run_f64(&heads, 2, &x, p.size, found);
    for (size_t n = 0, state = 2 * 9 * 40; n < SEQUENCES; n++)
      if (packed[n] == packed[n + 1])
        ck_assert_mem_eq(found[D_INITIAL] + n * state, ends ? p.x.d_final + n * state : zero, state * sizeof(double));
    for (int i = 0; i < OUTPUTS; i++) free(found[i]);
  }
  tear_down(&p);
}
END_TEST

/* d_final may be where d_initial goes, and d_initial need not go anywhere. */
START_TEST(final_and_initial_share_their_place) {
  efla_heads heads = {.batch = 1, .heads = 2, .tokens = 40, .dk = 5, .dv = 33};
  problem p = set_up(heads, "exact", true, true);
  double *found[OUTPUTS], *shared = testing_poison(p.states);
  run_f64(&heads, 1, &p.x, p.size, found);
  memcpy(shared, p.x.d_final, p.states * sizeof *shared);
  size_t kept = efla_kernel_checkpoints_f64(&heads), n = efla_kernel_scratch_f64(&heads),
         m = efla_backward_scratch_f64(&heads, 1);
  double *y = testing_poison(p.rows * 33), *checkpoints = testing_poison(kept), *scratch = testing_poison(n + m);
  efla_kernel_f64 forward = {
      .k = p.x.k, .v = p.x.v, .write = p.x.write, .erase = p.x.erase, .decay = p.x.decay, .initial = p.x.initial};
  forward.y = y, forward.checkpoints = checkpoints; /* without read-out */
  efla_kernel_forward_f64(&heads, &forward, scratch);
  efla_gradient_f64 x = p.x;
  x.d_initial = shared, x.d_final = shared;
  efla_backward_f64(&heads, 1, &x, y, checkpoints, scratch);
  ck_assert_mem_eq(shared, found[D_INITIAL], p.states * sizeof *shared);
  ck_assert_mem_eq(x.d_k, found[D_K], p.size[D_K] * sizeof *x.d_k);
  x.d_initial = NULL, x.d_final = p.x.d_final;
  memset(x.d_k, 255, p.size[D_K] * sizeof *x.d_k);
  efla_backward_f64(&heads, 1, &x, y, checkpoints, scratch);
  ck_assert_mem_eq(x.d_k, found[D_K], p.size[D_K] * sizeof *x.d_k);
  for (int i = 0; i < OUTPUTS; i++) free(found[i]);
  free(shared), free(y), free(checkpoints), free(scratch);
  tear_down(&p);
}
END_TEST

START_TEST(slopes_of_heads) {
  efla_heads heads = {.batch = 1, .heads = 2, .tokens = 3, .dk = 2, .dv = 1, .threads = 2};
  const float k[] = {1, 2, 0, 0, 3, 4, 1e-20f, 0, 1e20f, 0, -1, 0.5f}, beta[] = {1, 0.5f, 0, 2, 0.1f, 3};
  for (const efla_method *m = efla_methods; m->name; m++) {
    float found[2][6];
    memset(found, 255, sizeof found);
    efla_gradient_slopes_f32(&heads, m, k, beta, found[0], found[1]);
    for (size_t r = 0; r < 6; r++) {
      double lambda = (double)k[2 * r] * (double)k[2 * r] + (double)k[2 * r + 1] * (double)k[2 * r + 1], slopes[2];
      efla_coefficient_derivatives(m, (double)beta[r], lambda, &slopes[0], &slopes[1]);
      for (int i = 0; i < 2; i++) ck_assert_mem_eq(&found[i][r], &(float){(float)slopes[i]}, sizeof(float));
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_shape,
                                every_layout_and_split,
                                every_method,
                                packed_sequences,
                                empty_sequences_pass_gradients_on,
                                same_bits_for_any_number_of_threads,
                                final_and_initial_share_their_place,
                                slopes_of_heads};
  return testing_main("backward", tests, sizeof tests / sizeof *tests, 240);
}

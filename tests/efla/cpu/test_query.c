/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The read-out without the state, and its derivative, against the recurrence and its derivative: every shape that is
 * awkward, method and isa, both types. */
#include "testing.h"

enum { O, D_Q, D_K, D_V, D_BETA, OUTPUTS };
static const char *const names[OUTPUTS] = {"o", "d_q", "d_k", "d_v", "d_beta"};

/* One head whose last token's read-out is all that the loss sees, and what the definition says of it.  All inputs are
 * numbers of f32. */
typedef struct problem {
  size_t tokens, dk, dv;
  double *q, *k, *v, *coefficient, *by_beta, *by_lambda, *d_o; /* q (dk), d_o (dv) */
  size_t size[OUTPUTS];
  double *truth[OUTPUTS], scale[OUTPUTS]; /* what an entry's error is measured by */
} problem;

/* n doubles are rounded to f32. */
static void narrow(size_t n, double *values) { free(testing_narrow(n, values)); }

/* Some keys are zero, and some coefficients; x = beta lambda is anywhere in the method's stable region, up to 4. */
static void draw_inputs(problem *p, const efla_method *method) {
  size_t T = p->tokens, dk = p->dk;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() + T + 31 * dk + p->dv);
  p->q = testing_normal(dk, 1, draw), p->k = testing_normal(T * dk, 1 / sqrt((double)dk), draw);
  p->v = testing_normal(T * p->dv, 1, draw), p->d_o = testing_normal(p->dv, 1, draw);
  p->coefficient = testing_poison(T), p->by_beta = testing_poison(T), p->by_lambda = testing_poison(T);
  narrow(dk, p->q), narrow(T * dk, p->k), narrow(T * p->dv, p->v), narrow(p->dv, p->d_o);
  for (size_t t = 0; t < T; t++) {
    double lambda = efla_lambda(dk, p->k + t * dk), x = gsl_rng_uniform(draw) * fmin(method->stable, 4);
    if (t % 7 == 3) memset(p->k + t * dk, 0, dk * sizeof *p->k);
    double beta = t % 11 == 5 ? 0 : t % 7 == 3 ? x : fmin(x / lambda, 4);
    lambda = efla_lambda(dk, p->k + t * dk);
    p->coefficient[t] = efla_coefficient(method, beta, lambda);
    efla_coefficient_derivatives(method, beta, lambda, p->by_beta + t, p->by_lambda + t);
  }
  narrow(T, p->coefficient), narrow(T, p->by_beta), narrow(T, p->by_lambda);
  gsl_rng_free(draw);
}

/* The definition: of all rows of queries and of d_o only the last are not zero. */
static void define(problem *p) {
  size_t T = p->tokens, dk = p->dk, dv = p->dv, last = T > 0 ? T - 1 : 0;
  efla_heads heads = {.batch = 1, .heads = 1, .tokens = T, .dk = dk, .dv = dv};
  double *q = calloc((T + 1) * dk, sizeof *q), *d_o = calloc((T + 1) * dv, sizeof *d_o),
         *S = calloc(dk * dv, sizeof *S);
  double *d_q = testing_poison((T + 1) * dk), *scratch = testing_poison(efla_recurrence_backward_scratch(&heads));
  memcpy(q + last * dk, p->q, dk * sizeof *q), memcpy(d_o + last * dv, p->d_o, dv * sizeof *d_o);
  for (size_t t = 0; t < T; t++) {
    const efla_coefficients c = efla_coefficients_of(p->coefficient[t]);
    efla_recurrence_f64(1, dk, dv, NULL, p->k + t * dk, p->v + t * dv, &c, S, NULL);
  }
  efla_readout_f64(dk, dv, p->q, S, p->truth[O]);
  efla_gradient_f64 x = {
      .q = q, .k = p->k, .v = p->v, .write = p->coefficient, .write_by_lambda = p->by_lambda, .d_o = d_o};
  x.d_q = d_q, x.d_k = p->truth[D_K], x.d_v = p->truth[D_V], x.d_write = p->truth[D_BETA];
  efla_recurrence_backward_f64(&heads, &x, scratch);
  for (size_t t = 0; t < T; t++) p->truth[D_BETA][t] *= p->by_beta[t];
  for (size_t i = 0; i < dk; i++) p->truth[D_Q][i] = T > 0 ? d_q[last * dk + i] : 0;
  free(q), free(d_o), free(S), free(d_q), free(scratch);
}

/* Largest norm of any of n rows. */
static double largest(size_t n, size_t width, const double *values) {
  double norm = 0;
  for (size_t i = 0; i < n; i++) norm = fmax(norm, sqrt(efla_lambda(width, values + i * width)));
  return norm;
}

/* In the stable region |r_t| <= |q|, so |c| <= a k q; o = sum c v and rho = sum g k add up as if at random, and rho_t =
 * S_t d_o is at most a k v d_o times the root of their number as o is.  The rest is what query.h says, with the largest
 * of each row. */
static void measure(problem *p) {
  size_t T = p->tokens;
  double many = sqrt((double)(T > 0 ? T : 1)), q = largest(1, p->dk, p->q), k = largest(T, p->dk, p->k),
         v = largest(T, p->dv, p->v);
  double d_o = largest(1, p->dv, p->d_o), a = largest(T, 1, p->coefficient), c = a * k * q,
         rho = a * k * v * d_o * many;
  double e = v * d_o + rho * k, d_a = k * q * e;
  p->scale[O] = c * v * many, p->scale[D_Q] = rho, p->scale[D_V] = c * d_o,
  p->scale[D_BETA] = largest(T, 1, p->by_beta) * d_a;
  p->scale[D_K] = a * e * q + c * rho + 2 * k * largest(T, 1, p->by_lambda) * d_a;
}

static problem set_up(size_t tokens, size_t dk, size_t dv, const efla_method *method) {
  problem p = {.tokens = tokens, .dk = dk, .dv = dv, .size = {dv, dk, tokens * dk, tokens * dv, tokens}};
  draw_inputs(&p, method);
  for (int i = 0; i < OUTPUTS; i++) p.truth[i] = testing_poison(p.size[i]);
  define(&p);
  measure(&p);
  return p;
}

static void tear_down(problem *p) {
  double *all[] = {p->q, p->k, p->v, p->coefficient, p->by_beta, p->by_lambda, p->d_o};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  for (int i = 0; i < OUTPUTS; i++) free(p->truth[i]);
}

/* Forward and backward in one type, from and to arrays that are aligned to one number and end where their memory does;
 * out (doubles) from out[0] on is the caller's to free.  without: not what a backward pass needs, and only o. */
#define RUN(REAL, suffix)                                                                                              \
  static REAL *place_##suffix(size_t n, const double *values) {                                                        \
    REAL *at = malloc((n + 1) * sizeof *at);                                                                           \
    ck_assert_ptr_nonnull(at);                                                                                         \
    for (size_t i = 0; i < n; i++) at[i + 1] = values ? (REAL)values[i] : (REAL)NAN;                                   \
    return at + 1;                                                                                                     \
  }                                                                                                                    \
  static void run_##suffix(const efla_isa *isa, const problem *p, bool without, double *out[OUTPUTS]) {                \
    size_t T = p->tokens, dk = p->dk, dv = p->dv, rows = efla_query_rows(T);                                           \
    REAL *in[] = {place_##suffix(dk, p->q),          place_##suffix(T * dk, p->k),    place_##suffix(T * dv, p->v),    \
                  place_##suffix(T, p->coefficient), place_##suffix(T, p->by_beta),   place_##suffix(T, p->by_lambda), \
                  place_##suffix(dv, p->d_o),        place_##suffix(rows * dk, NULL), place_##suffix(T, NULL)};        \
    REAL *to[OUTPUTS];                                                                                                 \
    for (int i = 0; i < OUTPUTS; i++) to[i] = place_##suffix(p->size[i], NULL);                                        \
    efla_query_##suffix x = {T,    dk, dv, in[0], in[1], in[2], in[3], without ? NULL : in[7], without ? NULL : in[8], \
                             to[O]};                                                                                   \
    efla_query_forward_##suffix(isa, &x);                                                                              \
    efla_query_gradient_##suffix g = {T,     dk,    dv,    in[1],   in[2],   in[3],   in[4],     in[5],                \
                                      in[7], in[8], in[6], to[D_Q], to[D_K], to[D_V], to[D_BETA]};                     \
    if (!without) efla_query_backward_##suffix(isa, &g);                                                               \
    for (int i = 0; i < OUTPUTS; i++) {                                                                                \
      out[i] = testing_poison(p->size[i]);                                                                             \
      for (size_t e = 0; e < p->size[i]; e++) out[i][e] = (double)to[i][e];                                            \
      free(to[i] - 1);                                                                                                 \
    }                                                                                                                  \
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) free(in[i] - 1);                                               \
  }
RUN(float, f32)
RUN(double, f64)

static void free_outputs(double *out[OUTPUTS]) {
  for (int i = 0; i < OUTPUTS; i++) free(out[i]);
}

/* A token errs by sums of dk and dv products and a few more,
 * (dk + dv + 32) u at most and the square root of that at random, tokens err independently and stable methods enlarge
 * nothing; an output multiplies two things that err so, by as much again for c and g: four times, and twice for two
 * standard deviations. Measured: at most .04 of it, since the scales are bounds themselves. */
static void close_to_truth(const problem *p, const char *isa, double u, double *found[OUTPUTS]) {
  double tokens = (double)(p->tokens > 0 ? p->tokens : 1), bound = 8 * sqrt(tokens * (double)(p->dk + p->dv + 32)) * u;
  for (int i = 0; i < OUTPUTS; i++) {
    double worst = 0;
    for (size_t e = 0; e < p->size[i]; e++) worst = testing_worse(worst, fabs(found[i][e] - p->truth[i][e]));
    ck_assert_msg(worst <= bound * p->scale[i], "%s: error %g exceeds %g: %zu tokens, dk %zu, dv %zu, u %g, isa %s",
                  names[i], worst, bound * p->scale[i], p->tokens, p->dk, p->dv, u, isa);
  }
}

static void check(const problem *p) {
  FOR_EACH_ISA(isa) {
    double *found[OUTPUTS];
    run_f64(isa, p, false, found);
    close_to_truth(p, isa->name, U, found);
    free_outputs(found);
    run_f32(isa, p, false, found);
    close_to_truth(p, isa->name, U32, found);
    free_outputs(found);
  }
}

START_TEST(every_shape) {
  static const size_t sizes[] = {1, 3, 16, 63, 64, 65, 130}, tokens[] = {0, 1, 2, 4, 5, 11, 784};
  const efla_method *method = efla_methods;
  for (size_t a = 0; a < 7; a++)
    for (size_t b = 0; b < 7; b++)
      for (size_t t = 0; t < 7; t++) {
        if (tokens[t] == 784 && sizes[a] * sizes[b] > 65 * 64) continue; /* the definition keeps 784 states */
        problem p = set_up(tokens[t], sizes[a], sizes[b], method++);
        if (!method->name) method = efla_methods; /* the next in turn */
        check(&p);
        tear_down(&p);
      }
}
END_TEST

START_TEST(every_method) {
  for (const efla_method *m = efla_methods; m->name; m++) {
    problem p = set_up(783, 20, 24, m);
    check(&p);
    tear_down(&p);
  }
}
END_TEST

/* Again, by the best isa's name or none, and without what only the backward pass needs. */
START_TEST(same_bits) {
  problem p = set_up(103, 65, 70, efla_method_find("exact"));
  double *once[OUTPUTS], *again[OUTPUTS], *alone[OUTPUTS];
  run_f32(efla_isa_best(), &p, false, once), run_f32(NULL, &p, false, again), run_f32(NULL, &p, true, alone);
  for (int i = 0; i < OUTPUTS; i++) ck_assert_mem_eq(once[i], again[i], p.size[i] * sizeof **once);
  ck_assert_mem_eq(once[O], alone[O], p.size[O] * sizeof **once);
  free_outputs(once), free_outputs(again), free_outputs(alone);
  tear_down(&p);
}
END_TEST

/* A group of tokens and one after it.  A key that is nan spoils all that its token and the ones before it give, a value
 * that is not finite its column only. */
START_TEST(nan_and_inf_are_data) {
  for (size_t t = 0; t < 5; t++) FOR_EACH_ISA(isa) {
      problem p = set_up(5, 18, 19, efla_method_find("implicit"));
      double *found[OUTPUTS];
      p.v[t * 19 + 18] = INFINITY, p.coefficient[t] = 0.5, p.k[t * 18] = 1;
      run_f32(isa, &p, false, found);
      for (size_t j = 0; j < 19; j++) ck_assert(isfinite(found[O][j]) == (j < 18));
      for (size_t e = 0; e < 5 * 18; e++)
        ck_assert(e / 18 < t || !isfinite(found[D_K][e]) || (e / 18 > t && p.coefficient[e / 18] == 0));
      free_outputs(found);
      p.k[t * 18 + 17] = NAN;
      run_f64(isa, &p, false, found);
      for (size_t j = 0; j < 19; j++) ck_assert(isnan(found[O][j]));
      for (size_t i = 0; i < 18; i++) ck_assert(isnan(found[D_Q][i]));
      for (size_t e = 0; e < t * 19; e++) ck_assert(isnan(found[D_V][e]));
      for (size_t e = (t + 1) * 19; e < 5 * 19; e++) ck_assert(isfinite(found[D_V][e]));
      free_outputs(found);
      tear_down(&p);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_shape, every_method, same_bits, nan_and_inf_are_data};
  return testing_main("query", tests, sizeof tests / sizeof *tests, 240);
}

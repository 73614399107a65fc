/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward pass: every form agrees with the recurrence, in every format with stored runs, with decay with a
 * plain loop in long double. */
#include "testing.h"

#include <gsl/gsl_rng.h>

static efla_forward_spec forward_of(const char *form, const char *format, size_t chunk, const efla_tokens *x) {
  return (efla_forward_spec){
      .rule = {.method = efla_method_find("exact"), .decay = efla_decay_find("split"), .keys = &efla_key_treatments[0]},
      .form = efla_form_find(form),
      .format = efla_format_find(format),
      .chunk = chunk,
      .dk = x->dk,
      .dv = x->dv,
      .scale = 1};
}

/* All of x in blocks of `block` tokens; S and o are to be freed. */
static void advance(const efla_forward_spec *forward, const efla_tokens *x, size_t block, double **S, double **o) {
  double *scratch = testing_poison(efla_forward_scratch(forward));
  *S = testing_poison(x->dk * x->dv), *o = testing_poison(x->tokens * x->dv);
  for (size_t e = 0; e < x->dk * x->dv; e++) (*S)[e] = sin((double)e);
  efla_forward_start(forward, *S);
  for (size_t first = 0; first < x->tokens; first += block) {
    efla_tokens part = efla_tokens_slice(x, first, x->tokens - first < block ? x->tokens - first : block);
    efla_forward_advance(forward, &part, *S, *o + first * x->dv, scratch);
  }
  free(scratch);
}

/* The definition, decay and scale included, in long double from the numbers that the pass uses. */
static void define(const efla_forward_spec *forward, const efla_tokens *x, long double *S, long double *o) {
  size_t dk = x->dk, dv = x->dv;
  for (size_t e = 0; e < dk * dv; e++) S[e] = (long double)sin((double)e);
  for (size_t t = 0; t < x->tokens; t++) {
    const double *k = x->k + t * dk, *q = x->q + t * dk;
    long double a = (long double)efla_coefficient(forward->rule.method, x->beta[t], efla_lambda(dk, k));
    for (size_t j = 0; j < dv; j++) {
      long double u = x->v[t * dv + j];
      for (size_t i = 0; i < dk; i++) {
        S[i * dv + j] *= expl(x->g ? x->g[t] : 0);
        u -= S[i * dv + j] * k[i];
      }
      o[t * dv + j] = 0;
      for (size_t i = 0; i < dk; i++) {
        S[i * dv + j] += a * k[i] * u;
        o[t * dv + j] += (long double)forward->scale * q[i] * S[i * dv + j];
      }
    }
  }
}

static double largest(size_t n, const double *values, const long double *truth) {
  double worst = 0;
  for (size_t i = 0; i < n; i++) {
    double error = (double)fabsl(values[i] - truth[i]);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

static double *decays(const char *kind, size_t n) {
  double *g = testing_poison(n);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t t = 0; t < n; t++) {
    double u = gsl_rng_uniform(draw);
    g[t] = !strcmp(kind, "usual") ? -u : !strcmp(kind, "none") ? 0 : u < 0.1 ? -1000 * u : u < 0.5 ? -15 * u : 0;
  }
  gsl_rng_free(draw);
  return g;
}

/* Awkward sizes, all forms, with and without decay.  A step errs by (d+8) u of the state (docs/bounds.md#step); the
 * exact flow carries an error on with a factor of at most 1, decays included, and within a stretch of the chunkwise
 * form errors of a chunk of C add up to 64 u C at most (docs/bounds.md#chunk, in units of f64).  The state's norm is at
 * most its start plus the sum of |v|/|k|, and stays below `size`. */
START_TEST(every_form_answers_to_the_definition) {
  static const size_t sizes[][3] = {{1, 1, 1}, {65, 7, 3}, {130, 16, 65}, {63, 33, 1}};
  static const char *const kinds[] = {NULL, "none", "usual", "violent"};
  for (size_t s = 0; s < 4; s++)
    for (size_t kind = 0; kind < 4; kind++)
      for (const efla_form *form = efla_forms; form->name; form++)
        for (size_t f = 0; f < 2; f++) {
          size_t T = sizes[s][0], dk = sizes[s][1], dv = sizes[s][2];
          efla_tokens x = testing_tokens("gaussian", 1, T, dk, dv);
          double *g = kinds[kind] ? decays(kinds[kind], T) : NULL, *S, *o, norm = 0;
          long double *S_true = calloc(dk * dv, sizeof *S_true), *o_true = calloc(T * dv, sizeof *o_true);
          efla_forward_spec forward = forward_of(form->name, f ? "f32" : "f64", 16, &x);
          forward.scale = 0.3;
          x.g = g;
          define(&forward, &x, S_true, o_true);
          advance(&forward, &x, 48, &S, &o);
          for (size_t e = 0; e < dk * dv; e++) norm += (double)(S_true[e] * S_true[e]);
          for (size_t i = 0; i < T * dv; i++) norm = fmax(norm, (double)(o_true[i] * o_true[i]));
          double u = f ? U32 : U,
                 bound = ((double)T * ((double)dk + 8) + 64 * 16) * u * (sqrt(norm) + sqrt((double)dv));
          ck_assert_msg(largest(dk * dv, S, S_true) <= bound && largest(T * dv, o, o_true) <= bound * sqrt((double)dk),
                        "%s %s, %zu tokens, dk %zu, dv %zu, decays %s: S off by %g, o by %g, bound %g", form->name,
                        f ? "f32" : "f64", T, dk, dv, kinds[kind] ? kinds[kind] : "(no g)", largest(dk * dv, S, S_true),
                        largest(T * dv, o, o_true), bound);
          free(S), free(o), free(S_true), free(o_true), free(g);
          efla_tokens_clear(&x);
        }
}
END_TEST

/* State after state as efla_run has it, bit for bit: by the kernel where the state need not be rounded, token by token
 * where it is, and chunkwise. */
START_TEST(every_format_answers_to_the_runs) {
  enum { T = 70, DK = 9, DV = 5, CHUNK = 16 };
  efla_tokens x = testing_tokens("gaussian", 1, T, DK, DV);
  for (const efla_format *format = efla_formats; format->name; format++)
    for (size_t chunk = 0; chunk <= CHUNK; chunk += CHUNK) {
      efla_storage storage = efla_storage_state(format);
      efla_run run;
      storage.chunk = chunk;
      efla_forward_spec forward = forward_of(chunk                 ? "chunk"
                                             : format->digits < 24 ? "recurrence"
                                                                   : "kernel",
                                             format->name, CHUNK, &x);
      double *scratch = testing_poison(efla_forward_scratch(&forward)), S[DK * DV] = {0}, o[CHUNK * DV];
      ck_assert_int_eq(efla_run_init(&run, &forward.rule, &storage, DK, DV), EFLA_OK);
      for (size_t t = 0; t < T; t += CHUNK) {
        efla_tokens part = efla_tokens_slice(&x, t, T - t < CHUNK ? T - t : CHUNK);
        efla_run_advance(&run, &part);
        efla_forward_advance(&forward, &part, S, o, scratch);
        ck_assert_msg(!memcmp(S, run.S, sizeof S), "%s, chunk %zu, after token %zu", format->name, chunk,
                      t + part.tokens);
      }
      efla_run_clear(&run);
      free(scratch);
    }
  efla_tokens_clear(&x);
}
END_TEST

/* Treated keys, and the coefficient of the method that was asked for: as if the keys had come that way. */
START_TEST(keys_and_methods) {
  enum { T = 40, DK = 6, DV = 4 };
  efla_tokens x = testing_tokens("gaussian", 3, T, DK, DV);
  for (const efla_method *method = efla_methods; method->name; method++) {
    double *S, *o, *S_unit, *o_unit;
    efla_forward_spec forward = forward_of("recurrence", "f64", 1, &x);
    efla_tokens unit;
    ck_assert_int_eq(efla_tokens_init(&unit, T, DK, DV), EFLA_OK);
    efla_tokens_copy(&unit, &x);
    efla_keys_apply(&efla_key_treatments[1], &unit);
    forward.rule.method = method;
    advance(&forward, &unit, T, &S_unit, &o_unit);
    forward.rule.keys = &efla_key_treatments[1];
    advance(&forward, &x, 7, &S, &o);
    ck_assert(!memcmp(S, S_unit, DK * DV * sizeof *S) && !memcmp(o, o_unit, T * DV * sizeof *o));
    free(S), free(o), free(S_unit), free(o_unit);
    efla_tokens_clear(&unit);
  }
  efla_tokens_clear(&x);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_form_answers_to_the_definition, every_format_answers_to_the_runs,
                                keys_and_methods};
  return testing_main("forward", tests, sizeof tests / sizeof *tests, 60);
}

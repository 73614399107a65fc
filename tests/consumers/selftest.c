/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every available backend, type and rule against the definition in long double: a program that needs libefla and
 * libm only, for machines on which the other tests do not run (make cross). */
#include "efla/efla.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { T = 37, DK = 19, DV = 21 };

static double draw(void) { /* -1 ... 1 */
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) / 4503599627370496. - 1;
}

static union {
  double f64[T * DV];
  float f32[T * DV];
} q, k, v, beta, g, o;
static long double truth[T * DV];

/* n numbers of a type; what is read back of them is what was stored. */
static void fill(efla_type type, void *to, size_t n, double scale, double shift) {
  for (size_t i = 0; i < n; i++) {
    double x = shift + scale * draw();
    if (type == EFLA_F64)
      ((double *)to)[i] = x;
    else
      ((float *)to)[i] = (float)x;
  }
}
static double at(efla_type type, const void *from, size_t i) {
  return type == EFLA_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

/* o of the rule, in long double; the largest size in *largest. */
static void define(const efla_rule *rule, efla_type type, long double *largest) {
  static long double S[DK * DV], key[DK];
  memset(S, 0, sizeof S), *largest = 0;
  for (size_t t = 0; t < T; t++) {
    long double lambda = 0;
    efla_coefficients_long c;
    for (size_t i = 0; i < DK; i++) key[i] = at(type, &k, t * DK + i), lambda += key[i] * key[i];
    if (rule->keys && rule->keys->unit) {
      for (size_t i = 0; i < DK; i++) key[i] /= sqrtl(lambda);
      lambda = 1;
    }
    efla_rule_coefficients_long(rule, lambda, at(type, &beta, t), at(type, &g, t), &c);
    for (size_t j = 0; j < DV; j++) {
      long double s = 0, read = 0;
      for (size_t i = 0; i < DK; i++) s += S[i * DV + j] * key[i];
      long double u = c.write * at(type, &v, t * DV + j) - c.erase * s;
      for (size_t i = 0; i < DK; i++) {
        S[i * DV + j] = c.decay * S[i * DV + j] + key[i] * u;
        read += S[i * DV + j] * at(type, &q, t * DK + i);
      }
      truth[t * DV + j] = read, *largest = fmaxl(*largest, fabsl(read));
    }
  }
}

/* The largest error in units of the type's rounding of the largest number; negative: unsupported. */
static double error_of(const char *backend, const efla_rule *rule, efla_type type) {
  efla_backend *b = NULL;
  efla_sequence x = {.batch = 1, .heads = 1, .tokens = T, .dk = DK, .dv = DV};
  x.q = efla_array_token_major(&q, type, T, 1, DK), x.k = efla_array_token_major(&k, type, T, 1, DK);
  x.v = efla_array_token_major(&v, type, T, 1, DV), x.beta = efla_array_token_major(&beta, type, T, 1, 1);
  if (rule->decay && rule->decay->gated) x.g = efla_array_token_major(&g, type, T, 1, 1);
  const efla_result y = {.o = efla_array_token_major(&o, type, T, 1, DV)};
  efla_status status = efla_backend_open(backend, NULL, &b);
  if (status == EFLA_OK) status = efla_forward(b, rule, &x, &y);
  if (status != EFLA_OK) fprintf(stderr, "%s: %s\n", backend, efla_last_message(b));
  efla_backend_close(b);
  if (status != EFLA_OK) return status == EFLA_UNSUPPORTED ? -1 : INFINITY;
  long double largest, worst = 0;
  define(rule, type, &largest);
  for (size_t i = 0; i < T * DV; i++) {
    long double e = fabsl(at(type, &o, i) - truth[i]);
    worst = e <= worst ? worst : e; /* a nan is an error */
  }
  return (double)(worst / largest / (type == EFLA_F64 ? DBL_EPSILON / 2 : FLT_EPSILON / 2));
}

int main(void) {
  /* Each token rounds a sum of DK + 16 terms, and errors add up at random: docs/bounds.md#long-run. */
  const double bound = 2 * sqrt((double)T * (DK + 16));
  int failed = 0, compared = 0;
  for (size_t i = 0; efla_backend_name(i); i++)
    for (size_t m = 0; efla_method_name(m); m++)
      for (size_t d = 0; efla_decay_name(d); d++)
        for (size_t n = 0; efla_key_treatment_name(n); n++)
          for (int type = EFLA_F64; type <= EFLA_F32; type++) {
            if (strcmp(efla_backend_name(i), "cuda") == 0) continue; /* its arrays are a device's */
            efla_rule rule;
            efla_rule_find(efla_method_name(m), efla_decay_name(d), efla_key_treatment_name(n), &rule);
            fill((efla_type)type, &q, T * DK, 1, 0), fill((efla_type)type, &k, T * DK, 0.4, 0);
            fill((efla_type)type, &v, T * DV, 1, 0), fill((efla_type)type, &beta, T, 0.5, 0.5);
            bool retention = rule.decay->argument && strcmp(rule.decay->argument, "alpha") == 0;
            fill((efla_type)type, &g, T, 0.1, retention ? 0.9 : -0.1);
            double error = error_of(efla_backend_name(i), &rule, (efla_type)type);
            compared += error >= 0;
            if (error <= bound) continue;
            failed++;
            printf("%s %s %s %s %s: error %g u, bound %g u\n", efla_backend_name(i), efla_method_name(m),
                   efla_decay_name(d), efla_key_treatment_name(n), type == EFLA_F64 ? "f64" : "f32", error, bound);
          }
  printf("%d forward passes compared, %d out of bounds\n", compared, failed);
  return failed > 0 || compared < 40;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk: how long may a chunk be, and how should its triangular system be solved?
 *
 * Inputs    one chunk of C tokens: keys of random directions, keys with cosine .99 between any two, one key repeated;
 * key norms 1
 *           and 8; an initial state that is not zero.
 * Varies    C, the coefficient (exact, Euler, ...), and the form: forward substitution; the inverse T = (I+L)^-1 by
 * substitution or by
 *           doubling; T, U or S stored in bf16; beside them the recurrence.  All in f32.
 * Measures  largest entry of T and condition number in the scaled form (x_i = sqrt(a_i) k_i), in f64; error of the
 * state after
 *           the chunk against the recurrence in long double, relative to the largest state.
 * Expects   entries at most 1 and condition at most C^2 for 0 <= a*lambda <= 1 (docs/bounds.md#chunk); no loss by
 * substitution; everything
 *           lost by doubling for correlated keys; overflow for Euler's coefficient at norm 8.
 * Writes    one row per kind of keys, norm, method, C and form. */
#include "laboratory.h"

#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t d, seed;
static efla_list norms, methods, lengths, cosines;

static const efla_option options[] = {
    {"cosine", "LIST", "0,0.99,1", NULL, "cosines between any two keys", EFLA_REALS, &cosines, 0, 1, NULL},
    {"norm", "LIST", "1,8", NULL, "root mean square key norms", EFLA_REALS, &norms, 1e-6, 1e6, NULL},
    {"methods", "LIST", "exact,euler", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"chunk", "LIST", "1,2,4,8,16,32,64,128,256,512", "1,4,16,64", "chunk lengths", EFLA_COUNTS, &lengths, 1, 4096,
     NULL},
    {"dk", "N", "64", "16", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
    {.name = NULL},
};

/* One row per way to do a chunk. */
typedef enum { RECURRENCE, SUBSTITUTION, INVERSE, DOUBLING } solver;
typedef struct form {
  const char *name;
  solver solver;
  bool round_T, round_U, round_S; /* to bf16 */
} form;
static const form forms[] = {
    {"recurrence", RECURRENCE, false, false, false}, {"substitution", SUBSTITUTION, false, false, false},
    {"inverse", INVERSE, false, false, false},       {"doubling", DOUBLING, false, false, false},
    {"bf16_T", INVERSE, true, false, false},         {"bf16_U", SUBSTITUTION, false, true, false},
    {"bf16_S", SUBSTITUTION, false, false, true},
};

static void maybe_round(bool wanted, float *values, size_t n) {
  if (wanted) efla_format_round_f32(efla_format_find("bf16"), values, n);
}

/* The system of E4 with everything in the open: S (d, d) in place; scratch (4 C C + C d). */
static void by_inverse(const form *f, size_t C, const float *k, const float *v, const float *coefficient, float *S,
                       float *scratch) {
  float *L = scratch, *T = L + C * C, *U = T + 3 * C * C, *rhs = U + C * d;
  int n = (int)C, w = (int)d;
  efla_chunk_system_f32(C, d, k, coefficient, L);
  if (f->solver == DOUBLING)
    efla_chunk_invert_by_doubling_f32(C, L, T, T + C * C);
  else
    efla_chunk_invert_f32(C, L, T);
  maybe_round(f->round_T, T, C * C);
  memcpy(rhs, v, C * d * sizeof *rhs);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w, w, -1, k, w, S, w, 1, rhs, w);
  for (size_t e = 0; e < C * d; e++) rhs[e] *= coefficient[e / d];
  if (f->solver == SUBSTITUTION) {
    memcpy(U, rhs, C * d * sizeof *U);
    cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasUnit, n, w, 1, L, n, U, w);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w, n, 1, T, n, rhs, w, 0, U, w);
  }
  maybe_round(f->round_U, U, C * d);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, w, w, n, 1, k, w, U, w, 1, S, w);
  maybe_round(f->round_S, S, d * d);
}

/* Everything about one chunk; the three blocks hold its arrays. */
typedef struct problem {
  size_t C;
  efla_tokens x;
  double *coefficient, *S64, *system;               /* (C), (d, d), (2, C, C) */
  float *k32, *v32, *coefficient32, *S32, *scratch; /* (C, d) twice, (C), (d, d), as by_inverse says */
  long double *k, *v, *coefficient_long, *S;        /* the same */
  double scale;                                     /* largest norm of the true state on the way */
} problem;

static efla_status problem_init(problem *p, size_t C, const efla_spec *spec, efla_message *why) {
  efla_source source;
  size_t n = d * d;
  *p = (problem){.C = C};
  efla_status status = efla_source_init(&source, spec, why);
  if (status != EFLA_OK) return status;
  p->coefficient = malloc((C + 2 * C * C + n) * sizeof *p->coefficient);
  p->k32 = malloc((2 * C * d + C + n + 4 * C * C + 2 * C * d) * sizeof *p->k32);
  p->k = malloc((2 * C * d + C + n) * sizeof *p->k);
  if (efla_tokens_init(&p->x, C, d, d) == EFLA_OK && p->coefficient && p->k32 && p->k)
    (void)efla_source_next(&source, &p->x, why); /* this family never ends */
  else
    status = efla_fail_memory(why);
  efla_source_clear(&source);
  p->S64 = p->coefficient + C, p->system = p->S64 + n;
  p->v32 = p->k32 + C * d, p->coefficient32 = p->v32 + C * d, p->S32 = p->coefficient32 + C, p->scratch = p->S32 + n;
  p->v = p->k + C * d, p->coefficient_long = p->v + C * d, p->S = p->coefficient_long + C;
  return status;
}

static void problem_clear(problem *p) {
  efla_tokens_clear(&p->x);
  free(p->coefficient);
  free(p->k32);
  free(p->k);
}

static float start(const problem *p, size_t e) { return (float)p->x.v[e % d] / sqrtf((float)d); }

/* One problem for all precisions: keys, values, coefficients and the first state are numbers of f32. */
static void find_truth(problem *p, const efla_method *method) {
  efla_token_coefficients(method, &p->x, p->coefficient);
  for (size_t e = 0; e < p->C * d; e++) p->k[e] = p->k32[e] = (float)p->x.k[e], p->v[e] = p->v32[e] = (float)p->x.v[e];
  for (size_t t = 0; t < p->C; t++) p->coefficient_long[t] = p->coefficient32[t] = (float)p->coefficient[t];
  for (size_t e = 0; e < d * d; e++) p->S[e] = start(p, e);
  p->scale = efla_norm(d * d, p->S);
  for (size_t t = 0; t < p->C; t++) {
    efla_recurrence_long(1, d, d, NULL, p->k + t * d, p->v + t * d, p->coefficient_long + t, p->S, NULL);
    p->scale = fmax(p->scale, efla_norm(d * d, p->S));
  }
}

static double error_of(problem *p, const form *f) {
  for (size_t e = 0; e < d * d; e++) p->S32[e] = start(p, e);
  maybe_round(f->round_S, p->S32, d * d);
  if (f->solver == RECURRENCE)
    efla_recurrence_f32(p->C, d, d, NULL, p->k32, p->v32, p->coefficient32, p->S32, NULL);
  else
    by_inverse(f, p->C, p->k32, p->v32, p->coefficient32, p->S32, p->scratch);
  for (size_t e = 0; e < d * d; e++) p->S64[e] = (double)p->S32[e];
  return efla_distance(d * d, p->S64, p->S) / p->scale;
}

/* One kind of keys, norm, method and length: i counts their combinations. */
static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  size_t C = lengths.count[i % lengths.n], rest = i / lengths.n;
  const efla_method *method = &efla_methods[methods.row[rest % methods.n]];
  efla_spec spec = efla_spec_default(efla_family_find("cone"));
  spec.dk = spec.dv = d, spec.seed = seed;
  spec.norm = norms.value[rest / methods.n % norms.n], spec.rho = cosines.value[rest / methods.n / norms.n];
  problem p;
  double largest, condition;
  efla_status status = problem_init(&p, C, &spec, why);
  if (status == EFLA_OK) {
    find_truth(&p, method);
    efla_chunk_system_f64(C, d, p.x.k, p.coefficient, p.system);
    efla_chunk_condition(C, p.system, p.coefficient, p.system + C * C, &largest, &condition);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
      efla_table_row(rows, efla_real(spec.rho), efla_real(spec.norm), efla_text(method->name), efla_count(C),
                     efla_text(forms[f].name), efla_real(largest), efla_real(condition),
                     efla_real(error_of(&p, &forms[f])));
  }
  problem_clear(&p);
  efla_progress_add(progress, 1);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = cosines.n * norms.n * methods.n * lengths.n;
  seed = cli->seed;
  return efla_program_parallel(table, n, study, NULL, "chunks", n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "chunk",
      .summary = "The chunkwise form: condition of its triangular system, and error of ways to solve it.",
      .description = "Columns: cosine (between any two keys), norm (root mean square of |k|), method, chunk (tokens), "
                     "form, largest (entry of "
                     "(I+L)^-1 in the scaled form) and condition (infinity norm), both of the problem in f64, and "
                     "error (of the state after "
                     "the chunk, relative to the largest state on the way).  inf and nan are results: overflow.",
      .options = options,
      .column_names = "cosine,norm,method,chunk,form,largest,condition,error",
      .run = run};
  return efla_program_main(&program, argc, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk: how long may a chunk be, and how should its triangular system be solved?
 *
 * Inputs    one chunk of C tokens: keys of random directions, keys with cosine .99 between any two, one key
 *           repeated; key norms 1 and 8; an initial state that is not zero.
 * Varies    C, the coefficient (exact, Euler, ...), and the form: forward substitution; the inverse
 *           T = (I+L)^-1 by substitution or by doubling; T, U or S stored in bf16; the recurrence.  All in f32.
 * Measures  largest entry of T and condition number in the scaled form (x_i = sqrt(a_i) k_i), in f64; error of
 *           the state after the chunk against the recurrence in long double, relative to the largest state.
 * Expects   entries at most 1 and condition at most C^2 for 0 <= a*lambda <= 1 (docs/bounds.md#chunk); no loss
 *           by substitution; everything lost by doubling for correlated keys; overflow for Euler's coefficient
 *           at norm 8.
 * Writes    one row per kind of keys, norm, method, C and form. */
#include "laboratory.h"

#include <math.h>
#include <stdlib.h>

static size_t d, seed;
static efla_list norms, methods, lengths, cosines;
static const efla_list *const factors[] = {&cosines, &norms, &methods, &lengths, NULL};

static const efla_option options[] = {
    {"cosine", "LIST", "0,0.99,1", NULL, "cosines between any two keys", EFLA_REALS, &cosines, 0, 1, NULL},
    {"norm", "LIST", "1,8", NULL, "root mean square key norms", EFLA_REALS, &norms, 1e-6, 1e6, NULL},
    {"methods", "LIST", "exact,euler", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"chunk", "LIST", "1,2,4,8,16,32,64,128,256,512", "1,4,16,64", "chunk lengths", EFLA_COUNTS, &lengths, 1, 4096,
     NULL},
    {"dk", "N", "64", "16", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
    {.name = NULL},
};

typedef struct row {
  double cosine, norm;
  const char *method;
  size_t chunk;
  const char *form;
  double largest, condition, error;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, cosine, "", "cosine between any two keys"),
    EFLA_COLUMN(row, norm, "", "root mean square key norm"),
    EFLA_COLUMN(row, method, "", "method whose coefficient is used"),
    EFLA_COLUMN(row, chunk, "tokens", "chunk length C"),
    EFLA_COLUMN(row, form, "", "way to do the chunk"),
    EFLA_COLUMN(row, largest, "", "largest entry of the inverse; of I+L, scaled, in f64"),
    EFLA_COLUMN(row, condition, "", "condition (infinity norm); of I+L, scaled, in f64"),
    EFLA_COLUMN(row, error, "", "error of the state, relative to the largest state; on the way through the chunk"),
    EFLA_COLUMNS_END(row)};

/* Everything about one chunk; the three blocks hold its arrays. */
typedef struct problem {
  size_t C;
  efla_tokens x;
  double *coefficient, *S64, *system;               /* (C), (d, d), (2, C, C) */
  float *k32, *v32, *coefficient32, *S32, *scratch; /* (C, d) twice, (C), (d, d), as efla_chunk_form_advance says */
  long double *k, *v, *S;                           /* the same, but coefficients */
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
  p->k = malloc((2 * C * d + n) * sizeof *p->k);
  if (efla_tokens_init(&p->x, C, d, d) == EFLA_OK && p->coefficient && p->k32 && p->k)
    (void)efla_source_next(&source, &p->x, why); /* this family never ends */
  else
    status = efla_fail_memory(why);
  efla_source_clear(&source);
  p->S64 = p->coefficient + C, p->system = p->S64 + n;
  p->v32 = p->k32 + C * d, p->coefficient32 = p->v32 + C * d, p->S32 = p->coefficient32 + C, p->scratch = p->S32 + n;
  p->v = p->k + C * d, p->S = p->v + C * d;
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
  for (size_t e = 0; e < p->C * d; e++) p->k[e] = p->k32[e] = (float)p->x.k[e], p->v[e] = p->v32[e] = (float)p->x.v[e];
  for (size_t t = 0; t < p->C; t++) {
    p->coefficient[t] = efla_coefficient(method, p->x.beta[t], efla_lambda(d, p->x.k + t * d));
    p->coefficient32[t] = (float)p->coefficient[t];
  }
  for (size_t e = 0; e < d * d; e++) p->S[e] = start(p, e);
  p->scale = efla_norm(d * d, p->S);
  for (size_t t = 0; t < p->C; t++) {
    efla_coefficients_long c = efla_coefficients_of_long((long double)p->coefficient32[t]);
    efla_recurrence_long(1, d, d, NULL, p->k + t * d, p->v + t * d, &c, p->S, NULL);
    p->scale = fmax(p->scale, efla_norm(d * d, p->S));
  }
}

static double error_of(problem *p, const efla_chunk_form *f) {
  for (size_t e = 0; e < d * d; e++) p->S32[e] = start(p, e);
  efla_chunk_form_advance(f, p->C, d, p->k32, p->v32, p->coefficient32, p->S32, p->scratch);
  for (size_t e = 0; e < d * d; e++) p->S64[e] = (double)p->S32[e];
  return efla_distance(d * d, p->S64, p->S) / p->scale;
}

/* One kind of keys, norm, method and length. */
static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  size_t at[4];
  efla_sweep_at(factors, i, at);
  const efla_method *method = &efla_methods[methods.row[at[2]]];
  efla_spec spec = efla_spec_default(efla_family_find("cone"));
  spec.dk = spec.dv = d, spec.seed = seed, spec.rho = cosines.value[at[0]], spec.norm = norms.value[at[1]];
  problem p;
  double largest, condition;
  efla_status status = problem_init(&p, lengths.count[at[3]], &spec, why);
  if (status == EFLA_OK) {
    find_truth(&p, method);
    efla_chunk_system_f64(p.C, d, p.x.k, p.coefficient, p.system);
    efla_chunk_condition(p.C, p.system, p.coefficient, p.system + p.C * p.C, &largest, &condition);
    for (const efla_chunk_form *f = efla_chunk_forms; f->name; f++)
      efla_table_put(rows,
                     &(row){spec.rho, spec.norm, method->name, p.C, f->name, largest, condition, error_of(&p, f)});
  }
  problem_clear(&p);
  efla_progress_add(progress, 1);
  return status;
}

/* What distinguishes a form, for the legend of the figure: the matrix stored in bf16, otherwise the algorithm. */
static const char *describe(const efla_chunk_form *form) {
  static const char *const solvers[] = {[EFLA_CHUNK_RECURRENCE] = "token by token",
                                        [EFLA_CHUNK_SUBSTITUTION] = "forward substitution",
                                        [EFLA_CHUNK_INVERSE] = "inverse T by substitution",
                                        [EFLA_CHUNK_DOUBLING] = "inverse T by doubling"};
  return form->round_T   ? "T stored in bf16"
         : form->round_U ? "U stored in bf16"
         : form->round_S ? "S stored in bf16"
                         : solvers[form->solver];
}

static void remarks(FILE *header) {
  for (const efla_chunk_form *form = efla_chunk_forms; form->name; form++)
    fprintf(header, "# form %s: %s\n", form->name, describe(form));
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = efla_sweep_size(factors);
  seed = cli->seed;
  return efla_program_parallel(table, n, study, NULL, "chunks", n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "chunk",
      .summary = "The chunkwise form: condition of its triangular system, and error of ways to solve it.",
      .description = "Everything is in f32, but for the condition.  inf and nan are results: overflow.",
      .options = options,
      .columns = columns,
      .run = run,
      .remarks = remarks};
  return efla_program_main(&program, argc, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk: how long may a chunk be, and how should its triangular system be solved?
 *
 * Inputs    one chunk of C tokens: keys of random directions, keys with cosine .99 between any two, one key
 *           repeated; key norms 1 and 8; an initial state that is not zero.
 * Varies    C, the coefficient (exact, Euler, ...), the decay, and the form: forward substitution; the inverse
 *           T = (I+L)^-1 by substitution or by doubling; T, U or S stored in bf16; the recurrence.  All in f32.
 * Measures  largest entry of T and condition number in the scaled form (x_i = sqrt(a_i) k_i, a = e/d), in f64; error of
 *           the state after the chunk against the recurrence in long double, relative to the largest state.
 * Expects   entries at most 1 and condition at most C^2 for 0 <= a*lambda <= 1 (docs/bounds.md#chunk); no loss
 *           by substitution; everything lost by doubling for correlated keys; overflow for Euler's coefficient
 *           at norm 8.
 * Writes    one row per kind of keys, norm, method, C and form. */
#include "laboratory.h"

static size_t d, seed;
static double rate;
static efla_list norms, methods, decays, lengths, cosines;
static const efla_list *const factors[] = {&cosines, &norms, &methods, &decays, &lengths, NULL};

static const efla_option options[] = {
    {"cosine", "LIST", "0,0.99,1", NULL, "cosines between any two keys", EFLA_REALS, &cosines, 0, 1, NULL},
    {"norm", "LIST", "1,8", NULL, "root mean square key norms", EFLA_REALS, &norms, 1e-6, 1e6, NULL},
    {"methods", "LIST", "exact,euler", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rate", "R", "0.05", NULL, "their rate y per token", EFLA_REAL, &rate, 0, 1, NULL},
    {"chunk", "LIST", "1,2,4,8,16,32,64,128,256,512", "1,4,16,64", "chunk lengths", EFLA_COUNTS, &lengths, 1, 4096,
     NULL},
    {"dk", "N", "64", "16", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
    {.name = NULL},
};

typedef struct row {
  double cosine, norm;
  const char *method, *decay;
  double rate;
  size_t chunk;
  const char *form;
  double largest, condition, error;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, cosine, "", "cosine between any two keys"),
    EFLA_COLUMN(row, norm, "", "root mean square key norm"),
    EFLA_COLUMN(row, method, "", "method whose coefficient is used"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, rate, "per token", "decay rate y"),
    EFLA_COLUMN(row, chunk, "tokens", "chunk length C"),
    EFLA_COLUMN(row, form, "", "way to do the chunk"),
    EFLA_COLUMN(row, largest, "", "largest entry of the inverse; of I+L, scaled, in f64"),
    EFLA_COLUMN(row, condition, "", "condition (infinity norm); of I+L, scaled, in f64"),
    EFLA_COLUMN(row, error, "", "error of the state, relative to the largest state; on the way through the chunk"),
    EFLA_COLUMNS_END(row)};

/* One kind of keys, norm, method, decay and length. */
static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  size_t at[5];
  efla_sweep_at(factors, i, at);
  const efla_rule rule = {.method = &efla_methods[methods.row[at[2]]], .decay = &efla_decays[decays.row[at[3]]]};
  efla_spec spec = efla_spec_default(efla_family_find("cone"));
  spec.dk = spec.dv = d, spec.seed = seed, spec.rho = cosines.value[at[0]], spec.norm = norms.value[at[1]];
  efla_chunk_problem p;
  double largest, condition;
  efla_status status = efla_chunk_problem_init(&p, &spec, lengths.count[at[4]], &rule, rate, why);
  if (status == EFLA_OK) {
    efla_chunk_problem_condition(&p, &largest, &condition);
    for (const efla_chunk_form *f = efla_chunk_forms; f->name; f++)
      efla_table_put(rows,
                     &(row){spec.rho, spec.norm, rule.method->name, rule.decay->name, rule.decay->gated ? rate : 0, p.C,
                            f->name, largest, condition, efla_chunk_problem_error(&p, f)});
  }
  efla_chunk_problem_clear(&p);
  efla_progress_add(progress, 1);
  return status;
}

static void remarks(FILE *header) {
  for (const efla_chunk_form *form = efla_chunk_forms; form->name; form++)
    fprintf(header, "# form %s: %s\n", form->name, form->what);
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
      .over_ranks = true,
      .remarks = remarks};
  return efla_program_main(&program, argc, argv);
}

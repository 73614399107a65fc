/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accumulation: does the error of a method grow with the number of tokens, and what makes it grow?
 *
 * Inputs    a stream of tokens of every family, at several key norms, from the zero state; or rows of MNIST.
 * Varies    the method, and the number format that stores the state.
 * Measures  relative error of state and read-out against an oracle, at token numbers spaced evenly in their logarithm;
 *           the first token after which the state was not finite; the mean log growth per token of the product of
 *           transitions, and what theory predicts for keys of random direction (growth.h).
 * Expects   saturation after 10-100 tokens where that growth is negative, blow-up where it is positive; the exact flow
 *           at rounding level everywhere, growing as sqrt(t) only in directions that are never revisited.
 * Writes    one row per family, norm, key treatment, oracle, method, format and token number. */
#include "laboratory.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 4096, PER_DECADE = 8 };

static efla_spec spec;
static size_t tokens, dk, dv;
static efla_list families, norms, treatments, truths, methods, formats;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,unit,flat,ar1,dictionary,spikes", NULL, "input families; all needs MNIST", EFLA_NAMES,
     &families, 0, 0, efla_family_name},
    {"norm", "LIST", "1,2,4", NULL, "root mean square key norms (the unit family has one)", EFLA_REALS, &norms, 0, 1e6,
     NULL},
    {"keys", "LIST", "raw", NULL, "key treatments", EFLA_NAMES, &treatments, 0, 0, efla_key_treatment_name},
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"precision", "LIST", "f64,f32,bf16", NULL, "formats of the state", EFLA_NAMES, &formats, 0, 0, efla_format_name},
    {"truth", "LIST", "gsl,longdouble", NULL, "oracles: the ground truth and further references", EFLA_NAMES, &truths,
     0, 0, efla_oracle_name},
    {"tokens", "N", "100000", "1000", "length of a run", EFLA_COUNT, &tokens, 1, 1e9, NULL},
    {"dk", "N", "32", NULL, "length of keys (mnist: 28)", EFLA_COUNT, &dk, 1, 4096, NULL},
    {"dv", "N", "32", NULL, "length of values (mnist: 28)", EFLA_COUNT, &dv, 1, 4096, NULL},
    {"beta", "B", "-1", NULL, "step of every token; negative: sigmoid(N(0,1)) for each", EFLA_REAL, &spec.beta, -1, 1e6,
     NULL},
    {"rho", "R", "0.9", NULL, "ar1: correlation of successive keys", EFLA_REAL, &spec.rho, -1, 1, NULL},
    {"words", "N", "8", NULL, "dictionary: number of keys", EFLA_COUNT, &spec.words, 1, 1e6, NULL},
    {"fraction", "F", "0.01", NULL, "spikes: share of large tokens", EFLA_REAL, &spec.fraction, 0, 1, NULL},
    {"size", "S", "10", NULL, "spikes: their key norm in units of norm", EFLA_REAL, &spec.size, 0, 1e6, NULL},
    {"mnist", "DIR", NULL, NULL, "directory of MNIST's IDX files (or the variable EFLA_MNIST)", EFLA_TEXT, &spec.mnist,
     0, 0, NULL},
    {.name = NULL},
};
/* One stream and all that follows it. */
typedef struct scene {
  efla_spec spec;
  const efla_key_treatment *keys;
  efla_source source;
  efla_tokens x;
  efla_reference references[EFLA_LIST_MAX];
  efla_growth growth[EFLA_LIST_MAX];
  efla_run runs[EFLA_LIST_MAX][EFLA_LIST_MAX]; /* [method][format] */
} scene;

static efla_status scene_init(scene *s, efla_message *why) {
  size_t k = s->spec.dk, v = s->spec.dv;
  efla_status status = efla_source_init(&s->source, &s->spec, why);
  if (status != EFLA_OK) return status;
  status = efla_tokens_init(&s->x, BLOCK, k, v);
  for (size_t i = 0; i < truths.n && status == EFLA_OK; i++)
    status = efla_reference_init(&s->references[i], &efla_oracles[truths.row[i]], k, v);
  for (size_t m = 0; m < methods.n; m++) {
    const efla_method *method = &efla_methods[methods.row[m]];
    if (status == EFLA_OK) status = efla_growth_init(&s->growth[m], method, k);
    for (size_t f = 0; f < formats.n && status == EFLA_OK; f++)
      status = efla_run_init(&s->runs[m][f], method,
                             &(efla_storage){.format = &efla_formats[formats.row[f]], .state = true}, k, v);
  }
  return status == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
}

static void scene_clear(scene *s) {
  efla_source_clear(&s->source);
  efla_tokens_clear(&s->x);
  for (size_t i = 0; i < truths.n; i++) efla_reference_clear(&s->references[i]);
  for (size_t m = 0; m < methods.n; m++) {
    efla_growth_clear(&s->growth[m]);
    for (size_t f = 0; f < formats.n; f++) efla_run_clear(&s->runs[m][f]);
  }
}

static efla_status advance(scene *s, size_t count, efla_message *why) {
  efla_tokens block = efla_tokens_slice(&s->x, 0, count);
  efla_status status = efla_source_next(&s->source, &block, why);
  if (status != EFLA_OK) return status;
  efla_keys_apply(s->keys, &block);
  for (size_t i = 0; i < truths.n; i++) {
    status = efla_reference_advance(&s->references[i], &block);
    if (status != EFLA_OK && status != EFLA_UNTRUSTED) return *why = s->references[i].why, status;
  }
  for (size_t m = 0; m < methods.n; m++) {
    efla_growth_advance(&s->growth[m], &block);
    for (size_t f = 0; f < formats.n; f++) efla_run_advance(&s->runs[m][f], &block);
  }
  return EFLA_OK;
}

static void record(const scene *s, size_t t, efla_table *table) {
  for (size_t i = 0; i < truths.n; i++)
    for (size_t m = 0; m < methods.n; m++)
      for (size_t f = 0; f < formats.n; f++) {
        const efla_run *run = &s->runs[m][f];
        const efla_growth *growth = &s->growth[m];
        efla_errors e = efla_reference_compare(&s->references[i], run->S, run->o);
        efla_table_row(table, efla_text(s->spec.family->name), efla_real(s->spec.norm), efla_text(s->keys->name),
                       efla_text(s->references[i].oracle->name), efla_text(run->method->name),
                       efla_text(run->storage.format->name), efla_count(t), efla_real(e.state),
                       efla_real(e.state_floor), efla_real(e.readout), efla_real(e.readout_floor),
                       efla_real(growth->measured / (double)t), efla_real(growth->predicted / (double)t),
                       efla_count(run->blowup));
      }
}

/* Sets *why also where an oracle has refused, which ends nothing. */
static efla_status play(void *scenes, size_t i, efla_table *table, efla_progress *progress, efla_message *why) {
  scene *s = (scene *)scenes + i;
  efla_status status = scene_init(s, why);
  for (size_t t = 0, mark = 0; t < tokens && status == EFLA_OK;) {
    size_t goal = t;
    while (goal == t) goal = (size_t)lround(pow(10, (double)mark++ / PER_DECADE)); /* 1, 2, 3, 4, 6, 7, 10, ... */
    if (goal > tokens) goal = tokens;
    while (t < goal && status == EFLA_OK) {
      size_t count = goal - t < BLOCK ? goal - t : BLOCK;
      status = advance(s, count, why);
      efla_progress_add(progress, count);
      t += count;
    }
    if (status == EFLA_OK) record(s, t, table);
  }
  for (size_t r = 0; r < truths.n && status == EFLA_OK; r++)
    if (s->references[r].status == EFLA_UNTRUSTED) status = EFLA_UNTRUSTED, *why = s->references[r].why;
  scene_clear(s);
  return status;
}

static efla_spec spec_of(const efla_family *family, double norm, size_t seed) {
  efla_spec one = spec;
  one.family = family;
  one.seed = seed;
  one.norm = family->scaled ? norm : 1;
  one.dk = family->side ? family->side : dk;
  one.dv = family->side ? family->side : dv;
  return one;
}

/* Every combination of family, norm and key treatment; the unit family has one norm. */
static size_t list_scenes(scene *scenes, size_t seed) {
  size_t n = 0;
  for (size_t f = 0; f < families.n; f++)
    for (size_t i = 0; i < norms.n; i++)
      for (size_t k = 0; k < treatments.n; k++) {
        const efla_family *family = &efla_families[families.row[f]];
        if (!family->scaled && i > 0) continue;
        scenes[n++] =
            (scene){.spec = spec_of(family, norms.value[i], seed), .keys = &efla_key_treatments[treatments.row[k]]};
      }
  return n;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t f = 0; f < families.n && status == EFLA_OK; f++) {
    const efla_spec one =
        spec_of(&efla_families[families.row[f]], norms.value[0], cli->seed); /* other norms need nothing else */
    status = efla_source_check(&one, tokens, why);
  }
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  scene *scenes = calloc(families.n * norms.n * treatments.n, sizeof *scenes);
  if (!scenes) return efla_fail_memory(why);
  size_t n = list_scenes(scenes, cli->seed);
  efla_status status = efla_program_parallel(table, n, play, scenes, "tokens", n * tokens, why);
  free(scenes);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "accumulation",
      .summary = "Error of the delta rule against token number, for input families, methods and number formats.",
      .description =
          "Columns: family, norm, keys, truth, method, precision, tokens, error and floor (of the state, relative to "
          "the "
          "true one's "
          "Frobenius norm: the method's error and the oracle's own), readout_error and readout_floor (of o), growth "
          "and "
          "growth_predicted (mean log growth per token of the product of transitions), blowup (first token after which "
          "the "
          "state "
          "was not finite; 0: none).  Errors are nan where the oracle refuses, and then the exit status is 1.",
      .options = options,
      .column_names =
          "family,norm,keys,truth,method,precision,tokens,error,floor,readout_error,readout_floor,growth,growth_"
          "predicted,blowup",
      .run = run,
      .check = check};
  return efla_program_main(&program, argc, argv);
}

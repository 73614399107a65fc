/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decay: what is a splitting error worth, where a decay and the delta rule act on a state within one token?
 *
 * Inputs    a decay rate y of all tokens; one token of x = beta*lambda, and streams of every family and norm.
 * Varies    the method, and the decay: joint (one flow), split (decay, then step), retention (EFLA's gated variant).
 * Measures  relative distance from the exact joint flow: of the coefficients d, e, w of one token, of state and
 *           read-out along a stream, also after the best common factor; and half-lives of a state.
 * Expects   split by the exact method: d and e exact, w too large by y/2 for small x and y, along a stream almost only
 *           a common factor; retention keeps at least e^-1 of a state; the joint flow in f64: rounding.
 * Writes    one row per y, method, decay and x; per y, method and decay; per family, norm, y, tokens, method, decay. */
#include "laboratory.h"

#include <math.h>

static double beta;
static size_t tokens, dk, dv, per_decade, seed;
static efla_list families, norms, steps, rates, methods;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,unit,flat,ar1,cone,dictionary,spikes", "gaussian,dictionary",
     "input families of streams; all needs MNIST", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"norm", "LIST", "1,2,4", "1", "root mean square key norms (unit: one)", EFLA_REALS, &norms, 0, 1e6, NULL},
    {"decays", "LIST", "0.01,0.1,1", "0.1", "decay rates y of streams", EFLA_REALS, &rates, 1e-12, 1e3, NULL},
    {"x", "LIST", "0.01,0.1,1,10,30", "0.01,1,30", "beta*lambda of one token", EFLA_REALS, &steps, 1e-6, 1e3, NULL},
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"per-decade", "N", "8", "2", "rates y per decade, 1e-4 to 10, of a token", EFLA_COUNT, &per_decade, 1, 100, NULL},
    {"tokens", "N", "10000", "300", "length of a stream", EFLA_COUNT, &tokens, 1, 1e9, NULL},
    {"dk", "N", "32", "8", "length of keys (mnist: 28)", EFLA_COUNT, &dk, 1, 1024, NULL},
    {"dv", "N", "32", "8", "length of values (mnist: 28)", EFLA_COUNT, &dv, 1, 1024, NULL},
    {"beta", "B", "-1", NULL, "step; negative: sigmoid(N(0,1)) for each token", EFLA_REAL, &beta, -1, 1e6, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *family;
  double norm, y, alpha, x;
  const char *method, *decay;
  size_t tokens;
  efla_decay_difference by;
  const char *exceeds;
  double half_life;
  efla_decay_error error;
  double floor;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "token: coefficients; memory: half-lives; stream: states"),
    EFLA_COLUMN(row, family, "", "input family; of a stream"),
    EFLA_COLUMN(row, norm, "", "root mean square key norm; of a stream"),
    EFLA_COLUMN(row, y, "per token", "decay rate y = -g"),
    EFLA_COLUMN(row, alpha, "", "retention alpha = exp(-y); the argument of retention"),
    EFLA_COLUMN(row, x, "", "x = beta*lambda; of one token"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, decay, "", "decay: joint or split or retention"),
    EFLA_COLUMN(row, tokens, "", "number of tokens so far"),
    EFLA_COLUMN_NAMED("decay_error", row, by.decay, "", "relative difference of d; from the exact joint flow"),
    EFLA_COLUMN_NAMED("erase_error", row, by.erase, "", "relative difference of e; from the exact joint flow"),
    EFLA_COLUMN_NAMED("write_error", row, by.write, "", "relative difference of w; from the exact joint flow"),
    EFLA_COLUMN(row, exceeds, "", "coarsest format with a unit roundoff below the largest of these; none: not f32"),
    EFLA_COLUMN(row, half_life, "tokens", "half-life of a state; inf where it does not shrink"),
    EFLA_COLUMN_NAMED("error", row, error.state, "", "distance of the state; relative, from the exact joint flow"),
    EFLA_COLUMN_NAMED("direction", row, error.direction, "", "what the best common factor leaves of the distance"),
    EFLA_COLUMN_NAMED("readout_error", row, error.readout, "", "distance of the read-out; relative"),
    EFLA_COLUMN(row, floor, "", "rounding of the exact joint flow; its state in f64 against long double"),
    EFLA_COLUMNS_END(row)};

static const char *const decays[] = {"joint", "split", "retention"};
enum { DECAYS = sizeof decays / sizeof *decays };
static const row blank = {"", "", NAN, NAN, NAN, NAN, "", "", 1, {NAN, NAN, NAN}, "", NAN, {NAN, NAN, NAN}, NAN};

static void points(double y, efla_table *table) {
  for (size_t i = 0; i < methods.n * DECAYS; i++) {
    const efla_method *method = &efla_methods[methods.row[i / DECAYS]];
    const efla_decay *decay = efla_decay_find(decays[i % DECAYS]);
    row r = blank;
    r.study = "memory", r.y = y, r.alpha = exp(-y);
    r.method = method->name, r.decay = decay->name, r.half_life = efla_decay_half_life(method, decay, y);
    efla_table_put(table, &r);
    r.study = "token", r.half_life = NAN;
    for (size_t j = 0; j < steps.n; j++) {
      r.x = steps.value[j], r.by = efla_decay_differ(method, decay, y, r.x), r.exceeds = efla_decay_exceeds(&r.by);
      efla_table_put(table, &r);
    }
  }
}

static efla_spec spec_of(const efla_family *family, double norm) {
  efla_spec spec = efla_spec_default(family);
  spec.seed = seed, spec.beta = beta, spec.norm = family->scaled ? norm : 1;
  spec.dk = family->side ? family->side : dk, spec.dv = family->side ? family->side : dv;
  return spec;
}

static void record(const efla_decay_stream *stream, efla_table *table) {
  row r = blank;
  r.study = "stream", r.y = stream->y, r.alpha = exp(-stream->y), r.tokens = stream->source.token;
  r.family = stream->source.spec.family->name, r.norm = stream->source.spec.norm;
  r.floor = efla_decay_stream_error(stream, 0).state;
  for (size_t i = 1; i < stream->runs; i++) { /* run 0 is the floor */
    r.method = stream->run[i].rule.method->name, r.decay = stream->run[i].rule.decay->name;
    r.error = efla_decay_stream_error(stream, i);
    efla_table_put(table, &r);
  }
}

static const efla_list *const factors[] = {&families, &norms, &rates, NULL};

static efla_status follow(void *none, size_t i, efla_table *table, efla_progress *progress, efla_message *why) {
  size_t at[3];
  efla_sweep_at(factors, i, at);
  const efla_family *family = &efla_families[families.row[at[0]]];
  if (!family->scaled && at[1] > 0) return efla_progress_add(progress, tokens), EFLA_OK; /* one norm */
  const efla_spec of = spec_of(family, norms.value[at[1]]);
  efla_decay_stream s = {.run = none};
  efla_status status = efla_decay_stream_init(&s, &of, rates.value[at[2]], methods.n * DECAYS, why);
  for (size_t r = 0; r < methods.n * DECAYS && status == EFLA_OK; r++)
    status = efla_decay_stream_add(&s, &efla_methods[methods.row[r / DECAYS]], efla_decay_find(decays[r % DECAYS]));
  while (status == EFLA_OK && s.source.token < tokens) {
    status = efla_decay_stream_advance(&s, efla_lockstep_mark_after(s.source.token, tokens), why);
    if (status == EFLA_OK) record(&s, table);
  }
  efla_progress_add(progress, tokens);
  efla_decay_stream_clear(&s);
  return status == EFLA_NO_MEMORY ? efla_fail_memory(why) : status;
}

static efla_spec first_norm(size_t i) { return spec_of(&efla_families[families.row[i]], norms.value[0]); }

static efla_status check(const efla_cli *cli, efla_message *why) {
  seed = cli->seed;
  return efla_source_check_all(families.n, first_norm, tokens, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli;
  for (size_t i = 0; i <= 5 * per_decade; i++) points(pow(10, (double)i / (double)per_decade - 4), table);
  size_t n = efla_sweep_size(factors);
  return efla_program_parallel(table, n, follow, NULL, "tokens", n * tokens, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "decay",
      .summary = "Decay and delta rule within a token: as one flow, split, and by EFLA's retention.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true,
      .check = check};
  return efla_program_main(&program, argc, argv);
}

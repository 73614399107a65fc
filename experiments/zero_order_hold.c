/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zero_order_hold: what does the zero-order hold cost when keys and values truly move?
 *
 * Inputs    band-limited k(t), v(t) (frequencies up to 1), E |k|^2 = lambda, over a time of 4; filled state.
 * Varies    lambda (stiffness), the number of steps, and the scheme: EFLA with k, v held at the left end or
 *           at the midpoint of a step, Richardson's extrapolation of the latter; Euler and RK4 on the true
 *           right-hand side; an exponential integrator of order 4 without commutators.
 * Measures  relative error of the state against GSL's adaptive rk8pd, observed order, time; the step at which
 *           RK4 starts to beat EFLA with midpoint samples.
 * Expects   orders 1, 2, 4, 1, 4, 4; EFLA ahead where the problem is stiff for the step (h*lambda above about
 *           2.4), RK4 below.  "Error-free" is a statement about the held problem only.
 * Writes    one row per lambda, scheme and number of steps, and the crossovers; orders also on stderr. */
#include "laboratory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DURATION = 4, BAND = 1;
static size_t d, most_steps;
static double rate;
static efla_list stiffness, decays;
enum { MOST_ROWS = 24, REPEATS = 5 };

static const efla_option options[] = {
    {"lambda", "LIST", "3,30,300,3000", "3,30", "mean squares of |k(t)|", EFLA_REALS, &stiffness, 1e-3, 1e5, NULL},
    {"decay", "LIST", "none", NULL, "decays, by which EFLA steps", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rate", "R", "0.5", NULL, "their rate y per unit of time", EFLA_REAL, &rate, 0, 1, NULL},
    {"steps", "N", "16384", "512", "most steps (a power of 2 from 4 on)", EFLA_COUNT, &most_steps, 8, 1 << 20, NULL},
    {"dk", "N", "8", NULL, "length of keys and values", EFLA_COUNT, &d, 1, 256, NULL},
    {.name = NULL},
};

typedef struct row {
  double lambda;
  const char *decay;
  double rate;
  const char *scheme;
  size_t steps;
  double h_lambda, error, floor, order, seconds;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, lambda, "", "lambda, mean square of |k(t)|"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, rate, "per unit of time", "decay rate y"),
    EFLA_COLUMN(row, scheme, "", "scheme; or crossover"),
    EFLA_COLUMN(row, steps, "", "steps over a time of 4; frequencies up to 1"),
    EFLA_COLUMN(row, h_lambda, "", "step times lambda; crossover: where RK4 starts to beat EFLA with midpoint samples"),
    EFLA_COLUMN(row, error, "", "relative error of the state"),
    EFLA_COLUMN(row, floor, "", "distance of two references"),
    EFLA_COLUMN(row, order, "", "observed order; from half as many steps to these"),
    EFLA_COLUMN(row, seconds, "s", "time; the shortest of 5 runs"),
    EFLA_COLUMNS_END(row)};

typedef struct problem {
  const efla_hold_scheme *scheme;
  efla_rule rule;
  size_t steps;
  efla_signal signal;
  double *start, *S, *truth, *scratch; /* (d, d) three times */
  double floor;                        /* relative error of the truth */
} problem;

static void advance(void *context) {
  const problem *p = context;
  memcpy(p->S, p->start, d * d * sizeof *p->S);
  p->scheme->advance(&p->rule, &p->signal, 0, DURATION, p->steps, p->S, p->scratch);
}

/* One scheme with 4, 8, 16, ... steps, whose errors it leaves; prints orders.  Returns the number of rows. */
static size_t follow(problem *p, row r, double errors[MOST_ROWS], efla_table *table) {
  size_t n = 0;
  fprintf(stderr, "%7g  %-11s", r.lambda, p->scheme->name);
  for (size_t steps = 4; steps <= most_steps && n < MOST_ROWS; steps *= 2, n++) {
    r.scheme = p->scheme->name, r.steps = p->steps = steps, r.h_lambda = DURATION / (double)steps * r.lambda;
    r.seconds = efla_shortest_seconds(advance, p, REPEATS, 0);
    r.error = errors[n] = efla_relative_distance(d * d, p->S, p->truth);
    r.order = n > 0 && isfinite(errors[n - 1]) && r.error > 4 * p->floor ? log2(errors[n - 1] / r.error) : NAN;
    fprintf(stderr, isfinite(r.order) ? " %5.2f" : "     .", r.order);
    efla_table_put(table, &r);
  }
  fputc('\n', stderr);
  return n;
}

/* All schemes by one decay; prints where RK4 passes EFLA with midpoint samples for good. */
static void study(problem *p, double lambda, const efla_decay *decay, efla_table *table) {
  double rk4[MOST_ROWS], midpoint[MOST_ROWS], other[MOST_ROWS];
  size_t rows = 0;
  row r = {.lambda = lambda, .decay = decay->name, .rate = p->signal.decay, .floor = p->floor};
  p->rule = (efla_rule){.method = efla_method_find("exact"), .decay = decay};
  if (decay->gated) fprintf(stderr, "%7g  decay %s\n", lambda, decay->name);
  for (p->scheme = efla_hold_schemes; p->scheme->name; p->scheme++) {
    bool is_rk4 = !strcmp(p->scheme->name, "rk4"), is_midpoint = !strcmp(p->scheme->name, "midpoint");
    rows = follow(p, r, is_rk4 ? rk4 : is_midpoint ? midpoint : other, table);
  }
  double crossover = DURATION / 4 * lambda * exp2(-efla_log_crossing(rows, rk4, midpoint));
  if (isfinite(crossover))
    fprintf(stderr, "%7g  RK4 beats EFLA with midpoint samples below h*lambda = %.2f\n", lambda, crossover);
  r.scheme = "crossover", r.h_lambda = crossover, r.error = r.floor = r.order = r.seconds = NAN;
  efla_table_put(table, &r);
}

static void remarks(FILE *header) {
  for (const efla_hold_scheme *s = efla_hold_schemes; s->name; s++)
    fprintf(header, "# scheme %s: %s\n", s->name, s->what);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = d * d, scratch = efla_hold_scheme_scratch(d, d);
  double *block = malloc((3 * n + scratch) * sizeof *block);
  if (!block) return efla_fail_memory(why);
  problem p = {.start = block, .S = block + n, .truth = block + 2 * n, .scratch = block + 3 * n};
  efla_status status = EFLA_OK;
  fprintf(stderr, " lambda  scheme      observed order from n/2 to n steps, n = 4, 8, ...\n");
  for (size_t i = 0; i < stiffness.n * decays.n && status == EFLA_OK; i++) {
    const double lambda = stiffness.value[i / decays.n];
    const efla_decay *decay = &efla_decays[decays.row[i % decays.n]];
    efla_waves waves;
    status = efla_waves_init(&waves, d, d, lambda, BAND, cli->seed);
    if (status != EFLA_OK) return free(block), efla_fail_memory(why);
    p.signal = efla_waves_signal(&waves);
    p.signal.decay = decay->gated ? rate : 0;
    for (size_t e = 0; e < n; e++) p.start[e] = p.truth[e] = cos((double)e);
    status = efla_odeiv_confirm(&p.signal, 0, DURATION, 0.1 / lambda, 1, 2 * most_steps, p.truth, &p.floor, why);
    if (status == EFLA_OK) study(&p, lambda, decay, table);
    efla_waves_clear(&waves);
  }
  free(block);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "zero_order_hold",
      .summary = "What the zero-order hold costs when keys and values move, and where RK4 on the true ODE is better.",
      .description = "The problem is held or true, the truth another integrator's with its tolerance near rounding.",
      .options = options,
      .columns = columns,
      .run = run,
      .remarks = remarks};
  return efla_program_main(&program, argc, argv);
}

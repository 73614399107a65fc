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
static efla_list stiffness;

static const efla_option options[] = {
    {"lambda", "LIST", "3,30,300,3000", "3,30", "mean squares of |k(t)|", EFLA_REALS, &stiffness, 1e-3, 1e5, NULL},
    {"steps", "N", "16384", "512", "most steps (a power of 2 from 4 on)", EFLA_COUNT, &most_steps, 8, 1 << 20, NULL},
    {"dk", "N", "8", NULL, "length of keys and values", EFLA_COUNT, &d, 1, 256, NULL},
    {.name = NULL},
};

typedef struct row {
  double lambda;
  const char *scheme;
  size_t steps;
  double h_lambda, error, floor, order, seconds;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, lambda, "", "lambda, mean square of |k(t)|"),
    EFLA_COLUMN(row, scheme, "", "scheme; or crossover"),
    EFLA_COLUMN(row, steps, "", "steps over a time of 4; frequencies up to 1"),
    EFLA_COLUMN(row, h_lambda, "", "step times lambda; crossover: where RK4 starts to beat EFLA with midpoint samples"),
    EFLA_COLUMN(row, error, "", "relative error of the state"),
    EFLA_COLUMN(row, floor, "", "distance of two references"),
    EFLA_COLUMN(row, order, "", "observed order; from half as many steps to these"),
    EFLA_COLUMN(row, seconds, "s", "time; the shortest of 5 runs"),
    EFLA_COLUMNS_END(row)};

typedef struct problem {
  const struct scheme *scheme;
  size_t steps;
  efla_signal signal;
  double *start, *S, *truth, *scratch; /* (d, d) three times */
  double floor;                        /* relative error of the truth */
} problem;

static void left(const problem *p, size_t steps) {
  efla_zero_order_hold_advance(efla_method_find("exact"), 0, &p->signal, 0, DURATION, steps, p->S, p->scratch);
}

static void midpoint(const problem *p, size_t steps) {
  efla_zero_order_hold_advance(efla_method_find("exact"), 0.5, &p->signal, 0, DURATION, steps, p->S, p->scratch);
}

static void richardson(const problem *p, size_t steps) {
  efla_zero_order_hold_extrapolate(efla_method_find("exact"), &p->signal, 0, DURATION, steps, p->S, p->scratch);
}

static void by_tableau(const problem *p, const char *name, size_t steps) {
  (void)efla_ode_advance(efla_tableau_find(name), &p->signal, 0, DURATION, steps, p->S,
                         p->scratch); /* explicit: cannot fail */
}
static void euler(const problem *p, size_t steps) { by_tableau(p, "euler", steps); }
static void rk4(const problem *p, size_t steps) { by_tableau(p, "rk4", steps); }
static void cf4(const problem *p, size_t steps) { efla_cf4_advance(&p->signal, 0, DURATION, steps, p->S, p->scratch); }

static const struct scheme {
  const char *name, *what; /* what: its entry in the legend of the figure */
  void (*advance)(const problem *p, size_t steps);
} schemes[] = {{"left", "EFLA, k and v at the left end", left},
               {"midpoint", "EFLA, k and v at the midpoint", midpoint},
               {"richardson", "EFLA midpoint, extrapolated", richardson},
               {"euler", "Euler on the true ODE", euler},
               {"rk4", "RK4 on the true ODE", rk4},
               {"cf4", "exponential integrator CF4", cf4}};
enum { SCHEMES = sizeof schemes / sizeof *schemes, MOST_ROWS = 24, REPEATS = 5 };

static void advance(void *context) {
  const problem *p = context;
  memcpy(p->S, p->start, d * d * sizeof *p->S);
  p->scheme->advance(p, p->steps);
}

/* All schemes with 4, 8, 16, ... steps; prints orders, and where RK4 passes EFLA with midpoint samples for good. */
static void study(problem *p, double lambda, efla_table *table) {
  double errors[SCHEMES][MOST_ROWS];
  size_t rows = 0;
  for (size_t s = 0; s < SCHEMES; s++) {
    fprintf(stderr, "%7g  %-11s", lambda, schemes[s].name);
    rows = 0;
    for (size_t steps = 4; steps <= most_steps && rows < MOST_ROWS; steps *= 2, rows++) {
      p->scheme = &schemes[s], p->steps = steps;
      double seconds = efla_shortest_seconds(advance, p, REPEATS, 0),
             error = efla_relative_distance(d * d, p->S, p->truth);
      bool clear = rows > 0 && isfinite(errors[s][rows - 1]) && error > 4 * p->floor;
      double order = clear ? log2(errors[s][rows - 1] / error) : NAN;
      errors[s][rows] = error;
      fprintf(stderr, isfinite(order) ? " %5.2f" : "     .", order);
      efla_table_put(table, &(row){lambda, schemes[s].name, steps, DURATION / (double)steps * lambda, error, p->floor,
                                   order, seconds});
    }
    fputc('\n', stderr);
  }
  double crossover = DURATION / 4 * lambda * exp2(-efla_log_crossing(rows, errors[4], errors[1])); /* rk4, midpoint */
  if (isfinite(crossover))
    fprintf(stderr, "%7g  RK4 beats EFLA with midpoint samples below h*lambda = %.2f\n", lambda, crossover);
  efla_table_put(table, &(row){lambda, "crossover", 0, crossover, NAN, NAN, NAN, NAN});
}

static void remarks(FILE *header) {
  for (size_t s = 0; s < SCHEMES; s++) fprintf(header, "# scheme %s: %s\n", schemes[s].name, schemes[s].what);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = d * d, scratch = efla_ode_scratch(efla_tableau_find("rk4"), d, d) + efla_zero_order_hold_scratch(d, d);
  double *block = malloc((3 * n + scratch) * sizeof *block);
  if (!block) return efla_fail_memory(why);
  problem p = {.start = block, .S = block + n, .truth = block + 2 * n, .scratch = block + 3 * n};
  efla_status status = EFLA_OK;
  fprintf(stderr, " lambda  scheme      observed order from n/2 to n steps, n = 4, 8, ...\n");
  for (size_t i = 0; i < stiffness.n && status == EFLA_OK; i++) {
    const double lambda = stiffness.value[i];
    efla_waves waves;
    status = efla_waves_init(&waves, d, d, lambda, BAND, cli->seed);
    if (status != EFLA_OK) return free(block), efla_fail_memory(why);
    p.signal = efla_waves_signal(&waves);
    for (size_t e = 0; e < n; e++) p.start[e] = p.truth[e] = cos((double)e);
    status = efla_odeiv_confirm(&p.signal, 0, DURATION, 0.1 / lambda, 1, 2 * most_steps, p.truth, &p.floor, why);
    if (status == EFLA_OK) study(&p, lambda, table);
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

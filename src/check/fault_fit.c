/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/fault_fit.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A factor: where it stands in the model (as factor - 1), and where the inputs can show it. */
typedef struct factor {
  const char *name, *what;
  bool linear; /* in o */
  double *(*at)(efla_fault_model *model);
  bool (*possible)(const efla_fault_setting *setting);
} factor;

static double *of_q(efla_fault_model *m) { return &m->reads[EFLA_OF_Q].times; }
static double *of_k(efla_fault_model *m) { return &m->reads[EFLA_OF_K].times; }
static double *of_v(efla_fault_model *m) { return &m->reads[EFLA_OF_V].times; }
static double *of_beta(efla_fault_model *m) { return &m->reads[EFLA_OF_BETA].times; }
static double *of_g(efla_fault_model *m) { return &m->reads[EFLA_OF_G].times; }
static double *of_lambda(efla_fault_model *m) { return &m->lambda_times; }
static double *of_erase(efla_fault_model *m) { return &m->erase_times; }
static double *of_start(efla_fault_model *m) { return &m->start_times; }

static bool always(const efla_fault_setting *s) { return s != NULL; }
static bool starts(const efla_fault_setting *s) { return s->evidence->in->has[EFLA_INITIAL_STATE]; }
static bool raw_keys(const efla_fault_setting *s) { return !s->spec->rule.keys->unit; }
static bool with_g(const efla_fault_setting *s) { return efla_decay_tensor(s->spec->rule.decay) == EFLA_G; }
static bool has_flow(const efla_fault_setting *s) { return with_g(s) && s->evidence->in->g_per_channel; }
static bool coefficient(const efla_fault_setting *s) { return !has_flow(s) || s->spec->rule.decay->share > 0; }

static const factor factors[] = {{"factor-o", "o (or q, or v)", true, of_q, always},
                                 {"factor-k", "k", false, of_k, raw_keys},
                                 {"factor-v", "v", true, of_v, starts},
                                 {"factor-beta", "beta", false, of_beta, always},
                                 {"factor-g", "g", false, of_g, with_g},
                                 {"factor-lambda", "lambda in the coefficient", false, of_lambda, coefficient},
                                 {"factor-erase", "what is erased", false, of_erase, coefficient},
                                 {"factor-initial", "the initial state", true, of_start, starts}};
enum { FACTORS = sizeof factors / sizeof *factors };

enum { LANES = 2 }; /* that are fitted to */

/* Where the search begins. */
static const double grid[] = {-1, 0.125, 0.25, 0.5, M_SQRT1_2, 0.8, 1.25, M_SQRT2, 2, 4, 8};

/* Sums of squares over what the bound expects of an entry: of the residual r, of the slope D, and r D. */
typedef struct sums {
  double rr, rd, dd;
  size_t numbers;
} sums;

typedef struct buffers {
  double *o, *moved, *S, *scratch;
} buffers;

static void add_lane(const efla_lane *lane, const buffers *b, double step, sums *to) {
  const size_t dv = lane->x.dv;
  for (size_t t = 0; t < lane->x.tokens; t++)
    for (size_t i = t * dv; i < (t + 1) * dv; i++) {
      const double r = lane->found[i] - b->o[i], d = (b->moved[i] - b->o[i]) / step,
                   expected = lane->variance[t] / (double)dv;
      if (!isfinite(lane->found[i]) || !(expected > 0) || !isfinite(expected)) continue;
      to->rr += r * r / expected, to->rd += r * d / expected, to->dd += d * d / expected;
      to->numbers++;
    }
}

static sums sums_at(const factor *f, efla_fault_model model, double times, const efla_evidence *e, const buffers *b) {
  const double step = 1e-4; /* a balance of curvature and f64's rounding */
  sums all = {0};
  for (size_t i = 0, n = 0; i < efla_evidence_lanes(e) && n < LANES; i++) {
    if (!e->lane[i].judged) continue;
    n++;
    *f->at(&model) = times + step;
    efla_fault_model_run(&model, e, i, b->moved, b->S, b->scratch);
    *f->at(&model) = times;
    efla_fault_model_run(&model, e, i, b->o, b->S, b->scratch);
    add_lane(&e->lane[i], b, step, &all);
  }
  if (!isfinite(all.rr)) all.rr = INFINITY;
  return all;
}

/* Gauss-Newton with halved steps; returns the sums at *times. */
static sums descend(const factor *f, const efla_fault_model *model, double *times, const efla_evidence *e,
                    const buffers *b) {
  enum { STEPS = 12, HALVINGS = 6 };
  sums now = sums_at(f, *model, *times, e, b);
  for (int n = 0; n < STEPS && isfinite(now.rr) && now.dd > 0; n++) {
    double step = now.rd / now.dd;
    sums next = {.rr = INFINITY};
    for (int half = 0; half < HALVINGS && !(next.rr < now.rr); half++, step /= half > 1 ? 2 : 1)
      next = sums_at(f, *model, *times + step, e, b);
    if (!(next.rr < now.rr)) break;
    const bool settled = now.rr - next.rr < 1e-9 * next.rr;
    *times += step, now = next;
    if (settled) break;
  }
  return now;
}

static void describe(efla_fault_candidate *c, const factor *f, double times, double error, const efla_tensors *in) {
  const double value = 1 + times;
  const struct {
    double value;
    const char *is;
  } known[] = {{M_SQRT1_2, " = 1/sqrt 2"},
               {M_SQRT2, " = sqrt 2"},
               {M_LN2, " = log 2"},
               {M_LOG2E, " = log2 e"},
               {0.5, " = 1/2"},
               {2, " = 2"},
               {-1, " = -1"},
               {sqrt((double)in->dk), " = sqrt(dk)"},
               {1 / sqrt((double)in->dk), " = 1/sqrt(dk)"}};
  const char *is = "";
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (fabs(value - known[i].value) < 4 * error + 1e-9) is = known[i].is;
  snprintf(c->name, sizeof c->name, "%s", f->name);
  snprintf(c->says, sizeof c->says, "%s is multiplied by %.*g +- %.2g%s", f->what,
           error > 0 ? (int)fmin(12, fmax(3, 2 - log10(error))) : 6, value, error, is);
}

static bool fit(const factor *f, const efla_fault_setting *s, const buffers *b, efla_fault_candidate *to) {
  const efla_evidence *e = s->evidence;
  double best = 0;
  sums least = descend(f, &to->model, &best, e, b);
  for (size_t i = 0; i < sizeof grid / sizeof *grid && !f->linear && !s->slow; i++) {
    double times = grid[i] - 1;
    const sums at = sums_at(f, to->model, times, e, b);
    if (!(at.rr < 4 * least.rr)) continue;
    const sums found = descend(f, &to->model, &times, e, b);
    if (found.rr < least.rr) least = found, best = times;
  }
  if (!(least.dd > 0) || least.numbers == 0) return false;
  const double error = sqrt(least.rr / (double)least.numbers * EFLA_FAULT_MEMORY / least.dd);
  *f->at(&to->model) = best;
  to->parameters = 1;
  describe(to, f, best, error, e->in);
  return fabs(best) > 4 * error;
}

efla_status efla_fault_fit(efla_fault_candidates *candidates, const efla_fault_setting *s, size_t threads) {
  const efla_evidence *e = s->evidence;
  const size_t n = e->most * e->in->dv, state = e->in->dk * e->in->dv;
  efla_fault_candidate found[FACTORS];
  bool fitted[FACTORS] = {false}, room = true;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads) reduction(&& : room)
  for (size_t i = 0; i < FACTORS; i++) {
    if (!factors[i].possible(s)) continue;
    double *block = malloc((2 * n + state + efla_fault_scratch(e)) * sizeof *block);
    if (!block) {
      room = false;
      continue;
    }
    const buffers b = {block, block + n, block + 2 * n, block + 2 * n + state};
    found[i] = (efla_fault_candidate){.model = efla_fault_model_right(s->spec), .row = {SIZE_MAX - 1 - i, SIZE_MAX}};
    fitted[i] = fit(&factors[i], s, &b, &found[i]);
    free(block);
  }
  for (size_t i = 0; i < FACTORS; i++)
    if (fitted[i] && candidates->n < EFLA_FAULT_CANDIDATES) candidates->candidate[candidates->n++] = found[i];
  return room ? EFLA_OK : EFLA_NO_MEMORY;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient check: the rows of a block, read and judged. */
#include "check/gradient_pass.h"

#include "check/measured.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static double ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }

efla_status efla_gradient_read_rows(const efla_gradient_pass *p, efla_tensors *file, efla_tensor tensor, double *to,
                                    efla_message *why) {
  const efla_tensors *in = p->c->in;
  const size_t repeat = in->heads / efla_tensors_heads(file, tensor), heads = p->heads / repeat;
  const efla_tensor_block block = {.batch = in->cu_seqlens ? 0 : p->sequence,
                                   .head = p->head / repeat,
                                   .heads = heads,
                                   .first = (in->cu_seqlens ? in->cu_seqlens[p->sequence] : 0) + p->first,
                                   .tokens = p->tokens};
  const size_t width = efla_tensors_width(file, tensor);
  return efla_tensors_read(file, tensor, &block, efla_array_head_major(to, EFLA_F64, p->tokens, heads, width), why);
}

double *efla_gradient_rows(const efla_gradient_pass *p, size_t i, size_t h) {
  return p->x[i] ? p->x[i] + h * p->tokens * efla_tensors_width(p->from[i], p->input[i]) : NULL;
}

/* The input whose gradient heads can share; EFLA_GRADIENT_INPUTS: none. */
static size_t input_of(efla_gradient_kind of) { return of == EFLA_BY_STATE ? EFLA_GRADIENT_INPUTS : (size_t)of; }

/* Heads that share a gradient must share the input. */
static efla_status check_shared(const efla_gradient_pass *p, const efla_judged_gradient *g, size_t i,
                                efla_message *why) {
  const size_t repeat = p->c->in->heads / g->heads, n = p->tokens * efla_tensors_width(p->from[i], p->input[i]);
  for (size_t h = 0; h < p->heads; h++) {
    if (!memcmp(efla_gradient_rows(p, i, h), efla_gradient_rows(p, i, h - h % repeat), n * sizeof(double))) continue;
    return efla_fail(
        why, EFLA_INPUT,
        "%s: %s: shared by %zu heads, but %s of heads %zu and %zu differ: expected the same, or a gradient "
        "for each of the %zu heads",
        g->file->path, efla_gradient_name(g), repeat, efla_tensor_name(p->input[i]), p->head + h - h % repeat,
        p->head + h, p->c->in->heads);
  }
  return EFLA_OK;
}

/* The sum over the heads of a group of what they have of a row; and its variance, with that of its storage. */
static efla_variance add_up(const efla_gradient_pass *p, const efla_judged_gradient *g, const long double *const *rows,
                            const efla_variance *variance, size_t n, size_t repeat, long double *sum) {
  const efla_units *units = &p->c->spec.units;
  double sums = 0;
  efla_variance expected = {0};
  memset(sum, 0, n * sizeof *sum);
  for (size_t h = 0; h < repeat; h++) {
    for (size_t e = 0; e < n; e++) sum[e] += rows[h][e];
    efla_variance_add(&expected, 1, &variance[h]);
  }
  for (size_t e = 0; e < n && repeat > 1; e++) sums += (double)(sum[e] * sum[e]);
  const double added = (double)(repeat - 1) * units->arithmetic * units->arithmetic * sums / 3;
  const efla_variance stored = efla_stored_variance(&g->stored, units, n, sum);
  efla_variance_add(&expected, 1, &stored);
  return (efla_variance){expected.sum + added, expected.most + added};
}

static void note(const efla_gradient_pass *p, efla_judged_gradient *g, size_t group, size_t token, size_t n,
                 const double *found, const efla_variance *variance) {
  efla_gradient_result *result = &g->head[group];
  const efla_measured m = efla_measure_row(n, found, p->sum, &g->stored);
  if (!isfinite(m.truth2)) {
    p->c->unknown++;
    return;
  }
  const double allowed = efla_variance_factor(variance, p->c->tests) * sqrt(variance->sum), error = sqrt(m.error2);
  const bool exceeded = efla_errors_add(&result->errors, &p->c->tolerance, n, &m, allowed);
  efla_variance_add(&result->errors.variance, 1, variance);
  if (!efla_tensor_is_state(g->tensor))
    efla_bin_add(&result->bins[efla_bin_of(token)], m.error2, m.truth2, m.ulps, ratio(error, allowed));
  if (!exceeded) return;
  efla_miss miss = {p->sequence, group, token, (double)p->sum[m.worst], found[m.worst], error, allowed, ""};
  efla_tensors_index(g->file, g->tensor, p->sequence, group, token, m.worst, miss.index);
  efla_take_first(&result->errors.first, &miss);
  if (result->last.token == SIZE_MAX || token > result->last.token) result->last = miss;
}

/* How well a factor times the truth, and every fault, explain a row that heads head ... head+repeat-1 have. */
static void fit(efla_gradient_pass *p, efla_gradient_kind of, size_t head, size_t repeat, size_t t, size_t n,
                const double *found, double expected) {
  efla_gradient_fit *to = &p->part->fits[of];
  if (!(expected > 0)) return;
  to->rows++;
  for (size_t e = 0; e < n; e++) {
    const double truth = (double)p->sum[e];
    to->truth2 += truth * truth / expected, to->found2 += found[e] * found[e] / expected;
    to->both += truth * found[e] / expected, to->right += (found[e] - truth) * (found[e] - truth) / expected;
  }
  for (size_t f = 0; f < EFLA_GRADIENT_FAULTS; f++) {
    if (efla_gradient_faults[f].of != of) continue;
    for (size_t e = 0; e < n; e++) {
      long double wrong = 0;
      for (size_t h = 0; h < repeat; h++) wrong += p->lane[head + h].fault[f][t * n + e];
      const double off = efla_gradient_faults[f].margin
                             ? fmax(0, fabs(found[e] - (double)p->sum[e]) - fabs((double)wrong))
                             : (double)wrong - found[e];
      to->fault[f] += off * off / expected;
    }
  }
}

efla_status efla_gradient_judge_rows(efla_gradient_pass *p, efla_gradient_kind of, efla_message *why) {
  efla_judged_gradient *g = &p->of[of];
  const size_t n = efla_tensors_width(g->file, g->tensor), repeat = p->c->in->heads / g->heads,
               groups = p->heads / repeat;
  efla_status status = repeat > 1 ? check_shared(p, g, input_of(of), why) : EFLA_OK;
  if (status == EFLA_OK) status = efla_gradient_read_rows(p, g->file, g->tensor, p->found, why);
  for (size_t i = 0; i < groups && status == EFLA_OK; i++)
    for (size_t t = 0; t < p->tokens; t++) {
      for (size_t h = 0; h < repeat; h++) {
        const efla_gradient_lane *lane = &p->lane[i * repeat + h];
        p->rows[h] = lane->truth[of] + t * n, p->variance[h] = lane->variance[of][t];
      }
      const efla_variance expected = add_up(p, g, p->rows, p->variance, n, repeat, p->sum);
      const double *found = p->found + (i * p->tokens + t) * n;
      note(p, g, p->head / repeat + i, p->first + t, n, found, &expected);
      if (p->part && p->part->fits) fit(p, of, i * repeat, repeat, t, n, found, expected.sum);
    }
  return status;
}

efla_status efla_gradient_judge_states(efla_gradient_pass *p, efla_message *why) {
  efla_judged_gradient *g = &p->of[EFLA_BY_STATE];
  const size_t n = p->c->in->dk * p->c->in->dv;
  efla_status status = efla_tensors_read_states(g->file, g->tensor, p->sequence, p->head, p->heads, p->found, why);
  for (size_t h = 0; h < p->heads && status == EFLA_OK; h++) {
    const long double *rows = p->lane[h].adjoint.G;
    const efla_variance variance = efla_gradient_lane_initial_variance(&p->lane[h]),
                        expected = add_up(p, g, &rows, &variance, n, 1, p->sum);
    note(p, g, p->head + h, 0, n, p->found + h * n, &expected);
  }
  return status;
}

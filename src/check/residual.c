/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How errors are distributed: as rounding errors are, or where else. */
#include "check/judgement.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double error2(const efla_lane *lane, size_t t) {
  double sum = 0;
  for (size_t e = t * lane->x.dv; e < (t + 1) * lane->x.dv; e++) sum += pow(lane->found[e] - lane->truth[e], 2);
  return sum;
}

/* Segments of tokens, each with its mean of error^2 over what one unit of rounding of the state leaves. */
enum { SEGMENTS = 8 };

static const double FARTHEST = 8; /* token from the root mean square */

/* The mean over the judged lanes, or a negative number where a segment is out of proportion: more than four times, or
 * less than an eighth, of the mean, or a token more than FARTHEST from it. */
static double mean_of(const efla_evidence *e) {
  double segment[SEGMENTS] = {0}, n[SEGMENTS] = {0}, sum = 0, tokens = 0, largest = 0;
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    const efla_lane *lane = &e->lane[i];
    for (size_t t = 0; t < lane->x.tokens && lane->judged; t++) {
      const double ratio = error2(lane, t) / lane->bits[t];
      const size_t s = t * SEGMENTS / lane->x.tokens;
      if (!isfinite(ratio)) return -1;
      segment[s] += ratio, n[s]++, sum += ratio, tokens++, largest = fmax(largest, ratio);
    }
  }
  const double mean = sum / tokens;
  for (size_t s = 0; s < SEGMENTS; s++)
    if (n[s] > 0 && !(segment[s] / n[s] < 4 * mean && segment[s] / n[s] > mean / 8)) return -1;
  return largest < FARTHEST * FARTHEST * mean ? mean : -1;
}

/* Errors of a systematic kind are correlated with what is true; those of rounding are not: |<r, o>| over |r| |o| beyond
 * four times the root of the number of independent tokens. */
static bool correlated(const efla_evidence *e) {
  double ro = 0, rr = 0, oo = 0, n = 0;
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    const efla_lane *lane = &e->lane[i];
    for (size_t k = 0; k < lane->x.tokens * lane->x.dv && lane->judged; k++) {
      const double w = 1 / lane->variance[k / lane->x.dv], r = lane->found[k] - lane->truth[k], o = lane->truth[k];
      if (!isfinite(w)) continue;
      ro += r * o * w, rr += r * r * w, oo += o * o * w, n++;
    }
  }
  return fabs(ro) > 4 * sqrt(rr * oo) / sqrt(n / EFLA_FAULT_MEMORY);
}

bool efla_judge_rounding(efla_judgement *j, const efla_evidence *e) {
  const double mean = mean_of(e);
  j->rounding = mean > 0 && !correlated(e);
  j->digits = j->rounding ? -log2(sqrt(mean)) : NAN;
  return j->rounding;
}

/* Shares of the squared error by feature, or by phase of a chunk, which one stands out: its mean over that of the
 * others. */
static size_t outstanding(size_t n, const double *sum, double *factor) {
  size_t most = 0;
  double all = 0;
  for (size_t i = 0; i < n; i++) all += sum[i], most = sum[i] > sum[most] ? i : most;
  *factor = n > 1 && all > sum[most] ? sum[most] * (double)(n - 1) / (all - sum[most]) : n > 1 ? INFINITY : 1;
  return most;
}

static size_t write_heads(char *to, size_t room, const efla_comparison *c) {
  size_t outside = 0;
  int at = 0;
  for (size_t h = 0; h < c->in->heads; h++) outside += c->head[h].outside;
  if (outside == c->in->heads) return (size_t)snprintf(to, room, "heads: all %zu\n", outside);
  at = snprintf(to, room, "heads: %zu of %zu:", outside, c->in->heads);
  for (size_t h = 0, shown = 0; h < c->in->heads && shown < 8; h++)
    if (c->head[h].outside) at += snprintf(to + at, room - (size_t)at, " %zu", h), shown++;
  at += snprintf(to + at, room - (size_t)at, outside > 8 ? " ...\n" : "\n");
  return (size_t)at;
}

/* Adds error^2 over what is expected by feature and by token. */
static void collect(const efla_evidence *e, double *feature, double *token) {
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    const efla_lane *lane = &e->lane[i];
    for (size_t k = 0; k < lane->x.tokens * lane->x.dv && lane->judged; k++) {
      const size_t t = k / lane->x.dv;
      const double r = lane->found[k] - lane->truth[k], of = r * r / lane->variance[t];
      if (isfinite(of)) feature[k % lane->x.dv] += of, token[t] += of;
    }
  }
}

/* The span of tokens in which the mean square leaves what is granted: the first and last of windows of 16. */
static size_t write_span(char *to, size_t room, const efla_evidence *e, const double *token) {
  enum { WINDOW = 16 };
  size_t first = SIZE_MAX, last = 0, judged = 0;
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) judged += e->lane[i].judged;
  for (size_t t = 0; t < e->most; t += WINDOW) {
    double sum = 0;
    const size_t end = t + WINDOW < e->most ? t + WINDOW : e->most;
    for (size_t s = t; s < end; s++) sum += token[s];
    if (sum <= EFLA_FAULT_SCALE * EFLA_FAULT_SCALE * (double)((end - t) * judged)) continue;
    if (first == SIZE_MAX) first = t;
    last = end - 1;
  }
  if (first == SIZE_MAX) return (size_t)snprintf(to, room, "tokens: the mean square is outside over all only\n");
  return (size_t)snprintf(to, room, "tokens: the mean square is outside from token %zu to %zu%s\n", first, last,
                          last + 1 == e->most ? ", the last that was looked at" : "");
}

static size_t write_phase(char *to, size_t room, const efla_evidence *e, const double *token) {
  static const size_t chunks[] = {256, 128, 64, 32, 16, 8};
  double sum[256];
  for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
    double factor;
    memset(sum, 0, sizeof sum);
    if (2 * chunks[c] > e->most) continue;
    for (size_t t = 0; t < e->most; t++) sum[t % chunks[c]] += token[t];
    const size_t phase = outstanding(chunks[c], sum, &factor);
    if (factor > 16)
      return (size_t)snprintf(to, room, "phase: token %zu of chunks of %zu has %.3g times the error of the others\n",
                              phase, chunks[c], factor);
  }
  return 0;
}

void efla_judge_where(efla_judgement *j, const efla_evidence *e, const efla_comparison *c) {
  double *feature = calloc(e->in->dv + e->most, sizeof *feature), factor;
  size_t at = write_heads(j->where, sizeof j->where, c);
  if (!feature) return;
  double *token = feature + e->in->dv;
  collect(e, feature, token);
  at += write_span(j->where + at, sizeof j->where - at, e, token);
  const size_t most = outstanding(e->in->dv, feature, &factor);
  if (factor > 16)
    at += (size_t)snprintf(j->where + at, sizeof j->where - at,
                           "features: entry %zu has %.3g times the error of the others\n", most, factor);
  write_phase(j->where + at, sizeof j->where - at, e, token);
  free(feature);
}

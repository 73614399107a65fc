/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Instability, overflow, and numbers that are not finite. */
#include "check/judgement.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

/* What one lane shows. */
typedef struct lane_view {
  size_t too_large;                /* numbers that are not finite where the true one is near the type's largest */
  size_t bad, first_bad, last_bad; /* tokens with a number that is not finite */
  size_t bad_numbers, in_a_row;    /* such numbers; tokens from first_bad on without a finite one in between */
  size_t start;                    /* the first token at which o is OUTGROWN times the largest true one */
  double growth;                   /* per token, from there to the last finite one */
  double gained, late; /* what |o| over true |o| has gained from the first tokens to the last; in the last half */
  double largest;      /* true |o| of an entry */
} lane_view;

/* Unstable: a large gain, or a smaller one that goes on; what stays in a state for too long gains, and settles. */
static const double OUTGROWN = 10, GAINED = 1e3, GAINS = 30, LATE = 3;

static double norm(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

static size_t not_finite(size_t n, const double *x) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += isfinite(x[i]) ? 0 : 1;
  return count;
}

static void note_bad(lane_view *view, size_t t, size_t count) {
  if (count == 0) return;
  if (view->bad == 0) view->first_bad = t;
  view->in_a_row = view->bad == 0 || view->last_bad + 1 == t ? view->in_a_row + 1 : 0;
  view->last_bad = t, view->bad++, view->bad_numbers += count;
}

/* Mean logarithm of |o| over the largest true |o| so far, over finite tokens a to b-1. */
static double level(const efla_lane *lane, size_t a, size_t b) {
  const size_t dv = lane->x.dv;
  double sum = 0, most = 0, n = 0;
  for (size_t t = 0; t < b; t++) {
    most = fmax(most, norm(dv, lane->truth + t * dv));
    const double o = norm(dv, lane->found + t * dv);
    if (t >= a && isfinite(o) && o > 0 && most > 0) sum += log(o / most), n++;
  }
  return n > 0 ? sum / n : 0;
}

static lane_view look(const efla_lane *lane, const efla_format *type) {
  const size_t dv = lane->x.dv, T = lane->x.tokens;
  lane_view view = {.start = SIZE_MAX, .growth = NAN};
  double most = 0, at_start = 0, at_end = 0;
  size_t end = 0, finite = 0;
  for (size_t t = 0; t < T; t++) {
    const double o = norm(dv, lane->found + t * dv);
    most = fmax(most, norm(dv, lane->truth + t * dv));
    for (size_t e = t * dv; e < (t + 1) * dv; e++) {
      view.largest = fmax(view.largest, fabs(lane->truth[e]));
      view.too_large += !isfinite(lane->found[e]) && fabs(lane->truth[e]) > type->largest / 2 ? 1 : 0;
    }
    note_bad(&view, t, not_finite(dv, lane->found + t * dv));
    if (!isfinite(o)) continue;
    finite = t + 1;
    if (o <= OUTGROWN * most) continue;
    if (view.start == SIZE_MAX) view.start = t, at_start = o;
    at_end = o, end = t;
  }
  if (view.start < SIZE_MAX && end > view.start)
    view.growth = exp((log(at_end) - log(at_start)) / (double)(end - view.start));
  const size_t part = finite / 8 ? finite / 8 : 1;
  if (finite > 2) {
    const double last = level(lane, finite - part, finite);
    view.gained = exp(last - level(lane, 0, part)), view.late = exp(last - level(lane, finite / 2, finite / 2 + part));
  }
  return view;
}

static void say_unstable(efla_judgement *j, const efla_lane *lane, const lane_view *view) {
  char says[EFLA_FAULT_TEXT], end[80] = "";
  if (view->bad) snprintf(end, sizeof end, ", and is not finite from token %zu on", view->first_bad);
  snprintf(says, sizeof says,
           "unstable from token %zu on (sequence %zu, head %zu): o grows by a factor of %.3g per token%s", view->start,
           lane->sequence, lane->head, view->growth, end);
  efla_judgement_add(j, NAN, "unstable", says);
}

/* Numbers that are not finite up to the end: of an overflow of the type, or of a nan that has entered the state. */
static void say_lost(efla_judgement *j, const efla_evidence *e, const efla_lane *lane, const lane_view *view) {
  char says[EFLA_FAULT_TEXT];
  const efla_format *type = &e->spec->o;
  const bool overflows = view->too_large > 0 || view->largest > type->largest / 8;
  const double lambda = efla_token_lambda(&lane->x, view->first_bad), beta = lane->x.beta[view->first_bad];
  if (overflows)
    snprintf(
        says, sizeof says,
        "overflow of %s from token %zu on (sequence %zu, head %zu): o is up to %.3g there, the type's largest number "
        "is %.3g",
        type->name, view->first_bad, lane->sequence, lane->head, view->largest, type->largest);
  else
    snprintf(says, sizeof says,
             "not finite from token %zu on, without growth before it (sequence %zu, head %zu): a nan has entered the "
             "state%s",
             view->first_bad, lane->sequence, lane->head,
             lambda == 0 ? ", where the key is zero (0/0 in the coefficient)"
             : beta == 0 ? ", where beta is zero"
                         : "");
  efla_judgement_add(j, NAN, overflows ? "overflow" : "nan-state", says);
}

bool efla_judge_blowup(efla_judgement *j, const efla_evidence *e) {
  const efla_lane *unstable = NULL, *lost = NULL;
  lane_view of_unstable = {0}, of_lost = {0};
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    const efla_lane *lane = &e->lane[i];
    if (!lane->judged || lane->x.tokens == 0) continue;
    const lane_view view = look(lane, &e->spec->o);
    const bool grows =
        view.start < SIZE_MAX && view.growth > 1 && (view.gained > GAINED || (view.gained > GAINS && view.late > LATE));
    const bool ends_bad = view.bad > 1 && view.last_bad + 1 == lane->x.tokens && view.in_a_row == view.bad;
    if (grows && (!unstable || view.start < of_unstable.start)) unstable = lane, of_unstable = view;
    const bool overflows = view.bad > 0 && view.too_large == view.bad_numbers;
    if ((ends_bad || overflows) && (!lost || view.first_bad < of_lost.first_bad)) lost = lane, of_lost = view;
  }
  if (unstable)
    say_unstable(j, unstable, &of_unstable);
  else if (lost)
    say_lost(j, e, lost, &of_lost);
  else
    return false;
  j->kind = EFLA_NAMED;
  return true;
}

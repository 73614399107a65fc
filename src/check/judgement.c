/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/judgement.h"

#include "check/fault_fit.h"
#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void efla_judgement_add(efla_judgement *j, double left, const char *name, const char *says) {
  if (j->n == EFLA_FINDINGS) return;
  efla_finding *to = &j->finding[j->n++];
  *to = (efla_finding){.left = left};
  snprintf(to->name, sizeof to->name, "%s", name);
  snprintf(to->says, sizeof to->says, "%s", says);
}

static void add_candidate(efla_judgement *j, const efla_fault_candidate *one, const efla_fault_candidate *right) {
  efla_judgement_add(j, one->score / right->score, one->name, one->says);
  if (j->n) j->finding[j->n - 1].two = one->row[1] != SIZE_MAX;
}

static bool rounds(const efla_fault_candidate *one) { return one->model.state || one->model.products; }

static const double REST = 1e-3; /* of the error, which is as good as nothing */

/* Whether a candidate reduces the errors to rounding: to what right kernels stay below (test_comparison), or, where it
 * takes away all but a thousandth, to what the bound grants.  A model that rounds to few bits leaves the roundings that
 * fall to the other side, where sums are in another order: that it is twice as near is enough, since errors that look
 * random are reproduced by no other. */
static bool explains(const efla_fault_candidate *one, const efla_fault_candidate *right) {
  static const double ROUNDING = 0.5;
  const bool single = one->row[1] == SIZE_MAX,
             better = one->score <= 0.5 * right->score &&
                      efla_fault_likelihood(&one->distance, &right->distance) > log(EFLA_JUDGEMENT_RATIO);
  return better &&
         (one->score <= ROUNDING || (one->score <= 1 && one->score <= REST * right->score) || (single && rounds(one)));
}

/* Whether a is as much more likely than b that b is out of the question. */
static bool excludes(const efla_fault_candidate *a, const efla_fault_candidate *b) {
  return efla_fault_likelihood(&a->distance, &b->distance) > log(EFLA_JUDGEMENT_RATIO);
}

/* The most likely candidate of those with so many fitted numbers; NULL where none explains the errors. */
static const efla_fault_candidate *best(const efla_fault_candidates *c, size_t parameters) {
  const efla_fault_candidate *right = &c->candidate[0], *most = NULL;
  for (size_t i = 1; i < c->n; i++) {
    const efla_fault_candidate *one = &c->candidate[i];
    if (one->parameters != parameters || !explains(one, right)) continue;
    if (!most || efla_fault_likelihood(&one->distance, &most->distance) > 0) most = one;
  }
  return most;
}

/* Models that compute the same numbers to the last bit are one finding, which says so. */
static bool same_numbers(efla_judgement *j, const efla_fault_candidate *most, const efla_fault_candidate *one) {
  if (most == one || one->distance.o != most->distance.o || one->distance.state != most->distance.state) return false;
  char *says = j->finding[0].says;
  const size_t at = strlen(says);
  if (strcmp(one->name, most->name) != 0) snprintf(says + at, EFLA_FAULT_TEXT - at, "; or %.120s", one->says);
  return true;
}

/* Names the best, or all that it does not exclude; those that differ in an open number are the same. */
static bool decide(efla_judgement *j, const efla_fault_candidates *c, const efla_fault_candidate *most) {
  if (!most) return false;
  add_candidate(j, most, &c->candidate[0]);
  for (size_t i = 1; i < c->n; i++) {
    const efla_fault_candidate *one = &c->candidate[i];
    bool known = one->parameters != most->parameters || !explains(one, &c->candidate[0]) || excludes(most, one);
    known = known || same_numbers(j, most, one);
    for (size_t k = 0; k < j->n; k++) known = known || !strcmp(j->finding[k].name, one->name);
    if (!known) add_candidate(j, one, &c->candidate[0]);
  }
  j->kind = j->n > 1 ? EFLA_UNDECIDED : EFLA_NAMED;
  return true;
}

/* Single faults: with a fitted number only if it excludes those without. */
static bool judge_singles(efla_judgement *j, const efla_fault_candidates *c) {
  const efla_fault_candidate *fixed = best(c, 0), *fitted = best(c, 1);
  return decide(j, c, fitted && (!fixed || excludes(fitted, fixed)) ? fitted : fixed);
}

/* Keeps the single faults without a number that change anything. */
static void keep_for_pairs(efla_fault_candidates *c) {
  const efla_fault_candidate *right = &c->candidate[0];
  size_t n = 1;
  for (size_t i = 1; i < c->n; i++) {
    const efla_fault_candidate *one = &c->candidate[i];
    const double change =
        one->distance.o / right->distance.o + one->distance.state / fmax(right->distance.state, 1e-30);
    if (one->parameters == 0 && !(fabs(change - 2) < 0.02)) c->candidate[n++] = *one;
  }
  c->n = n;
}

static efla_status judge_pairs(efla_judgement *j, efla_fault_candidates *singles, const efla_fault_setting *s,
                               size_t threads, efla_message *why) {
  efla_fault_candidates *pairs = malloc(sizeof *pairs);
  if (!pairs) return efla_fail_memory(why);
  *pairs = *singles;
  keep_for_pairs(pairs);
  efla_fault_candidates_pair(pairs, s);
  efla_status status = efla_fault_candidates_try(pairs, s->evidence, threads);
  if (status == EFLA_OK) decide(j, pairs, best(pairs, 0));
  free(pairs);
  return status == EFLA_OK ? status : efla_fail_memory(why);
}

/* The nearest single fault, where it explains nine tenths. */
static void add_nearest(efla_judgement *j, const efla_fault_candidates *c) {
  if (c->n > 1 && c->candidate[1].score <= 0.1 * c->candidate[0].score)
    add_candidate(j, &c->candidate[1], &c->candidate[0]);
}

/* A systematic error that a fault explains in part is no rounding. */
static bool nothing_fits(const efla_fault_candidates *c) {
  for (size_t i = 1; i < c->n; i++)
    if (!rounds(&c->candidate[i]) && c->candidate[i].score < 0.9 * c->candidate[0].score) return false;
  return true;
}

static void judge_formats(efla_judgement *j, const efla_evidence *e) {
  char says[EFLA_FAULT_TEXT];
  if (!efla_judge_rounding(j, e)) return;
  snprintf(says, sizeof says,
           "the errors are distributed as those of a state that is rounded to about %.0f significant bits", j->digits);
  efla_judgement_add(j, 0, "state-bits", says);
  j->kind = EFLA_NAMED;
}

/* A fault without a number that leaves no more than half of what right kernels may have needs no rival with one. */
static const double CLEAR = 0.25;

static efla_status judge_models(efla_judgement *j, efla_fault_candidates *c, const efla_comparison *comparison,
                                const efla_fault_setting *s, size_t threads, efla_message *why) {
  const efla_evidence *e = s->evidence;
  const bool blown = efla_judge_blowup(j, e);
  efla_fault_candidates_list(c, s);
  bool room = efla_fault_candidates_try(c, e, threads) == EFLA_OK;
  const efla_fault_candidate *clear = best(c, 0);
  if (!blown && !(clear && clear->score < CLEAR))
    room = room && efla_fault_fit(c, s, threads) == EFLA_OK && efla_fault_candidates_try(c, e, threads) == EFLA_OK;
  if (!room) return efla_fail_memory(why);
  if (blown) {
    const efla_fault_candidate *cause = &c->candidate[1]; /* rounding grows too, so that it need not explain all */
    if (c->n > 1 && cause->score <= REST * c->candidate[0].score && !strcmp(j->finding[0].name, "unstable")) {
      snprintf(j->cause, sizeof j->cause, "%s", cause->name);
      const size_t at = strlen(j->finding[0].says);
      snprintf(j->finding[0].says + at, EFLA_FAULT_TEXT - at, "; %.150s", cause->says);
    }
    return EFLA_OK;
  }
  const efla_fault_distance *right = &c->candidate[0].distance;
  if (judge_singles(j, c) || efla_judge_places(j, e, right)) return EFLA_OK;
  if (efla_judge_writes(j, e, right, s->first)) return EFLA_OK;
  efla_status status = judge_pairs(j, c, s, threads, why);
  if (status != EFLA_OK || j->n) return status;
  if (nothing_fits(c)) judge_formats(j, e);
  if (!j->n) add_nearest(j, c);
  efla_judge_where(j, e, comparison);
  return EFLA_OK;
}

efla_status efla_judge(efla_judgement *j, const efla_comparison *c, size_t threads, efla_message *why) {
  const size_t first = c->total.o.first.token < SIZE_MAX ? c->total.o.first.token : 0;
  const bool flow = efla_kernel_spec_exact(&c->spec, c->in->g_per_channel); /* a series */
  const bool slow = flow || (double)(2 * first + 128) * (double)(c->in->dk * c->in->dv) > 0x1p24;
  const efla_effort effort = {(size_t)1 << (flow ? 14 : 22), first + (flow ? 64 : first + 128)};
  efla_evidence evidence;
  efla_fault_candidates *candidates = malloc(sizeof *candidates);
  *j = (efla_judgement){.digits = NAN};
  if (!candidates) return efla_fail_memory(why);
  efla_status status = efla_evidence_gather(&evidence, c, &effort, threads, why);
  const efla_fault_setting setting = {&c->spec, &evidence, first, efla_errors_rms(&c->total.o), slow};
  if (status == EFLA_OK && evidence.most > 0) status = judge_models(j, candidates, c, &setting, threads, why);
  efla_evidence_clear(&evidence);
  free(candidates);
  return status;
}

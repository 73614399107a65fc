/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judgement: why a kernel is outside the tolerance.
 *
 * Instability and numbers that are not finite outrank all else.  Then come single faults without a free number, factors
 * that are fitted, faults at the tokens of one phase of chunks, pairs of faults: one that comes later must be
 * EFLA_JUDGEMENT_RATIO times as likely as those before it.  An explanation must reduce the errors to rounding and be as
 * much more likely than every other of its rank; otherwise both are shown, undecided.  Last, errors that are
 * distributed as rounding errors are given a format; and what remains is unknown (docs/bounds.md#judgement). */
#ifndef EFLA_CHECK_JUDGEMENT_H
#define EFLA_CHECK_JUDGEMENT_H

#include "check/faults.h"

#define EFLA_JUDGEMENT_RATIO 1000. /* of likelihoods */

enum { EFLA_FINDINGS = 4 };

typedef struct efla_finding {
  char name[EFLA_FAULT_NAME];
  char says[EFLA_FAULT_TEXT];
  bool two;    /* a pair of faults */
  double left; /* share of the error that it does not explain */
} efla_finding;

typedef struct efla_judgement {
  enum { EFLA_UNKNOWN, EFLA_NAMED, EFLA_UNDECIDED } kind;
  size_t n;                            /* findings: 1 if named, more if undecided, at most 1 if unknown: the nearest */
  efla_finding finding[EFLA_FINDINGS]; /* the most likely first */
  char cause[EFLA_FAULT_NAME];         /* of an instability; "": not known */
  bool rounding;                       /* the errors are distributed as those of a state in few bits */
  double digits;                       /* how many it has; nan without rounding */
  char where[3 * EFLA_FAULT_TEXT];     /* lines: heads, tokens, features, phase, growth */
} efla_judgement;

/* Judges a comparison that is outside.  Fails where reading fails and with EFLA_NO_MEMORY. */
efla_status efla_judge(efla_judgement *judgement, const efla_comparison *comparison, size_t threads, efla_message *why);

/* Adds a finding; "name", and a sentence. */
void efla_judgement_add(efla_judgement *judgement, double left, const char *name, const char *says);

/* Parts of it; each returns whether it has found something and then sets kind.
 * Instability, overflow, numbers that are not finite to the end of a sequence, or alone. */
bool efla_judge_blowup(efla_judgement *judgement, const efla_evidence *evidence);
/* Errors of o at the tokens of one phase only, that no state carries on; and writes at such tokens (places.c). */
bool efla_judge_places(efla_judgement *judgement, const efla_evidence *evidence, const efla_fault_distance *right);
bool efla_judge_writes(efla_judgement *judgement, const efla_evidence *evidence, const efla_fault_distance *right,
                       size_t first);
/* Whether the errors are distributed over the tokens as the covariance of a state in few bits; sets digits. */
bool efla_judge_rounding(efla_judgement *judgement, const efla_evidence *evidence);
/* Where errors are, for what is unknown. */
void efla_judge_where(efla_judgement *judgement, const efla_evidence *evidence, const efla_comparison *comparison);

#endif

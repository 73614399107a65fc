/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of typical faults: a row for each, which changes the model of a correct kernel. */
#ifndef EFLA_CHECK_FAULTS_H
#define EFLA_CHECK_FAULTS_H

#include "check/fault_model.h"

enum { EFLA_FAULT_CANDIDATES = 600, EFLA_FAULT_TEXT = 400, EFLA_FAULT_NAME = 80 };

/* The inputs' properties on which a fault depends. */
typedef struct efla_fault_setting {
  const efla_kernel_spec *spec;
  const efla_evidence *evidence;
  size_t first;    /* the first token out of tolerance, 0 if none */
  double relative; /* root mean square of the errors over that of o */
  bool slow;       /* models are slow to compute: fewer are tried */
} efla_fault_setting;

/* What a row works on. */
typedef struct efla_fault_edit {
  efla_fault_model *model;
  const efla_fault_setting *setting;
  const efla_kernel_spec *spec;
  const efla_tensors *in;
  size_t variant;
  char *says; /* (EFLA_FAULT_TEXT) */
} efla_fault_edit;

/* apply changes the model and describes the fault; false where the inputs cannot show it.  A fault that depends on a
 * number (the length of a chunk, a format) has variants; `named` says how one is called where it is a fault of its own,
 * and not one whose number is open. */
typedef struct efla_fault_row {
  const char *name;
  bool (*apply)(efla_fault_edit *edit);
  size_t (*variants)(void); /* NULL: one */
  const char *(*named)(size_t variant);
} efla_fault_row;

/* Describes the fault; returns `possible`. */
bool efla_fault_say(efla_fault_edit *edit, bool possible, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether there is g per channel that the specified decay takes. */
bool efla_fault_channels(const efla_fault_edit *edit);

/* Of the rule and its arrays; of time, chunks, heads and numbers.  Each ends with a row whose name is NULL. */
extern const efla_fault_row efla_faults_of_rules[], efla_faults_of_places[];

typedef struct efla_fault_candidate {
  efla_fault_model model;
  size_t row[2], variant[2];  /* the second row is SIZE_MAX for a single fault */
  size_t parameters;          /* fitted to the file */
  char name[EFLA_FAULT_NAME]; /* rows joined by +; equal where faults differ in an open number only */
  char says[EFLA_FAULT_TEXT]; /* description of the fault */
  efla_fault_distance distance;
  double score; /* efla_fault_score */
} efla_fault_candidate;

typedef struct efla_fault_candidates {
  size_t n;
  efla_fault_candidate candidate[EFLA_FAULT_CANDIDATES]; /* number 0 is the model of a correct kernel */
} efla_fault_candidates;

/* Lists all faults that are possible with these inputs, each alone. */
void efla_fault_candidates_list(efla_fault_candidates *candidates, const efla_fault_setting *setting);

/* Replaces a sorted list by pairs of its faults, as many as fit. */
void efla_fault_candidates_pair(efla_fault_candidates *candidates, const efla_fault_setting *setting);

/* Computes every model and sorts all but number 0 by score.  Fails with EFLA_NO_MEMORY. */
efla_status efla_fault_candidates_try(efla_fault_candidates *candidates, const efla_evidence *evidence, size_t threads);

#endif

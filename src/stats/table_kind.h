/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of trained models: which rows of which program's table say how good a model is. */
#ifndef EFLA_STATS_TABLE_KIND_H
#define EFLA_STATS_TABLE_KIND_H

#include "base/status.h"
#include "io/csv.h"

#include <stdbool.h>

/* What is measured of a trained model, and the rows that have it. */
typedef struct efla_measure {
  const char *study;        /* what the column study holds; "end" too where the table has no such column */
  const char *name, *level; /* columns of the condition; NULL: its name is the study's, its level 0 */
  const char *value;        /* column of the response */
  const char *keys;         /* models with this key treatment alone have it; NULL: all */
  bool larger;              /* larger is better */
  bool mean;                /* over the levels of each name is of interest */
  bool mean_of_names;       /* as is the mean over all names, called all */
  double most;              /* largest value; the least is 0 */
  double difference;        /* one of interest */
  const char *unit;         /* of printed differences, which are multiplied by the scale */
  double scale;
} efla_measure;

typedef struct efla_table_kind {
  const char *program;      /* that writes the table */
  const char *along;        /* column that grows along training: of its largest value are the rows that count */
  const char *whole;        /* column that is 0 where a row is no part of another; NULL: every row */
  bool rate_is_factor;      /* all models are trained at all learning rates, which are contrasted */
  bool diverges;            /* a response may be nan */
  bool each_trains;         /* a model of its own for each condition; false: one for all */
  const char *chosen_by;    /* name whose smallest level the rate is chosen by; NULL: each condition by itself */
  efla_measure measures[6]; /* ends with a study NULL */
} efla_table_kind;

extern const efla_table_kind efla_table_kinds[]; /* ends with a program NULL */

/* The kind of a table by its header's "# program: NAME"; the first of the list where there is no such line. NULL: a
 * program that is not in the list. */
const efla_table_kind *efla_table_kind_of(const efla_csv *table);

/* The measure that a row has; NULL: none. */
const efla_measure *efla_table_measure(const efla_table_kind *kind, const efla_csv *table, size_t row);

#endif

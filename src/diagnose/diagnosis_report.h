/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnosis of a tensor file, and its output as text, as JSON and as a table for a figure. */
#ifndef EFLA_DIAGNOSE_DIAGNOSIS_REPORT_H
#define EFLA_DIAGNOSE_DIAGNOSIS_REPORT_H

#include "diagnose/diagnosis.h"
#include "app/table.h"
#include "io/tensors.h"

#include <stdio.h>

/* Initialises d and adds all tokens of a file with this decay; runs are measured on the first `measure` tokens of every
 * head, against `truth`.  The caller finishes d and, whatever the status, clears it.  Fails as efla_stream_next does,
 * with EFLA_USAGE where the oracle does not know the decay, and with EFLA_NO_MEMORY. */
efla_status efla_diagnosis_file(efla_diagnosis *d, efla_tensors *file, const efla_decay *decay, size_t measure,
                                const efla_oracle *truth, efla_message *why);

typedef struct efla_diagnosis_about {
  const char *input; /* name of the file */
  size_t tolerances;
  const double *tolerance; /* (tolerances), for each of which a sufficient format is reported */
} efla_diagnosis_about;

/* Text of at most 132 columns: the total, tables with one line per head, the sentence of the verdict. */
void efla_diagnosis_write_text(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out);

/* One JSON object: file, sizes, "total" and "heads" with the same members, "verdict".  A place is {"token", "head",
 * "sequence"} or null; numbers that are not finite are written as the strings "inf", "-inf" and "nan".  Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_diagnosis_write_json(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out,
                                      efla_message *why);

/* The rows from which plots/diagnose.gp draws: quantities of the total, and growth
 * rates and half-lives head by head. */
extern const efla_column efla_diagnosis_columns[];
void efla_diagnosis_write_rows(efla_diagnosis *d, const efla_diagnosis_about *about, efla_table *table);

/* The quantiles of x in text and JSON, and the bars per factor of 2 of the histograms in JSON and table. */
enum { EFLA_DIAGNOSIS_QUANTILES = 9, EFLA_DIAGNOSIS_BARS = 8 };
extern const double efla_diagnosis_quantiles[EFLA_DIAGNOSIS_QUANTILES];

#endif

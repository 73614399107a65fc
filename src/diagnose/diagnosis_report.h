/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A diagnosis for people, for programs, and for its picture. */
#ifndef EFLA_DIAGNOSE_DIAGNOSIS_REPORT_H
#define EFLA_DIAGNOSE_DIAGNOSIS_REPORT_H

#include "diagnose/diagnosis.h"
#include "app/table.h"
#include "io/tensors.h"

#include <stdio.h>

/* All tokens of a file through a diagnosis, errors and formats on the first `measure` tokens of every head, against
 * `truth`.  d is initialised here and the caller's to finish and, whatever the status, to clear.  Fails as
 * efla_stream_next does and with EFLA_NO_MEMORY. */
efla_status efla_diagnosis_file(efla_diagnosis *d, efla_tensors *file, size_t measure, const efla_oracle *truth,
                                efla_message *why);

typedef struct efla_diagnosis_about {
  const char *input; /* name of the file */
  size_t tolerances;
  const double *tolerance; /* (tolerances): for which of these does which format suffice? */
} efla_diagnosis_about;

/* Text of at most 132 columns: the total, then one line a head in each of three tables, then the sentence. */
void efla_diagnosis_write_text(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out);

/* One JSON object: file, sizes, "total" and "heads" with the same members, "verdict".  A place is {"token", "head",
 * "sequence"} or null; numbers that are not finite are the strings "inf", "-inf" and "nan".  Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_diagnosis_write_json(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out,
                                      efla_message *why);

/* The rows from which plots/diagnose.gp draws: quantities of the total, and growth rates head by head. */
extern const efla_column efla_diagnosis_columns[];
void efla_diagnosis_write_rows(const efla_diagnosis *d, const efla_diagnosis_about *about, efla_table *table);

/* What both the text and the object list: the quantiles of x; and how many bars to a factor of 2 the histograms of
 * object and picture have. */
enum { EFLA_DIAGNOSIS_QUANTILES = 9, EFLA_DIAGNOSIS_BARS = 8 };
extern const double efla_diagnosis_quantiles[EFLA_DIAGNOSIS_QUANTILES];

#endif

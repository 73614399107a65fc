/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/table_kind.h"

#include <float.h>
#include <string.h>

#define ACCURACY                                                                                                       \
  .value = "accuracy", .larger = true, .most = 1, .difference = 0.01, .unit = "percentage points", .scale = 100
#define BITS                                                                                                           \
  .value = "bits", .most = DBL_MAX, .difference = 0.005, .unit = "thousandths of a bit per byte", .scale = 1000

const efla_table_kind efla_table_kinds[] = {
    {.program = "smnist",
     .along = "epoch",
     .rate_is_factor = true,
     .measures = {{.study = "end", .name = "perturbation", .level = "level", .mean = true, ACCURACY}}},
    {.program = "lm",
     .along = "step",
     .whole = "place",
     .diverges = true,
     .chosen_by = "valid",
     .measures = {{.study = "end", .name = "part", .level = "context", BITS},
                  {.study = "blimp", .name = "part", ACCURACY},
                  {.study = "lambada", ACCURACY},
                  {.study = "substituted", .level = "level", .mean = true, BITS},
                  {.study = "scaled", .keys = "raw", .level = "level", .mean = true, BITS}}},
    {.program = "recall",
     .along = "step",
     .diverges = true,
     .each_trains = true,
     .measures = {{.study = "end", .name = "task", .level = "items", .mean = true, ACCURACY}}},
    {.program = "mad",
     .along = "step",
     .diverges = true,
     .each_trains = true,
     .measures = {{.study = "end", .name = "task", .level = "items", .mean_of_names = true, ACCURACY}}},
    {.program = NULL},
};

const efla_table_kind *efla_table_kind_of(const efla_csv *table) {
  static const char key[] = "# program: ";
  const char *line =
      strncmp(table->header, key, sizeof key - 1) ? strstr(table->header, "\n# program: ") : table->header;
  if (!line) return efla_table_kinds;
  const char *name = strchr(line, ':') + 2;
  const size_t length = strcspn(name, "\r\n");
  for (const efla_table_kind *k = efla_table_kinds; k->program; k++)
    if (strlen(k->program) == length && !strncmp(k->program, name, length)) return k;
  return NULL;
}

const efla_measure *efla_table_measure(const efla_table_kind *kind, const efla_csv *table, size_t row) {
  const char *study = efla_csv_text(table, row, "study");
  if (kind->whole && strcmp(efla_csv_text(table, row, kind->whole), "0") != 0) return NULL;
  for (const efla_measure *m = kind->measures; m->study; m++)
    if (!strcmp(*study ? study : "end", m->study)) return m;
  return NULL;
}

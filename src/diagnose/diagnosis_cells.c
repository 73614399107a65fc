/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/diagnosis_cells.h"

#include <math.h>

double efla_share(size_t part, const efla_statistics *f) { return 100 * (double)part / (double)f->tokens; }

void efla_write_number(FILE *out, int width, int digits, double value) {
  if (isnan(value))
    fprintf(out, "%*s", width, "-");
  else
    fprintf(out, "%*.*g", width, digits, value);
}

void efla_write_percent(FILE *out, int width, double value) { fprintf(out, "%*.3g %%", width - 2, value); }

void efla_write_rate(FILE *out, int width, double value) {
  if (isnan(value))
    fprintf(out, "%*s", width, "-");
  else
    fprintf(out, "%+*.5f", width, value);
}

void efla_write_token(FILE *out, int width, efla_place place) {
  if (efla_somewhere(place))
    fprintf(out, "%*zu", width, place.token);
  else
    fprintf(out, "%*s", width, "-");
}

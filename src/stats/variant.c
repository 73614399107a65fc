/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const efla_variant efla_variant_none = {.width = NAN, .lr = NAN};

static int by_text(const char *a, const char *b) { return a == b ? 0 : !a ? -1 : !b ? 1 : strcmp(a, b); }

/* nan comes first. */
static int by_number(double a, double b) { return isnan(a) || isnan(b) ? isnan(b) - isnan(a) : (a > b) - (a < b); }

static int by_stratum(const efla_variant *a, const efla_variant *b) {
  int order = by_text(a->mixer, b->mixer);
  if (order == 0) order = by_text(a->decay, b->decay);
  if (order == 0) order = by_text(a->beta, b->beta);
  return order ? order : by_number(a->width, b->width);
}

int efla_variant_compare(const efla_variant *a, const efla_variant *b) {
  int order = by_stratum(a, b);
  if (order == 0) order = by_text(a->method, b->method);
  if (order == 0) order = by_text(a->keys, b->keys);
  return order ? order : by_number(a->lr, b->lr);
}

bool efla_variant_same_stratum(efla_variant a, efla_variant b) { return by_stratum(&a, &b) == 0; }

void efla_variant_print(char *text, efla_variant v) {
  const struct {
    const char *before, *what;
  } parts[] = {{"", v.method}, {"keys ", v.keys}, {"mixer ", v.mixer}, {"decay ", v.decay}, {"beta ", v.beta}};
  FILE *file = fmemopen(text, EFLA_VARIANT_TEXT, "w");
  *text = 0;
  if (!file) return;
  const char *between = "";
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].what) fprintf(file, "%s%s%.40s", between, parts[i].before, parts[i].what), between = ", ";
  if (!isnan(v.width)) fprintf(file, "%swidth %g", between, v.width), between = ", ";
  if (!isnan(v.lr)) fprintf(file, "%slr %g", between, v.lr);
  fclose(file);
}

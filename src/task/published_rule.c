/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/published_rule.h"

#include <stddef.h>
#include <string.h>

static const struct published_rule {
  const char *name, *method, *decay, *keys;
} rules[] = {{"EFLA", "exact", "none", "raw"},
             {"gated EFLA", "exact", "retention", "raw"},
             {"DeltaNet", "euler", "none", "unit"},
             {"Gated DeltaNet", "euler", "split", "unit"},
             {"Longhorn", "implicit", "none", "raw"}};

const char *efla_published_name(const char *method, const char *decay, const char *keys) {
  for (size_t r = 0; r < sizeof rules / sizeof *rules && method && decay && keys; r++)
    if (!strcmp(rules[r].method, method) && !strcmp(rules[r].decay, decay) && !strcmp(rules[r].keys, keys))
      return rules[r].name;
  return "-";
}

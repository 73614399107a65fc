/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/published_rule.h"

#include <stddef.h>
#include <string.h>

static const struct published_rule {
  const char *name, *method, *keys;
} rules[] = {{"EFLA", "exact", "raw"}, {"DeltaNet", "euler", "unit"}, {"Longhorn", "implicit", "raw"}};

const char *efla_published_name(const char *method, const char *keys) {
  for (size_t r = 0; r < sizeof rules / sizeof *rules && method && keys; r++)
    if (!strcmp(rules[r].method, method) && !strcmp(rules[r].keys, keys)) return rules[r].name;
  return "-";
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of awkward cases, as compare's options ask for them. */
#include "check/awkward.h"

#include <stdlib.h>
#include <string.h>

/* The values before the cases' names. */
enum { ALL, LIST, BEFORE_CASES };

const char *efla_awkward_option(size_t i) {
  return i == ALL ? "awkward" : i == LIST ? "list" : efla_awkward_cases[i - BEFORE_CASES].name;
}

static bool asked(const efla_list *cases, size_t row) {
  bool found = false;
  for (size_t i = 0; i < cases->n; i++) found |= cases->row[i] == row;
  return found;
}

bool efla_awkward_lists(const efla_list *cases) { return asked(cases, LIST); }

char *efla_awkward_path(const char *path, const efla_awkward *c) {
  const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
  const int stem = (int)(dot && dot != path ? (size_t)(dot - path) : strlen(path));
  char *made = NULL;
  return asprintf(&made, "%.*s-%s%s", stem, path, c->name, path + stem) < 0 ? NULL : made;
}

static efla_status make_case(const efla_awkward *c, const efla_awkward_wish *wish, const char *file, FILE *out,
                             efla_message *why) {
  char *path = efla_awkward_path(file, c);
  efla_status status = path ? efla_awkward_write(c, wish, path, why) : efla_fail_memory(why);
  if (status == EFLA_OK) fprintf(out, "%s: %s\n", path, c->about);
  free(path);
  return status;
}

efla_status efla_awkward_make(const efla_list *cases, const efla_awkward_wish *wish, const char *file, FILE *out,
                              efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; efla_awkward_cases[i].name && status == EFLA_OK; i++) {
    const efla_awkward *c = &efla_awkward_cases[i];
    const bool suits = efla_awkward_suits(c, wish), named = asked(cases, i + BEFORE_CASES);
    if (asked(cases, LIST)) fprintf(out, "%s: %s\n", c->name, c->about);
    if (!file) continue;
    if (named && !suits)
      status = efla_fail(
          why, EFLA_USAGE,
          "--cases %s: of kernels with another decay, type or g per channel, expected a case for this one", c->name);
    else if (named || (suits && asked(cases, ALL)))
      status = make_case(c, wish, file, out, why);
  }
  return status;
}

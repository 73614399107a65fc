/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict RESULTS PROGRAMS: the paper's claims, each with the evidence that the tables in RESULTS give for it.
 *
 * Exit status 1 where a table is missing or older than the program in PROGRAMS that writes it, or has too few rows for
 * a claim. */
#include "../claims/claims.h"

static void print(void *context, const finding *f) {
  (void)context;
  const verdict *v = &f->verdict;
  const bool conditional = v->ruling == HOLDS_IF;
  if (f->no_table) {
    if (v->ruling == NOT_ASKED) printf("%-44s not asked (%s)\n", f->text, v->evidence);
    return;
  }
  printf("%-44s %-9s%s%s\n%46s%s [%s.csv]\n", f->text, ruling_word(v->ruling), conditional ? " " : "",
         conditional ? v->condition : "", "", v->evidence, f->table);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "Usage: verdict RESULTS PROGRAMS\n");
    return EFLA_EXIT_USAGE;
  }
  return claims_judge(argv[1], argv[2], print, NULL) ? EFLA_EXIT_FINE : EFLA_EXIT_CHECK;
}

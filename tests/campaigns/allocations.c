/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make allocations: programs that write are refused memory, at N places of each, at all where there are fewer.
 *
 * A request of the program's own code, or of the C library on its behalf, gets NULL; in half of the trials all later
 * ones do.  Promised: no program crashes; it ends as it would have, with its whole files, or with status 3, a sentence,
 * no unfinished file or lock, and at each file's name what was there before, or the whole new file. */
#include "writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { REFUSED, ENDED_WELL };

static size_t requests[WRITERS], places[WRITERS]; /* of memory, and how many of them are tried */
static size_t all;                                /* places of all writers */
static int well[WRITERS];                         /* status that each ends with, undisturbed */

static int run_refusing(campaign *c, size_t w, size_t request, bool on) {
  return campaign_run_preloaded(c, writers[w].line, "ALLOCATIONS_COUNT=%s/count ALLOCATIONS_AT=%zu %s", c->work,
                                request, on ? "ALLOCATIONS_ON=1" : "");
}

static void prepare(campaign *c) {
  setenv("OPENBLAS_CORETYPE", "Haswell", 0); /* so that no program starts itself again, without the library */
  writers_prepare(c);
  for (size_t w = 0; w < WRITERS; w++) {
    writers_clear(w, false);
    well[w] = run_refusing(c, w, 0, false);
    writers_check(c, w, false, true);
    requests[w] = campaign_read_number("count");
    if (requests[w] == 0) campaign_broken(c, "%s: no request of memory was seen", writers[w].line);
    places[w] = requests[w] < c->n ? requests[w] : c->n;
    all += places[w];
  }
}

static bool more(const campaign *c) { return __atomic_load_n(&c->shared->next, __ATOMIC_SEQ_CST) < all; }

static void trial(campaign *c) {
  size_t w = 0, i = c->trial;
  while (w < WRITERS && i >= places[w]) i -= places[w++];
  if (w == WRITERS) return; /* another process took the last one */
  const size_t request = 1 + i * requests[w] / places[w];
  const bool on = campaign_below(c, 2), old = !writers[w].study && campaign_below(c, 2);
  writers_clear(w, old);
  const int status = run_refusing(c, w, request, on);
  char what[400];
  snprintf(what, sizeof what, "%.200s: request %zu of %zu%s", writers[w].line, request, requests[w],
           on ? " and all later ones" : "");
  const bool ended = status == well[w], said = WIFEXITED(status) && WEXITSTATUS(status) == 3;
  campaign_count(c, ended ? ENDED_WELL : REFUSED);
  if (!ended && !said) campaign_broken(c, "%s: status %d", what, status);
  if (said && campaign_shell("[ -s err ]") != 0) campaign_broken(c, "%s: status 3 without a sentence", what);
  if (campaign_shell("find now -name '*.part' -o -name '*.lock' | grep . >left") == 0)
    campaign_broken(c, "%s: left an unfinished file, see %s/left", what, c->work);
  writers_check(c, w, old, ended);
}

static void summary(const campaign *c) {
  const campaign_shared *s = c->shared;
  size_t sum = 0;
  for (size_t w = 0; w < WRITERS; w++) sum += requests[w];
  printf("%zu of %zu requests refused: %zu programs said so, %zu ended well, %zu broken\n", all, sum, s->count[REFUSED],
         s->count[ENDED_WELL], s->broken);
}

int main(int argc, char **argv) { return campaign_main(argc, argv, prepare, more, trial, summary); }

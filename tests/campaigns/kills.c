/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make kills: programs that write are ended by signals at random moments.
 *
 * Promised: what is at a file's name is the old file or the whole new one; SIGINT, SIGTERM and SIGHUP leave no
 * unfinished file and no lock; the program ends by the signal, if it has not ended well before; a study that is taken
 * up again loses no finished config and ends with the bits of one that was never stopped. */
#include "writers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNALS, RESUMED, INTERRUPTED };

static bool more(const campaign *c) { return __atomic_load_n(&c->shared->count[SIGNALS], __ATOMIC_SEQ_CST) < c->n; }

/* Sends one signal at a random moment; whether the writer had ended before. */
static bool interrupt(campaign *c, size_t w, bool old) {
  static const int signals[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP};
  int number = signals[campaign_below(c, 4)];
  bool group = campaign_below(c, 2);
  double after = 1.2 * writers_seconds[w] * campaign_uniform(c);
  campaign_shell("touch stamp"); /* an earlier SIGKILL may have left files, which the next run need not have reached */
  int status = campaign_run(c, writers[w].line, number, after, group);
  campaign_count(c, SIGNALS);
  bool ended = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1),
       by_it = WIFSIGNALED(status) && WTERMSIG(status) == number;
  if (by_it) campaign_count(c, INTERRUPTED);
  if (status == -1 || (!ended && !by_it))
    campaign_broken(c, "%s: signal %d after %.3f s: ended with %d, expected that signal", writers[w].line, number,
                    after, status);
  if (number != SIGKILL &&
      campaign_shell("find now -newer stamp -name '*.part' -o -newer stamp -name '*.lock' | grep . >left") == 0)
    campaign_broken(c, "%s: signal %d after %.3f s: left an unfinished file, see %s/left", writers[w].line, number,
                    after, c->work);
  writers_check(c, w, old, ended);
  return ended;
}

/* How many rows of finished configs there are; all as in the whole table's. */
static size_t finished_rows(campaign *c, size_t w) {
  char rows[32] = "", line[512];
  size_t n = 0;
  snprintf(line, sizeof line, "%s--configs now/configs --finished --out finished.csv", writers[w].study);
  int status = campaign_run(c, line, 0, 0, false);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3) return 0; /* none, or no directory yet */
  if (status != 0) campaign_broken(c, "a stopped study: --finished ends with %d: see %s/err", status, c->work);
  if (campaign_shell(
          "for t in finished.csv whole-%zu/file.csv; do grep -v '^#' $t | sed 's/,[^,]*$//' >${t##*/}.rows; done; "
          "wc -l <finished.csv.rows >rows; grep -vxFf file.csv.rows finished.csv.rows >/dev/null",
          w) == 0)
    campaign_broken(c, "a stopped study: finished configs have other rows");
  unsigned char *text = campaign_read("rows", &n);
  if (text) snprintf(rows, sizeof rows, "%s", (char *)text);
  free(text);
  return strtoul(rows, NULL, 10);
}

/* Stopped some times, and then brought to its end. */
static void stop_study(campaign *c, size_t w) {
  size_t stops = 1 + campaign_below(c, 4), rows = 0;
  for (size_t i = 0; i < stops; i++) {
    interrupt(c, w, false);
    size_t now = finished_rows(c, w);
    if (now < rows) campaign_broken(c, "a stopped study: %zu rows of finished configs were %zu before", now, rows);
    rows = now;
    campaign_shell("rm -f now/*.csv");
  }
  writers_finish_study(c, w);
  campaign_count(c, RESUMED);
}

static void trial(campaign *c) {
  size_t w = c->trial % WRITERS;
  bool old = !writers[w].study && campaign_below(c, 2);
  writers_clear(w, old);
  if (writers[w].study)
    stop_study(c, w);
  else
    interrupt(c, w, old);
}

static void summary(const campaign *c) {
  const campaign_shared *s = c->shared;
  printf("%zu signals, of which %zu ended a program, %zu studies resumed, %zu broken\n", s->count[SIGNALS],
         s->count[INTERRUPTED], s->count[RESUMED], s->broken);
}

int main(int argc, char **argv) { return campaign_main(argc, argv, writers_prepare, more, trial, summary); }

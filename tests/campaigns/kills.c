/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make kills: programs that write are ended by signals at random moments.
 *
 * Promised: what is at a file's name is the old file or the whole new one; SIGINT, SIGTERM and SIGHUP leave no
 * unfinished file and no lock; the program ends by the signal, if it has not ended well before; a study that is taken
 * up again loses no finished config and ends with the bits of one that was never stopped. */
#include "campaign.h"

#include "app/progress.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNALS, RESUMED, INTERRUPTED };

#define TENSORS "tensors.h5"
#define STUDY                                                                                                          \
  "smnist --quick --threads 1 --width 16 --train-images 40 --eval-images 4 --batch 4 --save-every 2 --epochs 2 "       \
  "--method "                                                                                                          \
  "euler,exact --keys raw,unit "
#define TEXTS                                                                                                          \
  "lm --quick --threads 1 --width 16 --hidden 16 --context 16 --batch 4 --group 2 --steps 24 --every 6 --warmup 2 "    \
  "--windows 4 --save-every 2 --method euler,exact --keys raw,unit "
#define TOKENS                                                                                                         \
  " --quick --threads 1 --width 16 --batch 4 --group 2 --steps 16 --warmup 2 --tested 8 --save-every 2 "               \
  "--method euler,exact --keys raw,unit "
#define RESULTS "--out now/file.csv --losses now/losses.csv --steps now/steps.csv"

/* All write into now/, at most four files. */
static const struct writer {
  const char *line, *files[4];
  const char *study; /* that it runs, with configs in now/configs and files in now/tensors; NULL: none */
} writers[] = {
    {"coefficient --quick --out now/file.csv", {"file.csv"}, NULL},
    {"run --input " TENSORS " --output now/file.h5", {"file.h5"}, NULL},
    {"compare --input " TENSORS " --out now/file.csv", {"file.csv"}, NULL},
    {"diagnose --input " TENSORS " --out now/file.csv --figure now/file.svg", {"file.csv", "file.svg"}, NULL},
    {"accumulation --quick --tokens 20 --norm 1 --family unit,dictionary --out now/file.csv", {"file.csv"}, NULL},
    {"effects --input study.csv --out now/file.csv", {"file.csv"}, NULL},
    {STUDY RESULTS, {"file.csv", "losses.csv", "steps.csv"}, NULL},
    {STUDY RESULTS " --configs now/configs --tensors now/tensors", {"file.csv", "losses.csv", "steps.csv"}, STUDY},
    {TEXTS "--out now/file.csv --distributions now/steps.csv --configs now/configs --tensors now/tensors",
     {"file.csv", "steps.csv"},
     TEXTS},
    {"recall" TOKENS "--out now/file.csv --configs now/configs", {"file.csv"}, "recall" TOKENS},
    {"mad" TOKENS "--out now/file.csv --configs now/configs", {"file.csv"}, "mad" TOKENS},
};
enum { WRITERS = sizeof writers / sizeof *writers };

static double seconds[WRITERS]; /* that each takes, uninterrupted */

/* Bytes of a table but for times: the last column of smnist's scores. */
static void blank_times(unsigned char *bytes, size_t *n) {
  if (memcmp(bytes, "# program: smnist", *n < 17 ? *n : 17) != 0 || !strstr((char *)bytes, "train_seconds")) return;
  size_t kept = 0, comma = 0;
  bool header = false;
  for (size_t i = 0, start = 0; i < *n; i++) {
    if (i == start) header = bytes[i] == '#', comma = 0;
    if (bytes[i] == ',') comma = kept;
    bytes[kept++] = bytes[i];
    if (bytes[i] != '\n') continue;
    if (comma && !header) kept = comma, bytes[kept++] = '\n';
    start = i + 1;
  }
  *n = kept;
}

static bool same(const char *path, const char *expected) {
  size_t n = 0, m = 0;
  unsigned char *a = campaign_read(path, &n), *b = campaign_read(expected, &m);
  if (a && b) blank_times(a, &n), blank_times(b, &m);
  bool equal = a && b && n == m && memcmp(a, b, n) == 0;
  free(a), free(b);
  return equal;
}

/* Whole files of every writer, in whole-NUMBER, and how long they take. */
static void prepare(campaign *c) {
  campaign_shell("cp %s/tensors/whole-4.h5 " TENSORS "; cp %s/csv/study study.csv", c->data, c->data);
  for (size_t w = 0; w < WRITERS; w++)
    for (int again = 0; again < 2; again++) { /* the first time reads programs from the disk */
      campaign_shell("rm -rf now whole-%zu; mkdir now", w);
      double started = efla_seconds();
      int status = campaign_run(c, writers[w].line, 0, 0, false);
      seconds[w] = efla_seconds() - started;
      if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 1))
        campaign_broken(c, "%s: status %d", writers[w].line, status);
      campaign_shell("mv now whole-%zu", w);
    }
}

static bool more(const campaign *c) { return __atomic_load_n(&c->shared->count[SIGNALS], __ATOMIC_SEQ_CST) < c->n; }

/* Of one writer's files. */
static void check_files(campaign *c, size_t w, bool old, bool ended) {
  for (size_t f = 0; f < 4 && writers[w].files[f]; f++) {
    char path[300], whole[300];
    snprintf(path, sizeof path, "now/%s", writers[w].files[f]);
    snprintf(whole, sizeof whole, "whole-%zu/%s", w, writers[w].files[f]);
    if (same(path, whole)) continue;
    if (ended)
      campaign_broken(c, "%s: %s is not whole after a good end", writers[w].line, path);
    else if (old ? !same(path, "older") : access(path, F_OK) == 0)
      campaign_broken(c, "%s: %s is neither the old file nor the whole new one", writers[w].line, path);
  }
}

/* Sends one signal at a random moment; whether the writer had ended before. */
static bool interrupt(campaign *c, size_t w, bool old) {
  static const int signals[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP};
  int number = signals[campaign_below(c, 4)];
  bool group = campaign_below(c, 2);
  double after = 1.2 * seconds[w] * campaign_uniform(c);
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
  check_files(c, w, old, ended);
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
  int status = campaign_run(c, writers[w].line, 0, 0, false);
  if (status != 0) campaign_broken(c, "a stopped study: taken up, it ends with %d: see %s/err", status, c->work);
  check_files(c, w, false, true);
  if (campaign_shell("find now -name '*.part' -o -name '*.lock' | grep -q .") == 0)
    campaign_broken(c, "a stopped study: brought to its end, it leaves an unfinished file");
  if (campaign_shell(
          "for f in $(ls whole-%zu/tensors/*.h5 2>/dev/null); do cmp -s $f now/tensors/${f##*/} || exit 1; done", w) !=
      0)
    campaign_broken(c, "a stopped study: other tensors");
  campaign_count(c, RESUMED);
}

static void trial(campaign *c) {
  size_t w = c->trial % WRITERS;
  bool old = !writers[w].study && campaign_below(c, 2);
  campaign_shell("rm -rf now; mkdir now");
  campaign_write("older", "older", 5);
  for (size_t f = 0; old && f < 4 && writers[w].files[f]; f++) campaign_shell("cp older now/%s", writers[w].files[f]);
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

int main(int argc, char **argv) { return campaign_main(argc, argv, prepare, more, trial, summary); }

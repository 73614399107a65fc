/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "writers.h"

#include "app/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

const writer writers[WRITERS] = {
    {"coefficient --quick --out now/file.csv", {"file.csv"}, NULL},
    {"run --input " TENSORS " --output now/file.h5", {"file.h5"}, NULL},
    {"compare --input " TENSORS " --out now/file.csv", {"file.csv"}, NULL},
    {"diagnose --input " TENSORS " --out now/file.csv --figure now/file.svg", {"file.csv", "file.svg"}, NULL},
    {"accumulation --quick --tokens 20 --norm 1 --family unit,dictionary --out now/file.csv", {"file.csv"}, NULL},
    {"chunk --quick --out now/file.csv", {"file.csv"}, NULL},
    {"channel_decay --quick --out now/file.csv", {"file.csv"}, NULL},
    {"confusion --quick --kernel exact --seeds 1 --out now/file.csv", {"file.csv"}, NULL},
    {"decay --quick --out now/file.csv", {"file.csv"}, NULL},
    {"noise --quick --dk 8 --pairs 4 --trials 2 --methods euler,exact --out now/file.csv", {"file.csv"}, NULL},
    {"order --quick --out now/file.csv", {"file.csv"}, NULL},
    {"precision --quick --out now/file.csv", {"file.csv"}, NULL},
    {"reference --quick --dk 4 --largest 1 --out now/file.csv", {"file.csv"}, NULL},
    {"scaling --quick --tokens 1024 --forward 1e-6 --sum 1e-6 --map 1e-6 --product 1e-6 --gradient 1e-3 --out "
     "now/file.csv",
     {"file.csv"},
     NULL},
    {"stability --quick --dk 4 --tokens 100 --out now/file.csv", {"file.csv"}, NULL},
    {"stability_plane --quick --dk 4 --tokens 100 --per-unit 2 --out now/file.csv", {"file.csv"}, NULL},
    {"zero_order_hold --quick --out now/file.csv", {"file.csv"}, NULL},
    {"effects --input study.csv --out now/file.csv", {"file.csv"}, NULL},
    {STUDY RESULTS, {"file.csv", "losses.csv", "steps.csv"}, NULL},
    {STUDY RESULTS " --configs now/configs --tensors now/tensors", {"file.csv", "losses.csv", "steps.csv"}, STUDY},
    {TEXTS "--out now/file.csv --distributions now/steps.csv --configs now/configs --tensors now/tensors",
     {"file.csv", "steps.csv"},
     TEXTS},
    {"recall" TOKENS "--out now/file.csv --configs now/configs", {"file.csv"}, "recall" TOKENS},
    {"mad" TOKENS "--out now/file.csv --configs now/configs", {"file.csv"}, "mad" TOKENS},
};

double writers_seconds[WRITERS];

/* Bytes of a table but for times: the last column, where it is of seconds. */
static void blank_times(unsigned char *bytes, size_t *n) {
  static const char title[] = "seconds\n";
  const unsigned char *names = bytes, *end = NULL;
  while (names && *names == '#') names = (unsigned char *)strchr((char *)names, '\n'), names = names ? names + 1 : NULL;
  if (names) end = (unsigned char *)strchr((char *)names, '\n');
  if (!end || end - names < 8 || memcmp(end + 2 - sizeof title, title, sizeof title - 1) != 0) return;
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

void writers_prepare(campaign *c) {
  campaign_shell("cp %s/tensors/whole-4.h5 " TENSORS "; cp %s/csv/study study.csv", c->data, c->data);
  for (size_t w = 0; w < WRITERS; w++)
    for (int again = 0; again < 2; again++) { /* the first time reads programs from the disk */
      campaign_shell("rm -rf now whole-%zu; mkdir now", w);
      double started = efla_seconds();
      int status = campaign_run(c, writers[w].line, 0, 0, false);
      writers_seconds[w] = efla_seconds() - started;
      if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 1))
        campaign_broken(c, "%s: status %d", writers[w].line, status);
      campaign_shell("mv now whole-%zu", w);
    }
}

void writers_clear(size_t w, bool old) {
  campaign_shell("rm -rf now; mkdir now");
  campaign_write("older", "older", 5);
  for (size_t f = 0; old && f < 4 && writers[w].files[f]; f++) campaign_shell("cp older now/%s", writers[w].files[f]);
}

void writers_check(campaign *c, size_t w, bool old, bool ended) {
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

void writers_finish_study(campaign *c, size_t w) {
  int status = campaign_run(c, writers[w].line, 0, 0, false);
  if (status != 0) campaign_broken(c, "a stopped study: taken up, it ends with %d: see %s/err", status, c->work);
  writers_check(c, w, false, true);
  /* The lock of a finished config may be left by SIGKILL or a loss of power: nobody needs it any more. */
  if (campaign_shell("find now -name '*.part' | grep . >left") == 0)
    campaign_broken(c, "a stopped study: brought to its end, it leaves an unfinished file, see %s/left", c->work);
  if (campaign_shell(
          "for f in $(ls whole-%zu/tensors/*.h5 2>/dev/null); do cmp -s $f now/tensors/${f##*/} || exit 1; done", w) !=
      0)
    campaign_broken(c, "a stopped study: other tensors");
}

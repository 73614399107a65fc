/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make power: programs that write lose their power at a random moment, and with it all that had not reached the disk.
 *
 * A program is killed before one of its calls of fsync, rename and unlink, between which nothing that matters happens.
 * Then every file gets the bytes of its last fsync, none if it had none; and in half of the trials every change of a name
 * is undone that no fsync of its directory followed.  Promised: what is at a file's name is the old file or the whole
 * new one, and the new one once the program has ended; a study that is taken up again ends with the bits of one that was
 * never stopped. */
#include "writers.h"

#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOSSES, UNFINISHED, RESUMED, UNDONE };

static size_t calls[WRITERS]; /* that each makes, undisturbed */

static int run_until(campaign *c, size_t w, size_t call) {
  /* All that is there before is on the disk. */
  campaign_shell("rm -rf notes; mkdir notes; for f in $(find now -type f); do cp $f notes/$(stat -c %%i $f); done");
  return campaign_run_preloaded(c, writers[w].line, "POWER_NOTES=%s/notes POWER_AT=%zu", c->work, call);
}

static void prepare(campaign *c) {
  setenv("OPENBLAS_CORETYPE", "Haswell", 0); /* so that no program starts itself again, without the library */
  writers_prepare(c);
  for (size_t w = 0; w < WRITERS; w++) {
    writers_clear(w, false);
    run_until(c, w, 0);
    writers_check(c, w, false, true);
    calls[w] = campaign_read_number("notes/count");
    if (calls[w] == 0) campaign_broken(c, "%s: no call of fsync, rename or unlink was seen", writers[w].line);
  }
}

static bool more(const campaign *c) { return __atomic_load_n(&c->shared->count[LOSSES], __ATOMIC_SEQ_CST) < c->n; }

/* ---- what a disk has after the loss ---- */

typedef struct change {
  char kind[2], first[512], second[512];
  unsigned long long inode;
} change;

static bool in_directory(const char *name, const char *directory) {
  char copy[512], *path;
  snprintf(copy, sizeof copy, "%s", name);
  path = realpath(dirname(copy), NULL);
  const bool in = path && !strcmp(path, directory);
  free(path);
  return in;
}

static void put_back(unsigned long long inode, const char *name) {
  char kept[64];
  snprintf(kept, sizeof kept, "notes/kept-%llu", inode);
  if (inode && rename(kept, name) != 0) link(kept, name);
}

/* Undoes, from the last on, the changes of names that no fsync of their directory followed. */
static bool undo_names(void) {
  size_t bytes, n = 0;
  char *text = (char *)campaign_read("notes/log", &bytes), *rest = NULL;
  change *all = text ? calloc(bytes / 8 + 1, sizeof *all) : NULL;
  bool undone = false;
  for (char *line = all ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
    if (sscanf(line, "%1s %511s %511s %llu", all[n].kind, all[n].first, all[n].second, &all[n].inode) == 4) n++;
  for (size_t i = n; i-- > 0;) {
    const char *name = *all[i].kind == 'r' ? all[i].second : all[i].first;
    bool reached = *all[i].kind == 's';
    for (size_t j = i + 1; j < n && !reached; j++) reached = *all[j].kind == 's' && in_directory(name, all[j].first);
    if (reached) continue;
    if (*all[i].kind == 'r' && rename(all[i].second, all[i].first) != 0) continue; /* it has another name by now */
    put_back(all[i].inode, name);
    undone = true;
  }
  free(all), free(text);
  return undone;
}

/* Gives every file in now/ and below the bytes that had reached the disk. */
static void forget_bytes(void) {
  campaign_shell("for f in $(find now -type f); do s=notes/$(stat -c %%i $f); [ -e $s ] || s=/dev/null; "
                 "cmp -s $s $f || cat $s >$f; done");
}

/* ---- trials ---- */

/* One loss; whether the writer had ended before. */
static bool lose(campaign *c, size_t w, bool old) {
  const bool at_end = campaign_below(c, 4) == 0;
  const size_t call = at_end ? calls[w] + 1 : 1 + campaign_below(c, calls[w]);
  const bool undo = campaign_below(c, 2);
  const int status = run_until(c, w, call);
  const bool ended = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1);
  campaign_count(c, LOSSES);
  if (!ended) campaign_count(c, UNFINISHED);
  if (!ended && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
    campaign_broken(c, "%s: power lost at call %zu: status %d", writers[w].line, call, status);
  if (undo && undo_names()) campaign_count(c, UNDONE);
  forget_bytes();
  writers_check(c, w, old, ended);
  return ended;
}

static void trial(campaign *c) {
  const size_t w = c->trial % WRITERS;
  const bool old = !writers[w].study && campaign_below(c, 2);
  writers_clear(w, old);
  if (!writers[w].study) {
    lose(c, w, old);
    return;
  }
  for (size_t losses = 1 + campaign_below(c, 3); losses > 0; losses--) {
    lose(c, w, false);
    campaign_shell("rm -f now/*.csv");
  }
  writers_finish_study(c, w);
  campaign_count(c, RESUMED);
}

static void summary(const campaign *c) {
  const campaign_shared *s = c->shared;
  printf("%zu losses of power, of which %zu before a program's end and %zu with names undone, %zu studies resumed, "
         "%zu broken\n",
         s->count[LOSSES], s->count[UNFINISHED], s->count[UNDONE], s->count[RESUMED], s->broken);
}

int main(int argc, char **argv) { return campaign_main(argc, argv, prepare, more, trial, summary); }

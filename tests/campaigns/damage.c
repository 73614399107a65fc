/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make damage: damaged files are fed to the programs that read them.
 *
 * Promised: no program crashes or hangs; it ends with a status that the README lists, and with a sentence where that is
 * not 0; a damaged checkpoint is refused, or its numbers are those of the whole one (the damage was in bytes that mean
 * nothing), and is never used otherwise. */
#include "campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES, REFUSED, UNNOTICED };

#define MODEL  "smnist --quick --threads 1 --width 16 --eval-images 4 "
#define DIGITS MODEL "--train-images 40 --batch 8 --save-every 2 --epochs "
#define CONFIG "configs/exact-raw-0.003-42.h5"

/* Programs, and the file of theirs that is damaged: there is a copy of it, FILE.whole. */
static const struct reader {
  const char *line, *file;
  bool checked; /* of checkpoints: nothing but the table of the whole one, or a refusal */
} readers[] = {
    {"run --threads 1 --input in.h5 --output o.h5", "in.h5", false},
    {"compare --threads 1 --input in.h5", "in.h5", false},
    {"diagnose --threads 1 --input in.h5 --out d.csv", "in.h5", false},
    {"run --threads 1 --input in.npz --output o.npz", "in.npz", false},
    {"run --threads 1 --input packed.npz --output o.h5", "packed.npz", false},
    {"compare --threads 1 --input in.npz --outputs of.npz", "of.npz", false},
    {"compare --threads 1 --input in.npz --outputs o.npy", "o.npy", false},
    {"diagnose --threads 1 --input in.safetensors --out d.csv", "in.safetensors", false},
    {"effects --input study.csv", "study.csv", false},
    {MODEL "--train-images 16 --batch 16 --mnist mnist", "mnist/train-images-idx3-ubyte", false},
    {MODEL "--train-images 16 --batch 16 --mnist mnist", "mnist/t10k-labels-idx1-ubyte", false},
    {"accumulation --quick --threads 1 --tokens 20 --norm 1 --family mnist --mnist mnist",
     "mnist/t10k-images-idx3-ubyte", false},
    {DIGITS "2 --configs configs --finished", CONFIG, true},
    {DIGITS "2 --configs configs", CONFIG, true},
    {DIGITS "2 --configs half", "half/exact-raw-0.003-42.h5", true}, /* one of two epochs is done */
};
enum { READERS = sizeof readers / sizeof *readers };

/* An IDX file of images, or of labels. */
static void write_idx(const char *path, size_t images, bool labels) {
  static unsigned char bytes[16 + 100 * 784];
  size_t n = images * (labels ? 1 : 784), header = labels ? 8 : 16;
  const unsigned char start[16] = {0, 0, 8, labels ? 1 : 3, 0, 0, 0, (unsigned char)images, 0, 0, 0, 28, 0, 0, 0, 28};
  memcpy(bytes, start, header);
  for (size_t i = 0; i < n; i++) bytes[header + i] = (unsigned char)(labels ? i % 10 : i * i / 7 % 256);
  campaign_write(path, bytes, header + n);
}

/* The table that a reader writes of the whole file, in whole-NUMBER, where that is what it must be: times of training
 * are the checkpoint's, if nothing is trained any more. */
static void keep_rows(const char *to, bool times) {
  campaign_shell("grep -v '^#' out | sed 's/%s//' >%s", times ? "$" : ",[^,]*$", to);
}

static void prepare(campaign *c) {
  campaign_shell("cp %s/tensors/whole-4.h5 in.h5; cp %s/csv/study study.csv; mkdir mnist half", c->data, c->data);
  campaign_shell("cp %s/npz/savez.npz in.npz; cp %s/npz/savez-compressed.npz packed.npz", c->data, c->data);
  campaign_shell("cp %s/safetensors/attributes.safetensors in.safetensors; cp %s/npy/f4.npy o.npy", c->data, c->data);
  campaign_run(c, "run --threads 1 --input in.npz --output of.npz", 0, 0, false);
  for (int training = 0; training < 2; training++)
    for (int labels = 0; labels < 2; labels++) {
      char path[64];
      snprintf(path, sizeof path, "mnist/%s-%s-ubyte", training ? "train" : "t10k",
               labels ? "labels-idx1" : "images-idx3");
      write_idx(path, 40, labels);
    }
  campaign_run(c, DIGITS "1 --configs half", 0, 0, false);
  campaign_run(c, DIGITS "2 --configs configs", 0, 0, false);
  for (size_t r = 0; r < READERS; r++) {
    campaign_shell("cp %s %s.whole", readers[r].file, readers[r].file);
    int status = campaign_run(c, readers[r].line, 0, 0, false);
    char rows[32];
    snprintf(rows, sizeof rows, "whole-%zu", r);
    keep_rows(rows, r + 1 < READERS);
    campaign_shell("cp %s.whole %s", readers[r].file, readers[r].file);
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
      campaign_broken(c, "%s: status %d of the whole file", readers[r].line, status);
  }
}

static bool more(const campaign *c) { return __atomic_load_n(&c->shared->next, __ATOMIC_SEQ_CST) < c->n; }

/* Damages n bytes, which have room for some more; returns how many they are then, and says what it did. */
static size_t damage(campaign *c, unsigned char *bytes, size_t n, char *what, size_t size) {
  size_t at = campaign_below(c, n), length = 1 + campaign_below(c, campaign_below(c, 2) ? 16 : 512),
         kind = campaign_below(c, 6);
  if (campaign_below(c, 2)) at = campaign_below(c, n < 1024 ? n : 1024); /* where a format has most of its structure */
  if (length > n - at) length = n - at;
  snprintf(what, size, "%zu bytes at %zu, kind %zu", length, at, kind);
  switch (kind) {
  case 0: /* flipped bits */
    for (size_t i = 0, bits = 1 + campaign_below(c, 4); i < bits; i++)
      bytes[i ? campaign_below(c, n) : at] ^= (unsigned char)(1u << campaign_below(c, 8));
    return n;
  case 1: /* cut */
    return at;
  case 2: /* zeroed */
    memset(bytes + at, 0, length);
    return n;
  case 3: { /* swapped with another place */
    size_t other = campaign_below(c, n - length + 1);
    for (size_t i = 0; i < length; i++) {
      unsigned char byte = bytes[at + i];
      bytes[at + i] = bytes[other + i], bytes[other + i] = byte;
    }
    return n;
  }
  case 4: /* inserted */
    memmove(bytes + at + length, bytes + at, n - at);
    for (size_t i = 0; i < length; i++) bytes[at + i] = (unsigned char)campaign_below(c, 256);
    return n + length;
  default: /* overwritten */
    for (size_t i = 0; i < length; i++) bytes[at + i] = (unsigned char)campaign_below(c, 256);
    return n;
  }
}

static bool says_something(const char *path) {
  size_t n = 0;
  unsigned char *text = campaign_read(path, &n);
  free(text);
  return n > 1;
}

/* What the program made of it. */
static void check(campaign *c, size_t r, int status, const char *what) {
  const struct reader *reader = &readers[r];
  if (status == -1)
    campaign_broken(c, "%s: %s: took more than %d s", reader->line, what, CAMPAIGN_SECONDS);
  else if (!WIFEXITED(status) || WEXITSTATUS(status) > 4)
    campaign_broken(c, "%s: %s: ended with %s %d", reader->line, what, WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  else if (WEXITSTATUS(status) != 0 && !says_something("err") && !(WEXITSTATUS(status) == 1 && says_something("out")))
    campaign_broken(c, "%s: %s: status %d without a word", reader->line, what, WEXITSTATUS(status));
  else if (WEXITSTATUS(status) != 0)
    campaign_count(c, WEXITSTATUS(status) == 3 ? REFUSED : UNNOTICED);
  else if (reader->checked) {
    keep_rows("rows", r + 1 < READERS);
    if (campaign_shell("cmp -s rows whole-%zu", r) != 0)
      campaign_broken(c, "%s: %s: other numbers, and no complaint: see %s", reader->line, what, c->work);
    campaign_count(c, UNNOTICED);
  } else
    campaign_count(c, UNNOTICED);
}

static void trial(campaign *c) {
  size_t r = c->trial % READERS, n = 0;
  char whole[300], what[200];
  snprintf(whole, sizeof whole, "%s.whole", readers[r].file);
  unsigned char *bytes = campaign_read(whole, &n), *more_bytes = bytes ? realloc(bytes, n + 512) : NULL;
  if (!more_bytes) abort();
  n = damage(c, more_bytes, n, what, sizeof what);
  campaign_write(readers[r].file, more_bytes, n);
  check(c, r, campaign_run(c, readers[r].line, 0, 0, false), what);
  campaign_count(c, FILES);
  free(more_bytes);
  campaign_shell("cp %s %s", whole, readers[r].file);
}

static void summary(const campaign *c) {
  const campaign_shared *s = c->shared;
  printf("%zu damaged files, %zu refused, %zu read (checkpoints: with the numbers of the whole file), %zu broken\n",
         s->count[FILES], s->count[REFUSED], s->count[UNNOTICED], s->broken);
}

int main(int argc, char **argv) { return campaign_main(argc, argv, prepare, more, trial, summary); }

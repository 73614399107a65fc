/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The files that a signal removes: tables, a picture, a checkpoint with its lock, a tensor file. */
enum { UNFINISHED = 8 };
static char *volatile unfinished[UNFINISHED];
static size_t guarded;
static volatile sig_atomic_t held, late; /* late: a signal received while held; 0: none */

static void on_interrupt(int signal_number) {
  if (held) {
    late = signal_number;
    return;
  }
  for (size_t i = 0; i < UNFINISHED; i++)
    if (unfinished[i]) unlink(unfinished[i]);
  signal(signal_number, SIG_DFL);
  raise(signal_number); /* so that the shell sees the signal */
}

static void handle_signals(void (*handler)(int)) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction now;
    sigaction(signals[i], NULL, &now);
    if (now.sa_handler == SIG_IGN) continue; /* nohup */
    struct sigaction action = {.sa_handler = handler};
    sigaction(signals[i], &action, NULL);
  }
}

void efla_output_guard(char *part) {
  size_t i = 0;
  while (i < UNFINISHED && unfinished[i]) i++;
  assert(i < UNFINISHED);
  unfinished[i] = part;
  if (guarded++ == 0) handle_signals(on_interrupt);
}

void efla_output_unguard(const char *part) {
  for (size_t i = 0; i < UNFINISHED; i++) {
    if (unfinished[i] != part) continue;
    unfinished[i] = NULL;
    if (--guarded == 0) handle_signals(SIG_DFL);
    return;
  }
}

void efla_output_hold(void) {
  held = 1;
  if (guarded++ == 0) handle_signals(on_interrupt);
}

void efla_output_resume(void) {
  held = 0;
  if (late) raise(late);
  if (--guarded == 0) handle_signals(SIG_DFL);
}

/* Whether the temporary file is still the one that create() made. */
static bool is_ours(const efla_output *output) {
  struct stat file;
  return lstat(output->part, &file) == 0 && file.st_dev == output->device && file.st_ino == output->inode;
}

static void remove_ours(const efla_output *output) {
  if (is_ours(output)) unlink(output->part);
}

/* Creates the temporary file, with the permissions of the file that it will replace.  A file left by an earlier program
 * is removed; a program that still writes to it will notice (is_ours). */
static bool create(efla_output *output, const struct stat *old) {
  unlink(output->part);
  int file = open(output->part, O_WRONLY | O_CREAT | O_EXCL, 0666);
  struct stat made;
  if (file < 0) return false;
  if (old) (void)!fchmod(file, old->st_mode & 0777);
  bool known = fstat(file, &made) == 0;
  close(file);
  if (known) output->device = made.st_dev, output->inode = made.st_ino;
  return known;
}

static void forget(efla_output *output) {
  if (output->part) efla_output_unguard(output->part);
  free(output->path);
  free(output->target);
  free(output->part);
  *output = (efla_output){0};
}

efla_status efla_output_begin(efla_output *output, const char *path, efla_message *why) {
  *output = (efla_output){0};
  if (!*path) return efla_fail(why, EFLA_OUTPUT, "an empty name, expected that of a file to write");
  struct stat status;
  bool exists = stat(path, &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return efla_fail(why, EFLA_OUTPUT, "%s: is a directory", path);
  output->path = strdup(path);
  output->target = exists ? realpath(path, NULL) : NULL;
  if (!output->target) output->target = strdup(path);
  bool replaced = !exists || S_ISREG(status.st_mode);
  if (output->path && output->target && replaced && asprintf(&output->part, "%s.part", output->target) < 0)
    output->part = NULL;
  if (!output->path || !output->target || (replaced && !output->part)) {
    forget(output);
    return efla_fail_memory(why);
  }
  if (!output->part) return EFLA_OK;
  efla_output_guard(output->part);
  if (create(output, exists ? &status : NULL)) return EFLA_OK;
  efla_status failed = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", output->part, strerror(errno));
  forget(output);
  return failed;
}

const char *efla_output_name(const efla_output *output) { return output->part ? output->part : output->target; }

efla_status efla_output_write(const efla_output *output, const void *bytes, size_t length, efla_message *why) {
  FILE *file = fopen(efla_output_name(output), "w");
  bool written = file && fwrite(bytes, 1, length, file) == length;
  int error = errno; /* of the first failure: fclose may set another */
  if (file && fclose(file) != 0 && written) written = false, error = errno;
  return written ? EFLA_OK : efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", output->path, strerror(error));
}

efla_status efla_output_fits(const efla_output *output, double bytes, efla_message *why) {
  struct statvfs disk;
  if (!output->part || statvfs(output->part, &disk) != 0 || disk.f_blocks == 0)
    return EFLA_OK; /* some file systems do not report it */
  double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
  if (bytes <= free_bytes) return EFLA_OK;
  return efla_fail(why, EFLA_OUTPUT, "%s: takes %.0f bytes, expected at most the %.0f that are free on its disk",
                   output->path, bytes, free_bytes);
}

/* Some file systems do not support fsync and return EINVAL; that is not an error. */
static bool reach_disk(const char *path, int flags) {
  int file = open(path, flags);
  if (file < 0) return false;
  bool reached = fsync(file) == 0 || errno == EINVAL;
  int error = errno;
  close(file);
  errno = error;
  return reached;
}

efla_status efla_output_finish(efla_output *output, efla_message *why) {
  efla_status status = EFLA_OK;
  if (output->part) {
    if (!is_ours(output)) {
      status = efla_fail(why, EFLA_OUTPUT, "%s: another program took %s meanwhile, expected to be alone", output->path,
                         output->part);
    } else if (!reach_disk(output->part, O_RDONLY) || rename(output->part, output->target) != 0) {
      status = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", output->path, strerror(errno));
      remove_ours(output);
    } else {
      reach_disk(dirname(output->target),
                 O_RDONLY | O_DIRECTORY); /* the directory entry; on failure the file is complete anyway */
    }
  }
  forget(output);
  return status;
}

void efla_output_abandon(efla_output *output) {
  if (output->part) remove_ours(output);
  forget(output);
}

static bool same_file(const char *path, const struct stat *file) {
  struct stat other;
  return stat(path, &other) == 0 && other.st_dev == file->st_dev && other.st_ino == file->st_ino;
}

efla_status efla_output_spares(const char *path, const char *input, efla_message *why) {
  struct stat read;
  if (stat(input, &read) != 0) return EFLA_OK; /* reading it will fail with a message */
  char *target = realpath(path, NULL), *part = NULL;
  efla_status status = EFLA_OK;
  if (asprintf(&part, "%s.part", target ? target : path) < 0)
    part = NULL, status = efla_fail_memory(why);
  else if (same_file(path, &read))
    status = efla_fail(why, EFLA_OUTPUT, "%s: is the input %s itself, expected another file to write", path, input);
  else if (same_file(part, &read))
    status = efla_fail(why, EFLA_OUTPUT, "%s: is written as %s, which is an input of this run; expected another name",
                       path, part);
  free(target);
  free(part);
  return status;
}

/* The absolute name of the file at path, existing or not, with symbolic links resolved as by efla_output_begin.  NULL
 * for devices and pipes, and where the directory does not exist (efla_output_begin will fail).  To be freed. */
static char *resolve(const char *path) {
  struct stat status;
  char *resolved = NULL, *copy = NULL, *directory = NULL;
  if (stat(path, &status) == 0) return S_ISREG(status.st_mode) ? realpath(path, NULL) : NULL;
  const char *slash = strrchr(path, '/');
  copy = strdup(path);
  directory = copy ? realpath(dirname(copy), NULL) : NULL;
  if (directory && asprintf(&resolved, "%s/%s", strcmp(directory, "/") ? directory : "", slash ? slash + 1 : path) < 0)
    resolved = NULL;
  free(copy);
  free(directory);
  return resolved;
}

static bool is_part_of(const char *path, const char *whole) {
  size_t length = strlen(whole);
  return !strncmp(path, whole, length) && !strcmp(path + length, ".part");
}

efla_status efla_output_apart(const char *path, const char *other, efla_message *why) {
  char *one = resolve(path), *two = resolve(other);
  efla_status status = EFLA_OK;
  if (one && two && !strcmp(one, two))
    status = efla_fail(why, EFLA_OUTPUT, "%s: is the same file as %s, another output of this run; expected two names",
                       path, other);
  else if (one && two && (is_part_of(one, two) || is_part_of(two, one)))
    status = efla_fail(why, EFLA_OUTPUT,
                       "%s: is written as %s.part, which is another output of this run; expected another name",
                       is_part_of(one, two) ? other : path, is_part_of(one, two) ? other : path);
  free(one);
  free(two);
  return status;
}

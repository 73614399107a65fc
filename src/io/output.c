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
#include <unistd.h>

/* The files that an interrupt removes: a program writes a table and perhaps a picture and tensors. */
enum { UNFINISHED = 8 };
static char *volatile unfinished[UNFINISHED];
static size_t guarded;

static void on_interrupt(int signal_number) {
  for (size_t i = 0; i < UNFINISHED; i++)
    if (unfinished[i]) unlink(unfinished[i]);
  signal(signal_number, SIG_DFL);
  raise(signal_number); /* so that the shell sees what ended the program */
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

static void guard(char *part) {
  size_t i = 0;
  while (i < UNFINISHED && unfinished[i]) i++;
  assert(i < UNFINISHED);
  unfinished[i] = part;
  if (guarded++ == 0) handle_signals(on_interrupt);
}

static void unguard(const char *part) {
  for (size_t i = 0; i < UNFINISHED; i++) {
    if (unfinished[i] != part) continue;
    unfinished[i] = NULL;
    if (--guarded == 0) handle_signals(SIG_DFL);
    return;
  }
}

/* Whether the unfinished file is still the one that begin made. */
static bool is_ours(const efla_output *output) {
  struct stat file;
  return lstat(output->part, &file) == 0 && file.st_dev == output->device && file.st_ino == output->inode;
}

static void remove_ours(const efla_output *output) {
  if (is_ours(output)) unlink(output->part);
}

/* An empty file of our own: what an earlier program left under that name is removed, and one that still writes there will notice.  A file
 * that is replaced hands on its permissions. */
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
  if (output->part) unguard(output->part);
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
  if (output->path && output->target && replaced && asprintf(&output->part, "%s.part", output->target) < 0) output->part = NULL;
  if (!output->path || !output->target || (replaced && !output->part)) {
    forget(output);
    return efla_fail_memory(why);
  }
  if (!output->part) return EFLA_OK;
  guard(output->part);
  if (create(output, exists ? &status : NULL)) return EFLA_OK;
  efla_status failed = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", output->part, strerror(errno));
  forget(output);
  return failed;
}

const char *efla_output_name(const efla_output *output) { return output->part ? output->part : output->target; }

/* Some file systems know no fsync and say so (EINVAL); that is no loss of data. */
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
      status =
          efla_fail(why, EFLA_OUTPUT, "%s: another program took %s meanwhile, expected to be alone", output->path, output->part);
    } else if (!reach_disk(output->part, O_RDONLY) || rename(output->part, output->target) != 0) {
      status = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", output->path, strerror(errno));
      remove_ours(output);
    } else {
      reach_disk(dirname(output->target), O_RDONLY | O_DIRECTORY); /* the name as well; the file is whole in any case */
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
  if (stat(input, &read) != 0) return EFLA_OK; /* whoever reads it will say so */
  char *target = realpath(path, NULL), *part = NULL;
  efla_status status = EFLA_OK;
  if (asprintf(&part, "%s.part", target ? target : path) < 0)
    part = NULL, status = efla_fail_memory(why);
  else if (same_file(path, &read))
    status = efla_fail(why, EFLA_OUTPUT, "%s: is the input %s itself, expected another file to write", path, input);
  else if (same_file(part, &read))
    status = efla_fail(why, EFLA_OUTPUT,
                       "%s: is written as %s, which is an input or another output of this run; expected another name", path, part);
  free(target);
  free(part);
  return status;
}

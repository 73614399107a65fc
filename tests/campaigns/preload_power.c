/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loaded into a program by LD_PRELOAD: the program loses its power before a chosen one of its calls of fsync, rename and
 * unlink, and notes what had reached the disk by then.
 *
 * POWER_AT: the number of that call, from 1; 0: never.  POWER_NOTES: a directory, on the disk of the program's files,
 * which gets
 *     INODE        the bytes of a file at its last fsync,
 *     kept-INODE   a link to a file whose name was removed or given to another one,
 *     log          "r OLD NEW INODE-OF-WHAT-NEW-WAS", "u NAME INODE", "s DIRECTORY" (fsync of it), 0 for no inode,
 *     count        the number of calls, written at the end. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static char notes[PATH_MAX - 32];
static unsigned long at, calls;
static pid_t own;

/* Its children, which a program starts to draw, are left alone. */
__attribute__((constructor)) static void read_settings(void) {
  const char *directory = getenv("POWER_NOTES"), *number = getenv("POWER_AT");
  if (directory) snprintf(notes, sizeof notes, "%s", directory);
  at = number ? strtoul(number, NULL, 10) : 0;
  own = getpid();
  unsetenv("LD_PRELOAD");
}

static void in_notes(char path[PATH_MAX], const char *kind, unsigned long long number) {
  snprintf(path, PATH_MAX, number ? "%s/%s%llu" : "%s/%s", notes, kind, number);
}

__attribute__((destructor)) static void write_count(void) {
  char path[PATH_MAX];
  in_notes(path, "count", 0);
  FILE *file = getpid() == own ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%lu\n", calls);
  fclose(file);
}

static void count_call(void) {
  if (getpid() == own && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == at) kill(own, SIGKILL);
}

static void add_line(const char *kind, const char *first, const char *second, unsigned long long inode) {
  char path[PATH_MAX];
  in_notes(path, "log", 0);
  FILE *file = fopen(path, "a");
  if (!file) return;
  fprintf(file, "%s %s %s %llu\n", kind, first, second, inode);
  fclose(file);
}

/* Keeps the file of that name, whatever becomes of the name; its inode, 0: there is none. */
static unsigned long long keep(const char *name) {
  struct stat file;
  char path[PATH_MAX];
  if (lstat(name, &file) != 0) return 0;
  in_notes(path, "kept-", file.st_ino);
  (void)!link(name, path);
  return file.st_ino;
}

static void keep_bytes(int file, const struct stat *status) {
  char path[PATH_MAX], from[64];
  in_notes(path, "", status->st_ino);
  snprintf(from, sizeof from, "/proc/self/fd/%d", file); /* the file may be open for writing only */
  int in = open(from, O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  off_t place = 0;
  while (in >= 0 && out >= 0 && sendfile(out, in, &place, 1 << 30) > 0) continue;
  if (in >= 0) close(in);
  if (out >= 0) close(out);
}

int fsync(int file) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  count_call();
  int failed = next(file);
  struct stat status;
  char name[64], directory[PATH_MAX] = "";
  if (failed || fstat(file, &status) != 0) return failed;
  if (S_ISREG(status.st_mode)) keep_bytes(file, &status);
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  if (S_ISDIR(status.st_mode) && readlink(name, directory, sizeof directory - 1) > 0) add_line("s", directory, "-", 0);
  return 0;
}

int rename(const char *old, const char *new) {
  static int (*next)(const char *, const char *);
  if (!next) next = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  count_call();
  const unsigned long long replaced = keep(new);
  const int failed = next(old, new);
  if (!failed) add_line("r", old, new, replaced);
  return failed;
}

int unlink(const char *name) {
  static int (*next)(const char *);
  if (!next) next = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
  count_call();
  const unsigned long long removed = keep(name);
  const int failed = next(name);
  if (!failed) add_line("u", name, "-", removed);
  return failed;
}

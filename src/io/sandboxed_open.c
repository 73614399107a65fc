/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/sandboxed_open.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's result; shorter than PIPE_BUF, hence written atomically. */
typedef struct report {
  efla_status status;
  efla_message why;
} report;

static void limit(__rlimit_resource_t resource, rlim_t most) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return;
  if (now.rlim_max != RLIM_INFINITY && most > now.rlim_max) most = now.rlim_max;
  now.rlim_cur = most;
  setrlimit(resource, &now);
}

/* Size of this process's address space in bytes; 0 if unknown. */
static rlim_t address_space(void) {
  size_t pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%zu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static _Noreturn void child(efla_sandboxed_call *attempt, const void *context, int pipe_end) {
  report result = {.status = EFLA_OK};
  int nowhere = open("/dev/null", O_RDWR);
  for (int i = STDIN_FILENO; i <= STDERR_FILENO && nowhere >= 0; i++)
    dup2(nowhere, i);               /* the child writes to its pipe only */
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* die with the parent */
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, EFLA_SANDBOX_SECONDS);
  rlim_t have = address_space();
  if (have > 0) limit(RLIMIT_AS, have + EFLA_SANDBOX_MEMORY);
  result.status = attempt(context, &result.why);
  _exit(write(pipe_end, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
}

static bool read_report(int pipe_end, report *result) {
  ssize_t n;
  do n = read(pipe_end, result, sizeof *result);
  while (n < 0 && errno == EINTR);
  return n == (ssize_t)sizeof *result;
}

efla_status efla_sandboxed_open(efla_sandboxed_call *attempt, const void *context, const char *path,
                                efla_message *why) {
  int ends[2], end = 0;
  if (pipe2(ends, O_CLOEXEC) != 0) return EFLA_OK;
  pid_t process = fork();
  if (process == 0) child(attempt, context, ends[1]);
  close(ends[1]);
  report result;
  bool survived = process > 0 && read_report(ends[0], &result);
  close(ends[0]);
  if (process < 0) return EFLA_OK;
  while (waitpid(process, &end, 0) < 0 && errno == EINTR) continue;
  if (survived && result.status == EFLA_OK) return EFLA_OK;
  if (survived) return efla_fail(why, result.status, "%s", result.why.text);
  return efla_fail(why, EFLA_INPUT,
                   "%s: damaged: the library that reads it ends with '%s' on it, expected a whole file", path,
                   WIFSIGNALED(end) ? strsignal(WTERMSIG(end)) : "an error");
}

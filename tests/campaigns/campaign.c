/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "campaign.h"

#include "app/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what) {
  fprintf(stderr, "campaign: %s: %s\n", what, strerror(errno));
  exit(3);
}

/* splitmix64 */
static uint64_t draw(campaign *c) {
  uint64_t z = c->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double campaign_uniform(campaign *c) { return (double)(draw(c) >> 11) * 0x1p-53; }
size_t campaign_below(campaign *c, size_t n) { return (size_t)(campaign_uniform(c) * (double)n); }

void campaign_count(campaign *c, size_t which) { __atomic_add_fetch(&c->shared->count[which], 1, __ATOMIC_SEQ_CST); }

void campaign_broken(campaign *c, const char *format, ...) {
  char text[2000];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  fprintf(stderr, "%s: seed %llu, trial %zu: BROKEN: %s\n", c->name, (unsigned long long)c->seed, c->trial, text);
  __atomic_add_fetch(&c->shared->broken, 1, __ATOMIC_SEQ_CST);
}

int campaign_shell(const char *format, ...) {
  char command[2000];
  va_list values;
  va_start(values, format);
  vsnprintf(command, sizeof command, format, values);
  va_end(values);
  int status = system(command); /* NOLINT(cert-env33-c): of this campaign's own making */
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What is left of a process group gets that long to end; then it is killed. */
static bool wait_for_group(pid_t group, double seconds) {
  for (double started = efla_seconds(); efla_seconds() - started < seconds; usleep(1000))
    if (kill(-group, 0) != 0) return true;
  kill(-group, SIGKILL);
  return false;
}

static int run(const char *command, int signal_number, double after, bool group) {
  pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    setpgid(0, 0);
    /* A shell that starts the campaign in the background has it ignore SIGINT, which children inherit. */
    signal(SIGINT, SIG_DFL), signal(SIGHUP, SIG_DFL), signal(SIGTERM, SIG_DFL);
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
  }
  setpgid(child, child); /* parent and child both call it: either may run first */
  int status = 0;
  double started = efla_seconds();
  if (signal_number) {
    usleep((useconds_t)(1e6 * after));
    kill(group ? -child : child, signal_number);
  }
  while (waitpid(child, &status, WNOHANG) == 0) {
    usleep(500);
    if (efla_seconds() - started < CAMPAIGN_SECONDS) continue;
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
  }
  return wait_for_group(child, 10) ? status : -1;
}

int campaign_run(campaign *c, const char *line, int signal_number, double after, bool group) {
  char command[2000];
  snprintf(command, sizeof command, "exec %s/%s >out 2>err </dev/null", c->bin, line);
  return run(command, signal_number, after, group);
}

int campaign_run_preloaded(campaign *c, const char *line, const char *variables, ...) {
  char command[3000], text[1000];
  va_list values;
  va_start(values, variables);
  vsnprintf(text, sizeof text, variables, values);
  va_end(values);
  snprintf(command, sizeof command, "exec env LD_PRELOAD=%s %s %s/%s >out 2>err </dev/null", c->preload, text, c->bin,
           line);
  return run(command, 0, 0, false);
}

unsigned char *campaign_read(const char *path, size_t *n) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  unsigned char *bytes = length < 0 ? NULL : malloc((size_t)length + 1);
  if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length) give_up(path);
  bytes[length] = 0;
  *n = (size_t)length;
  fclose(file);
  return bytes;
}

size_t campaign_read_number(const char *path) {
  size_t bytes;
  unsigned char *text = campaign_read(path, &bytes);
  const size_t number = text ? strtoul((char *)text, NULL, 10) : 0;
  free(text);
  return number;
}

void campaign_write(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) give_up(path);
}

static void work_in(campaign *c, const char *root, size_t process) {
  snprintf(c->work, sizeof c->work, "%s/%zu", root, process);
  if (chdir(c->work) != 0) give_up(c->work);
}

static _Noreturn void run_trials(campaign *c, bool (*more)(const campaign *), void (*trial)(campaign *)) {
  while (more(c)) {
    c->trial = __atomic_fetch_add(&c->shared->next, 1, __ATOMIC_SEQ_CST);
    c->state = c->seed * 0x100000001b3u + c->trial;
    trial(c);
  }
  fflush(NULL);
  _exit(0);
}

int campaign_main(int argc, char **argv, void (*prepare)(campaign *), bool (*more)(const campaign *),
                  void (*trial)(campaign *), void (*summary)(const campaign *)) {
  if (argc != 8) {
    fprintf(stderr, "expected NAME BIN CORPUS WORK N SEED PROCESSES\n");
    return 2;
  }
  campaign c = {.name = argv[1], .bin = realpath(argv[2], NULL), .data = realpath(argv[3], NULL)};
  c.n = strtoul(argv[5], NULL, 10), c.seed = strtoull(argv[6], NULL, 10);
  size_t processes = strtoul(argv[7], NULL, 10);
  char *self = realpath("/proc/self/exe", NULL);
  snprintf(c.preload, sizeof c.preload, "%s.so", self ? self : "");
  free(self);
  if (!c.bin || !c.data || campaign_shell("rm -rf '%s' && mkdir -p '%s/0'", argv[4], argv[4]) != 0) give_up(argv[4]);
  char *root = realpath(argv[4], NULL);
  c.shared = mmap(NULL, sizeof *c.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!root || c.shared == MAP_FAILED) give_up(argv[4]);
  setenv("SOURCE_DATE_EPOCH", "0", 1); /* no dates in tables */
  printf("%s: N %zu, seed %llu\n", c.name, c.n, (unsigned long long)c.seed);
  fflush(stdout);
  work_in(&c, root, 0);
  prepare(&c);
  for (size_t p = 1; p < processes; p++) campaign_shell("cp -R '%s/0' '%s/%zu'", root, root, p);
  for (size_t p = 0; p < processes; p++)
    if (fork() == 0) {
      work_in(&c, root, p);
      run_trials(&c, more, trial);
    }
  for (int status; wait(&status) > 0;)
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) c.shared->broken++;
  summary(&c);
  return c.shared->broken ? 1 : 0;
}

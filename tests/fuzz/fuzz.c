/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The entry point of libFuzzer to one reader, named by the variable EFLA_READER: make fuzz. */
#include "readers.h"

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A child that tries a file out may crash: that is what it is for, and no finding. */
static void forget_fuzzer(void) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGXCPU, SIGALRM};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_DFL);
  __sanitizer_set_death_callback(NULL);
  __sanitizer_set_report_path("stderr"); /* not a file of its own */
}

static unsigned long counts[2]; /* refused, accepted */

/* Into a file: libFuzzer closes standard output and error.  Children of ours end by _exit. */
static void tell_counts(void) {
  const char *path = getenv("EFLA_COUNTS");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%s: %lu executions, %lu accepted, %lu refused\n", getenv("EFLA_READER"), counts[0] + counts[1],
          counts[1], counts[0]);
  fclose(file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  atexit(tell_counts);
  return pthread_atfork(NULL, NULL, forget_fuzzer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const reader *chosen;
  const char *name = getenv("EFLA_READER");
  if (!chosen)
    for (chosen = readers; chosen->name && strcmp(chosen->name, name ? name : "") != 0;) chosen++;
  if (!chosen->name) {
    fprintf(stderr, "EFLA_READER=%s is no reader\n", name ? name : "");
    exit(2);
  }
  if (n > chosen->most) return 0;
  counts[chosen->read(bytes, n)]++;
  return 0;
}

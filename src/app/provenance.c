/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/provenance.h"

#include "build_info.h"

#include <cblas.h>
#include <fcntl.h>
#include <gsl/gsl_version.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *efla_commit(void) { return EFLA_COMMIT; }

void efla_blas_single_thread(void) { openblas_set_num_threads(1); }

void efla_blas_best_kernels(char **argv) {
#ifdef __x86_64__
  const char *now = openblas_get_corename(), *better = NULL;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) better = "Haswell";
  if (better && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) better = "SkylakeX";
  if (!better || getenv("OPENBLAS_CORETYPE")) return;
  if (strcmp(now, "Prescott") != 0 && strcmp(now, "Core2") != 0 && strcmp(now, "Generic") != 0) return;
  char program[4096]; /* the program's path: started as /proc/self/exe, it would be listed by ps as "exe" */
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0 || setenv("OPENBLAS_CORETYPE", better, 1) != 0) return;
  program[length] = 0;
  execv(program, argv); /* on failure this process continues with the kernels that it has */
#else
  (void)argv;
#endif
}

/* The processor's name from /proc/cpuinfo; "unknown" where that does not exist. */
static void processor(size_t size, char *name) {
  char text[4096]; /* the first processor's part, without memory from the heap, which a full program may lack */
  const int file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
  const ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  text[length > 0 ? length : 0] = 0;
  const char *line = strstr(text, "model name"), *colon = line ? strchr(line, ':') : NULL;
  if (colon)
    snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
  else
    snprintf(name, size, "unknown");
  if (file >= 0) close(file);
}

void efla_provenance_write(FILE *file) {
  char name[128], date[32];
  processor(sizeof name, name);
  const char *epoch = getenv("SOURCE_DATE_EPOCH");
  time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  fprintf(file, "# version: %s\n# commit: %s\n# compiler: %s\n# flags: %s\n", EFLA_VERSION, EFLA_COMMIT, EFLA_COMPILER,
          EFLA_FLAGS);
  fprintf(file, "# cpu: %s\n# blas: %s, kernels for %s\n# gsl: %s\n# arb: %s\n# date: %s\n", name,
          openblas_get_config(), openblas_get_corename(), gsl_version,
#ifdef EFLA_HAVE_ARB
          "yes",
#else
          "not built",
#endif
          date);
}

#include "app/figure.h"

#include "io/output.h"

#include "build_info.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const formats[] = {"svg", "pdf", "png"}; /* as style.gp knows them */

static const char *format_of(const char *picture) {
  const char *dot = strrchr(picture, '.');
  for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
    if (!strcmp(dot + 1, formats[i])) return formats[i];
  return NULL;
}

static bool holds(const char *directory, const char *script) {
  char *path;
  if (asprintf(&path, "%s/plots/%s.gp", directory, script) < 0) return false;
  bool there = access(path, R_OK) == 0;
  free(path);
  return there;
}

/* PREFIX/share/efla of a program in PREFIX/bin; to be freed. */
static char *installed(void) {
  char program[PATH_MAX], *directory = NULL;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return NULL;
  program[length] = 0;
  if (asprintf(&directory, "%s/../share/efla", dirname(program)) < 0) return NULL;
  return directory;
}

/* The directory whose plots/ holds the script, to be freed; NULL if there is none. */
static char *find_plots(const char *script) {
  const char *named = getenv("EFLA_DATADIR");
  char *found = named ? strdup(named) : installed();
  if (found && holds(found, script)) return found;
  free(found);
  return !named && holds(EFLA_SOURCES, script) ? strdup(EFLA_SOURCES) : NULL;
}

efla_status efla_figure_check(const char *script, const char *picture, efla_message *why) {
  if (!format_of(picture)) return efla_fail(why, EFLA_OUTPUT, "%s: expected a name that ends in .svg, .pdf or .png", picture);
  char *plots = find_plots(script);
  free(plots);
  if (!plots)
    return efla_fail(why, EFLA_OUTPUT, "%s: cannot draw: no plots/%s.gp in %s; EFLA_DATADIR names the directory that holds plots",
                     picture, script, getenv("EFLA_DATADIR") ? getenv("EFLA_DATADIR") : "../share/efla");
  if (system("command -v gnuplot >/dev/null") == 0) return EFLA_OK;
  return efla_fail(why, EFLA_OUTPUT, "%s: cannot draw: gnuplot is not installed, or not in PATH", picture);
}

/* name = 'value' with gnuplot's quotes, in which '' is one; to be freed. */
static char *define(const char *name, const char *value) {
  size_t length = strlen(name) + 2 * strlen(value) + sizeof " = ''";
  char *text = malloc(length);
  if (!text) return NULL;
  char *to = text + snprintf(text, length, "%s = '", name);
  for (; *value; value++) {
    if (*value == '\'') *to++ = '\'';
    *to++ = *value;
  }
  *to++ = '\'';
  *to = 0;
  return text;
}

/* The table as a file without a name, which has a path as long as this process lives; -1 on failure. */
static int keep(const char *table, size_t length) {
  int file = memfd_create("table", MFD_CLOEXEC);
  if (file < 0) return -1;
  for (size_t done = 0; done < length;) {
    ssize_t n = write(file, table + done, length - done);
    if (n < 0 && errno != EINTR) {
      close(file);
      return -1;
    }
    if (n > 0) done += (size_t)n;
  }
  return file;
}

/* Runs gnuplot on the script where it is; its status, or -1. */
static int run_gnuplot(const char *script, size_t n, char *const *definitions) {
  char **words = calloc(2 * n + 3, sizeof *words), *path = NULL, *directory = find_plots(script);
  if (!words || !directory || asprintf(&path, "plots/%s.gp", script) < 0) {
    free(words);
    free(directory);
    return -1;
  }
  words[0] = "gnuplot";
  for (size_t i = 0; i < n; i++) words[2 * i + 1] = "-e", words[2 * i + 2] = definitions[i];
  words[2 * n + 1] = path;
  fflush(NULL); /* what is buffered is written once */
  pid_t child = fork();
  if (child == 0) {
    if (chdir(directory) == 0) execvp(words[0], words);
    _exit(127);
  }
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  free(words);
  free(path);
  free(directory);
  return child > 0 ? status : -1;
}

/* The picture's name as gnuplot sees it from another directory; to be freed. */
static char *absolute(const char *path) {
  char *here = *path == '/' ? NULL : getcwd(NULL, 0), *whole = NULL;
  if (*path != '/' && !here) return NULL;
  if (asprintf(&whole, "%s%s%s", here ? here : "", here ? "/" : "", path) < 0) whole = NULL;
  free(here);
  return whole;
}

enum { OWN = 3, MOST = 16 }; /* definitions: table, picture, format, and those of the caller */

efla_status efla_figure_draw(const char *script, const char *table, size_t length, size_t n, const efla_figure_text *texts,
                             const char *picture, efla_message *why) {
  efla_output output;
  char path[64], *definitions[MOST] = {0};
  assert(n + OWN <= MOST);
  efla_status status = efla_figure_check(script, picture, why);
  if (status == EFLA_OK) status = efla_output_begin(&output, picture, why);
  if (status != EFLA_OK) return status;
  int file = keep(table, length);
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), file);
  char *target = absolute(efla_output_name(&output));
  bool complete = file >= 0 && target;
  if (complete) {
    definitions[0] = define("table", path);
    definitions[1] = define("picture", target);
    definitions[2] = define("format", format_of(picture));
    for (size_t i = 0; i < n; i++) definitions[OWN + i] = define(texts[i].name, texts[i].value);
  }
  for (size_t i = 0; i < OWN + n; i++) complete = complete && definitions[i];
  if (!complete) {
    status = efla_fail_memory(why);
  } else if (run_gnuplot(script, OWN + n, definitions) != 0) {
    status = efla_fail(why, EFLA_OUTPUT, "%s: gnuplot could not draw it", picture);
  }
  for (size_t i = 0; i < OWN + n; i++) free(definitions[i]);
  free(target);
  if (file >= 0) close(file);
  if (status == EFLA_OK) return efla_output_finish(&output, why);
  efla_output_abandon(&output);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/figure.h"

#include "io/output.h"

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

/* Picture formats as plots/style.gp knows them, and the bytes with which every complete picture ends, white
 * space aside. */
typedef struct picture_format {
  const char *name, *end;
  size_t length;
  const char *called; /* the last bytes, as text for messages */
} picture_format;

static const picture_format formats[] = {{"svg", "</svg>", 6, "</svg>"},
                                         {"pdf", "%%EOF", 5, "%%EOF"},
                                         {"png",
                                          "\0\0\0\0IEND\xae"
                                          "B`\x82",
                                          12, "its chunk IEND"}};

static const picture_format *format_of(const char *picture) {
  const char *dot = strrchr(picture, '.');
  for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
    if (!strcmp(dot + 1, formats[i].name)) return &formats[i];
  return NULL;
}

static bool holds(const char *directory, const char *script) {
  char *path;
  if (asprintf(&path, "%s/plots/%s.gp", directory, script) < 0) return false;
  bool there = access(path, R_OK) == 0;
  free(path);
  return there;
}

/* A path relative to the directory of this program; to be freed. */
static char *beside_program(const char *relative) {
  char program[PATH_MAX], *directory = NULL;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return NULL;
  program[length] = 0;
  if (asprintf(&directory, "%s/%s", dirname(program), relative) < 0) return NULL;
  return directory;
}

/* The directory whose plots/ contains the script, to be freed; NULL if there is none. */
static char *find_plots(const char *script) {
  /* Installed: relative to PREFIX/bin. In the source tree: relative to bin and to build/MODE/bin. */
  static const char *const places[] = {"../share/efla", "..", "../../.."};
  const char *named = getenv("EFLA_DATADIR");
  const size_t n = named ? 1 : sizeof places / sizeof *places;
  for (size_t i = 0; i < n; i++) {
    char *found = named ? strdup(named) : beside_program(places[i]);
    if (found && holds(found, script)) return found;
    free(found);
  }
  return NULL;
}

/* Whether a program of that name is found in PATH. Not by system(), which ignores SIGINT while it waits. */
static bool in_path(const char *program) {
  const char *directories = getenv("PATH");
  char path[PATH_MAX];
  for (const char *at = directories ? directories : ""; *at; at += *at == ':') {
    int length = (int)strcspn(at, ":");
    int n = snprintf(path, sizeof path, "%.*s/%s", length ? length : 1, length ? at : ".", program);
    if (n > 0 && (size_t)n < sizeof path && access(path, X_OK) == 0) return true;
    at += length;
  }
  return false;
}

efla_status efla_figure_check(const char *script, const char *picture, efla_message *why) {
  if (!format_of(picture))
    return efla_fail(why, EFLA_OUTPUT, "%s: expected a name that ends in .svg, .pdf or .png", picture);
  char *plots = find_plots(script);
  free(plots);
  if (!plots)
    return efla_fail(why, EFLA_OUTPUT,
                     "%s: cannot draw: no plots/%s.gp in %s; EFLA_DATADIR names the directory that holds plots",
                     picture, script, getenv("EFLA_DATADIR") ? getenv("EFLA_DATADIR") : "../share/efla");
  if (in_path("gnuplot")) return EFLA_OK;
  return efla_fail(why, EFLA_OUTPUT, "%s: cannot draw: gnuplot is not installed, or not in PATH", picture);
}

/* The gnuplot statement name = 'value', in which a quote is written as two; to be freed. */
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

/* An anonymous file in memory, which has a path as long as this process lives; returns its descriptor, -1 on
 * failure. */
static int memory_file(const char *bytes, size_t length) {
  int file = memfd_create("figure", MFD_CLOEXEC);
  if (file < 0) return -1;
  for (size_t done = 0; done < length;) {
    ssize_t n = write(file, bytes + done, length - done);
    if (n < 0 && errno != EINTR) {
      close(file);
      return -1;
    }
    if (n > 0) done += (size_t)n;
  }
  return file;
}

enum { PATH = 64 };
static void name_of(int file, char path[PATH]) { snprintf(path, PATH, "/proc/%ld/fd/%d", (long)getpid(), file); }

/* Runs gnuplot on the script, in the script's directory; returns its wait status, -1 where it could not be
 * started. */
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
  fflush(NULL); /* so that the child does not write buffered output a second time */
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

static bool is_complete(const char *bytes, size_t length, const picture_format *format) {
  while (length > 0 && strchr(" \r\n", bytes[length - 1]) && bytes[length - 1]) length--;
  return length >= format->length && !memcmp(bytes + length - format->length, format->end, format->length);
}

/* Copies what gnuplot drew to its destination. gnuplot exits with 0 even where its writes failed, so the end
 * of the picture is checked. */
static efla_status publish(int drawn, efla_output *output, efla_message *why) {
  const picture_format *format = format_of(output->path);
  off_t length = lseek(drawn, 0, SEEK_END);
  if (length <= 0) return efla_fail(why, EFLA_OUTPUT, "%s: gnuplot drew nothing, expected a picture", output->path);
  char *bytes = mmap(NULL, (size_t)length, PROT_READ, MAP_PRIVATE, drawn, 0);
  if (bytes == MAP_FAILED) return efla_fail_memory(why);
  efla_status status =
      is_complete(bytes, (size_t)length, format)
          ? efla_output_write(output, bytes, (size_t)length, why)
          : efla_fail(why, EFLA_OUTPUT, "%s: gnuplot left it incomplete after %lld bytes, expected it to end with %s",
                      output->path, (long long)length, format->called);
  munmap(bytes, (size_t)length);
  return status == EFLA_OK ? efla_output_finish(output, why) : status;
}

enum { OWN = 3, MOST = 16 }; /* definitions: table, picture and format, and those of the caller */

/* Runs gnuplot from one file to another, both in memory. */
static efla_status draw(const char *script, int table, int drawn, size_t n, const efla_figure_text *texts,
                        const char *picture, efla_message *why) {
  char from[PATH], to[PATH], *definitions[MOST] = {0};
  assert(n + OWN <= MOST);
  name_of(table, from);
  name_of(drawn, to);
  definitions[0] = define("table", from);
  definitions[1] = define("picture", to);
  definitions[2] = define("format", format_of(picture)->name);
  for (size_t i = 0; i < n; i++) definitions[OWN + i] = define(texts[i].name, texts[i].value);
  bool complete = true;
  for (size_t i = 0; i < OWN + n; i++) complete = complete && definitions[i];
  efla_status status = EFLA_OK;
  if (!complete)
    status = efla_fail_memory(why);
  else if (run_gnuplot(script, OWN + n, definitions) != 0)
    status = efla_fail(why, EFLA_OUTPUT, "%s: gnuplot could not draw it", picture);
  for (size_t i = 0; i < OWN + n; i++) free(definitions[i]);
  return status;
}

efla_status efla_figure_draw(const char *script, const char *table, size_t length, size_t n,
                             const efla_figure_text *texts, const char *picture, efla_message *why) {
  efla_output output;
  efla_status status = efla_figure_check(script, picture, why);
  if (status == EFLA_OK) status = efla_output_begin(&output, picture, why);
  if (status != EFLA_OK) return status;
  int rows = memory_file(table, length), drawn = memory_file(NULL, 0);
  if (rows < 0 || drawn < 0)
    status = efla_fail(why, EFLA_OUTPUT, "%s: cannot draw: no file in memory: %s", picture, strerror(errno));
  if (status == EFLA_OK) status = draw(script, rows, drawn, n, texts, picture, why);
  if (status == EFLA_OK) status = publish(drawn, &output, why);
  if (rows >= 0) close(rows);
  if (drawn >= 0) close(drawn);
  efla_output_abandon(&output);
  return status;
}

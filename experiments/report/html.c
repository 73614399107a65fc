/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "html.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void put_escaped(char c) {
  const char *name = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
  if (name)
    fputs(name, stdout);
  else
    putchar(c);
}

void html_text(const char *format, ...) {
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  for (const char *c = text; *c; c++) put_escaped(*c);
}

char *html_read(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  long length = -1;
  if (file && fseek(file, 0, SEEK_END) == 0) length = ftell(file), rewind(file);
  if (length >= 0) text = malloc((size_t)length + 1);
  if (text && fread(text, 1, (size_t)length, file) != (size_t)length) free(text), text = NULL;
  if (text) text[length] = 0;
  if (file) fclose(file);
  return text;
}

#define ROOT "$root$" /* the way from a page to the root of all, where this one is */

efla_status html_include(const char *path, efla_message *why) {
  char *text = html_read(path);
  if (!text) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  for (const char *at = text; *at;)
    if (!strncmp(at, ROOT, strlen(ROOT)))
      at += strlen(ROOT);
    else
      putchar(*at++);
  free(text);
  return EFLA_OK;
}

/* The length of what stands at `at` before a name of an id: id='..., href='#..., url(#...; 0: nothing of these. */
static size_t before_id(const char *at) {
  static const char *const places[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (!strncmp(at, places[i], strlen(places[i]))) return strlen(places[i]);
  return 0;
}

efla_status html_figure(const char *path, const char *prefix, const char *title, efla_message *why) {
  char *text = html_read(path);
  const char *at = text ? strstr(text, "<svg") : NULL;
  if (!at) {
    free(text);
    return efla_fail(why, EFLA_INPUT, "%s: no SVG file", path);
  }
  fputs("<svg role=\"img\" aria-label=\"", stdout), html_text("%s", title), putchar('"');
  for (at += strlen("<svg"); *at;) {
    const size_t before = before_id(at);
    if (before)
      printf("%.*s%s-", (int)before, at, prefix), at += before;
    else if (!strncmp(at, "<title>Gnuplot</title>", strlen("<title>Gnuplot</title>")))
      at += strlen("<title>Gnuplot</title>"); /* a tooltip that says nothing */
    else
      putchar(*at++);
  }
  free(text);
  return EFLA_OK;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report RESULTS PROGRAMS FIGURE:TABLE:SCRIPT...: one page on standard output that tells what was found.
 *
 * The question, each claim of the paper with its verdict, then every figure with the table it is drawn from, the
 * command that makes it, and where it comes from. Numbers and verdicts are computed from tables; the texts around them
 * are files beside this one. FIGURE is figures/FIGURE.svg, TABLE a file, SCRIPT plots/SCRIPT.gp, whose first comment is
 * the caption. A figure or a table that is missing is said to be. */
#include "../claims/claims.h"
#include "html.h"

#include <string.h>

#define HERE "experiments/report/"

typedef struct figure {
  char *name, *table, *script;
} figure;

static figure *figures;
static size_t drawn;

/* Cuts "NAME:TABLE:SCRIPT" up; false, and the text as it was, where it is something else. */
static bool parse(char *text, figure *f) {
  char *table = strchr(text, ':'), *script = table ? strchr(table + 1, ':') : NULL;
  if (!script || strchr(script + 1, ':')) return false;
  *table = *script = 0;
  *f = (figure){text, table + 1, script + 1};
  return true;
}

/* The first comment of a figure's script after its licence, to be freed: what the figure shows. */
static char *caption_of(const figure *f) {
  char path[1024], *caption = NULL;
  size_t length = 0;
  FILE *words = open_memstream(&caption, &length);
  snprintf(path, sizeof path, "plots/%s.gp", f->script);
  char *text = html_read(path);
  const char *line = text ? text : "";
  while (*line && (strncmp(line, "# ", 2) != 0 || !strncmp(line, "# SPDX", 6)))
    line += strcspn(line, "\n"), line += *line == '\n';
  for (; words && !strncmp(line, "# ", 2); line += *line == '\n') { /* and the lines that go on with it */
    fprintf(words, "%s%.*s", ftell(words) > 0 ? " " : "", (int)strcspn(line + 2, "\n"), line + 2);
    line += strcspn(line, "\n");
  }
  if (words) fclose(words);
  free(text);
  return caption;
}

static const figure *figure_of(const char *name) { /* NULL: it is not on the page */
  for (size_t i = 0; i < drawn; i++)
    if (!strcmp(figures[i].name, name)) return &figures[i];
  return NULL;
}

static void put_finding(void *context, const finding *f) {
  const verdict *v = &f->verdict;
  const figure *shown = figure_of(f->figure);
  (void)context;
  printf("<tr><th scope=\"row\">");
  html_text("%s", f->text);
  printf("</th><td><span class=\"ruling r%d\">%s</span> ", (int)v->ruling, ruling_word(v->ruling));
  if (v->ruling == HOLDS_IF) html_text("%s", v->condition);
  printf("</td><td>");
  html_text("%s", v->evidence);
  printf("</td><td>");
  if (shown) printf("<a href=\"#%s\">%s</a>", shown->name, shown->name);
  printf("</td><td>");
  if (shown)
    printf("<a href=\"#%s-table\">%s.csv</a>", shown->name, f->table);
  else
    printf("%s.csv", f->table);
  puts("</td></tr>");
}

/* The lines "# key: value" of a table, and how many rows it has. */
static void put_provenance(const char *name, const char *path) {
  efla_csv csv;
  efla_message why = {{0}};
  if (efla_csv_read(&csv, path, &why) != EFLA_OK) {
    printf("<p class=\"missing\">"), html_text("Its table is missing: %s", why.text), puts("</p>");
    return;
  }
  printf("<details id=\"%s-table\"><summary>Provenance of <code>%s</code>, %zu rows</summary><dl>\n", name, path,
         csv.rows);
  for (char *rest = csv.header, *line; (line = strsep(&rest, "\n"));) {
    const char *colon = strstr(line, ": ");
    if (strncmp(line, "# ", 2) != 0 || !colon) continue;
    printf("<dt>"), html_text("%.*s", (int)(colon - line - 2), line + 2);
    printf("</dt><dd>"), html_text("%s", colon + 2), puts("</dd>");
  }
  puts("</dl></details>");
  efla_csv_clear(&csv);
}

static void put_figure(const figure *f) {
  char path[1024];
  efla_message why;
  char *caption = caption_of(f);
  snprintf(path, sizeof path, "figures/%s.svg", f->name);
  printf("<figure id=\"%s\"><h3>%s</h3>\n", f->name, f->name);
  if (html_figure(path, f->name, caption && *caption ? caption : f->name, &why) != EFLA_OK)
    printf("<p class=\"missing\">"), html_text("The figure is missing: %s", why.text), puts("</p>");
  printf("<figcaption>"), html_text("%s", caption ? caption : "");
  printf(" Redrawn by <code>make build-figures FIGURES=%s</code>.</figcaption>\n", f->name);
  put_provenance(f->name, f->table);
  puts("</figure>");
  free(caption);
}

static efla_status put_page(const char *results, const char *programs, efla_message *why) {
  puts("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>EFLA toolkit: report</title>\n"
       "<style>");
  efla_status status = html_include(HERE "style.css", why);
  puts("</style>\n</head>\n<body>");
  if (status == EFLA_OK) status = html_include(HERE "nav.html", why);
  if (status == EFLA_OK) status = html_include(HERE "question.html", why);
  if (status != EFLA_OK) return status;
  puts(
      "<nav class=\"contents\" aria-label=\"Contents\"><h2>Contents</h2><ul><li><a href=\"#question\">The question</a></li>"
      "<li><a href=\"#claims\">The claims</a></li>");
  for (size_t i = 0; i < drawn; i++) printf("<li><a href=\"#%s\">%s</a></li>\n", figures[i].name, figures[i].name);
  puts("</ul></nav>\n<section id=\"claims\"><h2>The claims</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" "
       "aria-label=\"Claims\"><table>\n<thead><tr><th scope=\"col\">Claim</th>"
       "<th scope=\"col\">Verdict</th><th scope=\"col\">Evidence</th><th scope=\"col\">Figure</th>"
       "<th scope=\"col\">Table</th></tr></thead><tbody>");
  const bool complete = claims_judge(results, programs, put_finding, NULL);
  printf("</tbody></table></div>\n<p>%s The same in a terminal: <code>make verdict</code>.</p>\n</section>\n",
         complete ? "All tables are there and up to date." : "Tables are missing, old, or have too few rows.");
  puts("<section id=\"figures\"><h2>The figures</h2>");
  for (size_t i = 0; i < drawn; i++) put_figure(&figures[i]);
  puts("</section>\n</main>\n<script>");
  status = html_include(HERE "script.js", why);
  printf("</script>\n<footer><p>EFLA toolkit %s, commit %s.</p></footer>\n</body>\n</html>\n", EFLA_VERSION,
         efla_commit());
  return status;
}

int main(int argc, char **argv) {
  efla_message why;
  if (argc < 3) {
    fprintf(stderr, "Usage: report RESULTS PROGRAMS FIGURE:TABLE:SCRIPT...\n");
    return EFLA_EXIT_USAGE;
  }
  figures = calloc((size_t)argc, sizeof *figures);
  efla_status status = figures ? EFLA_OK : efla_fail_memory(&why);
  for (int i = 3; i < argc && status == EFLA_OK; i++)
    if (!parse(argv[i], &figures[drawn++]))
      status = efla_fail(&why, EFLA_USAGE, "%s: expected FIGURE:TABLE:SCRIPT", argv[i]);
  if (status == EFLA_OK) status = put_page(argv[1], argv[2], &why);
  if (status == EFLA_OK && (fflush(stdout) != 0 || ferror(stdout)))
    status = efla_fail(&why, EFLA_OUTPUT, "standard output: cannot write");
  free(figures);
  if (status == EFLA_OK) return EFLA_EXIT_FINE;
  fprintf(stderr, "report: %s\n", why.text);
  return status == EFLA_USAGE ? EFLA_EXIT_USAGE : EFLA_EXIT_IO;
}

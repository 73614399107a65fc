/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures are complete or absent, also where gnuplot or the disk fails. */
#include "files.h"
#include "testing.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PNG_END "\\0\\0\\0\\0IEND\\256B`\\202"
static const char table[] = "# seed: 1\nx,y\n1,2\n2,3\n";

static const char *work; /* holds plots/tiny.gp, bin/gnuplot, table.csv and the picture */
static char picture[300];
static efla_message why;

static void put(const char *name, const char *text, int mode) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", work, name);
  files_write(path, text, strlen(text));
  ck_assert_int_eq(chmod(path, (mode_t)mode), 0);
}

static void set_up(const char *name, const char *script) {
  char command[300];
  work = files_directory(name);
  snprintf(command, sizeof command, "mkdir %s/plots %s/bin", work, work);
  ck_assert_int_eq(system(command), 0);
  put("plots/tiny.gp", script, 0644);
  put("table.csv", table, 0644);
  setenv("EFLA_DATADIR", work, 1);
}

/* A program called gnuplot that writes this (for printf) where it is told to draw, and ends with status 0. */
static void put_gnuplot(const char *text) {
  static char path[4096];
  char script[600];
  snprintf(script, sizeof script,
           "#!/bin/sh\nfor word; do case $word in 'picture = '*) eval \"picture=${word#picture = }\" ;; esac; done\n"
           "printf '%s' >\"$picture\"\n",
           text);
  put("bin/gnuplot", script, 0755);
  char *here = realpath(work, NULL); /* it is looked for from another directory */
  snprintf(path, sizeof path, "%s/bin:/usr/local/bin:/usr/bin:/bin", here);
  free(here);
  setenv("PATH", path, 1);
}

static efla_status draw(const char *name) {
  snprintf(picture, sizeof picture, "%s/%s", work, name);
  return efla_figure_draw("tiny", table, strlen(table), 0, NULL, picture, &why);
}

static bool holds(const char *path, const char *text) {
  char found[300] = "";
  FILE *file = fopen(path, "r");
  size_t n = file ? fread(found, 1, sizeof found, file) : 0;
  if (file) fclose(file);
  return file && n == strlen(text) && !memcmp(found, text, n);
}

static void check_nothing_left(void) {
  char part[320];
  snprintf(part, sizeof part, "%s.part", picture);
  ck_assert_msg(access(part, F_OK) != 0, "%s is left", part);
}

START_TEST(cut_pictures_are_refused) {
  static const struct {
    const char *name, *drawn, *says;
  } cases[] = {{"a.svg", "", "drew nothing"},
               {"a.pdf", "", "drew nothing"},
               {"a.png", "", "drew nothing"},
               {"a.svg", "<svg><path>", "incomplete after 11 bytes, expected it to end with </svg>"},
               {"a.svg", "<svg></svg", "incomplete"},
               {"a.svg", "\\n", "incomplete"},
               {"a.pdf", "%%PDF-1.5\\n", "expected it to end with %%EOF"},
               {"a.png", "\\211PNG\\r\\n\\032\\n", "expected it to end with its chunk IEND"},
               {"a.png", "\\211PNG" PNG_END "\\0", "incomplete"}};
  set_up("figure-cut", "");
  for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
    put_gnuplot(cases[i / 2].drawn);
    snprintf(picture, sizeof picture, "%s/%s", work, cases[i / 2].name);
    unlink(picture);
    if (i % 2) put(cases[i / 2].name, "older", 0644);
    efla_status status = draw(cases[i / 2].name);
    ck_assert_msg(status == EFLA_OUTPUT, "case %zu: status %d", i / 2, status);
    ck_assert_msg(strstr(why.text, picture) && strstr(why.text, cases[i / 2].says), "%s", why.text);
    ck_assert(i % 2 ? holds(picture, "older") : access(picture, F_OK) != 0);
    check_nothing_left();
  }
}
END_TEST

START_TEST(whole_pictures_are_written) {
  set_up("figure-whole", "");
  put_gnuplot("<svg></svg>\\n\\n");
  ck_assert_msg(draw("a.svg") == EFLA_OK && holds(picture, "<svg></svg>\n\n"), "%s", why.text);
  put_gnuplot("%%PDF\\n%%%%EOF\\n");
  ck_assert_msg(draw("a.pdf") == EFLA_OK && holds(picture, "%PDF\n%%EOF\n"), "%s", why.text);
  put_gnuplot("PNG" PNG_END);
  ck_assert_msg(draw("a.png") == EFLA_OK, "%s", why.text);
  check_nothing_left();
}
END_TEST

/* A disk that is full when the picture gets there. */
START_TEST(full_disk) {
  set_up("figure-full", "set terminal svg\nset output picture\nplot sin(x)\n");
  snprintf(picture, sizeof picture, "%s/full.svg", work);
  ck_assert_int_eq(symlink("/dev/full", picture), 0);
  ck_assert_int_eq(draw("full.svg"), EFLA_OUTPUT);
  ck_assert_msg(strstr(why.text, picture) && strstr(why.text, "No space left on device"), "%s", why.text);
}
END_TEST

/* gnuplot itself may write no more than 16 KiB, does not hear of it and says that all is well. */
START_TEST(limited_files) {
  set_up("figure-limit", "set terminal svg\nset output picture\nplot for [i=1:40] sin(i * x)\n");
  ck_assert_int_eq(draw("a.svg"), EFLA_OK);
  unlink(picture);
  const struct rlimit limit = {16 << 10, 16 << 10};
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ck_assert_int_eq(draw("a.svg"), EFLA_OUTPUT);
  ck_assert_msg(strstr(why.text, "incomplete after 16384 bytes") != NULL, "%s", why.text);
  ck_assert(access(picture, F_OK) != 0);
  check_nothing_left();
}
END_TEST

/* The program of make figures; $W is the directory. */
static void check_program(const char *options, int status, const char *says) {
  char command[700], err[2000];
  snprintf(command, sizeof command, "W=%s; " TEST_BUILD "/draw --script tiny %s", work, options);
  int found = testing_shell(command, NULL, err, sizeof err);
  ck_assert_msg(found == status && strstr(err, says), "%s: status %d: %s", options, found, err);
}

START_TEST(program) {
  set_up("figure-program", "set print picture\nprint source.' '.text.' '.format.'</svg>'\n");
  char line[400];
  check_program("--table $W/table.csv --figure $W/a.svg --set text=\"it's\"", 0, "");
  snprintf(picture, sizeof picture, "%s/a.svg", work);
  snprintf(line, sizeof line, "%s/table.csv it's svg</svg>\n", work);
  ck_assert(holds(picture, line));
  check_program("--table $W/table.csv --figure $W/b.svg", 3,
                "b.svg: gnuplot could not draw it"); /* text is not defined */
  check_program("--table $W/table.csv --figure $W/b.bmp", 3, ".svg, .pdf or .png");
  check_program("--table $W/table.csv --figure $W/b.svg --set text", 2, "expected NAME=TEXT");
  check_program("--table $W/none.csv --figure $W/b.svg", 3, "none.csv: cannot read");
  put("table.csv", "x,y\n1,2\n2", 0644);
  check_program("--table $W/table.csv --figure $W/b.svg --set text=", 3, "table.csv");
  snprintf(picture, sizeof picture, "%s/b.svg", work);
  ck_assert(access(picture, F_OK) != 0);
  check_nothing_left();
}
END_TEST

START_TEST(formats_that_make_refuses) {
  static const char *const formats[] = {"bmp", "", "'svg pdf'"};
  char command[200], out[4000], err[2000];
  for (size_t i = 0; i < 3; i++) {
    snprintf(command, sizeof command, "env -u MAKEFLAGS -u MAKELEVEL make figures --dry-run FORMAT=%s", formats[i]);
    ck_assert_int_eq(testing_shell(command, out, err, sizeof err), 2);
    ck_assert_msg(strstr(err, "is none of svg, pdf, png") && !*out, "%s%s", out, err);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {cut_pictures_are_refused, whole_pictures_are_written, full_disk, limited_files, program,
                                formats_that_make_refuses};
  return testing_main("figure", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plots/check on small figures that gnuplot draws here: every kind of fault is found, and faultless figures
 * pass. */
#include "files.h"
#include "testing.h"

#include <limits.h>

static const char *work;
static char said[8192];

/* Draws work/name (svg or png, 600 by 400) by the commands given. */
static void draw(const char *name, const char *commands) {
  char path[PATH_MAX], text[4096], command[PATH_MAX + 64];
  int n =
      snprintf(text, sizeof text,
               "set terminal %s size 600,400 enhanced font 'Helvetica,%s' background rgb 'white'\nset output '%s/%s'\n"
               "set encoding utf8\nset xrange [0:1]\nset yrange [0:1]\nset xtics 0.5\nset grid lc rgb '#dddddd'\n%s\n",
               strstr(name, ".svg") ? "svg" : "pngcairo", strstr(name, ".svg") ? "13" : "10", work, name, commands);
  snprintf(path, sizeof path, "%s/script.gp", work);
  files_write(path, text, (size_t)n);
  snprintf(command, sizeof command, "gnuplot '%s'", path);
  ck_assert_int_eq(testing_shell(command, NULL, said, sizeof said), 0);
}

/* The exit status of plots/check; what it said is in said. */
static int check(const char *name) {
  char command[PATH_MAX + 64];
  snprintf(command, sizeof command, "plots/check '%s/%s'", work, name);
  return testing_shell(command, said, NULL, sizeof said);
}

static void check_passes(const char *name, const char *commands) {
  draw(name, commands);
  int status = check(name);
  ck_assert_msg(status == 0 && !said[0], "status %d of\n%s\n%s", status, commands, said);
}

/* The figure has this fault, and no other one. */
static void check_fault(const char *name, const char *commands, const char *fault) {
  char line[PATH_MAX + 256];
  draw(name, commands);
  int status = check(name);
  snprintf(line, sizeof line, "%s/%s: %s", work, name, fault);
  ck_assert_msg(status == 1 && !strncmp(said, line, strlen(line)) && strchr(said, '\n') == said + strlen(said) - 1,
                "status %d, %s, in place of '%s', of\n%s", status, said, fault, commands);
}

static void setup(void) { work = files_directory("plots-check"); }

#define TWO_PANELS "set multiplot layout 1,2 title 'β_k and 10^{-6}'\n"

START_TEST(sound_figures) {
  setup();
  /* One legend for two panels, in a panel of its own without axes; the footer once. */
  const char *whole =
      "set multiplot layout 1,3 title 'errors of β_{k}'\nset label 1 'run.csv · seed 1' at screen 0.99, screen 0.03 "
      "right\n"
      "set ylabel 'error'\nset format y '10^{%g}'\nunset key\nplot x with lines lw 2, x/2 with linespoints dt 2 pt 7\n"
      "unset label 1\nset ylabel ''\nplot x**2 with lines lw 2, x/4 with linespoints dt 2 pt 7\n"
      "unset border\nunset tics\nset key\nplot NaN with lines lw 2 title 'one', NaN with linespoints dt 2 pt 7 title "
      "'two'\n";
  check_passes("sound.svg", whole);
  check_passes("sound.png", whole);
  check_passes("one.svg", "unset key\nplot x"); /* one series needs no legend */
  check_passes("label.svg",
               "unset key\nset label 'rises' at 0.2,0.5 tc rgb 'red'\nset label 'falls' at 0.7,0.6 tc rgb 'blue'\n"
               "plot x lc rgb 'red', 1-x lc rgb 'blue'"); /* named beside the curves */
  check_passes("thin.svg", "set title 'thick: mean; thin: single seeds'\nset key bottom right\n"
                           "plot 0.5+x/4 lc rgb '#b0ff0000' lw 0.8 notitle, 0.4+x/2 lc rgb 'red' lw 3 title 'a'");
  check_passes("grey.svg",
               "set key bottom right\nplot 0.5+x/4 lc rgb 'red' dt 2 notitle, 0.5+x/3 lc rgb 'red' title 'red', "
               "NaN lc rgb '#404040' dt 2 title 'of f32'"); /* dashes have an entry of their own */
  check_passes("words.svg",
               "unset key\nset xtics ('first' 0.25, 'second' 0.75)\nplot '+' using (0.25):(0.1+0.5*$1) lc 1, "
               "'+' using (0.75):(0.1+0.5*$1) lc 2"); /* named by the axis */
  check_passes("rows.svg", "set multiplot layout 2,1\nunset key\nset xtics ('first' 0.2, 'second' 0.8)\n"
                           "plot '+' using (0.05+0.3*$1):(0.5) lc 1, '+' using (0.65+0.3*$1):(0.5) lc 2\n"
                           "set xtics ('third' 0.3, 'fourth' 0.45)\nplot '+' using (0.3):1 lc 1, '+' using (0.45):1 lc "
                           "2"); /* each row by itself */
  check_passes("turned.svg",
               "unset key\nset xtics ('a long name' 0.2, 'another name' 0.25, 'a third name' 0.3) rotate by 45 right\n"
               "plot x"); /* boxes that overlap unless they are turned */
}
END_TEST

START_TEST(legends) {
  setup();
  check_fault("a.svg", "unset key\nplot x lc rgb 'red', x/2 lc rgb 'blue' dt 2",
              "legend: 2 of 2 series in panel 1 of 1 have no entry: ");
  check_fault(
      "axis.svg",
      TWO_PANELS
      "unset key\nset xtics ('first' 0.25, 'second' 0.75)\nplot '+' using (0.25):1 lc 1, '+' using (0.75):1 lc 2\n"
      "set xtics 0.5\nplot '+' using (0.4):1 lc 1, '+' using (0.6):1 lc 2",
      "legend: 2 of 2 series in panel 2 of 2 have no entry: "); /* the words are another panel's */
  check_fault("b.svg", "set key bottom right\nplot 0.5+x/2 title 'a', 0.5+x/3 title 'b', 0.5+x/4 notitle",
              "legend: 1 of 3 series in panel 1 of 1");
  check_fault("c.svg", "set key bottom right\nplot 0.5+x/2 lc 1 title 'a', 0.5+x/3 lc 1 dt 2 notitle",
              "legend: 1 of 2 series in panel 1 of 1");
  check_fault("d.svg", "set key bottom right\nplot 0.5+x/2 lc 1 title 'a', 0.5+x/3 lc 1 lw 4 notitle",
              "legend: 1 of 2 series in panel 1 of 1");
  check_fault(
      "e.svg",
      "set key bottom right\nplot 0.5+x/2 with points lc 1 pt 1 title 'a', 0.5+x/3 with points lc 1 pt 6 notitle",
      "legend: 1 of 2 series in panel 1 of 1");
  check_fault("f.svg", TWO_PANELS "unset key\nplot x\nplot x/2 lc 1, x/3 lc 2",
              "legend: 2 of 2 series in panel 2 of 2");
  /* An entry for which there is no room is left out by gnuplot. */
  draw(
      "g.svg", TWO_PANELS
      "unset key\nplot x\nunset border\nunset tics\nset key at graph 0.06, graph 0.96 left top vertical maxrows 9 Left "
      "reverse font ',30'\nplot for [i=1:9] NaN lc 1 title sprintf('entry %d', i)");
  ck_assert_int_eq(check("g.svg"), 1);
  ck_assert_msg(strstr(said, "g.svg: legend: the entry 'entry 9' is not drawn"), "%s", said);
}
END_TEST

START_TEST(texts) {
  setup();
  const char *wide =
      "set title 'a title of many words that is much wider than the picture in which it is to stand, and which is "
      "therefore cut at both of its ends'\n"
      "unset key\nplot x";
  check_fault("a.svg", wide, "outside: 'a title of many words that is much wider than the picture...' is cut: ");
  ck_assert(strstr(said, "at the left") && strstr(said, "at the right"));
  check_fault("b.svg", "set label 'footer' at screen 0.5, screen 0.002\nunset key\nplot x",
              "outside: 'footer' is cut: ");
  check_fault("c.svg",
              TWO_PANELS "set label 'run.csv' at screen 0.99, screen 0.012 right font ',9'\nunset key\nplot x\nplot x",
              "repeated: 'run.csv' is drawn 2 times over itself");
  check_fault("d.svg", "set label 'first' at 0.2,0.8\nset label 'second' at 0.22,0.81\nunset key\nplot x",
              "overlap: 'first' and 'second' lie over each other");
  check_fault(
      "e.svg",
      "set label 'first' at 0.2,0.7 rotate by 45\nset label 'second' at 0.22,0.73 rotate by 45\nunset key\nplot x/2",
      "overlap: 'first' and 'second' lie over each other");
  check_fault("f.svg", "set label 'first' at 0.4,0.8 right\nset label 'second' at 0.402,0.8\nunset key\nplot x/2",
              "touch: 'first' and 'second' read as one text");
  check_fault("g.svg", "set label 'on the frame' at 1,0.3 center\nset rmargin 15\nunset key\nplot x",
              "frame: 'on the frame' lies over the frame");
  check_fault("h.svg", "set label 'on the curve' at 0.5,0.5 center\nunset key\nplot x",
              "data: the text 'on the curve' lies over data");
  check_fault("i.svg", "set key top right\nplot x title 'on the curve'",
              "data: the legend entry 'on the curve' lies over data");
}
END_TEST

START_TEST(panels) {
  setup();
  check_fault("a.svg", TWO_PANELS "unset key\nplot x\nplot NaN", "empty: panel 2 of 2 shows no data");
  check_fault("b.svg", TWO_PANELS "unset key\nplot x**2\nplot 0.5 lc rgb '#404040' dt 2",
              "empty: panel 2 of 2 shows no data, only a line");
}
END_TEST

START_TEST(pictures) {
  setup();
  const char *wide =
      "set label 'WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW' at screen 0.5, screen 0.5 center\n"
      "unset key\nplot x";
  draw("a.png", wide);
  ck_assert_int_eq(check("a.png"), 1);
  ck_assert_msg(strstr(said, "a.png: outside: something is cut at the left edge (rows ") &&
                    strstr(said, "a.png: outside: something is cut at the right edge (rows "),
                "%s", said);
  check_fault("b.png", "unset key\nunset border\nunset tics\nunset grid\nplot NaN", "empty: the picture is blank");
  check_fault("c.png", TWO_PANELS "unset key\nplot x\nplot NaN", "empty: panel 2 of 2 shows nothing");
}
END_TEST

/* Does something to a copy of a sound figure. */
static void check_damaged(const char *name, const char *damage, const char *fault) {
  char command[3 * PATH_MAX];
  check_passes(name, "unset key\nplot x");
  snprintf(command, sizeof command, "cd '%s' && %s", work, damage);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  ck_assert_int_eq(check(name), 1);
  ck_assert_msg(strstr(said, fault), "%s: %s", damage, said);
}

START_TEST(files) {
  setup();
  check_damaged("a.svg", ": >a.svg", "a.svg: incomplete: the file is empty");
  check_damaged("b.svg", "sed -i '$d' b.svg && sed -i '/<.svg>/d' b.svg", "b.svg: incomplete: not a whole svg file");
  check_damaged("c.png", ": >c.png", "c.png: incomplete: the file is empty");
  check_damaged("d.png", "truncate -s -20 d.png", "d.png: incomplete: not a whole png file");
  check_damaged("e.png", "printf 'XXXX' | dd of=e.png bs=1 seek=60 conv=notrunc",
                "e.png: incomplete: not a whole png file");
  check_damaged("f.png", "echo text >f.png", "f.png: incomplete: not a png file");
  ck_assert_int_eq(testing_shell("plots/check", NULL, said, sizeof said), 2);
  ck_assert_int_eq(testing_shell("plots/check figure.pdf", NULL, said, sizeof said), 2);
  ck_assert(strstr(said, "usage: plots/check FILE.svg|FILE.png..."));
  ck_assert_int_eq(testing_shell("plots/check /no/such.svg", NULL, said, sizeof said), 2);
  ck_assert(strstr(said, "/no/such.svg: No such file"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {sound_figures, legends, texts, panels, pictures, files};
  return testing_main("plots/check", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which targets install packages: `make`, `make -n` and `make install` name missing packages and install none; `make
 * deps` installs them. */
#include "files.h"
#include "testing.h"

#include <limits.h>
#include <unistd.h>

enum { TEXT = 1 << 16 };

static char out[TEXT], err[TEXT];

/* Runs make where pkg-config does not know GSL, and apt-get and sudo note in $W/called that they were called, and fail.
 * Returns make's exit status. */
static int make_without_gsl(const char *work, const char *goals) {
  static const char *const text =
      "unset MAKEFLAGS MAKELEVEL MFLAGS; W=\"$PWD/%s\"; mkdir -p $W/shims; rm -f $W/called\n"
      "for name in apt-get sudo; do\n"
      "  printf '#!/bin/sh\\necho %%s \"$@\" >>%%s/called\\nexit 1\\n' $name $W >$W/shims/$name\n"
      "done\n"
      "printf '#!/bin/sh\\n[ \"$*\" != \"--exists gsl\" ] && exec %%s \"$@\"\\n' $(command -v pkg-config) \\\n"
      "  >$W/shims/pkg-config\n"
      "chmod +x $W/shims/*; PATH=\"$W/shims:$PATH\" make BUILD=$W/build BIN=$W/bin %s";
  char *command;
  ck_assert_int_ge(asprintf(&command, text, work, goals), 0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  return status;
}

static bool called(const char *work) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/called", work);
  return access(path, F_OK) == 0;
}

START_TEST(plain_make_only_looks) {
  const char *work = files_directory("untouched");
  static const char *const goals[] = {"", "all", "install DESTDIR=$W/root"};
  for (size_t i = 0; i < sizeof goals / sizeof *goals; i++) {
    ck_assert_msg(make_without_gsl(work, goals[i]) != 0, "make %s: %s", goals[i], out);
    ck_assert_msg(!called(work), "make %s called apt-get", goals[i]);
    ck_assert_msg(strstr(err, "libgsl-dev") && strstr(err, "make deps"), "make %s: %s", goals[i], err);
  }
}
END_TEST

START_TEST(a_dry_run_runs_nothing) {
  static const char *const goals[] = {"-n", "-n check", "-n deps", "-n install DESTDIR=$W/root"};
  const char *work = files_directory("untouched-dry");
  for (size_t i = 0; i < sizeof goals / sizeof *goals; i++) {
    (void)make_without_gsl(work, goals[i]);
    ck_assert_msg(!called(work), "make %s called apt-get", goals[i]);
  }
}
END_TEST

START_TEST(deps_installs) {
  const char *work = files_directory("untouched-deps");
  ck_assert_int_ne(make_without_gsl(work, "deps"), 0);
  ck_assert(called(work));
  ck_assert_msg(strstr(err, "libgsl-dev") != NULL, "%s", err);
}
END_TEST

/* An optional package that cannot be had is tried for once, and keeps no other from being tried. */
START_TEST(optional_packages_are_tried_once) {
  static const struct {
    const char *list, *tried;
  } runs[] = {{"false first", "first "}, {"false first\nfalse second", "second "}, {"false second", ""}};
  const char *work = files_directory("untouched-optional");
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    char command[1000];
    snprintf(command, sizeof command,
             "R=$PWD; mkdir -p %s/shims && cd %s && { printf '#!/bin/sh\necho \"$@\" >>called; exit 1\n' "
             ">shims/apt-get; chmod +x shims/apt-get; rm -f called; touch called; } && "
             "PATH=\"$PWD/shims:$PATH\" sh $R/.ci/install '' '%s' && sed -n 's/^install .*recommends //p' called | tr "
             "'\\n' ' '",
             work, work, runs[i].list);
    ck_assert_msg(testing_shell(command, out, err, TEXT) == 0, "%s", err);
    ck_assert_msg(strstr(out, runs[i].tried) && (*runs[i].tried || !*out), "run %zu: '%s' tried, expected '%s'", i, out,
                  runs[i].tried);
    ck_assert_msg(i != 1 || !strstr(out, "first"), "tried twice: %s", out);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {plain_make_only_looks, a_dry_run_runs_nothing, deps_installs,
                                optional_packages_are_tried_once};
  return testing_main("untouched", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A checkout or archive of the sources: the commit is known, objects do not contain the build directory, the README
 * lists the packages needed, tables are rebuilt only when necessary, and the example runs from any directory. */
#include "files.h"
#include "testing.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

enum { TEXT = 1 << 16 };

static char out[TEXT], err[TEXT]; /* of the last shell() */

/* Runs a command in which $R is the root of the sources and $W a directory of this test; returns the exit status. */
static int shell(const char *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int shell(const char *work, const char *format, ...) {
  char *text, *command, root[PATH_MAX];
  va_list values;
  va_start(values, format);
  ck_assert_int_ge(vasprintf(&text, format, values), 0);
  va_end(values);
  ck_assert_ptr_nonnull(getcwd(root, sizeof root));
  ck_assert_int_ge(
      asprintf(&command, "unset EFLA_MNIST EFLA_COMPARE; R='%s'; W=\"$R/%s\"; export R W\n%s", root, work, text), 0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  free(text);
  return status;
}

/* The same, and the command must succeed. */
#define SHELL(...) ck_assert_msg(shell(work, __VA_ARGS__) == 0, "%s\n%s", out, err)

/* The files of a commit without git's own: what stands for the commit there is that very commit.  Only the header with
 * it is made. */
START_TEST(an_archive_knows_its_commit) {
  const char *work = files_directory("checkout-archive");
  if (shell(work, "git rev-parse HEAD") != 0) {
    testing_skip("an_archive_knows_its_commit", "this is no checkout");
    return;
  }
  SHELL("git archive HEAD | tar -x -C $W && GIT_CEILING_DIRECTORIES=$(dirname $W) make -s -C $W "
        "build/release/build_info.h "
        "MODE=release"); /* which must not take this checkout for its own */
  SHELL("grep -qx \"#define EFLA_COMMIT \\\"$(git rev-parse HEAD | cut -c 1-12)\\\"\" $W/build/release/build_info.h");
  SHELL("make -s BUILD=$W/here $W/here/build_info.h MODE=release");
  SHELL("grep -q \"#define EFLA_COMMIT \\\"$(git describe --always --abbrev=12 HEAD)\" $W/here/build_info.h");
}
END_TEST

/* Not even with debugging information. */
START_TEST(objects_do_not_know_their_place) {
  const char *work = files_directory("checkout-place");
  SHELL("make -s BUILD=$W/b MODE=release CFLAGS=-g $W/b/src/efla/rule.o && test -s $W/b/src/efla/rule.o");
  ck_assert_msg(shell(work, "grep -F -- \"$R\" $W/b/src/efla/rule.o") == 1, "the path of the build is in an object");
}
END_TEST

/* Every package that make installs, linters apart, under "What is needed", by the name that pkg-config or the shell
 * knows. */
START_TEST(the_readme_says_what_is_needed) {
  const char *work = files_directory("checkout-readme");
  SHELL("sed -n '/^## What is needed/,/^## To read on/p' README.md >$W/needed && test -s $W/needed");
  SHELL(
      "sed '/^define LINTERS/,/^endef/d' mk/packages.mk | sed '/^define CHECKERS/,/^endef/d; /^define CROSS/,/^endef/d' | "
      "sed -n 's/^\\(command -v\\|pkg-config --exists\\) \\([a-z-]*\\).*/\\2/p' >$W/names && test $(wc -l <$W/names) "
      "-ge 10");
  SHELL("while read -r name; do grep -qi -- \"$name\" $W/needed || { echo $name; exit 1; }; done <$W/names");
  SHELL("test -z \"$(tr -s '.(' '\\n' <$W/needed | grep -i 'make fuzz' | sed 1d)\""); /* said once */
}
END_TEST

/* Naming MNIST later makes its own tables anew, QUICK makes all. */
START_TEST(tables_depend_on_their_settings) {
  const char *work = files_directory("checkout-settings");
  static const struct {
    const char *settings, *made;
  } runs[] = {{"", "accumulation-mnist order "},
              {"", ""},
              {"EFLA_MNIST=a", "accumulation-mnist "},
              {"EFLA_MNIST=a", ""},
              {"EFLA_MNIST=b QUICK=1", "accumulation-mnist order "}};
  SHELL("cd $W && for name in Makefile mk src experiments tests packaging plots; do ln -s $R/$name; done; "
        "printf '#!/bin/sh\\nfor last; do :; done; echo x >\"$last\"; basename \"$last\" .csv >>made\\n' >fake && "
        "chmod +x fake");
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    SHELL("cd $W && rm -f made && touch made && make -s %s RUN_order=./fake RUN_accumulation-mnist=./fake "
          "results/order.csv "
          "results/accumulation-mnist.csv >&2 && sort made | tr '\\n' ' '",
          runs[i].settings);
    ck_assert_msg(!strcmp(out, runs[i].made), "run %zu, '%s': made '%s', expected '%s'", i, runs[i].settings, out,
                  runs[i].made);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {an_archive_knows_its_commit, objects_do_not_know_their_place,
                                the_readme_says_what_is_needed, tables_depend_on_their_settings};
  return testing_main("checkout", tests, sizeof tests / sizeof *tests, 120);
}

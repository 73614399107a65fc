/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `make install` installs, used without the sources: headers and libraries by pkg-config, the README's example,
 * programs, manuals, completion; `make uninstall` removes it. */
#include "files.h"
#include "h5.h"
#include "ranks.h"
#include "testing.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

enum { TEXT = 1 << 18 };

static char out[TEXT], err[TEXT]; /* of the last shell() */
static char prefix[PATH_MAX];     /* absolute */

/* Runs a command in which $P is the prefix and pkg-config knows of it; returns the exit status. */
static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...) {
  char *text, *command;
  va_list values;
  va_start(values, format);
  ck_assert_int_ge(vasprintf(&text, format, values), 0);
  va_end(values);
  ck_assert_int_ge(asprintf(&command,
                            "P=%s; W=%s.work; export P W PKG_CONFIG_PATH=$P/lib/pkgconfig LD_LIBRARY_PATH=$P/lib "
                            "MANPATH=$P/share/man;\n%s",
                            prefix, prefix, text),
                   0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  free(text);
  return status;
}

/* The same, and the command must succeed. */
#define SHELL(...) ck_assert_msg(shell(__VA_ARGS__) == 0, "%s\n%s", out, err)

/* Names the prefix, and installs there unless an earlier test has. */
static void install(void) {
  ck_assert_ptr_nonnull(getcwd(prefix, sizeof prefix / 2));
  size_t length = strlen(prefix);
  snprintf(prefix + length, sizeof prefix - length, "/" TEST_WORK "/installed");
  if (access(prefix, F_OK) == 0) return;
  SHELL("mkdir -p $W && make install PREFIX=$P");
  SHELL("sed -n '/^```c$/,/^```$/{/^```/d;p}' README.md >$W/flow.c");
  SHELL("sed -n '/^```sh$/,/^```$/{/^```/d;p}' README.md >$W/flow.sh");
}

/* What flow.c computes, to rounding. */
static void check_flow(void) {
  enum { T = 3, D = 2 };
  double q[] = {1, 0, 0, 2, 3, 1}, k[] = {1, 1, 0, 2, 1, 0}, v[] = {5, 6, 7, 8, 9, 1}, beta[] = {0.5, 2, 1};
  efla_coefficients c[T];
  double S[D * D] = {0}, o[T * D], found[T * D], largest = 0;
  const efla_tokens x = {.tokens = T, .dk = D, .dv = D, .q = q, .k = k, .v = v, .beta = beta};
  efla_token_coefficients(&(efla_rule){.method = efla_method_find("exact")}, &x, c);
  efla_recurrence_f64(T, D, D, q, k, v, c, S, o);
  const char *at = out;
  for (int i = 0, n = 0; i < T * D; i++, at += n)
    ck_assert_msg(sscanf(at, "%lf%n", &found[i], &n) == 1, "number %d of %s", i, out);
  for (int i = 0; i < T * D; i++) largest = fmax(largest, fabs(o[i]));
  for (int i = 0; i < T * D; i++) CHECK_BOUND(fabs(found[i] - o[i]), testing_rounding(T, D) * U * largest);
}

START_TEST(example_of_the_readme) {
  install();
  SHELL("cd $W && CFLAGS='-Wall -Wextra -Werror' sh -e ./flow.sh");
  check_flow();
  SHELL("readelf -d $W/flow | grep NEEDED | grep -c libefla.so.%s", "0.1]");
  ck_assert_int_eq(shell("readelf -d $W/flow | grep NEEDED | grep -E 'gsl|openblas|flint|libz|gomp'"),
                   1); /* the library's own matter */
  SHELL("readelf -d $P/lib/libefla.so | grep NEEDED | grep -vE 'libm|libgomp|libc|ld-linux' | wc -l");
  ck_assert_int_eq(atoi(out), 0);

  SHELL("cc -static -Wall -Wextra -Werror -o $W/static $W/flow.c $(pkg-config --static --cflags --libs efla)");
  ck_assert_int_eq(shell("readelf -d $W/static | grep NEEDED"), 1);
  SHELL("$W/static");
  check_flow();

  SHELL("sed -n '/^.EX/,/^.EE/{/^.E[XE]/d;s/^\\\\&//;s/\\\\e/\\\\/g;p}' $P/share/man/man3/efla.3 | diff - $W/flow.c");
}
END_TEST

/* In C and in C++, where the includer stands elsewhere; and they are the public ones, no more. */
START_TEST(headers_stand_alone) {
  install();
  SHELL(
      "cd $P/include && for header in $(find efla -name '*.h' ! -name mpi.h); do for language in 'c -std=c11' 'c++ -std=c++17'; do "
      "echo \"#include <$header>\" | cc -x$language -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only "
      "$(pkg-config --cflags efla) - || exit 1; done; done");
  SHELL("cd $P/include/efla && ls | grep -v '^mpi.h$' | tr '\\n' ' '");
  ck_assert_str_eq(out,
                   "array.h backend.h backward.h communicator.h decode.h efla.h forward.h rule.h scan.h sequence.h "
                   "status.h version.h ");
}
END_TEST

/* libefla_mpi, shared and static, in a program that is started as ranks; without MPI there is no trace of it. */
START_TEST(program_of_ranks) {
  install();
  if (ranks_missing()) {
    ck_assert_int_eq(shell("find $P | grep -i mpi"), 1);
    return;
  }
  char command[3 * PATH_MAX];
  SHELL("cc -std=c11 -Wall -Wextra -Werror -o $W/ranks tests/consumers/ranks.c $(pkg-config --cflags --libs efla_mpi)");
  SHELL("readelf -d $W/ranks | grep NEEDED | grep -c libefla_mpi.so.%s", "0.1]");
  snprintf(command, sizeof command, "env LD_LIBRARY_PATH=%s/lib %s.work/ranks", prefix, prefix);
  ck_assert_msg(ranks_shell(3, command, out, err, TEXT) == 0, "%s", err);
  ck_assert_msg(shell("nm -D --defined-only $P/lib/libefla_mpi.so | grep -v ' efla_'") == 1, "%s", out);
  SHELL("cc -std=c11 -o $W/ranks tests/consumers/ranks.c $P/lib/libefla_mpi.a $P/lib/libefla.a -fopenmp "
        "$(pkg-config --cflags --libs efla_mpi | sed 's/-lefla[_a-z]*//g') -lm");
  ck_assert_msg(ranks_shell(2, command, out, err, TEXT) == 0, "%s", err);
}
END_TEST

/* Names that are not ours would clash with those of other libraries. */
START_TEST(only_our_names_are_exported) {
  install();
  SHELL("nm -D --defined-only $P/lib/libefla.so | grep -c ' efla_'");
  ck_assert_int_gt(atoi(out), 30);
  ck_assert_msg(shell("nm -D --defined-only $P/lib/libefla.so | grep -v ' efla_'") == 1, "%s", out);
  ck_assert_msg(shell("nm -g --defined-only $P/lib/libefla.a | grep ' [A-Z] ' | grep -v ' efla_'") == 1, "%s", out);
  SHELL("readelf -d $P/lib/libefla.so | grep SONAME | grep -o 'libefla.so[^]]*'");
  out[strcspn(out, "\n")] = 0;
  SHELL("test -f $P/lib/%s && test -f $P/lib/libefla.so.%s && test $(pkg-config --modversion efla) = %s", out,
        EFLA_VERSION, EFLA_VERSION);
}
END_TEST

START_TEST(programs_and_manuals) {
  install();
  SHELL("test $(ls $P/bin | wc -l) = $(ls " TEST_BIN " | wc -l)");
  SHELL("for p in $P/bin/*; do n=${p##*/}; $p --version | grep -q \"^$n " EFLA_VERSION
        " (\" || { echo $n; exit 1; }; done");
  SHELL("for p in $P/bin/*; do $p --help | head -n 1 | grep -qx \"Usage: ${p##*/} .OPTION...\\]\" || { echo $p; exit "
        "1; }; done");
  /* Every option of --help is in the manual. */
  SHELL("for p in $P/bin/*; do sed 's/\\\\f.//g; s/\\\\//g' $P/share/man/man1/${p##*/}.1 >$W/page; "
        "for option in $($p --help | sed -n 's/^ *\\(-., \\)\\?\\(--[a-z0-9-]*\\).*/\\2/p'); do "
        "grep -q -- \"$option\\>\" $W/page || { echo $p $option; exit 1; }; done; done");
  SHELL("for p in $P/bin/*; do grep -q '^efla-[a-z_-]* .- .' $P/share/man/man1/${p##*/}.1 || exit 1; done");
  SHELL("grep -q 'one per processor' $P/share/man/man1/efla-order.1");
  SHELL("cd plots && for file in *.gp *.awk; do cmp $file $P/share/efla/plots/$file || exit 1; done");
  SHELL("$P/bin/efla-coefficient --quick --out $W/table.csv && grep -q '^# command: efla-coefficient --quick' "
        "$W/table.csv");
}
END_TEST

/* The script for a picture is the installed one, wherever one is: the picture is there, and is not once that script
 * fails. */
START_TEST(pictures) {
  const h5_sizes sizes = {1, 20, 2, 4, 4};
  char path[PATH_MAX + 16];
  install();
  snprintf(path, sizeof path, "%s.work/in.h5", prefix);
  hid_t file = h5_create(path);
  h5_inputs(file, &sizes, 1);
  h5_close(file);
  SHELL("cd $W && $P/bin/efla-diagnose --input in.h5 --figure picture.svg && test -s picture.svg");
  SHELL("cd $P/share/efla/plots && mv diagnose.gp kept.gp && echo 'exit status 7' >diagnose.gp");
  ck_assert_int_eq(shell("cd $W && $P/bin/efla-diagnose --input in.h5 --figure picture.svg"), 3);
  SHELL("cd $P/share/efla/plots && mv kept.gp diagnose.gp");
}
END_TEST

/* The package finds the library that was installed with it; what Python compiles beside it, make uninstall removes. */
START_TEST(python) {
  install();
  if (shell("/usr/bin/python3 -c 'import numpy'") != 0) {
    testing_skip("python", "/usr/bin/python3 has no numpy (Debian: python3-numpy)");
    return;
  }
  SHELL(
      "cd / && unset EFLA_LIBRARY LD_LIBRARY_PATH PYTHONDONTWRITEBYTECODE; "
      "PYTHONPATH=$P/lib/python3/dist-packages /usr/bin/python3 -c 'import efla; efla.forward([[1.]], [[1.]], [[1.]], "
      "[1.]); print(open(\"/proc/self/maps\").read())' | grep -q \"$P/lib/libefla.so\"");
  SHELL("test -d $P/lib/python3/dist-packages/efla/__pycache__");
}
END_TEST

/* The answers of bash to TAB after these words. */
static void check_completion(const char *words, const char *expected) {
  SHELL("cd $W && bash -c '. $P/share/bash-completion/completions/efla-order; complete -p efla-order >/dev/null || "
        "exit 1; "
        "PATH=$P/bin:$PATH; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _efla efla-order; echo "
        "${COMPREPLY[*]}'",
        words);
  out[strcspn(out, "\n")] = 0;
  ck_assert_msg(!strcmp(out, expected), "%s: '%s', expected '%s'", words, out, expected);
}

START_TEST(completion) {
  install();
  SHELL("touch $W/results.csv; mkdir $W/results.d; for p in $P/bin/*; do test -e "
        "$P/share/bash-completion/completions/${p##*/} || "
        "exit 1; done");
  check_completion("efla-order --s", "--seed= --substeps=");
  check_completion("efla-order --seed = 3 --q", "--quick");
  check_completion("efla-order --methods = eu", "euler");
  check_completion("efla-order --methods eu", "euler");
  check_completion("efla-order --methods = rk4,ex", "rk4,exact");
  check_completion("efla-order --methods = \"\"", "euler rk2 rk4 rk8 implicit trapezoid gauss4 radau3 exact all");
  check_completion("efla-order --methods =", "euler rk2 rk4 rk8 implicit trapezoid gauss4 radau3 exact all");
  check_completion("efla-order --out = res", "results.csv results.d");
  check_completion("efla-order --seed = res", "");
}
END_TEST

START_TEST(uninstall_takes_it_away) {
  install();
  SHELL("touch $P/bin/other $P/share/man/man1/other.1");
  SHELL("make uninstall PREFIX=$P");
  SHELL("cd $P && find . ! -type d | sort | tr '\\n' ' '");
  ck_assert_str_eq(out, "./bin/other ./share/man/man1/other.1 ");
  SHELL("test ! -e $P/include/efla && test ! -e $P/lib/python3/dist-packages/efla");
}
END_TEST

/* A package is put together elsewhere than where it will live. */
/* A change of the interface is one of packaging/symbols too. */
START_TEST(symbols) {
  install();
  SHELL("nm -D --defined-only $P/lib/libefla.so | awk '{ print $3 }' | LC_ALL=C sort >$W/symbols");
  ck_assert_msg(shell("diff packaging/symbols $W/symbols") == 0,
                "what libefla shows is not what packaging/symbols lists; if that is meant: make symbols\n%s", out);
}
END_TEST

/* The same archive twice; what is in it knows its commit. */
START_TEST(archive) {
  install();
  if (shell("git rev-parse HEAD >$W/commit") != 0) {
    testing_skip("archive", "not a git checkout");
    return;
  }
  SHELL("make dist && cp build/efla-" EFLA_VERSION ".tar.gz $W/first.tar.gz && sleep 1 && make dist && "
        "cmp build/efla-" EFLA_VERSION ".tar.gz $W/first.tar.gz");
  SHELL("tar xzOf $W/first.tar.gz efla-" EFLA_VERSION "/.commit | cmp - $W/commit");
}
END_TEST

START_TEST(destination) {
  install();
  SHELL("make install DESTDIR=$W/root PREFIX=/opt/efla LIBDIR=lib64");
  SHELL("cd $W/root && test $(ls) = opt && test $(ls opt) = efla && ls opt/efla | tr '\\n' ' '");
  ck_assert_str_eq(out, "bin include lib lib64 share ");
  SHELL("test $W/root/opt/efla/lib/python3/dist-packages/efla/libefla.so.0.1 -ef $W/root/opt/efla/lib64/libefla.so");
  SHELL("PKG_CONFIG_PATH=$W/root/opt/efla/lib64/pkgconfig pkg-config --variable=prefix efla");
  ck_assert_str_eq(out, "/opt/efla\n");
  SHELL("PKG_CONFIG_PATH=$W/root/opt/efla/lib64/pkgconfig pkg-config --libs-only-L efla");
  ck_assert_ptr_nonnull(strstr(out, "-L/opt/efla/lib64"));
  ck_assert_msg(shell("grep -rlI $W/root $W/root") == 1, "%s", out);
  ck_assert_msg(shell("grep -rlF \"$PWD\" $W/root") == 1, "the place of the build is in %s", out);
  SHELL("R=$W/root/opt/efla; cc -o $W/rooted $W/flow.c -I$R/include -L$R/lib64 -lefla");
  SHELL("find $W/root ! -type d ! -perm -444 | grep . && exit 1; find $W/root/opt/efla/bin -type f ! -perm 755 | grep "
        ". && exit 1; "
        "true");
}
END_TEST

int main(void) {
  if (system("rm -rf " TEST_WORK "/installed " TEST_WORK "/installed.work") != 0)
    return EXIT_FAILURE; /* of an earlier run */
  const TTest *const tests[] = {
      example_of_the_readme,       headers_stand_alone,  symbols,  archive,    program_of_ranks,
      only_our_names_are_exported, programs_and_manuals, pictures, completion, python,
      uninstall_takes_it_away,     destination};
  return testing_main("install", tests, sizeof tests / sizeof *tests, 300);
}

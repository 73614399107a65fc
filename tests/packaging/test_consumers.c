/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs of others that use libefla: C and C++ with nothing but libm, and CMake projects. */
#include "files.h"
#include "ranks.h"
#include "testing.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

enum { TEXT = 1 << 16 };

static char out[TEXT], err[TEXT];

/* Runs a command in which $R is the root of the toolkit and $W the directory to work in. */
static int shell(const char *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int shell(const char *work, const char *format, ...) {
  char *text, *command, root[PATH_MAX];
  va_list values;
  ck_assert_ptr_nonnull(getcwd(root, sizeof root));
  va_start(values, format);
  ck_assert_int_ge(vasprintf(&text, format, values), 0);
  va_end(values);
  ck_assert_int_ge(
      asprintf(&command, "unset MAKEFLAGS MAKELEVEL; R=%s; W=%s/%s; export R W; %s", root, root, work, text), 0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  free(text);
  return status;
}
#define SHELL(...) ck_assert_msg(shell(work, __VA_ARGS__) == 0, "%s\n%s", out, err)

/* One thread, and then nothing else is needed: no GSL, no CBLAS, no OpenMP. */
START_TEST(with_libm_only) {
  const char *work = files_directory("consumers-plain");
  SHELL("make -s BUILD=$W/b MODE=release OPENMP=no CFLAGS=-O1 $W/b/libefla.a");
  SHELL("cc -static -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -I$R/src -o $W/c tests/consumers/main.c "
        "$W/b/libefla.a -lm && $W/c");
  ck_assert_ptr_nonnull(strstr(out, "efla " EFLA_VERSION));
  SHELL("c++ -static -std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Werror -I$R/src -o $W/cpp "
        "tests/consumers/main.cpp $W/b/libefla.a -lm && $W/cpp");
  SHELL("cc -static -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -I$R/src -o $W/selftest "
        "tests/consumers/selftest.c $W/b/libefla.a -lm && $W/selftest");
  SHELL("nm -u $W/b/libefla.a | sed -n 's/^ *U //p' | grep -cE '^(gsl|cblas|H5|GOMP|omp)' || true");
  ck_assert_str_eq(out, "0\n");
}
END_TEST

static void use(const char *work, const char *way, const char *more) {
  SHELL("cmake -S tests/consumers/cmake -B $W/%s -DCMAKE_BUILD_TYPE=Release -DWAY=%s %s && cmake --build $W/%s -j2 && "
        "cd $W/%s && ctest --output-on-failure",
        way, way, more, way, way);
  ck_assert_ptr_nonnull(strstr(out, "100% tests passed, 0 tests failed out of 2"));
}

START_TEST(cmake_package) {
  const char *work = files_directory("consumers-package");
  SHELL("cmake -S . -B $W/b -DCMAKE_INSTALL_PREFIX=$W/installed && cmake --build $W/b -j2 && cmake --install $W/b");
  use(work, "package", "-DCMAKE_PREFIX_PATH=$W/installed");
  SHELL("ls $W/installed/include/efla | grep -v '^mpi.h$' | diff - $W/../public");
  if (ranks_missing()) return;
  SHELL("cmake -S tests/consumers/cmake -B $W/ranks -DWAY=package -DRANKS=ON -DCMAKE_PREFIX_PATH=$W/installed && "
        "cmake --build $W/ranks -j2");
  char command[2 * PATH_MAX], root[PATH_MAX];
  ck_assert_ptr_nonnull(getcwd(root, sizeof root));
  snprintf(command, sizeof command, "%s/%s/ranks/consumer_ranks", root, work);
  ck_assert_msg(ranks_shell(2, command, out, err, TEXT) == 0, "%s", err);
}
END_TEST

START_TEST(cmake_sources) {
  const char *work = files_directory("consumers-sources");
  use(work, "subdirectory", "-DSOURCE=$R");
  use(work, "fetch", "-DSOURCE=$R -DEFLA_OPENMP=OFF");
  ck_assert_int_eq(shell(work, "ldd $W/fetch/consumer_c | grep gomp"), 1);
}
END_TEST

int main(void) {
  if (system("mkdir -p " TEST_WORK " && cd src/efla && ls *.h >$OLDPWD/" TEST_WORK "/public") != 0) return EXIT_FAILURE;
  const TTest *const tests[] = {with_libm_only, cmake_package, cmake_sources};
  return testing_main("consumers", tests, sizeof tests / sizeof *tests, 300);
}

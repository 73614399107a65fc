/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The package for Python: its own tests (tests/python), by pytest, and its installation by pip. */
#include "files.h"
#include "testing.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3" /* to which Debian's packages belong */

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
  ck_assert_int_ge(asprintf(&command,
                            "unset EFLA_LIBRARY EFLA_COMPARE PYTHONPATH; export R=%s W=%s/%s "
                            "PYTHONDONTWRITEBYTECODE=1; %s",
                            root, root, work, text),
                   0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  free(text);
  return status;
}
#define SHELL(...) ck_assert_msg(shell(work, __VA_ARGS__) == 0, "%s\n%s", out, err)

static bool has(const char *test, const char *modules, const char *packages) {
  if (shell("", PYTHON " -c 'import %s'", modules) == 0) return true;
  char why[200];
  snprintf(why, sizeof why, PYTHON " has not all of %.60s (Debian: %.60s)", modules, packages);
  testing_skip(test, why);
  return false;
}

/* A file of tests/python, all of whose tests pass; what pytest leaves out it says with its reason. */
static void check_file(const char *name) {
  const char *work = files_directory("python");
  if (!has(name, "numpy, pytest", "python3-numpy python3-pytest")) return;
  SHELL("PYTHONPATH=$R/python EFLA_COMPARE=$R/" TEST_BIN "/compare EFLA_LIBRARY=$R/" TEST_BUILD
        "/libefla.so." EFLA_VERSION " " PYTHON
        " -m pytest -q -rs -p no:cacheprovider --basetemp=$W/%s tests/python/test_%s.py >$W/log || "
        "{ tail -c 3000 $W/log; exit 1; }; tail -n 20 $W/log",
        name, name);
  ck_assert_ptr_nonnull(strstr(out, " passed"));
  for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
    if (!strncmp(line, "SKIPPED", 7)) testing_skip(name, line);
}

START_TEST(rules) { check_file("rules"); }
END_TEST

START_TEST(arrays) { check_file("arrays"); }
END_TEST

START_TEST(errors) { check_file("errors"); }
END_TEST

START_TEST(check) { check_file("check"); }
END_TEST

START_TEST(examples) { check_file("examples"); }
END_TEST

START_TEST(torch) {
  if (has("torch", "torch", "python3-torch")) check_file("torch");
}
END_TEST

#define USE                                                                                                            \
  "cd / && export PYTHONPATH=$W/site && %s " PYTHON                                                                    \
  " -c 'import efla; efla.forward([[1.]], [[1.]], [[1.]], [1.]); print(efla.__version__)'"

/* Installed apart from the library, the package finds it by each of the other ways. */
START_TEST(pip) {
  static const char *const ways[] = {"EFLA_LIBRARY=$W/lib/any.so", "LD_LIBRARY_PATH=$W/lib", "PKG_CONFIG_PATH=$W/lib"};
  const char *work = files_directory("python-pip");
  if (!has("pip", "numpy, setuptools, pip", "python3-numpy python3-pip")) return;
  SHELL("cp -R $R/python $W/source && " PYTHON " -m pip install --no-index --no-deps --no-build-isolation --quiet "
        "--root-user-action=ignore --target $W/site $W/source && ls $W/site/efla/py.typed");
  SHELL("mkdir $W/lib && cd $W/lib && cp $R/" TEST_BUILD "/libefla.so.%s libefla.so.0.1 && cp libefla.so.0.1 any.so && "
        "printf 'libdir=%%s\\nName: efla\\nDescription: -\\nVersion: 0\\n' $W/lib >efla.pc",
        EFLA_VERSION);
  if (shell(work, USE, "LD_LIBRARY_PATH=") == 0) testing_skip("pip", "libefla is installed where the loader finds it");
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    SHELL(USE, ways[i]);
    ck_assert_str_eq(out, EFLA_VERSION "\n");
  }
  SHELL("test -e $W/site/efla-%s.dist-info/METADATA", EFLA_VERSION);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rules, arrays, errors, check, examples, torch, pip};
  return testing_main("python", tests, sizeof tests / sizeof *tests, 600);
}

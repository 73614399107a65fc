/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "testing.h"

#include <sys/resource.h>
#include <gsl/gsl_randist.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned long testing_seed(void) {
  const char *text = getenv("EFLA_TEST_SEED");
  return text ? strtoul(text, NULL, 10) : 1;
}

/* Check calls _mark_point for every assertion that holds; the tests are linked so that it is this that is called. */
static size_t assertions;
void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line) {
  assertions++;
  __real__mark_point(file, line);
}

static bool skipped;
void testing_skip(const char *test, const char *why) {
  skipped = true;
  printf("%s: skipped, %s\n", test, why);
  fflush(stdout);
}

/* After each test, in its process: one that asserted nothing, and did not say why, has failed. */
static void require_assertions(void) {
  if (assertions == 0 && !skipped) ck_abort_msg("this test asserted nothing");
}

int testing_run(Suite *suite, enum fork_status forked) {
  mkdir(TEST_WORK, 0777); /* it may be there */
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, forked);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

Suite *testing_suite(const char *module, const TTest *const *tests, size_t n, double limit) {
  Suite *suite = suite_create(module);
  for (size_t i = 0; i < n; i++) {
    TCase *one = tcase_create(tests[i]->name);
    tcase_set_timeout(one, limit);
    tcase_add_checked_fixture(one, NULL, require_assertions);
    tcase_add_test(one, tests[i]);
    suite_add_tcase(suite, one);
  }
  return suite;
}

int testing_main(const char *module, const TTest *const *tests, size_t n, double limit) {
  printf("%s (seed %lu)\n", module, testing_seed());
  fflush(stdout);
  return testing_run(testing_suite(module, tests, n, limit), CK_FORK_GETENV);
}

double testing_rounding(size_t tokens, size_t dk) {
  return 2 * sqrt((double)(tokens ? tokens : 1) * ((double)dk + 16));
}

double *testing_poison(size_t n) {
  double *values = malloc((n ? n : 1) * sizeof *values);
  ck_assert_ptr_nonnull(values);
  for (size_t i = 0; i < n; i++) values[i] = NAN;
  return values;
}

double *testing_normal(size_t n, double sigma, gsl_rng *draw) {
  double *values = testing_poison(n);
  for (size_t i = 0; i < n; i++) values[i] = gsl_ran_gaussian(draw, sigma);
  return values;
}

float *testing_narrow(size_t n, double *values) {
  float *copy = malloc((n ? n : 1) * sizeof *copy);
  ck_assert_ptr_nonnull(copy);
  for (size_t i = 0; i < n; i++) copy[i] = (float)values[i], values[i] = (double)copy[i];
  return copy;
}

efla_tokens testing_tokens(const char *family, double norm, size_t tokens, size_t dk, size_t dv) {
  efla_source source;
  efla_tokens x;
  efla_message why;
  efla_spec spec = efla_spec_default(efla_family_find(family));
  spec.dk = dk, spec.dv = dv, spec.norm = norm, spec.seed = testing_seed();
  ck_assert_int_eq(efla_source_init(&source, &spec, &why), EFLA_OK);
  ck_assert_int_eq(efla_tokens_init(&x, tokens, dk, dv), EFLA_OK);
  ck_assert_int_eq(efla_source_next(&source, &x, &why), EFLA_OK);
  efla_source_clear(&source);
  return x;
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED true
#elif defined __has_feature
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

void testing_limit_memory(size_t more) {
  size_t pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  ck_assert(file && fscanf(file, "%zu", &pages) == 1);
  fclose(file);
  const struct rlimit limit = {pages * (rlim_t)sysconf(_SC_PAGESIZE) + more, RLIM_INFINITY};
  if (!SANITIZED) ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static void slurp(const char *path, char *text, size_t size) {
  FILE *file = fopen(path, "r");
  size_t length = file ? fread(text, 1, size - 1, file) : 0;
  text[length] = 0;
  if (file) fclose(file);
}

int testing_shell(const char *command, char *out, char *err, size_t size) {
  char out_path[] = TEST_WORK "/out.XXXXXX", err_path[] = TEST_WORK "/err.XXXXXX";
  char *line = NULL;
  close(mkstemp(out_path));
  close(mkstemp(err_path));
  ck_assert_int_ge(asprintf(&line, "{ %s\n} >%s 2>%s </dev/null", command, out_path, err_path), 0);
  int status = system(line);
  free(line);
  if (out) slurp(out_path, out, size);
  if (err) slurp(err_path, err, size);
  remove(out_path);
  remove(err_path);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/run, run as a program: either a complete file with right numbers, or the old file and an error message. */
#include "files.h"
#include "h5.h"
#include "testing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char in[256], out[256], part[300], said[4096];

static hid_t set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(in, sizeof in, "%s/in.h5", directory);
  snprintf(out, sizeof out, "%s/out.h5", directory);
  snprintf(part, sizeof part, "%s.part", out);
  return h5_create(in);
}

/* Runs "bin/run --input IN --output OUT options"; what it says goes to `said`. */
static int run(const char *options) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/run --input %s --output %s %s", in, out, options), 0);
  int status = testing_shell(command, NULL, said, sizeof said);
  free(command);
  return status;
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static const h5_sizes usual = {2, 9, 3, 4, 5};

/* o and the final states of one head of one sequence by the definition, in long double. */
typedef struct head {
  size_t T, dk, dv, stride; /* tokens; numbers from token to token are stride*dk, stride*dv, stride */
  const double *q, *k, *v, *beta, *g;
  double scale;
} head;

static void define(const head *h, long double *S, long double *o) {
  for (size_t t = 0; t < h->T; t++) {
    const double *q = h->q + t * h->stride * h->dk, *k = h->k + t * h->stride * h->dk,
                 *v = h->v + t * h->stride * h->dv;
    long double lambda = 0, x, coefficient, decay = h->g ? expl(h->g[t * h->stride]) : 1;
    for (size_t i = 0; i < h->dk; i++) lambda += (long double)k[i] * k[i];
    x = h->beta[t * h->stride] * lambda;
    coefficient = lambda > 0 ? -expm1l(-x) / lambda : (long double)h->beta[t * h->stride];
    for (size_t j = 0; j < h->dv; j++) {
      long double u = v[j], sum = 0;
      for (size_t i = 0; i < h->dk; i++) S[i * h->dv + j] *= decay, u -= S[i * h->dv + j] * k[i];
      for (size_t i = 0; i < h->dk; i++) S[i * h->dv + j] += coefficient * k[i] * u, sum += S[i * h->dv + j] * q[i];
      o[t * h->stride * h->dv + j] = h->scale * sum;
    }
  }
}

/* A file with everything there can be: two sequences of one batch entry, or two batch entries. */
static void check_numbers(bool packed, const char *options, double unit) {
  const h5_sizes sizes = packed ? (h5_sizes){1, 18, 3, 4, 5} : usual;
  const size_t H = sizes.heads, dk = sizes.dk, dv = sizes.dv, state = dk * dv;
  static const double bounds[] = {0, 7, 18};
  double S0[2 * 3 * 20], g[54], scale = 0.375;
  for (size_t i = 0; i < sizeof S0 / sizeof *S0; i++) S0[i] = (double)(float)sin((double)i);
  for (size_t i = 0; i < 54; i++) g[i] = -0.125 * (double)(i % 5);
  hid_t made = set_up("run-numbers");
  h5_inputs(made, &sizes, 1);
  h5_put_tokens(made, "g", H5T_IEEE_F32LE, &sizes, 0, g);
  H5_PUT(made, "initial_state", H5T_IEEE_F32LE, S0, 2, H, dk, dv);
  if (packed) H5_PUT(made, "cu_seqlens", H5T_STD_I64LE, bounds, 3);
  h5_number(made, "scale", scale);
  h5_close(made);
  ck_assert_msg(run(options) == 0, "%s", said);

  double *q = h5_numbers(&sizes, 'q', 1), *k = h5_numbers(&sizes, 'k', 1), *v = h5_numbers(&sizes, 'v', 1);
  double *beta = h5_numbers(&sizes, 'b', 1), *o = h5_get(out, "o", 54 * dv), *S = h5_get(out, "final_state", 6 * state);
  long double S_true[2 * 3 * 20], o_true[54 * 5], worst = 0;
  for (size_t n = 0; n < 2; n++)
    for (size_t h = 0; h < H; h++) {
      size_t T = packed ? (size_t)(bounds[n + 1] - bounds[n]) : 9, first = packed ? (size_t)bounds[n] : 9 * n,
             at = first * H + h;
      head one = {T, dk, dv, H, q + at * dk, k + at * dk, v + at * dv, beta + at, g + at, scale};
      for (size_t e = 0; e < state; e++) S_true[(n * H + h) * state + e] = S0[(n * H + h) * state + e];
      define(&one, S_true + (n * H + h) * state, o_true + at * dv);
    }
  for (size_t i = 0; i < 54 * dv; i++) worst = fmaxl(worst, fabsl(o[i] - o_true[i]));
  for (size_t i = 0; i < 6 * state; i++) worst = fmaxl(worst, fabsl(S[i] - S_true[i]));
  /* At most 18 steps of (d+8) u (docs/bounds.md#step) of numbers below 8 = 1 + |v|/|k| at its largest here; read-outs
   * by |q| < 4 more. */
  CHECK_BOUND((double)worst, 18 * (4 + 8) * unit * 8 * 4);
  free(q), free(k), free(v), free(beta), free(o), free(S);
}

START_TEST(numbers_are_those_of_the_definition) {
  check_numbers(false, "", U);
  check_numbers(true, "", U);
  check_numbers(false, "--form kernel", U);
  check_numbers(true, "--form chunk --chunk 4", U);
  check_numbers(true, "--precision f32", U32);
  check_numbers(true, "--precision f32 --form chunk", U32);
  check_numbers(false, "--precision bf16", 0x1p-8);
}
END_TEST

/* The same bytes of data for any number of threads. */
START_TEST(threads_change_nothing) {
  const size_t n = 2 * 9 * 3 * 5;
  hid_t made = set_up("run-threads");
  h5_inputs(made, &usual, 1);
  h5_close(made);
  static const char *const forms[] = {"recurrence", "kernel", "chunk"};
  for (size_t i = 0; i < 3; i++) {
    char options[64];
    snprintf(options, sizeof options, "--form %s --threads 1", forms[i]);
    ck_assert_int_eq(run(options), 0);
    double *o = h5_get(out, "o", n);
    snprintf(options, sizeof options, "--form %s --threads 3", forms[i]);
    ck_assert_int_eq(run(options), 0);
    double *again = h5_get(out, "o", n);
    ck_assert(!memcmp(o, again, n * sizeof *o));
    free(o), free(again);
  }
}
END_TEST

static void check_attribute(const char *name, const char *wanted) {
  hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT), attribute = H5Aopen(file, name, H5P_DEFAULT);
  ck_assert_msg(attribute >= 0, "no attribute %s", name);
  hid_t type = H5Aget_type(attribute);
  char *text = NULL;
  ck_assert_int_ge(H5Aread(attribute, type, &text), 0);
  ck_assert_msg(strstr(text, wanted) != NULL, "%s: %s", name, text);
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
}

START_TEST(output_says_where_it_comes_from) {
  hid_t made = set_up("run-provenance");
  h5_inputs(made, &usual, 1);
  h5_close(made);
  ck_assert_int_eq(run("--method rk4 --keys unit --precision bf16"), 0);
  check_attribute("program", "run");
  check_attribute("command", "--method rk4 --keys unit");
  check_attribute("method", "rk4");
  check_attribute("keys", "unit");
  check_attribute("precision", "bf16");
  check_attribute("input", in);
  check_attribute("layout", "BTHD");
  check_attribute("flags", "-O");
  check_attribute("date", "T");
}
END_TEST

/* Euler's rule at beta*lambda = 400: written as it comes, and the place of the first number that is not finite. */
START_TEST(blow_up_is_written_and_told) {
  enum { T = 300 };
  const h5_sizes sizes = {1, T, 2, 1, 1};
  double *values = testing_poison(2 * T);
  hid_t made = set_up("run-blowup");
  for (size_t i = 0; i < 2 * T; i++) values[i] = 1;
  h5_put_tokens(made, "q", H5T_IEEE_F32LE, &sizes, 1, values);
  h5_put_tokens(made, "v", H5T_IEEE_F32LE, &sizes, 1, values);
  h5_put_tokens(made, "beta", H5T_IEEE_F32LE, &sizes, 0, values);
  for (size_t i = 0; i < 2 * T; i++) values[i] = i % 2 ? 20 : 0.5; /* head 1 blows up */
  h5_put_tokens(made, "k", H5T_IEEE_F32LE, &sizes, 1, values);
  h5_close(made);
  free(values);
  ck_assert_int_eq(run("--method euler"), 4);
  double *o = h5_get(out, "o", 2 * T);
  size_t first = 0;
  while (first < T && isfinite(o[2 * first + 1])) first++;
  ck_assert_uint_lt(first, T);
  char place[128];
  snprintf(place, sizeof place, "o[0,%zu,1,0]", first);
  ck_assert_msg(strstr(said, out) && strstr(said, place), "%s expected: %s", said, place);
  snprintf(place, sizeof place, "token %zu, sequence 0, head 1", first);
  ck_assert_msg(strstr(said, place) != NULL, "%s expected: %s", said, place);
  for (size_t t = 0; t < T; t++) ck_assert(isfinite(o[2 * t]));
  free(o);
  ck_assert_int_eq(run(""), 0);
}
END_TEST

static void check_kept(int expected, int status, const char *word) {
  struct stat file;
  ck_assert_msg(status == expected, "status %d: %s", status, said);
  ck_assert_msg(strstr(said, word) != NULL, "%s lacks: %s", said, word);
  ck_assert(!exists(part) && stat(out, &file) == 0 && file.st_size == 5);
}

/* A nan behind the first block of what is read, no space, no place: the old file stays. */
START_TEST(failures_keep_the_old_file) {
  hid_t made = set_up("run-kept");
  h5_inputs(made, &usual, 1);
  double *v = h5_numbers(&usual, 'v', 1);
  v[100] = NAN;
  H5Ldelete(made, "v", H5P_DEFAULT);
  h5_put_tokens(made, "v", H5T_IEEE_F32LE, &usual, usual.dv, v);
  free(v);
  h5_close(made);
  files_write(out, "older", 5);
  check_kept(3, run(""), "v[0,6,2,0]: nan, expected a finite number");
  made = h5_create(in);
  h5_inputs(made, &(h5_sizes){1, 3000, 1, 2, 8}, 1);
  h5_close(made);
  char command[900];
  snprintf(command, sizeof command, "trap '' XFSZ; ulimit -f 50; " TEST_BIN "/run --input %s --output %s", in, out);
  check_kept(3, testing_shell(command, NULL, said, sizeof said), "cannot write: File too large");
  static const char *const nowhere[] = {"/dev/full", "/dev/null", "no/such/directory/out.h5", TEST_WORK, "''"};
  for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
    snprintf(command, sizeof command, TEST_BIN "/run --input %s --output %s", in, nowhere[i]);
    check_kept(3, testing_shell(command, NULL, said, sizeof said), i < 4 ? nowhere[i] : "empty name");
  }
}
END_TEST

/* The input, by its name, a link or another name of the same file: refused, and whole afterwards. */
START_TEST(output_that_is_the_input) {
  hid_t made = set_up("run-itself");
  h5_inputs(made, &usual, 1);
  h5_close(made);
  struct stat before, after;
  ck_assert_int_eq(stat(in, &before), 0);
  char source[256];
  snprintf(source, sizeof source, "%s", in);
  for (int kind = 0; kind < 4; kind++) {
    unlink(out);
    unlink(part);
    if (kind == 0) snprintf(out, sizeof out, "%s", source);
    if (kind == 1) ck_assert_int_eq(symlink("in.h5", out), 0); /* beside it */
    if (kind == 2) ck_assert_int_eq(link(source, out), 0);
    if (kind == 3) ck_assert_int_eq(link(source, part), 0); /* what the output is written to */
    ck_assert_int_eq(run(""), 3);
    ck_assert_msg(strstr(said, "input"), "%s", said);
    ck_assert(stat(source, &after) == 0 && after.st_size == before.st_size);
    if (kind == 0) snprintf(out, sizeof out, "%.*s", (int)strlen(part) - 5, part);
  }
}
END_TEST

/* Nothing of an interrupted run is left, the old file stays, and the shell sees the signal. */
START_TEST(signals_leave_nothing_half_done) {
  static const int signals[] = {SIGINT, SIGTERM};
  hid_t made = set_up("run-signals");
  h5_inputs(made, &(h5_sizes){1, 20000, 1, 64, 64}, 1); /* a second, about */
  h5_close(made);
  files_write(out, "older", 5);
  for (size_t i = 0; i < 2; i++) {
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
      signal(signals[i], SIG_DFL);
      execl(TEST_BIN "/run", TEST_BIN "/run", "--input", in, "--output", out, "--precision", "bf16", NULL);
      _exit(127);
    }
    for (int wait = 0; wait < 10000 && !exists(part) && waitpid(child, &status, WNOHANG) == 0; wait++) usleep(1000);
    ck_assert(exists(part));
    kill(child, signals[i]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "status %d", status);
    struct stat file;
    ck_assert(!exists(part) && stat(out, &file) == 0 && file.st_size == 5);
  }
}
END_TEST

START_TEST(wrong_command_lines) {
  static const struct {
    const char *arguments, *word;
  } wrong[] = {{"--input a", "--output"},
               {"--output a", "--input"},
               {"--input a --output b --method leapfrog", "'leapfrog'"},
               {"--input a --output b --form fast", "'fast'"},
               {"--input a --output b --chunk 0", "'0'"},
               {"--input a --output b --seed 1", "--seed"},
               {"--input a --output b c", "'c'"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char command[300];
    snprintf(command, sizeof command, TEST_BIN "/run %s", wrong[i].arguments);
    ck_assert_int_eq(testing_shell(command, NULL, said, sizeof said), 2);
    ck_assert_msg(strstr(said, wrong[i].word) != NULL, "%s", said);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {numbers_are_those_of_the_definition, threads_change_nothing,
                                output_says_where_it_comes_from,     blow_up_is_written_and_told,
                                failures_keep_the_old_file,          output_that_is_the_input,
                                signals_leave_nothing_half_done,     wrong_command_lines};
  return testing_main("run", tests, sizeof tests / sizeof *tests, 60);
}

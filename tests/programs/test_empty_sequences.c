/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sequences without tokens, between equal boundaries of cu_seqlens: their final state is the initial one, and nothing
 * else is written for them. */
#include "files.h"
#include "h5.h"
#include "testing.h"

#include <json.h>

static char in[256], out[256], said[1 << 20];

static const h5_sizes sizes = {1, 7, 2, 3, 4};
enum { N = 6, HEADS = 2, STATE = 3 * 4, O = 7 * HEADS * 4 };
static const double bounds[N + 1] = {0, 0, 0, 2, 2, 7, 7}; /* the first two, one in between and the last are empty */
static const double full_bounds[] = {0, 2, 7};             /* the same without them: sequences 2 and 4 of these */
static const size_t full[] = {2, 4};

/* The same numbers with the sequences at `at`; S0 (n, heads, dk, dv), NULL: none. */
static void make(size_t n, const double *at, const double *S0) {
  hid_t file = h5_create(in);
  h5_inputs(file, &sizes, 1);
  H5_PUT(file, "cu_seqlens", H5T_STD_I32LE, at, n + 1);
  if (S0) H5_PUT(file, "initial_state", H5T_IEEE_F64LE, S0, n, HEADS, 3, 4);
  h5_close(file);
}

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(in, sizeof in, "%s/in.h5", directory);
  snprintf(out, sizeof out, "%s/out.h5", directory);
}

static int run(const char *program, const char *options) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/%s --input %s %s 2>&1", program, in, options), 0);
  int status = testing_shell(command, said, NULL, sizeof said);
  free(command);
  return status;
}

static void run_to_out(const char *options, int expected) {
  char all[600];
  snprintf(all, sizeof all, "--output %s %s", out, options);
  int status = run("run", all);
  ck_assert_msg(status == expected, "%s: status %d: %s", options, status, said);
}

static void draw_states(double *S0) {
  for (size_t i = 0; i < N * HEADS * STATE; i++) S0[i] = (double)(float)sin((double)i);
}

/* o and the states of the others are as if the empty ones were not there, and theirs are where they start, from zero or
 * not. */
static void check_run(const char *options, const char *format, const double *S0) {
  const size_t group = HEADS * STATE;
  double few[2 * HEADS * STATE];
  for (size_t i = 0; i < 2 && S0; i++) memcpy(few + i * group, S0 + full[i] * group, group * sizeof *few);
  make(2, full_bounds, S0 ? few : NULL);
  run_to_out(options, 0);
  double *o = h5_get(out, "o", O), *S = h5_get(out, "final_state", 2 * group);
  make(N, bounds, S0);
  run_to_out(options, 0);
  double *found_o = h5_get(out, "o", O), *found = h5_get(out, "final_state", N * group);
  ck_assert_mem_eq(found_o, o, O * sizeof *o);
  for (size_t i = 0; i < 2; i++) ck_assert_mem_eq(found + full[i] * group, S + i * group, group * sizeof *S);
  for (size_t e = 0; e < N * group; e++) {
    size_t n = e / group;
    double expected = S0 ? efla_format_round(efla_format_find(format), S0[e]) : 0;
    ck_assert_msg(n == full[0] || n == full[1] || found[e] == expected, "%s: state %zu: %g, expected %g", options, e,
                  found[e], expected);
  }
  free(o), free(S), free(found_o), free(found);
}

START_TEST(bin_run) {
  double S0[N * HEADS * STATE];
  draw_states(S0);
  set_up("empty-run");
  static const char *const forms[] = {"recurrence", "kernel", "chunk"}, *const formats[] = {"f64", "f32", "bf16"};
  for (size_t f = 0; f < 3; f++)
    for (size_t p = 0; p < 3; p++) {
      char options[100];
      snprintf(options, sizeof options, "--form %s --chunk 4 --precision %s --threads 2", forms[f], formats[p]);
      check_run(options, formats[p], S0);
      check_run(options, formats[p], NULL);
    }
}
END_TEST

/* Stored as f32 the initial state of the last sequence is inf: told as any other. */
START_TEST(a_state_that_is_not_finite) {
  double S0[N * HEADS * STATE];
  draw_states(S0);
  S0[N * HEADS * STATE - 1] = 1e300;
  set_up("empty-infinite");
  make(N, bounds, S0);
  run_to_out("--precision f32", 4);
  ck_assert_msg(strstr(said, "final_state[5,1,2,3] is inf, expected a finite number") != NULL, "%s", said);
}
END_TEST

START_TEST(blocks_of_a_stream) {
  efla_tensors file;
  efla_stream stream;
  efla_message why = {{0}};
  set_up("empty-stream");
  make(N, bounds, NULL);
  for (size_t states = 1; states <= EFLA_LARGEST_STATE; states *= EFLA_LARGEST_STATE) { /* all heads; one by one */
    size_t visits = 0;
    ck_assert_msg(efla_tensors_open(&file, in, &why) == EFLA_OK, "%s", why.text);
    ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.states = states}, &why), EFLA_OK);
    for (; efla_stream_next(&stream, &why) == EFLA_OK && !stream.done; visits++) {
      size_t heads = states == 1 ? HEADS : 1, n = visits * heads / HEADS, length = (size_t)(bounds[n + 1] - bounds[n]);
      ck_assert(stream.sequence == n && stream.begins && stream.ends && stream.x.heads == heads);
      ck_assert(stream.x.tokens == length && stream.length == length &&
                efla_stream_tokens(&stream, 0).tokens == length);
      ck_assert_uint_eq(efla_stream_last(&stream), length ? length - 1 : 0);
    }
    ck_assert_msg(stream.done && visits == (states == 1 ? N : N * HEADS), "%zu blocks, %s", visits, why.text);
    efla_stream_clear(&stream);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

/* Adds to one number of final_state in the outputs. */
static void spoil_state(size_t entry) {
  double *S = h5_get(out, "final_state", N * HEADS * STATE);
  S[entry] += 0.5;
  hid_t file = H5Fopen(out, H5F_ACC_RDWR, H5P_DEFAULT), made = H5Dopen2(file, "final_state", H5P_DEFAULT);
  ck_assert_int_ge(H5Dwrite(made, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, S), 0);
  H5Dclose(made);
  h5_close(file);
  free(S);
}

START_TEST(bin_compare) {
  double S0[N * HEADS * STATE];
  char options[400];
  draw_states(S0);
  set_up("empty-compare");
  make(N, bounds, S0);
  snprintf(options, sizeof options, "--outputs %s", out);
  static const char *const precisions[] = {"--precision f64", "--precision f32", "--precision bf16"};
  for (size_t i = 0; i < 3; i++) {
    run_to_out(precisions[i], 0);
    ck_assert_msg(run("compare", options) == 0, "%s: %s", precisions[i], said);
  }
  for (size_t sequence = 0; sequence < N;
       sequence += N - 1) { /* only the state of an empty one can be wrong, and is seen */
    run_to_out("", 0);
    spoil_state(sequence * HEADS * STATE + 5);
    ck_assert_int_eq(run("compare", options), 1);
    snprintf(options + 200, 200, "final_state out of tolerance: token 0, sequence %zu, head 0: final_state[%zu,0,1,1]",
             sequence, sequence);
    ck_assert_msg(strstr(said, options + 200) != NULL, "%s", said);
  }
}
END_TEST

/* Faults are looked for in sequences that have tokens, behind more empty ones than are looked at. */
START_TEST(a_fault_behind_many) {
  enum { MANY = 41 };
  double at[MANY + 1] = {0};
  char options[300];
  set_up("empty-fault");
  at[MANY] = 7;
  make(MANY, at, NULL);
  run_to_out("--method euler", 0);
  snprintf(options, sizeof options, "--outputs %s", out);
  ck_assert_int_eq(run("compare", options), 1);
  ck_assert_msg(strstr(said, "fault: beta itself is used as the coefficient") != NULL, "%s", said);
}
END_TEST

/* Two sequences whose first two tokens are the same, an empty one between. */
START_TEST(causality_across) {
  static const double at[] = {0, 0, 3, 3, 7, 7};
  static const char *const names[] = {"q", "k", "v", "beta"};
  char options[300];
  set_up("empty-causality");
  hid_t file = h5_create(in);
  for (size_t i = 0; i < 4; i++) {
    size_t width = i < 2 ? 3 : i == 2 ? 4 : 0, token = HEADS * (width ? width : 1);
    double *values = h5_numbers(&sizes, *names[i], 1);
    memcpy(values + 3 * token, values, 2 * token * sizeof *values);
    h5_put_tokens(file, names[i], H5T_IEEE_F32LE, &sizes, width, values);
    free(values);
  }
  H5_PUT(file, "cu_seqlens", H5T_STD_I32LE, at, 6);
  h5_close(file);
  run_to_out("", 0);
  snprintf(options, sizeof options, "--outputs %s", out);
  ck_assert_msg(run("compare", options) == 0, "%s", said);
  ck_assert_msg(strstr(said, "causality: o of 4 tokens before the inputs differ is the same, bit for bit") != NULL,
                "%s", said);
}
END_TEST

/* A number of the report, or of its total. */
static double number(bool of_total, const char *name) {
  json_object *all = json_tokener_parse(said), *part = all, *value;
  ck_assert_msg(all && (!of_total || json_object_object_get_ex(all, "total", &part)), "%s", said);
  ck_assert_msg(json_object_object_get_ex(part, name, &value), "%s", said);
  double found = json_object_get_double(value);
  json_object_put(all);
  return found;
}

START_TEST(bin_diagnose) {
  static const char *const names[] = {"tokens", "measured", "largest_beta", "largest_lambda"};
  double few[4];
  set_up("empty-diagnose");
  make(2, full_bounds, NULL);
  ck_assert_msg(run("diagnose", "--json") == 0, "%s", said);
  for (size_t i = 0; i < 4; i++) few[i] = number(true, names[i]);
  make(N, bounds, NULL);
  ck_assert_msg(run("diagnose", "--json") == 0, "%s", said);
  ck_assert_double_eq(number(false, "sequences"), N);
  for (size_t i = 0; i < 4; i++) ck_assert_double_eq(number(true, names[i]), few[i]);
  ck_assert_double_eq(few[0], 14);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {bin_run,     a_state_that_is_not_finite, blocks_of_a_stream,
                                bin_compare, a_fault_behind_many,        causality_across,
                                bin_diagnose};
  return testing_main("empty_sequences", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/run with g per channel and with an erase key: the numbers of the definition, of the exact flow; which backend
 * computes them; what is refused. */
#include "files.h"
#include "h5.h"
#include "testing.h"

#include <unistd.h>

enum { T = 24, H = 2, DK = 4, DV = 5, TOKENS = 2 * T * H, STATE = DK * DV };

static const h5_sizes usual = {2, T, H, DK, DV}, packed_sizes = {1, 2 * T, H, DK, DV};
static const double bounds[] = {0, 9, 9, 2 * T}; /* one is empty */
static char in[256], out[300], said[4096];

typedef struct contents {
  bool g, channels, p, packed;
} contents;

static double g_of(size_t i) { return -0.125 * (double)(i * 5 % 9); }
static double start_of(size_t i) { return (double)(float)sin((double)i); }

/* Near the key of this token, now and then across it or against it. */
static double p_of(const double *k, size_t i) {
  return (double)(float)(k[i] * (i / DK % 5 == 0 ? -0.5 : 0.75) + 0.25 * k[i - i % DK + (i + 1) % DK]);
}

static double *keys_of(bool packed) { return h5_numbers(packed ? &packed_sizes : &usual, 'k', 1); }

static void make(const contents *c) {
  double values[TOKENS * DK], *k = keys_of(c->packed);
  const h5_sizes *sizes = c->packed ? &packed_sizes : &usual;
  static const char *directory;
  if (!directory) directory = files_directory("run-channels");
  snprintf(in, sizeof in, "%s/in.h5", directory);
  snprintf(out, sizeof out, "%s/out.h5", directory);
  hid_t made = h5_create(in);
  h5_inputs(made, sizes, 1);
  for (size_t i = 0; i < TOKENS * DK; i++) values[i] = g_of(i);
  if (c->g) h5_put_tokens(made, "g", H5T_IEEE_F64LE, sizes, c->channels ? DK : 0, values);
  for (size_t i = 0; i < TOKENS * DK; i++) values[i] = p_of(k, i);
  if (c->p) h5_put_tokens(made, "p", H5T_IEEE_F64LE, sizes, DK, values);
  for (size_t i = 0; i < 3 * H * STATE; i++) values[i] = start_of(i);
  H5_PUT(made, "initial_state", H5T_IEEE_F32LE, values, c->packed ? 3 : 2, H, DK, DV);
  if (c->packed) H5_PUT(made, "cu_seqlens", H5T_STD_I64LE, bounds, 4);
  h5_number(made, "scale", 0.375);
  h5_close(made);
  free(k);
}

static int run(const char *options) {
  char command[900];
  snprintf(command, sizeof command, TEST_BIN "/run --input %s --output %s %s", in, out, options);
  return testing_shell(command, NULL, said, sizeof said);
}

static long double phi(long double x) { return x == 0 ? 1 : -expm1l(-x) / x; }

/* One head's state by the definition, and how far a state may be off in units of the type (docs/bounds.md#channel-pass). */
typedef struct truth {
  long double S[STATE];
  double error; /* per u */
} truth;

/* How the steps are composed: share c of the decay before the step; per head the argument's coefficients. */
typedef struct rule {
  const char *options;
  double share; /* < 0: the exact flow */
  bool euler;   /* of unit keys */
} rule;

static void step(truth *s, const contents *c, const rule *r, size_t i, const double *given, const double *v,
                 double beta) {
  long double k[DK], p[DK], d[DK], mu = 0, norm = sqrtl((long double)efla_lambda(DK, given));
  for (size_t a = 0; a < DK; a++) k[a] = r->euler ? given[a] / norm : given[a];
  for (size_t a = 0; a < DK; a++) {
    p[a] = c->p ? p_of(given - i * DK, i * DK + a) : k[a], mu += p[a] * k[a];
    d[a] = !c->g ? 0 : g_of(c->channels ? i * DK + a : i);
  }
  const long double w = r->euler ? beta : beta * phi(beta * mu);
  long double along[DV], k2 = 0, p2 = 0, before = 0, v2 = efla_lambda(DV, v);
  for (size_t a = 0; a < DK; a++) k2 += k[a] * k[a], p2 += p[a] * p[a];
  for (size_t e = 0; e < STATE; e++) before += s->S[e] * s->S[e];
  for (size_t j = 0; j < DV; j++) {
    along[j] = w * v[j];
    for (size_t a = 0; a < DK; a++) along[j] -= w * s->S[a * DV + j] * p[a] * expl(r->share * d[a]);
  }
  for (size_t e = 0; e < STATE; e++)
    s->S[e] = expl(d[e / DV]) * s->S[e] + k[e / DV] * expl((1 - r->share) * d[e / DV]) * along[e % DV];
  const double grows = 1 + (double)(w * sqrtl(k2 * p2));
  s->error = grows * s->error + (3 * DK + 40) * (grows * (double)sqrtl(before) + (double)(w * sqrtl(k2 * v2)));
}

/* By the long series, whose bound is in units of 1; that of the program's is added in units of u. */
static void step_exactly(truth *s, size_t i, const double *k, const double *v, double beta) {
  double y[DK], bound, own, S[STATE], key[DK], value[DV], b = beta;
  for (size_t a = 0; a < DK; a++) y[a] = -g_of(i * DK + a), key[a] = k[a];
  for (size_t j = 0; j < DV; j++) value[j] = v[j];
  for (size_t e = 0; e < STATE; e++) S[e] = (double)s->S[e];
  const efla_tokens one = {.tokens = 1, .dk = DK, .dv = DV, .k = key, .v = value, .beta = &b};
  ck_assert_int_eq(efla_channel_exact_f64(&one, y, S, &own), EFLA_OK);
  ck_assert_int_eq(efla_channel_exact_long(&one, y, s->S, &bound), EFLA_OK);
  s->error += (1.01 * own + bound) / U;
}

/* Number n of the sequences of the file, and its head: all tokens compared with what the program wrote. */
static void check_head(const contents *c, const rule *r, size_t n, size_t h, double unit, const double *o,
                       const double *final) {
  const h5_sizes *sizes = c->packed ? &packed_sizes : &usual;
  double *q = h5_numbers(sizes, 'q', 1), *k = keys_of(c->packed), *v = h5_numbers(sizes, 'v', 1),
         *beta = h5_numbers(sizes, 'b', 1);
  const size_t first = c->packed ? (size_t)bounds[n] : n * T, last = c->packed ? (size_t)bounds[n + 1] : first + T;
  truth s = {.error = 0};
  for (size_t e = 0; e < STATE; e++) s.S[e] = start_of((n * H + h) * STATE + e);
  for (size_t t = first; t < last; t++) {
    const size_t i = t * H + h;
    if (r->share < 0)
      step_exactly(&s, i, k + i * DK, v + i * DV, beta[i]);
    else
      step(&s, c, r, i, k + i * DK, v + i * DV, beta[i]);
    const double read = sqrt(efla_lambda(DK, q + i * DK)), size = efla_norm(STATE, s.S);
    for (size_t j = 0; j < DV; j++) {
      long double sum = 0;
      for (size_t a = 0; a < DK; a++) sum += s.S[a * DV + j] * q[i * DK + a];
      CHECK_BOUND(fabs((double)(0.375L * sum - o[i * DV + j])), read * (s.error + (DK + 4) * size) * unit);
    }
  }
  for (size_t e = 0; e < STATE; e++) CHECK_BOUND(fabs((double)(s.S[e] - final[e])), (s.error + 1) * unit);
  free(q), free(k), free(v), free(beta);
}

static void check_numbers(const contents *c, const rule *r, const char *more, double unit) {
  char options[200];
  snprintf(options, sizeof options, "%s %s", r->options, more);
  make(c);
  ck_assert_msg(run(options) == 0, "%s: %s", options, said);
  const size_t sequences = c->packed ? 3 : 2;
  double *o = h5_get(out, "o", TOKENS * DV), *final = h5_get(out, "final_state", sequences * H * STATE);
  for (size_t n = 0; n < sequences; n++)
    for (size_t h = 0; h < H; h++) check_head(c, r, n, h, unit, o, final + (n * H + h) * STATE);
  free(o), free(final);
}

START_TEST(numbers_are_those_of_the_definition) {
  static const rule rules[] = {{"", 1, false},
                               {"--decay lie", 1, false},
                               {"--decay strang", 0.5L, false},
                               {"--decay lie --method euler --keys unit", 1, true}};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    for (int which = 0; which < 4; which++) {
      const contents c = {.g = true, .channels = true, .p = which & 1, .packed = which & 2};
      check_numbers(&c, &rules[i], "", U);
      check_numbers(&c, &rules[i], "--precision f32 --threads 2", U32);
    }
}
END_TEST

/* An erase key also without a decay, and with one per head. */
START_TEST(an_erase_key_alone) {
  for (int packed = 0; packed < 2; packed++) {
    check_numbers(&(contents){.p = true, .packed = packed}, &(rule){"", 1, false}, "", U);
    check_numbers(&(contents){.p = true, .packed = packed, .g = true}, &(rule){"--decay split", 1, false}, "", U);
    check_numbers(&(contents){.p = true, .packed = packed, .g = true}, &(rule){"--decay strang", 0.5L, false}, "", U);
  }
}
END_TEST

START_TEST(the_exact_flow) {
  for (int packed = 0; packed < 2; packed++)
    for (int threads = 1; threads < 3; threads++)
      check_numbers(&(contents){.g = true, .channels = true, .packed = packed}, &(rule){"--decay exact", -1, false},
                    threads == 1 ? "--threads 1" : "--threads 2", U);
}
END_TEST

/* The three differ by far more than rounding, or the tests above would show nothing. */
START_TEST(they_differ) {
  static const char *const names[] = {"lie", "strang", "exact"};
  double *o[3];
  make(&(contents){.g = true, .channels = true});
  for (size_t i = 0; i < 3; i++) {
    char options[40];
    snprintf(options, sizeof options, "--decay %s", names[i]);
    ck_assert_msg(run(options) == 0, "%s", said);
    o[i] = h5_get(out, "o", TOKENS * DV);
  }
  for (size_t i = 0; i < 3; i++) ck_assert_double_gt(efla_relative_distance(TOKENS * DV, o[i], o[(i + 1) % 3]), 1e-2);
  for (size_t i = 0; i < 3; i++) free(o[i]);
}
END_TEST

static void check_attribute(const char *wanted) {
  hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT), attribute = H5Aopen(file, "decay", H5P_DEFAULT);
  ck_assert(attribute >= 0);
  hid_t type = H5Aget_type(attribute);
  char *text = NULL;
  ck_assert_int_ge(H5Aread(attribute, type, &text), 0);
  ck_assert_str_eq(text, wanted);
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
}

START_TEST(the_output_names_the_decay) {
  make(&(contents){.g = true, .channels = true});
  ck_assert_int_eq(run(""), 0);
  check_attribute("lie");
  ck_assert_int_eq(run("--decay exact"), 0);
  check_attribute("exact");
  ck_assert_int_eq(run("--decay strang"), 0);
  check_attribute("strang");
}
END_TEST

/* auto is the first of them; the others sum in another order. */
START_TEST(backends) {
  double *o[2];
  make(&(contents){.g = true, .channels = true, .p = true});
  ck_assert_int_eq(run("--backend auto"), 0);
  o[0] = h5_get(out, "o", TOKENS * DV);
  for (size_t i = 0; efla_backend_name(i); i++) {
    efla_backend *b; /* of a device there may be none */
    if (efla_backend_open(efla_backend_name(i), NULL, &b) == EFLA_UNSUPPORTED) continue;
    efla_backend_close(b);
    char options[40];
    snprintf(options, sizeof options, "--backend %s", efla_backend_name(i));
    ck_assert_msg(run(options) == 0, "%s", said);
    o[1] = h5_get(out, "o", TOKENS * DV);
    ck_assert_int_eq(!memcmp(o[0], o[1], TOKENS * DV * sizeof *o[0]), i == 0);
    free(o[1]);
  }
  free(o[0]);
}
END_TEST

START_TEST(refusals) {
  static const struct {
    const char *options, *words;
    int status;
    contents c;
  } cases[] = {
      {"--decay joint", "in.h5: g: one number per channel, expected one per head", 3, {true, true, false, false}},
      {"--decay lie", "in.h5: g: one number per head, expected one number per channel", 3, {true, false, false, false}},
      {"--decay exact", "in.h5: g: no such dataset, expected one number per channel", 3, {false, false, false, false}},
      {"--decay exact --precision f32",
       "in.h5: precision f32: with decay exact, expected f64",
       2,
       {true, true, false, false}},
      {"--decay exact --method euler",
       "in.h5: method euler: decay exact is the flow itself, expected method exact",
       2,
       {true, true, false, false}},
      {"--decay exact", "in.h5: p: the exact flow with g per channel has no erase key", 2, {true, true, true, false}},
      {"--precision bf16",
       "in.h5: precision bf16: with g per channel, expected f64 or f32",
       2,
       {true, true, false, false}},
      {"--form chunk",
       "in.h5: form chunk: with an erase key p, expected form recurrence",
       2,
       {false, false, true, false}},
      {"--backend no-such", "'no-such'", 2, {true, true, false, false}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make(&cases[i].c);
    remove(out);
    ck_assert_msg(run(cases[i].options) == cases[i].status, "%s: %s", cases[i].options, said);
    ck_assert_msg(strstr(said, cases[i].words), "%s: %s", cases[i].options, said);
    ck_assert_int_ne(access(out, F_OK), 0);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {numbers_are_those_of_the_definition, an_erase_key_alone, the_exact_flow, they_differ,
                                the_output_names_the_decay,          backends,           refusals};
  return testing_main("channel_pass", tests, sizeof tests / sizeof *tests, 60);
}

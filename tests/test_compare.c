/* bin/compare and what it stands on: right kernels pass in every format, every usual mistake is named, and the first wrong token found. */
#include "faulty.h"
#include "files.h"
#include "testing.h"

static char path[256], second[256], said[1 << 16], complained[4096];

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(path, sizeof path, "%s/in.h5", directory);
  snprintf(second, sizeof second, "%s/second.h5", directory);
}

static efla_question question_about(const char *file) {
  return (efla_question){
      .input = file, .method = efla_method_find("exact"), .keys = &efla_key_treatments[0], .truth = efla_oracle_find("longdouble")};
}

static efla_inquiry inquire(const efla_question *ask) {
  efla_inquiry inquiry;
  efla_message why = {{0}};
  ck_assert_msg(efla_inquiry_run(&inquiry, ask, 2, &why) == EFLA_OK, "%s", why.text);
  return inquiry;
}

static const h5_sizes usual = {2, 100, 3, 12, 12};

static void check_right(const faulty *f, const char *what) {
  faulty_write(f, path);
  efla_question ask = question_about(path);
  efla_inquiry inquiry = inquire(&ask);
  const efla_head_result *total = &inquiry.comparison.total;
  ck_assert_msg(!inquiry.outside, "%s: o %g, state %g of what is granted, rms %g, expected %g", what, total->o.ratio,
                total->state.ratio, efla_errors_rms(&total->o), efla_errors_expected(&total->o));
  efla_inquiry_clear(&inquiry);
}

START_TEST(right_kernels_pass) {
  static const char *const formats[][3] = {{"f64", "f64", "f64"},    {"f32", "f32", "f32"},    {"f32", "f64", "f32 widened"},
                                           {"bf16", "bf16", "bf16"}, {"fp16", "fp16", "fp16"}, {"bf16", "f32", "bf16 widened"}};
  set_up("compare-right");
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    for (int extras = 0; extras < 4; extras++) {
      faulty f = faulty_none(usual);
      f.f64 = !strcmp(formats[i][0], "f64");
      f.o = formats[i][0], f.stored = formats[i][1];
      f.has_initial = extras & 1, f.has_decay = extras & 2, f.packed = extras == 3;
      if (f.packed) f.sizes.batch = 1;
      f.scale = f.applied = extras ? 0.25 : 1;
      check_right(&f, formats[i][2]);
    }
}
END_TEST

/* Kernels that keep their state in the format of o, on keys so short that it is rounded far more often than it is replaced: passed where
 * nothing else explains the errors, unless f32 was declared. */
START_TEST(states_in_few_bits) {
  static const char *const formats[] = {"bf16", "fp16"};
  set_up("compare-state");
  for (size_t i = 0; i < 2; i++) {
    faulty f = faulty_none(usual);
    f.state = f.o = f.stored = formats[i];
    f.norm = 0.1, f.sizes.tokens = 400;
    faulty_write(&f, path);
    efla_question ask = question_about(path);
    efla_inquiry inquiry = inquire(&ask);
    ck_assert(!inquiry.outside && inquiry.instead_of && !strcmp(inquiry.state->name, formats[i]));
    efla_inquiry_clear(&inquiry);
    ask.state = efla_format_find("f32");
    inquiry = inquire(&ask);
    ck_assert(inquiry.outside && !inquiry.mistake && inquiry.coarser);
    efla_inquiry_clear(&inquiry);
    f.gate = faulty_euler, f.norm = 1;
    faulty_write(&f, path);
    ask.state = NULL;
    inquiry = inquire(&ask);
    ck_assert(inquiry.outside);
    const efla_suspect *seen = inquiry.mistake ? inquiry.mistake : inquiry.resembles;
    ck_assert(seen && strstr(seen->says, "beta itself is used as the gate"));
    efla_inquiry_clear(&inquiry);
  }
}
END_TEST

/* One mistake (or two) and words of the sentence that names it. */
static void check_named(const faulty *f, const char *keys, const char *words, const char *more) {
  faulty_write(f, path);
  efla_question ask = question_about(path);
  ask.keys = !strcmp(keys, "unit") ? &efla_key_treatments[1] : &efla_key_treatments[0];
  efla_inquiry inquiry = inquire(&ask);
  ck_assert_msg(inquiry.outside, "%s: not noticed", words);
  ck_assert_msg(inquiry.mistake != NULL, "%s: not recognised", words);
  ck_assert_int_eq(inquiry.mistake->row[1] == SIZE_MAX, !*more); /* one mistake, or two */
  ck_assert_msg(strstr(inquiry.mistake->says, words) && strstr(inquiry.mistake->says, more), "%s expected: %s", words,
                inquiry.mistake->says);
  efla_inquiry_clear(&inquiry);
}

/* In f64, f32, and with o in bf16; words as in the table of mistakes. */
static void check_mistake(faulty f, const char *keys, const char *words, const char *more) {
  static const char *const formats[] = {"f64", "f32", "bf16"};
  for (size_t i = 0; i < 3; i++) {
    f.f64 = i == 0;
    f.o = f.stored = formats[i];
    check_named(&f, keys, words, more);
  }
}

#define MISTAKE(keys, words, ...)                                                                                                  \
  do {                                                                                                                             \
    faulty f = faulty_none(usual);                                                                                                 \
    __VA_ARGS__;                                                                                                                   \
    check_mistake(f, keys, words, "");                                                                                             \
  } while (0)

START_TEST(every_mistake_is_named) {
  set_up("compare-mistakes");
  MISTAKE("raw", "beta itself is used as the gate", f.gate = faulty_euler);
  MISTAKE("raw", "the gate is that of implicit", f.gate = faulty_implicit);
  MISTAKE("raw", "keys are normalised", f.norm = 1.5, f.unit_keys = f.unit_gate = true);
  MISTAKE("unit", "keys are not normalised", f.norm = 1.5);
  MISTAKE("raw", "the gate is taken from the raw lambda", f.norm = 1.5, f.unit_keys = true);
  MISTAKE("unit", "the gate is taken from the raw lambda", f.norm = 1.5, f.unit_keys = true);
  MISTAKE("raw", "lambda of normalised keys", f.norm = 1.5, f.unit_gate = true);
  MISTAKE("raw", "queries are normalised", f.unit_queries = true);
  MISTAKE("raw", "the scale is missing", f.scale = 1 / sqrt(12));
  MISTAKE("raw", "o is scaled by 1/sqrt(dk)", f.applied = 1 / sqrt(12));
  MISTAKE("raw", "is applied twice", f.scale = 0.25, f.applied = 0.0625);
  MISTAKE("raw", "o is zero everywhere", f.applied = 0);
  MISTAKE("raw", "o is read before", f.reads_before = true);
  MISTAKE("raw", "transposed in the read-out", f.reads_transposed = true);
  MISTAKE("raw", "final_state is transposed", f.final_transposed = true);
  MISTAKE("raw", "the initial state is missing", f.has_initial = f.ignores_initial = true);
  MISTAKE("raw", "initial_state is transposed", f.has_initial = f.initial_transposed = true);
  MISTAKE("raw", "carried over", f.sizes.batch = 1, f.packed = f.carries = true);
  MISTAKE("raw", "the decay g is missing", f.has_decay = f.ignores_decay = true);
  MISTAKE("raw", "decay is applied after", f.has_decay = f.decay_after = true);
  MISTAKE("raw", "do not fill a chunk of 64, never enter the state", f.lost_tail = 64);
  MISTAKE("raw", "do not fill a chunk of 32, never enter final_state", f.lost_tail = 32, f.lost_in_state = true);
}
END_TEST

/* Small constants that show in f64 only. */
START_TEST(epsilons_are_named) {
  set_up("compare-epsilon");
  faulty f = faulty_none(usual);
  f.f64 = true, f.o = f.stored = "f64", f.epsilon = 1e-6;
  check_named(&f, "raw", "the gate has an epsilon", "");
  f.epsilon = 0, f.key_epsilon = 1e-6, f.unit_keys = f.unit_gate = true;
  check_named(&f, "unit", "keys are normalised with an epsilon", "");
}
END_TEST

START_TEST(two_mistakes_at_once) {
  set_up("compare-two");
  faulty f = faulty_none(usual);
  f.gate = faulty_euler, f.scale = 0.25;
  check_named(&f, "raw", "the scale is missing", "beta itself is used as the gate");
  f = faulty_none(usual);
  f.has_initial = f.ignores_initial = f.reads_before = true;
  check_named(&f, "raw", "o is read before", "the initial state is missing");
}
END_TEST

/* What no recipe computes: zeros where the last chunk is incomplete. */
START_TEST(wrong_tails_are_seen) {
  static const size_t chunks[] = {16, 64};
  set_up("compare-tail");
  for (size_t i = 0; i < 2; i++) {
    faulty f = faulty_none(usual);
    f.sizes.tokens = 200 + i; /* tails of 8 and of 9 */
    f.zero_tail = chunks[i];
    faulty_write(&f, path);
    efla_question ask = question_about(path);
    efla_inquiry inquiry = inquire(&ask);
    ck_assert(inquiry.outside && !inquiry.mistake);
    size_t start = f.sizes.tokens - f.sizes.tokens % chunks[i];
    ck_assert_uint_eq(inquiry.comparison.total.o.first.token, start);
    ck_assert_msg(inquiry.tail && start == f.sizes.tokens - f.sizes.tokens % inquiry.tail, "chunk %zu, said %zu", chunks[i],
                  inquiry.tail);
    efla_inquiry_clear(&inquiry);
  }
}
END_TEST

/* One number of one token, off by ten times what is granted: found, and nothing else is. */
START_TEST(first_wrong_token_is_found) {
  static const size_t tokens[] = {0, 1, 63, 64, 99};
  set_up("compare-first");
  for (size_t i = 0; i < 5; i++) {
    char place[64];
    faulty f = faulty_none(usual);
    f.nudged = tokens[i], f.nudge = 1e-3;
    faulty_write(&f, path);
    efla_question ask = question_about(path);
    efla_inquiry inquiry = inquire(&ask);
    const efla_miss *miss = &inquiry.comparison.total.o.first;
    snprintf(place, sizeof place, "o[1,%zu,2,11]", tokens[i]);
    ck_assert(inquiry.outside && miss->token == tokens[i] && miss->sequence == 1 && miss->head == 2);
    ck_assert_str_eq(miss->index, place);
    CHECK_BOUND(fabs(miss->found - miss->expected - 1e-3), 1e-5); /* the kernel's own error beside it */
    ck_assert(inquiry.comparison.head[2].outside && !inquiry.comparison.head[0].outside && !inquiry.comparison.head[1].outside);
    ck_assert(!inquiry.mistake);
    efla_inquiry_clear(&inquiry);
  }
}
END_TEST

/* What is not finite is out of tolerance, from its first token on. */
START_TEST(numbers_that_are_not_finite) {
  set_up("compare-nan");
  faulty f = faulty_none(usual);
  f.nudged = 42, f.nudge = NAN;
  faulty_write(&f, path);
  efla_question ask = question_about(path);
  efla_inquiry inquiry = inquire(&ask);
  const efla_miss *miss = &inquiry.comparison.total.o.first;
  ck_assert(inquiry.outside && miss->token == 42 && isnan(miss->found) && isfinite(miss->expected));
  efla_inquiry_clear(&inquiry);
  f.gate = faulty_euler; /* and what is finite still tells the mistake */
  check_named(&f, "raw", "beta itself is used as the gate", "");
}
END_TEST

/* Euler's rule far beyond its limit of stability: where the truth has left the numbers there is nothing to compare, before it there is. */
START_TEST(truth_that_blows_up) {
  set_up("compare-blowup");
  faulty f = faulty_none((h5_sizes){1, 300, 2, 4, 4});
  f.norm = 20, f.gate = faulty_euler, f.f64 = true, f.o = f.stored = "f64";
  faulty_write(&f, path);
  efla_question ask = question_about(path);
  ask.method = efla_method_find("euler");
  efla_inquiry inquiry = inquire(&ask);
  const efla_head_result *total = &inquiry.comparison.total;
  ck_assert(total->unknown > 0 && total->o.numbers > 0 && 4 * total->unknown + total->o.numbers == 300 * 2 * 4);
  ck_assert_uint_eq(total->o.first.token, SIZE_MAX);
  efla_inquiry_clear(&inquiry);
}
END_TEST

/* Errors as t^(1/2), and ten times as large from token 63 on, with which a bin begins. */
START_TEST(growth_is_seen) {
  for (int jumps = 0; jumps < 2; jumps++) {
    efla_head_result result;
    efla_head_result_init(&result);
    for (size_t t = 0; t < 1000; t++) {
      double error = jumps ? (t < 63 ? 1 : 10) : sqrt((double)t + 1);
      efla_bin *bin = &result.bins[efla_bin_of(t)];
      bin->tokens++, bin->error2 += error * error, bin->truth2 += 1;
    }
    efla_error_growth growth = efla_head_result_growth(&result);
    if (jumps) {
      ck_assert_uint_eq(growth.jump, 63);
      CHECK_BOUND(fabs(growth.after - 10), 1e-9);
    } else {
      ck_assert_uint_eq(growth.jump, SIZE_MAX);
      CHECK_BOUND(fabs(growth.slope - 0.5), 0.02); /* bins are as wide as 2^(1/4), of which the slope sees the ends */
    }
  }
}
END_TEST

/* The tail is to blame only if it is in every head that is wrong. */
START_TEST(one_early_head_clears_the_tail) {
  efla_head_result total, late, early;
  efla_head_result_init(&total);
  efla_head_result_init(&late);
  efla_head_result_init(&early);
  late.o.first.token = 64, early.o.first.token = 3;
  for (size_t i = 0; i < EFLA_TAILS; i++) {
    late.tail[i] = efla_tail_chunks[i] == 64;
    late.begins[i] = late.tail[i];
    early.tail[i] = false;
  }
  ck_assert_uint_eq(efla_head_result_tail(&late), 64);
  efla_head_result_merge(&total, &early);
  efla_head_result_merge(&total, &late);
  ck_assert_uint_eq(efla_head_result_tail(&total), 0);
  ck_assert_uint_eq(total.o.first.token, 3);
}
END_TEST

/* Two batch entries that agree up to token 40, in one file, and in two; a kernel that peeks at the next token is found out. */
START_TEST(causality_is_seen) {
  set_up("compare-causality");
  for (int peeks = 0; peeks < 2; peeks++) {
    faulty f = faulty_none(usual);
    f.same_until = 40, f.peeks = peeks;
    faulty_write(&f, path);
    efla_question ask = question_about(path);
    efla_inquiry inquiry = inquire(&ask);
    const efla_causality *c = &inquiry.causality;
    ck_assert(c->pairs == 3 && c->apart == 3 && c->tokens == 120);
    ck_assert_uint_eq(c->differ, peeks ? 3 : 0);
    ck_assert_int_eq(inquiry.outside, peeks);
    if (peeks) ck_assert(c->violation.token == 39 && c->parts == 40);
    if (!peeks) ck_assert_uint_eq(c->violation.token, SIZE_MAX);
    efla_inquiry_clear(&inquiry);

    faulty shorter = f; /* the first 70 tokens only: all that follows is later */
    f.same_until = 0, f.sizes.batch = shorter.sizes.batch = 1, shorter.sizes.tokens = 70, shorter.same_until = 0;
    faulty_write(&f, path);
    faulty_write(&shorter, second); /* other random numbers from the first token on: they are drawn in order of tokens ... */
    ask.against = second;
    inquiry = inquire(&ask);
    ck_assert(inquiry.causality.pairs == 3 && inquiry.causality.apart == 3 &&
              inquiry.causality.tokens == 210); /* ... so they agree */
    ck_assert_uint_eq(inquiry.causality.violation.token, peeks ? 69 : SIZE_MAX);
    ck_assert_uint_eq(inquiry.causality.parts, peeks ? 70 : 0);
    efla_inquiry_clear(&inquiry);
  }
}
END_TEST

/* The budget: every form and format of the toolkit stays below half of it, and the largest above a hundredth: it is no empty promise. */
START_TEST(budget_covers_the_toolkit_s_own_kernels) {
  static const char *const families[] = {"gaussian", "unit", "dictionary", "cone"};
  set_up("compare-budget");
  double least = INFINITY;
  for (size_t i = 0; i < 4; i++)
    for (const efla_format *format = efla_formats; format->name; format++)
      for (const efla_form *form = efla_forms; form->name; form++) {
        efla_tokens x = testing_tokens(families[i], 1, 300, 16, 5);
        efla_forward forward = {efla_method_find("exact"), &efla_key_treatments[0], form, format, 32, 16, 5, 1};
        efla_units units = efla_units_of(format, efla_format_find(format->digits > 24 ? "f64" : "f32"));
        efla_claim claim = {.method = forward.method,
                            .keys = forward.keys,
                            .scale = 1,
                            .truth = efla_oracle_find("longdouble"),
                            .units = units,
                            .o = *efla_format_find("f64")};
        efla_track track;
        double S[80] = {0}, *o = testing_poison(300 * 5), *scratch = testing_poison(efla_forward_scratch(&forward)), largest = 0;
        double error2 = 0, variance = 0;
        ck_assert_int_eq(efla_track_init(&track, &claim, 16, 5), EFLA_OK);
        efla_track_start(&track, S);
        efla_forward_advance(&forward, &x, NULL, S, o, scratch);
        for (size_t t = 0; t < 300; t++) {
          double error = 0;
          ck_assert_int_eq(efla_track_step(&track, &x, t, 0, NULL), EFLA_OK);
          for (size_t j = 0; j < 5; j++) error += (double)((o[t * 5 + j] - track.o[j]) * (o[t * 5 + j] - track.o[j]));
          largest = fmax(largest, sqrt(error) / efla_track_readout_tolerance(&track, x.q + t * 16));
          error2 += error, variance += track.variance;
        }
        ck_assert_msg(largest < 0.5 && sqrt(error2 / variance) < EFLA_BUDGET_RMS / 2, "%s %s %s: %g of the budget, rms %g",
                      families[i], format->name, form->name, largest, sqrt(error2 / variance));
        if (form == efla_forms) least = fmin(least, largest); /* chunks round the state less often than the budget allows */
        free(o), free(scratch);
        efla_track_clear(&track);
        efla_tokens_clear(&x);
      }
  ck_assert_double_gt(least, 0.01);
}
END_TEST

/* C <- M C M^T + diag(D) with M = d (I - a k k^T), formed densely: (dk+8) roundings of numbers of C's size a token. */
START_TEST(covariance_is_carried_by_the_transitions) {
  enum { T = 50, DK = 7, DV = 3 };
  efla_tokens x = testing_tokens("gaussian", 1.5, T, DK, DV);
  efla_claim claim = {.method = efla_method_find("exact"),
                      .keys = &efla_key_treatments[0],
                      .scale = 1,
                      .truth = efla_oracle_find("longdouble"),
                      .units = {.state = 0.5},
                      .o = *efla_format_find("f64"),
                      .state = *efla_format_find("f64")};
  efla_track track;
  double S[DK * DV], C[DK * DK] = {0}, M[DK * DK], MC[DK * DK], norm = 0, error = 0;
  for (size_t e = 0; e < DK * DV; e++) S[e] = cos((double)e);
  ck_assert_int_eq(efla_track_init(&track, &claim, DK, DV), EFLA_OK);
  efla_track_start(&track, S);
  for (size_t i = 0; i < DK; i++) C[i * DK + i] = efla_lambda(DV, S + i * DV) / 12;
  for (size_t t = 0; t < T; t++) {
    double g = -0.05 * (double)(t % 3), a;
    efla_tokens one = efla_tokens_slice(&x, t, 1);
    efla_gates(claim.method, &one, &a);
    ck_assert_int_eq(efla_track_step(&track, &x, t, g, NULL), EFLA_OK);
    for (size_t e = 0; e < DK * DK; e++) M[e] = exp(g) * ((double)(e % (DK + 1) == 0) - a * one.k[e / DK] * one.k[e % DK]);
    for (size_t e = 0; e < DK * DK; e++) {
      MC[e] = 0;
      for (size_t m = 0; m < DK; m++) MC[e] += M[e / DK * DK + m] * C[m * DK + e % DK];
    }
    for (size_t e = 0; e < DK * DK; e++) {
      C[e] = 0;
      for (size_t m = 0; m < DK; m++) C[e] += MC[e / DK * DK + m] * M[e % DK * DK + m];
    }
    for (size_t i = 0; i < DK; i++)
      for (size_t j = 0; j < DV; j++) C[i * DK + i] += (double)(track.S[i * DV + j] * track.S[i * DV + j]) / 12;
  }
  for (size_t e = 0; e < DK * DK; e++) {
    norm += C[e] * C[e];
    error += (C[e] - track.budget.C[e]) * (C[e] - track.budget.C[e]);
  }
  CHECK_BOUND(sqrt(error), T * (DK + 8) * U * sqrt(norm));
  efla_track_clear(&track);
  efla_tokens_clear(&x);
}
END_TEST

/* The two oracles tell the same of the same file. */
START_TEST(certified_truth) {
#ifdef EFLA_HAVE_ARB
  set_up("compare-arb");
  faulty f = faulty_none((h5_sizes){1, 40, 2, 6, 4});
  f.f64 = f.has_initial = f.has_decay = true, f.o = f.stored = "f64";
  faulty_write(&f, path);
  efla_question ask = question_about(path);
  efla_inquiry fast = inquire(&ask);
  ask.truth = efla_oracle_find("arb");
  efla_inquiry certified = inquire(&ask);
  ck_assert(!certified.outside);
  double error = efla_errors_rms(&fast.comparison.total.o), other = efla_errors_rms(&certified.comparison.total.o);
  CHECK_BOUND(fabs(error - other), 40 * (6 + 8) * (double)LDBL_EPSILON); /* long double's own error, 14 units a token */
  ck_assert_double_gt(error, 0);
  efla_inquiry_clear(&fast);
  efla_inquiry_clear(&certified);
#endif
}
END_TEST

static int run(const char *arguments) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/compare --input %s %s", path, arguments), 0);
  int status = testing_shell(command, said, complained, sizeof complained);
  free(command);
  return status;
}

/* The report's lines, the table, the exit status. */
START_TEST(report_and_table) {
  char arguments[700], table[300];
  set_up("compare-report");
  snprintf(table, sizeof table, "%s.csv", path);
  snprintf(arguments, sizeof arguments, "--out %s", table);
  faulty f = faulty_none(usual);
  faulty_write(&f, path);
  ck_assert_int_eq(run(arguments), 0);
  ck_assert_msg(strstr(said, "\nverdict: within the tolerance\n") && !strstr(said, "mistake:"), "%s", said);
  ck_assert_str_eq(complained, "");
  efla_csv csv;
  efla_message why;
  ck_assert_int_eq(efla_csv_read(&csv, table, &why), EFLA_OK);
  double tokens = 0, granted = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    tokens += efla_csv_real(&csv, r, "tokens");
    granted = fmax(granted, efla_csv_real(&csv, r, "granted"));
    ck_assert_double_le(efla_csv_real(&csv, r, "first"), efla_csv_real(&csv, r, "last"));
  }
  ck_assert_double_eq(tokens, 2 * 100 * 3);
  ck_assert(granted > 0 && granted < 1);
  efla_csv_clear(&csv);
  f.gate = faulty_euler;
  faulty_write(&f, path);
  ck_assert_int_eq(run(""), 1);
  ck_assert_msg(strstr(said, "\nfirst out of tolerance: token 0, sequence 0, head 0: o[0,0,0,") != NULL, "%s", said);
  ck_assert_msg(strstr(said, "\nmistake: beta itself is used as the gate") != NULL, "%s", said);
  ck_assert_msg(strstr(said, "\nverdict: outside the tolerance\n") && !strstr(said, "# program"), "%s", said); /* no table there */
  ck_assert_int_eq(run("--method euler"), 0);
  f.unit_keys = f.unit_gate = true; /* DeltaNet as it is used */
  faulty_write(&f, path);
  ck_assert_int_eq(run("--method euler --keys unit"), 0);
}
END_TEST

/* Tolerances of one's own, and outputs in a file of their own, as bin/run writes them. */
START_TEST(tolerances_and_separate_outputs) {
  char arguments[700];
  set_up("compare-tolerances");
  faulty f = faulty_none(usual);
  f.nudged = 50, f.nudge = 1e-4;
  faulty_write(&f, path);
  ck_assert_int_eq(run(""), 1);
  ck_assert_int_eq(run("--tolerance rms=1e-4"), 0);
  ck_assert_int_eq(run("--tolerance rms=1e-8"), 1);
  ck_assert_int_eq(run("--tolerance ulps=1e5"), 0);
  ck_assert_int_eq(run("--tolerance ulps=1"), 1);
  snprintf(arguments, sizeof arguments, TEST_BIN "/run --input %s --output %s --precision bf16", path, second);
  ck_assert_int_eq(testing_shell(arguments, NULL, NULL, 0), 0);
  snprintf(arguments, sizeof arguments, "--outputs %s", second);
  ck_assert_int_eq(run(arguments), 0);
  ck_assert_msg(strstr(said, "state kept in bf16") != NULL, "%s", said);
  snprintf(arguments, sizeof arguments, "--outputs %s --precision f32", second);
  ck_assert_int_eq(run(arguments), 1);
  ck_assert_msg(strstr(said, "rounding of a state in bf16 would explain") || strstr(said, "rounding of a state in tf32"), "%s",
                said);
}
END_TEST

START_TEST(questions_that_cannot_be_answered) {
  static const struct {
    const char *arguments, *word;
    int status;
  } wrong[] = {{"--tolerance 5", "'5'", 2},
               {"--tolerance ulps=", "'ulps='", 2},
               {"--tolerance ulps=-1", "'ulps=-1'", 2},
               {"--tolerance rms=nan", "'rms=nan'", 2},
               {"--tolerance bounded", "'bounded'", 2},
               {"--truth gsl", "'gsl'", 2},
               {"--truth arb --method euler", "exact flow only", 2},
               {"--outputs no/such/file.h5", "no/such/file.h5: cannot read", 3},
               {"--against no/such/file.h5", "no/such/file.h5: cannot read", 3},
               {"--out no/such/directory/file", "no/such/directory/file", 3}};
  set_up("compare-questions");
  faulty f = faulty_none((h5_sizes){1, 5, 1, 3, 2});
  faulty_write(&f, path);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int status = run(wrong[i].arguments);
    ck_assert_msg(status == wrong[i].status && strstr(complained, wrong[i].word), "%s: status %d: %s", wrong[i].arguments, status,
                  complained);
  }
  hid_t made = h5_create(path);
  h5_inputs(made, &f.sizes, 1);
  h5_close(made);
  ck_assert_int_eq(run(""), 3);
  ck_assert_msg(strstr(complained, ": o: no such dataset, expected one") != NULL, "%s", complained);
  const h5_sizes wide = {1, 2, 1, 4097, 1};
  made = h5_create(path);
  h5_inputs(made, &wide, 1);
  h5_put_tokens(made, "o", H5T_IEEE_F32LE, &wide, 1, (double[]){0, 0});
  h5_close(made);
  ck_assert_int_eq(run(""), 3);
  ck_assert_msg(strstr(complained, ": q: last size 4097, expected at most 4096") != NULL, "%s", complained);
  files_write(path, "nothing", 7);
  ck_assert_int_eq(run(""), 3);
}
END_TEST

/* The example for Python, where h5py is installed: Debian's python3-h5py, which belongs to the system's own Python. */
START_TEST(python_example) {
  if (testing_shell("/usr/bin/python3 -c 'import h5py, numpy'", NULL, NULL, 0) != 0) {
    printf("python_example: skipped, /usr/bin/python3 has no h5py (Debian: python3-h5py)\n");
    fflush(stdout);
    return;
  }
  int status = testing_shell("/usr/bin/python3 examples/compare.py " TEST_BIN "/compare", said, complained, sizeof complained);
  ck_assert_msg(status == 0, "%s", complained);
  ck_assert_msg(strstr(said, "exact: within the tolerance: \n") != NULL, "%s", said);
  ck_assert_msg(strstr(said, "beta: outside the tolerance: beta itself is used as the gate") != NULL, "%s", said);
}
END_TEST

/* Bins cover all token numbers, each once. */
START_TEST(bins_have_no_gaps) {
  for (size_t t = 0; t < 100000; t++) {
    size_t b = efla_bin_of(t);
    ck_assert_msg(efla_bin_first(b) <= t && t < efla_bin_first(b + 1), "token %zu, bin %zu", t, b);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {right_kernels_pass,
                                states_in_few_bits,
                                every_mistake_is_named,
                                epsilons_are_named,
                                two_mistakes_at_once,
                                wrong_tails_are_seen,
                                first_wrong_token_is_found,
                                numbers_that_are_not_finite,
                                truth_that_blows_up,
                                growth_is_seen,
                                one_early_head_clears_the_tail,
                                causality_is_seen,
                                budget_covers_the_toolkit_s_own_kernels,
                                covariance_is_carried_by_the_transitions,
                                certified_truth,
                                report_and_table,
                                tolerances_and_separate_outputs,
                                questions_that_cannot_be_answered,
                                python_example,
                                bins_have_no_gaps};
  return testing_main("compare", tests, sizeof tests / sizeof *tests, 120);
}

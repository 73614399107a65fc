/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare: is a kernel's q, k, v, beta -> o right, to how many ulps, and if not, from which token on and why?
 *
 * Inputs    a tensor file (io/tensors.h) with q, k, v, beta and a kernel's o, perhaps final_state; o may be in a file of
 *           its own.
 * Measures  the error of every token and final state against the truth (long double, or certified), in ulps of o's type,
 *           relative, and in units of what rounding is entitled to on these tokens (check/error_bound.h); how it depends
 *           on the token's number; whether o depends on later tokens, where there are two runs; and, if it is out of
 *           tolerance, which usual fault explains it.
 * Writes    a report that ends with a verdict, and with --out one row per head and range of tokens.  Status 1: outside. */
#include "laboratory.h"

#include <math.h>
#include <stdint.h>

static const char *input, *outputs, *against, *tolerance_text;
static size_t method, keys, truth, precision;

static const char *truth_name(size_t i) {
  static const char *const names[] = {"longdouble", "arb"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const char *precision_name(size_t i) { return i == 0 ? "declared" : efla_format_name(i - 1); }

static const efla_option options[] = {
    {"input", "FILE", NULL, NULL, "tensor file with q, k, v, beta and o", EFLA_NEEDED, &input, 0, 0, NULL},
    {"outputs", "FILE", NULL, NULL, "file with o and final_state, if they are not in the input", EFLA_TEXT, &outputs, 0,
     0, NULL},
    {"against", "FILE", NULL, NULL, "a second run, whose inputs agree with the first up to some token", EFLA_TEXT,
     &against, 0, 0, NULL},
    {"method", "NAME", "exact", NULL, "coefficient that the kernel is to have", EFLA_NAME, &method, 0, 0,
     efla_method_name},
    {"keys", "NAME", "raw", NULL, "keys as they are, or scaled to norm one", EFLA_NAME, &keys, 0, 0,
     efla_key_treatment_name},
    {"truth", "NAME", "longdouble", NULL, "oracle; arb is certified, and slow", EFLA_NAME, &truth, 0, 0, truth_name},
    {"tolerance", "KIND", "bound", NULL, "bound (what rounding is entitled to), ulps=N or rms=X", EFLA_TEXT,
     &tolerance_text, 0, 0, NULL},
    {"precision", "NAME", "declared", NULL,
     "format that the kernel keeps its state in; "
     "declared: as the attribute of that name says, or else f64 if o is, f32 if not, and at last that of o",
     EFLA_NAME, &precision, 0, 0, precision_name},
    {.name = NULL},
};

typedef struct row {
  size_t head, first, last, tokens;
  double error, ulps, granted;
} row;

static const efla_column columns[] = {EFLA_COLUMN(row, head, "", "head"),
                                      EFLA_COLUMN(row, first, "", "first token number of a range"),
                                      EFLA_COLUMN(row, last, "", "last token number of the range"),
                                      EFLA_COLUMN(row, tokens, "", "tokens in the range; of all sequences"),
                                      EFLA_COLUMN(row, error, "", "relative error of o (root mean square)"),
                                      EFLA_COLUMN(row, ulps, "ulp", "largest error of o"),
                                      EFLA_COLUMN(row, granted, "", "largest error of o over what is granted"),
                                      EFLA_COLUMNS_END(row)};

static void print_errors(const char *what, const efla_errors_of *errors) {
  printf("%10s  %12.4g  %12.4g  %12.4g  %12.4g  %12.3g\n", what, errors->ulps, efla_errors_rms_ulps(errors),
         errors->relative, efla_errors_rms(errors), errors->ratio);
}

static void print_heads(const efla_kernel_check *s) {
  char name[32];
  printf("\n%10s  %12s  %12s  %12s  %12s  %12s\n", "", "largest", "rms", "largest", "rms", "of what is");
  printf("%10s  %12s  %12s  %12s  %12s  %12s\n", "head", "[ulp]", "[ulp]", "relative", "relative", "granted");
  for (size_t h = 0; h < s->in.heads; h++) {
    snprintf(name, sizeof name, "%zu%s", h, s->comparison.head[h].outside ? " *" : "");
    print_errors(name, &s->comparison.head[h].o);
  }
  print_errors("all", &s->comparison.total.o);
  if (s->comparison.out->has[EFLA_FINAL_STATE]) print_errors("state", &s->comparison.total.state);
  if (s->comparison.total.outside) printf("(* outside the tolerance)\n");
}

static void print_miss(const efla_miss *miss, const char *what) {
  if (miss->token == SIZE_MAX) return;
  printf("%s: token %zu, sequence %zu, head %zu: %s is %.9g, expected %.9g; error %.3g, granted %.3g\n", what,
         miss->token, miss->sequence, miss->head, miss->index, miss->found, miss->expected, miss->error, miss->allowed);
}

static void print_growth(const efla_head_result *result) {
  efla_error_growth growth = efla_head_result_growth(result);
  printf("error against token:");
  for (size_t b = 0, shown = 0; b < EFLA_BINS; b++) {
    if (result->bins[b].tokens == 0 || efla_bin_first(b) < shown) continue;
    printf(" t=%zu: %.2g,", efla_bin_first(b), sqrt(result->bins[b].error2 / result->bins[b].truth2));
    shown = 4 * efla_bin_first(b) + 4;
  }
  if (growth.jump < SIZE_MAX)
    printf(" rises at token %zu from %.2g to %.2g\n", growth.jump, growth.before, growth.after);
  else if (growth.slope > 0.25)
    printf(" grows as t^%.2f\n", growth.slope);
  else
    printf(" does not grow\n");
}

static void print_causality(const efla_causality *c) {
  if (c->pairs == 0) return;
  printf("causality: ");
  if (c->violation.token < SIZE_MAX)
    printf("o depends on later tokens: inputs differ from token %zu on, but o already at token %zu, sequence %zu, "
           "head %zu: %s is %.9g in one run and %.9g in the other\n",
           c->parts, c->violation.token, c->violation.sequence, c->violation.head, c->violation.index,
           c->violation.expected, c->violation.found);
  else
    printf("o of %zu tokens before the inputs differ is the same%s%s\n", c->tokens,
           c->differ ? " but for rounding" : ", bit for bit",
           c->apart ? ": it does not depend on later tokens"
                    : " (the inputs never differ: nothing about later tokens)");
}

static void print_mistake(const efla_kernel_check *s) {
  if (!s->comparison.total.outside) return;
  printf("mistake: ");
  if (s->fault) {
    printf("%s\n", s->fault->says);
    for (const efla_fault_candidate *next = s->fault + 1;
         next < s->candidates.candidate + s->candidates.n && next->score <= fmin(1, 2 * s->fault->score); next++)
      printf("  or: %s\n", next->says);
  } else if (s->tail) {
    printf("a wrong chunk tail: everything that is wrong is in the last tokens of a sequence, which do not fill a "
           "chunk of %zu",
           s->tail);
    for (size_t i = EFLA_TAILS; i-- > 0;)
      if (efla_head_result_tail_too(&s->comparison.total, i)) printf(" or %zu", efla_tail_chunks[i]);
    printf("\n");
  } else if (s->resembles) {
    printf("none alone; most like this one, which leaves %.2g of the error: %s\n",
           s->resembles->score / s->candidates.candidate[0].score, s->resembles->says);
  } else if (s->coarser) {
    printf("none of the usual ones; rounding of a state in %s would explain errors of this size\n", s->coarser->name);
  } else {
    printf("none of the usual ones\n");
  }
}

static void print_report(const efla_kernel_check *s, const efla_kernel_check_options *ask) {
  const efla_tensors *in = &s->in, *out = s->comparison.out;
  const efla_kernel_spec *spec = &s->comparison.spec;
  static const char *const tolerances[] = {"what rounding is entitled to on these tokens", "ulps",
                                           "relative root mean square"};
  printf("%s: %zu sequences, %zu tokens each batch entry, %zu heads, dk %zu, dv %zu, scale %.6g%s%s\n", in->path,
         in->sequences, in->tokens, in->heads, in->dk, in->dv, in->scale, in->has[EFLA_G] ? ", with decay" : "",
         in->has[EFLA_INITIAL_STATE] ? ", with initial state" : "");
  printf("held against: method %s, keys %s, truth %s\n", ask->method->name, ask->keys->name, ask->truth->name);
  printf("o: %s", spec->o.name);
  if (spec->o.digits != out->stored[EFLA_O].digits)
    printf(" (all of its numbers are, stored as %s)", out->stored[EFLA_O].name);
  printf("; state kept in %s", s->state->name);
  if (s->instead_of) printf(" (nothing is declared, and %s would not explain the errors)", s->instead_of->name);
  printf("; tolerance: ");
  if (ask->tolerance.kind != EFLA_TOLERANCE_BOUND) printf("%g ", ask->tolerance.value);
  printf("%s\n", tolerances[ask->tolerance.kind]);
  print_heads(s);
  printf("\n");
  print_growth(&s->comparison.total);
  if (s->comparison.total.unknown)
    printf("not compared: %zu tokens whose true o is not finite\n", s->comparison.total.unknown);
  print_miss(&s->comparison.total.o.first, "first out of tolerance");
  print_miss(&s->comparison.total.state.first, "final_state out of tolerance");
  print_causality(&s->causality);
  print_mistake(s);
  printf("verdict: %s\n", s->outside ? "outside the tolerance" : "within the tolerance");
}

static void write_rows(const efla_kernel_check *s, efla_table *table) {
  for (size_t h = 0; h < s->in.heads; h++)
    for (size_t b = 0; b < EFLA_BINS; b++) {
      const efla_bin *bin = &s->comparison.head[h].bins[b];
      if (bin->tokens == 0) continue;
      efla_table_put(table, &(row){h, efla_bin_first(b), efla_bin_first(b + 1) - 1, bin->tokens,
                                   bin->error2 == 0 ? 0 : sqrt(bin->error2 / bin->truth2), bin->ulps, bin->ratio});
    }
}

static efla_tolerance tolerance;

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  return efla_tolerance_read(&tolerance, tolerance_text, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_kernel_check_options ask = {.input = input,
                                   .outputs = outputs,
                                   .against = against,
                                   .method = &efla_methods[method],
                                   .keys = &efla_key_treatments[keys],
                                   .truth = efla_oracle_find(truth_name(truth)),
                                   .state = precision ? &efla_formats[precision - 1] : NULL,
                                   .tolerance = tolerance};
  efla_kernel_check check;
  efla_status status = efla_kernel_check_run(&check, &ask, cli->threads, why);
  if (status == EFLA_OK) {
    print_report(&check, &ask);
    write_rows(&check, table);
    if (check.outside) status = EFLA_OUTSIDE, *why->text = 0; /* the report has said it */
  }
  efla_kernel_check_clear(&check);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "compare",
      .summary = "Is a kernel's q, k, v, beta -> o right, to how many ulps, and if not, from which token on and why?",
      .description =
          "The input is HDF5 with q, k, v, beta and o, perhaps final_state, g, initial_state, cu_seqlens, as for run; "
          "all files must stay as they are until the end. "
          "An ulp is the gap between neighbours of o's type at the largest entry of a token. "
          "The tolerance is by default derived from what rounding is entitled to on these very tokens: "
          "the covariance of the state's error, carried by the transitions. "
          "Ends with a line 'verdict:'; before it, if it is outside, 'first out of tolerance:' and 'mistake:'. "
          "Two runs, in the second file or as sequences that follow each other, whose inputs agree up to some token "
          "show whether o depends on later tokens.",
      .options = options,
      .columns = columns,
      .run = run,
      .check = check,
      .answers = true};
  return efla_program_main(&program, argc, argv);
}

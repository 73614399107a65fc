/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel check as a report to read, and as rows of a table. */
#include "check/kernel_check_report.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>

void efla_errors_write_text(FILE *out, const char *what, const efla_errors_of *errors) {
  fprintf(out, "%14s  %12.4g  %12.4g  %12.4g  %12.4g  %12.3g\n", what, errors->ulps, efla_errors_rms_ulps(errors),
          errors->relative, efla_errors_rms(errors), errors->ratio);
}

void efla_errors_write_header(FILE *out, const char *what) {
  fprintf(out, "\n%14s  %12s  %12s  %12s  %12s  %12s\n", "", "largest", "rms", "largest", "rms", "of what is");
  fprintf(out, "%14s  %12s  %12s  %12s  %12s  %12s\n", what, "[ulp]", "[ulp]", "relative", "relative", "granted");
}

static void write_heads(FILE *out, const efla_kernel_check *s) {
  char name[32];
  efla_errors_write_header(out, "head");
  for (size_t h = 0; h < s->in.heads; h++) {
    snprintf(name, sizeof name, "%zu%s", h, s->comparison.head[h].outside ? " *" : "");
    efla_errors_write_text(out, name, &s->comparison.head[h].o);
  }
  efla_errors_write_text(out, "all", &s->comparison.total.o);
  if (s->comparison.out->has[EFLA_FINAL_STATE]) efla_errors_write_text(out, "state", &s->comparison.total.state);
  if (s->comparison.total.outside) fprintf(out, "(* outside the tolerance)\n");
}

void efla_miss_write_text(FILE *out, const efla_miss *miss, const char *what) {
  if (miss->token == SIZE_MAX) return;
  fprintf(out, "%s: token %zu, sequence %zu, head %zu: %s is %.9g, expected %.9g; error %.3g, granted %.3g\n", what,
          miss->token, miss->sequence, miss->head, miss->index, miss->found, miss->expected, miss->error,
          miss->allowed);
}

static void write_growth(FILE *out, const efla_head_result *result) {
  efla_error_growth growth = efla_head_result_growth(result);
  fprintf(out, "error against token:");
  for (size_t b = 0, shown = 0; b < EFLA_BINS; b++) {
    if (result->bins[b].tokens == 0 || efla_bin_first(b) < shown) continue;
    fprintf(out, " t=%zu: %.2g,", efla_bin_first(b), sqrt(result->bins[b].error2 / result->bins[b].truth2));
    shown = 4 * efla_bin_first(b) + 4;
  }
  if (growth.jump < SIZE_MAX)
    fprintf(out, " rises at token %zu from %.2g to %.2g\n", growth.jump, growth.before, growth.after);
  else if (growth.slope > 0.25)
    fprintf(out, " grows as t^%.2f\n", growth.slope);
  else
    fprintf(out, " does not grow\n");
}

static void write_causality(FILE *out, const efla_causality *c) {
  if (c->pairs == 0) return;
  fprintf(out, "causality: ");
  if (c->violation.token < SIZE_MAX)
    fprintf(out,
            "o depends on later tokens: inputs differ from token %zu on, but o already at token %zu, sequence %zu, "
            "head %zu: %s is %.9g in one run and %.9g in the other\n",
            c->parts, c->violation.token, c->violation.sequence, c->violation.head, c->violation.index,
            c->violation.expected, c->violation.found);
  else
    fprintf(out, "o of %zu tokens before the inputs differ is the same%s%s\n", c->tokens,
            c->differ ? " but for rounding" : ", bit for bit",
            c->apart ? ": it does not depend on later tokens"
                     : " (the inputs never differ: nothing about later tokens)");
}

static void write_tail(FILE *out, const efla_kernel_check *s) {
  fprintf(
      out,
      "fault: a wrong chunk tail: everything that is wrong is in the last tokens of a sequence, which do not fill a "
      "chunk of %zu",
      s->tail);
  for (size_t i = EFLA_TAILS; i-- > 0;)
    if (efla_head_result_tail_too(&s->comparison.total, i)) fprintf(out, " or %zu", efla_tail_chunks[i]);
  fprintf(out, "\n");
}

static void write_fault(FILE *out, const efla_kernel_check *s) {
  const efla_judgement *j = &s->judgement;
  if (!s->comparison.total.outside) return;
  if (s->tail) {
    write_tail(out, s);
    return;
  }
  if (j->kind == EFLA_NAMED) {
    fprintf(out, "fault: %s\n", j->finding[0].says);
  } else if (j->kind == EFLA_UNDECIDED) {
    fprintf(out, "fault: undecided, these explain the errors alike (likelihoods less than %g apart): %s\n",
            EFLA_JUDGEMENT_RATIO, j->finding[0].says);
    for (size_t i = 1; i < j->n; i++) fprintf(out, "  or: %s\n", j->finding[i].says);
  } else if (j->n) {
    fprintf(out, "fault: unknown; the nearest is this one, which leaves %.2g of the error: %s\n%s", j->finding[0].left,
            j->finding[0].says, j->where);
  } else {
    fprintf(out, "fault: unknown, none of the usual ones\n%s", j->where);
  }
}

/* Arrays of few tokens and many heads are most often such of the other layout. */
static void write_layout(FILE *out, const efla_kernel_check *s) {
  if (!s->outside || s->in.layout != EFLA_BTHD || s->in.rank < 3 || s->in.tokens >= s->in.heads) return;
  fprintf(
      out,
      "note: the arrays are read as (%sT,H,D), %zu tokens of %zu heads; if their axes are (%sH,T,D), the file needs "
      "the "
      "attribute layout = \"BHTD\"\n",
      s->in.rank == 4 ? "B," : "", s->in.tokens, s->in.heads, s->in.rank == 4 ? "B," : "");
}

void efla_kernel_check_write_text(const efla_kernel_check *s, const efla_kernel_check_options *ask, FILE *out) {
  const efla_tensors *in = &s->in, *outputs = s->comparison.out;
  const efla_kernel_spec *spec = &s->comparison.spec;
  static const char *const tolerances[] = {"the bound for rounding errors of these tokens", "ulps",
                                           "relative root mean square"};
  char rounding[EFLA_UNITS_TEXT];
  fprintf(out, "%s: %zu sequences, %zu tokens each batch entry, %zu heads, dk %zu, dv %zu, scale %.6g%s%s\n", in->path,
          in->sequences, in->tokens, in->heads, in->dk, in->dv, in->scale,
          spec->rule.decay->gated ? ", with decay" : "", in->has[EFLA_INITIAL_STATE] ? ", with initial state" : "");
  fprintf(out, "held against: method %s, decay %s, keys %s%s, truth %s\n", spec->rule.method->name,
          efla_file_decay_called(in, spec->rule.decay), spec->rule.keys->name, in->has[EFLA_P] ? ", erase key p" : "",
          spec->truth->name);
  fprintf(out, "o: %s", spec->o.name);
  if (spec->o.digits != outputs->stored[EFLA_O].digits)
    fprintf(out, " (all of its numbers are, stored as %s)", outputs->stored[EFLA_O].name);
  fprintf(out, "; state kept in %s", s->state->name);
  if (s->instead_of) fprintf(out, " (nothing is declared, and %s would not explain the errors)", s->instead_of->name);
  fprintf(out, "; tolerance: ");
  if (ask->tolerance.kind != EFLA_TOLERANCE_BOUND) fprintf(out, "%g ", ask->tolerance.value);
  fprintf(out, "%s\n", tolerances[ask->tolerance.kind]);
  efla_units_say(&spec->units, rounding);
  fprintf(out, "granted are the roundings of: %s\n", rounding);
  write_heads(out, s);
  fprintf(out, "\n");
  write_growth(out, &s->comparison.total);
  if (s->comparison.total.unknown)
    fprintf(out, "not compared: %zu tokens whose true o is not finite\n", s->comparison.total.unknown);
  efla_miss_write_text(out, &s->comparison.total.o.first, "first out of tolerance");
  efla_miss_write_text(out, &s->comparison.total.state.first, "final_state out of tolerance");
  write_causality(out, &s->causality);
  write_fault(out, s);
  write_layout(out, s);
  efla_gradients_write_text(s, out);
  fprintf(out, "verdict: %s\n", s->outside ? "outside the tolerance" : "within the tolerance");
}

typedef struct row {
  const char *of;
  size_t head, first, last, tokens;
  double error, ulps, granted;
} row;

const efla_column efla_kernel_check_columns[] = {EFLA_COLUMN(row, of, "", "dataset; o, or a gradient"),
                                                 EFLA_COLUMN(row, head, "", "head; of the dataset"),
                                                 EFLA_COLUMN(row, first, "", "first token number of a range"),
                                                 EFLA_COLUMN(row, last, "", "last token number of the range"),
                                                 EFLA_COLUMN(row, tokens, "", "tokens in the range; of all sequences"),
                                                 EFLA_COLUMN(row, error, "", "relative error (root mean square)"),
                                                 EFLA_COLUMN(row, ulps, "ulp", "largest error"),
                                                 EFLA_COLUMN(row, granted, "", "largest error over what is granted"),
                                                 EFLA_COLUMNS_END(row)};

static void write_bins(efla_table *table, const char *of, size_t head, const efla_bin *bins) {
  for (size_t b = 0; b < EFLA_BINS; b++) {
    const efla_bin *bin = &bins[b];
    if (bin->tokens == 0) continue;
    efla_table_put(table, &(row){of, head, efla_bin_first(b), efla_bin_first(b + 1) - 1, bin->tokens,
                                 bin->error2 == 0 ? 0 : sqrt(bin->error2 / bin->truth2), bin->ulps, bin->ratio});
  }
}

void efla_kernel_check_write_rows(const efla_kernel_check *s, efla_table *table) {
  for (size_t h = 0; h < s->in.heads; h++) write_bins(table, "o", h, s->comparison.head[h].bins);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    const efla_judged_gradient *g = &s->gradients.of[i];
    for (size_t h = 0; h < g->heads; h++) write_bins(table, efla_gradient_name(g), h, g->head[h].bins);
  }
}

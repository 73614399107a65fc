/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/kernel_check.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The second run needs inputs of the same kind. */
static efla_status check_other(efla_kernel_check *s, const efla_kernel_check_options *ask, efla_message *why) {
  const efla_decay *decay = s->comparison.spec.rule.decay;
  efla_status status = ask->decay ? efla_file_decay_by_option(&s->other, ask->decay, &decay, why)
                                  : efla_file_decay(&s->other, decay, &decay, why);
  if (status != EFLA_OK) return status;
  if (efla_decay_tensor(decay) == EFLA_G && s->other.g_per_channel != s->in.g_per_channel)
    return efla_fail(why, EFLA_INPUT, "%s: g: one number per %s, expected one per %s as in %s", ask->against,
                     s->other.g_per_channel ? "channel" : "head", s->in.g_per_channel ? "channel" : "head", ask->input);
  if (s->other.has[EFLA_P] == s->in.has[EFLA_P]) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: p: %s, expected %s as in %s", ask->against,
                   s->other.has[EFLA_P] ? "there is one" : "no such dataset", s->in.has[EFLA_P] ? "one" : "none",
                   ask->input);
}

static efla_status open_files(efla_kernel_check *s, const efla_kernel_check_options *ask, efla_message *why) {
  efla_status status = efla_tensors_open(&s->in, ask->input, why);
  if (status == EFLA_OK && ask->outputs) status = efla_tensors_open_outputs(&s->separate, ask->outputs, &s->in, why);
  if (status == EFLA_OK && ask->against) status = efla_tensors_open(&s->other, ask->against, why);
  if (status != EFLA_OK) return status;
  s->comparison.in = &s->in;
  s->comparison.out = ask->outputs ? &s->separate : &s->in;
  if (!s->comparison.out->has[EFLA_O])
    return efla_fail(why, EFLA_INPUT, "%s: o: no such dataset, expected one to compare (or another file with it)",
                     ask->input);
  if (ask->against && !s->other.has[EFLA_O])
    return efla_fail(why, EFLA_INPUT, "%s: o: no such dataset, expected one to compare", ask->against);
  status = efla_file_decay_by_option(&s->in, ask->decay, &s->comparison.spec.rule.decay, why);
  return status == EFLA_OK && ask->against ? check_other(s, ask, why) : status;
}

/* Sets the specification of the kernel: what it computes, its formats and its tolerance. */
static efla_status set_spec(efla_kernel_check *s, const efla_kernel_check_options *ask, efla_message *why) {
  efla_kernel_spec *spec = &s->comparison.spec;
  efla_tensors *out = s->comparison.out;
  const efla_decay *decay = spec->rule.decay;
  *spec = (efla_kernel_spec){.rule = ask->rule, .scale = s->in.scale, .truth = ask->truth};
  spec->rule.decay = decay;
  s->comparison.tolerance = ask->tolerance;
  if (s->in.dk > EFLA_ERROR_BOUND_DK)
    return efla_fail(why, EFLA_INPUT, "%s: q: last size %zu, expected at most %d for a comparison", ask->input,
                     s->in.dk, EFLA_ERROR_BOUND_DK);
  const bool channels = s->in.g_per_channel && efla_decay_tensor(decay) == EFLA_G;
  efla_status status = efla_kernel_spec_check(spec, channels, s->in.has[EFLA_P], why);
  if (status == EFLA_OK) status = efla_output_format(out, EFLA_O, &spec->o, why);
  spec->state = spec->o;
  if (status == EFLA_OK && out->has[EFLA_FINAL_STATE])
    status = efla_output_format(out, EFLA_FINAL_STATE, &spec->state, why);
  s->state = ask->state ? ask->state : efla_format_find(out->precision);
  if (!s->state) s->state = efla_format_find(spec->o.digits > 24 ? "f64" : "f32");
  return status;
}

/* The first non-empty sequence from number `sequence` on; in->sequences where there is none. */
static size_t next_sequence(const efla_tensors *in, size_t sequence) {
  while (sequence < in->sequences && efla_tensors_length(in, sequence) == 0) sequence++;
  return sequence;
}

/* What is granted to a token of a head, relative, in the mean. */
static double granted(const efla_comparison *c, size_t head) {
  const efla_errors_of *o = &c->head[head].o;
  return efla_variance_factor(&o->variance, c->spec.tests) * efla_errors_expected(o);
}

/* Compares pairs of runs: consecutive non-empty sequences of the file, and the sequences of the file with
 * those of the second file. */
static efla_status check_causality(efla_kernel_check *s, const efla_kernel_check_options *ask, efla_message *why) {
  size_t heads = s->in.heads, n = s->in.sequences, common = n < s->other.sequences ? n : s->other.sequences;
  const efla_decay *decay = s->comparison.spec.rule.decay;
  double *limit = calloc(heads, sizeof *limit);
  if (!limit) return efla_fail_memory(why);
  for (size_t h = 0; h < heads; h++) limit[h] = granted(&s->comparison, h);
  efla_status status = EFLA_OK;
  for (size_t i = next_sequence(&s->in, 0), j; status == EFLA_OK && (j = next_sequence(&s->in, i + 1)) < n; i = j) {
    const efla_sequence_run a = {&s->in, s->comparison.out, i}, b = {&s->in, s->comparison.out, j};
    status = efla_causality_compare(&s->causality, decay, &a, &b, limit, why);
  }
  const size_t within = s->causality.pairs;
  for (size_t i = 0; ask->against && i < common && status == EFLA_OK; i++) {
    const efla_sequence_run a = {&s->in, s->comparison.out, i}, b = {&s->other, &s->other, i};
    status = efla_causality_compare(&s->causality, decay, &a, &b, limit, why);
  }
  free(limit);
  if (status != EFLA_OK || !ask->against || s->causality.pairs > within) return status;
  return efla_fail(why, EFLA_INPUT,
                   "%s: no head of a sequence has the first token of %s: causality cannot be checked, "
                   "expected inputs that agree up to some token",
                   ask->against, ask->input);
}

/* Compares with what is granted to these kernels; what c held before is gone. */
static efla_status compare_with(efla_comparison *c, const efla_units *units, size_t threads, efla_message *why) {
  efla_comparison_clear(c);
  c->spec.units = *units;
  return efla_comparison_run(c, threads, why);
}

/* Compares with what is granted to the kernels that round least; where that is exceeded, to those that round most, which
 * decides; and then to the ones between them, for the first whose bound holds.  Other tolerances are compared once. */
static efla_status compare(efla_kernel_check *s, size_t threads, efla_message *why) {
  efla_comparison *c = &s->comparison;
  efla_units units[EFLA_UNITS];
  const size_t most = efla_units_of(s->state, &c->spec.o, units) - 1;
  const bool bound = c->tolerance.kind == EFLA_TOLERANCE_BOUND;
  efla_status status = EFLA_OK;
  if (bound) {
    status = compare_with(c, &units[0], threads, why);
    if (status != EFLA_OK || !c->total.outside) return status;
  }
  status = compare_with(c, &units[most], threads, why);
  for (size_t i = 1; i < most && status == EFLA_OK && !c->total.outside && bound; i++) {
    efla_comparison between = *c;
    between.head = NULL;
    status = compare_with(&between, &units[i], threads, why);
    const bool holds = status == EFLA_OK && !between.total.outside;
    efla_comparison_clear(holds ? c : &between);
    if (!holds) continue;
    *c = between;
    break;
  }
  return status;
}

/* The state's format was not declared and the errors are those of rounding: compares again with a state in the format
 * of o, and accepts that where it is within the tolerance. The wider format is tried first, since its bound detects
 * more faults. */
static efla_status try_format_of_o(efla_kernel_check *s, size_t threads, efla_message *why) {
  efla_comparison again = s->comparison;
  const efla_format *format = efla_format_find(again.spec.o.name);
  if (!format || efla_format_unit(format) <= efla_format_unit(s->state)) return EFLA_OK;
  efla_units units[EFLA_UNITS];
  const size_t most = efla_units_of(format, format, units) - 1;
  again.spec.units = units[most];
  again.head = NULL;
  efla_status status = efla_comparison_run(&again, threads, why);
  if (status != EFLA_OK || again.total.outside) {
    efla_comparison_clear(&again);
    return status;
  }
  efla_comparison_clear(&s->comparison);
  s->comparison = again;
  s->instead_of = s->state;
  s->state = format;
  return EFLA_OK;
}

/* Whether the judgement is that of a state in the format of o, or of rounding that is not further known. */
static bool may_be_format_of_o(const efla_kernel_check *s) {
  char name[EFLA_FAULT_NAME];
  snprintf(name, sizeof name, "state-%s", s->comparison.spec.o.name);
  const efla_judgement *j = &s->judgement;
  for (size_t i = 0; i < j->n; i++)
    if (!strcmp(j->finding[i].name, name) || !strcmp(j->finding[i].name, "state-bits")) return true;
  return false;
}

/* Searches the reason of a comparison outside the tolerance. */
static efla_status explain(efla_kernel_check *s, const efla_kernel_check_options *ask, size_t threads,
                           efla_message *why) {
  efla_status status = efla_judge(&s->judgement, &s->comparison, threads, why);
  const bool declared = ask->state || efla_format_find(s->comparison.out->precision);
  if (status == EFLA_OK && !declared && ask->tolerance.kind == EFLA_TOLERANCE_BOUND && may_be_format_of_o(s))
    status = try_format_of_o(s, threads, why);
  if (status != EFLA_OK || !s->comparison.total.outside) return status;
  if (s->judgement.kind == EFLA_UNKNOWN) s->tail = efla_head_result_tail(&s->comparison.total);
  return EFLA_OK;
}

/* The report is valid only if the files did not change meanwhile. */
static efla_status check_files(const efla_kernel_check *s, const efla_kernel_check_options *ask, efla_message *why) {
  efla_status status = efla_tensors_unchanged(&s->in, why);
  if (status == EFLA_OK && ask->outputs) status = efla_tensors_unchanged(&s->separate, why);
  if (status == EFLA_OK && ask->against) status = efla_tensors_unchanged(&s->other, why);
  return status;
}

efla_status efla_kernel_check_run(efla_kernel_check *s, const efla_kernel_check_options *ask, size_t threads,
                                  efla_message *why) {
  *s = (efla_kernel_check){0};
  efla_causality_init(&s->causality);
  efla_status status = open_files(s, ask, why);
  if (status == EFLA_OK) status = set_spec(s, ask, why);
  if (status == EFLA_OK) status = efla_gradient_check_open(&s->gradients, &s->comparison, why);
  if (status == EFLA_OK) status = compare(s, threads, why);
  if (status != EFLA_OK) return status;
  if (s->comparison.total.o.numbers == 0)
    return efla_fail(why, EFLA_NOT_FINITE, "%s: the true o of method %s is finite nowhere, nothing to compare with",
                     ask->input, ask->rule.method->name);
  if (s->comparison.total.outside) status = explain(s, ask, threads, why);
  if (status == EFLA_OK) status = check_causality(s, ask, why);
  if (status == EFLA_OK && s->gradients.asked) status = efla_gradient_check_run(&s->gradients, s->state, threads, why);
  if (status == EFLA_OK && s->gradients.outside) status = efla_gradient_check_explain(&s->gradients, why);
  if (status == EFLA_OK) status = check_files(s, ask, why);
  s->outside = s->comparison.total.outside || s->gradients.outside || s->causality.violation.token < SIZE_MAX;
  return status;
}

const efla_finding *efla_kernel_check_fault(const efla_kernel_check *s) {
  return s->comparison.total.outside && s->judgement.kind == EFLA_NAMED ? &s->judgement.finding[0] : NULL;
}

void efla_kernel_check_clear(efla_kernel_check *s) {
  efla_gradient_check_clear(&s->gradients);
  efla_comparison_clear(&s->comparison);
  efla_tensors_close(&s->in, NULL);
  efla_tensors_close(&s->separate, NULL);
  efla_tensors_close(&s->other, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/kernel_check.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

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
  spec->units = efla_units_of(s->state, &spec->o);
  return status;
}

/* The first non-empty sequence from number `sequence` on; in->sequences where there is none. */
static size_t next_sequence(const efla_tensors *in, size_t sequence) {
  while (sequence < in->sequences && efla_tensors_length(in, sequence) == 0) sequence++;
  return sequence;
}

/* Compares pairs of runs: consecutive non-empty sequences of the file, and the sequences of the file with
 * those of the second file. */
static efla_status check_causality(efla_kernel_check *s, const efla_kernel_check_options *ask, efla_message *why) {
  size_t heads = s->in.heads, n = s->in.sequences, common = n < s->other.sequences ? n : s->other.sequences;
  const efla_decay *decay = s->comparison.spec.rule.decay;
  double *limit = calloc(heads, sizeof *limit);
  if (!limit) return efla_fail_memory(why);
  for (size_t h = 0; h < heads; h++) limit[h] = EFLA_ERROR_BOUND_TOKEN * efla_errors_expected(&s->comparison.head[h].o);
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

/* The best single candidate, if its score is at most `most` and at most `part` times that of the correct
 * model: it then explains the errors. NULL otherwise. */
static const efla_fault_candidate *best(const efla_fault_candidates *candidates, double most, double part) {
  const efla_fault_candidate *right = &candidates->candidate[0], *first = &candidates->candidate[1];
  return candidates->n > 1 && first->score <= most && first->score <= part * right->score ? first : NULL;
}

static efla_status try_pairs(efla_kernel_check *s, const efla_effort *effort, size_t threads, efla_message *why) {
  efla_fault_candidates *pairs = malloc(sizeof *pairs);
  if (!pairs) return efla_fail_memory(why);
  *pairs = s->candidates;
  efla_fault_candidates_pair(pairs, &s->comparison.spec, &s->in);
  efla_status status = efla_fault_candidates_try(pairs, &s->comparison, effort, threads, why);
  if (status == EFLA_OK && best(pairs, 1, 0.5)) s->candidates = *pairs;
  free(pairs);
  return status;
}

/* Tries single faults on the first part of the file, extended up to the first wrong token, then pairs of
 * faults on a smaller part. */
static efla_status find_fault(efla_kernel_check *s, size_t threads, efla_message *why) {
  const efla_head_result *total = &s->comparison.total;
  size_t first = total->o.first.token < SIZE_MAX ? total->o.first.token : 0;
  const bool slow = s->in.g_per_channel && efla_decay_tensor(s->comparison.spec.rule.decay) == EFLA_G; /* a series */
  const efla_effort much = slow ? (efla_effort){4, 2, 2 * first + 128} : (efla_effort){16, 8, 2 * first + 4096},
                    little = slow ? (efla_effort){1, 1, first + 64} : (efla_effort){4, 1, first + 256};
  efla_fault_candidates_list(&s->candidates, &s->comparison.spec, &s->in);
  efla_status status = efla_fault_candidates_try(&s->candidates, &s->comparison, &much, threads, why);
  if (status != EFLA_OK) return status;
  s->fault = best(&s->candidates, 1, 0.5);
  if (!s->fault) s->tail = efla_head_result_tail(total);
  if (s->fault || s->tail) return EFLA_OK;
  status = try_pairs(s, &little, threads, why);
  s->fault = best(&s->candidates, 1, 0.5);
  if (!s->fault) s->resembles = best(&s->candidates, INFINITY, 0.1);
  return status;
}

/* The finest state format whose rounding explains the errors: the error bound is proportional to the unit of
 * the state's format. NULL where errors are about as large as o itself, which rounding cannot cause. */
static const efla_format *find_coarser(const efla_kernel_check *s) {
  const efla_errors_of *o = &s->comparison.total.o;
  if (!(efla_errors_rms(o) < 0.5)) return NULL;
  double excess = fmax(sqrt(o->error2 / o->variance) / EFLA_ERROR_BOUND_RMS, o->ratio);
  for (const efla_format *format = efla_formats; format->name; format++)
    if (efla_format_unit(format) >= excess * s->comparison.spec.units.operands) return format;
  return NULL;
}

/* The state's format was not declared and no fault explains the errors: compares again with a state in the
 * format of o, and accepts that where it is within the tolerance. The wider format is tried first, since its
 * bound detects more faults. */
static efla_status try_format_of_o(efla_kernel_check *s, size_t threads, efla_message *why) {
  efla_comparison again = s->comparison;
  const efla_format *format = efla_format_find(again.spec.o.name);
  if (!format || efla_format_unit(format) <= efla_format_unit(s->state)) return EFLA_OK;
  again.spec.units = efla_units_of(format, format);
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

/* Searches the reason of a comparison outside the tolerance. */
static efla_status explain(efla_kernel_check *s, const efla_kernel_check_options *ask, size_t threads,
                           efla_message *why) {
  efla_status status = find_fault(s, threads, why);
  if (status != EFLA_OK || s->fault || s->tail || s->resembles) return status;
  bool declared = ask->state || efla_format_find(s->comparison.out->precision);
  if (!declared && ask->tolerance.kind == EFLA_TOLERANCE_BOUND) status = try_format_of_o(s, threads, why);
  if (s->comparison.total.outside) s->coarser = find_coarser(s);
  return status;
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
  if (status == EFLA_OK) status = efla_comparison_run(&s->comparison, threads, why);
  if (status != EFLA_OK) return status;
  if (s->comparison.total.o.numbers == 0)
    return efla_fail(why, EFLA_NOT_FINITE, "%s: the true o of method %s is finite nowhere, nothing to compare with",
                     ask->input, ask->rule.method->name);
  if (s->comparison.total.outside) status = explain(s, ask, threads, why);
  if (status == EFLA_OK) status = check_causality(s, ask, why);
  if (status == EFLA_OK) status = check_files(s, ask, why);
  s->outside = s->comparison.total.outside || s->causality.violation.token < SIZE_MAX;
  return status;
}

void efla_kernel_check_clear(efla_kernel_check *s) {
  efla_comparison_clear(&s->comparison);
  efla_tensors_close(&s->in, NULL);
  efla_tensors_close(&s->separate, NULL);
  efla_tensors_close(&s->other, NULL);
}

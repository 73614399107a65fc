/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of typical faults. */
#include "check/fault_model.h"
#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The inputs' properties on which a fault depends. */
typedef struct setting {
  const efla_kernel_spec *spec;
  const efla_tensors *in;
} setting;

static const efla_key_treatment *unit(void) { return &efla_key_treatments[1]; }
static const efla_key_treatment *raw(void) { return &efla_key_treatments[0]; }

/* g per channel; and of that the exact flow. */
static bool channels(const setting *s) {
  return s->in->g_per_channel && efla_decay_tensor(s->spec->rule.decay) == EFLA_G;
}
static bool exact_flow(const setting *s) { return channels(s) && s->spec->rule.decay->share == 0; }

/* Each function changes the fault model and describes the fault; false where the inputs cannot show it. */

static bool other_keys(efla_fault_model *r, const setting *s, char *says) {
  r->rule.keys = r->coefficient_keys = s->spec->rule.keys == raw() ? unit() : raw();
  snprintf(says, EFLA_FAULT_TEXT, "%s",
           r->rule.keys == unit() ? "keys are normalised (scaled to norm one), expected as they are"
                                  : "keys are not normalised, expected scaled to norm one");
  return true;
}

static bool raw_lambda_unit_keys(efla_fault_model *r, const setting *s, char *says) {
  r->rule.keys = unit(), r->coefficient_keys = raw();
  snprintf(says, EFLA_FAULT_TEXT,
           "the coefficient is taken from the raw lambda, but the keys are normalised (unit keys)");
  return !exact_flow(s); /* which has no coefficient */
}

static bool unit_lambda_raw_keys(efla_fault_model *r, const setting *s, char *says) {
  r->rule.keys = raw(), r->coefficient_keys = unit();
  snprintf(says, EFLA_FAULT_TEXT,
           "the coefficient is taken from the lambda of normalised keys (lambda = 1), but the keys are raw");
  return !exact_flow(s);
}

/* Normalisation as in some kernels: k/sqrt(k^T k + 1e-6). */
static void normalise_softly(size_t dk, double *k) {
  double norm = sqrt(efla_lambda(dk, k) + 1e-6);
  for (size_t i = 0; i < dk; i++) k[i] /= norm;
}

static bool epsilon_in_keys(efla_fault_model *r, const setting *s, char *says) {
  static const efla_key_treatment softly = {"unit with epsilon", "k/sqrt(k^T k + 1e-6)", normalise_softly, false};
  r->rule.keys = r->coefficient_keys = &softly;
  snprintf(says, EFLA_FAULT_TEXT, "keys are normalised with an epsilon, k/sqrt(k^T k + 1e-6), expected k/|k|");
  return s->spec->rule.keys == unit();
}

static bool epsilon_in_coefficient(efla_fault_model *r, const setting *s, char *says) {
  r->epsilon = 1e-6;
  snprintf(says, EFLA_FAULT_TEXT,
           "the coefficient has an epsilon, (1 - exp(-beta max(lambda, 1e-6)))/(lambda + 1e-6), expected (1 - "
           "exp(-beta lambda))/lambda");
  return !strcmp(s->spec->rule.method->name, "exact") && s->spec->rule.decay->proportional &&
         !s->in->has[EFLA_P]; /* w is e/d, which this is */
}

static bool unit_queries(efla_fault_model *r, const setting *s, char *says) {
  (void)s;
  r->queries = unit();
  snprintf(says, EFLA_FAULT_TEXT, "queries are normalised (scaled to norm one), expected as they are");
  return true;
}

static bool scale_missing(efla_fault_model *r, const setting *s, char *says) {
  double given = s->spec->scale;
  if (given == 1) return false;
  r->scale = 1;
  snprintf(says, EFLA_FAULT_TEXT, "the scale is missing: o = S^T q, expected that times %.6g%s", given,
           fabs(given * sqrt((double)s->in->dk) - 1) < 1e-6 ? " = 1/sqrt(dk)" : "");
  return true;
}

static bool scale_by_dk(efla_fault_model *r, const setting *s, char *says) {
  r->scale = 1 / sqrt((double)s->in->dk);
  if (fabs(r->scale / s->spec->scale - 1) < 1e-6) return false;
  snprintf(says, EFLA_FAULT_TEXT, "o is scaled by 1/sqrt(dk) = %.6g, expected scale %.6g, as the file's attribute says",
           r->scale, s->spec->scale);
  return true;
}

static bool scale_twice(efla_fault_model *r, const setting *s, char *says) {
  if (s->spec->scale == 1) return false;
  r->scale = s->spec->scale * s->spec->scale;
  snprintf(says, EFLA_FAULT_TEXT, "the scale %.6g is applied twice", s->spec->scale);
  return true;
}

static bool nothing_written(efla_fault_model *r, const setting *s, char *says) {
  (void)s;
  r->scale = 0;
  snprintf(says, EFLA_FAULT_TEXT, "o is zero everywhere");
  return true;
}

static bool read_before(efla_fault_model *r, const setting *s, char *says) {
  (void)s;
  r->read = EFLA_READ_BEFORE;
  snprintf(says, EFLA_FAULT_TEXT, "o is read before the token's own update (from the state of the token before)");
  return true;
}

static bool read_transposed(efla_fault_model *r, const setting *s, char *says) {
  r->read = EFLA_READ_TRANSPOSED;
  snprintf(says, EFLA_FAULT_TEXT, "the state is transposed in the read-out: o = S q, expected S^T q");
  return s->in->dk == s->in->dv && s->in->dk > 1;
}

static bool final_transposed(efla_fault_model *r, const setting *s, char *says) {
  r->transposed_final = true;
  snprintf(says, EFLA_FAULT_TEXT, "final_state is transposed: (dv, dk), expected (dk, dv)");
  return s->in->dk == s->in->dv && s->in->dk > 1;
}

static bool initial_missing(efla_fault_model *r, const setting *s, char *says) {
  r->start = EFLA_START_ZERO;
  snprintf(says, EFLA_FAULT_TEXT,
           "the initial state is missing: sequences start from zero, expected from initial_state");
  return s->in->has[EFLA_INITIAL_STATE];
}

static bool initial_transposed(efla_fault_model *r, const setting *s, char *says) {
  r->start = EFLA_START_TRANSPOSED;
  snprintf(says, EFLA_FAULT_TEXT, "initial_state is transposed: read as (dv, dk), expected (dk, dv)");
  return s->in->has[EFLA_INITIAL_STATE] && s->in->dk == s->in->dv && s->in->dk > 1;
}

static bool state_carried(efla_fault_model *r, const setting *s, char *says) {
  r->start = EFLA_START_CARRIED;
  snprintf(says, EFLA_FAULT_TEXT,
           "the state is carried over from one sequence to the next, expected to start anew at cu_seqlens");
  return s->in->cu_seqlens && s->in->sequences > 1;
}

static bool decay_missing(efla_fault_model *r, const setting *s, char *says) {
  if (!s->spec->rule.decay->gated) return false;
  r->rule.decay = NULL;
  snprintf(says, EFLA_FAULT_TEXT, "the decay %s is missing", s->spec->rule.decay->argument);
  return true;
}

static bool decay_after(efla_fault_model *r, const setting *s, char *says) {
  r->decay_after = true;
  snprintf(says, EFLA_FAULT_TEXT, "the decay is applied after the token's update, expected %s it",
           s->spec->rule.decay->proportional ? "before"
           : s->spec->rule.decay->share > 0  ? "half of it before"
                                             : "within");
  return s->spec->rule.decay->gated;
}

/* What a decay per channel is called. */
static const char *composition(const efla_decay *decay) {
  return decay->share == 1  ? "split as Lie's, all of it before the update (lie)"
         : decay->share > 0 ? "split as Strang's, half of it before and half after the update (strang)"
                            : "one flow with the erasure (exact)";
}

static bool other_composition(const char *name, efla_fault_model *r, const setting *s, char *says) {
  r->rule.decay = efla_decay_find(name);
  if (!channels(s) || r->rule.decay == s->spec->rule.decay) return false;
  snprintf(says, EFLA_FAULT_TEXT, "the decay per channel is %s, expected %s", composition(r->rule.decay),
           composition(s->spec->rule.decay));
  return true;
}

static bool split_as_lie(efla_fault_model *r, const setting *s, char *says) {
  return other_composition("split", r, s, says);
}
static bool split_as_strang(efla_fault_model *r, const setting *s, char *says) {
  return other_composition("strang", r, s, says);
}

static bool one_flow(efla_fault_model *r, const setting *s, char *says) { /* which has no erase key */
  return !s->in->has[EFLA_P] && !strcmp(s->spec->rule.method->name, "exact") && other_composition("joint", r, s, says);
}

static bool mean_decay(efla_fault_model *r, const setting *s, char *says) {
  r->mean_decay = true;
  snprintf(says, EFLA_FAULT_TEXT, "one decay for all channels, of the mean of g, expected one per channel");
  return channels(s) && s->in->dk > 1;
}

static bool erase_key_missing(efla_fault_model *r, const setting *s, char *says) {
  r->ignores_p = true;
  snprintf(says, EFLA_FAULT_TEXT, "the erase key p is ignored: what is erased is read with k");
  return s->in->has[EFLA_P];
}

static bool (*const faults[])(efla_fault_model *, const setting *, char *) = {
    raw_lambda_unit_keys, unit_lambda_raw_keys, other_keys,       epsilon_in_keys, epsilon_in_coefficient,
    unit_queries,         scale_missing,        scale_by_dk,      scale_twice,     nothing_written,
    read_before,          read_transposed,      final_transposed, initial_missing, initial_transposed,
    state_carried,        decay_missing,        decay_after,      split_as_lie,    split_as_strang,
    mean_decay,           erase_key_missing,    one_flow};
enum { FAULTS = sizeof faults / sizeof *faults };

/* The table continues with the coefficients of all other methods, and with chunks whose tail is lost. */
static size_t methods(void) {
  size_t n = 0;
  while (efla_method_name(n)) n++;
  return n;
}

static bool other_method(size_t i, efla_fault_model *r, const setting *s, char *says) {
  r->rule.method = &efla_methods[i];
  snprintf(says, EFLA_FAULT_TEXT, "%s the coefficient is that of %s (%s), expected that of %s",
           !strcmp(r->rule.method->name, "euler") ? "beta itself is used as the coefficient:" : "another method:",
           r->rule.method->name, r->rule.method->known_as, s->spec->rule.method->name);
  return r->rule.method != s->spec->rule.method && !exact_flow(s);
}

/* Whether a sequence ends in an incomplete chunk of this length. */
static bool has_tail(const efla_tensors *in, size_t chunk) {
  for (size_t n = 0; n < in->sequences; n++) {
    size_t length = efla_tensors_length(in, n);
    if (length > chunk && length % chunk != 0) return true;
  }
  return false;
}

/* i < EFLA_TAILS: the tail is lost in o and the final state; otherwise in the final state only. Long chunks
 * come first: they take precedence where short ones end at the same token. */
static bool lost_tail(size_t i, efla_fault_model *r, const setting *s, char *says) {
  r->tail = efla_tail_chunks[EFLA_TAILS - 1 - i % EFLA_TAILS];
  r->tail_of_state = i >= EFLA_TAILS;
  snprintf(says, EFLA_FAULT_TEXT,
           "a wrong chunk tail: the last tokens, which do not fill a chunk of %zu, never enter %s", r->tail,
           r->tail_of_state ? "final_state" : "the state");
  return has_tail(s->in, r->tail);
}

static bool apply(size_t i, efla_fault_model *r, const setting *s, char *says) {
  if (i < FAULTS) return faults[i](r, s, says);
  if (i < FAULTS + methods()) return other_method(i - FAULTS, r, s, says);
  return lost_tail(i - FAULTS - methods(), r, s, says);
}

static efla_fault_model right_model(const efla_kernel_spec *spec) {
  return (efla_fault_model){
      .rule = spec->rule, .coefficient_keys = spec->rule.keys, .queries = raw(), .scale = spec->scale};
}

/* Limited by memory: the states of all candidates take at most half a gigabyte. */
static size_t most_candidates(const efla_tensors *in) {
  size_t room = 16 * (size_t)EFLA_LARGEST_STATE / (in->dk * in->dv);
  return room < EFLA_FAULT_CANDIDATES ? room : EFLA_FAULT_CANDIDATES;
}

void efla_fault_candidates_list(efla_fault_candidates *candidates, const efla_kernel_spec *spec,
                                const efla_tensors *in) {
  const setting s = {spec, in};
  size_t most = most_candidates(in);
  *candidates = (efla_fault_candidates){.n = 1};
  candidates->candidate[0].model = right_model(spec);
  for (size_t i = 0; i < FAULTS + methods() + 2 * EFLA_TAILS && candidates->n < most; i++) {
    efla_fault_candidate *candidate = &candidates->candidate[candidates->n];
    *candidate = (efla_fault_candidate){.model = right_model(spec), .row = {i, SIZE_MAX}};
    candidates->n += apply(i, &candidate->model, &s, candidate->says);
  }
}

/* Combines two faults in one model; false where one hides the other. */
static bool combine(const efla_fault_candidate *first, const efla_fault_candidate *second, const setting *s,
                    efla_fault_candidate *both) {
  *both = (efla_fault_candidate){.model = first->model, .row = {first->row[0], second->row[0]}};
  char says[EFLA_FAULT_TEXT];
  if (!apply(second->row[0], &both->model, s, says)) return false;
  snprintf(both->says, sizeof both->says, "%.190s; and %.190s", first->says, second->says);
  return memcmp(&both->model, &first->model, sizeof both->model) != 0 &&
         memcmp(&both->model, &second->model, sizeof both->model) != 0;
}

void efla_fault_candidates_pair(efla_fault_candidates *candidates, const efla_kernel_spec *spec,
                                const efla_tensors *in) {
  const setting s = {spec, in};
  const efla_fault_candidates singles = *candidates;
  size_t most = most_candidates(in);
  candidates->n = 1;
  for (size_t j = 2; j < singles.n; j++)
    for (size_t i = 1; i < j && candidates->n < most; i++)
      candidates->n += combine(&singles.candidate[i], &singles.candidate[j], &s, &candidates->candidate[candidates->n]);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults of the rule: coefficients, keys, decay, scale, states, and how their arrays are read. */
#include "check/faults.h"
#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef efla_fault_edit edit;

static const efla_key_treatment *unit(void) { return &efla_key_treatments[1]; }
static const efla_key_treatment *raw(void) { return &efla_key_treatments[0]; }
static bool exact_flow(const edit *f) { return efla_fault_channels(f) && f->spec->rule.decay->share == 0; }
static bool gated(const edit *f) { return f->spec->rule.decay->gated; }
static bool square(const edit *f) { return f->in->dk == f->in->dv && f->in->dk > 1; }

static void set_keys(edit *f, const efla_key_treatment *keys) {
  f->model->write_keys = f->model->erase_keys = f->model->coefficient_keys = keys;
}

static bool other_keys(edit *f) {
  const bool to_unit = f->spec->rule.keys == raw();
  set_keys(f, to_unit ? unit() : raw());
  return efla_fault_say(f, true, "%s",
                        to_unit ? "keys are normalised (scaled to norm one), expected as they are"
                                : "keys are not normalised, expected scaled to norm one");
}

static bool raw_lambda(edit *f) {
  set_keys(f, unit());
  f->model->coefficient_keys = raw();
  return efla_fault_say(f, !exact_flow(f), /* which has no coefficient */
                        "the coefficient is taken from the raw lambda, but the keys are normalised (unit keys)");
}

static bool unit_lambda(edit *f) {
  set_keys(f, raw());
  f->model->coefficient_keys = unit();
  return efla_fault_say(
      f, !exact_flow(f),
      "the coefficient is taken from the lambda of normalised keys (lambda = 1), but the keys are raw");
}

static bool unit_write(edit *f) {
  set_keys(f, raw());
  f->model->write_keys = unit();
  return efla_fault_say(f, !exact_flow(f), "only the keys that are written with are normalised");
}

static bool unit_erase(edit *f) {
  set_keys(f, raw());
  f->model->erase_keys = unit();
  return efla_fault_say(f, !exact_flow(f) && !f->in->has[EFLA_P], "only the keys that are erased with are normalised");
}

/* Normalisation as in some kernels: k/sqrt(k^T k + 1e-6). */
static void normalise_softly(size_t dk, double *k) {
  double norm = sqrt(efla_lambda(dk, k) + 1e-6);
  for (size_t i = 0; i < dk; i++) k[i] /= norm;
}

static bool epsilon_in_keys(edit *f) {
  static const efla_key_treatment softly = {"unit with epsilon", "k/sqrt(k^T k + 1e-6)", normalise_softly, false};
  set_keys(f, &softly);
  return efla_fault_say(f, f->spec->rule.keys == unit(),
                        "keys are normalised with an epsilon, k/sqrt(k^T k + 1e-6), expected k/|k|");
}

static bool epsilon_in_coefficient(edit *f) {
  f->model->epsilon = 1e-6;
  return efla_fault_say(f,
                        !strcmp(f->spec->rule.method->name, "exact") && f->spec->rule.decay->proportional &&
                            !f->in->has[EFLA_P], /* w is e/d, which this is */
                        "the coefficient has an epsilon, (1 - exp(-beta max(lambda, 1e-6)))/(lambda + 1e-6), expected "
                        "(1 - exp(-beta lambda))/lambda");
}

static bool unit_queries(edit *f) {
  f->model->queries = unit();
  return efla_fault_say(f, true, "queries are normalised (scaled to norm one), expected as they are");
}

static bool scale_missing(edit *f) {
  const double given = f->spec->scale;
  f->model->scale = 1;
  return efla_fault_say(f, given != 1, "the scale is missing: o = S^T q, expected that times %.6g%s", given,
                        fabs(given * sqrt((double)f->in->dk) - 1) < 1e-6 ? " = 1/sqrt(dk)" : "");
}

static bool scale_by_dk(edit *f) {
  f->model->scale = 1 / sqrt((double)f->in->dk);
  return efla_fault_say(f, fabs(f->model->scale / f->spec->scale - 1) >= 1e-6,
                        "o is scaled by 1/sqrt(dk) = %.6g, expected scale %.6g, as the file's attribute says",
                        f->model->scale, f->spec->scale);
}

static bool scale_twice(edit *f) {
  f->model->scale = f->spec->scale * f->spec->scale;
  return efla_fault_say(f, f->spec->scale != 1, "the scale %.6g is applied twice", f->spec->scale);
}

static bool nothing_written(edit *f) {
  f->model->scale = 0;
  return efla_fault_say(f, true, "o is zero everywhere");
}

static bool read_before(edit *f) {
  f->model->read = EFLA_READ_BEFORE;
  return efla_fault_say(f, true, "o is read before the token's own update (from the state of the token before)");
}

static bool read_before_decay(edit *f) {
  f->model->read = EFLA_READ_BEFORE, f->model->undecayed = true;
  return efla_fault_say(f, gated(f), "o is read before the token's own decay and update");
}

static bool read_transposed(edit *f) {
  f->model->read = EFLA_READ_TRANSPOSED;
  return efla_fault_say(f, square(f), "the state is transposed in the read-out: o = S q, expected S^T q");
}

static bool final_transposed(edit *f) {
  f->model->transposed_final = true;
  return efla_fault_say(f, square(f), "final_state is transposed: (dv, dk), expected (dk, dv)");
}

static bool initial_missing(edit *f) {
  f->model->start = EFLA_START_ZERO;
  return efla_fault_say(f, f->in->has[EFLA_INITIAL_STATE],
                        "the initial state is missing: sequences start from zero, expected from initial_state");
}

static bool initial_transposed(edit *f) {
  f->model->start = EFLA_START_TRANSPOSED;
  return efla_fault_say(f, f->in->has[EFLA_INITIAL_STATE] && square(f),
                        "initial_state is transposed: read as (dv, dk), expected (dk, dv)");
}

static bool initial_first(edit *f) {
  f->model->start = EFLA_START_FIRST;
  return efla_fault_say(f, f->in->has[EFLA_INITIAL_STATE] && f->in->sequences > 1,
                        "every sequence starts from the initial state of the first");
}

static bool state_carried(edit *f) {
  f->model->start = EFLA_START_CARRIED;
  return efla_fault_say(
      f, f->in->cu_seqlens && f->in->sequences > 1,
      "the state is carried over from one sequence to the next, expected to start anew at cu_seqlens");
}

static bool decay_missing(edit *f) {
  f->model->rule.decay = NULL;
  return gated(f) && efla_fault_say(f, true, "the decay %s is missing", f->spec->rule.decay->argument);
}

static bool decay_after(edit *f) {
  const efla_decay *decay = f->spec->rule.decay;
  f->model->decay_after = true;
  return efla_fault_say(f, gated(f), "the decay is applied after the token's update, expected %s it",
                        decay->proportional ? "before"
                        : decay->share > 0  ? "half of it before"
                                            : "within");
}

/* What a decay per channel is called. */
static const char *composition(const efla_decay *decay) {
  return decay->share == 1  ? "split as Lie's, all of it before the update (lie)"
         : decay->share > 0 ? "split as Strang's, half of it before and half after the update (strang)"
                            : "one flow with the erasure (exact)";
}

static bool other_decay(edit *f) {
  const efla_decay *decay = &efla_decays[f->variant], *given = f->spec->rule.decay;
  const bool flow = decay->share == 0, exact = !strcmp(f->spec->rule.method->name, "exact");
  f->model->rule.decay = decay;
  if (!gated(f) || !decay->gated || decay == given) return false;
  if (!efla_fault_channels(f))
    return efla_fault_say(f, true, "the decay is %s (%s), expected %s", decay->name, decay->what, given->name);
  return efla_fault_say(f, !flow || (exact && !f->in->has[EFLA_P] && !strcmp(decay->name, "joint")), /* no erase key */
                        "the decay per channel is %s, expected %s", composition(decay), composition(given));
}

static size_t decays(void) {
  size_t n = 0;
  while (efla_decay_name(n)) n++;
  return n;
}

static bool mean_decay(edit *f) {
  f->model->mean_decay = true;
  return efla_fault_say(f, efla_fault_channels(f) && f->in->dk > 1,
                        "one decay for all channels, of the mean of g, expected one per channel");
}

static bool erase_undecayed(edit *f) {
  f->model->weights = EFLA_ERASES_UNDECAYED;
  return efla_fault_say(f, gated(f) && !efla_fault_channels(f) && f->spec->rule.decay->proportional,
                        "what is erased is read before the token's decay, expected after it");
}

static bool erase_key_missing(edit *f) {
  f->model->ignores_p = true;
  return efla_fault_say(f, f->in->has[EFLA_P], "the erase key p is ignored: what is erased is read with k");
}

static bool no_erase(edit *f) {
  f->model->erase_times = -1;
  return efla_fault_say(f, !exact_flow(f), "nothing is erased: values are only added (linear attention)");
}

static bool adds_erased(edit *f) {
  f->model->erase_times = -2;
  return efla_fault_say(f, !exact_flow(f), "what is to be erased is added: the sign is wrong");
}

static bool writes_one(edit *f) {
  f->model->weights = EFLA_WRITES_ONE;
  return efla_fault_say(f, !exact_flow(f), "v is written with weight 1, expected with the coefficient w");
}

static bool erases_one(edit *f) {
  f->model->weights = EFLA_ERASES_ONE;
  return efla_fault_say(f, !exact_flow(f), "all of S^T k is erased (weight 1), expected by the coefficient e");
}

static bool beta_map(edit *f) {
  static const char *const what[] = {"is taken to be 1", "goes through a sigmoid once more",
                                     "is applied twice (squared)"};
  f->model->beta = EFLA_BETA_ONE + (unsigned)f->variant;
  return efla_fault_say(f, true, "beta %s", what[f->variant]);
}
static size_t beta_maps(void) { return 3; }
static const char *beta_name(size_t i) { return ((const char *[]){"one", "sigmoid", "squared"})[i]; }

static bool exp2_decay(edit *f) {
  f->model->reads[EFLA_OF_G].times = M_LN2 - 1;
  return efla_fault_say(f, gated(f) && efla_decay_tensor(f->spec->rule.decay) == EFLA_G,
                        "g decays by 2^g, expected e^g");
}

static bool swapped(edit *f) {
  f->model->swapped = true;
  return efla_fault_say(f, true, "q and k are exchanged");
}

static bool other_method(edit *f) {
  const efla_method *method = &efla_methods[f->variant], *given = f->spec->rule.method;
  f->model->rule.method = method;
  return efla_fault_say(
      f, method != given && !exact_flow(f), "%s the coefficient is that of %s (%s), expected that of %s",
      !strcmp(method->name, "euler") ? "beta itself is used as the coefficient:" : "another method:", method->name,
      method->known_as, given->name);
}

static size_t methods(void) {
  size_t n = 0;
  while (efla_method_name(n)) n++;
  return n;
}

const efla_fault_row efla_faults_of_rules[] = {{"method", other_method, methods, efla_method_name},
                                               {"keys", other_keys, NULL, NULL},
                                               {"raw-lambda", raw_lambda, NULL, NULL},
                                               {"unit-lambda", unit_lambda, NULL, NULL},
                                               {"unit-write", unit_write, NULL, NULL},
                                               {"unit-erase", unit_erase, NULL, NULL},
                                               {"epsilon-keys", epsilon_in_keys, NULL, NULL},
                                               {"epsilon", epsilon_in_coefficient, NULL, NULL},
                                               {"unit-queries", unit_queries, NULL, NULL},
                                               {"scale-missing", scale_missing, NULL, NULL},
                                               {"scale-dk", scale_by_dk, NULL, NULL},
                                               {"scale-twice", scale_twice, NULL, NULL},
                                               {"zero", nothing_written, NULL, NULL},
                                               {"read-before", read_before, NULL, NULL},
                                               {"read-before-decay", read_before_decay, NULL, NULL},
                                               {"read-transposed", read_transposed, NULL, NULL},
                                               {"final-transposed", final_transposed, NULL, NULL},
                                               {"initial-missing", initial_missing, NULL, NULL},
                                               {"initial-transposed", initial_transposed, NULL, NULL},
                                               {"initial-first", initial_first, NULL, NULL},
                                               {"carried", state_carried, NULL, NULL},
                                               {"decay-missing", decay_missing, NULL, NULL},
                                               {"decay-after", decay_after, NULL, NULL},
                                               {"decay", other_decay, decays, efla_decay_name},
                                               {"exp2", exp2_decay, NULL, NULL},
                                               {"mean-decay", mean_decay, NULL, NULL},
                                               {"erase-undecayed", erase_undecayed, NULL, NULL},
                                               {"erase-key-missing", erase_key_missing, NULL, NULL},
                                               {"no-erase", no_erase, NULL, NULL},
                                               {"adds-erased", adds_erased, NULL, NULL},
                                               {"writes-one", writes_one, NULL, NULL},
                                               {"erases-one", erases_one, NULL, NULL},
                                               {"beta", beta_map, beta_maps, beta_name},
                                               {"q-k-swapped", swapped, NULL, NULL},
                                               {.name = NULL}};

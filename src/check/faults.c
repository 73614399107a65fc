/* The table of usual mistakes. */
#include "check/fault_model.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What a mistake can depend on. */
typedef struct setting {
  const efla_claim *claim;
  const efla_tensors *in;
} setting;

static const efla_key_treatment *unit(void) { return &efla_key_treatments[1]; }
static const efla_key_treatment *raw(void) { return &efla_key_treatments[0]; }

/* Each changes the recipe and says what is wrong; false where the inputs leave no room for it. */

static bool other_keys(efla_recipe *r, const setting *s, char *says) {
  r->keys = r->gate_keys = s->claim->keys == raw() ? unit() : raw();
  snprintf(says, EFLA_SUSPECT_TEXT, "%s",
           r->keys == unit() ? "keys are normalised (scaled to norm one), expected as they are"
                             : "keys are not normalised, expected scaled to norm one");
  return true;
}

static bool raw_lambda_unit_keys(efla_recipe *r, const setting *s, char *says) {
  (void)s;
  r->keys = unit(), r->gate_keys = raw();
  snprintf(says, EFLA_SUSPECT_TEXT, "the gate is taken from the raw lambda, but the keys are normalised (unit keys)");
  return true;
}

static bool unit_lambda_raw_keys(efla_recipe *r, const setting *s, char *says) {
  (void)s;
  r->keys = raw(), r->gate_keys = unit();
  snprintf(says, EFLA_SUSPECT_TEXT, "the gate is taken from the lambda of normalised keys (lambda = 1), but the keys are raw");
  return true;
}

/* As some kernels normalise: k/sqrt(k^T k + 1e-6). */
static void normalise_softly(size_t dk, double *k) {
  double norm = sqrt(efla_lambda(dk, k) + 1e-6);
  for (size_t i = 0; i < dk; i++) k[i] /= norm;
}

static bool epsilon_in_keys(efla_recipe *r, const setting *s, char *says) {
  static const efla_key_treatment softly = {"unit with epsilon", "k/sqrt(k^T k + 1e-6)", normalise_softly, false};
  r->keys = r->gate_keys = &softly;
  snprintf(says, EFLA_SUSPECT_TEXT, "keys are normalised with an epsilon, k/sqrt(k^T k + 1e-6), expected k/|k|");
  return s->claim->keys == unit();
}

static bool epsilon_in_gate(efla_recipe *r, const setting *s, char *says) {
  r->epsilon = 1e-6;
  snprintf(says, EFLA_SUSPECT_TEXT,
           "the gate has an epsilon, (1 - exp(-beta max(lambda, 1e-6)))/(lambda + 1e-6), expected (1 - exp(-beta lambda))/lambda");
  return !strcmp(s->claim->method->name, "exact");
}

static bool unit_queries(efla_recipe *r, const setting *s, char *says) {
  (void)s;
  r->queries = unit();
  snprintf(says, EFLA_SUSPECT_TEXT, "queries are normalised (scaled to norm one), expected as they are");
  return true;
}

static bool scale_missing(efla_recipe *r, const setting *s, char *says) {
  double given = s->claim->scale;
  if (given == 1) return false;
  r->scale = 1;
  snprintf(says, EFLA_SUSPECT_TEXT, "the scale is missing: o = S^T q, expected that times %.6g%s", given,
           fabs(given * sqrt((double)s->in->dk) - 1) < 1e-6 ? " = 1/sqrt(dk)" : "");
  return true;
}

static bool scale_by_dk(efla_recipe *r, const setting *s, char *says) {
  r->scale = 1 / sqrt((double)s->in->dk);
  if (fabs(r->scale / s->claim->scale - 1) < 1e-6) return false;
  snprintf(says, EFLA_SUSPECT_TEXT, "o is scaled by 1/sqrt(dk) = %.6g, expected scale %.6g, as the file's attribute says", r->scale,
           s->claim->scale);
  return true;
}

static bool scale_twice(efla_recipe *r, const setting *s, char *says) {
  if (s->claim->scale == 1) return false;
  r->scale = s->claim->scale * s->claim->scale;
  snprintf(says, EFLA_SUSPECT_TEXT, "the scale %.6g is applied twice", s->claim->scale);
  return true;
}

static bool nothing_written(efla_recipe *r, const setting *s, char *says) {
  (void)s;
  r->scale = 0;
  snprintf(says, EFLA_SUSPECT_TEXT, "o is zero everywhere");
  return true;
}

static bool read_before(efla_recipe *r, const setting *s, char *says) {
  (void)s;
  r->read = EFLA_READ_BEFORE;
  snprintf(says, EFLA_SUSPECT_TEXT, "o is read before the token's own update (from the state of the token before)");
  return true;
}

static bool read_transposed(efla_recipe *r, const setting *s, char *says) {
  r->read = EFLA_READ_TRANSPOSED;
  snprintf(says, EFLA_SUSPECT_TEXT, "the state is transposed in the read-out: o = S q, expected S^T q");
  return s->in->dk == s->in->dv && s->in->dk > 1;
}

static bool final_transposed(efla_recipe *r, const setting *s, char *says) {
  r->transposed_final = true;
  snprintf(says, EFLA_SUSPECT_TEXT, "final_state is transposed: (dv, dk), expected (dk, dv)");
  return s->in->dk == s->in->dv && s->in->dk > 1;
}

static bool initial_missing(efla_recipe *r, const setting *s, char *says) {
  r->start = EFLA_START_ZERO;
  snprintf(says, EFLA_SUSPECT_TEXT, "the initial state is missing: sequences start from zero, expected from initial_state");
  return s->in->has[EFLA_INITIAL_STATE];
}

static bool initial_transposed(efla_recipe *r, const setting *s, char *says) {
  r->start = EFLA_START_TRANSPOSED;
  snprintf(says, EFLA_SUSPECT_TEXT, "initial_state is transposed: read as (dv, dk), expected (dk, dv)");
  return s->in->has[EFLA_INITIAL_STATE] && s->in->dk == s->in->dv && s->in->dk > 1;
}

static bool state_carried(efla_recipe *r, const setting *s, char *says) {
  r->start = EFLA_START_CARRIED;
  snprintf(says, EFLA_SUSPECT_TEXT,
           "the state is carried over from one sequence to the next, expected to start anew at cu_seqlens");
  return s->in->cu_seqlens && s->in->sequences > 1;
}

static bool decay_missing(efla_recipe *r, const setting *s, char *says) {
  r->decay = EFLA_DECAY_NONE;
  snprintf(says, EFLA_SUSPECT_TEXT, "the decay g is missing");
  return s->in->has[EFLA_G];
}

static bool decay_after(efla_recipe *r, const setting *s, char *says) {
  r->decay = EFLA_DECAY_AFTER;
  snprintf(says, EFLA_SUSPECT_TEXT, "the decay is applied after the token's update, expected before it");
  return s->in->has[EFLA_G];
}

static bool (*const mistakes[])(efla_recipe *, const setting *, char *) = {
    raw_lambda_unit_keys, unit_lambda_raw_keys, other_keys,         epsilon_in_keys, epsilon_in_gate, unit_queries,
    scale_missing,        scale_by_dk,          scale_twice,        nothing_written, read_before,     read_transposed,
    final_transposed,     initial_missing,      initial_transposed, state_carried,   decay_missing,   decay_after};
enum { MISTAKES = sizeof mistakes / sizeof *mistakes };

/* The table goes on with the other methods' gates, and with chunks whose tail is lost. */
static size_t methods(void) {
  size_t n = 0;
  while (efla_method_name(n)) n++;
  return n;
}

static bool other_method(size_t i, efla_recipe *r, const setting *s, char *says) {
  r->method = &efla_methods[i];
  snprintf(says, EFLA_SUSPECT_TEXT, "%s the gate is that of %s (%s), expected that of %s",
           !strcmp(r->method->name, "euler") ? "beta itself is used as the gate:" : "another method:", r->method->name,
           r->method->known_as, s->claim->method->name);
  return r->method != s->claim->method;
}

/* Is there a sequence that ends in an incomplete chunk of this length? */
static bool has_tail(const efla_tensors *in, size_t chunk) {
  for (size_t n = 0; n < in->sequences; n++) {
    size_t length = in->cu_seqlens ? in->cu_seqlens[n + 1] - in->cu_seqlens[n] : in->tokens;
    if (length > chunk && length % chunk != 0) return true;
  }
  return false;
}

/* In o and the final state (i < EFLA_TAILS), or in the final state only; long chunks first, which win where short ones end as they
 * do. */
static bool lost_tail(size_t i, efla_recipe *r, const setting *s, char *says) {
  r->tail = efla_tail_chunks[EFLA_TAILS - 1 - i % EFLA_TAILS];
  r->tail_of_state = i >= EFLA_TAILS;
  snprintf(says, EFLA_SUSPECT_TEXT, "a wrong chunk tail: the last tokens, which do not fill a chunk of %zu, never enter %s",
           r->tail, r->tail_of_state ? "final_state" : "the state");
  return has_tail(s->in, r->tail);
}

static bool apply(size_t i, efla_recipe *r, const setting *s, char *says) {
  if (i < MISTAKES) return mistakes[i](r, s, says);
  if (i < MISTAKES + methods()) return other_method(i - MISTAKES, r, s, says);
  return lost_tail(i - MISTAKES - methods(), r, s, says);
}

static efla_recipe right_recipe(const efla_claim *claim) {
  return (efla_recipe){
      .method = claim->method, .keys = claim->keys, .gate_keys = claim->keys, .queries = raw(), .scale = claim->scale};
}

/* As many as half a gigabyte has room for, in states. */
static size_t most_suspects(const efla_tensors *in) {
  size_t room = 16 * (size_t)EFLA_LARGEST_STATE / (in->dk * in->dv);
  return room < EFLA_SUSPECTS ? room : EFLA_SUSPECTS;
}

void efla_suspects_list(efla_suspects *suspects, const efla_claim *claim, const efla_tensors *in) {
  const setting s = {claim, in};
  size_t most = most_suspects(in);
  *suspects = (efla_suspects){.n = 1};
  suspects->suspect[0].recipe = right_recipe(claim);
  for (size_t i = 0; i < MISTAKES + methods() + 2 * EFLA_TAILS && suspects->n < most; i++) {
    efla_suspect *suspect = &suspects->suspect[suspects->n];
    *suspect = (efla_suspect){.recipe = right_recipe(claim), .row = {i, SIZE_MAX}};
    suspects->n += apply(i, &suspect->recipe, &s, suspect->says);
  }
}

/* The first mistake and on top of it the second; false where one of the two hides the other. */
static bool combine(const efla_suspect *first, const efla_suspect *second, const setting *s, efla_suspect *both) {
  *both = (efla_suspect){.recipe = first->recipe, .row = {first->row[0], second->row[0]}};
  char says[EFLA_SUSPECT_TEXT];
  if (!apply(second->row[0], &both->recipe, s, says)) return false;
  snprintf(both->says, sizeof both->says, "%.190s; and %.190s", first->says, second->says);
  return memcmp(&both->recipe, &first->recipe, sizeof both->recipe) != 0 &&
         memcmp(&both->recipe, &second->recipe, sizeof both->recipe) != 0;
}

void efla_suspects_pair(efla_suspects *suspects, const efla_claim *claim, const efla_tensors *in) {
  const setting s = {claim, in};
  const efla_suspects singles = *suspects;
  size_t most = most_suspects(in);
  suspects->n = 1;
  for (size_t j = 2; j < singles.n; j++)
    for (size_t i = 1; i < j && suspects->n < most; i++)
      suspects->n += combine(&singles.suspect[i], &singles.suspect[j], &s, &suspects->suspect[suspects->n]);
}

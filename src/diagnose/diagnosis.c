/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/diagnosis.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static efla_status set_tokens(const efla_diagnosis_options *options, const efla_decay *decay, efla_statistics *f) {
  f->channels = options->channels;
  efla_status status = efla_statistics_set_decay(f, decay);
  return status == EFLA_OK && options->erase_key ? efla_statistics_set_erase_key(f) : status;
}

static efla_status init_slot(efla_slot *slot, const efla_diagnosis_options *options) {
  if (options->channels || options->erase_key)
    return options->erase_key ? EFLA_OK : efla_splitting_init(&slot->splitting, options->dk, options->dv);
  return efla_stability_run_init(&slot->stability, options->truth, options->decay, options->dk, options->dv);
}

efla_status efla_diagnosis_init(efla_diagnosis *d, const efla_diagnosis_options *options, efla_message *why) {
  *d = (efla_diagnosis){.options = *options,
                        .token_stats = calloc(options->heads, sizeof *d->token_stats),
                        .head = calloc(options->heads, sizeof *d->head),
                        .slot = calloc(options->slots, sizeof *d->slot)};
  const efla_decay *decay = options->decay ? options->decay : efla_decay_find("none");
  d->options.decay = decay;
  efla_status status = d->token_stats && d->head && d->slot ? efla_statistics_init(&d->total) : EFLA_NO_MEMORY;
  if (status == EFLA_OK) status = set_tokens(options, decay, &d->total);
  for (size_t h = 0; h < options->heads && status == EFLA_OK; h++) {
    status = efla_token_statistics_init(&d->token_stats[h], options->dk);
    if (status == EFLA_OK) status = efla_statistics_init(&d->head[h]);
    if (status == EFLA_OK) status = set_tokens(options, decay, &d->head[h]);
  }
  for (size_t s = 0; s < options->slots && status == EFLA_OK; s++) status = init_slot(&d->slot[s], &d->options);
  if (status == EFLA_OK) return EFLA_OK;
  efla_diagnosis_clear(d);
  return efla_fail_memory(why);
}

void efla_diagnosis_clear(efla_diagnosis *d) {
  for (size_t h = 0; d->token_stats && h < d->options.heads; h++) efla_token_statistics_clear(&d->token_stats[h]);
  for (size_t h = 0; d->head && h < d->options.heads; h++) efla_statistics_clear(&d->head[h]);
  for (size_t s = 0; d->slot && s < d->options.slots; s++) {
    efla_stability_run_clear(&d->slot[s].stability);
    efla_splitting_clear(&d->slot[s].splitting);
  }
  efla_statistics_clear(&d->total);
  free(d->token_stats);
  free(d->head);
  free(d->slot);
  *d = (efla_diagnosis){0};
}

void efla_diagnosis_start(efla_diagnosis *d, size_t slot, size_t sequence, size_t head, const double *S,
                          size_t length) {
  efla_statistics *f = &d->head[head];
  const size_t done = f->measured + f->splitting.tokens,
               left = d->options.measure > done ? d->options.measure - done : 0,
               planned = length < left ? length : left;
  if (length > f->longest) f->longest = length;
  d->slot[slot].at = (efla_place){sequence, head, 0};
  if (efla_statistics_runs(f)) efla_stability_run_start(&d->slot[slot].stability, S, planned);
  if (f->channels && !f->erase_key) efla_splitting_start(&d->slot[slot].splitting, S, planned);
}

void efla_diagnosis_advance(efla_diagnosis *d, size_t slot, const efla_tokens *x) {
  efla_slot *s = &d->slot[slot];
  efla_statistics *f = &d->head[s->at.head];
  efla_message why;
  efla_status status = efla_token_statistics_advance(&d->token_stats[s->at.head], x, s->at, f);
  if (status != EFLA_OK) efla_fail_memory(&why);
  if (status == EFLA_OK && efla_statistics_runs(f))
    status = efla_stability_run_advance(&s->stability, x, s->at, f, &why);
  if (status == EFLA_OK && f->channels && !f->erase_key)
    status = efla_splitting_advance(&s->splitting, x, s->at, f, &why);
  if (status != EFLA_OK) s->status = status, s->why = why;
  s->at.token += x->tokens;
}

efla_status efla_diagnosis_finish(efla_diagnosis *d, efla_message *why) {
  for (size_t h = 0; h < d->options.heads; h++) {
    efla_statistics_finish(&d->head[h], h, d->options.dk);
    efla_statistics_merge(&d->total, &d->head[h]);
  }
  for (size_t s = 0; s < d->options.slots; s++)
    if (d->slot[s].status != EFLA_OK) return *why = d->slot[s].why, d->slot[s].status;
  return EFLA_OK;
}

double efla_diagnosis_walk(const efla_statistics *f) {
  return f->most_measured > 0 ? sqrt((double)f->longest / (double)f->most_measured) : NAN;
}

const efla_format *efla_diagnosis_sufficient(const efla_statistics *f, double tolerance) {
  const efla_format_statistics *best = NULL;
  for (const efla_format_statistics *i = f->format; i < f->format + f->formats; i++) {
    if (!(i->deviation.largest.value * efla_diagnosis_walk(f) <= tolerance)) continue;
    bool narrower = !best || i->format->digits < best->format->digits;
    if (narrower ||
        (i->format->digits == best->format->digits && i->deviation.largest.value < best->deviation.largest.value))
      best = i;
  }
  return best ? best->format : NULL;
}

const char *efla_place_name(const efla_diagnosis *d, efla_place place, char text[EFLA_PLACE_TEXT]) {
  int n = efla_somewhere(place) ? snprintf(text, EFLA_PLACE_TEXT, "t = %zu", place.token)
                                : snprintf(text, EFLA_PLACE_TEXT, "-");
  if (!efla_somewhere(place)) return text;
  if (d->options.heads > 1) n += snprintf(text + n, (size_t)(EFLA_PLACE_TEXT - n), ", head %zu", place.head);
  if (d->options.sequences > 1) snprintf(text + n, (size_t)(EFLA_PLACE_TEXT - n), ", sequence %zu", place.sequence);
  return text;
}

/* A text that say() appends to. */
typedef struct sentence {
  char *text;
  size_t length;
} sentence;

static void say(sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(sentence *s, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(s->text + s->length, EFLA_SENTENCE - s->length, format, arguments);
  va_end(arguments);
  s->length += (size_t)n;
  if (s->length >= EFLA_SENTENCE) s->length = EFLA_SENTENCE - 1;
}

/* A relative error in percent, or as a multiple where it is large. */
static void say_error(sentence *s, double error) {
  if (error < 10)
    say(s, "%.*g %%", error < 0.1 ? 2 : 3, 100 * error);
  else if (isfinite(error))
    say(s, "%.2g times", error);
  else
    say(s, "infinitely");
}

/* Whether all keys have norm one up to the rounding of a format of eight digits: 2^-8 relative in each entry, 2^-7 in
 * lambda. */
static bool unit_keys(const efla_statistics *f) {
  return f->least_lambda >= 1 - 0x1p-7 && f->lambda.value <= 1 + 0x1p-7;
}

const char *efla_diagnosis_decay(const efla_diagnosis *d) {
  return efla_decay_called(d->options.channels, d->options.decay);
}

/* Whether the state decays within the step, which lengthens it. */
static bool decays_within(const efla_decay *decay) {
  efla_rates by_beta, by_g;
  if (!decay->gated) return false;
  decay->slopes(1, decay->at_rate(0), &by_beta, &by_g);
  return by_g.decay != 0;
}

const char *efla_diagnosis_step(const efla_diagnosis *d) {
  const efla_decay *decay = d->options.decay;
  const bool erase_key = d->options.erase_key;
  if (efla_statistics_exact_flow(&d->total)) return "beta*lambda - least g";
  if (!decays_within(decay)) return erase_key ? "beta*p^T k" : "beta*lambda";
  if (!strcmp(decay->argument, "g")) return erase_key ? "beta*p^T k - g" : "beta*lambda - g";
  return erase_key ? "1 - alpha + alpha*beta*p^T k" : "1 - alpha + alpha*beta*lambda";
}

static void say_share(sentence *s, const efla_diagnosis *d, const efla_beyond *beyond) {
  const efla_statistics *f = &d->total;
  char place[EFLA_PLACE_TEXT];
  double share = 100 * (double)beyond->tokens / (double)f->tokens;
  if (beyond->tokens > 0)
    say(s, "%.*g %% of tokens at %s > %g, first at %s: ", share < 10 ? 2 : 3, share, efla_diagnosis_step(d),
        beyond->limit, efla_place_name(d, beyond->first, place));
  else
    say(s, "No token at %s > %g (largest %.3g): ", efla_diagnosis_step(d), beyond->limit, f->x.most);
}

static void say_divergence(sentence *s, const efla_diagnosis *d, const efla_method_statistics *m) {
  char place[EFLA_PLACE_TEXT];
  say(s, " diverges");
  if (d->options.heads > 1) say(s, " in %zu of %zu heads", m->diverging, d->options.heads);
  if (efla_somewhere(m->overflow_f32))
    say(s, " (past f32 from %s on)", efla_place_name(d, m->overflow_f32, place));
  else
    say(s, " (state lost from %s on)", efla_place_name(d, m->divergence, place));
}

static void say_euler(sentence *s, const efla_diagnosis *d, const efla_method_statistics *euler, bool beyond) {
  say(s, "Euler with %s keys", unit_keys(&d->total) ? "these unit" : "raw");
  if (euler->diverging > 0) {
    say_divergence(s, d, euler);
    return;
  }
  say(s, beyond                   ? " amplifies errors there but does not diverge"
         : d->total.against.n > 0 ? " grows no faster than the flow"
                                  : " is stable");
  if (d->total.measured == 0) return;
  say(s, ", its state ");
  say_error(s, euler->deviation.state.value);
  say(s, " and its read-outs ");
  say_error(s, euler->deviation.readout.value);
  say(s, " off the exact ones");
}

/* Names the other methods that diverge. */
static void say_others(sentence *s, const efla_statistics *f, const efla_method_statistics *euler) {
  const char *before = euler->diverging > 0 ? ", as do " : "; but these diverge: ";
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++) {
    if (m == euler || m->diverging == 0) continue;
    say(s, "%s%s", before, m->method->name);
    before = ", ";
  }
}

/* Counts the further heads in which Euler does not diverge but the error of its state exceeds the state. */
static void say_lost(sentence *s, const efla_diagnosis *d) {
  size_t lost = 0;
  for (size_t h = 0; h < d->options.heads; h++) {
    const efla_method_statistics *euler = efla_statistics_method(&d->head[h], "euler");
    lost += euler->diverging == 0 && efla_somewhere(euler->deviation.lost);
  }
  if (lost > 0) say(s, "; Euler's state is off by more than itself in %zu more", lost);
}

static void say_splitting(sentence *s, const efla_diagnosis *d) {
  const efla_statistics *f = &d->total;
  say(s, "; along the first %zu tokens of every head Lie's splitting errs by ", f->splitting.tokens / d->options.heads);
  say_error(s, f->splitting.error[0].value);
  say(s, " and Strang's by ");
  say_error(s, f->splitting.error[1].value);
  say(s, " of the state.");
}

static void say_against(sentence *s, const efla_statistics *f) {
  const double share = 100 * (double)f->against.n / (double)f->tokens;
  if (f->against.n > 0)
    say(s, "; on %.*g %% of tokens p^T k < 0: there the flow itself grows, by up to e^%.3g a token.",
        share < 10 ? 2 : 3, share, f->rise.value);
  else
    say(s, "; the exact coefficient is safe.");
}

void efla_diagnosis_sentence(const efla_diagnosis *d, char text[EFLA_SENTENCE]) {
  const efla_statistics *f = &d->total;
  const efla_method_statistics *euler = efla_statistics_method(f, "euler");
  const efla_beyond *beyond = efla_statistics_beyond(f, euler->method->stable);
  sentence s = {text, 0};
  if (f->tokens == 0) {
    say(&s, "There are no tokens.");
    return;
  }
  if (efla_statistics_exact_flow(f)) {
    say(&s, "The exact flow with g per channel is stable for all keys and step sizes");
    say_splitting(&s, d);
    return;
  }
  say_share(&s, d, beyond);
  say_euler(&s, d, euler, beyond->tokens > 0);
  say_others(&s, f, euler);
  if (euler->diverging > 0) say_lost(&s, d);
  if (f->splitting.tokens > 0) say_splitting(&s, d);
  if (f->erase_key)
    say_against(&s, f);
  else if (f->splitting.tokens > 0)
    return;
  else if (unit_keys(f))
    say(&s, "; the exact coefficient is safe.");
  else if (f->beta.value + (decays_within(d->options.decay) ? f->fading.most : 0) <= euler->method->stable)
    say(&s, "; the exact coefficient or unit keys are safe.");
  else
    say(&s, "; the exact coefficient is safe, unit keys are not (beta up to %.3g).", f->beta.value);
}

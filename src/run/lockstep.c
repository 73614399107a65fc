/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/lockstep.h"

#include <math.h>
#include <stdlib.h>

efla_status efla_lockstep_init(efla_lockstep *l, const efla_spec *spec, const efla_key_treatment *keys,
                               const efla_list *oracles, size_t most, size_t block, efla_message *why) {
  *l = (efla_lockstep){.keys = keys};
  efla_status status = efla_source_init(&l->source, spec, why);
  if (status != EFLA_OK) return status;
  l->reference = calloc(oracles->n + 1, sizeof *l->reference);
  l->run = calloc(most + 1, sizeof *l->run);
  l->growth = calloc(most + 1, sizeof *l->growth);
  l->drift = calloc(most + 1, sizeof *l->drift);
  l->error = calloc(most + 1, sizeof *l->error);
  if (!l->reference || !l->run || !l->growth || !l->drift || !l->error ||
      efla_tokens_init(&l->x, block, spec->dk, spec->dv) != EFLA_OK)
    return efla_fail_memory(why);
  for (size_t i = 0; i < oracles->n; i++, l->references++)
    if (efla_reference_init(&l->reference[i], &efla_oracles[oracles->row[i]], spec->dk, spec->dv) != EFLA_OK)
      return efla_fail_memory(why);
  return EFLA_OK;
}

void efla_lockstep_clear(efla_lockstep *l) {
  efla_source_clear(&l->source);
  free(l->x.g);
  efla_tokens_clear(&l->x);
  for (size_t i = 0; i < l->references; i++) efla_reference_clear(&l->reference[i]);
  for (size_t i = 0; i < l->runs; i++) efla_run_clear(&l->run[i]);
  for (size_t i = 0; i < l->growths; i++) efla_growth_clear(&l->growth[i]);
  free(l->growth);
  free(l->drift);
  free(l->error);
  free(l->reference);
  free(l->run);
  *l = (efla_lockstep){0};
}

efla_status efla_lockstep_decay(efla_lockstep *l, const efla_decay *decay, double y) {
  l->decay = decay;
  for (size_t i = 0; i < l->references; i++) l->reference[i].decay = decay;
  if (!decay->gated) return EFLA_OK;
  l->x.g = malloc(l->x.tokens * sizeof *l->x.g);
  if (!l->x.g) return EFLA_NO_MEMORY;
  for (size_t t = 0; t < l->x.tokens; t++) l->x.g[t] = decay->at_rate(y);
  return EFLA_OK;
}

efla_status efla_lockstep_add(efla_lockstep *l, const efla_rule *rule, const efla_storage *storage) {
  const efla_spec *spec = &l->source.spec;
  l->drift[l->runs] = efla_drift_start(storage, spec->dk, efla_spec_directions(spec));
  return efla_run_init(&l->run[l->runs++], rule, storage, spec->dk, spec->dv);
}

efla_status efla_lockstep_add_growth(efla_lockstep *l, const efla_rule *rule) {
  return efla_growth_init(&l->growth[l->growths++], rule, l->source.spec.dk);
}

efla_status efla_lockstep_add_formats(efla_lockstep *l, const efla_rule *rule, const efla_list *formats, size_t seed) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < formats->n * EFLA_STORAGE_WAYS && status == EFLA_OK; i++) {
    const efla_format *format = &efla_formats[formats->row[i / EFLA_STORAGE_WAYS]];
    efla_storage storage;
    if (efla_storage_way(format, i % EFLA_STORAGE_WAYS, seed * 1000 + i, &storage))
      status = efla_lockstep_add(l, rule, &storage);
  }
  return status;
}

static efla_status advance(efla_lockstep *l, size_t count, efla_message *why) {
  efla_tokens block = efla_tokens_slice(&l->x, 0, count);
  efla_status status = efla_source_next(&l->source, &block, why);
  if (status != EFLA_OK) return status;
  if (l->keys) efla_keys_apply(l->keys, &block);
  for (size_t i = 0; i < l->references; i++) {
    status = efla_reference_advance(&l->reference[i], &block);
    if (status != EFLA_OK && status != EFLA_UNTRUSTED) return *why = l->reference[i].why, status;
  }
  for (size_t i = 0; i < l->growths; i++) efla_growth_advance(&l->growth[i], &block);
  for (size_t i = 0; i < l->runs; i++) {
    efla_run_advance(&l->run[i], &block);
    efla_drift_advance(&l->drift[i], &l->run[i].rule, &block);
  }
  return EFLA_OK;
}

static void note_errors(efla_lockstep *l) {
  l->at[l->marks] = (double)l->source.token;
  for (size_t i = 0; i < l->runs; i++)
    l->error[i][l->marks] = efla_reference_compare(l->reference, l->run[i].S, l->run[i].o).state;
  l->marks++;
}

size_t efla_lockstep_mark_after(size_t token, size_t last) {
  size_t mark = 0;
  for (int i = 0; mark <= token; i++) mark = (size_t)lround(pow(10, (double)i / EFLA_LOCKSTEP_PER_DECADE));
  return mark < last ? mark : last;
}

efla_status efla_lockstep_follow(efla_lockstep *l, size_t tokens, void (*record)(efla_lockstep *l),
                                 efla_progress *progress, efla_message *why) {
  while (l->source.token < tokens) {
    const size_t goal = efla_lockstep_mark_after(l->source.token, tokens);
    while (l->source.token < goal) {
      size_t left = goal - l->source.token, count = left < l->x.tokens ? left : l->x.tokens;
      efla_status status = advance(l, count, why);
      if (status != EFLA_OK) return status;
      efla_progress_add(progress, count);
    }
    note_errors(l);
    record(l);
  }
  for (size_t i = 0; i < l->references; i++)
    if (l->reference[i].status != EFLA_OK) return *why = l->reference[i].why, l->reference[i].status;
  return EFLA_OK;
}

size_t efla_lockstep_first_above(const efla_lockstep *l, size_t run, double most) {
  for (size_t i = 0; i < l->marks; i++)
    if (l->error[run][i] > most) return (size_t)l->at[i];
  return 0;
}

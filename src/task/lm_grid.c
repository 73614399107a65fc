/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/lm_grid.h"

#include "app/sweep.h"
#include "base/seed.h"
#include "train/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *efla_mixer_name(size_t i) {
  static const char *const names[] = {"delta", "softmax"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

enum { SEED, WIDTH, RATE, MIXER, METHOD, DECAY, KEYS, MAP, LISTS };

static void list_all(const efla_lm_grid *g, const efla_list *lists[LISTS + 1]) {
  const efla_list *const all[] = {&g->seeds,  &g->widths,     &g->rates, &g->mixers, &g->methods,
                                  &g->decays, &g->treatments, &g->maps,  NULL};
  memcpy(lists, all, sizeof all);
}

/* The places in the lists of combination i, distinct or not; whether it is not another one's equal: softmax attention
 * has no rule to vary. */
static bool place(const efla_lm_grid *g, size_t i, size_t at[LISTS]) {
  const efla_list *lists[LISTS + 1];
  list_all(g, lists);
  efla_sweep_at(lists, i, at);
  return g->mixers.row[at[MIXER]] == 0 || at[METHOD] + at[DECAY] + at[KEYS] + at[MAP] == 0;
}

static size_t combinations(const efla_lm_grid *g) {
  const efla_list *lists[LISTS + 1];
  list_all(g, lists);
  return efla_sweep_size(lists);
}

size_t efla_lm_grid_size(const efla_lm_grid *g) {
  size_t at[LISTS], n = 0;
  for (size_t i = 0; i < combinations(g); i++) n += place(g, i, at);
  return n;
}

void efla_lm_grid_at(const efla_lm_grid *g, size_t number, efla_lm_config *model, efla_lm_variant *v) {
  size_t at[LISTS], i = 0;
  while (!place(g, i, at) || number-- > 0) i++;
  *v = (efla_lm_variant){.method = "-", .decay = "-", .keys = "-", .beta = "-"};
  v->listed = g->seeds.count[at[SEED]], v->seed = efla_seed(g->seed, v->listed), v->rate = g->rates.value[at[RATE]];
  v->width = model->width = g->widths.count[at[WIDTH]];
  if (model->hidden == 0) model->hidden = 2 * model->width;
  model->softmax = g->mixers.row[at[MIXER]] == 1;
  model->rule = (efla_rule){.method = &efla_methods[g->methods.row[at[METHOD]]],
                            .decay = &efla_decays[g->decays.row[at[DECAY]]],
                            .keys = &efla_key_treatments[g->treatments.row[at[KEYS]]]};
  model->beta = &efla_beta_maps[g->maps.row[at[MAP]]];
  model->per_channel = !model->softmax && g->channels && model->rule.decay->share > 0;
  v->mixer = efla_mixer_name(model->softmax);
  if (model->softmax) return;
  v->method = model->rule.method->name, v->keys = model->rule.keys->name, v->beta = model->beta->name;
  v->decay = !model->per_channel             ? model->rule.decay->name
             : model->rule.decay->share == 1 ? "split channels"
                                             : "strang channels";
}

char *efla_lm_variant_path(const efla_lm_variant *v, const char *directory, const char *prefix, const char *ending) {
  char *path = NULL, rate[EFLA_STUDY_DIGITS];
  efla_study_number(v->rate, rate);
  const size_t start = strlen(directory) + 1;
  if (asprintf(&path, "%s/%s%s-%s-%s-%s-%s-%zu-%s-%zu%s", directory, prefix, v->mixer, v->method, v->decay, v->keys,
               v->beta, v->width, rate, v->listed, ending) < 0)
    return NULL;
  for (char *c = path + start; *c; c++)
    if (*c == ' ') *c = '-';
  return path;
}

void efla_lm_variant_name(const efla_lm_variant *v, char *text, size_t room) {
  if (!strcmp(v->method, "-"))
    snprintf(text, room, "%s, width %zu, lr %g, seed %zu", v->mixer, v->width, v->rate, v->listed);
  else
    snprintf(text, room, "%s, decay %s, %s keys, beta %s, width %zu, lr %g, seed %zu", v->method, v->decay, v->keys,
             v->beta, v->width, v->rate, v->listed);
}

efla_status efla_lm_grid_check(const efla_lm_grid *grid, const efla_lm_config *model, size_t batch, size_t group,
                               const efla_schedule *schedule, efla_message *why) {
  for (size_t i = 0; i < grid->widths.n; i++)
    if (grid->widths.count[i] % model->heads != 0)
      return efla_fail(why, EFLA_USAGE, "--heads: %zu, expected a divisor of the width %zu", model->heads,
                       grid->widths.count[i]);
  if (batch % group != 0)
    return efla_fail(why, EFLA_USAGE, "--group: %zu, expected a divisor of the batch %zu", group, batch);
  if (schedule->warmup >= schedule->steps)
    return efla_fail(why, EFLA_USAGE, "--warmup: %zu, expected fewer than the %zu steps", schedule->warmup,
                     schedule->steps);
  return EFLA_OK;
}

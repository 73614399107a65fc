/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/lm_grid.h"

#include "app/sweep.h"
#include "base/seed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *efla_mixer_name(size_t i) {
  static const char *const names[] = {"delta", "softmax"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

enum { SEED, RATE, MIXER, METHOD, DECAY, KEYS, MAP, LISTS };

static void list_all(const efla_lm_grid *g, const efla_list *lists[LISTS + 1]) {
  const efla_list *const all[] = {&g->seeds,  &g->rates,      &g->mixers, &g->methods,
                                  &g->decays, &g->treatments, &g->maps,   NULL};
  memcpy(lists, all, sizeof all);
}

size_t efla_lm_grid_size(const efla_lm_grid *grid) {
  const efla_list *lists[LISTS + 1];
  list_all(grid, lists);
  return efla_sweep_size(lists);
}

bool efla_lm_grid_at(const efla_lm_grid *g, size_t i, efla_lm_config *model, efla_lm_variant *v) {
  const efla_list *lists[LISTS + 1];
  size_t at[LISTS];
  list_all(g, lists);
  efla_sweep_at(lists, i, at);
  *v = (efla_lm_variant){.method = "-", .decay = "-", .keys = "-", .beta = "-"};
  v->listed = g->seeds.count[at[SEED]], v->seed = efla_seed(g->seed, v->listed), v->rate = g->rates.value[at[RATE]];
  model->softmax = g->mixers.row[at[MIXER]] == 1;
  model->rule = (efla_rule){.method = &efla_methods[g->methods.row[at[METHOD]]],
                            .decay = &efla_decays[g->decays.row[at[DECAY]]],
                            .keys = &efla_key_treatments[g->treatments.row[at[KEYS]]]};
  model->beta = &efla_beta_maps[g->maps.row[at[MAP]]];
  model->per_channel = !model->softmax && g->channels && model->rule.decay->share > 0;
  v->mixer = efla_mixer_name(model->softmax);
  if (model->softmax) return at[METHOD] + at[DECAY] + at[KEYS] + at[MAP] == 0;
  v->method = model->rule.method->name, v->keys = model->rule.keys->name, v->beta = model->beta->name;
  v->decay = !model->per_channel             ? model->rule.decay->name
             : model->rule.decay->share == 1 ? "split channels"
                                             : "strang channels";
  return true;
}

efla_status efla_lm_variant_path(const efla_lm_variant *v, const char *directory, const char *prefix,
                                 const char *ending, char **path, efla_message *why) {
  char name[256];
  *path = NULL;
  if (!directory) return EFLA_OK;
  if (mkdir(directory, 0777) != 0 && errno != EEXIST)
    return efla_fail(why, EFLA_OUTPUT, "%s: %s", directory, strerror(errno));
  snprintf(name, sizeof name, "%s%s-%s-%s-%s-%s-%g-%zu%s", prefix, v->mixer, v->method, v->decay, v->keys, v->beta,
           v->rate, v->listed, ending);
  for (char *c = name; *c; c++)
    if (*c == ' ') *c = '-';
  *path = malloc(strlen(directory) + strlen(name) + 2);
  if (!*path) return efla_fail_memory(why);
  sprintf(*path, "%s/%s", directory, name);
  return EFLA_OK;
}

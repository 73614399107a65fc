/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/file_decay.h"

#include <assert.h>
#include <string.h>

/* Names of a decay with g per channel. */
static const struct channels { const char *name, *decay; } of_channels[] = {{"lie", "split"}, {"exact", "joint"}};
enum { OF_CHANNELS = sizeof of_channels / sizeof *of_channels };

efla_tensor efla_decay_tensor(const efla_decay *decay) {
  if (!decay || !decay->argument) return EFLA_TENSORS;
  efla_tensor tensor = 0;
  while (strcmp(efla_tensor_name(tensor), decay->argument) != 0) tensor++;
  assert(tensor < EFLA_TENSORS);
  return tensor;
}

static efla_status suggested(const efla_tensors *file, const efla_decay **chosen, efla_message *why) {
  const bool g = file->has[EFLA_G], alpha = file->has[EFLA_ALPHA];
  *chosen = efla_decay_find(g ? "split" : alpha ? "retention" : "none");
  if (!g || !alpha) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT,
                   "%s: g, alpha: both are there, expected one of them or a decay by name: split or joint take g, "
                   "retention takes alpha",
                   file->path);
}

static efla_status has_argument(const efla_tensors *file, const efla_decay *asked, efla_message *why) {
  if (!asked->argument || file->has[efla_decay_tensor(asked)]) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: %s: no such dataset, expected one for decay %s", file->path, asked->argument,
                   asked->name);
}

efla_status efla_file_decay(const efla_tensors *file, const efla_decay *asked, const efla_decay **chosen,
                            efla_message *why) {
  if (!asked) return suggested(file, chosen, why);
  *chosen = asked;
  efla_status status = has_argument(file, asked, why);
  if (status != EFLA_OK || !file->g_per_channel || efla_decay_tensor(asked) != EFLA_G || asked->share > 0)
    return status;
  return efla_fail(why, EFLA_INPUT,
                   "%s: g: one number per channel, expected one per head for decay %s; per channel are split, strang "
                   "and exact",
                   file->path, asked->name);
}

static const struct channels *of_channels_at(size_t i) {
  size_t before = 1;
  while (efla_decay_name(before - 1)) before++;
  return i >= before && i - before < OF_CHANNELS ? &of_channels[i - before] : NULL;
}

const char *efla_file_decay_name(size_t i) {
  const struct channels *own = of_channels_at(i);
  return i == 0 ? "file" : own ? own->name : efla_decay_name(i - 1);
}

const efla_decay *efla_file_decay_asked(size_t i) {
  const struct channels *own = of_channels_at(i);
  return i == 0 ? NULL : own ? efla_decay_find(own->decay) : &efla_decays[i - 1];
}

efla_status efla_file_decay_by_option(const efla_tensors *file, size_t i, const efla_decay **chosen,
                                      efla_message *why) {
  const struct channels *own = of_channels_at(i);
  if (!own) return efla_file_decay(file, efla_file_decay_asked(i), chosen, why);
  *chosen = efla_decay_find(own->decay);
  if (file->g_per_channel) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: g: %s, expected one number per channel, (B,T,H,dk), for decay %s", file->path,
                   file->has[EFLA_G] ? "one number per head" : "no such dataset", own->name);
}

bool efla_file_decay_exact(const efla_tensors *file, const efla_decay *decay) {
  return file->g_per_channel && efla_decay_tensor(decay) == EFLA_G && decay->share == 0;
}

const char *efla_decay_called(bool g_per_channel, const efla_decay *decay) {
  for (size_t i = 0; i < OF_CHANNELS && g_per_channel; i++)
    if (!strcmp(of_channels[i].decay, decay->name)) return of_channels[i].name;
  return decay->name;
}

const char *efla_file_decay_called(const efla_tensors *file, const efla_decay *decay) {
  return efla_decay_called(file->g_per_channel, decay);
}

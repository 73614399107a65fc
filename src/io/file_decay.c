/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/file_decay.h"

#include <assert.h>
#include <string.h>

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

efla_status efla_file_decay(const efla_tensors *file, const efla_decay *asked, const efla_decay **chosen,
                            efla_message *why) {
  if (!asked) return suggested(file, chosen, why);
  *chosen = asked;
  if (!asked->argument || file->has[efla_decay_tensor(asked)]) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: %s: no such dataset, expected one for decay %s", file->path, asked->argument,
                   asked->name);
}

const char *efla_file_decay_name(size_t i) { return i == 0 ? "file" : efla_decay_name(i - 1); }

const efla_decay *efla_file_decay_asked(size_t i) { return i == 0 ? NULL : &efla_decays[i - 1]; }

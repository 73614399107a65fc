/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "number/storage.h"

#include <assert.h>

efla_storage efla_storage_state(const efla_format *format) { return (efla_storage){.format = format, .state = true}; }

bool efla_storage_way(const efla_format *format, size_t i, uint64_t seed, efla_storage *storage) {
  static const efla_storage ways[EFLA_STORAGE_WAYS] = {
      {.state = true}, {.state = true, .stochastic = true}, {.inputs = true}, {.state = true, .inputs = true}};
  assert(i < EFLA_STORAGE_WAYS);
  *storage = ways[i];
  storage->format = format, storage->seed = seed;
  return i == 0 || format->digits < 24;
}

const char *efla_storage_stored(const efla_storage *storage) {
  return !storage->inputs ? "state" : storage->state ? "both" : "inputs";
}

const char *efla_storage_rounding(const efla_storage *storage) {
  return storage->stochastic ? "stochastic" : "nearest";
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/error_parts.h"

efla_status efla_error_parts_add(efla_lockstep *l, const efla_list *methods, const efla_list *formats, size_t chunk,
                                 size_t seed) {
  const efla_rule exact = {.method = efla_method_find("exact"), .decay = l->decay};
  const efla_storage f64 = efla_storage_state(efla_format_find("f64"));
  const efla_storage chunks = {efla_format_find("f32"), .state = true, .chunk = chunk};
  efla_status status = efla_lockstep_add(l, &exact, &f64);
  for (size_t m = 0; m < methods->n && status == EFLA_OK; m++) {
    const efla_rule other = {.method = &efla_methods[methods->row[m]], .decay = l->decay};
    if (other.method != exact.method) status = efla_lockstep_add(l, &other, &f64);
  }
  if (status == EFLA_OK) status = efla_lockstep_add(l, &exact, &chunks);
  return status == EFLA_OK ? efla_lockstep_add_formats(l, &exact, formats, seed) : status;
}

bool efla_error_parts_stores(const efla_lockstep *l, size_t run) {
  return run > 0 && l->run[run].rule.method == l->run[0].rule.method && l->run[run].storage.chunk == 0;
}

size_t efla_error_parts_of(const efla_lockstep *l, size_t run, efla_error_part part[2]) {
  const efla_run *of = &l->run[run], *exact = l->run, *chunks = exact;
  const efla_format *format = of->storage.format;
  if (of->rule.method != exact->rule.method) {
    part[0] = (efla_error_part){of->rule.method->name, "discretisation", efla_run_distance(of, exact)};
    return 1;
  }
  if (!efla_error_parts_stores(l, run) || of->storage.inputs || of->storage.stochastic) return 0;
  while (chunks->storage.chunk == 0) chunks++;
  part[0] = (efla_error_part){format->name, "rounding", efla_run_distance(of, exact)};
  part[1] = (efla_error_part){format->name, "chunking", efla_run_distance(chunks, of)};
  return format == chunks->storage.format ? 2 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/stability_point.h"

#include <math.h>
#include <string.h>

static const efla_stability_point nothing = {NAN, {NAN, NAN, NAN}};

efla_status efla_stability_point_rate(const efla_method *method, const efla_spec *spec, size_t tokens,
                                      efla_stability_point *point, efla_message *why) {
  bool gaussian = !strcmp(spec->family->name, "gaussian"), spikes = !strcmp(spec->family->name, "spikes");
  efla_stability_limit_law law;
  *point = nothing;
  if ((gaussian || spikes) && efla_stability_limit_law_init(&law, spec->dk) != EFLA_OK) return efla_fail_memory(why);
  if (gaussian) point->predicted = efla_stability_limit_expected(&law, method, spec->norm, false);
  if (spikes) {
    double rare = efla_stability_limit_expected(&law, method, spec->size * spec->norm, false),
           rest = efla_stability_limit_expected(&law, method, spec->norm, false);
    point->predicted = spec->fraction * rare + (1 - spec->fraction) * rest;
  }
  return tokens > 0 ? efla_stability_limit_measure(method, spec, tokens, &point->measured, why) : EFLA_OK;
}

efla_status efla_stability_point_threshold(const efla_method *method, const efla_spec *spec, size_t tokens,
                                           efla_stability_point *point, efla_message *why) {
  *point = nothing;
  if (!strcmp(spec->family->name, "gaussian")) {
    efla_stability_limit_law law;
    if (efla_stability_limit_law_init(&law, spec->dk) != EFLA_OK) return efla_fail_memory(why);
    point->predicted = efla_stability_limit_expected_threshold(&law, method);
  }
  return tokens > 0 ? efla_stability_limit_measure_threshold(method, *spec, tokens, &point->measured, why) : EFLA_OK;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel check as a JSON object. */
#include "check/kernel_check_report.h"

#include "app/json.h"
#include "app/provenance.h"
#include "io/file_decay.h"

#include <stdint.h>

json_object *efla_errors_json(efla_json *b, const efla_errors_of *e) {
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "numbers", efla_json_count(b, e->numbers));
  efla_json_put(b, object, "largest_ulp", efla_json_real(b, e->ulps));
  efla_json_put(b, object, "rms_ulp", efla_json_real(b, efla_errors_rms_ulps(e)));
  efla_json_put(b, object, "largest_relative", efla_json_real(b, e->relative));
  efla_json_put(b, object, "rms_relative", efla_json_real(b, efla_errors_rms(e)));
  efla_json_put(b, object, "largest_over_granted", efla_json_real(b, e->ratio));
  return object;
}

json_object *efla_miss_json(efla_json *b, const efla_miss *at) {
  if (at->token == SIZE_MAX) return NULL; /* JSON's null */
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "token", efla_json_count(b, at->token));
  efla_json_put(b, object, "head", efla_json_count(b, at->head));
  efla_json_put(b, object, "sequence", efla_json_count(b, at->sequence));
  efla_json_put(b, object, "index", efla_json_text(b, at->index));
  efla_json_put(b, object, "found", efla_json_real(b, at->found));
  efla_json_put(b, object, "expected", efla_json_real(b, at->expected));
  efla_json_put(b, object, "error", efla_json_real(b, at->error));
  efla_json_put(b, object, "granted", efla_json_real(b, at->allowed));
  return object;
}

static json_object *judgement(efla_json *b, const efla_kernel_check *s) {
  static const char *const kinds[] = {"unknown", "named", "undecided"};
  const efla_judgement *j = &s->judgement;
  if (!s->comparison.total.outside) return NULL;
  json_object *object = efla_json_object(b), *findings = efla_json_array(b);
  efla_json_put(b, object, "kind", efla_json_text(b, kinds[j->kind]));
  for (size_t i = 0; i < j->n; i++) {
    json_object *one = efla_json_object(b);
    efla_json_put(b, one, "name", efla_json_text(b, j->finding[i].name));
    efla_json_put(b, one, "says", efla_json_text(b, j->finding[i].says));
    efla_json_put(b, one, "left", efla_json_real(b, j->finding[i].left));
    efla_json_append(b, findings, one);
  }
  efla_json_put(b, object, "findings", findings);
  efla_json_put(b, object, "cause", efla_json_text(b, j->cause));
  efla_json_put(b, object, "tail_of_chunk", efla_json_count(b, s->tail));
  efla_json_put(b, object, "where", efla_json_text(b, j->where));
  return object;
}

static json_object *causality(efla_json *b, const efla_causality *c) {
  if (c->pairs == 0) return NULL;
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "pairs", efla_json_count(b, c->pairs));
  efla_json_put(b, object, "tokens", efla_json_count(b, c->tokens));
  efla_json_put(b, object, "violation", efla_miss_json(b, &c->violation));
  return object;
}

efla_status efla_kernel_check_write_json(const efla_kernel_check *s, FILE *out, efla_message *why) {
  const efla_kernel_spec *spec = &s->comparison.spec;
  efla_json b = {false};
  char rounding[EFLA_UNITS_TEXT];
  json_object *all = efla_json_object(&b), *heads = efla_json_array(&b);
  efla_json_put(&b, all, "version", efla_json_text(&b, EFLA_VERSION));
  efla_json_put(&b, all, "commit", efla_json_text(&b, efla_commit()));
  efla_json_put(&b, all, "input", efla_json_text(&b, s->in.path));
  efla_json_put(&b, all, "method", efla_json_text(&b, spec->rule.method->name));
  efla_json_put(&b, all, "decay", efla_json_text(&b, efla_file_decay_called(&s->in, spec->rule.decay)));
  efla_json_put(&b, all, "keys", efla_json_text(&b, spec->rule.keys->name));
  efla_json_put(&b, all, "truth", efla_json_text(&b, spec->truth->name));
  efla_json_put(&b, all, "o", efla_json_text(&b, spec->o.name));
  efla_json_put(&b, all, "state", efla_json_text(&b, s->state->name));
  efla_units_say(&spec->units, rounding);
  efla_json_put(&b, all, "roundings", efla_json_text(&b, rounding));
  efla_json_put(&b, all, "verdict", efla_json_text(&b, s->outside ? "outside" : "within"));
  efla_json_put(&b, all, "errors", efla_errors_json(&b, &s->comparison.total.o));
  efla_json_put(&b, all, "errors_of_state", efla_errors_json(&b, &s->comparison.total.state));
  efla_json_put(&b, all, "first", efla_miss_json(&b, &s->comparison.total.o.first));
  efla_json_put(&b, all, "first_state", efla_miss_json(&b, &s->comparison.total.state.first));
  for (size_t h = 0; h < s->in.heads; h++) efla_json_append(&b, heads, efla_errors_json(&b, &s->comparison.head[h].o));
  efla_json_put(&b, all, "heads", heads);
  efla_json_put(&b, all, "judgement", judgement(&b, s));
  efla_json_put(&b, all, "causality", causality(&b, &s->causality));
  efla_json_put(&b, all, "gradients", efla_gradients_json(&b, s));
  return efla_json_write(&b, all, out, why);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel check says of gradients. */
#include "check/kernel_check_report.h"

#include <stdint.h>
#include <string.h>

/* The names of those that are outside, or of those that are not: "dk, dbeta". */
static const char *list(const efla_gradient_check *c, bool outside, char *text, size_t room) {
  size_t length = 0;
  *text = 0;
  for (size_t i = 0; i < EFLA_GRADIENTS && length < room; i++)
    if (c->of[i].file && c->of[i].total.outside == outside)
      length +=
          (size_t)snprintf(text + length, room - length, "%s%s", length ? ", " : "", efla_gradient_name(&c->of[i]));
  return text;
}

static void write_places(const efla_judged_gradient *g, FILE *out) {
  char what[64];
  snprintf(what, sizeof what, "%s out of tolerance", efla_gradient_name(g));
  efla_miss_write_text(out, &g->total.errors.first, what);
  if (g->total.last.token != SIZE_MAX && g->total.last.token != g->total.errors.first.token)
    fprintf(out, "  and last: token %zu, sequence %zu, head %zu: %s is %.9g, expected %.9g\n", g->total.last.token,
            g->total.last.sequence, g->total.last.head, g->total.last.index, g->total.last.found,
            g->total.last.expected);
}

/* What was found to be wrong; where nothing was, how far back in the sequence the errors begin. */
static void write_fault(const efla_kernel_check *s, const efla_judged_gradient *g, const efla_gradient_finding *f,
                        FILE *out) {
  const efla_miss *last = &g->total.last;
  if (*f->name)
    fprintf(out, "fault of %s: %s\n", efla_gradient_name(g), f->says);
  else if (!*s->gradients.whole.name && last->token < SIZE_MAX)
    fprintf(out, "fault of %s: unknown; it is outside from token %zu on back, of %zu tokens of sequence %zu\n",
            efla_gradient_name(g), last->token, efla_tensors_length(&s->in, last->sequence), last->sequence);
}

static void write_faults(const efla_kernel_check *s, FILE *out) {
  const efla_gradient_check *c = &s->gradients;
  if (*c->whole.name) fprintf(out, "fault of the gradients: %s\n", c->whole.says);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++)
    if (c->of[i].file && c->of[i].total.outside) write_fault(s, &c->of[i], &c->finding[i], out);
}

static void write_verdict(const efla_kernel_check *s, FILE *out) {
  char wrong[128], right[128];
  const efla_gradient_check *c = &s->gradients;
  list(c, true, wrong, sizeof wrong), list(c, false, right, sizeof right);
  if (!c->outside)
    fprintf(out, "gradients: %s within the tolerance\n", right);
  else
    fprintf(out, "gradients: %s outside the tolerance%s%s%s\n", wrong, *right ? "; within it: " : "", right,
            s->comparison.total.outside ? " (o is outside too: first that)" : "; o is within it");
}

void efla_gradients_write_text(const efla_kernel_check *s, FILE *out) {
  const efla_gradient_check *c = &s->gradients;
  char name[32];
  if (!c->asked) return;
  efla_errors_write_header(out, "gradient");
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    const efla_judged_gradient *g = &c->of[i];
    if (!g->file) continue;
    snprintf(name, sizeof name, "%s%s", efla_gradient_name(g), g->total.outside ? " *" : "");
    efla_errors_write_text(out, name, &g->total.errors);
  }
  if (c->outside) fprintf(out, "(* outside the tolerance)\n");
  fprintf(out, "\n");
  if (c->unknown) fprintf(out, "not compared: %zu rows of gradients whose true value is not finite\n", c->unknown);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++)
    if (c->of[i].file && c->of[i].total.outside) write_places(&c->of[i], out);
  write_faults(s, out);
  write_verdict(s, out);
}

static json_object *finding(efla_json *b, const efla_gradient_finding *f) {
  if (!*f->name) return NULL;
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "name", efla_json_text(b, f->name));
  efla_json_put(b, object, "says", efla_json_text(b, f->says));
  efla_json_put(b, object, "left", efla_json_real(b, f->left));
  return object;
}

json_object *efla_gradients_json(efla_json *b, const efla_kernel_check *s) {
  const efla_gradient_check *c = &s->gradients;
  if (!c->asked) return NULL;
  json_object *object = efla_json_object(b);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    const efla_judged_gradient *g = &c->of[i];
    if (!g->file) continue;
    json_object *one = efla_errors_json(b, &g->total.errors);
    efla_json_put(b, one, "verdict", efla_json_text(b, g->total.outside ? "outside" : "within"));
    efla_json_put(b, one, "stored", efla_json_text(b, g->stored.name));
    efla_json_put(b, one, "first", efla_miss_json(b, &g->total.errors.first));
    efla_json_put(b, one, "last", efla_miss_json(b, &g->total.last));
    efla_json_put(b, one, "fault", finding(b, &c->finding[i]));
    efla_json_put(b, object, efla_gradient_name(g), one);
  }
  efla_json_put(b, object, "fault", finding(b, &c->whole));
  return object;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient check: which gradients a file has, and whether they can be judged. */
#include "check/gradient_check.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *efla_gradient_name(const efla_judged_gradient *gradient) { return efla_tensor_name(gradient->tensor); }

static efla_tensors *file_with(const efla_comparison *c, efla_tensor tensor) {
  return c->out->has[tensor] ? c->out : c->in->has[tensor] ? c->in : NULL;
}

static efla_tensor derivative_by(efla_tensor argument) {
  return argument == EFLA_G ? EFLA_D_G : argument == EFLA_ALPHA ? EFLA_D_ALPHA : EFLA_TENSORS;
}

/* A gradient by what the rule does not take. */
static efla_status check_inputs(const efla_gradient_check *s, const efla_comparison *c, efla_message *why) {
  const efla_decay *decay = s->spec.rule.decay;
  const efla_tensor argument = efla_decay_tensor(decay);
  for (efla_tensor t = EFLA_D_G; t <= EFLA_D_ALPHA; t++) {
    const efla_tensor by = t == EFLA_D_G ? EFLA_G : EFLA_ALPHA;
    const efla_tensors *file = file_with(c, t);
    if (file && by != argument && !(argument < EFLA_TENSORS && s->in->has[by]))
      return efla_fail(why, EFLA_INPUT,
                       "%s: %s: there is one, but decay %s takes no %s: expected none, or another decay", file->path,
                       efla_tensor_name(t), efla_file_decay_called(s->in, decay), efla_tensor_name(by));
  }
  const efla_tensors *p = file_with(c, EFLA_D_P);
  if (!p || s->in->has[EFLA_P]) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: dp: there is one, but no p in %s: expected both or none", p->path,
                   s->in->path);
}

/* do and dfinal_state. */
static efla_status find_cotangents(efla_gradient_check *s, const efla_comparison *c, const char *first,
                                   efla_message *why) {
  s->d_o = file_with(c, EFLA_D_O), s->d_final = file_with(c, EFLA_D_FINAL_STATE);
  if (!s->d_o)
    return efla_fail(why, EFLA_INPUT,
                     "%s: do: no such dataset, expected the derivative of the loss by o, to judge %s by", s->out->path,
                     first);
  if (!efla_file_decay_exact(s->in, s->spec.rule.decay)) return EFLA_OK;
  return efla_fail(why, EFLA_USAGE,
                   "--decay exact: there is no truth for %s, expected lie or strang where gradients "
                   "are to be judged",
                   first);
}

static size_t greatest_common(size_t a, size_t b) { return b ? greatest_common(b, a % b) : a; }

/* The formats in which gradients are stored, and how many heads are to be taken together. */
static efla_status find_formats(efla_gradient_check *s, efla_message *why) {
  efla_status status = EFLA_OK;
  const efla_format *finest = NULL;
  const double rows = (double)s->in->batch * (double)s->in->tokens;
  for (size_t i = 0; i < EFLA_GRADIENTS && status == EFLA_OK; i++) {
    efla_judged_gradient *g = &s->of[i];
    if (!g->file) continue;
    status = efla_output_format(g->file, g->tensor, &g->stored, why);
    if (!finest || efla_format_unit(&g->stored) < efla_format_unit(finest)) finest = &g->stored;
    s->tests += (double)g->heads * (g->tensor == EFLA_D_INITIAL_STATE ? (double)s->in->sequences : rows);
    s->heads += (double)g->heads;
    const size_t repeat = s->in->heads / g->heads;
    s->share *= repeat / greatest_common(s->share, repeat);
  }
  if (finest && efla_format_unit(finest) > efla_format_unit(&s->results)) s->results = *finest;
  return status;
}

efla_status efla_gradient_check_open(efla_gradient_check *s, const efla_comparison *c, efla_message *why) {
  *s = (efla_gradient_check){.in = c->in,
                             .out = c->out,
                             .spec = {.rule = c->spec.rule, .scale = c->spec.scale},
                             .results = c->spec.o,
                             .tolerance = c->tolerance,
                             .share = 1};
  const efla_tensor tensors[EFLA_GRADIENTS] = {EFLA_D_Q,
                                               EFLA_D_K,
                                               EFLA_D_V,
                                               EFLA_D_BETA,
                                               derivative_by(efla_decay_tensor(s->spec.rule.decay)),
                                               EFLA_D_P,
                                               EFLA_D_INITIAL_STATE};
  const char *first = NULL;
  for (efla_tensor t = EFLA_D_Q; t <= EFLA_D_INITIAL_STATE && !first; t++)
    if (file_with(c, t)) first = efla_tensor_name(t);
  s->asked = first != NULL;
  if (!s->asked) return EFLA_OK;
  efla_status status = find_cotangents(s, c, first, why);
  if (status == EFLA_OK) status = check_inputs(s, c, why);
  for (size_t i = 0; i < EFLA_GRADIENTS && status == EFLA_OK; i++) {
    efla_judged_gradient *g = &s->of[i];
    if (tensors[i] == EFLA_TENSORS || !file_with(c, tensors[i])) continue;
    g->tensor = tensors[i], g->file = file_with(c, tensors[i]);
    g->heads = efla_tensors_heads(g->file, g->tensor);
    g->head = calloc(g->heads, sizeof *g->head);
    if (!g->head) status = efla_fail_memory(why);
  }
  return status == EFLA_OK ? find_formats(s, why) : status;
}

void efla_gradient_check_clear(efla_gradient_check *s) {
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) free(s->of[i].head), s->of[i].head = NULL;
}

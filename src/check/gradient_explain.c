/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient check: what is wrong with a gradient. */
#include "check/gradient_check.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

/* How much nearer an explanation has to be. */
static const double NEARER = 4;

/* Rows may have one error in common. */
static bool explains(const efla_gradient_fit *fit, double left) {
  const double factor = efla_variance_factor(&(efla_variance){1, 1}, (double)fit->rows);
  return left <= factor * factor * (double)fit->rows && NEARER * left < fit->right;
}

static void set(efla_gradient_finding *to, const efla_gradient_fit *fit, double left, const char *name,
                const char *says) {
  snprintf(to->name, sizeof to->name, "%s", name);
  snprintf(to->says, sizeof to->says, "%s", says);
  to->left = fit->right > 0 ? sqrt(left / fit->right) : 0;
}

static bool near(double a, double b) { return fabs(a - b) <= 0.005 * fabs(b); }

/* A constant factor. */
static void set_factor(efla_gradient_finding *to, const efla_gradient_fit *fit, double left, double scale) {
  const double factor = fit->both / fit->truth2;
  char says[200];
  if (near(factor, -1)) {
    set(to, fit, left, "sign", "the sign is wrong");
  } else if (scale != 1 && near(factor, 1 / scale)) {
    set(to, fit, left, "no-scale", "the scale of the read-out is missing");
  } else if (scale != 1 && near(factor, scale)) {
    set(to, fit, left, "scale-twice", "the scale of the read-out is applied twice");
  } else {
    snprintf(says, sizeof says, "it is %.4g times what it should be", factor);
    set(to, fit, left, fit->found2 > 0 ? "factor" : "zero", fit->found2 > 0 ? says : "it is zero throughout");
  }
}

static void find_one(efla_gradient_check *c, efla_gradient_kind of, const efla_gradient_fit *fit) {
  efla_gradient_finding *to = &c->finding[of];
  const double of_factor = fit->truth2 > 0 ? fit->found2 - fit->both * fit->both / fit->truth2 : INFINITY;
  const efla_miss *last = &c->of[of].total.last;
  size_t best = EFLA_GRADIENT_FAULTS;
  if (last->token < SIZE_MAX && !isfinite(last->found)) {
    char says[200];
    snprintf(says, sizeof says, "it is not finite from token %zu on back", last->token);
    set(to, fit, fit->right, "not-finite", says);
    return;
  }
  for (size_t f = 0; f < EFLA_GRADIENT_FAULTS; f++)
    if (efla_gradient_faults[f].of == of && explains(fit, fit->fault[f]) &&
        (best == EFLA_GRADIENT_FAULTS || fit->fault[f] < fit->fault[best]))
      best = f;
  if (best < EFLA_GRADIENT_FAULTS)
    set(to, fit, fit->fault[best], efla_gradient_faults[best].name, efla_gradient_faults[best].says);
  else if (explains(fit, of_factor))
    set_factor(to, fit, of_factor, c->spec.scale);
}

/* The last error of all gradients that are outside; of a gradient that is so in root mean square only, its head. */
static efla_miss last_miss(const efla_gradient_check *c, size_t *head) {
  efla_miss last = {.token = SIZE_MAX};
  *head = 0;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++)
    for (size_t h = 0; h < c->of[i].heads; h++) {
      const efla_gradient_result *one = &c->of[i].head[h];
      if (!one->outside || (last.token < SIZE_MAX && (one->last.token == SIZE_MAX || one->last.token <= last.token)))
        continue;
      last = one->last;
      *head = h * (c->in->heads / c->of[i].heads);
    }
  return last;
}

/* ---- backward passes that are wrong as a whole ---- */

/* Whether the part is within the tolerance of such a pass. */
static efla_status try_variant(efla_gradient_check *c, efla_gradient_part part, const efla_gradient_variant *variant,
                               const char *name, const char *says, efla_message *why) {
  bool outside = true;
  if (*c->whole.name) return EFLA_OK;
  part.variant = variant, part.fits = NULL;
  efla_status status = efla_gradient_check_part(c, &part, &outside, why);
  if (status != EFLA_OK || outside) return status;
  snprintf(c->whole.name, sizeof c->whole.name, "%s", name);
  snprintf(c->whole.says, sizeof c->whole.says, "%s", says);
  return EFLA_OK;
}

/* Where the tokens of the last chunk are right, and those before it are not: the carry between chunks. */
static efla_status try_chunks(efla_gradient_check *c, efla_gradient_part part, size_t last, efla_message *why) {
  const size_t length = efla_tensors_length(c->in, part.sequence);
  char says[200];
  efla_status status = EFLA_OK;
  if (last == SIZE_MAX || length < 2) return EFLA_OK;
  for (size_t i = EFLA_TAILS; i-- > 0 && status == EFLA_OK;) {
    const size_t chunk = efla_tail_chunks[i], boundary = (length - 1) / chunk * chunk;
    if (last >= boundary) continue;
    for (int only = 1; only >= 0 && status == EFLA_OK; only--) {
      const efla_gradient_variant variant = {.chunk = chunk, .last = only};
      if (only)
        snprintf(says, sizeof says,
                 "what the last chunk, the tokens from %zu on, hands back to those before it is lost", boundary);
      else
        snprintf(says, sizeof says, "what a chunk of %zu tokens hands back to the one before it is lost", chunk);
      status = try_variant(c, part, &variant, only ? "last-carry" : "carry", says, why);
    }
  }
  return status;
}

static efla_status try_rules(efla_gradient_check *c, efla_gradient_part part, efla_message *why) {
  char says[200];
  efla_status status = EFLA_OK;
  for (size_t i = 0; efla_methods[i].name && status == EFLA_OK; i++) {
    const efla_gradient_variant variant = {.method = &efla_methods[i]};
    if (variant.method == c->spec.rule.method) continue;
    snprintf(says, sizeof says, "they are those of method %s, expected %s", variant.method->name,
             c->spec.rule.method->name);
    status = try_variant(c, part, &variant, "method", says, why);
  }
  return status;
}

efla_status efla_gradient_check_explain(efla_gradient_check *c, efla_message *why) {
  enum { MOST = 1 << 28 }; /* tokens times dk times dv of one head */
  efla_gradient_fit fits[EFLA_GRADIENTS] = {{0}};
  size_t head;
  const efla_miss last = last_miss(c, &head);
  efla_gradient_part part = {
      .sequence = last.token < SIZE_MAX ? last.sequence : 0, .head = head - head % c->share, .fits = fits};
  bool outside, all = true;
  if ((double)efla_tensors_length(c->in, part.sequence) * (double)(c->in->dk * c->in->dv) > MOST) return EFLA_OK;
  efla_status status = efla_gradient_check_part(c, &part, &outside, why);
  for (efla_gradient_kind of = 0; of < EFLA_GRADIENTS && status == EFLA_OK; of++) {
    if (!c->of[of].file || !c->of[of].total.outside) continue;
    find_one(c, of, &fits[of]);
    all &= *c->finding[of].name != 0;
  }
  if (status != EFLA_OK || all) return status;
  const efla_gradient_variant ignores = {.ignores_final = true};
  if (c->d_final)
    status = try_variant(c, part, &ignores, "no-final", "the derivative by final_state, dfinal_state, is ignored", why);
  if (status == EFLA_OK) status = try_chunks(c, part, last.token, why);
  return status == EFLA_OK ? try_rules(c, part, why) : status;
}

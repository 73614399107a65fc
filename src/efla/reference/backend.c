/* SPDX-License-Identifier: MIT */
/* The backend `reference`: the definition (rule.h), token by token, for any coefficients, and its derivative with every
 * state stored.  Slow on purpose: the other backends are tested against it. */
#include "efla/internal/backend.h"
#include "efla/internal/rows.h"
#include "efla/internal/rule.h"

#include <math.h>
#include <string.h>

static efla_status open_reference(efla_backend *b, const efla_options *options) {
  if (options->isa)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "isa %.64s: the reference backend has no instruction sets",
                            options->isa);
  if (options->bf16_products)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "bf16_products: an option of the cpu backend");
  return EFLA_OK;
}

static efla_status offers(efla_backend *b, const efla_rule *rule, efla_type type, const efla_sequence *x) {
  (void)rule, (void)x;
  if (type == EFLA_F32 || type == EFLA_F64) return EFLA_OK;
  return efla_backend_say(b, EFLA_UNSUPPORTED, "type %s: the reference backend has f32 and f64", efla_type_name(type));
}

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/internal/untreat.inc"
#include "efla/reference/step.inc"
#include "efla/reference/forward.inc"
#include "efla/reference/backward.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/internal/untreat.inc"
#include "efla/reference/step.inc"
#include "efla/reference/forward.inc"
#include "efla/reference/backward.inc"

static efla_status forward(const efla_call *call, efla_arena *arena) {
  (call->x->v.type == EFLA_F32 ? forward_f32 : forward_f64)(call, arena);
  return EFLA_OK;
}

static efla_status backward(const efla_call *call, efla_arena *arena) {
  (call->x->v.type == EFLA_F32 ? backward_f32 : backward_f64)(call, arena);
  return EFLA_OK;
}

static void lay_out(efla_decoder *d, efla_arena *arena) {
  (d->shape.type == EFLA_F32 ? lay_out_f32 : lay_out_f64)(d, arena);
}

static efla_status load(efla_decoder *d, const efla_array *states) {
  (d->shape.type == EFLA_F32 ? load_f32 : load_f64)(d, states);
  return EFLA_OK;
}

static efla_status store(efla_decoder *d, const efla_array *states) {
  (d->shape.type == EFLA_F32 ? store_f32 : store_f64)(d, states);
  return EFLA_OK;
}

static efla_status step(efla_decoder *d, const efla_sequence *token, const efla_array *o) {
  (d->shape.type == EFLA_F32 ? step_f32 : step_f64)(d, token, o);
  return EFLA_OK;
}

const efla_backend_row efla_backend_reference = {.name = "reference",
                                                 .what = "the definition, token by token",
                                                 .open = open_reference,
                                                 .offers = offers,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .lay_out = lay_out,
                                                 .load = load,
                                                 .store = store,
                                                 .step = step};

/* SPDX-License-Identifier: MIT */
/* The backend `cpu`: the kernels of this directory on the library's arrays. */
#include "efla/cpu/backward.h"
#include "efla/cpu/kernel.h"
#include "efla/cpu/matrix.h"
#include "efla/internal/backend.h"
#include "efla/internal/rows.h"
#include "efla/internal/rule.h"
#include "efla/internal/threads.h"

#include <math.h>
#include <string.h>

static efla_status choose_isa(efla_backend *b, const efla_options *options) {
  b->isa = efla_isa_best();
  if (!options->isa) return EFLA_OK;
  for (size_t i = 0; efla_isa_name(i); i++) {
    if (strcmp(efla_isa_name(i), options->isa) != 0) continue;
    b->isa = efla_isa_at(i);
    if (b->isa->supported()) return EFLA_OK;
    return efla_backend_say(b, EFLA_UNSUPPORTED, "isa %s: not supported by this processor", options->isa);
  }
  return efla_backend_say(b, EFLA_INVALID, "isa %.64s: unknown, expected one such as %s", options->isa, b->isa->name);
}

static efla_status open_cpu(efla_backend *b, const efla_options *options) {
  const efla_status status = choose_isa(b, options);
  if (status) return status;
  b->matrix = efla_matrix_best(b->isa);
  b->bf16_products = options->bf16_products;
  if (b->matrix || !b->bf16_products) return EFLA_OK;
  return efla_backend_say(b, EFLA_UNSUPPORTED, "bf16_products: isa %s of this processor has no unit for them",
                          b->isa->name);
}

static efla_status offers(efla_backend *b, const efla_rule *rule, efla_type type, const efla_sequence *x) {
  (void)rule;
  if (type == EFLA_BF16 && !x)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "type bf16: decoders of the cpu backend have f32 and f64");
  if (type == EFLA_F16) return efla_backend_say(b, EFLA_UNSUPPORTED, "type f16: the cpu backend has f32, f64 and bf16");
  return EFLA_OK;
}

static efla_heads heads_of(const efla_backend *b, const efla_sequence *x, const efla_heads_arrays *arrays) {
  return (efla_heads){.batch = x->batch,
                      .heads = x->heads,
                      .tokens = x->tokens,
                      .dk = x->dk,
                      .dv = x->dv,
                      .layout = EFLA_BHTD,
                      .sequences = x->sequences,
                      .cu_seqlens = x->cu_seqlens,
                      .threads = b->threads,
                      .isa = b->isa,
                      .arrays = arrays};
}

/* Whether d = 1 and e = w for every token, which the kernels need not read then. */
static bool is_plain(const efla_rule *rule, const efla_sequence *x) { return efla_rule_plain(rule) && !x->p.data; }

/* Whether g per channel is of another type than the kernels'. */
static bool converts(const efla_sequence *x) { return x->g_per_channel && x->g.data && x->g.type != x->v.type; }

/* How many different keys there are, and where their treated copies lie: one after another. */
typedef struct key_copies {
  size_t entries, groups, tokens;
  efla_array at; /* without data */
} key_copies;

static key_copies copies_of(const efla_sequence *x) {
  const efla_array *k = &x->k;
  size_t groups = x->heads / efla_array_repeat(k);
  key_copies n = {.entries = k->batch == 0 ? 1 : x->batch,
                  .groups = k->head == 0 ? 1 : groups,
                  .tokens = k->token == 0 && x->tokens > 0 ? 1 : x->tokens};
  n.at = efla_array_head_major(NULL, k->type, n.tokens, n.groups, x->dk);
  n.at.repeat = k->repeat;
  if (k->batch == 0) n.at.batch = 0;
  if (k->head == 0) n.at.head = 0;
  if (k->token == 0) n.at.token = 0;
  return n;
}

/* A token of a batch. */
typedef struct place {
  size_t entry, head, token;
} place;

/* One treated key, lambda, and a derivative by a treated key to one by the key: in f32 by vectors. */
static void treat_f32(const efla_isa *isa, const efla_rule *rule, size_t dk, const float *k, float *to) {
  (void)rule; /* the only treatment but none */
  isa->unit_f32(dk, k, to);
}
static void treat_f64(const efla_isa *isa, const efla_rule *rule, size_t dk, const double *k, double *to) {
  (void)isa;
  memcpy(to, k, dk * sizeof *to);
  efla_rule_keys(rule)->apply(dk, to);
}
static double lambda_f32(const efla_isa *isa, size_t dk, const float *k, const float *p) {
  return isa->lambda_f32(dk, k, p);
}
static double lambda_f64(const efla_isa *isa, size_t dk, const double *k, const double *p) {
  (void)isa;
  return efla_kernel_lambda_f64(dk, k, p);
}

static void untreat_f32(const efla_isa *isa, const efla_rule *rule, size_t dk, const float *k, const float *unit,
                        float *d) {
  if (efla_rule_keys(rule)->unit) isa->untreat_f32(dk, k, unit, d);
}

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/cpu/backend.inc"
#include "efla/cpu/backend_backward.inc"
#include "efla/cpu/backend_bf16.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_of_f64
#include "efla/internal/untreat.inc"
#undef NAME

static void untreat_f64(const efla_isa *isa, const efla_rule *rule, size_t dk, const double *k, const double *unit,
                        double *d) {
  (void)isa;
  untreat_of_f64(rule, dk, k, unit, d);
}

#define NAME(stem) stem##_f64
#include "efla/cpu/backend.inc"
#include "efla/cpu/backend_backward.inc"

static efla_status forward(const efla_call *call, efla_arena *arena) {
  const efla_type type = call->x->v.type;
  if (type == EFLA_F64)
    forward_f64(call, arena);
  else if (type == EFLA_BF16)
    forward_bf16(call, arena);
  else
    (call->backend->bf16_products && fits_unit(call) ? forward_f32_on_unit : forward_f32)(call, arena);
  return EFLA_OK;
}

static efla_status backward(const efla_call *call, efla_arena *arena) {
  if (call->x->v.type == EFLA_BF16)
    return efla_backend_say(call->backend, EFLA_UNSUPPORTED, "backward: of bf16 the cpu backend has none");
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

const efla_backend_row efla_backend_cpu = {.name = "cpu",
                                           .what = "vectors and threads of this processor",
                                           .open = open_cpu,
                                           .offers = offers,
                                           .forward = forward,
                                           .backward = backward,
                                           .lay_out = lay_out,
                                           .load = load,
                                           .store = store,
                                           .step = step};

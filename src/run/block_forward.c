/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/block_forward.h"

#include "efla/reference/recurrence.h"
#include "io/file_decay.h"
#include "ode/channel_exact.h"
#include "run/device_call.h"
#include "run/file_inputs.h"

#include <stdlib.h>
#include <string.h>

bool efla_block_forward_needed(const efla_tensors *file, const efla_forward_spec *forward, const char *backend) {
  return efla_file_on_device(backend) || forward->bf16_products || file->has[EFLA_P] ||
         (file->g_per_channel && efla_decay_tensor(forward->rule.decay) == EFLA_G);
}

/* Whether all numbers of these arrays are bf16's in the file. */
static bool is_half(const efla_tensors *file) {
  static const efla_tensor list[] = {EFLA_Q, EFLA_K, EFLA_V, EFLA_P};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (file->has[list[i]] && strcmp(file->stored[list[i]].name, "bf16") != 0) return false;
  return true;
}

enum { ARRAYS = 8 }; /* of a call: inputs, states and o */

static efla_status check(const efla_block_forward *f, bool device, const efla_stream *stream, efla_message *why) {
  const efla_forward_spec *forward = f->forward;
  const char *what = stream->x.p.data          ? "an erase key p"
                     : stream->x.g_per_channel ? "g per channel"
                     : forward->bf16_products  ? "products of bf16"
                                               : "a device",
             *path = stream->file->path;
  if (f->exact && stream->x.p.data)
    return efla_fail(why, EFLA_USAGE, "%s: p: the exact flow with g per channel has no erase key", path);
  if (f->exact && forward->rule.method->order != EFLA_ORDER_INFINITE)
    return efla_fail(why, EFLA_USAGE, "%s: method %s: decay exact is the flow itself, expected method exact", path,
                     forward->rule.method->name);
  if (forward->form != &efla_forms[0])
    return efla_fail(why, EFLA_USAGE, "%s: form %s: with %s, expected form %s", path, forward->form->name, what,
                     efla_forms[0].name);
  if (forward->bf16_products && (f->type == EFLA_F64 || f->exact))
    return efla_fail(why, EFLA_USAGE, "%s: precision %s: with products of bf16, expected f32", path,
                     forward->format->name);
  if (f->type == EFLA_F64 || (!f->exact && efla_file_computed(forward->format, device))) return EFLA_OK;
  return efla_fail(why, EFLA_USAGE, "%s: precision %s: with %s, expected %s", path, forward->format->name,
                   f->exact ? "decay exact" : what, f->exact ? "f64" : efla_file_precisions(device));
}

efla_status efla_block_forward_init(efla_block_forward *f, const efla_forward_spec *forward, const char *backend,
                                    size_t threads, const efla_stream *stream, efla_message *why) {
  const efla_sequence *x = &stream->x;
  const size_t tokens = stream->most_heads * stream->most_tokens, states = stream->most_heads * x->dk * x->dv;
  const bool device = efla_file_on_device(backend);
  *f = (efla_block_forward){.forward = forward,
                            .threads = threads,
                            .exact = efla_file_decay_exact(stream->file, forward->rule.decay),
                            .type = efla_file_type(forward->format, device)};
  efla_status status = check(f, device, stream, why);
  if (status != EFLA_OK || f->exact) return status;
  const bool narrow = f->type != EFLA_F64; /* every array begins where a double may */
  if (narrow)
    f->narrow = malloc((tokens * (4 * x->dk + 2 * x->dv + 1) + states) * sizeof(float) + ARRAYS * sizeof(double));
  if (narrow && !f->narrow) return efla_fail_memory(why);
  if (forward->bf16_products && is_half(stream->file)) f->type = EFLA_BF16;
  const efla_options options = {.threads = threads, .bf16_products = forward->bf16_products};
  status = efla_backend_open(backend, &options, &f->backend);
  return status == EFLA_OK ? EFLA_OK : efla_fail(why, EFLA_USAGE, "%s", efla_last_message(NULL));
}

void efla_block_forward_clear(efla_block_forward *f) {
  efla_backend_close(f->backend);
  free(f->narrow);
  *f = (efla_block_forward){0};
}

/* ---- the exact flow ---- */

/* One head: token by token, since every one is read out.  Fails with EFLA_NO_MEMORY. */
static efla_status advance_exactly(const efla_block_forward *f, const efla_sequence *x, size_t h, double *S,
                                   double *o) {
  const size_t dk = x->dk, dv = x->dv;
  double *key = malloc(2 * dk * sizeof *key), *y = key + dk;
  efla_status status = key ? EFLA_OK : EFLA_NO_MEMORY;
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t++) {
    const double *g = efla_stream_head(&x->g, h) + t * dk;
    const efla_tokens one = {.tokens = 1,
                             .dk = dk,
                             .dv = dv,
                             .k = key,
                             .v = efla_stream_head(&x->v, h) + t * dv,
                             .beta = efla_stream_head(&x->beta, h) + t};
    memcpy(key, efla_stream_head(&x->k, h) + t * dk, dk * sizeof *key);
    f->forward->rule.keys->apply(dk, key);
    for (size_t i = 0; i < dk; i++) y[i] = -g[i];
    status = efla_channel_exact_f64(&one, y, S, NULL);
    efla_readout_f64(dk, dv, efla_stream_head(&x->q, h) + t * dk, S, o + t * dv);
  }
  free(key);
  return status;
}

static efla_status advance_heads_exactly(const efla_block_forward *f, const efla_sequence *x, double *S, double *o,
                                         efla_message *why) {
  bool failed = false;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)f->threads) reduction(|| : failed)
  for (size_t h = 0; h < x->heads; h++)
    failed |= advance_exactly(f, x, h, S + h * x->dk * x->dv, o + h * x->tokens * x->dv) != EFLA_OK;
  return failed ? efla_fail_memory(why) : EFLA_OK;
}

/* ---- by a backend ---- */

/* The file's scale is applied here, since it may be 0, but where the processor's backend rounds o. */
static bool scales(const efla_block_forward *f) { return !f->forward->bf16_products || f->forward->scale == 0; }

static efla_status call(const efla_block_forward *f, const efla_sequence *x, const efla_result *y, efla_message *why) {
  efla_rule rule = f->forward->rule;
  rule.scale = scales(f) ? 0 : f->forward->scale;
  efla_status status = efla_device_forward(f->backend, &rule, x, y);
  if (status == EFLA_OK) return EFLA_OK;
  if (status == EFLA_NO_MEMORY) return efla_fail_memory(why);
  return efla_fail(why, EFLA_USAGE, "backend %s: %s", efla_backend_opened(f->backend), efla_last_message(f->backend));
}

/* An array like the one of a file, of n numbers that are rounded to `at`, which moves on; from NULL: of none yet. */
static efla_array narrow(double **at, efla_array like, efla_type type, size_t n, const double *from) {
  like.data = *at, like.type = type;
  if (from) efla_file_narrow(n, from, &like);
  *at += (n * efla_type_size(type) + sizeof **at - 1) / sizeof **at;
  return like;
}

static efla_status call_narrow(const efla_block_forward *f, const efla_sequence *x, double *S, double *o,
                               efla_message *why) {
  const size_t n = x->heads * x->tokens, states = x->heads * x->dk * x->dv;
  const efla_type scalar = efla_file_scalar_type(f->type);
  double *at = f->narrow;
  efla_sequence given = *x;
  struct {
    efla_array *array;
    size_t width;
    efla_type type;
  } const rows[] = {{&given.q, x->dk, f->type}, {&given.k, x->dk, f->type},
                    {&given.v, x->dv, f->type}, {&given.beta, 1, scalar},
                    {&given.p, x->dk, f->type}, {&given.g, x->g_per_channel ? x->dk : 1, scalar}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].array->data)
      *rows[i].array = narrow(&at, *rows[i].array, rows[i].type, n * rows[i].width, rows[i].array->data);
  given.initial_state = narrow(&at, efla_array_states(S, scalar, x->heads, x->dk, x->dv), scalar, states, S);
  const efla_result y = {
      .o = narrow(&at, efla_array_head_major(o, f->type, x->tokens, x->heads, x->dv), f->type, n * x->dv, NULL),
      .final_state = given.initial_state};
  efla_status status = call(f, &given, &y, why);
  if (status == EFLA_OK) efla_file_widen(states, 1, &y.final_state, S), efla_file_widen(n * x->dv, 1, &y.o, o);
  return status;
}

static efla_status call_in_f64(const efla_block_forward *f, const efla_sequence *x, double *S, double *o,
                               efla_message *why) {
  efla_sequence states = *x;
  states.initial_state = efla_array_states(S, EFLA_F64, x->heads, x->dk, x->dv);
  const efla_result y = {.o = efla_array_head_major(o, EFLA_F64, x->tokens, x->heads, x->dv),
                         .final_state = states.initial_state};
  return call(f, &states, &y, why);
}

efla_status efla_block_forward_advance(const efla_block_forward *f, const efla_sequence *x, double *S, double *o,
                                       efla_message *why) {
  if (x->tokens == 0) return EFLA_OK;
  efla_status status = f->exact              ? advance_heads_exactly(f, x, S, o, why)
                       : f->type == EFLA_F64 ? call_in_f64(f, x, S, o, why)
                                             : call_narrow(f, x, S, o, why);
  const double scale = scales(f) ? f->forward->scale : 1;
  for (size_t e = 0; e < x->heads * x->tokens * x->dv && status == EFLA_OK && scale != 1; e++) o[e] *= scale;
  return status;
}

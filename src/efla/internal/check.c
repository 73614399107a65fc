/* SPDX-License-Identifier: MIT */
#include "efla/internal/check.h"

#include "efla/internal/rows.h"
#include "efla/internal/rule.h"

#include <math.h>
#include <stdint.h>

/* ---- shapes ---- */

static efla_status check_size(efla_backend *b, const char *name, size_t n) {
  return n > 0 ? EFLA_OK : efla_backend_say(b, EFLA_INVALID, "%s: 0, expected at least 1", name);
}

/* The product stays small enough for all sums of sizes that follow from it. */
static efla_status check_product(efla_backend *b, const char *what, const size_t *n, int factors) {
  size_t most = sizeof(size_t) >= 8 ? SIZE_MAX >> 24 : SIZE_MAX >> 6, product = 1;
  for (int i = 0; i < factors; i++) {
    if (n[i] > 0 && product > most / n[i])
      return efla_backend_say(b, EFLA_INVALID, "sizes: %s are more than %zu numbers", what, most);
    product *= n[i] > 0 ? n[i] : 1;
  }
  return EFLA_OK;
}

static efla_status check_sizes(efla_backend *b, size_t batch, size_t states, size_t heads, size_t tokens, size_t dk,
                               size_t dv) {
  const struct {
    const char *name;
    size_t n;
  } sizes[] = {{"batch", batch}, {"heads", heads}, {"dk", dk}, {"dv", dv}};
  efla_status status = EFLA_OK;
  for (int i = 0; i < 4 && !status; i++) status = check_size(b, sizes[i].name, sizes[i].n);
  if (!status) status = check_product(b, "batch x heads x tokens x dk", (size_t[]){batch, heads, tokens, dk}, 4);
  if (!status) status = check_product(b, "batch x heads x tokens x dv", (size_t[]){batch, heads, tokens, dv}, 4);
  if (!status) status = check_product(b, "sequences x heads x dk x dv", (size_t[]){states, heads, dk, dv}, 4);
  return status;
}

static efla_status check_packing(efla_backend *b, const efla_sequence *x) {
  const size_t *cu = x->cu_seqlens, n = x->sequences;
  if (!cu && n > 0) return efla_backend_say(b, EFLA_INVALID, "cu_seqlens: NULL, expected %zu numbers", n + 1);
  if (!cu) return EFLA_OK;
  if (n == 0) return efla_backend_say(b, EFLA_INVALID, "sequences: 0, expected at least 1 with cu_seqlens");
  if (x->batch != 1) return efla_backend_say(b, EFLA_INVALID, "batch: %zu, expected 1 with cu_seqlens", x->batch);
  if (cu[0] != 0) return efla_backend_say(b, EFLA_INVALID, "cu_seqlens[0]: %zu, expected 0", cu[0]);
  for (size_t s = 0; s < n; s++)
    if (cu[s + 1] < cu[s])
      return efla_backend_say(b, EFLA_INVALID, "cu_seqlens[%zu]: %zu, expected at least %zu", s + 1, cu[s + 1], cu[s]);
  if (cu[n] != x->tokens)
    return efla_backend_say(b, EFLA_INVALID, "cu_seqlens[%zu]: %zu, expected %zu tokens", n, cu[n], x->tokens);
  return EFLA_OK;
}

efla_status efla_check_rule(efla_backend *b, const efla_rule *rule) {
  if (!rule) return efla_backend_say(b, EFLA_INVALID, "rule: the pointer is NULL");
  if (!rule->method) return efla_backend_say(b, EFLA_INVALID, "rule: method is NULL");
  if (!isfinite(rule->scale))
    return efla_backend_say(b, EFLA_INVALID, "rule: scale %g, expected a number", rule->scale);
  return EFLA_OK;
}

/* ---- inputs and outputs ---- */

static efla_status check_gate(efla_backend *b, const efla_rule *rule, const efla_sequence *x) {
  const char *name = efla_rule_decay(rule)->name;
  bool gated = efla_rule_decay(rule)->gated;
  if (gated && !x->g.data && x->tokens > 0)
    return efla_backend_say(b, EFLA_INVALID, "g: data is NULL, which decay %s needs", name);
  if (!gated && x->g.data) return efla_backend_say(b, EFLA_INVALID, "g: present, but decay %s takes none", name);
  if (x->g_per_channel && efla_rule_decay(rule)->share == 0)
    return efla_backend_say(b, EFLA_INVALID, "g: one per channel, but decay %s takes one per head", name);
  return EFLA_OK;
}

typedef struct named {
  const char *name;
  const efla_array *array;
  efla_extent extent;
} named;

enum { INPUTS = 7, Q = 0, K, V, BETA, G, P, INITIAL };

static void list_inputs(const efla_sequence *x, named *list) {
  const efla_type type = x->v.type;
  const efla_extent key = {x->batch, x->heads, x->tokens, x->dk, type, false},
                    value = {x->batch, x->heads, x->tokens, x->dv, type, false},
                    scalar = {x->batch, x->heads, x->tokens, 1, type, true},
                    state = {efla_sequence_states(x), x->heads, x->dk, x->dv, type, efla_type_size(type) == 2};
  list[Q] = (named){"q", &x->q, key};
  list[K] = (named){"k", &x->k, key};
  list[V] = (named){"v", &x->v, value};
  list[BETA] = (named){"beta", &x->beta, scalar};
  list[G] = (named){"g", &x->g, scalar};
  if (x->g_per_channel) list[G].extent.features = x->dk;
  list[P] = (named){"p", &x->p, key};
  list[INITIAL] = (named){"initial_state", &x->initial_state, state};
}

efla_status efla_check_inputs(efla_backend *b, const efla_rule *rule, const efla_sequence *x, bool reads) {
  efla_status status = efla_check_rule(b, rule);
  if (status) return status;
  if (!x) return efla_backend_say(b, EFLA_INVALID, "sequence: the pointer is NULL");
  status = check_packing(b, x);
  if (!status) status = check_sizes(b, x->batch, efla_sequence_states(x), x->heads, x->tokens, x->dk, x->dv);
  if (!status) status = check_gate(b, rule, x);
  named list[INPUTS];
  list_inputs(x, list);
  for (int i = 0; i < INPUTS && !status; i++) {
    bool needed = i == K || i == V || i == BETA || (i == Q && reads);
    if (list[i].array->data)
      status = efla_check_array(b, list[i].name, list[i].array, EFLA_READ, list[i].extent);
    else if (needed && x->tokens > 0)
      status = efla_backend_say(b, EFLA_INVALID, "%s: data is NULL", list[i].name);
  }
  if (status) return status;
  return b->row->offers(b, rule, x->v.type, x);
}

static bool same_strides(const efla_array *a, const efla_array *b) {
  return a->batch == b->batch && a->head == b->head && a->token == b->token &&
         efla_array_repeat(a) == efla_array_repeat(b);
}

/* An output in the memory of another array: only states may be, whose rows lie the same. */
static efla_status check_apart(efla_backend *b, const char *name, const efla_array *output, const char *other_name,
                               const efla_array *other, bool states) {
  if (!output->data || output->data != other->data) return EFLA_OK;
  if (!states) return efla_backend_say(b, EFLA_INVALID, "%s: in the memory of %s", name, other_name);
  if (!same_strides(output, other))
    return efla_backend_say(b, EFLA_INVALID, "%s: in the memory of %s, expected the same strides", name, other_name);
  return EFLA_OK;
}

efla_status efla_check_forward(const efla_call *call) {
  efla_backend *b = call->backend;
  const efla_sequence *x = call->x;
  const efla_result *y = call->y;
  if (!y) return efla_backend_say(b, EFLA_INVALID, "result: the pointer is NULL");
  efla_status status = efla_check_inputs(b, call->rule, x, y->o.data || y->kept);
  if (status) return status;
  named in[INPUTS];
  list_inputs(x, in);
  if (y->o.data) status = efla_check_array(b, "o", &y->o, EFLA_WRITTEN, in[V].extent);
  if (y->final_state.data && !status)
    status = efla_check_array(b, "final_state", &y->final_state, EFLA_WRITTEN, in[INITIAL].extent);
  for (int i = 0; i < INPUTS && !status; i++) {
    status = check_apart(b, "o", &y->o, in[i].name, in[i].array, false);
    if (!status) status = check_apart(b, "final_state", &y->final_state, in[i].name, in[i].array, i == INITIAL);
  }
  return status ? status : check_apart(b, "final_state", &y->final_state, "o", &y->o, false);
}

/* A derivative lies as an output does, once places that it shares as its input does are counted once. */
static efla_status check_derivative(efla_backend *b, const char *name, const efla_array *d, const named *input) {
  efla_extent n = input->extent;
  const efla_array *from = input->array;
  size_t repeat = efla_array_repeat(d), given = efla_array_repeat(from);
  bool all_heads = from->data && (from->head == 0 || given == n.heads);
  if (from->data && d->type != from->type)
    return efla_backend_say(b, EFLA_INVALID, "%s: type %s, expected %s", name, efla_type_name(d->type),
                            efla_type_name(from->type));
  if (repeat > 1 && !all_heads && !(from->data && given % repeat == 0))
    return efla_backend_say(b, EFLA_INVALID, "%s: repeat %zu, expected 1 or a divisor of the input's %zu", name, repeat,
                            given);
  if (n.heads % repeat != 0)
    return efla_backend_say(b, EFLA_INVALID, "%s: repeat %zu, expected a divisor of the %zu heads", name, repeat,
                            n.heads);
  efla_array once = *d;
  once.repeat = 1;
  n.heads = d->head == 0 && all_heads ? 1 : n.heads / repeat;
  if (d->batch == 0 && from->data && from->batch == 0) n.batch = 1;
  if (d->token == 0 && from->data && from->token == 0) n.tokens = 1;
  return efla_check_array(b, name, &once, EFLA_WRITTEN, n);
}

efla_status efla_check_offers_backward(efla_backend *b) {
  if (b->row->backward) return EFLA_OK;
  return efla_backend_say(b, EFLA_UNSUPPORTED, "backward: the %s backend has none", b->row->name);
}

efla_status efla_check_backward(const efla_call *call) {
  static const char *const names[INPUTS] = {
      "gradient q", "gradient k", "gradient v", "gradient beta", "gradient g", "gradient p", "gradient initial_state"};
  efla_backend *b = call->backend;
  const efla_sequence *x = call->x;
  const efla_result *dy = call->y;
  if (!dy) return efla_backend_say(b, EFLA_INVALID, "result: the pointer is NULL");
  if (!call->dx) return efla_backend_say(b, EFLA_INVALID, "gradient: the pointer is NULL");
  const efla_array *d[INPUTS] = {
      &call->dx->q, &call->dx->k, &call->dx->v, &call->dx->beta, &call->dx->g, &call->dx->p, &call->dx->initial_state};
  efla_status status = efla_check_inputs(b, call->rule, x, dy->o.data || call->dx->q.data);
  if (!status) status = efla_check_offers_backward(b);
  if (status) return status;
  named in[INPUTS];
  list_inputs(x, in);
  if (dy->o.data) status = efla_check_array(b, "derivative by o", &dy->o, EFLA_READ, in[V].extent);
  if (dy->final_state.data && !status)
    status = efla_check_array(b, "derivative by final_state", &dy->final_state, EFLA_READ, in[INITIAL].extent);
  for (int i = 0; i < INPUTS && !status; i++) {
    if (!d[i]->data) continue;
    if ((i == G || i == P) && !in[i].array->data && x->tokens > 0)
      status = efla_backend_say(b, EFLA_INVALID, "%s: present, but %s is not", names[i], in[i].name);
    if (!status) status = check_derivative(b, names[i], d[i], &in[i]);
    if (!status) status = check_apart(b, names[i], d[i], "the derivative by o", &dy->o, false);
    if (!status)
      status = check_apart(b, names[i], d[i], "the derivative by final_state", &dy->final_state, i == INITIAL);
    for (int j = 0; j < INPUTS && !status; j++) {
      status = check_apart(b, names[i], d[i], in[j].name, in[j].array, false);
      if (!status && j < i) status = check_apart(b, names[i], d[i], names[j], d[j], false);
    }
  }
  return status;
}

/* ---- decoders ---- */

efla_status efla_check_decoder(efla_backend *b, const efla_rule *rule, const efla_decoder_shape *shape) {
  efla_status status = efla_check_rule(b, rule);
  if (status) return status;
  if (!shape) return efla_backend_say(b, EFLA_INVALID, "shape: the pointer is NULL");
  status = check_sizes(b, shape->batch, shape->batch, shape->heads, 1, shape->dk, shape->dv);
  if (!status && efla_type_size(shape->type) == 0)
    status = efla_backend_say(b, EFLA_INVALID, "shape: %d is no type", (int)shape->type);
  if (status) return status;
  return b->row->offers(b, rule, shape->type, NULL);
}

static efla_status check_equal(efla_backend *b, const char *name, size_t found, size_t expected) {
  if (found == expected) return EFLA_OK;
  return efla_backend_say(b, EFLA_INVALID, "%s: %zu, expected the decoder's %zu", name, found, expected);
}

efla_status efla_check_step(efla_decoder *decoder, const efla_sequence *token, const efla_array *o) {
  efla_backend *b = decoder->backend;
  const efla_decoder_shape *shape = &decoder->shape;
  const efla_result y = {.o = *o};
  const efla_call call = {.backend = b, .rule = &decoder->rule, .x = token, .y = &y};
  efla_status status = efla_check_forward(&call);
  if (status) return status;
  if (token->cu_seqlens) return efla_backend_say(b, EFLA_INVALID, "cu_seqlens: present, expected NULL for a token");
  if (token->initial_state.data)
    return efla_backend_say(b, EFLA_INVALID, "initial_state: present, but states are loaded into a decoder");
  if (token->tokens != 1) return efla_backend_say(b, EFLA_INVALID, "tokens: %zu, expected 1", token->tokens);
  status = check_equal(b, "batch", token->batch, shape->batch);
  if (!status) status = check_equal(b, "heads", token->heads, shape->heads);
  if (!status) status = check_equal(b, "dk", token->dk, shape->dk);
  if (!status) status = check_equal(b, "dv", token->dv, shape->dv);
  if (!status && token->v.type != shape->type)
    status = efla_backend_say(b, EFLA_INVALID, "v: type %s, expected the decoder's %s", efla_type_name(token->v.type),
                              efla_type_name(shape->type));
  return status;
}

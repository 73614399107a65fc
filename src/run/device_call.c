/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/device_call.h"

#include <string.h>

bool efla_backend_on_device(const efla_backend *backend) { return !strcmp(efla_backend_opened(backend), "cuda"); }

enum { MOST = 18 };

/* Arrays that are lent: where they are here, and there. */
typedef struct lent {
  efla_backend *backend;
  struct {
    efla_array *array; /* with data on the device */
    void *host;
    size_t bytes;
    bool written;
  } list[MOST];
  size_t n;
  efla_status status;
} lent;

/* From an array's first number to its last one. */
static size_t bytes_of(const efla_array *a, size_t batch, size_t heads, size_t tokens, size_t features) {
  const size_t groups = heads / (a->repeat ? a->repeat : 1);
  return ((batch - 1) * (size_t)a->batch + (groups - 1) * (size_t)a->head + (tokens - 1) * (size_t)a->token +
          features) *
         efla_type_size(a->type);
}

static void lend(lent *l, efla_array *a, size_t batch, size_t heads, size_t tokens, size_t features, bool written) {
  if (!a->data || l->status || tokens == 0) return;
  const size_t bytes = bytes_of(a, batch, heads, tokens, features);
  void *host = a->data;
  for (size_t i = 0; i < l->n; i++) /* a final state in the place of an initial one */
    if (l->list[i].host == host) {
      a->data = l->list[i].array->data, l->list[i].written |= written;
      return;
    }
  a->data = efla_backend_alloc(l->backend, bytes);
  l->status = a->data ? efla_backend_copy(l->backend, a->data, host, bytes) : EFLA_NO_MEMORY;
  l->list[l->n].array = a, l->list[l->n].host = host, l->list[l->n].bytes = bytes, l->list[l->n].written = written;
  l->n++;
}

static void lend_rows(lent *l, const efla_sequence *x, efla_array *q, efla_array *k, efla_array *v, efla_array *beta,
                      efla_array *g, efla_array *p, efla_array *state, bool written) {
  const size_t B = x->batch, H = x->heads, T = x->tokens;
  lend(l, q, B, H, T, x->dk, written), lend(l, k, B, H, T, x->dk, written), lend(l, v, B, H, T, x->dv, written);
  lend(l, beta, B, H, T, 1, written), lend(l, g, B, H, T, x->g_per_channel ? x->dk : 1, written);
  lend(l, p, B, H, T, x->dk, written), lend(l, state, efla_sequence_states(x), H, x->dk, x->dv, written);
}

static void lend_result(lent *l, const efla_sequence *x, efla_result *y, bool written) {
  lend(l, &y->o, x->batch, x->heads, x->tokens, x->dv, written);
  lend(l, &y->final_state, efla_sequence_states(x), x->heads, x->dk, x->dv, written);
}

/* Copies back what was written; nothing stays lent. */
static efla_status take_back(lent *l) {
  for (size_t i = 0; i < l->n; i++) {
    if (l->list[i].written && !l->status)
      l->status = efla_backend_copy(l->backend, l->list[i].host, l->list[i].array->data, l->list[i].bytes);
    efla_backend_free(l->backend, l->list[i].array->data);
  }
  return l->status;
}

efla_status efla_device_forward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x,
                                const efla_result *y) {
  if (!efla_backend_on_device(backend)) return efla_forward(backend, rule, x, y);
  lent l = {.backend = backend};
  efla_sequence in = *x;
  efla_result out = *y;
  lend_rows(&l, x, &in.q, &in.k, &in.v, &in.beta, &in.g, &in.p, &in.initial_state, false);
  lend_result(&l, x, &out, true);
  if (!l.status) l.status = efla_forward(backend, rule, &in, &out);
  return take_back(&l);
}

efla_status efla_device_backward(efla_backend *backend, const efla_rule *rule, const efla_sequence *x,
                                 const efla_result *dy, const efla_gradient *dx) {
  if (!efla_backend_on_device(backend)) return efla_backward(backend, rule, x, dy, dx);
  lent l = {.backend = backend};
  efla_sequence in = *x;
  efla_result given = *dy;
  efla_gradient out = *dx;
  lend_rows(&l, x, &in.q, &in.k, &in.v, &in.beta, &in.g, &in.p, &in.initial_state, false);
  lend_result(&l, x, &given, false);
  lend_rows(&l, x, &out.q, &out.k, &out.v, &out.beta, &out.g, &out.p, &out.initial_state, true);
  if (!l.status) l.status = efla_backward(backend, rule, &in, &given, &out);
  return take_back(&l);
}

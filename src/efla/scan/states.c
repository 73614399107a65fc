/* SPDX-License-Identifier: MIT */
#include "efla/scan/states.h"

#include "efla/forward.h"

#include <string.h>

static size_t bytes_of(const efla_scan *s, const efla_states *a) {
  return s->lanes * a->n * s->call.x->heads * s->call.x->dk * a->dv * s->bytes;
}

efla_status efla_states_make(const efla_scan *s, size_t n, size_t dv, efla_states *a) {
  efla_backend *b = s->call.backend;
  *a = (efla_states){.n = n, .dv = dv};
  const size_t bytes = bytes_of(s, a);
  if (bytes == 0) return EFLA_OK;
  a->data = efla_backend_alloc(b, bytes), a->host = b->row->memory ? efla_alloc(bytes) : a->data;
  if (!a->data || !a->host) return efla_backend_say(b, EFLA_NO_MEMORY, "no memory for states of %zu bytes", bytes);
  memset(a->host, 0, bytes);
  return efla_states_push(s, a);
}

void efla_states_clear(const efla_scan *s, efla_states *a) {
  if (a->host != a->data) efla_free(a->host);
  efla_backend_free(s->call.backend, a->data);
  *a = (efla_states){.n = 0};
}

efla_status efla_states_pull(const efla_scan *s, const efla_states *a) {
  return a->host == a->data ? EFLA_OK : efla_backend_copy(s->call.backend, a->host, a->data, bytes_of(s, a));
}

efla_status efla_states_push(const efla_scan *s, const efla_states *a) {
  return a->host == a->data ? EFLA_OK : efla_backend_copy(s->call.backend, a->data, a->host, bytes_of(s, a));
}

static size_t place(const efla_scan *s, const efla_states *a, size_t lane, size_t i) {
  return (lane * a->n + i) * s->call.x->heads * s->call.x->dk * a->dv * s->bytes;
}

efla_array efla_states_array(const efla_scan *s, const efla_states *a, size_t lane, size_t i) {
  if (!a->data) return (efla_array){.data = NULL};
  return efla_array_states(a->data + place(s, a, lane, i), s->type, s->call.x->heads, s->call.x->dk, a->dv);
}

char *efla_states_head(const efla_scan *s, const efla_states *a, size_t lane, size_t i, size_t h) {
  return a->host + place(s, a, lane, i) + h * s->call.x->dk * a->dv * s->bytes;
}

/* No token leaves a state as it is: the call changes layout and type. */
static efla_status copy(const efla_scan *s, efla_array from, efla_array to) {
  const efla_sequence x = {.batch = 1,
                           .heads = s->call.x->heads,
                           .dk = s->call.x->dk,
                           .dv = s->call.x->dv,
                           .v = {.type = s->call.x->v.type},
                           .initial_state = from};
  return efla_forward(s->call.backend, s->call.rule, &x, &(efla_result){.final_state = to});
}

static efla_array theirs(const efla_scan *s, size_t lane, const efla_array *a, size_t sequence) {
  efla_array one = *a;
  const size_t n = s->call.x->cu_seqlens ? sequence : lane;
  one.data = (char *)a->data + (ptrdiff_t)n * a->batch * (ptrdiff_t)efla_type_size(a->type);
  return one;
}

efla_status efla_states_load(const efla_scan *s, const efla_states *a, size_t lane, size_t i, const efla_array *from,
                             size_t sequence) {
  return copy(s, theirs(s, lane, from, sequence), efla_states_array(s, a, lane, i));
}

efla_status efla_states_store(const efla_scan *s, const efla_states *a, size_t lane, size_t i, const efla_array *to,
                              size_t sequence) {
  return copy(s, efla_states_array(s, a, lane, i), theirs(s, lane, to, sequence));
}

void efla_states_add(size_t n, size_t bytes, const void *from, void *to) {
  for (size_t i = 0; i < n; i++)
    if (bytes == sizeof(double))
      ((double *)to)[i] += ((const double *)from)[i];
    else
      ((float *)to)[i] += ((const float *)from)[i];
}

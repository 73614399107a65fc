/* SPDX-License-Identifier: MIT */
#include "efla/internal/backend.h"
#include "efla/internal/check.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which auto tries them. */
static const efla_backend_row *const rows[] = {
    &efla_backend_cpu,
    &efla_backend_reference,
#ifdef EFLA_CUDA
    &efla_backend_cuda,
#endif
};
enum { ROWS = sizeof rows / sizeof *rows };

const char *efla_backend_name(size_t i) { return i < ROWS ? rows[i]->name : NULL; }
const char *efla_backend_what(size_t i) { return i < ROWS ? rows[i]->what : NULL; }
const char *efla_backend_opened(const efla_backend *backend) { return backend ? backend->row->name : NULL; }

/* ---- messages ---- */

static _Thread_local char open_message[EFLA_MESSAGE_BYTES];

const char *efla_last_message(const efla_backend *backend) { return backend ? backend->message : open_message; }

efla_status efla_backend_say(efla_backend *backend, efla_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(backend->message, sizeof backend->message, format, arguments);
  va_end(arguments);
  return status;
}

/* ---- opening ---- */

static efla_status say_unknown(efla_backend *b, const char *name) {
  efla_backend_say(b, EFLA_INVALID, "backend %.64s: unknown, expected auto", name);
  for (size_t i = 0; i < ROWS; i++) {
    size_t used = strlen(b->message);
    snprintf(b->message + used, sizeof b->message - used, i + 1 < ROWS ? ", %s" : " or %s", rows[i]->name);
  }
  return EFLA_INVALID;
}

static efla_status open_row(efla_backend *b, const char *name, const efla_options *options) {
  bool any = !name || !strcmp(name, "auto");
  if (options->threads > EFLA_MAX_THREADS)
    return efla_backend_say(b, EFLA_INVALID, "threads: %zu, expected at most %d", options->threads, EFLA_MAX_THREADS);
  b->threads = options->threads ? options->threads : 1;
  b->stream = options->stream;
  efla_status status = say_unknown(b, any ? "auto" : name);
  for (size_t i = 0; i < ROWS; i++) {
    if (!any && strcmp(name, rows[i]->name) != 0) continue;
    b->row = rows[i];
    status = rows[i]->open(b, options);
    if (!status || !any || status == EFLA_INVALID) return status;
  }
  return status;
}

efla_status efla_backend_open(const char *name, const efla_options *options, efla_backend **backend) {
  static const efla_options plain = {0};
  efla_backend found = {.message = ""};
  open_message[0] = 0;
  if (!backend) {
    snprintf(open_message, sizeof open_message, "backend: the pointer is NULL");
    return EFLA_INVALID;
  }
  *backend = NULL;
  efla_status status = open_row(&found, name, options ? options : &plain);
  if (status) {
    memcpy(open_message, found.message, sizeof open_message);
    return status;
  }
  efla_backend *b = malloc(sizeof *b);
  if (!b) {
    snprintf(open_message, sizeof open_message, "no memory for a backend");
    return EFLA_NO_MEMORY;
  }
  *b = found;
  b->message[0] = 0;
  *backend = b;
  return EFLA_OK;
}

void efla_backend_close(efla_backend *backend) {
  if (!backend) return;
  if (!backend->lent) efla_backend_free(backend, backend->workspace);
  free(backend);
}

/* ---- memory ---- */

void *efla_backend_alloc(efla_backend *backend, size_t bytes) {
  if (!backend) return NULL;
  const efla_memory *memory = backend->row->memory;
  return memory && bytes > 0 ? memory->alloc(backend, bytes) : efla_alloc(bytes);
}

void efla_backend_free(efla_backend *backend, void *memory) {
  if (!backend || !memory) return;
  if (backend->row->memory)
    (backend->row->memory->free)(backend, memory); /* free may be a macro */
  else
    efla_free(memory);
}

efla_status efla_backend_copy(efla_backend *backend, void *to, const void *from, size_t bytes) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if (bytes == 0) return EFLA_OK;
  if (!to || !from) return efla_backend_say(backend, EFLA_INVALID, "copy: the pointer is NULL");
  if (backend->row->memory) return backend->row->memory->copy(backend, to, from, bytes);
  memcpy(to, from, bytes);
  return EFLA_OK;
}

/* ---- workspace ---- */

enum { ALIGNMENT = 128 };

void *efla_arena_take(efla_arena *arena, size_t n, size_t size) {
  size_t begin = arena->used, left = (size_t)PTRDIFF_MAX - begin;
  if (left < ALIGNMENT || n > (left - ALIGNMENT) / size) {
    arena->used = PTRDIFF_MAX;
    return NULL;
  }
  arena->used = begin + (n * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return arena->base ? arena->base + begin : NULL;
}

static efla_status grow(efla_backend *b, size_t bytes) {
  if (bytes <= b->bytes) return EFLA_OK;
  if (b->lent)
    return efla_backend_say(b, EFLA_NO_MEMORY, "a workspace of %zu bytes is needed, and %zu are lent", bytes, b->bytes);
  efla_backend_free(b, b->workspace);
  b->bytes = 0;
  b->workspace = efla_backend_alloc(b, bytes);
  if (!b->workspace) return efla_backend_say(b, EFLA_NO_MEMORY, "no memory for a workspace of %zu bytes", bytes);
  b->bytes = bytes;
  return EFLA_OK;
}

efla_status efla_backend_run(const efla_call *call, efla_pass *pass) {
  efla_backend *b = call->backend;
  efla_arena count = {0};
  efla_status status = pass(call, &count);
  if (status) return status;
  if (b->reserved && count.used > b->bytes)
    return efla_backend_say(b, EFLA_NO_MEMORY, "the call needs a workspace of %zu bytes, and %zu are reserved",
                            count.used, b->bytes);
  status = grow(b, count.used);
  if (status) return status;
  /* A call that needs nothing still has a base: it is not to count. */
  static char nothing[1];
  efla_arena arena = {.base = b->workspace ? b->workspace : nothing};
  return pass(call, &arena);
}

efla_status efla_kept_bytes(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, size_t *bytes) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if (!bytes) return efla_backend_say(backend, EFLA_INVALID, "bytes: the pointer is NULL");
  *bytes = 0;
  const efla_status status = efla_check_inputs(backend, rule, x, false);
  if (status || !backend->row->kept) return status;
  *bytes = backend->row->kept(&(efla_call){.backend = backend, .rule = rule, .x = x});
  return EFLA_OK;
}

/* What takes the most workspace: every derivative is wanted, and shares numbers as its input does. */
efla_status efla_reserve(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, bool backward) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  efla_status status = efla_check_inputs(backend, rule, x, false);
  if (!status && backward) status = efla_check_offers_backward(backend);
  if (status) return status;
  static _Alignas(16) double places[2]; /* the second one is in no place where vectors are */
  efla_array wanted = {.data = &places[1], .type = x->v.type};
  efla_result y = {.o = wanted, .final_state = wanted};
  efla_gradient dx = {x->q, x->k, x->v, x->beta, x->g, x->p, x->initial_state};
  if (!dx.q.data) dx.q = wanted;
  if (!dx.initial_state.data) dx.initial_state = wanted;
  efla_call call = {.backend = backend, .rule = rule, .x = x, .y = &y, .dx = &dx};
  efla_arena forward = {0}, both = {0};
  status = backend->row->forward(&call, &forward);
  if (backward && !status) status = backend->row->backward(&call, &both);
  if (!status) status = grow(backend, forward.used > both.used ? forward.used : both.used);
  backend->reserved = !status || backend->lent;
  return status;
}

efla_status efla_workspace_bytes(efla_backend *backend, const efla_rule *rule, const efla_sequence *x,
                                 const efla_result *y, const efla_gradient *dx, size_t *bytes) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if (!bytes) return efla_backend_say(backend, EFLA_INVALID, "bytes: the pointer is NULL");
  const efla_call call = {.backend = backend, .rule = rule, .x = x, .y = y, .dx = dx};
  efla_status status = dx ? efla_check_backward(&call) : efla_check_forward(&call);
  efla_arena count = {0};
  if (!status) status = (dx ? backend->row->backward : backend->row->forward)(&call, &count);
  *bytes = count.used;
  return status;
}

efla_status efla_workspace_lend(efla_backend *backend, void *memory, size_t bytes) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if ((size_t)memory % ALIGNMENT != 0)
    return efla_backend_say(backend, EFLA_INVALID, "workspace: not aligned to %d bytes", ALIGNMENT);
  if (!backend->lent) efla_backend_free(backend, backend->workspace);
  backend->lent = backend->reserved = memory != NULL;
  backend->workspace = memory, backend->bytes = memory ? bytes : 0;
  return EFLA_OK;
}

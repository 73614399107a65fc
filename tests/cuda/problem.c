/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "problem.h"

/* ---- numbers ---- */

static uint64_t seed = 1;
static double uniform(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(seed >> 11) / 9007199254740992.;
}
static double normal(void) { return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform()); }

double problem_unit(efla_type type) { return type == EFLA_BF16 ? 0x1p-8 : type == EFLA_F16 ? 0x1p-11 : 0x1p-24; }

void problem_put(efla_type type, void *to, size_t i, double x) {
  const float f = (float)x;
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if (type == EFLA_F32) ((float *)to)[i] = f;
  if (type == EFLA_F16) ((_Float16 *)to)[i] = (_Float16)f;
  if (type == EFLA_BF16) ((uint16_t *)to)[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double problem_get(efla_type type, const void *from, size_t i) {
  if (type == EFLA_F32) return (double)((const float *)from)[i];
  if (type == EFLA_F16) return (double)((const _Float16 *)from)[i];
  const uint32_t bits = (uint32_t)((const uint16_t *)from)[i] << 16;
  float f;
  memcpy(&f, &bits, 4);
  return (double)f;
}

/* ---- arrays of the processor and their copies ---- */

void problem_check(bool ok, efla_backend *b, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, efla_last_message(b));
  exit(1);
}

both problem_make(efla_backend *b, efla_type type, size_t batch, size_t tokens, size_t heads, size_t features,
                  size_t gap) {
  const size_t row = features + gap;
  both x = {.host = {.type = type,
                     .batch = (ptrdiff_t)(tokens * heads * row),
                     .head = (ptrdiff_t)row,
                     .token = (ptrdiff_t)(heads * row)}};
  x.bytes = (batch * tokens * heads * row + 1) * efla_type_size(type);
  x.host.data = malloc(x.bytes);
  memset(x.host.data, 0xff, x.bytes);
  x.device = x.host, x.device.data = efla_backend_alloc(b, x.bytes);
  problem_check(x.host.data && x.device.data, b, "memory");
  return x;
}

void problem_send(efla_backend *b, const both *x) {
  problem_check(!efla_backend_copy(b, x->device.data, x->host.data, x->bytes), b, "copy");
}

void problem_clear(efla_backend *b, both *x) {
  free(x->host.data), efla_backend_free(b, x->device.data);
  *x = (both){.bytes = 0};
}

size_t problem_at(const efla_array *a, size_t b, size_t h, size_t t) {
  return (size_t)((ptrdiff_t)b * a->batch + (ptrdiff_t)(h / (a->repeat ? a->repeat : 1)) * a->head +
                  (ptrdiff_t)t * a->token);
}

void problem_fill(both *x, size_t batch, size_t heads, size_t tokens, size_t n, double center, double spread,
                  bool flat) {
  for (size_t b = 0; b < batch; b++)
    for (size_t t = 0; t < tokens; t++)
      for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < n; i++)
          problem_put(
              x->host.type, x->host.data,
              (size_t)((ptrdiff_t)b * x->host.batch + (ptrdiff_t)h * x->host.head + (ptrdiff_t)t * x->host.token) + i,
              center + spread * (flat ? uniform() : normal()));
}

problem problem_pose(efla_backend *b, const device_case *c) {
  problem p = {.c = c, .states = c->packed ? SEQUENCES : c->batch};
  problem_check(!efla_rule_find(c->method, c->decay, c->keys, &p.rule), b, "rule");
  p.rule.scale = 1 / sqrt((double)c->dk);
  const size_t groups = c->heads / c->repeat, B = c->batch, T = c->tokens;
  const efla_type states = c->narrow_states ? EFLA_F32 : c->type;
  p.q = problem_make(b, c->type, B, T, c->heads, c->dk, c->gap),
  p.k = problem_make(b, c->type, B, T, groups, c->dk, c->gap);
  p.v = problem_make(b, c->type, B, T, c->heads, c->dv, c->gap),
  p.o = problem_make(b, c->type, B, T, c->heads, c->dv, c->gap);
  p.beta = problem_make(b, EFLA_F32, B, T, c->heads, 1, 0), p.g = problem_make(b, c->type, B, T, c->heads, 1, 0);
  p.initial = problem_make(b, states, p.states, c->dk, c->heads, c->dv, 0);
  p.final = problem_make(b, states, p.states, c->dk, c->heads, c->dv, 0);
  p.k.host.repeat = p.k.device.repeat = c->repeat;
  problem_fill(&p.q, B, c->heads, T, c->dk, 0, 1, false);
  problem_fill(&p.k, B, groups, T, c->dk, 0, c->norm / sqrt((double)c->dk), false);
  problem_fill(&p.v, B, c->heads, T, c->dv, 0, 1, false), problem_fill(&p.beta, B, c->heads, T, 1, 0, 1, true);
  const bool alpha = p.rule.decay->argument && !strcmp(p.rule.decay->argument, "alpha");
  problem_fill(&p.g, B, c->heads, T, 1, alpha ? 1 : 0, -.2, true);
  /* A token that forgets all: in a step of an explicit method it would be an infinite rate. */
  if (p.rule.decay->gated && T > 40 && (p.rule.decay->share > 0 || isinf(p.rule.method->stable)))
    problem_put(c->type, p.g.host.data, problem_at(&p.g.host, 0, 0, 37), alpha ? 0 : -INFINITY);
  problem_fill(&p.initial, p.states, c->heads, c->dk, c->dv, 0, 1, false);
  const size_t cu[] = {0, T / 5, T / 5, T / 3, T / 3 + (T > 64 ? 1 : 0), T};
  memcpy(p.cu, cu, sizeof cu);
  both *all[] = {&p.q, &p.k, &p.v, &p.beta, &p.g, &p.initial, &p.o, &p.final};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) problem_send(b, all[i]);
  return p;
}

efla_sequence problem_sequence(const problem *p) {
  const device_case *c = p->c;
  efla_sequence x = {.batch = c->batch,
                     .heads = c->heads,
                     .tokens = c->tokens,
                     .dk = c->dk,
                     .dv = c->dv,
                     .q = p->q.device,
                     .k = p->k.device,
                     .v = p->v.device,
                     .beta = p->beta.device};
  if (p->rule.decay->gated) x.g = p->g.device;
  if (c->initial) x.initial_state = p->initial.device;
  if (c->packed) x.sequences = SEQUENCES, x.cu_seqlens = p->cu;
  return x;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backend cuda against the recurrence in f64, for 16-bit types and f32, every rule, awkward lengths, packed
 * sequences, grouped heads and decoding, within the bound of docs/bounds.md#chunks-16.  Needs a device: without one it
 * says so and succeeds.  A program of its own, for machines with a device and few packages. */
#include "efla/efla.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct device_case {
  const char *method, *decay, *keys;
  efla_type type;
  size_t batch, heads, repeat, tokens, dk, dv, gap; /* gap: numbers between rows */
  double norm;                                      /* of raw keys, about */
  bool packed, initial, narrow_states;              /* states in f32 */
} device_case;

enum { CHUNK = 64, SEQUENCES = 5 };

/* ---- numbers ---- */

static uint64_t seed = 1;
static double uniform(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(seed >> 11) / 9007199254740992.;
}
static double normal(void) { return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform()); }

static double unit_of(efla_type type) { return type == EFLA_BF16 ? 0x1p-8 : type == EFLA_F16 ? 0x1p-11 : 0x1p-24; }

static void put(efla_type type, void *to, size_t i, double x) {
  const float f = (float)x;
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if (type == EFLA_F32) ((float *)to)[i] = f;
  if (type == EFLA_F16) ((_Float16 *)to)[i] = (_Float16)f;
  if (type == EFLA_BF16) ((uint16_t *)to)[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static double get(efla_type type, const void *from, size_t i) {
  if (type == EFLA_F32) return (double)((const float *)from)[i];
  if (type == EFLA_F16) return (double)((const _Float16 *)from)[i];
  const uint32_t bits = (uint32_t)((const uint16_t *)from)[i] << 16;
  float f;
  memcpy(&f, &bits, 4);
  return (double)f;
}

/* ---- arrays of the processor and their copies ---- */

typedef struct both {
  efla_array host, device;
  size_t bytes;
} both;

static void check(bool ok, efla_backend *b, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, efla_last_message(b));
  exit(1);
}

static both make(efla_backend *b, efla_type type, size_t batch, size_t tokens, size_t heads, size_t features,
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
  check(x.host.data && x.device.data, b, "memory");
  return x;
}

static void send(efla_backend *b, const both *x) {
  check(!efla_backend_copy(b, x->device.data, x->host.data, x->bytes), b, "copy");
}

static void clear(efla_backend *b, both *x) {
  free(x->host.data), efla_backend_free(b, x->device.data);
  *x = (both){.bytes = 0};
}

static size_t at(const efla_array *a, size_t b, size_t h, size_t t) {
  return (size_t)((ptrdiff_t)b * a->batch + (ptrdiff_t)(h / (a->repeat ? a->repeat : 1)) * a->head +
                  (ptrdiff_t)t * a->token);
}

typedef struct problem {
  const device_case *c;
  efla_rule rule;
  both q, k, v, beta, g, initial, o, final;
  size_t cu[SEQUENCES + 1], states;
} problem;

static void fill(both *x, size_t batch, size_t heads, size_t tokens, size_t n, double center, double spread,
                 bool flat) {
  for (size_t b = 0; b < batch; b++)
    for (size_t t = 0; t < tokens; t++)
      for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < n; i++)
          put(x->host.type, x->host.data,
              (size_t)((ptrdiff_t)b * x->host.batch + (ptrdiff_t)h * x->host.head + (ptrdiff_t)t * x->host.token) + i,
              center + spread * (flat ? uniform() : normal()));
}

static problem pose(efla_backend *b, const device_case *c) {
  problem p = {.c = c, .states = c->packed ? SEQUENCES : c->batch};
  check(!efla_rule_find(c->method, c->decay, c->keys, &p.rule), b, "rule");
  p.rule.scale = 1 / sqrt((double)c->dk);
  const size_t groups = c->heads / c->repeat, B = c->batch, T = c->tokens;
  const efla_type states = c->narrow_states ? EFLA_F32 : c->type;
  p.q = make(b, c->type, B, T, c->heads, c->dk, c->gap), p.k = make(b, c->type, B, T, groups, c->dk, c->gap);
  p.v = make(b, c->type, B, T, c->heads, c->dv, c->gap), p.o = make(b, c->type, B, T, c->heads, c->dv, c->gap);
  p.beta = make(b, EFLA_F32, B, T, c->heads, 1, 0), p.g = make(b, c->type, B, T, c->heads, 1, 0);
  p.initial = make(b, states, p.states, c->dk, c->heads, c->dv, 0);
  p.final = make(b, states, p.states, c->dk, c->heads, c->dv, 0);
  p.k.host.repeat = p.k.device.repeat = c->repeat;
  fill(&p.q, B, c->heads, T, c->dk, 0, 1, false);
  fill(&p.k, B, groups, T, c->dk, 0, c->norm / sqrt((double)c->dk), false);
  fill(&p.v, B, c->heads, T, c->dv, 0, 1, false), fill(&p.beta, B, c->heads, T, 1, 0, 1, true);
  const bool alpha = p.rule.decay->argument && !strcmp(p.rule.decay->argument, "alpha");
  fill(&p.g, B, c->heads, T, 1, alpha ? 1 : 0, -.2, true);
  if (p.rule.decay->gated && T > 40) /* a token that forgets all */
    put(c->type, p.g.host.data, at(&p.g.host, 0, 0, 37), alpha ? 0 : -INFINITY);
  fill(&p.initial, p.states, c->heads, c->dk, c->dv, 0, 1, false);
  const size_t cu[] = {0, T / 5, T / 5, T / 3, T / 3 + (T > 64 ? 1 : 0), T};
  memcpy(p.cu, cu, sizeof cu);
  both *all[] = {&p.q, &p.k, &p.v, &p.beta, &p.g, &p.initial, &p.o, &p.final};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) send(b, all[i]);
  return p;
}

/* ---- the recurrence in f64, and the bound ---- */

typedef struct judge {
  double worst; /* error over bound */
  size_t rows;
} judge;

static double norm(size_t n, const double *x) {
  double s = 0;
  for (size_t i = 0; i < n; i++) s += x[i] * x[i];
  return sqrt(s);
}

static void compare(judge *j, const both *x, size_t first, size_t n, const double *expected, double bound) {
  double found = 0;
  for (size_t i = 0; i < n; i++) {
    const double e = get(x->host.type, x->host.data, first + i) - expected[i];
    found += e * e;
  }
  const double ratio = sqrt(found) / (bound + 1e-300);
  j->worst = ratio <= j->worst ? j->worst : ratio; /* nan is the worst */
  j->rows++;
}

/* docs/bounds.md#chunks-16 */
static void judge_head(const problem *p, size_t s, size_t h, judge *j) {
  const device_case *c = p->c;
  const size_t dk = c->dk, dv = c->dv, entry = c->packed ? 0 : s, begin = c->packed ? p->cu[s] : 0,
               tokens = c->packed ? p->cu[s + 1] - begin : c->tokens;
  const double u = unit_of(c->type), slack = 0x1p-24 * (double)(dk + 64), scale = p->rule.scale;
  double *S = calloc(dk * dv, sizeof *S), *k = calloc(dk, sizeof *k), *q = calloc(dk, sizeof *q),
         *x = calloc(dv, sizeof *x), *o = calloc(dv, sizeof *o);
  for (size_t i = 0; i < dk && c->initial; i++)
    for (size_t l = 0; l < dv; l++)
      S[i * dv + l] = get(p->initial.host.type, p->initial.host.data, at(&p->initial.host, s, h, i) + l);
  double error = 0, start = 0, weights = 0, local = 0;
  for (size_t t = 0; t < tokens; t++) {
    const size_t T = begin + t;
    if (t % CHUNK == 0) start = norm(dk * dv, S), weights = 0, local = 0;
    for (size_t i = 0; i < dk; i++) {
      k[i] = get(c->type, p->k.host.data, at(&p->k.host, entry, h, T) + i);
      q[i] = get(c->type, p->q.host.data, at(&p->q.host, entry, h, T) + i);
    }
    if (p->rule.keys->unit) p->rule.keys->apply(dk, k);
    const double size = norm(dk, k), beta = get(EFLA_F32, p->beta.host.data, at(&p->beta.host, entry, h, T)),
                 g = p->rule.decay->gated ? get(c->type, p->g.host.data, at(&p->g.host, entry, h, T)) : 0;
    efla_coefficients a;
    efla_rule_coefficients(&p->rule, size * size, beta, g, &a);
    double vv = 0;
    for (size_t l = 0; l < dv; l++) {
      const double v = get(c->type, p->v.host.data, at(&p->v.host, entry, h, T) + l);
      double sum = 0;
      for (size_t i = 0; i < dk; i++) sum += k[i] * S[i * dv + l];
      x[l] = a.write * v - a.erase * sum, vv += v * v;
    }
    for (size_t i = 0; i < dk; i++)
      for (size_t l = 0; l < dv; l++) S[i * dv + l] = a.decay * S[i * dv + l] + k[i] * x[l];
    const double right = a.write * sqrt(vv) + a.erase * size * start, M = right + a.erase * size * weights;
    weights += size * right;
    error *= fmax(fabs(a.decay), fabs(a.decay - a.erase * size * size));
    local += size * (4 * u * M + 2 * u * norm(dv, x) + slack * M);
    for (size_t l = 0; l < dv; l++) {
      o[l] = 0;
      for (size_t i = 0; i < dk; i++) o[l] += scale * q[i] * S[i * dv + l];
    }
    const double readable = error + local + (u + slack) * start;
    compare(j, &p->o, at(&p->o.host, entry, h, T), dv, o, scale * norm(dk, q) * readable + u * norm(dv, o));
    if (t % CHUNK == CHUNK - 1) error += local, local = 0;
  }
  for (size_t i = 0; i < dk; i++)
    compare(j, &p->final, at(&p->final.host, s, h, i), dv, S + i * dv,
            error + local + slack * (start + 1) + u * norm(dv, S + i * dv));
  free(S), free(k), free(q), free(x), free(o);
}

static double judge_all(efla_backend *b, problem *p) {
  judge j = {.worst = 0};
  both *out[] = {&p->o, &p->final};
  for (int i = 0; i < 2; i++)
    check(!efla_backend_copy(b, out[i]->host.data, out[i]->device.data, out[i]->bytes), b, "copy");
  for (size_t s = 0; s < p->states; s++)
    for (size_t h = 0; h < p->c->heads; h++) judge_head(p, s, h, &j);
  return j.worst;
}

/* ---- the cases ---- */

static efla_sequence sequence_of(const problem *p) {
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

static void decode(efla_backend *b, problem *p) {
  const device_case *c = p->c;
  const size_t size = efla_type_size(c->type);
  efla_decoder *d;
  check(!efla_decoder_open(b, &p->rule, &(efla_decoder_shape){c->batch, c->heads, c->dk, c->dv, c->type}, &d), b,
        "open");
  if (c->initial) check(!efla_decoder_load(d, &p->initial.device), b, "load");
  for (size_t t = 0; t < c->tokens; t++) {
    efla_sequence x = sequence_of(p);
    efla_array o = p->o.device, *rows[] = {&x.q, &x.k, &x.v, &o, &x.g};
    x.tokens = 1, x.initial_state.data = NULL;
    x.beta.data = (char *)x.beta.data + 4 * (size_t)x.beta.token * t;
    for (int i = 0; i < 5; i++)
      if (rows[i]->data) rows[i]->data = (char *)rows[i]->data + size * (size_t)rows[i]->token * t;
    check(!efla_decoder_step(d, &x, &o), b, "step");
  }
  check(!efla_decoder_store(d, &p->final.device), b, "store");
  efla_decoder_close(d);
}

static int run(efla_backend *b, const device_case *c, bool decodes) {
  problem p = pose(b, c);
  const efla_sequence x = sequence_of(&p);
  const efla_result y = {.o = p.o.device, .final_state = p.final.device};
  if (decodes)
    decode(b, &p);
  else
    check(!efla_forward(b, &p.rule, &x, &y), b, "forward");
  const double worst = judge_all(b, &p);
  printf("%-9s %-9s %-4s %-4s (%zu,%zu,%zu/%zu,%zu,%zu) gap %zu norm %g%s%s%s: %.3g of the bound%s\n", c->method,
         c->decay, c->keys, efla_type_name(c->type), c->batch, c->tokens, c->heads, c->repeat, c->dk, c->dv, c->gap,
         c->norm, c->packed ? " packed" : "", c->initial ? " initial" : "", decodes ? " decoding" : "", worst,
         worst <= 1 ? "" : "  WRONG");
  both *all[] = {&p.q, &p.k, &p.v, &p.beta, &p.g, &p.initial, &p.o, &p.final};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) clear(b, all[i]);
  return worst <= 1 ? 0 : 1;
}

static int refusals(efla_backend *b) {
  const device_case c = {"exact", "none", "raw", EFLA_BF16, 1, 1, 1, 8, 64, 64, 0, 1, false, false, true};
  problem p = pose(b, &c);
  efla_sequence x = sequence_of(&p);
  efla_result y = {.o = p.o.device};
  int wrong = 0;
  x.k = p.k.host;
  wrong += efla_forward(b, &p.rule, &x, &y) != EFLA_INVALID;
  printf("refused: %s\n", efla_last_message(b));
  x.k = p.k.device, y.o = p.o.host;
  wrong += efla_forward(b, &p.rule, &x, &y) != EFLA_INVALID;
  printf("refused: %s\n", efla_last_message(b));
  efla_gradient dx = {.v = p.v.device};
  y.o = p.o.device;
  wrong += efla_backward(b, &p.rule, &x, &y, &dx) != EFLA_UNSUPPORTED;
  printf("refused: %s\n", efla_last_message(b));
  wrong += efla_backend_alloc(b, (size_t)1 << 50) != NULL;
  x.dk = 5000, x.k.token = x.q.token = 5000, x.k.head = x.q.head = 5000;
  wrong += efla_forward(b, &p.rule, &x, &y) != EFLA_UNSUPPORTED;
  printf("refused: %s\n", efla_last_message(b));
  return wrong;
}

int main(int argc, char **argv) {
  static const device_case small[] = {
      {"exact", "none", "raw", EFLA_BF16, 1, 2, 1, 64, 128, 128, 0, 1, false, false, true},
      {"exact", "none", "raw", EFLA_BF16, 2, 2, 2, 130, 64, 64, 8, 1, false, true, true},
      {"exact", "split", "unit", EFLA_F16, 1, 2, 1, 200, 64, 64, 0, 3, true, true, false},
      {"exact", "joint", "raw", EFLA_BF16, 1, 4, 2, 100, 128, 128, 8, 7, true, true, true},
      {"exact", "none", "raw", EFLA_BF16, 1, 2, 1, 33, 40, 24, 1, 1, true, true, false},
      {"rk4", "retention", "raw", EFLA_F32, 1, 2, 1, 40, 70, 9, 0, .7, false, true, false},
  };
  static const char *const methods[] = {"exact", "euler", "implicit", "gauss4"};
  static const char *const decays[] = {"none", "split", "joint", "retention", "strang"};
  efla_backend *b;
  const efla_status status = efla_backend_open("cuda", NULL, &b);
  if (status) {
    printf("skipped: %s\n", efla_last_message(NULL));
    return status == EFLA_UNSUPPORTED ? 0 : 1;
  }
  int wrong = refusals(b);
  for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
    wrong += run(b, &small[i], false);
    if (!small[i].packed) wrong += run(b, &small[i], true);
  }
  const size_t dims[] = {64, 128, 128, 72}, lengths[] = {1, 63, 257, 1000};
  for (size_t i = 0; i < 60 && !(argc > 1 && !strcmp(argv[1], "--small")); i++) {
    const bool explicit = i % 4 == 1;
    device_case c = {methods[i % 4],
                     decays[i % 5],
                     i % 7 == 3 ? "unit" : "raw",
                     i % 3 == 2 ? EFLA_F16 : EFLA_BF16,
                     1,
                     4,
                     i % 2 + 1,
                     lengths[i / 2 % 4],
                     dims[i / 3 % 4],
                     dims[i / 3 % 4],
                     i % 5 == 4 ? 8 : 0,
                     explicit     ? .9
                     : i % 4 == 0 ? 7.5
                                  : 1.2,
                     i % 6 == 5,
                     i % 3 != 0,
                     i % 2 == 0};
    wrong += run(b, &c, false);
  }
  efla_backend_close(b);
  printf("%d wrong\n", wrong);
  return wrong > 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cases.h"

#include "efla/internal/rows.h"

#include <gsl/gsl_randist.h>

size_t case_states(const backend_case *c) { return c->packed ? c->sequences : c->batch; }

double case_number(const field *f, size_t b, size_t h, size_t t, size_t i) {
  if (f->entries == 1) b = 0;
  h = f->groups == 1 ? 0 : h / f->repeat;
  if (f->tokens == 1) t = 0;
  return f->values[((b * f->groups + h) * f->tokens + t) * f->features + i];
}

/* Kinds of sharing: none, by repeat, one for all heads, one for all batch entries, one for all. */
static field make_field(size_t batch, size_t heads, size_t tokens, size_t features, size_t kind, double sigma,
                        gsl_rng *draw) {
  field f = {batch, heads, tokens, features, 1, NULL};
  if (kind == 1) f.groups = heads / 2, f.repeat = 2;
  if (kind == 2 || kind == 4) f.groups = 1;
  if (kind == 3 || kind == 4) f.entries = 1;
  size_t n = f.entries * f.groups * f.tokens * f.features;
  f.values = calloc(n ? n : 1, sizeof *f.values);
  ck_assert_ptr_nonnull(f.values);
  for (size_t i = 0; i < n; i++) f.values[i] = (double)(float)gsl_ran_gaussian(draw, sigma);
  return f;
}

/* from + range u, u in [0, 1). */
static void make_scalars(field *f, double from, double range, gsl_rng *draw) {
  size_t n = f->entries * f->groups * f->tokens;
  for (size_t i = 0; i < n; i++) f->values[i] = (double)(float)(from + range * gsl_rng_uniform(draw));
}

/* Keys of norm 1 at most for explicit methods, whose phi has zeros beyond x = 1, else 1.4. */
static void bound_keys(field *k, double norm) {
  for (double *row = k->values; row < k->values + k->entries * k->groups * k->tokens * k->features;
       row += k->features) {
    double size = 0;
    for (size_t i = 0; i < k->features; i++) size += row[i] * row[i];
    size = sqrt(size);
    for (size_t i = 0; i < k->features && size > norm; i++) row[i] = (double)(float)(row[i] * norm * .999 / size);
  }
}

static const char *decay_of(size_t n) {
  static const char *const names[] = {"none", "split", "joint", "retention", "strang"};
  if (n >= CASES_ERASE) return names[n % 5];
  if (n >= CASES_CHANNEL) return n % 2 ? "split" : "strang";
  if (n >= CASES_ANY) return n % 2 ? "retention" : "joint";
  return n % 3 == 1 ? "split" : "none";
}

/* One number in [least, 0] per channel, by turns near 0, and strong. */
static void make_channels(field *g, size_t n, gsl_rng *draw) {
  const double range = n % 3 == 0 ? 1e-3 : n % 3 == 1 ? 1 : 30;
  const size_t numbers = g->entries * g->groups * g->tokens * g->features;
  for (size_t i = 0; i < numbers; i++) g->values[i] = (double)(float)(-range * pow(gsl_rng_uniform(draw), 3));
}

/* The keys with some of their channels halved, one in seven turned round: mu = p^T k may be negative. */
static void make_erase_keys(backend_case *c, gsl_rng *draw) {
  const field *k = &c->in[CASE_K];
  const size_t numbers = k->entries * k->groups * k->tokens * k->features;
  field *p = &c->in[CASE_P];
  *p = *k;
  p->values = calloc(numbers ? numbers : 1, sizeof *p->values);
  ck_assert_ptr_nonnull(p->values);
  for (size_t i = 0; i < numbers; i++)
    p->values[i] =
        k->values[i] * (gsl_rng_uniform_int(draw, 7) ? .5 + .5 * (double)gsl_rng_uniform_int(draw, 2) : -.25);
}

backend_case case_make(size_t n, gsl_rng *draw) {
  static const size_t sizes[] = {1, 3, 16, 17, 64, 65, 128}, lengths[] = {200, 65, 64, 63, 1, 0};
  static const char *const methods[] = {"exact", "euler", "implicit", "rk4", "exact"};
  backend_case c = {.batch = 2, .heads = 4, .dk = sizes[n % 7], .dv = sizes[(n / 7 + 3 * n) % 7]};
  bool large = c.dk * c.dv > 4096;
  const size_t length = (n + n / 6) % 6;
  c.tokens = lengths[large && length == 0 ? 1 : length];
  c.packed = n % 4 == 3, c.in_place = n % 5 == 2;
  if (c.packed || large) c.batch = 1;
  if (large) c.heads = 2;
  const size_t a = c.tokens / 3;
  memcpy(c.cu, (size_t[]){0, 0, a, a, c.tokens, c.tokens}, sizeof c.cu);
  c.sequences = 5;
  const char *method = methods[n % 5];
  const char *decay = decay_of(n);
  ck_assert_int_eq(efla_rule_find(method, decay, n % 7 == 4 ? "unit" : "raw", &c.rule), EFLA_OK);
  c.rule.scale = n % 2 ? .125 + .7 * gsl_rng_uniform(draw) : 0;
  c.rule.scale = (double)(float)c.rule.scale;
  const size_t b = c.batch, h = c.heads, t = c.tokens, s = case_states(&c);
  c.in[CASE_Q] = make_field(b, h, t, c.dk, n % 11 == 5 ? 3 : 0, 1, draw);
  c.in[CASE_K] = make_field(b, h, t, c.dk, n % 5, 1 / sqrt((double)c.dk), draw);
  c.in[CASE_V] = make_field(b, h, t, c.dv, n % 3, 1, draw);
  c.in[CASE_BETA] = make_field(b, h, t, 1, n % 4 == 1 ? 1 : 0, 1, draw);
  make_scalars(&c.in[CASE_BETA], 0, .9, draw); /* x = beta lambda is below 2 with keys of norm about 1.2 */
  bound_keys(&c.in[CASE_K], !strcmp(method, "exact") || !strcmp(method, "implicit") ? 1.4 : 1);
  c.per_channel = n >= CASES_CHANNEL && c.rule.decay->share > 0 && (n < CASES_ERASE || n % 2);
  if (c.per_channel) {
    c.in[CASE_G] = make_field(b, h, t, c.dk, n % 5, 1, draw);
    make_channels(&c.in[CASE_G], n, draw);
  } else if (c.rule.decay->gated) {
    const bool retention = !strcmp(c.rule.decay->argument, "alpha"),
               explicit = c.rule.method->stable < INFINITY && !c.rule.decay->proportional;
    c.in[CASE_G] = make_field(b, h, t, 1, n % 2 ? 2 : 0, 1, draw);
    make_scalars(&c.in[CASE_G], retention ? 1 : 0, explicit ? -.1 : -.5, draw); /* y + x < 1 where it is explicit */
  }
  if (n >= CASES_ERASE) make_erase_keys(&c, draw);
  if (c.in_place || n % 3) c.in[CASE_INITIAL] = make_field(s, h, c.dk, c.dv, c.in_place ? 0 : n % 5, 1, draw);
  if (n % 8 != 6) c.d_o = make_field(b, h, t, c.dv, 0, 1, draw);
  if (c.in_place || n % 4 != 1) c.d_final = make_field(s, h, c.dk, c.dv, 0, 1, draw);
  return c;
}

void case_halve(backend_case *c) {
  c->half = true;
  for (int i = 0; i < CASE_INPUTS; i++) {
    const field *f = &c->in[i];
    for (size_t n = 0; f->values && n < f->entries * f->groups * f->tokens * f->features; n++) {
      const float x = (float)f->values[n];
      uint32_t bits;
      memcpy(&bits, &x, sizeof bits);
      f->values[n] = (double)efla_bf16_widen((uint16_t)(bits >> 16));
      if (i == CASE_K && c->rule.keys->unit) f->values[n] *= 8; /* what makes no difference */
    }
  }
}

void case_clear(backend_case *c) {
  for (int i = 0; i < CASE_INPUTS; i++) free(c->in[i].values);
  free(c->d_o.values), free(c->d_final.values);
}

/* ---- arrays in memory ---- */

/* Token-major, head-major, a slice of wider rows, or any order of dimensions with gaps. */
placed case_place(const field *shape, efla_type type, gsl_rng *draw) {
  static const int orders[6][3] = {{1, 2, 0}, {2, 1, 0}, {1, 2, 0}, {0, 1, 2}, {2, 0, 1}, {1, 0, 2}};
  const size_t counts[3] = {shape->entries, shape->groups, shape->tokens}, size = efla_type_size(type);
  size_t kind = gsl_rng_uniform_int(draw, 6), span = shape->features;
  ptrdiff_t strides[3];
  for (int i = 0; i < 3; i++) {
    int d = orders[kind][i];
    size_t gap = kind < 2 ? 0 : kind == 2 && i == 0 ? 2 * shape->features : gsl_rng_uniform_int(draw, 4);
    strides[d] = (ptrdiff_t)(span + gap);
    span = (span + gap) * (counts[d] ? counts[d] : 1);
  }
  placed p = {.array = {.type = type, .repeat = shape->repeat == 1 ? kind % 2 : shape->repeat},
              .unit = type == EFLA_BF16  ? U16
                      : type == EFLA_F32 ? U32
                                         : U};
  p.array.batch = shape->entries == 1 ? 0 : strides[0];
  p.array.head = shape->groups == 1 ? 0 : strides[1];
  p.array.token = strides[2];
  size_t offset = gsl_rng_uniform_int(draw, 5);
  p.bytes = (span + offset) * size;
  p.memory = malloc(p.bytes);
  ck_assert_ptr_nonnull(p.memory);
  memset(p.memory, 0xff, p.bytes);
  p.array.data = p.memory + offset * size;
  return p;
}

/* The number at which the row of a group of heads begins. */
static ptrdiff_t place_of(const placed *p, size_t b, size_t g, size_t t) {
  const efla_array *a = &p->array;
  return (ptrdiff_t)b * a->batch + (ptrdiff_t)g * a->head + (ptrdiff_t)t * a->token;
}

void case_fill(const placed *p, const field *f) {
  const double *from = f->values;
  for (size_t b = 0; b < f->entries; b++)
    for (size_t g = 0; g < f->groups; g++)
      for (size_t t = 0; t < f->tokens; t++)
        for (size_t i = 0; i < f->features; i++, from++)
          efla_array_set(&p->array, place_of(p, b, g, t) + (ptrdiff_t)i, *from);
}

/* Adds up what shares a row: the sum and the bound of its error, one roundoff of the sizes for every addition. */
static void add_up(const field *shape, size_t row[3], size_t batch, size_t heads, size_t tokens,
                   const long double *expected, const double *bound, long double *sum, double *error) {
  size_t repeat = shape->groups == 1 ? heads : shape->repeat, first = shape->entries == 1 ? 0 : row[0],
         last = shape->entries == 1 ? batch : row[0] + 1, n = shape->features, added = 0;
  double sizes = 0;
  for (size_t b = first; b < last; b++)
    for (size_t h = row[1] * repeat; h < (row[1] + 1) * repeat; h++, added++) {
      size_t r = (b * heads + h) * tokens + row[2];
      double size = 0;
      for (size_t i = 0; i < n; i++) {
        sum[i] = (added ? sum[i] : 0) + expected[r * n + i];
        size += (double)(expected[r * n + i] * expected[r * n + i]);
      }
      sizes += sqrt(size);
      *error = (added ? *error : 0) + bound[r];
    }
  *error += (double)(added - 1) * sizes;
}

void case_compare(const char *what, const placed *p, const field *shape, size_t batch, size_t heads, size_t tokens,
                  const long double *expected, const double *bound) {
  const size_t size = efla_type_size(p->array.type);
  long double *sum = calloc(shape->features + 1, sizeof *sum);
  for (size_t b = 0; b < shape->entries; b++)
    for (size_t g = 0; g < shape->groups; g++)
      for (size_t t = 0; t < shape->tokens; t++) {
        double allowed = 0, found = 0;
        add_up(shape, (size_t[]){b, g, t}, batch, heads, tokens, expected, bound, sum, &allowed);
        const ptrdiff_t at = place_of(p, b, g, t);
        for (size_t i = 0; i < shape->features; i++) {
          const double value = efla_array_get(&p->array, at + (ptrdiff_t)i);
          found += (double)((value - sum[i]) * (value - sum[i]));
        }
        memset((char *)p->array.data + at * (ptrdiff_t)size, 0xff, shape->features * size);
        ck_assert_msg(sqrt(found) <= p->unit * allowed, "%s (%zu, %zu, %zu): error %g exceeds %g (seed %lu)", what, b,
                      g, t, sqrt(found), p->unit * allowed, testing_seed());
      }
  free(sum);
  size_t written = 0;
  for (size_t i = 0; i < p->bytes; i++) written += p->memory[i] != 0xff;
  ck_assert_msg(written == 0, "%s: %zu bytes beside the array were written", what, written);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backend cuda against the recurrence in f64, for 16-bit types and f32, every rule, awkward lengths, packed
 * sequences, grouped heads and decoding, within the bound of docs/bounds.md#chunks-16.  Needs a device: without one it
 * says so and succeeds.  A program of its own, for machines with a device and few packages. */
#include "problem.h"

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
    const double e = problem_get(x->host.type, x->host.data, first + i) - expected[i];
    found += e * e;
  }
  const double ratio = sqrt(found) / (bound + 1e-300);
  if (!(ratio <= j->worst) && !isnan(j->worst)) j->worst = ratio; /* nan stays */
  j->rows++;
}

/* docs/bounds.md#chunks-16 */
static void judge_head(const problem *p, size_t s, size_t h, judge *j) {
  const device_case *c = p->c;
  const size_t dk = c->dk, dv = c->dv, entry = c->packed ? 0 : s, begin = c->packed ? p->cu[s] : 0,
               tokens = c->packed ? p->cu[s + 1] - begin : c->tokens;
  const double u = problem_unit(c->type), slack = 0x1p-24 * (double)(dk + 64), scale = p->rule.scale;
  double *S = calloc(dk * dv, sizeof *S), *k = calloc(dk, sizeof *k), *q = calloc(dk, sizeof *q),
         *x = calloc(dv, sizeof *x), *o = calloc(dv, sizeof *o);
  for (size_t i = 0; i < dk && c->initial; i++)
    for (size_t l = 0; l < dv; l++)
      S[i * dv + l] =
          problem_get(p->initial.host.type, p->initial.host.data, problem_at(&p->initial.host, s, h, i) + l);
  double error = 0, start = 0, weights = 0, local = 0;
  for (size_t t = 0; t < tokens; t++) {
    const size_t T = begin + t;
    if (t % CHUNK == 0) start = norm(dk * dv, S), weights = 0, local = 0;
    for (size_t i = 0; i < dk; i++) {
      k[i] = problem_get(c->type, p->k.host.data, problem_at(&p->k.host, entry, h, T) + i);
      q[i] = problem_get(c->type, p->q.host.data, problem_at(&p->q.host, entry, h, T) + i);
    }
    if (p->rule.keys->unit) p->rule.keys->apply(dk, k);
    const double size = norm(dk, k),
                 beta = problem_get(EFLA_F32, p->beta.host.data, problem_at(&p->beta.host, entry, h, T)),
                 g = p->rule.decay->gated ? problem_get(c->type, p->g.host.data, problem_at(&p->g.host, entry, h, T))
                                          : 0;
    efla_coefficients a;
    efla_rule_coefficients(&p->rule, size * size, beta, g, &a);
    double vv = 0;
    for (size_t l = 0; l < dv; l++) {
      const double v = problem_get(c->type, p->v.host.data, problem_at(&p->v.host, entry, h, T) + l);
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
    compare(j, &p->o, problem_at(&p->o.host, entry, h, T), dv, o, scale * norm(dk, q) * readable + u * norm(dv, o));
    if (t % CHUNK == CHUNK - 1) error += local, local = 0;
  }
  for (size_t i = 0; i < dk; i++)
    compare(j, &p->final, problem_at(&p->final.host, s, h, i), dv, S + i * dv,
            error + local + slack * (start + 1) + u * norm(dv, S + i * dv));
  free(S), free(k), free(q), free(x), free(o);
}

static double judge_all(efla_backend *b, problem *p) {
  judge j = {.worst = 0};
  both *out[] = {&p->o, &p->final};
  for (int i = 0; i < 2; i++)
    problem_check(!efla_backend_copy(b, out[i]->host.data, out[i]->device.data, out[i]->bytes), b, "copy");
  for (size_t s = 0; s < p->states; s++)
    for (size_t h = 0; h < p->c->heads; h++) judge_head(p, s, h, &j);
  return j.worst;
}

/* ---- the cases ---- */

static void decode(efla_backend *b, problem *p) {
  const device_case *c = p->c;
  const size_t size = efla_type_size(c->type);
  efla_decoder *d;
  problem_check(!efla_decoder_open(b, &p->rule, &(efla_decoder_shape){c->batch, c->heads, c->dk, c->dv, c->type}, &d),
                b, "open");
  if (c->initial) problem_check(!efla_decoder_load(d, &p->initial.device), b, "load");
  for (size_t t = 0; t < c->tokens; t++) {
    efla_sequence x = problem_sequence(p);
    efla_array o = p->o.device, *rows[] = {&x.q, &x.k, &x.v, &o, &x.g};
    x.tokens = 1, x.initial_state.data = NULL;
    x.beta.data = (char *)x.beta.data + 4 * (size_t)x.beta.token * t;
    for (int i = 0; i < 5; i++)
      if (rows[i]->data) rows[i]->data = (char *)rows[i]->data + size * (size_t)rows[i]->token * t;
    problem_check(!efla_decoder_step(d, &x, &o), b, "step");
  }
  problem_check(!efla_decoder_store(d, &p->final.device), b, "store");
  efla_decoder_close(d);
}

static int run(efla_backend *b, const device_case *c, bool decodes) {
  problem p = problem_pose(b, c);
  const efla_sequence x = problem_sequence(&p);
  const efla_result y = {.o = p.o.device, .final_state = p.final.device};
  if (decodes)
    decode(b, &p);
  else
    problem_check(!efla_forward(b, &p.rule, &x, &y), b, "forward");
  const double worst = judge_all(b, &p);
  printf("%-9s %-9s %-4s %-4s (%zu,%zu,%zu/%zu,%zu,%zu) gap %zu norm %g%s%s%s: %.3g of the bound%s\n", c->method,
         c->decay, c->keys, efla_type_name(c->type), c->batch, c->tokens, c->heads, c->repeat, c->dk, c->dv, c->gap,
         c->norm, c->packed ? " packed" : "", c->initial ? " initial" : "", decodes ? " decoding" : "", worst,
         worst <= 1 ? "" : "  WRONG");
  both *all[] = {&p.q, &p.k, &p.v, &p.beta, &p.g, &p.initial, &p.o, &p.final};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) problem_clear(b, all[i]);
  return worst <= 1 ? 0 : 1;
}

static int refusals(efla_backend *b) {
  const device_case c = {"exact", "none", "raw", EFLA_BF16, 1, 1, 1, 8, 64, 64, 0, 1, false, false, true};
  problem p = problem_pose(b, &c);
  efla_sequence x = problem_sequence(&p);
  efla_result y = {.o = p.o.device};
  int wrong = 0;
  x.k = p.k.host;
  wrong += efla_forward(b, &p.rule, &x, &y) != EFLA_INVALID;
  printf("refused: %s\n", efla_last_message(b));
  x.k = p.k.device, y.o = p.o.host;
  wrong += efla_forward(b, &p.rule, &x, &y) != EFLA_INVALID;
  printf("refused: %s\n", efla_last_message(b));
  y.o = p.o.device;
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
  /* Some heads to each multiprocessor. */
  static const device_case many[] = {
      {"exact", "split", "unit", EFLA_BF16, 72, 4, 2, 3, 128, 128, 8, 3, false, true, true},
      {"exact", "none", "raw", EFLA_F16, 30, 10, 1, 2, 64, 64, 0, 1, false, true, true},
      {"rk4", "retention", "raw", EFLA_F32, 300, 1, 1, 2, 128, 128, 0, .7, false, false, false},
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
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) wrong += run(b, &many[i], true);
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

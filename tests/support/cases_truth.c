/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One head after another in long double, with the bound of docs/bounds.md#backends carried along. */
#include "cases_truth.h"

long double truth_norm(size_t n, const long double *x) {
  long double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrtl(sum);
}

long double truth_dot(size_t n, const long double *x, const long double *y) {
  long double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

void *truth_room(size_t n, size_t size) {
  void *memory = calloc(n + 1, size);
  ck_assert_ptr_nonnull(memory);
  return memory;
}

double truth_scale(const backend_case *c) { return c->rule.scale == 0 ? 1 : c->rule.scale; }

void truth_read_row(const field *f, size_t b, size_t h, size_t t, long double *to) {
  for (size_t i = 0; i < f->features; i++) to[i] = case_number(f, b, h, t, i);
}

long double truth_channel(const truth_head *x, size_t t, size_t i, double share) {
  if (!x->c->per_channel) return 1;
  return expl(share * (long double)case_number(&x->c->in[CASE_G], x->b, x->h, x->begin + t, i));
}

long double truth_row_decay(const truth_head *x, const truth_token *a, size_t t, size_t i) {
  return x->c->per_channel ? truth_channel(x, t, i, 1) : a->c.decay;
}

/* The norm of d I - e k p^T, from its singular values in the span of k and p. */
static double rank_one_norm(long double d, long double e, long double kk, long double pp, long double kp) {
  const long double trace = e * e * kk * pp - 2 * d * e * kp, gap = kk * pp > kp * kp ? kk * pp - kp * kp : 0;
  const long double above = (trace + sqrtl(trace * trace + 4 * d * d * e * e * gap)) / 2;
  return (double)sqrtl(d * d + (above > 0 ? above : 0));
}

/* Keys of the update, and the transition's norm: of (I - a k p^T) between factors diag exp(share g). */
static void spread(const truth_head *x, size_t t, const long double *key, const long double *erase, truth_token *a) {
  const backend_case *c = x->c;
  const size_t dk = c->dk;
  const double share = c->rule.decay->share;
  long double *k = x->k + t * dk, *p = x->p + t * dk, most = c->per_channel ? 0 : 1;
  for (size_t i = 0; i < dk; i++) {
    k[i] = key[i] * truth_channel(x, t, i, 1 - share), p[i] = erase[i] * truth_channel(x, t, i, share);
    if (c->per_channel) most = fmaxl(most, truth_channel(x, t, i, 1));
  }
  a->k = k, a->p = p, a->k_size = (double)truth_norm(dk, k), a->p_length = (double)truth_norm(dk, p);
  a->key_size = truth_norm(dk, key), a->p_size = truth_norm(dk, erase);
  a->carried = (double)most * rank_one_norm(a->c.decay, a->c.erase, a->key_size * a->key_size, a->p_size * a->p_size,
                                            truth_dot(dk, key, erase));
}

truth_token truth_read_token(const truth_head *x, size_t t) {
  const backend_case *c = x->c;
  const size_t dk = c->dk;
  const bool other = c->in[CASE_P].values != NULL;
  long double *key = truth_room(dk, sizeof *key), *erase = truth_room(dk, sizeof *erase);
  truth_token a = {.g = 0};
  truth_read_row(&c->in[CASE_K], x->b, x->h, x->begin + t, key);
  a.key_norm = truth_norm(dk, key);
  for (size_t i = 0; i < dk && c->rule.keys->unit && a.key_norm > 0; i++) key[i] /= a.key_norm;
  memcpy(erase, key, dk * sizeof *key);
  if (other) truth_read_row(&c->in[CASE_P], x->b, x->h, x->begin + t, erase);
  a.lambda = truth_dot(dk, key, erase), a.beta = case_number(&c->in[CASE_BETA], x->b, x->h, x->begin + t, 0);
  if (c->in[CASE_G].values && !c->per_channel) a.g = case_number(&c->in[CASE_G], x->b, x->h, x->begin + t, 0);
  efla_rule_coefficients_long(&c->rule, a.lambda, a.beta, a.g, &a.c);
  efla_rule_slopes(&c->rule, (double)a.lambda, (double)a.beta, (double)a.g, &a.slopes);
  spread(x, t, key, erase, &a);
  const bool simple = c->rule.decay->proportional;
  const double lambda_error = ((double)dk + (simple ? 6 : 8)) * (double)(a.key_size * a.p_size);
  a.dw = (simple ? 6 : 9) * fabs((double)a.c.write) + lambda_error * fabs(a.slopes.by_lambda.write);
  a.de = (simple ? 9 : 11) * fabs((double)a.c.erase) + lambda_error * fabs(a.slopes.by_lambda.erase);
  a.dd = (simple ? 3 : 6) * fabs((double)a.c.decay) * c->rule.decay->gated;
  if (c->per_channel) a.dd = 8;
  a.dkey = c->per_channel ? 6 : 0;
  free(key), free(erase);
  return a;
}

bool truth_is_cut(const truth_head *x, size_t t) {
  for (size_t i = 0; i < x->c->cuts && t > 0; i++)
    if (x->c->cut[i] == x->begin + t) return true;
  return false;
}

double truth_size_before(const truth_head *x, size_t t) {
  const size_t window = x->c->half ? TRUTH_HALF_WINDOW : TRUTH_WINDOW, first = t > window ? t - window : 0;
  double size = x->S_size[first] + x->through[first] + x->through[t];
  for (size_t s = first; s < t; s++) size += x->ku[s];
  return size;
}

/* The state as a scan forms it, M S + N: a sum of dk products, rounded. */
static void carry_on(const truth_head *x, size_t t) {
  const double dk = (double)x->c->dk;
  x->error[t] += (dk + 2) * x->through[t] + x->S_size[t];
  x->through[t] = 2 * sqrt(dk) * x->S_size[t];
}

/* A roundoff of f32 in that of which errors are multiples, and one of bf16, where there is one. */
static double narrow_unit(const truth_head *x) { return x->c->half ? U32 / U16 : 1; }
static double half_unit(const truth_head *x) { return x->c->half ? 1 : 0; }

static void advance(const truth_head *x, size_t t) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv;
  if (truth_is_cut(x, t)) carry_on(x, t);
  const truth_token a = truth_read_token(x, t);
  const long double *S = x->S + t * dk * dv;
  long double *next = x->S + (t + 1) * dk * dv, *u = x->u + t * dv, *v = truth_room(dv, sizeof *v);
  truth_read_row(&c->in[CASE_V], x->b, x->h, x->begin + t, v);
  for (size_t j = 0; j < dv; j++) {
    long double s = 0;
    for (size_t i = 0; i < dk; i++) s += a.p[i] * S[i * dv + j];
    u[j] = a.c.write * v[j] - a.c.erase * s;
  }
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) next[i * dv + j] = truth_row_decay(x, &a, t, i) * S[i * dv + j] + a.k[i] * u[j];
  const double N = truth_size_before(x, t), e = fabs((double)a.c.erase), w = fabs((double)a.c.write),
               size_v = (double)truth_norm(dv, v);
  const double unit = narrow_unit(x), ds = ((double)dk + 19 + a.dkey) * N * a.p_length,
               du = unit * (a.dw * size_v + e * ds + a.de * N * a.p_length + 4 * (w * size_v + e * N * a.p_length)) +
                    half_unit(x) * 2 * e * N * a.p_length;
  x->ku[t] = a.k_size * ((double)truth_norm(dv, u) + e * a.p_length * x->through[t]);
  x->through[t + 1] = a.carried * x->through[t], x->S_size[t + 1] = (double)truth_norm(dk * dv, next);
  x->error[t + 1] = a.carried * x->error[t] + a.k_size * du + unit * ((a.dd + 18) * N + (21 + a.dkey) * x->ku[t]) +
                    half_unit(x) * x->ku[t];
  free(v);
}

static void read_out(const truth_head *x, size_t t, truth *to) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv, row = (x->b * c->heads + x->h) * c->tokens + x->begin + t;
  const long double *S = x->S + (t + 1) * dk * dv;
  long double *o = to->o + row * dv, *q = truth_room(dk, sizeof *q);
  truth_read_row(&c->in[CASE_Q], x->b, x->h, x->begin + t, q);
  for (size_t j = 0; j < dv; j++) {
    o[j] = 0;
    for (size_t i = 0; i < dk; i++) o[j] += truth_scale(c) * q[i] * S[i * dv + j];
  }
  to->o_error[row] =
      1.01 *
      (truth_scale(c) * (double)truth_norm(dk, q) *
           (x->error[t + 1] + (narrow_unit(x) * ((double)dk + 20) + half_unit(x) * 3) * truth_size_before(x, t + 1)) +
       half_unit(x) * (double)truth_norm(dv, o));
  free(q);
}

static void solve_head(truth_head *x, bool backward, truth *to) {
  const backend_case *c = x->c;
  const size_t n = c->dk * c->dv, T = x->tokens, state = x->s * c->heads + x->h;
  x->S = truth_room((T + 1) * n, sizeof *x->S), x->u = truth_room(T * c->dv, sizeof *x->u);
  x->k = truth_room(T * c->dk, sizeof *x->k), x->p = truth_room(T * c->dk, sizeof *x->p);
  x->du = truth_room(T * c->dv, sizeof *x->du), x->error = truth_room(T + 1, sizeof *x->error);
  x->S_size = truth_room(T + 1, sizeof *x->S_size), x->ku = truth_room(T, sizeof *x->ku),
  x->gain = truth_room(T, sizeof *x->gain), x->through = truth_room(T + 1, sizeof *x->through);
  for (size_t i = 0; i < c->dk; i++) truth_read_row(&c->in[CASE_INITIAL], x->s, x->h, i, x->S + i * c->dv);
  x->S_size[0] = (double)truth_norm(n, x->S);
  for (size_t t = 0; t < T; t++) advance(x, t), read_out(x, t, to);
  memcpy(to->final + state * n, x->S + T * n, n * sizeof *x->S);
  for (size_t i = 0; i < c->dk; i++)
    to->final_error[state * c->dk + i] =
        1.01 * (x->error[T] + half_unit(x) * (double)truth_norm(c->dv, x->S + T * n + i * c->dv));
  if (backward) truth_retreat(x, to);
  free(x->S), free(x->k), free(x->p), free(x->u), free(x->du), free(x->error), free(x->S_size), free(x->ku),
      free(x->gain), free(x->through);
}

truth case_solve(const backend_case *c, bool backward) {
  const size_t rows = c->batch * c->heads * c->tokens, states = case_states(c) * c->heads * c->dk;
  const size_t n[CASE_INPUTS] = {rows, rows, rows, rows, rows, rows, states},
               width[CASE_INPUTS] = {c->dk, c->dk, c->dv, 1, c->per_channel ? c->dk : 1, c->dk, c->dv};
  truth to = {.o = truth_room(rows * c->dv, sizeof *to.o), .final = truth_room(states * c->dv, sizeof *to.final)};
  to.o_error = truth_room(rows, sizeof(double)), to.final_error = truth_room(states, sizeof(double));
  for (int i = 0; i < CASE_INPUTS; i++)
    to.d[i] = truth_room(n[i] * width[i], sizeof *to.d[i]), to.d_error[i] = truth_room(n[i], sizeof(double));
  for (size_t s = 0; s < case_states(c); s++)
    for (size_t h = 0; h < c->heads; h++) {
      truth_head x = {.c = c, .b = c->packed ? 0 : s, .h = h, .s = s, .tokens = c->tokens};
      if (c->packed) x.begin = c->cu[s], x.tokens = c->cu[s + 1] - c->cu[s];
      solve_head(&x, backward, &to);
    }
  return to;
}

void truth_clear(truth *t) {
  free(t->o), free(t->final), free(t->o_error), free(t->final_error);
  for (int i = 0; i < CASE_INPUTS; i++) free(t->d[i]), free(t->d_error[i]);
}

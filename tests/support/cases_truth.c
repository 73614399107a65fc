/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One head after another in long double, with the bound of docs/bounds.md#backends carried along. */
#include "cases.h"

enum { WINDOW = 16 }; /* tokens that any form takes together, at most */

typedef struct head {
  const backend_case *c;
  size_t b, h, s, begin, tokens; /* batch entry, head, sequence; its tokens */
  long double *S;                /* (tokens + 1, dk, dv), before each token and after the last */
  long double *k, *u, *du;       /* (tokens, dk), (tokens, dv) twice */
  double *error, *S_size;        /* (tokens + 1): of S, in roundoffs; |S| */
  double *ku;                    /* (tokens): |k| |u| */
  double *gain;                  /* (tokens): |G + readout| grows by this */
} head;

static long double norm(size_t n, const long double *x) {
  long double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrtl(sum);
}

static long double dot(size_t n, const long double *x, const long double *y) {
  long double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

static void *room(size_t n, size_t size) {
  void *memory = calloc(n + 1, size);
  ck_assert_ptr_nonnull(memory);
  return memory;
}

static double scale_of(const backend_case *c) { return c->rule.scale == 0 ? 1 : c->rule.scale; }

/* Of an absent input nothing is read: `to` is zero. */
static void read_row(const field *f, size_t b, size_t h, size_t t, long double *to) {
  for (size_t i = 0; i < f->features; i++) to[i] = case_number(f, b, h, t, i);
}

/* The token's treated key, coefficients and their slopes. */
typedef struct token {
  long double lambda, beta, g, key_norm; /* key_norm: before treatment */
  efla_coefficients_long c;
  efla_coefficient_slopes slopes;
  double k, dd, de, dw; /* |k|, and the errors of the coefficients */
} token;

static token read_token(const head *x, size_t t) {
  const backend_case *c = x->c;
  const size_t dk = c->dk;
  long double *k = x->k + t * dk;
  token a = {.g = 0};
  read_row(&c->in[CASE_K], x->b, x->h, x->begin + t, k);
  a.key_norm = norm(dk, k);
  for (size_t i = 0; i < dk && c->rule.keys->unit && a.key_norm > 0; i++) k[i] /= a.key_norm;
  a.lambda = dot(dk, k, k), a.beta = case_number(&c->in[CASE_BETA], x->b, x->h, x->begin + t, 0);
  if (c->in[CASE_G].values) a.g = case_number(&c->in[CASE_G], x->b, x->h, x->begin + t, 0);
  efla_rule_coefficients_long(&c->rule, a.lambda, a.beta, a.g, &a.c);
  efla_rule_slopes(&c->rule, (double)a.lambda, (double)a.beta, (double)a.g, &a.slopes);
  const bool simple = c->rule.decay->proportional;
  const double lambda_error = ((double)dk + (simple ? 6 : 8)) * (double)a.lambda;
  a.k = (double)sqrtl(a.lambda);
  a.dw = (simple ? 6 : 9) * fabs((double)a.c.write) + lambda_error * fabs(a.slopes.by_lambda.write);
  a.de = (simple ? 9 : 11) * fabs((double)a.c.erase) + lambda_error * fabs(a.slopes.by_lambda.erase);
  a.dd = (simple ? 3 : 6) * fabs((double)a.c.decay) * c->rule.decay->gated;
  return a;
}

/* |S| before token t, and all that its last WINDOW tokens added, with no cancellation. */
static double size_before(const head *x, size_t t) {
  size_t first = t > WINDOW ? t - WINDOW : 0;
  double size = x->S_size[first];
  for (size_t s = first; s < t; s++) size += x->ku[s];
  return size;
}

static double carried(const token *a) {
  return fmax(fabs((double)a->c.decay), fabs((double)(a->c.decay - a->c.erase * a->lambda)));
}

static void advance(const head *x, size_t t) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv;
  const token a = read_token(x, t);
  const long double *S = x->S + t * dk * dv, *k = x->k + t * dk;
  long double *next = x->S + (t + 1) * dk * dv, *u = x->u + t * dv, *v = room(dv, sizeof *v);
  read_row(&c->in[CASE_V], x->b, x->h, x->begin + t, v);
  for (size_t j = 0; j < dv; j++) {
    long double s = 0;
    for (size_t i = 0; i < dk; i++) s += k[i] * S[i * dv + j];
    u[j] = a.c.write * v[j] - a.c.erase * s;
  }
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) next[i * dv + j] = a.c.decay * S[i * dv + j] + k[i] * u[j];
  const double N = size_before(x, t), e = fabs((double)a.c.erase), w = fabs((double)a.c.write),
               size_v = (double)norm(dv, v);
  const double ds = ((double)dk + 19) * N * a.k,
               du = a.dw * size_v + e * ds + a.de * N * a.k + 4 * (w * size_v + e * N * a.k);
  x->ku[t] = a.k * (double)norm(dv, u), x->S_size[t + 1] = (double)norm(dk * dv, next);
  x->error[t + 1] = carried(&a) * x->error[t] + a.k * du + (a.dd + 18) * N + 21 * x->ku[t];
  free(v);
}

static void read_out(const head *x, size_t t, truth *to) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv, row = (x->b * c->heads + x->h) * c->tokens + x->begin + t;
  const long double *S = x->S + (t + 1) * dk * dv;
  long double *o = to->o + row * dv, *q = room(dk, sizeof *q);
  read_row(&c->in[CASE_Q], x->b, x->h, x->begin + t, q);
  for (size_t j = 0; j < dv; j++) {
    o[j] = 0;
    for (size_t i = 0; i < dk; i++) o[j] += scale_of(c) * q[i] * S[i * dv + j];
  }
  to->o_error[row] =
      1.01 * scale_of(c) * (double)norm(dk, q) * (x->error[t + 1] + ((double)dk + 20) * size_before(x, t + 1));
  free(q);
}

/* G, the derivative by S after token t, and its error in roundoffs; its sizes after each token are in G_size. */
typedef struct adjoint {
  long double *G;
  double error, *G_size;
} adjoint;

static double size_after(const head *x, const adjoint *y, size_t t) {
  size_t last = t + WINDOW < x->tokens ? t + WINDOW : x->tokens;
  double size = y->G_size[last];
  for (size_t s = t; s < last; s++) size += x->gain[s];
  return size;
}

static double slope_error(double slope, double dk, double by, double by_error) {
  return fabs(slope) * (by_error + (4 * (dk + 6) + 8) * fabs(by));
}

/* Of the derivatives by g of a rate of decay, each formed with 20 roundings from a lambda that errs by dk + 8 of
 * itself; what that changes is a difference over 2^-9 of lambda.  by, by_error: of d, e, w. */
static double g_error(const head *x, const token *a, const double by[3], const double by_error[3]) {
  efla_coefficient_slopes up, down;
  const double lambda = (double)a->lambda, beta = (double)a->beta, g = (double)a->g;
  efla_rule_slopes(&x->c->rule, lambda * (1 + 0x1p-10), beta, g, &up);
  efla_rule_slopes(&x->c->rule, lambda * (1 - 0x1p-10), beta, g, &down);
  const efla_coefficients *s = &a->slopes.by_g;
  const double slopes[3] = {s->decay, s->erase, s->write},
               bent[3] = {up.by_g.decay - down.by_g.decay, up.by_g.erase - down.by_g.erase,
                          up.by_g.write - down.by_g.write};
  double error = 0;
  for (int i = 0; i < 3; i++)
    error += fabs(slopes[i]) * (by_error[i] + 24 * by[i]) + ((double)x->c->dk + 8) * fabs(bent[i]) * 0x1p9 * by[i];
  return error;
}

/* What the bound of a token's d_g is made of: the cpu backend has d <G, S> from a telescoping sum over the chunk, whose
 * terms and ends err, and multiplies it by the slope of log d. */
typedef struct g_parts {
  double term, end, log_slope, own; /* own: all else */
} g_parts;

/* One token back; derivatives of its inputs and the bounds of their errors, d_g's in parts, which retreat() adds up. */
static void retreat_token(const head *x, adjoint *y, size_t t, truth *to, g_parts *g) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv, row = (x->b * c->heads + x->h) * c->tokens + x->begin + t;
  const token a = read_token(x, t);
  const double scale = scale_of(c), e = fabs((double)a.c.erase), w = fabs((double)a.c.write), K = (double)dk,
               V = (double)dv;
  const long double *S = x->S + t * dk * dv, *next = S + dk * dv, *k = x->k + t * dk, *u = x->u + t * dv;
  long double *v = room(dv, sizeof *v), *q = room(dk, sizeof *q), *d_o = room(dv, sizeof *d_o),
              *s = room(dv, sizeof *s), *du = x->du + t * dv, *dq = to->d[CASE_Q] + row * dk,
              *dk_ = to->d[CASE_K] + row * dk, *dv_ = to->d[CASE_V] + row * dv;
  read_row(&c->in[CASE_V], x->b, x->h, x->begin + t, v);
  if (c->d_o.values) {
    read_row(&c->in[CASE_Q], x->b, x->h, x->begin + t, q);
    read_row(&c->d_o, x->b, x->h, x->begin + t, d_o);
  }
  long double by_d = 0;
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      y->G[i * dv + j] += scale * q[i] * d_o[j];
      du[j] = (i ? du[j] : 0) + y->G[i * dv + j] * k[i];
      s[j] += S[i * dv + j] * k[i];
      by_d += y->G[i * dv + j] * S[i * dv + j];
    }
  for (size_t i = 0; i < dk; i++) {
    dq[i] = scale * dot(dv, next + i * dv, d_o);
    dk_[i] = dot(dv, y->G + i * dv, u) - a.c.erase * dot(dv, S + i * dv, du);
  }
  for (size_t j = 0; j < dv; j++) dv_[j] = a.c.write * du[j];
  const long double by_w = dot(dv, v, du), by_e = -dot(dv, s, du);
  const efla_coefficient_slopes *l = &a.slopes;
  const long double by_lambda = by_d * l->by_lambda.decay + by_e * l->by_lambda.erase + by_w * l->by_lambda.write;
  to->d[CASE_BETA][row] = by_d * l->by_beta.decay + by_e * l->by_beta.erase + by_w * l->by_beta.write;
  to->d[CASE_G][row] = by_d * l->by_g.decay + by_e * l->by_g.erase + by_w * l->by_g.write;
  for (size_t i = 0; i < dk; i++) dk_[i] += 2 * by_lambda * k[i];

  const double size_v = (double)norm(dv, v), size_do = (double)norm(dv, d_o), size_q = (double)norm(dk, q),
               size_u = (double)norm(dv, u), size_du = (double)norm(dv, du);
  const double N = size_before(x, t), N_after = size_before(x, t + 1);
  x->gain[t] = scale * size_q * size_do;
  const double M = size_after(x, y, t), G_error = y->error + 3 * x->gain[t] + 18 * M, S_error = x->error[t];
  const double s_error = a.k * S_error + (K + 19) * N * a.k,
               u_error = a.dw * size_v + e * s_error + a.de * N * a.k + 4 * (w * size_v + e * N * a.k),
               du_local = (K + 35) * M * a.k, du_error = a.k * G_error + du_local;
  const double dq_error = scale * size_do * (x->error[t + 1] + (V + 20) * N_after),
               dv_error = a.dw * size_du + w * du_error + 2 * w * size_du, sizes = M * size_u + e * N * size_du;
  const double by_w_error = size_v * du_error + (V + 2) * size_v * M * a.k,
               by_e_error = N * a.k * du_error + M * a.k * s_error + (V + 2) * N * a.k * M * a.k,
               by_d_error = N * G_error + M * S_error + (K + V) * N * M;
  const double lambda_error = slope_error(l->by_lambda.write, K, size_v * M * a.k, by_w_error) +
                              slope_error(l->by_lambda.erase, K, N * a.k * M * a.k, by_e_error);
  double dk_error = G_error * size_u + M * u_error + e * (S_error * size_du + N * du_error) + a.de * N * size_du +
                    (V + 20) * sizes + 2 * a.k * lambda_error + 10 * a.k * fabs((double)by_lambda);
  double dk_size = sizes + 2 * a.k * fabs((double)by_lambda);
  g->term = size_q * dq_error + a.k * dk_error + size_v * dv_error + (K + V + 20) * (size_v * w * M * a.k) +
            (K + V + 20) * (scale * size_q * size_do * N_after);
  g->end = by_d_error + e * by_e_error;
  g->log_slope = l->by_g.decay == 0 ? 0 : fabs(l->by_g.decay / (double)a.c.decay);
  g->own = c->rule.decay->proportional ? 0
                                       : g_error(x, &a, (double[]){N * M, N * a.k * M * a.k, size_v * M * a.k},
                                                 (double[]){by_d_error, by_e_error, by_w_error});
  if (c->rule.keys->unit) {
    const long double along = dot(dk, k, dk_);
    for (size_t i = 0; i < dk; i++) dk_[i] = a.key_norm > 0 ? (dk_[i] - k[i] * along) / a.key_norm : 0;
    dk_error = 2 * (dk_error + (K + 10) * dk_size) / (double)a.key_norm;
  }
  to->d_error[CASE_Q][row] = 1.01 * dq_error, to->d_error[CASE_K][row] = 1.01 * dk_error;
  to->d_error[CASE_V][row] = 1.01 * dv_error;
  to->d_error[CASE_BETA][row] = 1.01 * (slope_error(l->by_beta.write, K, size_v * M * a.k, by_w_error) +
                                        slope_error(l->by_beta.erase, K, N * a.k * M * a.k, by_e_error));
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) y->G[i * dv + j] = a.c.decay * y->G[i * dv + j] - a.c.erase * k[i] * du[j];
  y->error = carried(&a) * G_error + a.k * (e * du_local + a.de * M * a.k) + (a.dd + 18) * M + 21 * e * a.k * size_du;
  x->gain[t] += e * a.k * size_du;
  y->G_size[t] = (double)norm(dk * dv, y->G);
  free(v), free(q), free(d_o), free(s);
}

static void retreat(const head *x, truth *to) {
  const backend_case *c = x->c;
  const size_t n = c->dk * c->dv, state = x->s * c->heads + x->h, T = x->tokens;
  adjoint y = {.G = room(n, sizeof *y.G), .G_size = room(T + 1, sizeof *y.G_size)};
  g_parts *g = room(T + 1, sizeof *g);
  for (size_t i = 0; i < c->dk && c->d_final.values; i++) read_row(&c->d_final, x->s, x->h, i, y.G + i * c->dv);
  y.G_size[T] = (double)norm(n, y.G);
  g[T].end = y.G_size[T] * (x->error[T] + (double)n * x->S_size[T]);
  for (size_t t = T; t-- > 0;) retreat_token(x, &y, t, to, g + t);
  for (size_t t = 0; t < T; t++) {
    double sum = g[t].end;
    for (size_t s = t; s < T && s < t + WINDOW; s++) sum += g[s].term + g[s + 1].end;
    if (!c->rule.decay->gated) sum = 0;
    to->d_error[CASE_G][(x->b * c->heads + x->h) * c->tokens + x->begin + t] = 1.01 * (g[t].log_slope * sum + g[t].own);
  }
  memcpy(to->d[CASE_INITIAL] + state * n, y.G, n * sizeof *y.G);
  for (size_t i = 0; i < c->dk; i++) to->d_error[CASE_INITIAL][state * c->dk + i] = 1.01 * y.error;
  free(y.G), free(y.G_size), free(g);
}

static void solve_head(head *x, bool backward, truth *to) {
  const backend_case *c = x->c;
  const size_t n = c->dk * c->dv, T = x->tokens, state = x->s * c->heads + x->h;
  x->S = room((T + 1) * n, sizeof *x->S), x->k = room(T * c->dk, sizeof *x->k), x->u = room(T * c->dv, sizeof *x->u);
  x->du = room(T * c->dv, sizeof *x->du), x->error = room(T + 1, sizeof *x->error);
  x->S_size = room(T + 1, sizeof *x->S_size), x->ku = room(T, sizeof *x->ku), x->gain = room(T, sizeof *x->gain);
  for (size_t i = 0; i < c->dk; i++) read_row(&c->in[CASE_INITIAL], x->s, x->h, i, x->S + i * c->dv);
  x->S_size[0] = (double)norm(n, x->S);
  for (size_t t = 0; t < T; t++) advance(x, t), read_out(x, t, to);
  memcpy(to->final + state * n, x->S + T * n, n * sizeof *x->S);
  for (size_t i = 0; i < c->dk; i++) to->final_error[state * c->dk + i] = 1.01 * x->error[T];
  if (backward) retreat(x, to);
  free(x->S), free(x->k), free(x->u), free(x->du), free(x->error), free(x->S_size), free(x->ku), free(x->gain);
}

truth case_solve(const backend_case *c, bool backward) {
  const size_t rows = c->batch * c->heads * c->tokens, states = case_states(c) * c->heads * c->dk;
  const size_t n[CASE_INPUTS] = {rows, rows, rows, rows, rows, states},
               width[CASE_INPUTS] = {c->dk, c->dk, c->dv, 1, 1, c->dv};
  truth to = {.o = room(rows * c->dv, sizeof *to.o), .final = room(states * c->dv, sizeof *to.final)};
  to.o_error = room(rows, sizeof(double)), to.final_error = room(states, sizeof(double));
  for (int i = 0; i < CASE_INPUTS; i++)
    to.d[i] = room(n[i] * width[i], sizeof *to.d[i]), to.d_error[i] = room(n[i], sizeof(double));
  for (size_t s = 0; s < case_states(c); s++)
    for (size_t h = 0; h < c->heads; h++) {
      head x = {.c = c, .b = c->packed ? 0 : s, .h = h, .s = s, .tokens = c->tokens};
      if (c->packed) x.begin = c->cu[s], x.tokens = c->cu[s + 1] - c->cu[s];
      solve_head(&x, backward, &to);
    }
  return to;
}

void truth_clear(truth *t) {
  free(t->o), free(t->final), free(t->o_error), free(t->final_error);
  for (int i = 0; i < CASE_INPUTS; i++) free(t->d[i]), free(t->d_error[i]);
}

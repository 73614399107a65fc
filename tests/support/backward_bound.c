/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backward_bound.h"

#include "testing.h"

enum { CHUNK = 16 }; /* most tokens whose terms one sum takes beside those of a state, EFLA_ADJOINT_TOKENS */

static const double z = 7.5; /* standard deviations, as in kernel_problem.c */

static double square(size_t n, const double *x) { return efla_lambda(n, x); }

/* Mean square error of sums of n terms, all together: of their squares, and of what they come to. */
static double sums(double n, double squares, double totals) {
  return ((n / 2 + 1) * squares + (n / 3 + 1) * totals) / 3;
}

/* Squares of the norms of what one token meets: the state before it (decayed) and after it, G, the loss's derivative by
 * the latter, y, P = G^T k; and mean squares of their errors in units of u^2, of which the line is the part that lies
 * in few directions. */
typedef struct token {
  double q, k, v, d_o, y, P, before, after, G, a, decay;
  double before_error, before_line, after_error, after_line, y_error;
  double G_error, G_line, P_own, P_line, P_error; /* own: from P's sums, beside what G brings */
  double q_error, q_line, q_terms;                /* of d_q = S d_o, by the columns' errors and sizes */
  double written, read, pulled; /* what it puts into the state, and into G by its query and by its key */
  double dots, inner;           /* errors of q.d_q - v.d_v, and of <G, S> before it */
} token;

typedef struct head {
  size_t dk, dv;
  const efla_gradient_f64 *x;
  efla_head_rows rows;
  bool definition;
  token *t; /* (tokens) */
} head;

static size_t row_of(const head *h, size_t t) { return h->rows.first + t * h->rows.stride; }

/* The largest over the tokens from t back (-1) or on (+1) that one sum may reach. */
static double largest(const head *h, size_t t, int step, size_t field) {
  double most = 0;
  for (size_t n = 0; n <= CHUNK && t < h->rows.tokens; n++, t += (size_t)step)
    most = fmax(most, *(const double *)((const char *)&h->t[t] + field));
  return most;
}
#define LARGEST(h, t, step, field) largest(h, t, step, offsetof(token, field))

/* What a decay's own error adds to the mean square of a column's, over the column's: the product, and in the
 * definition, which has it from its logarithm, that and exp (docs/bounds.md#kernel). */
static double drift_of(const head *h) { return !h->x->decay ? 0 : (h->definition ? 5. : 1.) / 3; }

/* The share of an error that one token's decay and update leave: the mean over keys of random direction. */
static double kept(const head *h, const token *t) {
  double R = 1 - t->a * t->k;
  return 1 - (1 - R * R) / (double)h->dk;
}

/* One column of the state: its errors, as in docs/bounds.md#kernel. */
typedef struct column {
  double error, drift, line;
} column;

/* The token's part in one column: s (dk at stride dv) as the token meets it, and as it leaves it. */
static void follow(const head *h, token *now, const double *k, double v, double d_o, double *s, column *c) {
  size_t dk = h->dk, dv = h->dv;
  double before = 0, after = 0, w = 0, a2k = now->a * now->a * now->k, d2 = now->decay * now->decay;
  for (size_t i = 0; i < dk; i++) s[i * dv] *= now->decay, before += s[i * dv] * s[i * dv], w += k[i] * s[i * dv];
  double y = v - w, D = sums((double)dk, now->k * before / (double)dk, w * w) + (2 * w * w + 3 * y * y) / 3;
  if (h->definition) D += (double)dk * v * v / 3; /* it takes the dk products from v, one after another */
  c->error *= d2, c->line *= d2, c->drift = d2 * c->drift + drift_of(h) * before;
  now->before += before, now->before_error += c->error, now->before_line += c->drift + c->line;
  now->y += y * y, now->y_error += now->k * (c->error + c->drift + c->line) / (double)dk + D;
  for (size_t i = 0; i < dk; i++) s[i * dv] += now->a * k[i] * y, after += s[i * dv] * s[i * dv];
  c->error = kept(h, now) * c->error + a2k * D + after / 3, c->drift *= kept(h, now), c->line = fmax(c->line, a2k * D);
  now->after += after, now->after_error += c->error, now->after_line += c->drift + c->line;
  now->q_error += d_o * d_o * c->error, now->q_line += d_o * d_o * (c->drift + c->line);
  now->q_terms += d_o * d_o * fmax(before, after);
}

/* From the first token to the last. */
static void forward(head *h, const double *initial) {
  size_t dk = h->dk, dv = h->dv;
  double *S = testing_poison(dk * dv);
  column *columns = calloc(dv, sizeof *columns);
  for (size_t e = 0; e < dk * dv; e++) S[e] = initial ? initial[e] : 0;
  for (size_t t = 0; t < h->rows.tokens; t++) {
    size_t r = row_of(h, t);
    const double *k = h->x->k + r * dk, *v = h->x->v + r * dv, *d_o = h->x->d_o + r * dv;
    token *now = &h->t[t];
    *now = (token){.q = square(dk, h->x->q + r * dk), .k = square(dk, k), .v = square(dv, v), .d_o = square(dv, d_o)};
    now->a = h->x->write[r], now->decay = h->x->decay ? h->x->decay[r] : 1;
    for (size_t j = 0; j < dv; j++) follow(h, now, k, v[j], d_o[j], S + j, &columns[j]);
    now->written = now->a * now->a * now->k * now->y, now->read = now->q * now->d_o;
  }
  free(S), free(columns);
}

/* Of a row of n entries: V is shared by all directions, L lies along one. */
static double row_bound(double V, double L, size_t n) { return sqrt(V + L) + z * sqrt(V / (double)n + L); }

/* Bounds of a token's outputs but d_g.  M and N: the largest states and derivatives that the chunk's sums go
 * through. */
static void bound_token(const head *h, size_t t, backward_bound *b) {
  size_t dk = h->dk, dv = h->dv, r = row_of(h, t);
  double K = (double)dk, V = (double)dv, M = LARGEST(h, t, -1, before), N = LARGEST(h, t, 1, G);
  token *now = &h->t[t];
  M = fmax(M, now->after);
  /* The largest products of the chunk's tokens: their entries are sums over V or K terms, which err along one row. */
  double written = LARGEST(h, t, -1, written) / V, read = LARGEST(h, t, 1, read), pulled = LARGEST(h, t, 1, pulled);
  double a2 = now->a * now->a, d_q = square(dk, h->x->d_q + r * dk), d_v = square(dv, h->x->d_v + r * dv);
  double q_error = now->q_error + sums(V + CHUNK, 2 * fmax(now->q_terms, M * now->d_o / V), d_q);
  double q_line = now->q_line + sums(V, now->d_o * written, now->d_o * written);
  b->q[r] = row_bound(q_error, q_line, dk);
  now->P_own = sums(K + CHUNK, 2 * N * now->k / K, now->P) + 2 * now->P / 3;
  now->P_line = sums(K, now->k * (read + pulled) / K, now->k * (read + pulled) / K);
  now->P_error = now->k * (now->G_error + now->G_line) / K + now->P_own + now->P_line;
  now->pulled = a2 * now->k * now->P;
  double v_error = a2 * now->P_error + d_v / 3;
  b->v[r] = row_bound(a2 * (now->k * (now->G_error + now->G_line) / K + now->P_own) + d_v / 3, a2 * now->P_line, dv);
  double d_a = now->P * now->y / V; /* the mean square of P.y, and at most P y */
  d_a = fmax(d_a, pow(backward_by_coefficient(h->x, r), 2));
  double a_error = (now->y * now->P_error + now->P * now->y_error) / V + sums(V, now->P * now->y / V, d_a);
  b->a[r] = z * sqrt(a_error + 2 * d_a / 3);
  double by_key = 4 * pow(h->x->write_by_lambda[r], 2) * now->k;
  double own = sums(V + 3 * CHUNK, 2 * a2 * (N * now->y + M * now->P) / V, square(dk, h->x->d_k + r * dk));
  double shared = a2 * (now->G_error * now->y + now->before_error * now->P) / V + own + by_key * d_a;
  double line = a2 * (now->G * now->y_error + now->before * now->P_error) / V +
                a2 * (now->G_line * now->y + now->before_line * now->P) / V + by_key * a_error +
                sums(V, a2 * now->y * (read + pulled) / V, a2 * now->y * (read + pulled) / V);
  b->k[r] = row_bound(shared, line, dk);
  now->dots = now->q * (q_error + q_line) / K + sums(K, now->q * d_q / K, fmin(now->q * d_q, now->G * now->after)) +
              now->v * v_error / V + sums(V, now->v * d_v / V, fmin(now->v * d_v, now->G * now->after));
}

/* From the last token to the first. */
static void backward(head *h, const double *final, backward_bound *b, double *initial_bound) {
  size_t dk = h->dk, dv = h->dv;
  double *G = testing_poison(dk * dv), *P = testing_poison(dv), error = 0, drift = 0, line = 0;
  double n = (double)(dk * dv);
  for (size_t e = 0; e < dk * dv; e++) G[e] = final ? final[e] : 0;
  for (size_t t = h->rows.tokens; t-- > 0;) {
    size_t r = row_of(h, t);
    const double *q = h->x->q + r * dk, *k = h->x->k + r * dk, *d_o = h->x->d_o + r * dv;
    token *now = &h->t[t];
    for (size_t e = 0; e < dk * dv; e++) G[e] += q[e / dv] * d_o[e % dv];
    efla_readout_f64(dk, dv, k, G, P);
    now->G = square(dk * dv, G), now->P = square(dv, P), now->G_error = error + now->G / 3, now->G_line = drift + line;
    bound_token(h, t, b);
    for (size_t e = 0; e < dk * dv; e++) G[e] -= now->a * k[e / dv] * P[e % dv];
    double size = square(dk * dv, G), own = now->a * now->a * now->k * now->P_own;
    error = kept(h, now) * now->G_error + own + size / 3, drift *= kept(h, now);
    line = fmax(line, now->a * now->a * now->k * (now->P_own / (double)dv + now->P_line));
    double d_g = h->x->decay ? backward_by_decay(h->x, r) : 0;
    now->inner = ((error + drift + line) * now->before + (now->before_error + now->before_line) * size) / n +
                 sums(h->definition ? n : (double)(dk + dv), size * now->before / n, d_g * d_g);
    double d2 = now->decay * now->decay;
    error *= d2, line *= d2, drift = d2 * (drift + drift_of(h) * size);
    for (size_t e = 0; e < dk * dv; e++) G[e] *= now->decay;
  }
  *initial_bound = row_bound(error, drift + line, dk * dv);
  free(G), free(P);
}

/* d_g sums up to CHUNK tokens' dot products, starting from <G, S> after them. */
static void bound_decays(const head *h, const double *last, backward_bound *b) {
  for (size_t t = 0; t < h->rows.tokens; t++) {
    double dots = 0, most = 0, inner = LARGEST(h, t, 1, inner);
    for (size_t s = t; s < h->rows.tokens && s <= t + CHUNK; s++)
      dots += h->t[s].dots, most = fmax(most, pow(backward_by_decay(h->x, row_of(h, s)), 2));
    b->g[row_of(h, t)] = z * sqrt(dots + fmax(inner, *last) + 2 * CHUNK * most / 3);
  }
}

backward_bound backward_bound_init(const efla_heads *heads, const efla_gradient_f64 *x, bool definition) {
  size_t rows = heads->batch * heads->heads * heads->tokens, n = efla_heads_sequences(heads) * heads->heads,
         size = heads->dk * heads->dv;
  backward_bound b = {testing_poison(rows), testing_poison(rows), testing_poison(rows),
                      testing_poison(rows), testing_poison(rows), testing_poison(n)};
  for (size_t i = 0; i < n; i++) {
    head h = {heads->dk, heads->dv, x, efla_heads_rows(heads, i / heads->heads, i % heads->heads), definition, NULL};
    h.t = calloc(h.rows.tokens + 1, sizeof *h.t);
    forward(&h, x->initial ? x->initial + i * size : NULL);
    backward(&h, x->d_final ? x->d_final + i * size : NULL, &b, &b.initial[i]);
    double last = 0; /* of <G, S> at the end, from which the last chunk starts */
    if (x->d_final && h.rows.tokens) {
      const token *end = &h.t[h.rows.tokens - 1];
      double G = square(size, x->d_final + i * size);
      last =
          (end->after_error + end->after_line + (double)(heads->dk + heads->dv) * end->after / 2) * G / (double)size +
          (double)(heads->dk + heads->dv) * G * end->after / (double)size / 3;
    }
    if (x->decay) bound_decays(&h, &last, &b);
    free(h.t);
  }
  return b;
}

void backward_bound_clear(backward_bound *b) {
  free(b->q), free(b->k), free(b->v), free(b->a), free(b->g), free(b->initial);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backward pass by chunks.  With S the first state of a chunk, D the derivative by its last, and G_t the product of
 * its decays up to t,
 *
 *     u_t = a_t (v_t - G_t S^T k_t - sum over s < t of G_t/G_s (k_s.k_t) u_s)
 *     du_s = G/G_s D^T k_s + sum over t >= s of scale G_t/G_s (k_s.q_t) do_t - sum over t > s of a_t G_t/G_s (k_s.k_t) du_t
 *     dq_t = scale [G_t S do_t + sum over s <= t of G_t/G_s (u_s.do_t) k_s],   dv_t = a_t du_t
 *     dk_s = G/G_s D u_s + sum over t >= s of scale G_t/G_s (u_s.do_t) q_t - sum over t > s of a_t G_t/G_s (u_s.du_t) k_t
 *            - a_s [G_s S du_s + sum over r < s of G_s/G_r (u_r.du_s) k_r] + 2 k_s a_lambda (y_s.du_s)
 *     D <- G D + sum of scale G_t q_t do_t^T - a_t G_t k_t du_t^T. */
#include "gradient_arrays.h"

#include "testing.h"

enum { MOST = 256 };

typedef struct chunk {
  const gradient_arrays *a;
  size_t first, n; /* row of its first token; tokens */
  gradient_token token[MOST];
  double G[MOST];
} chunk;

static const double *row(const chunk *c, int i, size_t t, size_t width) {
  return c->a->x[i] + (c->first + t * c->a->H) * width;
}

/* to += factor x, every number rounded. */
static void add(size_t n, double factor, const double *x, double *to) {
  for (size_t i = 0; i < n; i++)
    to[i] = gradient_fit(to[i] + gradient_fit(gradient_operand(factor) * gradient_operand(x[i])));
}

/* G_t/G_s (x.y), times factor. */
static double couple(const chunk *c, size_t t, size_t s, double factor, size_t n, const double *x, const double *y) {
  return gradient_fit(factor * gradient_fit(gradient_fit(c->G[t] / c->G[s]) * gradient_sum(n, x, 1, y, 1)));
}

static void prepare(chunk *c) {
  for (size_t t = 0; t < c->n; t++) {
    gradient_prepare(c->a, c->first + t * c->a->H, &c->token[t]);
    c->G[t] = gradient_fit((t ? c->G[t - 1] : 1) * c->token[t].decay);
  }
}

/* u and y from the first state S. */
static void updates(chunk *c, const double *S_) {
  const size_t dk = c->a->dk, dv = c->a->dv;
  for (size_t t = 0; t < c->n; t++) {
    gradient_token *one = &c->token[t];
    const double *v = row(c, V, t, dv);
    for (size_t j = 0; j < dv; j++) one->y[j] = gradient_fit(c->G[t] * gradient_sum(dk, one->key, 1, S_ + j, dv));
    for (size_t s = 0; s < t; s++) add(dv, couple(c, t, s, 1, dk, c->token[s].key, one->key), c->token[s].u, one->y);
    for (size_t j = 0; j < dv; j++)
      one->y[j] = gradient_fit(v[j] - one->y[j]), one->u[j] = gradient_fit(one->a * one->y[j]);
  }
}

/* o, and S to the chunk's last state. */
static void forward(chunk *c, double *S_) {
  const size_t dk = c->a->dk, dv = c->a->dv, last = c->n - 1;
  for (size_t t = 0; t < c->n; t++) {
    double *o = c->a->x[O] + (c->first + t * c->a->H) * dv;
    const double *q = row(c, Q, t, dk);
    for (size_t j = 0; j < dv; j++) o[j] = gradient_fit(c->G[t] * gradient_sum(dk, q, 1, S_ + j, dv));
    for (size_t s = 0; s <= t; s++) add(dv, couple(c, t, s, 1, dk, c->token[s].key, q), c->token[s].u, o);
    for (size_t j = 0; j < dv; j++) o[j] = gradient_fit(gradient_kernel_now->scale * o[j]);
  }
  for (size_t i = 0; i < dk; i++) {
    for (size_t j = 0; j < dv; j++) S_[i * dv + j] = gradient_fit(c->G[last] * S_[i * dv + j]);
    for (size_t s = 0; s <= last; s++)
      add(dv, gradient_fit(gradient_fit(c->G[last] / c->G[s]) * c->token[s].key[i]), c->token[s].u, S_ + i * dv);
  }
}

static void back_updates(chunk *c, const double *D) {
  const size_t dk = c->a->dk, dv = c->a->dv, last = c->n - 1;
  const double scale = gradient_kernel_now->scale;
  for (size_t s = c->n; s-- > 0;) {
    gradient_token *one = &c->token[s];
    for (size_t j = 0; j < dv; j++)
      one->du[j] = gradient_fit(gradient_fit(c->G[last] / c->G[s]) * gradient_sum(dk, one->key, 1, D + j, dv));
    for (size_t t = last + 1; t-- > s;) {
      add(dv, couple(c, t, s, scale, dk, one->key, row(c, Q, t, dk)), row(c, D_O, t, dv), one->du);
      if (t > s) add(dv, -couple(c, t, s, c->token[t].a, dk, one->key, c->token[t].key), c->token[t].du, one->du);
    }
  }
}

static void back_q(const chunk *c, const double *S_, size_t t, double *d_q) {
  const size_t dk = c->a->dk, dv = c->a->dv;
  const double *d_o = row(c, D_O, t, dv);
  for (size_t i = 0; i < dk; i++) d_q[i] = gradient_fit(c->G[t] * gradient_sum(dv, S_ + i * dv, 1, d_o, 1));
  for (size_t s = 0; s <= t; s++) add(dk, couple(c, t, s, 1, dv, c->token[s].u, d_o), c->token[s].key, d_q);
  for (size_t i = 0; i < dk; i++) d_q[i] = gradient_fit(gradient_kernel_now->scale * d_q[i]);
}

static void back_k(const chunk *c, const double *S_, const double *D, size_t s, double *d_k) {
  const size_t dk = c->a->dk, dv = c->a->dv, last = c->n - 1;
  const gradient_token *one = &c->token[s];
  double erased[GRADIENT_WIDTH];
  for (size_t i = 0; i < dk; i++) {
    d_k[i] = gradient_fit(gradient_fit(c->G[last] / c->G[s]) * gradient_sum(dv, D + i * dv, 1, one->u, 1));
    erased[i] = gradient_fit(c->G[s] * gradient_sum(dv, S_ + i * dv, 1, one->du, 1));
  }
  for (size_t t = s; t <= last; t++) {
    add(dk, couple(c, t, s, gradient_kernel_now->scale, dv, one->u, row(c, D_O, t, dv)), row(c, Q, t, dk), d_k);
    if (t > s) add(dk, -couple(c, t, s, c->token[t].a, dv, one->u, c->token[t].du), c->token[t].key, d_k);
  }
  for (size_t r = 0; r < s; r++) add(dk, couple(c, s, r, 1, dv, c->token[r].u, one->du), c->token[r].key, erased);
  const double by_lambda = gradient_fit(one->by_lambda * gradient_sum(dv, one->y, 1, one->du, 1));
  for (size_t i = 0; i < dk; i++) {
    const double written = gradient_fit(d_k[i] - gradient_fit(one->a * erased[i]));
    d_k[i] = gradient_fit(written + gradient_fit(2 * one->key[i] * by_lambda));
  }
  gradient_untreat(one, dk, d_k);
}

static void back_state(const chunk *c, double *D) {
  const size_t dk = c->a->dk, dv = c->a->dv;
  for (size_t i = 0; i < dk; i++) {
    for (size_t j = 0; j < dv; j++) D[i * dv + j] = gradient_fit(c->G[c->n - 1] * D[i * dv + j]);
    for (size_t t = 0; t < c->n; t++) {
      const gradient_token *one = &c->token[t];
      add(dv, gradient_fit(gradient_fit(gradient_kernel_now->scale * c->G[t]) * row(c, Q, t, dk)[i]),
          row(c, D_O, t, dv), D + i * dv);
      add(dv, -gradient_fit(gradient_fit(one->a * c->G[t]) * one->key[i]), one->du, D + i * dv);
    }
  }
}

/* The gradients of a chunk with the first state S and the last one `end`; D goes to the derivative by S. */
static void backward(chunk *c, const double *S_, const double *end, double *D) {
  const gradient_arrays *a = c->a;
  const size_t dk = a->dk, dv = a->dv;
  double sum = 0;
  back_updates(c, D);
  for (size_t e = 0; e < dk * dv; e++) sum = gradient_fit(sum + gradient_fit(D[e] * end[e]));
  for (size_t t = c->n; t-- > 0;) {
    const size_t at = c->first + t * a->H;
    const gradient_token *one = &c->token[t];
    double *d_q = a->d[Q] + at * dk, *d_v = a->d[V] + at * dv;
    back_q(c, S_, t, d_q);
    back_k(c, S_, D, t, a->d[K] + at * dk);
    for (size_t j = 0; j < dv; j++) d_v[j] = gradient_fit(one->a * one->du[j]);
    a->d[BETA][at] = gradient_fit(one->by_beta * gradient_sum(dv, one->y, 1, one->du, 1));
    const double read = gradient_sum(dk, row(c, Q, t, dk), 1, d_q, 1),
                 written = gradient_sum(dv, row(c, V, t, dv), 1, d_v, 1);
    sum = gradient_fit(sum + gradient_fit(read - written));
    if (gradient_gated()) a->d[G][at] = sum;
  }
  back_state(c, D);
}

void gradient_by_chunks(const gradient_arrays *a, size_t first, size_t tokens, size_t at) {
  static chunk c;
  const size_t n = a->dk * a->dv, length = gradient_kernel_now->by_chunks, chunks = (tokens + length - 1) / length;
  double *states = calloc((chunks + 1) * n, sizeof *states), *D = calloc(n, sizeof *D);
  ck_assert(length <= MOST && a->dk <= GRADIENT_WIDTH && a->dv <= GRADIENT_WIDTH);
  for (size_t e = 0; e < n; e++) {
    states[e] = gradient_kernel_now->initial ? a->x[S0][at + e] : 0;
    D[e] = gradient_kernel_now->final ? a->x[D_S][at + e] : 0;
  }
  for (size_t backwards = 0; backwards < 2; backwards++) {
    for (size_t i = 0; i < chunks; i++) {
      const size_t m = backwards ? chunks - 1 - i : i, rest = tokens - m * length;
      double *S_ = states + m * n;
      c = (chunk){.a = a, .first = first + m * length * a->H, .n = rest < length ? rest : length};
      prepare(&c), updates(&c, S_);
      if (backwards) {
        backward(&c, S_, S_ + n, D);
      } else {
        memcpy(S_ + n, S_, n * sizeof *S_);
        forward(&c, S_ + n);
      }
    }
    if (!backwards) gradient_take_loss(a, first, tokens);
  }
  memcpy(a->x[S] + at, states + chunks * n, n * sizeof *states);
  memcpy(a->d[S0] + at, D, n * sizeof *D);
  free(states), free(D);
}

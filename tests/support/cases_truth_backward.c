/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backward half of cases_truth.c: derivatives of one head, token by token, with the bounds of their errors. */
#include "cases_truth.h"

/* G, the derivative by S after token t, and its error in roundoffs; its sizes after each token are in G_size. */
typedef struct adjoint {
  long double *G;
  double error, *G_size;
  double through; /* what a scan carries: sqrt(dk) times what the piece adds, and twice |M| |G| of its end */
  size_t end;     /* of the piece */
} adjoint;

static double size_after(const truth_head *x, const adjoint *y, size_t t) {
  size_t last = t + TRUTH_WINDOW < x->tokens ? t + TRUTH_WINDOW : x->tokens;
  double size = y->G_size[last] + y->through;
  for (size_t s = t; s < last; s++) size += x->gain[s];
  return size;
}

static double slope_error(double slope, double dk, double by, double by_error) {
  return fabs(slope) * (by_error + (4 * (dk + 6) + 8) * fabs(by));
}

/* Of the derivatives by g of a rate of decay, each formed with 20 roundings from a lambda that errs by dk + 8 of
 * itself; what that changes is a difference over 2^-9 of lambda.  by, by_error: of d, e, w. */
static double g_error(const truth_head *x, const truth_token *a, const double by[3], const double by_error[3]) {
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

/* What the bound of a token's d_g is made of: the cpu backend has d <G, S>, or where g is per channel its rows, from a
 * telescoping sum over the chunk, whose terms and ends err, and multiplies it by the slope of log d. */
typedef struct g_parts {
  double term, end, log_slope, own; /* own: all else */
} g_parts;

/* What one token goes back with: its rows, s = S^T p, the derivatives by the two keys of its update, by lambda, and
 * where g is per channel by the logarithms of the rows' decays. */
typedef struct going_back {
  truth_token a;
  size_t t, row;
  const long double *S, *u;
  long double *v, *q, *d_o, *s, *du, *by_k, *by_p, by_lambda, *by_g;
} going_back;

static going_back take(const truth_head *x, size_t t) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv;
  going_back z = {.a = truth_read_token(x, t),
                  .t = t,
                  .row = (x->b * c->heads + x->h) * c->tokens + x->begin + t,
                  .S = x->S + t * dk * dv,
                  .u = x->u + t * dv,
                  .v = truth_room(dv, sizeof *z.v),
                  .q = truth_room(dk, sizeof *z.q),
                  .d_o = truth_room(dv, sizeof *z.d_o),
                  .s = truth_room(dv, sizeof *z.s),
                  .du = x->du + t * dv,
                  .by_k = truth_room(dk, sizeof *z.by_k),
                  .by_p = truth_room(dk, sizeof *z.by_p),
                  .by_g = truth_room(dk, sizeof *z.by_g)};
  truth_read_row(&c->in[CASE_V], x->b, x->h, x->begin + t, z.v);
  if (!c->d_o.values) return z;
  truth_read_row(&c->in[CASE_Q], x->b, x->h, x->begin + t, z.q);
  truth_read_row(&c->d_o, x->b, x->h, x->begin + t, z.d_o);
  return z;
}

static void drop(going_back *z) {
  free(z->v), free(z->q), free(z->d_o), free(z->s), free(z->by_k), free(z->by_p), free(z->by_g);
}

/* The derivatives by the token's inputs; G with the read-out. */
static void differentiate(const truth_head *x, going_back *z, const adjoint *y, truth *to) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv;
  const truth_token *a = &z->a;
  const long double scale = truth_scale(c), share = c->rule.decay->share;
  long double by_d = 0;
  memset(z->du, 0, dv * sizeof *z->du);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      y->G[i * dv + j] += scale * z->q[i] * z->d_o[j];
      z->du[j] += y->G[i * dv + j] * a->k[i];
      z->s[j] += z->S[i * dv + j] * a->p[i];
    }
  for (size_t i = 0; i < dk; i++) {
    const long double inner = truth_dot(dv, y->G + i * dv, z->S + i * dv);
    by_d += inner;
    to->d[CASE_Q][z->row * dk + i] = scale * truth_dot(dv, z->S + (dk + i) * dv, z->d_o);
    z->by_k[i] = truth_dot(dv, y->G + i * dv, z->u), z->by_p[i] = -a->c.erase * truth_dot(dv, z->S + i * dv, z->du);
    z->by_g[i] =
        truth_row_decay(x, a, z->t, i) * inner + share * a->p[i] * z->by_p[i] + (1 - share) * a->k[i] * z->by_k[i];
  }
  for (size_t j = 0; j < dv; j++) to->d[CASE_V][z->row * dv + j] = a->c.write * z->du[j];
  const long double by_w = truth_dot(dv, z->v, z->du), by_e = -truth_dot(dv, z->s, z->du);
  const efla_coefficient_slopes *l = &a->slopes;
  z->by_lambda = by_d * l->by_lambda.decay + by_e * l->by_lambda.erase + by_w * l->by_lambda.write;
  to->d[CASE_BETA][z->row] = by_d * l->by_beta.decay + by_e * l->by_beta.erase + by_w * l->by_beta.write;
  for (size_t i = 0; i < dk && c->per_channel; i++) to->d[CASE_G][z->row * dk + i] = z->by_g[i];
  if (!c->per_channel) to->d[CASE_G][z->row] = by_d * l->by_g.decay + by_e * l->by_g.erase + by_w * l->by_g.write;
}

/* From derivatives by the update's keys to those by k, treated or not, and p; error: of d_k in, of treated keys; size: of
 * its terms. */
static double differentiate_keys(const truth_head *x, const going_back *z, double error, double size, truth *to) {
  const backend_case *c = x->c;
  const size_t dk = c->dk;
  const double share = c->rule.decay->share;
  const bool other = c->in[CASE_P].values != NULL;
  long double *d_k = to->d[CASE_K] + z->row * dk, *d_p = to->d[CASE_P] + z->row * dk,
              *key = truth_room(dk, sizeof *key);
  truth_read_row(&c->in[CASE_K], x->b, x->h, x->begin + z->t, key);
  for (size_t i = 0; i < dk && c->rule.keys->unit && z->a.key_norm > 0; i++) key[i] /= z->a.key_norm;
  for (size_t i = 0; i < dk; i++) {
    const long double erase = other ? (long double)case_number(&c->in[CASE_P], x->b, x->h, x->begin + z->t, i) : key[i];
    d_k[i] = z->by_k[i] * truth_channel(x, z->t, i, 1 - share) + z->by_lambda * erase;
    d_p[i] = z->by_p[i] * truth_channel(x, z->t, i, share) + z->by_lambda * key[i];
    if (!other) d_k[i] += d_p[i];
  }
  if (c->rule.keys->unit) {
    const long double along = truth_dot(dk, key, d_k);
    for (size_t i = 0; i < dk; i++) d_k[i] = z->a.key_norm > 0 ? (d_k[i] - key[i] * along) / z->a.key_norm : 0;
    error = 2 * (error + ((double)dk + 10) * size) / (double)z->a.key_norm;
  }
  free(key);
  return error;
}

/* One token back; derivatives of its inputs and the bounds of their errors, d_g's in parts, which truth_retreat() adds
 * up. */
static void retreat_token(const truth_head *x, adjoint *y, size_t t, truth *to, g_parts *g) {
  const backend_case *c = x->c;
  const size_t dk = c->dk, dv = c->dv;
  going_back z = take(x, t);
  differentiate(x, &z, y, to);
  const truth_token *a = &z.a;
  const efla_coefficient_slopes *l = &a->slopes;
  const double scale = truth_scale(c), e = fabs((double)a->c.erase), w = fabs((double)a->c.write), K = (double)dk,
               V = (double)dv, k = a->k_size, p = a->p_length, extra = a->dkey, raw_k = (double)a->key_size,
               raw_p = (double)a->p_size;
  const double size_v = (double)truth_norm(dv, z.v), size_do = (double)truth_norm(dv, z.d_o),
               size_q = (double)truth_norm(dk, z.q), size_u = (double)truth_norm(dv, z.u),
               size_du = (double)truth_norm(dv, z.du), by_lambda = fabs((double)z.by_lambda);
  const double N = truth_size_before(x, t), N_after = truth_size_before(x, t + 1);
  x->gain[t] = scale * size_q * size_do;
  if (c->cuts > 0) y->through += sqrt(K) * x->gain[t];
  const double M = size_after(x, y, t), G_error = y->error + 3 * x->gain[t] + 18 * M, S_error = x->error[t];
  const double s_error = p * S_error + (K + 19 + extra) * N * p,
               u_error = a->dw * size_v + e * s_error + a->de * N * p + 4 * (w * size_v + e * N * p),
               du_local = (K + 35 + extra) * M * k, du_error = k * G_error + du_local;
  const double dq_error = scale * size_do * (x->error[t + 1] + (V + 20) * N_after),
               dv_error = a->dw * size_du + w * du_error + 2 * w * size_du;
  const double by_w_error = size_v * du_error + (V + 2) * size_v * M * k,
               by_e_error = N * p * du_error + M * k * s_error + (V + 2) * N * p * M * k,
               by_d_error = N * G_error + M * S_error + (K + V) * N * M;
  const double lambda_error = slope_error(l->by_lambda.write, K, size_v * M * k, by_w_error) +
                              slope_error(l->by_lambda.erase, K, N * p * M * k, by_e_error);
  const double k_error = G_error * size_u + M * u_error + (V + 20 + extra) * M * size_u,
               p_error =
                   e * (S_error * size_du + N * du_error) + a->de * N * size_du + (V + 20 + extra) * e * N * size_du;
  const bool other = c->in[CASE_P].values != NULL;
  double d_k = k_error + raw_p * lambda_error + 5 * raw_p * by_lambda, size = M * size_u + raw_p * by_lambda,
         d_p = p_error + raw_k * lambda_error + 5 * raw_k * by_lambda;
  if (!other) d_k += d_p, size += e * N * size_du + raw_k * by_lambda;
  d_k = differentiate_keys(x, &z, d_k, size, to);
  g->term = size_q * dq_error + (K + V + 20) * (scale * size_q * size_do * N_after);
  if (c->per_channel) {
    g->term += k * k_error + p * p_error + (K + V + 20) * (k * M * size_u + p * e * N * size_du);
    g->end = by_d_error, g->log_slope = 1, g->own = 0;
  } else {
    g->term += raw_k * d_k + size_v * dv_error + (K + V + 20) * (size_v * w * M * k);
    g->end = by_d_error + e * by_e_error;
    g->log_slope = l->by_g.decay == 0 ? 0 : fabs(l->by_g.decay / (double)a->c.decay);
    g->own = c->rule.decay->proportional ? 0
                                         : g_error(x, a, (double[]){N * M, N * p * M * k, size_v * M * k},
                                                   (double[]){by_d_error, by_e_error, by_w_error});
  }
  to->d_error[CASE_Q][z.row] = 1.01 * dq_error, to->d_error[CASE_K][z.row] = 1.01 * d_k;
  to->d_error[CASE_V][z.row] = 1.01 * dv_error, to->d_error[CASE_P][z.row] = 1.01 * d_p;
  to->d_error[CASE_BETA][z.row] = 1.01 * (slope_error(l->by_beta.write, K, size_v * M * k, by_w_error) +
                                          slope_error(l->by_beta.erase, K, N * p * M * k, by_e_error));
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++)
      y->G[i * dv + j] = truth_row_decay(x, a, t, i) * y->G[i * dv + j] - a->c.erase * a->p[i] * z.du[j];
  y->error =
      a->carried * G_error + p * (e * du_local + a->de * M * k) + (a->dd + 18) * M + (21 + extra) * e * p * size_du;
  x->gain[t] += e * p * (size_du + k * y->through);
  y->through *= a->carried;
  y->G_size[t] = (double)truth_norm(dk * dv, y->G);
  drop(&z);
}

/* G as a scan forms it before token t: M^T G and a sum over the tokens of the piece. */
static void carry_back(const truth_head *x, adjoint *y, size_t t) {
  const double dk = (double)x->c->dk;
  y->error += (dk + 52 + 18 * (double)(y->end - t)) * y->through + y->G_size[t];
  y->through = 2 * sqrt(dk) * y->G_size[t], y->end = t;
}

void truth_retreat(const truth_head *x, truth *to) {
  const backend_case *c = x->c;
  const size_t n = c->dk * c->dv, state = x->s * c->heads + x->h, T = x->tokens;
  adjoint y = {.G = truth_room(n, sizeof *y.G), .G_size = truth_room(T + 1, sizeof *y.G_size)};
  g_parts *g = truth_room(T + 1, sizeof *g);
  for (size_t i = 0; i < c->dk && c->d_final.values; i++) truth_read_row(&c->d_final, x->s, x->h, i, y.G + i * c->dv);
  y.G_size[T] = (double)truth_norm(n, y.G);
  g[T].end = y.G_size[T] * (x->error[T] + (double)n * x->S_size[T]);
  y.end = T, y.through = c->cuts > 0 ? 2 * sqrt((double)c->dk) * y.G_size[T] : 0;
  for (size_t t = T; t-- > 0;) {
    retreat_token(x, &y, t, to, g + t);
    if (!truth_is_cut(x, t)) continue;
    carry_back(x, &y, t);
    g[t].end += y.G_size[t] * (double)n * x->S_size[t];
  }
  for (size_t t = 0; t < T; t++) {
    double sum = g[t].end;
    for (size_t s = t; s < T && s < t + TRUTH_WINDOW; s++) sum += g[s].term + g[s + 1].end;
    if (!c->rule.decay->gated) sum = 0;
    to->d_error[CASE_G][(x->b * c->heads + x->h) * c->tokens + x->begin + t] = 1.01 * (g[t].log_slope * sum + g[t].own);
  }
  memcpy(to->d[CASE_INITIAL] + state * n, y.G, n * sizeof *y.G);
  for (size_t i = 0; i < c->dk; i++) to->d_error[CASE_INITIAL][state * c->dk + i] = 1.01 * y.error;
  free(y.G), free(y.G_size), free(g);
}

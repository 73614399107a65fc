/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "channel_kernel.h"

#include "testing.h"

enum { MOST = 64 }; /* of dk, dv */

channel_kernel channel_kernel_right(const char *decay) {
  return (channel_kernel){.sizes = {2, 100, 3, 12, 8}, .decay = decay, .rate = 0.05};
}

static bool is(const channel_kernel *f, const char *decay) { return !strcmp(f->decay, decay); }
static bool channels(const channel_kernel *f) { return is(f, "lie") || is(f, "strang") || is(f, "exact"); }

/* Arithmetic rounds here. */
static double fit(const channel_kernel *f, double x) { return f->f64 ? x : (double)(float)x; }

typedef struct token {
  const double *q, *k, *v, *p, *g;
  double beta;
} token;

static double phi(double x) { return fabs(x) < 1e-30 ? 1 : -expm1(-x) / x; }

/* S <- diag(exp(part g)) S; of one g per head in every channel. */
static void decay(const channel_kernel *f, const token *x, double part, double *S) {
  double mean = 0;
  for (size_t i = 0; i < f->sizes.dk; i++) mean += x->g[i] / (double)f->sizes.dk;
  for (size_t i = 0; i < f->sizes.dk; i++) {
    const double factor = fit(f, exp(part * (f->mean ? mean : x->g[channels(f) ? i : 0])));
    for (size_t j = 0; j < f->sizes.dv; j++) S[i * f->sizes.dv + j] = fit(f, factor * S[i * f->sizes.dv + j]);
  }
}

/* S <- S + k (w v - e S^T p)^T */
static void update(const channel_kernel *f, const token *x, double e, double w, double *S) {
  const size_t dk = f->sizes.dk, dv = f->sizes.dv;
  for (size_t j = 0; j < dv; j++) {
    double s = 0;
    for (size_t i = 0; i < dk; i++) s = fit(f, s + fit(f, x->p[i] * S[i * dv + j]));
    const double u = fit(f, fit(f, w * x->v[j]) - fit(f, e * s));
    for (size_t i = 0; i < dk; i++) S[i * dv + j] = fit(f, S[i * dv + j] + fit(f, x->k[i] * u));
  }
}

/* The flow of a token as a Taylor series of degree 16 in eighths of it. */
static void flow(const channel_kernel *f, const token *x, double *S) {
  const size_t dk = f->sizes.dk, dv = f->sizes.dv;
  double mean = 0;
  for (size_t i = 0; i < dk; i++) mean += x->g[i] / (double)dk;
  for (size_t step = 0; step < 8; step++)
    for (size_t j = 0; j < dv; j++) {
      double term[MOST];
      for (size_t i = 0; i < dk; i++) term[i] = S[i * dv + j];
      for (size_t n = 1; n <= 16; n++) {
        double u = n == 1 ? x->v[j] : 0;
        for (size_t i = 0; i < dk; i++) u = fit(f, u - fit(f, x->k[i] * term[i]));
        u = fit(f, x->beta * u);
        for (size_t i = 0; i < dk; i++) {
          term[i] =
              fit(f, fit(f, fit(f, (f->mean ? mean : x->g[i]) * term[i]) + fit(f, x->k[i] * u)) / (8 * (double)n));
          S[i * dv + j] = fit(f, S[i * dv + j] + term[i]);
        }
      }
    }
}

static void step(const channel_kernel *f, const token *x, double *S) {
  if (is(f, "exact")) return flow(f, x, S);
  double mu = 0;
  for (size_t i = 0; i < f->sizes.dk; i++) mu += x->p[i] * x->k[i];
  const double before = f->after || is(f, "none") ? 0
                        : is(f, "strang")         ? 0.5
                                                  : 1,
               after = f->after          ? 1
                       : is(f, "strang") ? 0.5
                                         : 0,
               a = fit(f, x->beta * phi(x->beta * mu)),
               w = is(f, "joint") ? fit(f, x->beta * phi(x->beta * mu - x->g[0])) : a;
  decay(f, x, before, S);
  update(f, x, a, w, S);
  if (after > 0) decay(f, x, after, S);
}

static void read_out(const channel_kernel *f, const token *x, const double *S, double *o) {
  for (size_t j = 0; j < f->sizes.dv; j++) {
    o[j] = 0;
    for (size_t i = 0; i < f->sizes.dk; i++) o[j] = fit(f, o[j] + fit(f, x->q[i] * S[i * f->sizes.dv + j]));
  }
}

/* Erase keys: along the key and across it, where pairs of entries cancel; in turn mu > 0, mu = 0, mu < 0. */
static void set_erase_keys(const channel_kernel *f, size_t rows, const double *k, double *p) {
  static const double along[] = {1, 0.6, 0, -0.2};
  const size_t dk = f->sizes.dk;
  for (size_t t = 0; t < rows; t++)
    for (size_t i = 0; i < dk; i++) {
      const double turned = (i ^ 1) < dk ? (i % 2 ? -0.3 : 0.3) * k[t * dk + (i ^ 1)] : 0;
      p[t * dk + i] = (double)(float)(along[t * 5 % 4] * k[t * dk + i] + turned);
    }
}

void channel_kernel_write(const channel_kernel *f, const char *path) {
  const h5_sizes *z = &f->sizes;
  const size_t dk = z->dk, dv = z->dv, H = z->heads, T = z->tokens, n = z->batch * T * H, width = channels(f) ? dk : 1,
               states = z->batch * H * dk * dv;
  double *q = h5_numbers(z, 'q', 1), *k = h5_numbers(z, 'k', 1), *v = h5_numbers(z, 'v', 1),
         *beta = h5_numbers(z, 'b', 1), *g = testing_poison(n * dk), *p = testing_poison(n * dk),
         *o = testing_poison(n * dv), *S = calloc(states, sizeof *S);
  ck_assert(dk <= MOST && dv <= MOST && S);
  for (size_t e = 0; e < n * width; e++)
    g[e] = (double)(float)(-f->rate * (double)((f->constant ? e % width + 1 : e * 7) % 9));
  set_erase_keys(f, n, k, p);
  for (size_t t = 0; t < n && f->unit_keys; t++) {
    const double norm = sqrt(efla_lambda(dk, k + t * dk));
    for (size_t i = 0; i < dk; i++) k[t * dk + i] = fit(f, k[t * dk + i] / norm);
  }
  for (size_t b = 0; b < z->batch; b++)
    for (size_t t = 0; t < T; t++)
      for (size_t h = 0; h < H; h++) {
        const size_t at = (b * T + t) * H + h;
        double *state = S + (b * H + h) * dk * dv, before[MOST * MOST];
        const token x = {q + at * dk,    k + at * dk, v + at * dv, (f->erase_key && !f->ignores_p ? p : k) + at * dk,
                         g + at * width, beta[at]};
        if (f->reads_before) memcpy(before, state, dk * dv * sizeof *before), decay(f, &x, 1, before);
        step(f, &x, state);
        read_out(f, &x, f->reads_before ? before : state, o + at * dv);
      }
  free(k), k = h5_numbers(z, 'k', 1);
  hid_t file = h5_create(path), type = f->f64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE;
  h5_put_tokens(file, "q", H5T_IEEE_F32LE, z, dk, q), h5_put_tokens(file, "k", H5T_IEEE_F32LE, z, dk, k);
  h5_put_tokens(file, "v", H5T_IEEE_F32LE, z, dv, v), h5_put_tokens(file, "beta", H5T_IEEE_F32LE, z, 0, beta);
  h5_put_tokens(file, "o", type, z, dv, o);
  if (!is(f, "none")) h5_put_tokens(file, "g", H5T_IEEE_F32LE, z, channels(f) ? dk : 0, g);
  if (f->erase_key) h5_put_tokens(file, "p", H5T_IEEE_F32LE, z, dk, p);
  H5_PUT(file, "final_state", type, S, z->batch, H, dk, dv);
  h5_close(file);
  free(q), free(k), free(v), free(beta), free(g), free(p), free(o), free(S);
}

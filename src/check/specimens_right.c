/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Right specimens, in other orders of summation and by chunks. */
#include "check/specimens_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DK = EFLA_SPECIMEN_DK, DV = EFLA_SPECIMEN_DV, H = EFLA_SPECIMEN_HEADS, MOST = 256 };

/* Sum of a_i b_i, a_i at every stride-th place. */
static float dot(int what, size_t n, const float *a, size_t stride, const float *b) {
  float part[4] = {0}, sum = 0;
  if (what == RIGHT_PAIRWISE && n > 1)
    return dot(what, n / 2, a, stride, b) + dot(what, n - n / 2, a + n / 2 * stride, stride, b + n / 2);
  for (size_t i = 0; i < n; i++) {
    const size_t s = what == RIGHT_REVERSED ? n - 1 - i : i;
    if (what == RIGHT_SPLIT)
      part[i * 4 / n] += a[s * stride] * b[s];
    else if (what == RIGHT_FUSED)
      sum = fmaf(a[s * stride], b[s], sum);
    else
      sum += a[s * stride] * b[s];
  }
  return what == RIGHT_SPLIT ? (part[0] + part[2]) + (part[1] + part[3]) : sum;
}

/* A token's key, decay and coefficient. */
typedef struct row {
  float key[DK], decay, a;
  const float *q, *v;
} row;

static row row_of(const efla_specimen *c, int what, size_t at) {
  row r = {.q = c->q + at * DK, .v = c->v + at * DV};
  const float *k = c->k + at * DK;
  const float lambda = dot(what, DK, k, 1, k), norm = sqrtf(lambda);
  const bool unit = c->kernel->needs & EFLA_SPECIMEN_UNIT;
  for (size_t i = 0; i < DK; i++) r.key[i] = unit && norm > 0 ? k[i] / norm : k[i];
  const float seen = unit ? 1 : lambda, beta = c->beta[at];
  r.decay = c->g ? expf(c->g[at]) : 1;
  r.a = seen > 0 ? -expm1f(-beta * seen) / seen : beta;
  return r;
}

static void write_row(efla_specimen *c, size_t at, const float *o) {
  for (size_t j = 0; j < DV; j++) c->o[at * DV + j] = (float)efla_format_round(c->type, c->scale * o[j]);
}

static void by_tokens(efla_specimen *c, int what, size_t first, size_t tokens, size_t head, float *S) {
  for (size_t t = 0; t < tokens; t++) {
    const size_t at = (first + t) * H + head;
    const row r = row_of(c, what, at);
    float o[DV];
    for (size_t i = 0; i < DK * DV; i++) S[i] *= r.decay;
    for (size_t j = 0; j < DV; j++) {
      const float u = r.a * (r.v[j] - dot(what, DK, S + j, DV, r.key));
      for (size_t i = 0; i < DK; i++)
        S[i * DV + j] = what == RIGHT_FUSED ? fmaf(r.key[i], u, S[i * DV + j]) : S[i * DV + j] + r.key[i] * u;
    }
    for (size_t j = 0; j < DV; j++) o[j] = dot(what, DK, S + j, DV, r.q);
    write_row(c, at, o);
  }
}

/* With G_t the product of the chunk's decays up to t and S its first state: u_t = a_t (v_t - G_t S^T k_t - sum over s <
 * t of G_t/G_s (k_s^T k_t) u_s), o_t = G_t S^T q_t + sum over s <= t of G_t/G_s (k_s^T q_t) u_s, and S' = G S + sum of
 * G/G_s k_s u_s^T. */
static void one_chunk(efla_specimen *c, size_t first, size_t tokens, size_t head, float *S) {
  static _Thread_local row rows[MOST];
  static _Thread_local float u[MOST][DV], G[MOST];
  for (size_t t = 0; t < tokens; t++) {
    const size_t at = (first + t) * H + head;
    float o[DV];
    rows[t] = row_of(c, RIGHT_CHUNKS, at);
    G[t] = (t ? G[t - 1] : 1) * rows[t].decay;
    for (size_t j = 0; j < DV; j++) {
      float sum = G[t] * dot(RIGHT_CHUNKS, DK, S + j, DV, rows[t].key);
      for (size_t s = 0; s < t; s++) sum += G[t] / G[s] * dot(RIGHT_CHUNKS, DK, rows[s].key, 1, rows[t].key) * u[s][j];
      u[t][j] = rows[t].a * (rows[t].v[j] - sum);
      o[j] = G[t] * dot(RIGHT_CHUNKS, DK, S + j, DV, rows[t].q);
      for (size_t s = 0; s <= t; s++) o[j] += G[t] / G[s] * dot(RIGHT_CHUNKS, DK, rows[s].key, 1, rows[t].q) * u[s][j];
    }
    write_row(c, at, o);
  }
  for (size_t i = 0; i < DK; i++)
    for (size_t j = 0; j < DV; j++) {
      S[i * DV + j] *= G[tokens - 1];
      for (size_t s = 0; s < tokens; s++) S[i * DV + j] += G[tokens - 1] / G[s] * rows[s].key[i] * u[s][j];
    }
}

/* A number as an operand of a product of matrices: in the type of inputs. */
static float operand(const efla_specimen *c, float x) { return (float)efla_format_round(c->type, x); }

/* The same with T = (I + A)^-1 formed, A = tril(a_t G_t/G_s k_t^T k_s, -1): u = T (a v) - (T (a G k)) S, with all operands
 * of products of matrices in the type of inputs, and logarithms of decays added up. */
static void one_inverse(efla_specimen *c, size_t first, size_t tokens, size_t head, float *S) {
  static _Thread_local float T[MOST][MOST], u[MOST][DV], last[DK * DV];
  static _Thread_local row rows[MOST];
  float g[MOST] = {0};
  for (size_t t = 0; t < tokens; t++) {
    const size_t at = (first + t) * H + head;
    rows[t] = row_of(c, RIGHT_INVERSE, at);
    g[t] = (t ? g[t - 1] : 0) + (c->g ? c->g[at] : 0);
    for (size_t s = 0; s <= t; s++) {
      T[t][s] = t == s ? 1 : 0;
      for (size_t m = s; m < t; m++)
        T[t][s] -= rows[t].a * expf(g[t] - g[m]) * dot(RIGHT_INVERSE, DK, rows[t].key, 1, rows[m].key) * T[m][s];
    }
  }
  for (size_t i = 0; i < DK * DV; i++) last[i] = operand(c, S[i]);
  for (size_t t = 0; t < tokens; t++) {
    float w[DK] = {0}, v[DV] = {0};
    for (size_t s = 0; s <= t; s++) {
      for (size_t i = 0; i < DK; i++) w[i] += operand(c, T[t][s]) * operand(c, rows[s].a * expf(g[s]) * rows[s].key[i]);
      for (size_t j = 0; j < DV; j++) v[j] += operand(c, T[t][s]) * operand(c, rows[s].a * rows[s].v[j]);
    }
    for (size_t i = 0; i < DK; i++) w[i] = operand(c, w[i]);
    for (size_t j = 0; j < DV; j++) u[t][j] = operand(c, operand(c, v[j]) - dot(RIGHT_INVERSE, DK, last + j, DV, w));
  }
  for (size_t t = 0; t < tokens; t++) {
    float o[DV];
    for (size_t j = 0; j < DV; j++) o[j] = expf(g[t]) * dot(RIGHT_INVERSE, DK, last + j, DV, rows[t].q);
    for (size_t s = 0; s <= t; s++) {
      const float weight = operand(c, expf(g[t] - g[s]) * dot(RIGHT_INVERSE, DK, rows[s].key, 1, rows[t].q));
      for (size_t j = 0; j < DV; j++) o[j] += weight * u[s][j];
    }
    write_row(c, (first + t) * H + head, o);
  }
  for (size_t i = 0; i < DK; i++)
    for (size_t j = 0; j < DV; j++) {
      float sum = expf(g[tokens - 1]) * S[i * DV + j];
      for (size_t s = 0; s < tokens; s++) sum += rows[s].key[i] * operand(c, expf(g[tokens - 1] - g[s]) * u[s][j]);
      S[i * DV + j] = sum;
    }
}

void efla_specimen_run_right(efla_specimen *c, int what, size_t chunk, size_t first, size_t tokens, size_t head,
                             float *S) {
  if (what != RIGHT_CHUNKS && what != RIGHT_INVERSE) {
    by_tokens(c, what, first, tokens, head, S);
    return;
  }
  void (*const one)(efla_specimen *, size_t, size_t, size_t, float *) = what == RIGHT_CHUNKS ? one_chunk : one_inverse;
  for (size_t t = 0; t < tokens; t += chunk) one(c, first + t, tokens - t < chunk ? tokens - t : chunk, head, S);
}

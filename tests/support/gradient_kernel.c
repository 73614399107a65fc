/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gradient_kernel.h"

#include "efla/backward.h"
#include "efla/forward.h"
#include "testing.h"

#include <gsl/gsl_randist.h>

gradient_kernel gradient_kernel_usual(void) {
  return (gradient_kernel){.sizes = {2, 50, 2, 9, 7},
                           .norm = 1,
                           .method = "exact",
                           .decay = "none",
                           .keys = "raw",
                           .scale = 1,
                           .format = "f32",
                           .backend = "auto"};
}

enum { Q, K, V, BETA, G, P, S0, D_O, D_S, INPUTS, O = INPUTS, S, ARRAYS };

typedef struct arrays {
  size_t B, T, H, dk, dv, N; /* N: sequences */
  size_t bounds[3];
  double *x[ARRAYS]; /* (B,T,H,width), or (N,H,dk,dv) */
  double *d[INPUTS]; /* derivatives by q ... initial state */
} arrays;

static const gradient_kernel *kernel;

static size_t width(const arrays *a, int i) {
  const size_t widths[ARRAYS] = {
      [Q] = a->dk, [K] = a->dk,   [V] = a->dv, [BETA] = 1, [G] = kernel->channels ? a->dk : 1,
      [P] = a->dk, [D_O] = a->dv, [O] = a->dv};
  return widths[i];
}

static bool state(int i) { return i == S0 || i == D_S || i == S; }
static size_t entries(const arrays *a, int i) {
  return state(i) ? a->N * a->H * a->dk * a->dv : a->B * a->T * a->H * width(a, i);
}
static bool gated(void) { return strcmp(kernel->decay, "none") != 0; }
static bool there(int i) {
  return i == G ? gated() : i == P ? kernel->erase_key : i == S0 ? kernel->initial : i == D_S ? kernel->final : true;
}

static double fit(double x) { return kernel->f64 ? x : (double)(float)x; }
static double out(double x) { return efla_format_round(efla_format_find(kernel->format), x); }

static double draw_one(gsl_rng *draw, const arrays *a, int i) {
  const double root = sqrt((double)a->dk), unit = gsl_ran_gaussian(draw, 1);
  if (i == K || i == P) return kernel->norm * unit / root;
  if (i == Q) return unit / root;
  if (i == BETA) return 1 / (1 + exp(-unit));
  if (i == G && !strcmp(kernel->decay, "retention")) return 1 - .3 * gsl_rng_uniform(draw);
  return i == G ? -.3 * gsl_rng_uniform(draw) : unit;
}

static arrays draw_arrays(void) {
  const h5_sizes *s = &kernel->sizes;
  arrays a = {.B = s->batch, .T = s->tokens, .H = s->heads, .dk = s->dk, .dv = s->dv, .N = s->batch};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() * 7 + 1);
  if (kernel->packed) a.B = 1, a.N = 2, a.T *= s->batch, a.bounds[1] = a.T / 3, a.bounds[2] = a.T;
  for (int i = 0; i < ARRAYS; i++) {
    a.x[i] = calloc(entries(&a, i), sizeof(double));
    if (i < D_O) a.d[i] = calloc(entries(&a, i), sizeof(double));
    for (size_t e = 0; i < INPUTS && e < entries(&a, i); e++) a.x[i][e] = there(i) ? out(draw_one(draw, &a, i)) : 0;
  }
  for (size_t r = 0; kernel->shared && r < a.B * a.T * a.H; r++) /* as the first head of each group */
    for (int i = Q; i <= K; i++)
      memcpy(a.x[i] + r * a.dk, a.x[i] + (r - r % a.H % kernel->shared) * a.dk, a.dk * sizeof(double));
  gsl_rng_free(draw);
  return a;
}

/* ---- the library ---- */

static efla_array place(const arrays *a, int i, const double *from) {
  const size_t n = entries(a, i);
  const efla_type type = kernel->f64 ? EFLA_F64 : EFLA_F32;
  void *data = calloc(n, efla_type_size(type));
  for (size_t e = 0; e < n && from; e++) {
    if (kernel->f64)
      ((double *)data)[e] = from[e];
    else
      ((float *)data)[e] = (float)from[e];
  }
  return state(i) ? efla_array_states(data, type, a->H, a->dk, a->dv)
                  : efla_array_token_major(data, type, a->T, a->H, width(a, i));
}

static void take(const arrays *a, int i, efla_array *from, double *to) {
  for (size_t e = 0; e < entries(a, i); e++)
    to[e] = kernel->f64 ? ((double *)from->data)[e] : (double)((float *)from->data)[e];
  free(from->data);
}

static void run_library(arrays *a) {
  const efla_options options = {.threads = 1, .isa = kernel->isa};
  efla_backend *backend;
  efla_rule rule;
  ck_assert_int_eq(efla_backend_open(kernel->backend, &options, &backend), EFLA_OK);
  ck_assert_int_eq(efla_rule_find(kernel->method, kernel->decay, kernel->keys, &rule), EFLA_OK);
  rule.scale = kernel->scale;
  efla_sequence x = {.batch = a->B, .heads = a->H, .tokens = a->T, .dk = a->dk, .dv = a->dv};
  if (kernel->packed) x.sequences = a->N, x.cu_seqlens = a->bounds;
  x.g_per_channel = kernel->channels;
  efla_result y = {place(a, O, NULL), place(a, S, NULL)}, dy = {.o = place(a, D_O, a->x[D_O])};
  efla_gradient dx = {.q = {0}};
  efla_array *const in[] = {&x.q, &x.k, &x.v, &x.beta, &x.g, &x.p, &x.initial_state},
                    *const to[] = {&dx.q, &dx.k, &dx.v, &dx.beta, &dx.g, &dx.p, &dx.initial_state};
  for (int i = Q; i < D_O; i++)
    if (there(i)) *in[i] = place(a, i, a->x[i]), *to[i] = place(a, i, NULL);
  if (kernel->final) dy.final_state = place(a, D_S, a->x[D_S]);
  ck_assert_msg(efla_forward(backend, &rule, &x, &y) == EFLA_OK, "%s", efla_last_message(backend));
  ck_assert_msg(efla_backward(backend, &rule, &x, &dy, &dx) == EFLA_OK, "%s", efla_last_message(backend));
  efla_backend_close(backend);
  for (int i = Q; i < D_O; i++)
    if (there(i)) free(in[i]->data), take(a, i, to[i], a->d[i]);
  take(a, O, &y.o, a->x[O]), take(a, S, &y.final_state, a->x[S]);
  free(dy.o.data), free(dy.final_state.data);
}

/* ---- the loops ---- */

static double sum_of(size_t n, const double *x, size_t step_x, const double *y, size_t step_y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const size_t at = kernel->reversed ? n - 1 - i : i;
    sum = fit(sum + fit(x[at * step_x] * y[at * step_y]));
  }
  return sum;
}

typedef struct one_token {
  double key[64], u[64], du[64], norm, lambda, a, by_lambda, by_beta, decay;
} one_token;

static void prepare(const arrays *a, size_t row, one_token *o) {
  const double beta = a->x[BETA][row], *k = a->x[K] + row * a->dk;
  double lambda = 0;
  for (size_t i = 0; i < a->dk; i++) lambda += k[i] * k[i];
  o->norm = !strcmp(kernel->keys, "unit") ? sqrt(lambda) : 1;
  for (size_t i = 0; i < a->dk; i++) o->key[i] = fit(k[i] / o->norm);
  o->lambda = lambda = lambda / o->norm / o->norm;
  o->decay = gated() ? fit(exp(a->x[G][row])) : 1;
  const double x = beta * lambda;
  o->a = fit(-expm1(-x) / lambda), o->by_beta = fit(exp(-x));
  o->by_lambda = fit((beta * exp(-x) - o->a) / lambda);
}

/* The update with u = a (v - d S^T k); S in and out. */
static void forward_token(const arrays *a, size_t row, one_token *o, double *state_) {
  const size_t dk = a->dk, dv = a->dv;
  for (size_t e = 0; e < dk * dv; e++) state_[e] = fit(o->decay * state_[e]);
  for (size_t j = 0; j < dv; j++) o->u[j] = fit(a->x[V][row * dv + j] - sum_of(dk, o->key, 1, state_ + j, dv));
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) state_[i * dv + j] = fit(state_[i * dv + j] + fit(fit(o->a * o->key[i]) * o->u[j]));
  for (size_t j = 0; j < dv; j++)
    a->x[O][row * dv + j] = fit(kernel->scale * sum_of(dk, a->x[Q] + row * dk, 1, state_ + j, dv));
}

/* The derivative by the raw key, from that by the key of the update, in place. */
static void untreat(const one_token *o, size_t dk, double *d) {
  if (strcmp(kernel->keys, "unit") != 0 || kernel->fault == GRADIENT_NO_NORM) return;
  const double radial = kernel->fault == GRADIENT_NO_PROJECTION ? 0 : sum_of(dk, o->key, 1, d, 1);
  for (size_t i = 0; i < dk; i++) d[i] = fit(fit(d[i] - fit(o->key[i] * radial)) / o->norm);
}

/* One token back: before and after, the states about it; dG in and out.  Returns q.dq - v.dv. */
static double backward_token(const arrays *a, size_t row, const double *before, const double *after, double *dG,
                             bool early) {
  const size_t dk = a->dk, dv = a->dv;
  const gradient_fault fault = kernel->fault;
  const double *q = a->x[Q] + row * dk, *v = a->x[V] + row * dv, *d_o = a->x[D_O] + row * dv,
               scale = fault == GRADIENT_NO_SCALE ? 1 : kernel->scale;
  double *d_q = a->d[Q] + row * dk, *d_k = a->d[K] + row * dk, *d_v = a->d[V] + row * dv, y[64], decayed[64 * 64];
  one_token o = {.norm = 0};
  prepare(a, row, &o);
  const double coefficient = fault == GRADIENT_EULER ? a->x[BETA][row] : o.a,
               by_beta = fault == GRADIENT_EULER || fault == GRADIENT_BETA ? 1 : o.by_beta,
               by_lambda = fault == GRADIENT_EULER || fault == GRADIENT_NO_LAMBDA ? 0 : o.by_lambda;
  const double *read = fault == GRADIENT_BEFORE ? before : after;
  for (size_t e = 0; e < dk * dv; e++) decayed[e] = fit(o.decay * before[e]);
  for (size_t i = 0; i < dk; i++) {
    d_q[i] = fit(scale * sum_of(dv, read + i * dv, 1, d_o, 1));
    for (size_t j = 0; j < dv; j++) dG[i * dv + j] = fit(dG[i * dv + j] + fit(fit(scale * q[i]) * d_o[j]));
  }
  for (size_t j = 0; j < dv; j++) {
    y[j] = fit(v[j] - sum_of(dk, o.key, 1, decayed + j, dv));
    o.du[j] = sum_of(dk, o.key, 1, dG + j, dv);
    d_v[j] = fit(coefficient * o.du[j]);
  }
  const double by_a = sum_of(dv, y, 1, o.du, 1);
  a->d[BETA][row] = fit(by_beta * by_a);
  for (size_t i = 0; i < dk; i++) {
    const double written = sum_of(dv, dG + i * dv, 1, y, 1), erased = sum_of(dv, decayed + i * dv, 1, o.du, 1);
    d_k[i] = fit(fit(coefficient * fit(written - erased)) + fit(2 * o.key[i] * fit(by_lambda * by_a)));
  }
  untreat(&o, dk, d_k);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      const double erased = fit(fit(coefficient * o.key[i]) * o.du[j]);
      dG[i * dv + j] = fit(o.decay * fit(dG[i * dv + j] - erased));
    }
  const double term = fit(sum_of(dk, q, 1, d_q, 1) - sum_of(dv, v, 1, d_v, 1));
  for (size_t i = 0; i < dk; i++) {
    if (fault == GRADIENT_FACTOR || (fault == GRADIENT_HALF_TOKENS && early)) d_k[i] = fit(1.5 * d_k[i]);
    if (fault == GRADIENT_ZERO) d_q[i] = 0;
  }
  for (size_t j = 0; j < dv && fault == GRADIENT_SIGN; j++) d_v[j] = -d_v[j];
  return term;
}

static bool handed_on(size_t t, size_t tokens) {
  const gradient_fault fault = kernel->fault;
  if ((t + 1) % (kernel->chunk ? kernel->chunk : 1) != 0 || t + 1 == tokens) return true;
  if (fault == GRADIENT_LAST_CARRY) return t + 1 != (tokens - 1) / kernel->chunk * kernel->chunk;
  return fault != GRADIENT_CARRY;
}

/* Rows first, first + H, ...: a head of sequence s. */
static void run_head(const arrays *a, size_t first, size_t tokens, size_t at) {
  const size_t n = a->dk * a->dv;
  double *states = calloc((tokens + 1) * n, sizeof *states), *dG = calloc(n, sizeof *dG), sum = 0;
  for (size_t e = 0; e < n; e++) {
    states[e] = kernel->initial ? a->x[S0][at + e] : 0;
    dG[e] = kernel->final && kernel->fault != GRADIENT_NO_FINAL ? a->x[D_S][at + e] : 0;
  }
  for (size_t t = 0; t < tokens; t++) {
    one_token o;
    memcpy(states + (t + 1) * n, states + t * n, n * sizeof *states);
    prepare(a, first + t * a->H, &o);
    forward_token(a, first + t * a->H, &o, states + (t + 1) * n);
  }
  memcpy(a->x[S] + at, states + tokens * n, n * sizeof *states);
  for (size_t e = 0; e < n; e++) sum = fit(sum + fit(dG[e] * states[tokens * n + e]));
  for (size_t t = tokens; t-- > 0;) {
    if (!handed_on(t, tokens)) memset(dG, 0, n * sizeof *dG);
    const size_t row = first + t * a->H;
    const double term = backward_token(a, row, states + t * n, states + (t + 1) * n, dG, t < tokens / 2);
    sum = kernel->fault == GRADIENT_NO_SUM && t + 1 < tokens ? term : fit(sum + term);
    if (gated()) a->d[G][row] = sum;
  }
  memcpy(a->d[S0] + at, dG, n * sizeof *dG);
  free(states), free(dG);
}

static void run_loops(arrays *a) {
  for (size_t s = 0; s < a->N; s++)
    for (size_t h = 0; h < a->H; h++) {
      const size_t first = kernel->packed ? a->bounds[s] : s * a->T,
                   tokens = kernel->packed ? a->bounds[s + 1] - a->bounds[s] : a->T;
      run_head(a, first * a->H + h, tokens, (s * a->H + h) * a->dk * a->dv);
    }
}

/* ---- the file ---- */

static void put(hid_t file, const char *name, const arrays *a, int i, double *values, size_t heads) {
  const size_t w = width(a, i);
  const hid_t type = kernel->f64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE;
  const size_t n = entries(a, i) / a->H * heads;
  for (size_t e = 0; e < n; e++) values[e] = out(values[e]);
  if (state(i))
    h5_put(file, name, type, 4, (hsize_t[]){a->N, a->H, a->dk, a->dv}, values);
  else
    h5_put(file, name, type, i == BETA || (i == G && !kernel->channels) ? 3 : 4, (hsize_t[]){a->B, a->T, heads, w},
           values);
}

/* The sum over the heads of each group, in place. */
static void add_heads(const arrays *a, double *rows) {
  const size_t groups = a->H / kernel->shared;
  for (size_t r = 0; r < a->B * a->T; r++)
    for (size_t g = 0; g < groups; g++)
      for (size_t i = 0; i < a->dk; i++) {
        double sum = 0;
        for (size_t h = 0; h < kernel->shared; h++)
          sum = fit(sum + rows[(r * a->H + g * kernel->shared + h) * a->dk + i]);
        rows[(r * groups + g) * a->dk + i] = sum; /* at most where it was read last */
      }
}

void gradient_kernel_write(const gradient_kernel *k, const char *path) {
  kernel = k;
  const bool alpha = !strcmp(k->decay, "retention");
  const char *const names[ARRAYS] =
      {"q", "k", "v", "beta", alpha ? "alpha" : "g", "p", "initial_state", "do", "dfinal_state", "o", "final_state"},
                    *const gradients[] = {"dq", "dk", "dv", "dbeta", alpha ? "dalpha" : "dg", "dp", "dinitial_state"};
  arrays a = draw_arrays();
  if (k->backend)
    run_library(&a);
  else
    run_loops(&a);
  hid_t file = h5_create(path);
  h5_number(file, "scale", k->scale);
  if (k->packed) H5_PUT(file, "cu_seqlens", H5T_NATIVE_INT64, ((double[]){0, (double)a.bounds[1], (double)a.T}), 3);
  for (int i = 0; i < ARRAYS; i++)
    if (there(i) && !(i == D_O && k->no_o_gradient)) put(file, names[i], &a, i, a.x[i], a.H);
  for (int i = 0; i < D_O; i++) {
    if (!there(i)) continue;
    const bool shared = k->shared && i <= K;
    if (shared) add_heads(&a, a.d[i]);
    put(file, gradients[i], &a, i, a.d[i], shared ? a.H / k->shared : a.H);
  }
  h5_close(file);
  for (int i = 0; i < ARRAYS; i++) free(a.x[i]);
  for (int i = 0; i < D_O; i++) free(a.d[i]);
}

efla_kernel_check gradient_kernel_check(const gradient_kernel *k, const char *path) {
  efla_kernel_check_options ask = {
      .input = path,
      .rule = {.method = efla_method_find(k->method), .keys = efla_key_treatment_find(k->keys)},
      .truth = efla_oracle_find("longdouble"),
      .tolerance = {EFLA_TOLERANCE_BOUND, 0}};
  efla_kernel_check check;
  efla_message why = {{0}};
  while (strcmp(efla_file_decay_name(ask.decay), k->decay) != 0) ask.decay++;
  efla_status status = efla_kernel_check_run(&check, &ask, 1, &why);
  ck_assert_msg(status == EFLA_OK, "%s", why.text);
  return check;
}

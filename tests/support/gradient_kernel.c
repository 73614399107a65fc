/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gradient_arrays.h"

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

const gradient_kernel *gradient_kernel_now;

static size_t width(const gradient_arrays *a, int i) {
  const size_t widths[ARRAYS] = {
      [Q] = a->dk, [K] = a->dk,   [V] = a->dv, [BETA] = 1, [G] = gradient_kernel_now->channels ? a->dk : 1,
      [P] = a->dk, [D_O] = a->dv, [O] = a->dv};
  return widths[i];
}

static bool state(int i) { return i == S0 || i == D_S || i == S; }
static size_t entries(const gradient_arrays *a, int i) {
  return state(i) ? a->N * a->H * a->dk * a->dv : a->B * a->T * a->H * width(a, i);
}
bool gradient_gated(void) { return strcmp(gradient_kernel_now->decay, "none") != 0; }
static bool there(int i) {
  return i == G     ? gradient_gated()
         : i == P   ? gradient_kernel_now->erase_key
         : i == S0  ? gradient_kernel_now->initial
         : i == D_S ? gradient_kernel_now->final
                    : true;
}

static double draw_one(gsl_rng *draw, const gradient_arrays *a, int i) {
  const double root = sqrt((double)a->dk), unit = gsl_ran_gaussian(draw, 1);
  if (i == K || i == P) return gradient_kernel_now->norm * unit / root;
  if (i == Q) return unit / root;
  if (i == BETA) return 1 / (1 + exp(-unit));
  if (i == G && !strcmp(gradient_kernel_now->decay, "retention")) return 1 - .3 * gsl_rng_uniform(draw);
  return i == G ? -.3 * gsl_rng_uniform(draw) : unit;
}

/* Keys, values, queries and beta of a family. */
static void draw_family(const gradient_arrays *a) {
  efla_source source;
  efla_tokens x;
  efla_message why;
  efla_spec spec = efla_spec_default(efla_family_find(gradient_kernel_now->family));
  spec.dk = a->dk, spec.dv = a->dv, spec.norm = gradient_kernel_now->norm, spec.beta = -1;
  spec.seed = testing_seed() * 7 + 1 + gradient_kernel_now->seed;
  ck_assert_int_eq(efla_source_init(&source, &spec, &why), EFLA_OK);
  ck_assert_int_eq(efla_tokens_init(&x, a->T, a->dk, a->dv), EFLA_OK);
  for (size_t b = 0; b < a->B; b++)
    for (size_t h = 0; h < a->H; h++) {
      ck_assert_int_eq(efla_source_next(&source, &x, &why), EFLA_OK);
      const double *const from[] = {x.q, x.k, x.v, x.beta};
      for (int i = Q; i <= BETA; i++)
        for (size_t e = 0; e < a->T * width(a, i); e++)
          a->x[i][((b * a->T + e / width(a, i)) * a->H + h) * width(a, i) + e % width(a, i)] = gradient_out(from[i][e]);
    }
  efla_source_clear(&source);
  efla_tokens_clear(&x);
}

static gradient_arrays draw_arrays(void) {
  const h5_sizes *s = &gradient_kernel_now->sizes;
  gradient_arrays a = {.B = s->batch, .T = s->tokens, .H = s->heads, .dk = s->dk, .dv = s->dv, .N = s->batch};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() * 7 + 1 + gradient_kernel_now->seed);
  if (gradient_kernel_now->packed) a.B = 1, a.N = 2, a.T *= s->batch, a.bounds[1] = a.T / 3, a.bounds[2] = a.T;
  for (int i = 0; i < ARRAYS; i++) {
    a.x[i] = calloc(entries(&a, i), sizeof(double));
    if (i < D_O) a.d[i] = calloc(entries(&a, i), sizeof(double));
    for (size_t e = 0; i < INPUTS && e < entries(&a, i); e++)
      a.x[i][e] = there(i) ? gradient_out(draw_one(draw, &a, i)) : 0;
  }
  if (gradient_kernel_now->family) draw_family(&a);
  for (size_t e = 0; gradient_kernel_now->loss == GRADIENT_SUM_OF_O && e < entries(&a, D_O); e++) a.x[D_O][e] = 1;
  for (size_t r = 0; gradient_kernel_now->shared && r < a.B * a.T * a.H; r++) /* as the first head of each group */
    for (int i = Q; i <= K; i++)
      memcpy(a.x[i] + r * a.dk, a.x[i] + (r - r % a.H % gradient_kernel_now->shared) * a.dk, a.dk * sizeof(double));
  gsl_rng_free(draw);
  return a;
}

/* ---- the library ---- */

static efla_array place(const gradient_arrays *a, int i, const double *from) {
  const size_t n = entries(a, i);
  const efla_type type = gradient_kernel_now->f64 ? EFLA_F64 : EFLA_F32;
  void *data = calloc(n, efla_type_size(type));
  for (size_t e = 0; e < n && from; e++) {
    if (gradient_kernel_now->f64)
      ((double *)data)[e] = from[e];
    else
      ((float *)data)[e] = (float)from[e];
  }
  return state(i) ? efla_array_states(data, type, a->H, a->dk, a->dv)
                  : efla_array_token_major(data, type, a->T, a->H, width(a, i));
}

static void take(const gradient_arrays *a, int i, efla_array *from, double *to) {
  for (size_t e = 0; e < entries(a, i); e++)
    to[e] = gradient_kernel_now->f64 ? ((double *)from->data)[e] : (double)((float *)from->data)[e];
  free(from->data);
}

static void run_library(gradient_arrays *a) {
  const efla_options options = {.threads = 1, .isa = gradient_kernel_now->isa};
  efla_backend *backend;
  efla_rule rule;
  ck_assert_int_eq(efla_backend_open(gradient_kernel_now->backend, &options, &backend), EFLA_OK);
  ck_assert_int_eq(
      efla_rule_find(gradient_kernel_now->method, gradient_kernel_now->decay, gradient_kernel_now->keys, &rule),
      EFLA_OK);
  rule.scale = gradient_kernel_now->scale;
  efla_sequence x = {.batch = a->B, .heads = a->H, .tokens = a->T, .dk = a->dk, .dv = a->dv};
  if (gradient_kernel_now->packed) x.sequences = a->N, x.cu_seqlens = a->bounds;
  x.g_per_channel = gradient_kernel_now->channels;
  efla_result y = {.o = place(a, O, NULL), .final_state = place(a, S, NULL)}, dy = {.o = place(a, D_O, a->x[D_O])};
  efla_gradient dx = {.q = {0}};
  efla_array *const in[] = {&x.q, &x.k, &x.v, &x.beta, &x.g, &x.p, &x.initial_state},
                    *const to[] = {&dx.q, &dx.k, &dx.v, &dx.beta, &dx.g, &dx.p, &dx.initial_state};
  for (int i = Q; i < D_O; i++)
    if (there(i)) *in[i] = place(a, i, a->x[i]), *to[i] = place(a, i, NULL);
  if (gradient_kernel_now->final) dy.final_state = place(a, D_S, a->x[D_S]);
  ck_assert_msg(efla_forward(backend, &rule, &x, &y) == EFLA_OK, "%s", efla_last_message(backend));
  ck_assert_msg(efla_backward(backend, &rule, &x, &dy, &dx) == EFLA_OK, "%s", efla_last_message(backend));
  efla_backend_close(backend);
  for (int i = Q; i < D_O; i++)
    if (there(i)) free(in[i]->data), take(a, i, to[i], a->d[i]);
  take(a, O, &y.o, a->x[O]), take(a, S, &y.final_state, a->x[S]);
  free(dy.o.data), free(dy.final_state.data);
}

/* ---- loops ---- */

static void run_loops(gradient_arrays *a) {
  for (size_t s = 0; s < a->N; s++)
    for (size_t h = 0; h < a->H; h++) {
      const size_t first = gradient_kernel_now->packed ? a->bounds[s] : s * a->T,
                   tokens = gradient_kernel_now->packed ? a->bounds[s + 1] - a->bounds[s] : a->T;
      (gradient_kernel_now->by_chunks ? gradient_by_chunks : gradient_by_tokens)(a, first * a->H + h, tokens,
                                                                                 (s * a->H + h) * a->dk * a->dv);
    }
}

/* ---- the file ---- */

static void put(hid_t file, const char *name, const gradient_arrays *a, int i, double *values, size_t heads) {
  const size_t w = width(a, i);
  const hid_t type = gradient_kernel_now->f64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE;
  const size_t n = entries(a, i) / a->H * heads;
  for (size_t e = 0; e < n; e++) values[e] = gradient_out(values[e]);
  if (state(i))
    h5_put(file, name, type, 4, (hsize_t[]){a->N, a->H, a->dk, a->dv}, values);
  else
    h5_put(file, name, type, i == BETA || (i == G && !gradient_kernel_now->channels) ? 3 : 4,
           (hsize_t[]){a->B, a->T, heads, w}, values);
}

/* The sum over the heads of each group, in place. */
static void add_heads(const gradient_arrays *a, double *rows) {
  const size_t groups = a->H / gradient_kernel_now->shared;
  for (size_t r = 0; r < a->B * a->T; r++)
    for (size_t g = 0; g < groups; g++)
      for (size_t i = 0; i < a->dk; i++) {
        double sum = 0;
        for (size_t h = 0; h < gradient_kernel_now->shared; h++)
          sum = gradient_fit(sum + rows[(r * a->H + g * gradient_kernel_now->shared + h) * a->dk + i]);
        rows[(r * groups + g) * a->dk + i] = sum; /* at most where it was read last */
      }
}

void gradient_kernel_write(const gradient_kernel *k, const char *path) {
  gradient_kernel_now = k;
  const bool alpha = !strcmp(k->decay, "retention");
  const char *const names[ARRAYS] =
      {"q", "k", "v", "beta", alpha ? "alpha" : "g", "p", "initial_state", "do", "dfinal_state", "o", "final_state"},
                    *const gradients[] = {"dq", "dk", "dv", "dbeta", alpha ? "dalpha" : "dg", "dp", "dinitial_state"};
  gradient_arrays a = draw_arrays();
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
      .tolerance = {EFLA_TOLERANCE_BOUND, 0},
      .state = k->state ? efla_format_find(k->state) : NULL};
  efla_kernel_check check;
  efla_message why = {{0}};
  while (strcmp(efla_file_decay_name(ask.decay), k->decay) != 0) ask.decay++;
  efla_status status = efla_kernel_check_run(&check, &ask, 1, &why);
  ck_assert_msg(status == EFLA_OK, "%s", why.text);
  return check;
}

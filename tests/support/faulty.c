/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "faulty.h"

#include "testing.h"

faulty faulty_none(h5_sizes sizes) {
  return (faulty){.sizes = sizes, .norm = 1, .o = "f32", .stored = "f32", .scale = 1, .applied = 1, .nudged = SIZE_MAX};
}

double faulty_euler(double beta, double lambda) { return (void)lambda, beta; }
double faulty_implicit(double beta, double lambda) { return beta / (1 + beta * lambda); }
static double exact(double beta, double lambda) { return lambda > 0 ? -expm1(-beta * lambda) / lambda : beta; }

/* Arithmetic rounds here. */
static double fit(const faulty *f, double x) { return f->f64 ? x : (double)(float)x; }

static double norm_of(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

typedef struct arrays {
  double *q, *k, *v, *beta, *g, *o, *S0, *S;
} arrays;

/* The decay of the state, the coefficient a = e/d, and w/a by which v is multiplied. */
typedef struct factors {
  double decay, a, value;
} factors;

static factors factors_of(const faulty *f, double beta, double lambda, double g) {
  const bool retains = f->decay && !strcmp(f->decay, "retention");
  const double erase = retains ? (1 + g) * beta : beta, e = f->epsilon;
  factors by = {f->has_decay && !f->ignores_decay ? exp(g) : 1, exact(erase, lambda), 1};
  if (f->coefficient) by.a = f->coefficient(beta, lambda);
  if (e > 0) by.a = -expm1(-beta * fmax(lambda, e)) / (lambda + e);
  if (f->decay) by.value = beta * -expm1(g - erase * lambda) / (erase * lambda - g) / by.a;
  return by;
}

/* One token of one head: row `at` of the arrays, S (dk, dv). */
static void update(const faulty *f, const arrays *a, size_t at, double *S) {
  size_t dk = f->sizes.dk, dv = f->sizes.dv;
  double key[256], raw = norm_of(a->k + at * dk, dk), norm = f->unit_keys ? sqrt(raw * raw + f->key_epsilon) : 1;
  for (size_t i = 0; i < dk; i++) key[i] = fit(f, a->k[at * dk + i] / norm);
  double lambda = f->unit_coefficient ? raw * raw / (raw * raw + f->key_epsilon) : raw * raw;
  const factors by = factors_of(f, a->beta[at], lambda, a->g[at]);
  const double coefficient = fit(f, by.a), decay = by.decay;
  for (size_t j = 0; j < dv; j++) {
    double u = fit(f, by.value * a->v[at * dv + j]);
    for (size_t i = 0; i < dk; i++) {
      double s = fit(f, f->decay_after ? S[i * dv + j] : decay * S[i * dv + j]);
      S[i * dv + j] = s;
      u = fit(f, u - fit(f, key[i] * s));
    }
    for (size_t i = 0; i < dk; i++) {
      S[i * dv + j] = fit(f, S[i * dv + j] + fit(f, fit(f, coefficient * key[i]) * u));
      if (f->decay_after) S[i * dv + j] = fit(f, decay * S[i * dv + j]);
    }
  }
}

static void read_out(const faulty *f, const arrays *a, size_t at, const double *S) {
  size_t dk = f->sizes.dk, dv = f->sizes.dv;
  const double *q = a->q + at * dk;
  double norm = f->unit_queries ? norm_of(q, dk) : 1;
  for (size_t j = 0; j < dv; j++) {
    double sum = 0;
    for (size_t i = 0; i < dk; i++)
      sum = fit(f, sum + fit(f, q[i] / norm * (f->reads_transposed ? S[j * dv + i] : S[i * dv + j])));
    a->o[at * dv + j] = efla_format_round(efla_format_find(f->o), fit(f, f->applied * sum));
  }
}

/* The tokens past the last whole chunk. */
static size_t tail_of(size_t n, size_t chunk) { return chunk ? n % chunk : 0; }

/* Rows first, first + heads, ...: one head of a sequence of n tokens; S0, S (dk, dv); carried: S already holds where to
 * start. */
static void run_head(const faulty *f, const arrays *a, size_t first, size_t n, const double *S0, double *S,
                     bool carried) {
  size_t dk = f->sizes.dk, dv = f->sizes.dv, H = f->sizes.heads;
  for (size_t e = 0; e < dk * dv && !carried; e++)
    S[e] = !f->has_initial || f->ignores_initial ? 0 : f->initial_transposed ? S0[e % dk * dk + e / dk] : S0[e];
  double before_tail[4096];
  for (size_t t = 0; t < n; t++) {
    size_t at = first + t * H;
    bool lost = f->lost_tail && !f->lost_in_state && t >= n - tail_of(n, f->lost_tail);
    if (f->lost_in_state && t == n - tail_of(n, f->lost_tail)) memcpy(before_tail, S, dk * dv * sizeof *S);
    if (f->reads_before) read_out(f, a, at, S);
    if (!lost) update(f, a, at, S);
    for (size_t e = 0; f->state && e < dk * dv; e++) S[e] = efla_format_round(efla_format_find(f->state), S[e]);
    if (!f->reads_before && (!f->peeks || t == 0)) read_out(f, a, at, S);
    if (f->peeks && t > 0) read_out(f, a, at - H, S); /* with what came after it */
    if (f->peeks && t + 1 == n) read_out(f, a, at, S);
    if (f->lost_in_state && t + 1 == n) memcpy(S, before_tail, dk * dv * sizeof *S);
    for (size_t j = 0; f->zero_tail && t >= n - tail_of(n, f->zero_tail) && j < dv; j++) a->o[at * dv + j] = 0;
  }
}

static void run_all(const faulty *f, const arrays *a, size_t N) {
  size_t H = f->sizes.heads, T = f->sizes.tokens, state = f->sizes.dk * f->sizes.dv;
  const size_t bounds[] = {0, 3 * T / 5, T};
  for (size_t n = 0; n < N; n++)
    for (size_t h = 0; h < H; h++) {
      size_t first = f->packed ? bounds[n] : n * T, tokens = f->packed ? bounds[n + 1] - bounds[n] : T;
      double *S = a->S + (n * H + h) * state;
      bool carried = f->carries && n > 0;
      if (carried) memcpy(S, S - H * state, state * sizeof *S);
      run_head(f, a, first * H + h, tokens, a->S0 + (n * H + h) * state, S, carried);
    }
}

static hid_t type_of(const char *stored) {
  return !strcmp(stored, "f64")    ? H5Tcopy(H5T_IEEE_F64LE)
         : !strcmp(stored, "f32")  ? H5Tcopy(H5T_IEEE_F32LE)
         : !strcmp(stored, "fp16") ? h5_float(16, 5, 10)
                                   : h5_float(16, 8, 7);
}

static void put_states(const faulty *f, hid_t file, const char *name, hid_t type, size_t N, double *S,
                       bool transposed) {
  size_t dk = f->sizes.dk, dv = f->sizes.dv;
  for (size_t s = 0; transposed && s < N * f->sizes.heads; s++)
    for (size_t i = 0; i < dk; i++)
      for (size_t j = 0; j < i; j++) {
        double *one = S + s * dk * dv, kept = one[i * dk + j];
        one[i * dk + j] = one[j * dk + i], one[j * dk + i] = kept;
      }
  H5_PUT(file, name, type, S, N, f->sizes.heads, dk, dv);
}

static void repeat_prefix(const faulty *f, double *values, size_t width) {
  size_t entry = f->sizes.tokens * f->sizes.heads * width, prefix = f->same_until * f->sizes.heads * width;
  for (size_t b = 1; b < f->sizes.batch; b++) memcpy(values + b * entry, values, prefix * sizeof *values);
}

void faulty_write(const faulty *f, const char *path) {
  const h5_sizes *z = &f->sizes;
  size_t n = z->batch * z->tokens * z->heads, N = f->packed ? 2 : z->batch, state = N * z->heads * z->dk * z->dv;
  arrays a = {h5_numbers(z, 'q', 1), h5_numbers(z, 'k', f->norm), h5_numbers(z, 'v', 1), h5_numbers(z, 'b', 1),
              testing_poison(n),     testing_poison(n * z->dv),   testing_poison(state), testing_poison(state)};
  for (size_t i = 0; i < n; i++) a.g[i] = -0.125 * (double)(i * 7 % 5);
  for (size_t i = 0; i < state; i++) a.S0[i] = (double)(float)sin(1.7 * (double)i);
  repeat_prefix(f, a.q, z->dk), repeat_prefix(f, a.k, z->dk), repeat_prefix(f, a.v, z->dv), repeat_prefix(f, a.beta, 1);
  run_all(f, &a, N);
  if (f->nudged < z->tokens)
    a.o[(((z->batch - 1) * z->tokens + f->nudged) * z->heads + z->heads - 1) * z->dv + z->dv - 1] += f->nudge;
  hid_t file = h5_create(path), type = type_of(f->stored);
  h5_put_tokens(file, "q", H5T_IEEE_F32LE, z, z->dk, a.q);
  h5_put_tokens(file, "k", H5T_IEEE_F32LE, z, z->dk, a.k);
  h5_put_tokens(file, "v", H5T_IEEE_F32LE, z, z->dv, a.v);
  h5_put_tokens(file, "beta", H5T_IEEE_F32LE, z, 0, a.beta);
  h5_put_tokens(file, "o", type, z, z->dv, a.o);
  if (f->has_decay) h5_put_tokens(file, "g", H5T_IEEE_F32LE, z, 0, a.g);
  for (size_t i = 0; i < n; i++) a.g[i]++;
  if (f->decay && !strcmp(f->decay, "retention")) h5_put_tokens(file, "alpha", H5T_IEEE_F32LE, z, 0, a.g);
  if (f->has_initial) put_states(f, file, "initial_state", H5T_IEEE_F32LE, N, a.S0, false);
  if (!f->no_final)
    put_states(f, file, "final_state", f->f64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE, N, a.S, f->final_transposed);
  if (f->packed)
    H5_PUT(file, "cu_seqlens", H5T_STD_I64LE, ((double[]){0, (double)(3 * z->tokens / 5), (double)z->tokens}), 3);
  h5_number(file, "scale", f->scale);
  h5_close(file);
  H5Tclose(type);
  free(a.q), free(a.k), free(a.v), free(a.beta), free(a.g), free(a.o), free(a.S0), free(a.S);
}

efla_kernel_check_options faulty_question(const char *file) {
  return (efla_kernel_check_options){.input = file,
                                     .rule = {.method = efla_method_find("exact"), .keys = &efla_key_treatments[0]},
                                     .truth = efla_oracle_find("longdouble")};
}

size_t faulty_decay(const char *name) {
  size_t i = 0;
  while (efla_file_decay_name(i) && strcmp(efla_file_decay_name(i), name) != 0) i++;
  ck_assert_ptr_nonnull(efla_file_decay_name(i));
  return i;
}

efla_kernel_check faulty_check(const efla_kernel_check_options *ask) {
  efla_kernel_check check;
  efla_message why = {{0}};
  ck_assert_msg(efla_kernel_check_run(&check, ask, 2, &why) == EFLA_OK, "%s", why.text);
  return check;
}

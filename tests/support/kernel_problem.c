/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernel_problem.h"

#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

/* How many standard deviations a sum of errors may reach: rounding errors are bounded, so that their sums pass z of
 * them with a probability of 2 exp(-z^2/2) at most, 1.2e-12; of some 3e7 numbers one does in 3e4 runs. */
static const double z = 7.5;

/* A dot product of n terms is a sum of partial sums; that of the first i has mean square (i/n) squares + (i/n)^2
 * total^2 for terms of random sign about their mean.  Mean square of the error of all roundings, products included, in
 * units of that of one. */
static double dot_square(size_t n, double squares, double total) {
  return squares * ((double)n / 2 + 1) + total * total * ((double)n / 3 + 1);
}

/* Column j of one head while its tokens are followed. */
typedef struct column {
  double error;  /* mean square of its norm, in all directions */
  double drift;  /* along the column itself, from decays */
  double line;   /* the largest part of the error that one token left along its key */
  double update; /* u of the token before */
} column;

/* Sums of x_i^2 y_i^2 and of x_i y_i, y at a stride. */
static void products(size_t n, const long double *x, size_t stride, const long double *y, double *squares,
                     double *total) {
  *squares = *total = 0;
  for (size_t i = 0; i < n; i++) {
    double term = (double)(x[i] * y[i * stride]);
    *squares += term * term, *total += term;
  }
}

/* What a head's tokens need: rows of the arrays in long double. */
typedef struct token {
  const long double *q, *k, *before, *v; /* before: the key of the token before */
  long double coefficient, erase, decay;
} token;

/* The errors of docs/bounds.md#kernel that one token adds to a column, from the state that it meets, s (dk at stride
 * dv), decayed; one rounding has mean square 1/3 at most. */
static void add_errors(size_t dk, size_t dv, const token *t, const long double *s, column *c, bool decays) {
  double squares, w, pair_squares, pair, a = (double)t->coefficient, lambda = efla_norm(dk, t->k), size = 0, next = 0;
  lambda *= lambda;
  products(dk, t->k, dv, s, &squares, &w);
  products(dk, t->k, 1, t->before, &pair_squares, &pair);
  double y = (double)*t->v - w, R = 1 - a * lambda;
  for (size_t i = 0; i < dk; i++) {
    double old = (double)s[i * dv], new = old + (double)t->k[i] * a *y;
    size += old * old, next += new *new;
  }
  double read = dot_square(dk, squares, w) + dot_square(dk, pair_squares, pair) * c->update * c->update + 2 * w * w;
  c->error *= (double)(t->decay * t->decay);
  c->drift = c->drift * (double)(t->decay * t->decay) + (decays ? size / 3 : 0);
  c->error *= 1 - (1 - R * R) / (double)dk, c->drift *= 1 - (1 - R * R) / (double)dk;
  double line = a * a * lambda * (read + 3 * y * y) / 3;
  c->error += line + next / 3;
  c->line = fmax(c->line * (double)(t->decay * t->decay), line);
  c->update = a * y;
}

/* Of an entry of o, after the token: s is the new state's column. */
static double readout_square(size_t dk, size_t dv, const token *t, const long double *s, const column *c) {
  double squares, o, pair_squares, pair, q = efla_norm(dk, t->q);
  products(dk, t->q, dv, s, &squares, &o);
  products(dk, t->q, 1, t->k, &pair_squares, &pair);
  return q * q * (c->error + c->drift) / (double)dk +
         (dot_square(dk, squares, o) + dot_square(dk, pair_squares, pair) * c->update * c->update + 2 * o * o) / 3;
}

static double column_bound(size_t dk, const column *c) {
  return sqrt(c->error + c->drift) + z * sqrt(c->error / (double)dk + c->drift + c->line);
}

/* One head by the definition, a token at a time, each after its decay. */
static void define(kernel_problem *p, size_t sequence, size_t head) {
  const efla_heads *h = &p->heads;
  size_t dk = h->dk, dv = h->dv, n = sequence * h->heads + head;
  efla_head_rows rows = efla_heads_rows(h, sequence, head);
  long double *S = p->S + n * dk * dv, *q = calloc(3 * dk + 2 * dv + dk * dv, sizeof *q), *k = q + dk, *before = k + dk,
              *v = before + dk, *o = v + dv, *decayed = o + dv;
  column *columns = calloc(dv, sizeof *columns);
  for (size_t e = 0; e < dk * dv; e++) S[e] = p->x.initial ? p->x.initial[n * dk * dv + e] : 0;
  for (size_t t = 0; t < rows.tokens; t++) {
    size_t row = rows.first + t * rows.stride;
    token now = {q,
                 k,
                 before,
                 v,
                 p->x.write[row],
                 p->x.decay ? p->x.erase[row] : p->x.write[row],
                 p->x.decay ? p->x.decay[row] : 1};
    memcpy(before, k, dk * sizeof *k);
    for (size_t i = 0; i < dk; i++) q[i] = p->x.q[row * dk + i], k[i] = p->x.k[row * dk + i];
    for (size_t j = 0; j < dv; j++) v[j] = p->x.v[row * dv + j];
    for (size_t e = 0; e < dk * dv; e++) decayed[e] = now.decay * S[e];
    for (size_t j = 0; j < dv; j++) now.v = v + j, add_errors(dk, dv, &now, decayed + j, &columns[j], p->x.decay);
    const efla_coefficients_long c = {now.decay, now.erase, now.coefficient};
    efla_recurrence_long(1, dk, dv, q, k, v, &c, S, o);
    for (size_t j = 0; j < dv; j++) {
      p->o[row * dv + j] = o[j];
      p->o_bound[row * dv + j] = z * sqrt(readout_square(dk, dv, &now, S + j, &columns[j]));
    }
  }
  for (size_t j = 0; j < dv; j++) p->S_bound[n * dv + j] = column_bound(dk, &columns[j]);
  free(q), free(columns);
}

kernel_problem kernel_problem_init(efla_heads heads, bool decays, bool starts) {
  size_t rows = heads.batch * heads.heads * heads.tokens, dk = heads.dk, dv = heads.dv;
  size_t states = efla_heads_sequences(&heads) * heads.heads * dk * dv;
  kernel_problem p = {.heads = heads, .rows = rows, .states = states};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() + rows + 31 * dk + dv);
  double *q = testing_normal(rows * dk, 1, draw), *k = testing_normal(rows * dk, 1 / sqrt((double)dk), draw),
         *v = testing_normal(rows * dv, 1, draw);
  double *coefficient = testing_poison(rows), *decay = testing_poison(rows), *erase = testing_poison(rows),
         *beta = testing_poison(rows);
  double *initial = testing_normal(states, 1, draw);
  for (size_t r = 0; r < rows; r++) {
    beta[r] = gsl_rng_uniform(draw);
    decay[r] = r % 37 == 29 ? 0 : exp(-gsl_ran_exponential(draw, 0.1)); /* now and then everything is forgotten */
  }
  p.x32 = (efla_kernel_f32){
      .q = testing_narrow(rows * dk, q), .k = testing_narrow(rows * dk, k), .v = testing_narrow(rows * dv, v)};
  efla_kernel_coefficients_f64(&heads, efla_method_find("exact"), k, beta, coefficient);
  p.x32.write = testing_narrow(rows, coefficient), p.x32.decay = testing_narrow(rows, decay);
  for (size_t r = 0; r < rows; r++) erase[r] = decay[r] * coefficient[r];
  p.x32.erase = testing_narrow(rows, erase);
  p.x32.initial = testing_narrow(states, initial);
  p.x = (efla_kernel_f64){
      .q = q, .k = k, .v = v, .write = coefficient, .erase = erase, .decay = decay, .initial = initial};
  p.x.final = testing_poison(states), p.x.o = testing_poison(rows * dv);
  p.x32.final = testing_narrow(states, p.x.final), p.x32.o = testing_narrow(rows * dv, p.x.o);
  if (!decays) {
    free(decay), free(erase), free((void *)p.x32.decay), free((void *)p.x32.erase);
    p.x.decay = p.x.erase = NULL, p.x32.decay = p.x32.erase = NULL;
  }
  if (!starts) free(initial), free((void *)p.x32.initial), p.x.initial = NULL, p.x32.initial = NULL;
  p.S = malloc((states + 1) * sizeof *p.S), p.o = malloc((rows * dv + 1) * sizeof *p.o);
  p.S_bound = testing_poison(states / dk), p.o_bound = testing_poison(rows * dv);
  for (size_t s = 0; s < efla_heads_sequences(&heads); s++)
    for (size_t h = 0; h < heads.heads; h++) define(&p, s, h);
  free(beta), gsl_rng_free(draw);
  return p;
}

void kernel_problem_clear(kernel_problem *p) {
  const void *all[] = {p->x.q,       p->x.k,     p->x.v,       p->x.write,   p->x.erase,   p->x.decay,
                       p->x.initial, p->x.final, p->x.o,       p->S,         p->S_bound,   p->x32.q,
                       p->x32.k,     p->x32.v,   p->x32.write, p->x32.erase, p->x32.decay, p->x32.initial,
                       p->x32.final, p->x32.o,   p->o,         p->o_bound};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free((void *)all[i]);
}

/* Of the one that is given. */
static double found_at(const double *f64, const float *f32, size_t i) {
  return f64 ? f64[i] : f32 ? (double)f32[i] : NAN;
}

/* The error that comes nearest to its bound, or passes it by most. */
typedef struct nearest {
  double error, bound;
} nearest;

static void consider(nearest *n, double error, double bound) {
  if (isnan(error) || error * n->bound > n->error * bound || (error > bound && n->error <= n->bound))
    *n = (nearest){error, bound};
}

static void check_nearest(const kernel_problem *p, const char *what, nearest n) {
  ck_assert_msg(n.error <= n.bound, "%s: error %g exceeds %g: %zu tokens, dk %zu, dv %zu, isa %s, seed %lu", what,
                n.error, n.bound, p->heads.tokens, p->heads.dk, p->heads.dv, p->heads.isa ? p->heads.isa->name : "best",
                testing_seed());
}

void kernel_problem_compare_states(const kernel_problem *p, const double *f64, const float *f32) {
  size_t dk = p->heads.dk, dv = p->heads.dv;
  nearest worst = {0, 1};
  for (size_t n = 0; n < p->states / dk; n++) { /* column n % dv of state n / dv */
    double sum = 0;
    for (size_t i = 0; i < dk; i++) {
      size_t e = n / dv * dk * dv + i * dv + n % dv;
      double error = (double)(found_at(f64, f32, e) - p->S[e]);
      sum += error * error;
    }
    consider(&worst, sqrt(sum), (f64 ? U : U32) * p->S_bound[n]);
  }
  check_nearest(p, "a column of the state", worst);
}

void kernel_problem_compare_rows(const kernel_problem *p, size_t row, size_t n, const double *f64, const float *f32) {
  nearest worst = {0, 1};
  for (size_t i = 0, at = row * p->heads.dv; i < n * p->heads.dv; i++)
    consider(&worst, (double)fabsl(found_at(f64, f32, i) - p->o[at + i]), (f64 ? U : U32) * p->o_bound[at + i]);
  check_nearest(p, "an entry of o", worst);
}

void kernel_problem_check(kernel_problem *p) {
  size_t n64 = efla_kernel_scratch_f64(&p->heads), n32 = efla_kernel_scratch_f32(&p->heads);
  double *scratch = testing_poison(n64), *poison = testing_poison(n32);
  float *scratch32 = testing_narrow(n32, poison);
  efla_kernel_forward_f64(&p->heads, &p->x, scratch);
  efla_kernel_forward_f32(&p->heads, &p->x32, scratch32);
  kernel_problem_compare_states(p, p->x.final, NULL);
  kernel_problem_compare_states(p, NULL, p->x32.final);
  kernel_problem_compare_rows(p, 0, p->rows, p->x.o, NULL);
  kernel_problem_compare_rows(p, 0, p->rows, NULL, p->x32.o);
  free(scratch), free(poison), free(scratch32);
}

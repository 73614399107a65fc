/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/awkward.h"

#include "base/draw.h"
#include "base/seed.h"
#include "efla/rule.h"
#include "io/arrays_save.h"
#include "number/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows are (B,T,H) with width numbers each; one block of memory. */
typedef struct efla_awkward_arrays {
  const efla_awkward *c;
  size_t rows, argument_width, states; /* B T H; of g or alpha; numbers in initial_state */
  double *q, *k, *v, *beta, *d_o, *argument, *start;
} arrays;

static size_t token_of(const arrays *x, size_t row) { return row / x->c->heads % x->c->tokens; }

static void set_key(arrays *x, size_t row, const double *key) {
  memcpy(x->k + row * x->c->dk, key, x->c->dk * sizeof *key);
}

/* beta |k|^2 from 0 to 2, where Euler's step ceases to be stable: the factor along the key is from 1 to -1. */
static void up_to_the_limit(arrays *x) {
  for (size_t row = 0; row < x->rows; row++) {
    double *k = x->k + row * x->c->dk, lambda = 0;
    for (size_t i = 0; i < x->c->dk; i++) lambda += k[i] * k[i];
    const double wanted = 1.96 * (double)(token_of(x, row) % 17) / 16 / x->beta[row];
    for (size_t i = 0; i < x->c->dk; i++) k[i] *= sqrt(wanted / lambda);
  }
}

/* Three keys in turn, and each twice. */
static void repeat_keys(arrays *x) {
  const size_t H = x->c->heads, B = x->rows / (H * x->c->tokens);
  for (size_t b = 0; b < B; b++)
    for (size_t t = 6; t < x->c->tokens; t++)
      for (size_t h = 0; h < H; h++) {
        const size_t entry = b * x->c->tokens * H;
        set_key(x, entry + t * H + h, x->k + (entry + t % 6 / 2 * 2 * H + h) * x->c->dk);
      }
}

static void zero_some(arrays *x) {
  static const double zeros[64];
  for (size_t row = 0; row < x->rows; row++) {
    if (token_of(x, row) % 5 == 2) set_key(x, row, zeros);
    if (token_of(x, row) % 7 == 3) x->beta[row] = 0;
  }
}

static void forget_nothing(arrays *x) {
  for (size_t i = 0; i < x->rows * x->argument_width; i++) x->argument[i] = 0;
}

/* Of about -100 now and then, and otherwise of about -2. */
static void forget_much(arrays *x) {
  for (size_t i = 0; i < x->rows * x->argument_width; i++) x->argument[i] *= i % 11 == 0 ? 1000 : 20;
}

static void keep_and_forget(arrays *x) {
  for (size_t row = 0; row < x->rows; row++)
    if (token_of(x, row) % 4 < 2) x->argument[row] = (double)(token_of(x, row) % 4);
}

static void large_values(arrays *x) {
  for (size_t i = 0; i < x->rows * x->c->dv; i++) x->v[i] *= 100;
}

const efla_awkward efla_awkward_cases[] = {
    {"tails", "77 tokens: no multiple of 16 or 64", 2, 77, 3, 32, 32, .change = NULL},
    {"one-token", "a single token", 2, 1, 3, 32, 32, .change = NULL},
    {"one-more", "65 tokens: the last chunk has one", 1, 65, 2, 32, 32, .change = NULL},
    {"widths", "dk 24 and dv 40: unequal, and no powers of two", 1, 130, 2, 24, 40, .change = NULL},
    {"narrow", "dk 64 and dv 16", 1, 130, 2, 64, 16, .change = NULL},
    {"limit", "raw keys with beta |k|^2 from 0 to 1.96, up to where Euler's step is stable", 1, 200, 2, 32, 32,
     .change = up_to_the_limit},
    {"repeated", "three keys in turn, each twice", 1, 200, 2, 32, 32, .change = repeat_keys},
    {"zeros", "zero keys and zero beta among others", 1, 130, 2, 32, 32, .change = zero_some},
    {"packed", "sequences of 1, 63, 64, 0, 65 and 7 tokens end to end, from initial states", 1, 200, 2, 32, 32,
     .starts = true, .sequences = 6, .boundaries = {0, 1, 64, 128, 128, 193, 200}},
    {"packed-once", "one sequence given by its boundaries", 1, 100, 2, 32, 32, .sequences = 1, .boundaries = {0, 100}},
    {"long", "10000 tokens", 1, 10000, 1, 32, 32, .change = NULL},
    {"groups", "each two heads of v share q and k", 2, 100, 6, 32, 32, .groups = 2},
    {"initial-state", "the state does not begin at zero", 2, 100, 2, 32, 48, .starts = true},
    {"scale", "o = 0.3 S^T q: no power of two, nor 1 / sqrt(dk)", 1, 100, 2, 32, 32, .scale = 0.3},
    {"decay", "g, a decay per head", 2, 130, 2, 32, 32, .decay = "split"},
    {"decay-zero", "g is zero: nothing decays", 1, 130, 2, 32, 32, .decay = "split", .change = forget_nothing},
    {"decay-strong", "g of about -100 now and then, and -2 otherwise", 1, 130, 2, 32, 32, .decay = "split",
     .change = forget_much},
    {"channels", "g per channel of the key", 1, 130, 2, 32, 32, .decay = "split", .channels = true},
    {"retention", "alpha of 0 and 1 among others", 1, 130, 2, 32, 32, .decay = "retention", .change = keep_and_forget},
    {"bf16", "arrays in bfloat16", 1, 130, 2, 64, 64, .type = "V2"},
    {"fp16", "arrays in IEEE half, values of several hundreds", 1, 130, 2, 64, 64, .type = "f2",
     .change = large_values},
    {.name = NULL},
};

/* N(0, deviation^2), by Box and Muller's transformation. */
static void draw_normal(efla_draw *draw, double deviation, double *to, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double radius = sqrt(-2 * log(1 - efla_draw_uniform(draw)));
    to[i] = deviation * radius * cos(2 * M_PI * efla_draw_uniform(draw));
  }
}

/* Keys of norm about 1, beta from 0.05 to 0.95, decays of about a tenth a token. */
static void draw_all(arrays *x, size_t seed) {
  const efla_awkward *c = x->c;
  efla_draw draw = efla_draw_begin(efla_seed_64(seed, (uint64_t)(c - efla_awkward_cases)));
  draw_normal(&draw, 1, x->q, x->rows * c->dk);
  draw_normal(&draw, 1 / sqrt((double)c->dk), x->k, x->rows * c->dk);
  draw_normal(&draw, 1, x->v, x->rows * c->dv);
  draw_normal(&draw, 1, x->d_o, x->rows * c->dv);
  draw_normal(&draw, 1 / sqrt((double)c->dk), x->start, x->states);
  for (size_t i = 0; i < x->rows; i++) x->beta[i] = 0.05 + 0.9 * efla_draw_uniform(&draw);
  const bool alpha = c->decay && !strcmp(efla_decay_find(c->decay)->argument, "alpha");
  for (size_t i = 0; i < x->rows * x->argument_width; i++)
    x->argument[i] = alpha ? efla_draw_uniform(&draw) : 0.1 * log(1 - efla_draw_uniform(&draw));
  for (size_t row = 0; row < x->rows && c->groups; row++) {
    const size_t first = row - row % c->heads % c->groups;
    memmove(x->q + row * c->dk, x->q + first * c->dk, c->dk * sizeof *x->q);
    set_key(x, row, x->k + first * c->dk);
  }
  if (c->change) c->change(x);
}

static double *lay_out(arrays *x, const efla_awkward *c) {
  const size_t sequences = c->sequences ? c->sequences : c->batch, rows = c->batch * c->tokens * c->heads;
  *x = (arrays){.c = c, .rows = rows};
  x->argument_width = !c->decay ? 0 : c->channels ? c->dk : 1;
  x->states = c->starts ? sequences * c->heads * c->dk * c->dv : 0;
  double *at = calloc(rows * (2 * c->dk + 2 * c->dv + 1 + x->argument_width) + x->states, sizeof *at), *all = at;
  if (!all) return NULL;
  x->q = at, at += rows * c->dk;
  x->k = at, at += rows * c->dk;
  x->v = at, at += rows * c->dv;
  x->d_o = at, at += rows * c->dv;
  x->beta = at, at += rows;
  x->argument = at, at += rows * x->argument_width;
  x->start = at;
  return all;
}

/* Lists the arrays and rounds them to their type; the names of those that are a kernel's arguments go to `arguments`. */
static size_t list(const arrays *x, const double *boundaries, efla_saved_array saved[10], char arguments[100]) {
  const efla_awkward *c = x->c;
  const char *type = c->type ? c->type : "f4", *argument = c->decay ? efla_decay_find(c->decay)->argument : "";
  const size_t B = c->batch, T = c->tokens, H = c->heads, N = c->sequences ? c->sequences : B;
  const efla_saved_array all[] = {
      {"q", type, 4, {B, T, H, c->dk}, x->q},
      {"k", type, 4, {B, T, H, c->dk}, x->k},
      {"v", type, 4, {B, T, H, c->dv}, x->v},
      {"beta", type, 3, {B, T, H}, x->beta},
      {argument, type, c->channels ? 4 : 3, {B, T, H, c->dk}, x->argument_width ? x->argument : NULL},
      {"initial_state", type, 4, {N, H, c->dk, c->dv}, x->states ? x->start : NULL},
      {"cu_seqlens", "i4", 1, {c->sequences + 1}, c->sequences ? boundaries : NULL},
      {"do", type, 4, {B, T, H, c->dv}, x->d_o},
  };
  size_t n = 0, length = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (!all[i].values) continue;
    if (strcmp(all[i].name, "do") != 0)
      length += (size_t)snprintf(arguments + length, 100 - length, length ? " %s" : "%s", all[i].name);
    saved[n++] = all[i];
  }
  return n;
}

static void round_all(const efla_awkward *c, double *values, size_t n) {
  const efla_format *format = efla_format_find(!c->type ? "f32" : !strcmp(c->type, "V2") ? "bf16" : "fp16");
  for (size_t i = 0; i < n; i++) values[i] = efla_format_round(format, values[i]);
}

efla_status efla_awkward_write(const efla_awkward *c, size_t seed, const char *path, efla_message *why) {
  arrays x;
  double *all = lay_out(&x, c), boundaries[sizeof c->boundaries / sizeof *c->boundaries];
  if (!all) return efla_fail_memory(why);
  for (size_t i = 0; i <= c->sequences; i++) boundaries[i] = (double)c->boundaries[i];
  draw_all(&x, seed);
  round_all(c, all, (size_t)(x.start - all) + x.states);
  char arguments[100], groups[24], seeded[24];
  efla_saved_array saved[10];
  const size_t n = list(&x, boundaries, saved, arguments);
  snprintf(groups, sizeof groups, "%zu", c->groups ? c->groups : 1);
  snprintf(seeded, sizeof seeded, "%zu", seed);
  const efla_saved_text texts[] = {{"layout", "BTHD"},
                                   {"case", c->name},
                                   {"about", c->about},
                                   {"arguments", arguments},
                                   {"decay", c->decay ? c->decay : "none"},
                                   {"groups", groups},
                                   {"seed", seeded}};
  efla_status status =
      efla_arrays_save(path, saved, n, (double)(float)(c->scale > 0 ? c->scale : 1 / sqrt((double)c->dk)), texts,
                       sizeof texts / sizeof *texts, why);
  free(all);
  return status;
}

char *efla_awkward_path(const char *path, const efla_awkward *c) {
  const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
  const int stem = (int)(dot && dot != path ? (size_t)(dot - path) : strlen(path));
  char *made = NULL;
  return asprintf(&made, "%.*s-%s%s", stem, path, c->name, path + stem) < 0 ? NULL : made;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/awkward.h"

#include "base/draw.h"
#include "base/seed.h"
#include "efla/rule.h"
#include "io/arrays_save.h"
#include "io/element.h"
#include "io/file_decay.h"
#include "number/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows are (B,T,H) with width numbers each; one block of memory, in which those of `wide` are the last. */
typedef struct efla_awkward_arrays {
  const efla_awkward *c; /* with what is wished of it */
  const efla_method *method;
  const char *argument_name;           /* "": no decay */
  size_t rows, argument_width, states; /* B T H; of g or alpha; numbers in initial_state */
  double *q, *k, *v, *beta, *d_o;
  double *argument, *start, *d_final; /* not in a narrow type */
} arrays;

static size_t token_of(const arrays *x, size_t row) { return row / x->c->heads % x->c->tokens; }

static void set_key(arrays *x, size_t row, const double *key) {
  memcpy(x->k + row * x->c->dk, key, x->c->dk * sizeof *key);
}

/* beta |k|^2 up to where the step ceases to be stable, and to 30 where it never does: e^-30 is below what any type
 * resolves beside 1. */
static void up_to_the_limit(arrays *x) {
  const double most = .98 * fmin(x->method->stable, 30);
  for (size_t row = 0; row < x->rows; row++) {
    double *k = x->k + row * x->c->dk, lambda = 0;
    for (size_t i = 0; i < x->c->dk; i++) lambda += k[i] * k[i];
    const double wanted = most * (double)(1 + token_of(x, row) % 17) / 17 / x->beta[row];
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

static void write_all(arrays *x) {
  for (size_t row = 0; row < x->rows; row++) x->beta[row] = 1;
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
    {"limit", "raw keys with beta |k|^2 up to .98 of the method's limit of stability, which is at most taken as 30", 1,
     200, 2, 32, 32, .change = up_to_the_limit},
    {"repeated", "three keys in turn, each twice", 1, 200, 2, 32, 32, .change = repeat_keys},
    {"zeros", "zero keys and zero beta among others", 1, 130, 2, 32, 32, .change = zero_some},
    {"beta-one", "beta is 1", 1, 130, 2, 32, 32, .change = write_all},
    {"packed", "sequences of 1, 63, 64, 0, 65 and 7 tokens end to end", 1, 200, 2, 32, 32, .sequences = 6,
     .boundaries = {0, 1, 64, 128, 128, 193, 200}},
    {"packed-states", "sequences of 64, 2, 0 and 64 tokens end to end, from initial states", 1, 130, 2, 32, 32,
     .starts = true, .sequences = 4, .boundaries = {0, 64, 66, 66, 130}},
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
    {"bf16", "arrays in bfloat16", 1, 130, 2, 64, 64, .type = "bf16"},
    {"fp16", "arrays in IEEE half, values of several hundreds", 1, 130, 2, 64, 64, .type = "fp16",
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
static void draw_all(arrays *x, uint64_t seed) {
  const efla_awkward *c = x->c;
  efla_draw draw = efla_draw_begin(seed);
  draw_normal(&draw, 1, x->q, x->rows * c->dk);
  draw_normal(&draw, 1 / sqrt((double)c->dk), x->k, x->rows * c->dk);
  draw_normal(&draw, 1, x->v, x->rows * c->dv);
  draw_normal(&draw, 1, x->d_o, x->rows * c->dv);
  draw_normal(&draw, 1 / sqrt((double)c->dk), x->start, x->states);
  draw_normal(&draw, 1, x->d_final, x->states);
  for (size_t i = 0; i < x->rows; i++) x->beta[i] = 0.05 + 0.9 * efla_draw_uniform(&draw);
  const bool alpha = !strcmp(x->argument_name, "alpha");
  for (size_t i = 0; i < x->rows * x->argument_width; i++)
    x->argument[i] = alpha ? efla_draw_uniform(&draw) : 0.1 * log(1 - efla_draw_uniform(&draw));
  for (size_t row = 0; row < x->rows && c->groups; row++) {
    const size_t first = row - row % c->heads % c->groups;
    memmove(x->q + row * c->dk, x->q + first * c->dk, c->dk * sizeof *x->q);
    set_key(x, row, x->k + first * c->dk);
  }
  if (c->change) c->change(x);
}

/* What the argument of a decay is called; "": it has none. */
static const char *argument_of(const char *decay) {
  const char *argument = decay ? efla_decay_find(decay)->argument : NULL;
  return argument ? argument : "";
}

bool efla_awkward_suits(const efla_awkward *c, const efla_awkward_wish *wish) {
  if (c->type && wish->type && strcmp(c->type, wish->type) != 0) return false;
  if (c->channels && wish->decay && !wish->channels) return false;
  return !c->decay || !wish->decay || !strcmp(argument_of(c->decay), argument_of(wish->decay->name));
}

/* The case of a kernel that is as it is wished. */
static efla_awkward adapt(const efla_awkward *c, const efla_awkward_wish *wish) {
  efla_awkward own = *c;
  if (wish->type) own.type = wish->type;
  if (!own.type) own.type = "f32";
  if (wish->decay) own.decay = wish->decay->name;
  own.channels = (c->channels || wish->channels) && !strcmp(argument_of(own.decay), "g");
  return own;
}

static double *lay_out(arrays *x, const efla_awkward *c, const efla_method *method) {
  const size_t sequences = c->sequences ? c->sequences : c->batch, rows = c->batch * c->tokens * c->heads;
  *x = (arrays){.c = c, .method = method, .argument_name = argument_of(c->decay), .rows = rows};
  x->argument_width = !*x->argument_name ? 0 : c->channels ? c->dk : 1;
  x->states = c->starts ? sequences * c->heads * c->dk * c->dv : 0;
  double *at = calloc(rows * (2 * c->dk + 2 * c->dv + 1 + x->argument_width) + 2 * x->states, sizeof *at), *all = at;
  if (!all) return NULL;
  x->q = at, at += rows * c->dk;
  x->k = at, at += rows * c->dk;
  x->v = at, at += rows * c->dv;
  x->d_o = at, at += rows * c->dv;
  x->beta = at, at += rows;
  x->argument = at, at += rows * x->argument_width;
  x->start = at, at += x->states;
  x->d_final = at;
  return all;
}

static void round_to(const char *format, double *values, size_t n) {
  for (size_t i = 0; i < n; i++) values[i] = efla_format_round(efla_format_find(format), values[i]);
}

/* The type of decays and states: kernels in few bits take them in f32. */
static const char *wide_type(const efla_awkward *c) { return strcmp(c->type, "f64") != 0 ? "f32" : c->type; }

static void round_all(const arrays *x) {
  round_to(x->c->type, x->q, (size_t)(x->argument - x->q));
  round_to(wide_type(x->c), x->argument, (size_t)(x->d_final + x->states - x->argument));
}

enum { ARRAYS = 9, TEXT = 128 };

/* Lists the arrays; the names of what a kernel must take go to `arguments`. */
static size_t list(const arrays *x, const double *boundaries, efla_saved_array saved[ARRAYS], char arguments[TEXT]) {
  const efla_awkward *c = x->c;
  const char *type = efla_element_of_format(c->type)->numpy, *wide = efla_element_of_format(wide_type(c))->numpy;
  const size_t B = c->batch, T = c->tokens, H = c->heads, N = c->sequences ? c->sequences : B, kept = x->states;
  const efla_saved_array all[ARRAYS] = {
      {"q", type, 4, {B, T, H, c->dk}, x->q},
      {"k", type, 4, {B, T, H, c->dk}, x->k},
      {"v", type, 4, {B, T, H, c->dv}, x->v},
      {"beta", type, 3, {B, T, H}, x->beta},
      {x->argument_name, wide, c->channels ? 4 : 3, {B, T, H, c->dk}, x->argument_width ? x->argument : NULL},
      {"initial_state", wide, 4, {N, H, c->dk, c->dv}, kept ? x->start : NULL},
      {"cu_seqlens", "i4", 1, {c->sequences + 1}, c->sequences ? boundaries : NULL},
      {"do", type, 4, {B, T, H, c->dv}, x->d_o},
      {"dfinal_state", wide, 4, {N, H, c->dk, c->dv}, kept ? x->d_final : NULL},
  };
  size_t n = 0, length = 0;
  for (size_t i = 0; i < ARRAYS; i++) {
    if (!all[i].values) continue;
    if (*all[i].name != 'd') length += (size_t)snprintf(arguments + length, TEXT - length, "%s ", all[i].name);
    saved[n++] = all[i];
  }
  snprintf(arguments + length - 1, TEXT - length + 1, c->scale > 0 ? " scale" : "");
  return n;
}

efla_status efla_awkward_write(const efla_awkward *row, const efla_awkward_wish *wish, const char *path,
                               efla_message *why) {
  const efla_awkward c = adapt(row, wish);
  arrays x;
  double *all = lay_out(&x, &c, wish->method), boundaries[sizeof c.boundaries / sizeof *c.boundaries];
  if (!all) return efla_fail_memory(why);
  for (size_t i = 0; i <= c.sequences; i++) boundaries[i] = (double)c.boundaries[i];
  draw_all(&x, efla_seed_64(wish->seed, (uint64_t)(row - efla_awkward_cases)));
  round_all(&x);
  char arguments[TEXT], groups[24], seeded[24];
  efla_saved_array saved[ARRAYS];
  const size_t n = list(&x, boundaries, saved, arguments);
  snprintf(groups, sizeof groups, "%zu", c.groups ? c.groups : 1);
  snprintf(seeded, sizeof seeded, "%zu", wish->seed);
  const char *decay = c.decay ? efla_decay_called(c.channels, efla_decay_find(c.decay)) : "none";
  const efla_saved_text texts[] = {{"layout", "BTHD"}, {"case", c.name},   {"about", c.about}, {"arguments", arguments},
                                   {"decay", decay},   {"groups", groups}, {"seed", seeded}};
  efla_status status = efla_arrays_save(path, saved, n, (double)(float)(c.scale > 0 ? c.scale : 1 / sqrt((double)c.dk)),
                                        texts, sizeof texts / sizeof *texts, why);
  free(all);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/causality.h"

#include "io/file_decay.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The current block of one run: inputs, then o, one tensor after another, (heads, tokens, width) each. */
enum { INPUTS = 6 }; /* q, k, v, beta, and where they are there the decay's argument and the erase key */

typedef struct side {
  const efla_sequence_run *run;
  size_t start, length; /* of the sequence in its batch entry */
  size_t inputs, width[INPUTS];
  efla_tensor input[INPUTS];
  double *values[INPUTS], *o, *block;
} side;

void efla_causality_init(efla_causality *causality) { *causality = (efla_causality){.violation.token = SIZE_MAX}; }

/* The inputs of a file for this decay; returns how many. */
static size_t list_inputs(const efla_tensors *in, const efla_decay *decay, efla_tensor *input) {
  const efla_tensor argument = efla_decay_tensor(decay);
  size_t n = 0;
  for (efla_tensor t = EFLA_Q; t <= EFLA_BETA; t++) input[n++] = t;
  if (argument < EFLA_TENSORS) input[n++] = argument;
  if (in->has[EFLA_P]) input[n++] = EFLA_P;
  return n;
}

/* Numbers per token, o included. */
static size_t numbers_of(const efla_tensors *in, const efla_decay *decay) {
  efla_tensor input[INPUTS];
  const size_t n = list_inputs(in, decay, input);
  size_t numbers = in->dv;
  for (size_t i = 0; i < n; i++) numbers += efla_tensors_width(in, input[i]);
  return numbers;
}

static efla_status side_init(side *s, const efla_sequence_run *run, const efla_decay *decay, size_t most,
                             efla_message *why) {
  const efla_tensors *in = run->in;
  *s = (side){.run = run, .start = in->cu_seqlens ? in->cu_seqlens[run->sequence] : 0};
  s->inputs = list_inputs(in, decay, s->input);
  s->length = efla_tensors_length(in, run->sequence);
  assert(most > 0);
  double *at = s->block = calloc(most * numbers_of(in, decay), sizeof *at);
  if (!at) return efla_fail_memory(why);
  for (size_t i = 0; i < s->inputs; i++) {
    s->values[i] = at;
    s->width[i] = efla_tensors_width(in, s->input[i]);
    at += most * s->width[i];
  }
  s->o = at;
  return EFLA_OK;
}

/* Some tokens of one head of a tensor: its rows one after another. */
static efla_status read_rows(const side *s, efla_tensors *file, efla_tensor tensor, size_t head, size_t first,
                             size_t tokens, size_t width, double *values, efla_message *why) {
  const efla_tensor_block block = {s->run->in->cu_seqlens ? 0 : s->run->sequence, head, 1, s->start + first, tokens};
  return efla_tensors_read(file, tensor, &block, efla_array_head_major(values, EFLA_F64, tokens, 1, width), why);
}

static efla_status side_read(side *s, size_t head, size_t first, size_t tokens, efla_message *why) {
  efla_tensors *in = s->run->in;
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < s->inputs && status == EFLA_OK; i++)
    status = read_rows(s, in, s->input[i], head, first, tokens, s->width[i], s->values[i], why);
  return status == EFLA_OK ? read_rows(s, s->run->out, EFLA_O, head, first, tokens, in->dv, s->o, why) : status;
}

/* The first of n tokens in which any input differs; n if none does. */
static size_t first_difference(const side *a, const side *b, size_t n) {
  for (size_t t = 0; t < n; t++)
    for (size_t i = 0; i < a->inputs; i++) {
      size_t width = a->width[i];
      for (size_t e = t * width; e < (t + 1) * width; e++)
        if (a->values[i][e] != b->values[i][e]) return t;
    }
  return n;
}

/* Compares o of token t; records the first pair whose difference rounding does not explain. */
static void compare_row(efla_causality *c, const side *a, const side *b, size_t head, size_t first, size_t t,
                        double limit) {
  size_t dv = a->run->in->dv, worst = 0;
  const double *x = a->o + t * dv, *y = b->o + t * dv;
  double error2 = 0, norm2 = 0, largest = -1;
  c->tokens++;
  bool same = true;
  for (size_t j = 0; j < dv; j++) {
    if (x[j] == y[j] || (isnan(x[j]) && isnan(y[j]))) {
      norm2 += x[j] * x[j];
      continue;
    }
    double difference = fabs(x[j] - y[j]);
    same = false;
    error2 += isnan(difference) ? INFINITY : difference * difference, norm2 += x[j] * x[j];
    if (!(difference <= largest)) largest = difference, worst = j;
  }
  c->differ += !same;
  double allowed = 2 * limit * sqrt(norm2);
  if (same || sqrt(error2) <= allowed || first + t >= c->violation.token) return;
  c->violation = (efla_miss){a->run->sequence, head, first + t, x[worst], y[worst], sqrt(error2), allowed, ""};
  efla_tensors_index(a->run->out, EFLA_O, a->run->sequence, head, first + t, worst, c->violation.index);
}

static efla_status same_start(const side *a, const side *b, size_t head, bool *same, efla_message *why) {
  const efla_tensors *in = a->run->in;
  size_t n = in->dk * in->dv;
  assert(n > 0);
  double *S = malloc(2 * n * sizeof *S);
  if (!S) return efla_fail_memory(why);
  efla_status status = efla_tensors_read_states(a->run->in, EFLA_INITIAL_STATE, a->run->sequence, head, 1, S, why);
  if (status == EFLA_OK)
    status = efla_tensors_read_states(b->run->in, EFLA_INITIAL_STATE, b->run->sequence, head, 1, S + n, why);
  *same = status == EFLA_OK && !memcmp(S, S + n, n * sizeof *S);
  free(S);
  return status;
}

/* Whether the first queries agree. Where they do not, the heads have no common prefix and nothing else is
 * read. */
static efla_status same_query(side *a, side *b, size_t head, bool *same, efla_message *why) {
  if (a->length == 0 || b->length == 0) return EFLA_OK;
  assert(a->values[0] && b->values[0]);
  efla_status status = read_rows(a, a->run->in, EFLA_Q, head, 0, 1, a->width[0], a->values[0], why);
  if (status == EFLA_OK) status = read_rows(b, b->run->in, EFLA_Q, head, 0, 1, b->width[0], b->values[0], why);
  *same = status == EFLA_OK;
  for (size_t i = 0; i < a->width[0] && *same; i++) *same = a->values[0][i] == b->values[0][i];
  return status;
}

static efla_status compare_head(efla_causality *c, side *a, side *b, size_t head, size_t most, double limit,
                                efla_message *why) {
  size_t common = a->length < b->length ? a->length : b->length, before = c->violation.token, seen = 0;
  bool same = true, apart = false;
  efla_status status = same_start(a, b, head, &same, why);
  for (size_t first = 0, n; first < common && same && status == EFLA_OK; first += n) {
    n = common - first < most ? common - first : most;
    status = side_read(a, head, first, n, why);
    if (status == EFLA_OK) status = side_read(b, head, first, n, why);
    if (status != EFLA_OK) break;
    size_t agree = first_difference(a, b, n);
    for (size_t t = 0; t < agree; t++) compare_row(c, a, b, head, first, t, limit);
    seen += agree;
    same = agree == n;
    if (!same) apart = true;
  }
  apart |= same && a->length != b->length; /* the longer one has later tokens that the other lacks */
  c->pairs += seen > 0;
  c->apart += seen > 0 && apart;
  if (c->violation.token != before) c->parts = seen;
  return status;
}

efla_status efla_causality_compare(efla_causality *c, const efla_decay *decay, const efla_sequence_run *a,
                                   const efla_sequence_run *b, const double *limit, efla_message *why) {
  enum { NUMBERS = 1 << 20 };
  const efla_tensors *in = a->in, *other = b->in;
  if (in->heads != other->heads || in->dk != other->dk || in->dv != other->dv)
    return efla_fail(why, EFLA_INPUT, "%s: %zu heads, dk %zu, dv %zu, expected %zu, %zu, %zu as in %s", other->path,
                     other->heads, other->dk, other->dv, in->heads, in->dk, in->dv, in->path);
  size_t numbers = numbers_of(in, decay), most = numbers < NUMBERS ? NUMBERS / numbers : 1;
  if (most > in->tokens) most = in->tokens;
  side x = {0}, y = {0};
  efla_status status = side_init(&x, a, decay, most, why);
  if (status == EFLA_OK) status = side_init(&y, b, decay, most, why);
  for (size_t h = 0; h < in->heads && status == EFLA_OK; h++) {
    bool same = false;
    status = same_query(&x, &y, h, &same, why);
    if (status == EFLA_OK && same) status = compare_head(c, &x, &y, h, most, limit[h], why);
  }
  free(x.block);
  free(y.block);
  return status;
}

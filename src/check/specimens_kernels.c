/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The specimens: one token after another in f32, with a switch for every fault. */
#include "check/specimens_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DK = EFLA_SPECIMEN_DK, DV = EFLA_SPECIMEN_DV, H = EFLA_SPECIMEN_HEADS, T = EFLA_SPECIMEN_TOKENS, NEVER = -1 };

typedef efla_specimen_head run;

static bool starts(const run *r, size_t t) { return t % (size_t)r->amount == 0; }

/* A row of q, k or v as the kernel takes it; `before` and `next`: the faults that shift it. */
static void take(const run *r, const float *array, size_t t, int before, int next, float *to) {
  size_t head = r->head;
  const ptrdiff_t s = (ptrdiff_t)t - (r->what == before) + (r->what == next);
  if (r->what == WRONG_GROUPS && array != r->c->v) head = head % 2 * 2;
  for (size_t i = 0; i < DK; i++)
    to[i] = s < 0 || s >= (ptrdiff_t)r->tokens ? 0 : array[efla_specimen_row(r, (size_t)s, head) * DK + i];
}

/* Changes of rows before they are used. */
static void spoil(const run *r, size_t t, float *q, float *k, float *v) {
  const float norm = efla_specimen_norm(q);
  for (size_t i = 0; i < DK; i++) {
    const float q0 = q[i];
    switch (r->what) {
    case WRONG_UNIT_QUERIES:
      q[i] /= norm;
      break;
    case WRONG_SWAPPED:
      q[i] = k[i], k[i] = q0;
      break;
    case WRONG_Q_TIMES:
      q[i] *= r->amount;
      break;
    case WRONG_K_TIMES:
      k[i] *= r->amount;
      break;
    case WRONG_V_AT_CHUNKS:
      v[i] *= starts(r, t) ? 1.5F : 1;
      break;
    case WRONG_ONE_WRITE:
      v[i] += t == (size_t)r->amount && r->head == 1 ? 1 : 0;
      break;
    case WRONG_OPERANDS:
      q[i] = efla_specimen_fit("bf16", q[i]), k[i] = efla_specimen_fit("bf16", k[i]),
      v[i] = efla_specimen_fit("bf16", v[i]);
      break;
    case WRONG_SILU:
      v[i] = v[i] / (1 + expf(-v[i]));
      break;
    default:
      break;
    }
  }
}

/* Tokens of a chunk; 1 for kernels that have none. */
static size_t chunk_of(const run *r) { return r->amount >= 1 ? (size_t)r->amount : 1; }

static bool enters(const run *r, size_t t) {
  const size_t C = chunk_of(r);
  switch (r->what) {
  case WRONG_TAIL:
    return t < r->tokens / C * C;
  case WRONG_DROPS_FIRST:
    return t % C != 0;
  case WRONG_DROPS_LAST:
    return t % C != C - 1;
  default:
    return true;
  }
}

static float rounded(const run *r, float x) {
  switch (r->what) {
  case WRONG_PRODUCTS:
    return efla_specimen_fit(r->amount > 8 ? "tf32" : "bf16", x);
  case RIGHT_TF32:
    return efla_specimen_fit("tf32", x);
  default:
    return x;
  }
}

static void update(run *r, size_t t) {
  float q[DK], k[DK], p[DK], v[DV], lambda, e, w, u[DV];
  take(r, r->c->q, t, NEVER, WRONG_Q_NEXT, q);
  take(r, r->c->k, t, WRONG_K_BEFORE, NEVER, k);
  take(r, r->c->v, t - (r->what == WRONG_STALE && t > 0 && starts(r, t)), WRONG_V_BEFORE, WRONG_V_NEXT, v);
  spoil(r, t, q, k, v);
  efla_specimen_keys(r, k, p, &lambda);
  const float beta = efla_specimen_beta(r, t), d = efla_specimen_decay(r, t),
              g = r->c->g ? r->c->g[efla_specimen_row(r, t, r->head)] : 0;
  const bool late = r->what == WRONG_DECAY_AFTER;
  efla_specimen_weights(r, late ? 1 : d, efla_specimen_coefficient(r, beta, lambda), beta, lambda, g, &e, &w);
  for (size_t j = 0; j < DV; j++) {
    float sum = 0;
    for (size_t i = 0; i < DK; i++) sum += rounded(r, p[i]) * rounded(r, r->S[i * DV + j]);
    u[j] = rounded(r, w * v[j] - e * sum);
  }
  for (size_t i = 0; i < DK; i++)
    for (size_t j = 0; j < DV; j++) {
      float s = (late ? 1 : d) * r->S[i * DV + j] + (enters(r, t) ? rounded(r, k[i]) * u[j] : 0);
      r->S[i * DV + j] = late ? d * s : s;
    }
}

/* The state's own faults after a token. */
static void keep(run *r, size_t t) {
  const bool now = r->what != WRONG_STATE_CHUNK || (t + 1) % (size_t)r->amount == 0;
  const efla_format bits = {"", "", r->what == WRONG_BITS ? (int)r->amount : 24, -126, 1e38, true};
  for (size_t i = 0; i < DK * DV; i++) {
    if (r->what == WRONG_STATE_BF16 || (r->what == WRONG_STATE_CHUNK && now))
      r->S[i] = efla_specimen_fit("bf16", r->S[i]);
    if (r->what == WRONG_STATE_FP16) r->S[i] = efla_specimen_fit("fp16", r->S[i]);
    if (r->what == WRONG_BITS) r->S[i] = (float)efla_format_round(&bits, r->S[i]);
    if (r->what == WRONG_TANH) r->S[i] = tanhf(r->S[i]);
  }
}

static float scale_of(const run *r) {
  const float given = r->c->scale;
  switch (r->what) {
  case WRONG_SCALE_MISSING:
  case WRONG_EULER_SCALE:
    return 1;
  case WRONG_SCALE_TWICE:
    return given * given;
  case WRONG_SCALE_DK:
    return 1 / sqrtf(DK);
  case WRONG_ZERO:
    return 0;
  case WRONG_O_TIMES:
    return given * (1 + r->amount * (float)efla_format_unit(r->c->type));
  default:
    return given;
  }
}

static void read_out(run *r, size_t t, const float *S) {
  float q[DK], v[DV] = {0}, k[DK], *o = r->c->o + efla_specimen_row(r, t, r->head) * DV;
  take(r, r->c->q, t, NEVER, WRONG_Q_NEXT, q);
  take(r, r->c->k, t, NEVER, NEVER, k);
  spoil(r, t, q, k, v);
  float norm = 0;
  for (size_t j = 0; j < DV; j++) {
    float sum = 0;
    for (size_t i = 0; i < DK; i++)
      sum += rounded(r, q[i]) * rounded(r, r->what == WRONG_READ_TRANSPOSED ? S[j * DV + i] : S[i * DV + j]);
    o[j] = scale_of(r) * sum, norm += o[j] * o[j] / DV;
  }
  for (size_t j = 0; j < DV; j++) {
    if (r->what == WRONG_RMS) o[j] /= sqrtf(norm + 1e-6F);
    if (r->what == WRONG_ONE_TOKEN && t == (size_t)r->amount && r->head == 1) o[j] *= 1.5F;
    if (r->what == WRONG_O_AT_CHUNKS && starts(r, t)) o[j] = 0;
    if (r->what == WRONG_NAN && t == 100 && r->head == 2 && j == 3) o[j] = NAN;
    o[j] = (float)efla_format_round(r->c->type, o[j]);
  }
}

static void start(run *r, const float *given, bool carried) {
  for (size_t i = 0; i < DK * DV && !carried; i++)
    r->S[i] = !given || r->what == WRONG_START_MISSING ? 0
              : r->what == WRONG_START_TRANSPOSED      ? given[i % DK * DK + i / DK]
                                                       : given[i];
}

static void run_tokens(run *r) {
  const size_t C = chunk_of(r);
  for (size_t t = 0; t < r->tokens; t++) {
    const bool first = r->what == WRONG_READS_START && t % C == 0;
    if (r->what == WRONG_RESET && starts(r, t)) memset(r->S, 0, sizeof r->S);
    if (first || (r->what == WRONG_TAIL_OF_STATE && t == r->tokens / C * C)) memcpy(r->other, r->S, sizeof r->S);
    if (r->what == WRONG_READ_BEFORE_DECAY) read_out(r, t, r->S);
    if (r->what == WRONG_READ_BEFORE) {
      for (size_t i = 0; i < DK * DV; i++) r->other[i] = efla_specimen_decay(r, t) * r->S[i];
      read_out(r, t, r->other);
    }
    update(r, t), keep(r, t);
    const bool ends = (t + 1) % C == 0 || t + 1 == r->tokens;
    if (r->what == WRONG_READS_END && ends)
      for (size_t s = t / C * C; s <= t; s++) read_out(r, s, r->S);
    if (r->what == WRONG_READS_START) read_out(r, t, r->other);
    if (r->what != WRONG_READS_END && r->what != WRONG_READS_START && r->what != WRONG_READ_BEFORE &&
        r->what != WRONG_READ_BEFORE_DECAY)
      read_out(r, t, r->S);
  }
  if (r->what == WRONG_TAIL_OF_STATE) memcpy(r->S, r->other, sizeof r->S);
}

void efla_specimen_run(efla_specimen *c) {
  const bool packed = c->kernel->needs & EFLA_SPECIMEN_PACKED;
  for (size_t h = 0; h < H; h++) {
    run r = {.c = c, .what = c->kernel->what, .amount = (float)c->kernel->amount, .head = h};
    for (size_t n = 0; n < c->sequences; n++) {
      const size_t state = (n * H + h) * DK * DV, split = 3 * T / 5;
      r.first = packed ? n * split : n * T;
      r.tokens = !packed ? T : n ? T - split : split;
      start(&r, c->start ? c->start + state : NULL, n && r.what == WRONG_CARRIED);
      if (r.what < RIGHT_FORMS || r.what == RIGHT_TF32)
        run_tokens(&r);
      else
        efla_specimen_run_right(c, r.what, (size_t)r.amount, r.first, r.tokens, h, r.S);
      for (size_t i = 0; i < DK * DV; i++)
        c->final[state + i] = r.S[r.what == WRONG_FINAL_TRANSPOSED ? i % DK * DK + i / DK : i];
    }
  }
}

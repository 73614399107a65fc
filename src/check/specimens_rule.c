/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rule as specimens have it, with its faults. */
#include "check/specimens_kernels.h"

#include <math.h>

enum { DK = EFLA_SPECIMEN_DK };

typedef efla_specimen_head run;

float efla_specimen_fit(const char *format, float x) { return (float)efla_format_round(efla_format_find(format), x); }

float efla_specimen_norm(const float *x) {
  float sum = 0;
  for (size_t i = 0; i < DK; i++) sum += x[i] * x[i];
  return sqrtf(sum);
}

static bool starts(const run *r, size_t t) { return t % (size_t)r->amount == 0; }

static float number(const run *r, const float *array, size_t t, int before, int of_first) {
  if (r->what == before && t == 0) return 0;
  return array[efla_specimen_row(r, t - (r->what == before), r->what == of_first ? 0 : r->head)];
}

float efla_specimen_beta(const run *r, size_t t) {
  const float beta = number(r, r->c->beta, t, WRONG_BETA_BEFORE, WRONG_BETA_HEAD0);
  switch (r->what) {
  case WRONG_BETA_ONE:
    return 1;
  case WRONG_BETA_SIGMOID:
    return 1 / (1 + expf(-beta));
  case WRONG_BETA_SQUARED:
    return beta * beta;
  case WRONG_BETA_TIMES:
    return r->amount * beta;
  case WRONG_BETA_BF16:
    return efla_specimen_fit("bf16", beta);
  case WRONG_CHUNK_BETA:
    return t / (size_t)r->amount == 1 ? 0 : beta;
  case WRONG_DROPOUT:
    return (t * 7919 + 13) % 10 == 0 ? 0 : beta;
  default:
    return beta;
  }
}

float efla_specimen_coefficient(const run *r, float beta, float lambda) {
  const float x = beta * lambda;
  switch (r->what) {
  case WRONG_EULER:
  case WRONG_EULER_UNIT:
  case WRONG_EULER_SCALE:
    return beta;
  case WRONG_IMPLICIT:
    return beta / (1 + x);
  case WRONG_RK2:
    return beta * (1 - x / 2);
  case WRONG_TRAPEZOID:
    return beta / (1 + x / 2);
  case WRONG_LAMBDA_TIMES:
    return -expm1f(-r->amount * x) / (r->amount * lambda);
  case WRONG_NAN_AT_ZERO:
    return (1 - expf(-x)) / lambda;
  default:
    return lambda > 0 ? -expm1f(-x) / lambda : beta;
  }
}

/* The decay of token t. */
float efla_specimen_decay(const run *r, size_t t) {
  if (!r->c->g || r->what == WRONG_NO_DECAY) return 1;
  const float g = number(r, r->c->g, t, WRONG_G_BEFORE, WRONG_G_HEAD0);
  switch (r->what) {
  case WRONG_EXP2:
    return exp2f(g);
  case WRONG_G_TIMES:
    return expf(r->amount * g);
  case WRONG_CHUNK_DECAY:
    return starts(r, t) ? 1 : expf(g);
  case WRONG_G_BF16:
    return expf(efla_specimen_fit("bf16", g));
  default:
    return expf(g);
  }
}

/* e and w of S' = d S + k (w v - e S^T p)^T from the coefficient a. */
void efla_specimen_weights(const run *r, float d, float a, float beta, float lambda, float g, float *e, float *w) {
  *e = d * a, *w = a;
  switch (r->what) {
  case WRONG_NO_ERASE:
    *e = 0;
    break;
  case WRONG_ADDS:
    *e = -*e;
    break;
  case WRONG_WRITES_ONE:
    *w = 1;
    break;
  case WRONG_ERASES_ONE:
    *e = d;
    break;
  case WRONG_UNDECAYED:
    *e = a;
    break;
  case WRONG_JOINT:
    *w = beta * -expm1f(g - beta * lambda) / (beta * lambda - g);
    break;
  case WRONG_STRANG:
    *w = expf(g / 2) * a;
    break;
  default:
    break;
  }
}

void efla_specimen_keys(const run *r, float *write, float *erase, float *lambda) {
  const float norm = efla_specimen_norm(write), unit = norm > 0 ? norm : 1;
  const bool both = r->what == WRONG_UNIT_KEYS || r->what == WRONG_RAW_LAMBDA || r->what == WRONG_EULER_UNIT ||
                    ((r->c->kernel->needs & EFLA_SPECIMEN_UNIT) && r->what != WRONG_RAW_KEYS);
  for (size_t i = 0; i < DK; i++) {
    erase[i] = write[i] / (both || r->what == WRONG_UNIT_ERASE ? unit : 1);
    write[i] = write[i] / (both || r->what == WRONG_UNIT_WRITE ? unit : 1);
  }
  *lambda = norm * norm;
  if ((both && r->what != WRONG_RAW_LAMBDA) || r->what == WRONG_UNIT_LAMBDA) *lambda = norm > 0;
}

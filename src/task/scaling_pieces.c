/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/scaling_pieces.h"

#include "bench/interleave.h"
#include "efla/backend.h"
#include "efla/cpu/isa.h"
#include "efla/forward.h"
#include "task/lm_learner.h"

#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 9, TOKENS = 4096, PRODUCTS = 64, NUMBERS = 1 << 18 };
#define LEAST 5e-3 /* seconds of one measurement */
enum { FORWARD, SUM, MAP, PRODUCT, GRADIENT, ADD, UPDATE, PIECES };

typedef struct bench {
  efla_scaling_work work;
  efla_backend *backend;
  efla_lm_learner lm;
  efla_learner learner;
  float *tokens, *states; /* q, k, v, beta, o; matrices */
  float *numbers;         /* (4, NUMBERS) */
  float *parameters, *gradient;
  efla_status status; /* of a piece that failed */
  efla_message why;
} bench;

static efla_status call(bench *b, size_t dv, bool outputs) {
  const size_t dk = b->work.dk, widest = dk > b->work.dv ? dk : b->work.dv;
  float *q = b->tokens, *k = q + TOKENS * dk, *v = k + TOKENS * dk, *beta = v + TOKENS * widest, *o = beta + TOKENS;
  const efla_sequence x = {.batch = 1,
                           .heads = 1,
                           .tokens = TOKENS,
                           .dk = dk,
                           .dv = dv,
                           .q = efla_array_token_major(q, EFLA_F32, TOKENS, 1, dk),
                           .k = efla_array_token_major(k, EFLA_F32, TOKENS, 1, dk),
                           .v = efla_array_token_major(v, EFLA_F32, TOKENS, 1, dv),
                           .beta = efla_array_token_major(beta, EFLA_F32, TOKENS, 1, 1)};
  efla_result y = {.final_state = efla_array_states(b->states, EFLA_F32, 1, dk, dv)};
  if (outputs) y.o = efla_array_token_major(o, EFLA_F32, TOKENS, 1, dv);
  const efla_rule rule = {.method = efla_method_find("exact")};
  return efla_forward(b->backend, &rule, &x, &y);
}

static void multiply(const bench *b) {
  const int dk = (int)b->work.dk, dv = (int)b->work.dv;
  float *M = b->states, *S = M + b->work.dk * b->work.dk, *N = S + b->work.dk * b->work.dv;
  for (int i = 0; i < PRODUCTS; i++)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, dk, dv, dk, .01F, M, dk, S, dv, .1F, N, dv);
}

static void add(float *to, const float *from) {
  for (size_t i = 0; i < NUMBERS; i++) to[i] += from[i];
}

static void update(float *numbers) {
  static const efla_adamw rule = {.lr = 1e-6, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .clip = 1};
  const double norm = efla_adamw_norm_f32(NUMBERS, numbers);
  efla_adamw_step_f32(&rule, 1, norm, NUMBERS, numbers, numbers + NUMBERS, numbers + 2 * NUMBERS,
                      numbers + 3 * NUMBERS);
}

static void execute(void *context, size_t piece) {
  bench *b = context;
  double loss;
  efla_status status = EFLA_OK;
  if (piece == FORWARD) status = call(b, b->work.dv, true);
  if (piece == SUM) status = call(b, b->work.dv, false);
  if (piece == MAP) status = call(b, b->work.dk, false);
  if (status != EFLA_OK) efla_fail(&b->why, status, "%s", efla_last_message(b->backend));
  if (piece == PRODUCT) multiply(b);
  if (piece == GRADIENT)
    status = b->learner.gradient(b->learner.context, 0, 1, 0, b->parameters, b->gradient, &loss, &b->why);
  if (piece == ADD) add(b->numbers, b->numbers + NUMBERS);
  if (piece == UPDATE) update(b->numbers);
  if (status != EFLA_OK) b->status = status;
}

/* Random bytes of a text would cost the same. */
static void make(void *context, size_t thread, size_t step, size_t i, uint32_t *tokens, int32_t *labels) {
  const efla_lm_learner *l = context;
  (void)thread, (void)step;
  for (size_t t = 0; t < l->positions; t++)
    tokens[t] = (uint32_t)((7 * i + 13 * t) % l->model.vocabulary),
    labels[t] = (int32_t)((5 * t) % l->model.vocabulary);
}

static efla_status open_model(bench *b, size_t group, size_t context, efla_message *why) {
  b->lm = (efla_lm_learner){.model = {.rule = {.method = efla_method_find("exact"),
                                               .decay = &efla_decays[0],
                                               .keys = &efla_key_treatments[0]},
                                      .beta = &efla_beta_maps[0],
                                      .vocabulary = 256,
                                      .width = 64,
                                      .layers = 4,
                                      .heads = 2,
                                      .hidden = 176},
                            .source = {&b->lm, make},
                            .positions = context,
                            .batch = group,
                            .group = group,
                            .threads = 1};
  efla_status status = efla_lm_learner_open(&b->lm, why);
  if (status != EFLA_OK) return status;
  b->learner = efla_lm_learner_as_learner(&b->lm);
  b->parameters = efla_alloc(2 * b->learner.numbers * sizeof(float));
  double *start = malloc(b->learner.numbers * sizeof *start);
  status = start && b->parameters ? efla_lm_start(&b->lm.model, 1, start, why) : efla_fail_memory(why);
  b->gradient = b->parameters + b->learner.numbers;
  for (size_t i = 0; i < b->learner.numbers && status == EFLA_OK; i++)
    b->parameters[i] = (float)start[i], b->gradient[i] = 0;
  free(start);
  return status;
}

/* Keys of norm 1, as nearly as matters for speed. */
static efla_status open_bench(bench *b, const efla_scaling_work *work, efla_message *why) {
  const size_t d = work->dk > work->dv ? work->dk : work->dv;
  b->work = *work;
  b->tokens = efla_alloc(TOKENS * (4 * d + 1) * sizeof(float)), b->states = efla_alloc(3 * d * d * sizeof(float));
  b->numbers = efla_alloc(4 * NUMBERS * sizeof(float));
  if (!b->tokens || !b->states || !b->numbers) return efla_fail_memory(why);
  for (size_t i = 0; i < TOKENS * (4 * d + 1); i++)
    b->tokens[i] = (float)(i * 2654435761U % 1000) * 1e-3F * 1.7F / sqrtf((float)d);
  for (size_t i = 0; i < 3 * d * d; i++) b->states[i] = (float)(i % 7) / 7;
  for (size_t i = 0; i < 4 * NUMBERS; i++) b->numbers[i] = (float)(i % 7) * 1e-3F;
  const efla_status status = efla_backend_open("cpu", &(efla_options){.threads = 1}, &b->backend);
  return status == EFLA_OK ? EFLA_OK : efla_fail(why, status, "%s", efla_last_message(NULL));
}

static void close_bench(bench *b) {
  efla_backend_close(b->backend);
  efla_lm_learner_close(&b->lm);
  efla_free(b->tokens), efla_free(b->states), efla_free(b->numbers), efla_free(b->parameters);
}

static efla_status measure(bench *b, double median[PIECES], efla_message *why) {
  double seconds[PIECES][ROUNDS];
  efla_bench_summary summary;
  efla_progress progress;
  efla_progress_start(&progress, "pieces", PIECES * ROUNDS);
  efla_bench_interleave(PIECES, execute, b, ROUNDS, LEAST, seconds[0], &progress);
  efla_progress_end(&progress);
  if (b->status != EFLA_OK) *why = b->why;
  for (size_t p = 0; p < PIECES && b->status == EFLA_OK; p++) {
    if (efla_bench_summarise(seconds[p], ROUNDS, &summary) != EFLA_OK) return efla_fail_memory(why);
    median[p] = summary.median;
  }
  return b->status;
}

efla_status efla_scaling_measure(efla_scaling_costs *c, const efla_scaling_work *work, size_t group, size_t context,
                                 efla_message *why) {
  bench b = {.backend = NULL};
  double median[PIECES] = {0};
  efla_status status = open_bench(&b, work, why);
  if (status == EFLA_OK) status = open_model(&b, group, context, why);
  if (status == EFLA_OK) status = measure(&b, median, why);
  close_bench(&b);
  c->forward = median[FORWARD] / TOKENS, c->sum = median[SUM] / TOKENS, c->map = median[MAP] / TOKENS;
  c->product = median[PRODUCT] / PRODUCTS, c->gradient = median[GRADIENT];
  c->add = median[ADD] / NUMBERS, c->update = median[UPDATE] / NUMBERS;
  return status;
}

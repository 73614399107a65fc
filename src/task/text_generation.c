/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_generation.h"

#include "app/progress.h"
#include "nn/language_decoder.h"

#include <gsl/gsl_rng.h>
#include <math.h>

static size_t draw_byte(const double *logits, double temperature, gsl_rng *draw) {
  size_t best = 0;
  double sum = 0, weights[EFLA_BYTES];
  for (size_t i = 1; i < EFLA_BYTES; i++)
    if (logits[i] > logits[best]) best = i;
  if (temperature == 0) return best;
  for (size_t i = 0; i < EFLA_BYTES; i++) sum += weights[i] = exp((logits[i] - logits[best]) / temperature);
  double left = gsl_rng_uniform(draw) * sum;
  for (size_t i = 0; i < EFLA_BYTES; i++)
    if ((left -= weights[i]) < 0) return i;
  return best;
}

/* ---- speed ---- */

/* The weights of which a token reads every one: all behind the embedding. */
typedef struct weights {
  const efla_pointwise_f32 *on;
  const float *first;
  size_t count;
  double total; /* of the last reading, so that none is left out */
} weights;

static weights weights_of(const efla_text_run *run) {
  const efla_lm_config *c = &run->plan.options.model;
  const efla_lm_place behind = efla_lm_place_of(c, EFLA_LM_QKV, 0);
  return (weights){.on = efla_pointwise_of_f32(run->task.learner.devices[0].isa),
                   .first = run->training.trainer.parameters + behind.first,
                   .count = efla_lm_numbers(c) - behind.first};
}

static void read_weights(weights *w) { w->total = (double)w->on->total(w->count, w->first); }

/* ---- generation ---- */

enum { TURN = 4096 }; /* bytes that are generated without a look at the clock, at most */

typedef struct generation {
  efla_lm_decoder decoder;
  gsl_rng *draw;
  double temperature, logits[EFLA_BYTES];
  char text[TURN];
} generation;

/* The next `length` bytes to g->text, TURN at most. */
static efla_status generate(generation *g, size_t length, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < length && status == EFLA_OK; i++) {
    const size_t byte = draw_byte(g->logits, g->temperature, g->draw);
    g->text[i] = (char)byte;
    status = efla_lm_decoder_step(&g->decoder, (uint32_t)byte, g->logits, why);
  }
  return status;
}

/* Some bytes, then a quarter as many readings of the weights, and so on: other load on the machine affects both
 * alike. */
static efla_status generate_timed(generation *g, weights *w, size_t length, FILE *file, efla_text_speed *speed,
                                  efla_message *why) {
  static const double turn = 1 << 28; /* bytes of weights between two looks at the clock */
  const double bytes = (double)(w->count * sizeof *w->first);
  const size_t most = bytes * TURN > turn ? 1 + (size_t)(turn / bytes) : TURN;
  double generating = 0, reading = 0;
  size_t readings = 0;
  efla_status status = EFLA_OK;
  for (size_t done = 0; done < length && status == EFLA_OK;) {
    const size_t n = length - done < most ? length - done : most, more = 1 + n / 4;
    const double begin = efla_seconds();
    status = generate(g, n, why);
    const double middle = efla_seconds();
    for (size_t i = 0; i < more; i++) read_weights(w);
    reading += efla_seconds() - middle, generating += middle - begin;
    if (status == EFLA_OK) fwrite(g->text, 1, n, file);
    done += n, readings += more;
  }
  speed->bytes = (double)length / generating;
  speed->weights = speed->bytes * bytes, speed->memory_rate = (double)readings * bytes / reading;
  return status;
}

efla_status efla_text_generate(const efla_text_run *run, const char *prompt, size_t length, double temperature,
                               size_t seed, FILE *file, efla_text_speed *speed, efla_message *why) {
  generation g = {.temperature = temperature};
  weights w = weights_of(run);
  efla_status status = efla_lm_decoder_open(&g.decoder, &run->plan.options.model, &run->task.learner.devices[0],
                                            run->training.trainer.parameters, why);
  if (status != EFLA_OK) return status;
  g.draw = gsl_rng_alloc(gsl_rng_mt19937);
  if (!g.draw) status = efla_fail_memory(why);
  if (g.draw) gsl_rng_set(g.draw, seed);
  fputs(prompt, file);
  for (const char *c = prompt; *c && status == EFLA_OK; c++)
    status = efla_lm_decoder_step(&g.decoder, (unsigned char)*c, g.logits, why);
  if (status == EFLA_OK) status = generate_timed(&g, &w, length, file, speed, why);
  fputc('\n', file);
  gsl_rng_free(g.draw);
  efla_lm_decoder_close(&g.decoder);
  return status;
}

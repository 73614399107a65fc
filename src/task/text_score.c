/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_score.h"

#include "base/draw.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

static bool is_likeliest(const double *logits, size_t byte) {
  for (size_t i = 0; i < EFLA_BYTES; i++)
    if (!(logits[byte] >= logits[i])) return false;
  return true;
}

/* What a forward pass of the workspace m left about its sequence s. */
static void take_score(const efla_lm *m, size_t s, efla_scored_text *text) {
  double logits[EFLA_BYTES];
  text->nats = 0, text->likeliest = true;
  for (size_t i = text->first; i < text->count; i++) {
    const size_t row = s * m->tokens + i;
    text->nats += m->losses[row];
    m->device->row->read(EFLA_BYTES, efla_device_at(m->device, m->logits, row * EFLA_BYTES), logits);
    text->likeliest = text->likeliest && is_likeliest(logits, text->next[i]);
  }
}

/* The texts (n) together. Bytes behind the end of a text change nothing before it. */
static efla_status score_batch(const efla_text_task *task, const efla_device *device, const float *parameters, size_t n,
                               efla_scored_text *texts, efla_message *why) {
  size_t longest = 0;
  double loss;
  efla_lm m = {.layers = NULL};
  for (size_t s = 0; s < n; s++) longest = texts[s].count > longest ? texts[s].count : longest;
  assert(n > 0 && longest > 0);
  uint32_t *tokens = calloc(n * longest, sizeof *tokens);
  int32_t *labels = calloc(n * longest, sizeof *labels);
  if (!tokens || !labels) {
    free(tokens), free(labels);
    return efla_fail_memory(why);
  }
  efla_status status = efla_lm_init_forward(&m, &task->options.model, device, n, longest, why);
  for (size_t s = 0; s < n && status == EFLA_OK; s++)
    for (size_t i = 0; i < longest; i++) {
      const bool there = i < texts[s].count;
      if (there) tokens[s * longest + i] = texts[s].read[i];
      labels[s * longest + i] = there && i >= texts[s].first ? texts[s].next[i] : -1;
    }
  if (status == EFLA_OK) status = efla_lm_forward(&m, parameters, tokens, labels, 0, &loss, why);
  for (size_t s = 0; s < n && status == EFLA_OK; s++) take_score(&m, s, &texts[s]);
  efla_lm_clear(&m);
  free(tokens), free(labels);
  return status;
}

efla_status efla_text_score(const efla_text_task *task, const float *parameters, size_t n, efla_scored_text *texts,
                            efla_message *why) {
  const size_t threads = task->options.threads, group = task->options.group;
  efla_status worst = EFLA_OK;
#pragma omp parallel for schedule(static, 1) num_threads((int)threads) if (threads > 1)
  for (size_t thread = 0; thread < threads; thread++) {
    efla_message mine;
    efla_status status = EFLA_OK;
    for (size_t i = thread * group; i < n && status == EFLA_OK; i += threads * group)
      status = score_batch(task, &task->learner.devices[thread], parameters, n - i < group ? n - i : group, texts + i,
                           &mine);
    if (status == EFLA_OK) continue;
#pragma omp critical(efla_text_message)
    worst = status, *why = mine;
  }
  return worst;
}

/* ---- pairs and passages ---- */

/* A text after a line feed, `bytes` (length + 2) for it and one behind it; scored from byte `first` of the text on. */
static efla_scored_text scored(unsigned char *bytes, const char *text, size_t length, size_t first, bool end) {
  bytes[0] = bytes[length + 1] = '\n';
  memcpy(bytes + 1, text, length);
  return (efla_scored_text){.read = bytes, .next = bytes + 1, .count = length + end, .first = first};
}

static void count_pair(efla_text_verdict *v, const efla_pair *pair, const efla_scored_text *two, size_t *bytes) {
  v->count++, v->bits += two[0].nats / M_LN2, *bytes += two[0].count;
  if (two[0].nats < two[1].nats && strcmp(pair->good, pair->bad) != 0) v->accuracy++;
}

static void finish(efla_text_verdict *v, size_t bytes) {
  v->bits = v->count ? v->bits / (double)bytes : NAN;
  v->accuracy = isfinite(v->bits) ? v->accuracy / (double)v->count : NAN;
}

efla_status efla_text_judge_pairs(const efla_text_task *task, const float *parameters, const efla_pairs *pairs,
                                  efla_text_verdict *verdicts, efla_message *why) {
  size_t room = 0, used = 0, bytes[EFLA_MOST_FIELDS + 1] = {0};
  for (size_t i = 0; i < pairs->count; i++) room += strlen(pairs->pair[i].good) + strlen(pairs->pair[i].bad) + 4;
  unsigned char *block = calloc(room + 1, 1);
  efla_scored_text *texts = calloc(2 * pairs->count + 1, sizeof *texts);
  if (!block || !texts) {
    free(block), free(texts);
    return efla_fail_memory(why);
  }
  for (size_t i = 0; i < 2 * pairs->count; i++) {
    const char *text = i % 2 ? pairs->pair[i / 2].bad : pairs->pair[i / 2].good;
    texts[i] = scored(block + used, text, strlen(text), 0, true);
    used += strlen(text) + 2;
  }
  const efla_status status = efla_text_score(task, parameters, 2 * pairs->count, texts, why);
  for (size_t f = 0; f <= pairs->fields; f++) verdicts[f] = (efla_text_verdict){.count = 0};
  for (size_t i = 0; i < pairs->count && status == EFLA_OK; i++) {
    const size_t of[2] = {pairs->pair[i].field, pairs->fields};
    for (size_t j = 0; j < 2; j++) count_pair(&verdicts[of[j]], &pairs->pair[i], texts + 2 * i, &bytes[of[j]]);
  }
  for (size_t f = 0; f <= pairs->fields; f++) finish(&verdicts[f], bytes[f]);
  free(block), free(texts);
  return status;
}

efla_status efla_text_judge_passages(const efla_text_task *task, const float *parameters, const efla_passages *passages,
                                     efla_text_verdict *verdict, efla_message *why) {
  size_t room = 0, used = 0, bytes = 0;
  for (size_t i = 0; i < passages->count; i++) room += passages->passage[i].length + 2;
  unsigned char *block = calloc(room + 1, 1);
  efla_scored_text *texts = calloc(passages->count + 1, sizeof *texts);
  if (!block || !texts) {
    free(block), free(texts);
    return efla_fail_memory(why);
  }
  for (size_t i = 0; i < passages->count; i++) {
    const efla_passage *p = &passages->passage[i];
    texts[i] = scored(block + used, p->text, p->length, p->word, false);
    used += p->length + 2;
  }
  const efla_status status = efla_text_score(task, parameters, passages->count, texts, why);
  *verdict = (efla_text_verdict){.count = status == EFLA_OK ? passages->count : 0};
  for (size_t i = 0; i < verdict->count; i++) {
    verdict->accuracy += texts[i].likeliest, verdict->bits += texts[i].nats / M_LN2;
    bytes += texts[i].count - texts[i].first;
  }
  finish(verdict, bytes);
  free(block), free(texts);
  return status;
}

/* ---- substituted bytes ---- */

/* Each byte has a stream of its own, so that a larger share substitutes the same bytes and more. */
static void substitute(const efla_corpus_part *part, size_t n, double share, size_t seed, unsigned char *bytes) {
  for (size_t i = 0; i < n; i++) {
    efla_draw draw = efla_draw_begin(efla_seed_64(seed, i));
    const bool other = efla_draw_uniform(&draw) < share;
    bytes[i] = part->bytes[other ? efla_draw_below(&draw, part->count) : i];
  }
}

efla_status efla_text_evaluate_substituted(const efla_text_task *task, const float *parameters,
                                           const efla_corpus_part *part, size_t context, size_t windows, double share,
                                           size_t seed, double *bits, efla_message *why) {
  windows = efla_text_windows(part, context, windows);
  *bits = NAN;
  if (windows == 0) return EFLA_OK;
  unsigned char *bytes = calloc(windows * context, 1);
  efla_scored_text *texts = calloc(windows, sizeof *texts);
  if (!bytes || !texts) {
    free(bytes), free(texts);
    return efla_fail_memory(why);
  }
  substitute(part, windows * context, share, seed, bytes);
  for (size_t w = 0; w < windows; w++)
    texts[w] = (efla_scored_text){
        .read = bytes + w * context, .next = part->bytes + w * context + 1, .count = context, .first = 0};
  const efla_status status = efla_text_score(task, parameters, windows, texts, why);
  double sum = 0;
  for (size_t w = 0; w < windows && status == EFLA_OK; w++) sum += texts[w].nats;
  if (status == EFLA_OK) *bits = sum / (double)(windows * context) / M_LN2;
  free(bytes), free(texts);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_rows.h"

#include "task/text_exchange.h"
#include "task/text_score.h"

#include <math.h>
#include <stdlib.h>

const efla_column efla_text_study_columns[] = {
    EFLA_COLUMN(
        efla_text_row, study, "",
        "training: mean over the steps since the row before; along: evaluation; end: after it, and of the trained "
        "model too: blimp: pairs of sentences; lambada: last words; substituted: some of the bytes read; scaled: keys; exchanged: the method, before and after tuning"),
    EFLA_COLUMN(efla_text_row, mixer, "", "delta rule, or softmax attention, which has no rule"),
    EFLA_COLUMN(efla_text_row, method, "", "one-step method"),
    EFLA_COLUMN(efla_text_row, decay, "", "decay; its name and 'channels' where it is per channel"),
    EFLA_COLUMN(efla_text_row, keys, "", "key treatment"),
    EFLA_COLUMN(efla_text_row, beta, "", "map of beta"),
    EFLA_COLUMN(efla_text_row, width, "", "width of the model"),
    EFLA_COLUMN(efla_text_row, lr, "", "largest learning rate"),
    EFLA_COLUMN(efla_text_row, seed, "", "seed of parameters and windows"),
    EFLA_COLUMN(efla_text_row, step, "", "steps of training, and of tuning"),
    EFLA_COLUMN(
        efla_text_row, part, "",
        "part of the text: train, valid, test; of blimp a field, or all; exchanged: the method in place of the config's"),
    EFLA_COLUMN(efla_text_row, context, "", "tokens of a window; 0: texts of their own lengths"),
    EFLA_COLUMN(efla_text_row, place, "",
                "place in the window; tokens from this number on, below twice as many, 0: all"),
    EFLA_COLUMN(
        efla_text_row, bits, "",
        "bits per byte, of blimp of the acceptable sentences, of lambada of the last words; nan: diverged, or the part "
        "is shorter than a window"),
    EFLA_COLUMN(efla_text_row, level, "", "substituted: share of the bytes; scaled: factor of keys"),
    EFLA_COLUMN(efla_text_row, accuracy, "",
                "share of pairs or last words that is right; nan: not that study, or diverged"),
    EFLA_COLUMN(efla_text_row, count, "", "pairs or passages"),
    EFLA_COLUMNS_END(efla_text_row)};

/* The mean loss of the batches of steps from+1 ... to, in bits. */
static double mean_loss(const efla_text_run *run, size_t from, size_t to) {
  const efla_trainer *t = &run->training.trainer;
  const size_t known = t->diverged ? t->step - 1 : t->step; /* the last step's loss, or its gradient, is not finite */
  double sum = 0;
  for (size_t s = from; s < to; s++) sum += s < known ? t->losses[s] : NAN;
  return sum / (double)(to - from) / M_LN2;
}

static void write_along(const efla_text_run *run, efla_text_row r, efla_table *table) {
  r.context = run->plan.options.context;
  for (size_t i = 0, from = 0; i < efla_text_evaluations(&run->plan); i++, from = r.step) {
    r.step = efla_text_step_of(&run->plan, i);
    r.study = "training", r.part = "train", r.bits = mean_loss(run, from, r.step);
    efla_table_put(table, &r);
    r.study = "along", r.part = "valid", r.bits = *efla_text_run_result(run, i);
    efla_table_put(table, &r);
  }
}

/* One part and context, as a whole and by place. */
static efla_status write_end(const efla_text_run *run, const efla_corpus_part *part, efla_text_row r, efla_table *table,
                             efla_message *why) {
  double *places = malloc(r.context * sizeof *places);
  size_t windows = run->plan.windows * run->plan.options.context / r.context;
  if (!places) return efla_fail_memory(why);
  r.study = "end", r.step = run->plan.schedule.steps, r.bits = NAN;
  for (size_t i = 0; i < r.context; i++) places[i] = NAN;
  efla_status status = EFLA_OK;
  if (!run->training.trainer.diverged)
    status = efla_text_evaluate(&run->task, NULL, run->training.trainer.parameters, part, r.context,
                                windows ? windows : 1, &r.bits, places, why);
  if (status == EFLA_OK) efla_table_put(table, &r);
  for (r.place = 1; r.place <= r.context && status == EFLA_OK; r.place *= 2) {
    const size_t end = 2 * r.place - 1 < r.context ? 2 * r.place - 1 : r.context;
    r.bits = 0;
    for (size_t i = r.place - 1; i < end; i++) r.bits += places[i];
    r.bits /= (double)(end - (r.place - 1));
    efla_table_put(table, &r);
  }
  free(places);
  return status;
}

/* ---- the trained model ---- */

static void write_verdict(efla_text_row r, const char *part, const efla_text_verdict *v, efla_table *table) {
  r.part = part, r.bits = v->bits, r.accuracy = v->accuracy, r.count = v->count;
  efla_table_put(table, &r);
}

static efla_status write_pairs(const efla_text_run *run, const efla_pairs *pairs, efla_text_row r, efla_table *table,
                               efla_message *why) {
  efla_text_verdict v[EFLA_MOST_FIELDS + 1];
  efla_status status = EFLA_OK;
  for (size_t f = 0; f <= pairs->fields; f++) v[f] = (efla_text_verdict){0, NAN, NAN};
  if (!run->training.trainer.diverged)
    status = efla_text_judge_pairs(&run->task, run->training.trainer.parameters, pairs, v, why);
  r.study = "blimp";
  for (size_t f = 0; f <= pairs->fields && status == EFLA_OK; f++)
    write_verdict(r, f < pairs->fields ? pairs->field[f] : "all", &v[f], table);
  return status;
}

static efla_status write_passages(const efla_text_run *run, const efla_passages *passages, efla_text_row r,
                                  efla_table *table, efla_message *why) {
  efla_text_verdict v = {0, NAN, NAN};
  efla_status status = EFLA_OK;
  if (!run->training.trainer.diverged)
    status = efla_text_judge_passages(&run->task, run->training.trainer.parameters, passages, &v, why);
  r.study = "lambada";
  if (status == EFLA_OK) write_verdict(r, "all", &v, table);
  return status;
}

/* Validation text with substituted bytes, and with keys times a factor, which only raw keys are changed by. */
static efla_status write_robustness(const efla_text_run *run, const efla_text_judges *judges, efla_text_row r,
                                    efla_table *table, efla_message *why) {
  const efla_text_options *o = &run->plan.options;
  const efla_corpus_part *valid = &o->corpus->valid;
  efla_text_task scaled = run->task; /* a view, with another config */
  const bool raw = !o->model.softmax && !o->model.rule.keys->unit, lost = run->training.trainer.diverged;
  efla_status status = EFLA_OK;
  r.part = "valid", r.context = o->context, r.study = "substituted";
  for (size_t i = 0; i < judges->shares.n && status == EFLA_OK; i++) {
    r.level = judges->shares.value[i];
    if (!lost)
      status = efla_text_evaluate_substituted(&run->task, run->training.trainer.parameters, valid, o->context,
                                              run->plan.windows, r.level, o->seed, &r.bits, why);
    if (status == EFLA_OK) efla_table_put(table, &r);
  }
  r.study = "scaled";
  for (size_t i = 0; i < judges->factors.n && raw && status == EFLA_OK; i++) {
    scaled.options.model.key_factor = r.level = judges->factors.value[i];
    if (!lost)
      status = efla_text_evaluate(&scaled, NULL, run->training.trainer.parameters, valid, o->context, run->plan.windows,
                                  &r.bits, NULL, why);
    if (status == EFLA_OK) efla_table_put(table, &r);
  }
  return status;
}

/* Softmax attention has no method. */
static efla_status write_exchanges(const efla_text_run *run, const efla_text_judges *judges, efla_text_row r,
                                   efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  r.study = "exchanged", r.context = run->plan.options.context;
  for (size_t i = 0; i < judges->methods.n && !run->plan.options.model.softmax && status == EFLA_OK; i++) {
    const efla_method *method = &efla_methods[judges->methods.row[i]];
    double bits[2];
    status = efla_text_exchange(run, method, judges->tuning, bits, why);
    r.part = method->name;
    for (size_t after = 0; after < 2 && status == EFLA_OK; after++) {
      r.step = run->plan.schedule.steps + after * judges->tuning, r.bits = bits[after];
      efla_table_put(table, &r);
    }
  }
  return status;
}

efla_status efla_text_write_rows(const efla_text_run *run, const efla_text_judges *judges, efla_text_row r,
                                 efla_table *table, efla_message *why) {
  const efla_corpus *c = run->plan.options.corpus;
  const efla_corpus_part *const parts[] = {&c->train, &c->valid, &c->test};
  static const char *const names[] = {"train", "valid", "test"};
  efla_status status = EFLA_OK;
  write_along(run, r, table);
  for (size_t p = 0; p < 3; p++)
    for (size_t times = 1; times <= EFLA_LONGEST && status == EFLA_OK; times *= 4) {
      r.part = names[p], r.context = times * run->plan.options.context;
      status = write_end(run, parts[p], r, table, why);
    }
  r.step = run->plan.schedule.steps, r.part = "all", r.context = 0, r.bits = NAN;
  if (status == EFLA_OK && judges->pairs.count) status = write_pairs(run, &judges->pairs, r, table, why);
  if (status == EFLA_OK && judges->passages.count) status = write_passages(run, &judges->passages, r, table, why);
  if (status == EFLA_OK && judges->robust) status = write_robustness(run, judges, r, table, why);
  if (status == EFLA_OK && judges->exchange) status = write_exchanges(run, judges, r, table, why);
  return status;
}

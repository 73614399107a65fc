/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_layer_rows.h"

#include <assert.h>
#include <stdlib.h>

typedef struct layer_row {
  const char *method, *decay, *keys, *beta;
  size_t width;
  double lr;
  size_t seed;
  size_t step, layer;
  const char *quantity;
  double mean, q01, q05, q25, q50, q75, q95, q99, most, beyond;
} layer_row;

const efla_column efla_text_layer_columns[] = {
    EFLA_COLUMN(layer_row, method, "", "one-step method"),
    EFLA_COLUMN(layer_row, decay, "", "decay; its name and 'channels' where it is per channel"),
    EFLA_COLUMN(layer_row, keys, "", "key treatment"),
    EFLA_COLUMN(layer_row, beta, "", "map of beta"),
    EFLA_COLUMN(layer_row, width, "", "width of the model"),
    EFLA_COLUMN(layer_row, lr, "", "largest learning rate"),
    EFLA_COLUMN(layer_row, seed, "", "seed of parameters and windows"),
    EFLA_COLUMN(layer_row, step, "", "steps of training"),
    EFLA_COLUMN(layer_row, layer, "", "layer; from 1"),
    EFLA_COLUMN(layer_row, quantity, "",
                "of every token and head of a batch of validation windows: beta, lambda = k^T k, x = beta*lambda, g or "
                "alpha; of every window and head: state, the Frobenius norm of the last state"),
    EFLA_COLUMN(layer_row, mean, "", "mean; nan and so are all others: a value is not finite"),
    EFLA_COLUMN(layer_row, q01, "", "1 % quantile"),
    EFLA_COLUMN(layer_row, q05, "", "5 % quantile"),
    EFLA_COLUMN(layer_row, q25, "", "25 % quantile"),
    EFLA_COLUMN(layer_row, q50, "", "median"),
    EFLA_COLUMN(layer_row, q75, "", "75 % quantile"),
    EFLA_COLUMN(layer_row, q95, "", "95 % quantile"),
    EFLA_COLUMN(layer_row, q99, "", "99 % quantile"),
    EFLA_COLUMN(layer_row, most, "", "largest"),
    EFLA_COLUMN(layer_row, beyond, "", "share of values larger than 2, from which on Euler's step of x is unstable"),
    EFLA_COLUMNS_END(layer_row)};

/* x: the numbers of all layers. */
static void write_rows(const efla_lm_config *model, layer_row r, const double *x, efla_table *table) {
  assert(x);
  for (size_t i = 0; i < model->layers * efla_text_layers_quantities(model); i++, x += EFLA_LAYER_NUMBERS) {
    r.layer = i / efla_text_layers_quantities(model) + 1;
    r.quantity = efla_text_layers_quantity(model, i % efla_text_layers_quantities(model));
    r.mean = x[0], r.q01 = x[1], r.q05 = x[2], r.q25 = x[3], r.q50 = x[4], r.q75 = x[5], r.q95 = x[6], r.q99 = x[7];
    r.most = x[8], r.beyond = x[9];
    efla_table_put(table, &r);
  }
}

/* Parameters as they were before the first step. */
static efla_status start_of(const efla_text_run *run, float **parameters, efla_message *why) {
  const size_t n = run->training.trainer.learner.numbers;
  const efla_device *on = &run->task.learner.devices[0];
  double *start = malloc(n * sizeof *start);
  *parameters = on->row->allocate(n);
  efla_status status = start && *parameters ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_lm_start(&run->plan.options.model, run->plan.options.seed, start, why);
  if (status == EFLA_OK) on->row->write(n, start, *parameters);
  free(start);
  return status;
}

efla_status efla_text_inspect(const efla_text_run *run, const efla_text_row *config, const char *stem,
                              efla_table *table, efla_message *why) {
  const efla_text_plan *plan = &run->plan;
  const efla_lm_config *model = &plan->options.model;
  if (efla_text_layers_windows(&run->task) == 0 || (!stem && !table)) return EFLA_OK;
  const size_t numbers = model->layers * efla_text_layers_quantities(model) * EFLA_LAYER_NUMBERS;
  float *start = NULL;
  layer_row r = {.method = config->method, .decay = config->decay, .keys = config->keys, .beta = config->beta};
  r.width = config->width, r.lr = config->lr, r.seed = config->seed;
  double *x = table ? malloc(numbers * sizeof *x) : NULL;
  efla_status status = table && !x ? efla_fail_memory(why) : start_of(run, &start, why);
  if (status == EFLA_OK) status = efla_text_layers_describe(&run->task, start, stem, "before", x, why);
  if (status == EFLA_OK && table) write_rows(model, r, x, table);
  for (size_t i = 0; status == EFLA_OK && table && plan->along && i < run->training.evaluated; i++) {
    r.step = efla_text_step_of(plan, i);
    write_rows(model, r, efla_text_run_result(run, i) + 1, table);
  }
  if (status == EFLA_OK)
    status = efla_text_layers_describe(&run->task, run->training.trainer.parameters, stem, "after", x, why);
  r.step = plan->schedule.steps;
  if (status == EFLA_OK && table && !plan->along) write_rows(model, r, x, table);
  run->task.learner.devices[0].row->release(start), free(x);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/effect_table.h"

#include "task/published_rule.h"

#include <math.h>

typedef struct row {
  const char *panel, *mixer, *method, *decay, *keys, *beta;
  efla_cell width, lr;
  double rate, rate_against;
  const char *study, *response, *condition;
  efla_cell level;
  size_t seeds;
  double mean, low, high, sd, seen_from, seeds_for, p, p_holm;
  size_t diverged, diverged_against;
  const char *known_as;
} row;

const efla_column efla_effect_columns[] = {
    EFLA_COLUMN(
        row, panel, "",
        "the response (of a model), diverged (share of its seeds; diverged:rate at one that is not compared), or a difference of responses: method, keys, "
        "lr (effects), method_keys, method_lr, keys_lr, method_keys_lr (interactions), published, method:NAME "
        "(--method minus NAME), decay:NAME (NAME minus none)"),
    EFLA_COLUMN(row, mixer, "", "mixer; - where the table does not say"),
    EFLA_COLUMN(row, method, "", "method; - where contrasted or averaged over"),
    EFLA_COLUMN(row, decay, "", "decay; - as well"),
    EFLA_COLUMN(row, keys, "", "key treatment; - as well"),
    EFLA_COLUMN(row, beta, "", "map of beta; - where the table does not say"),
    EFLA_COLUMN(row, width, "", "width of the model; - where the table does not say"),
    EFLA_COLUMN(row, lr, "", "learning rate; - where contrasted, averaged over, or each model's own"),
    EFLA_COLUMN(row, rate, "",
                "learning rate of a difference's first term; nan: several are averaged over, or no difference"),
    EFLA_COLUMN(row, rate_against, "", "learning rate of its second term; as well"),
    EFLA_COLUMN(row, study, "", "what a model is measured by: end of training, or a study of the trained model"),
    EFLA_COLUMN(row, response, "", "what the numbers are: accuracy (larger is better) or bits (smaller is)"),
    EFLA_COLUMN(row, condition, "", "perturbation of images, part of a text, task; all: mean over tasks"),
    EFLA_COLUMN(row, level, "",
                "level of the perturbation, tokens of a window, pairs; mean: over all levels, for each seed first"),
    EFLA_COLUMN(row, seeds, "", "number of seeds; by which differences are paired"),
    EFLA_COLUMN(row, mean, "", "response, or difference of two; mean over seeds whose models did not diverge"),
    EFLA_COLUMN(row, low, "", "lower end of its 95 % interval of Student over seeds; -inf for one seed"),
    EFLA_COLUMN(row, high, "", "upper end; inf for one seed"),
    EFLA_COLUMN(row, sd, "", "standard deviation over seeds"),
    EFLA_COLUMN(
        row, seen_from, "",
        "smallest true difference that as many seeds see with power .8 at level .05, main contrasts at .05/5, the "
        "first step of Holm; by the noncentral t distribution, were sd the true one; nan: no difference, or none "
        "that varies"),
    EFLA_COLUMN(row, seeds_for, "", "seeds that see --difference so; nan: as well"),
    EFLA_COLUMN(row, p, "", "two-sided p value of Student's test; nan: as well"),
    EFLA_COLUMN(row, p_holm, "", "p value of a main contrast adjusted by Holm as one of five; nan: of others"),
    EFLA_COLUMN(row, diverged, "", "models that diverged and are left out; of a difference in its first term"),
    EFLA_COLUMN(row, diverged_against, "", "models that diverged in its second term; and are left out"),
    EFLA_COLUMN(row, known_as, "", "name under which this rule is published; - for none"),
    EFLA_COLUMNS_END(row)};

static efla_cell known(double number) { return isnan(number) ? efla_text("-") : efla_real(number); }

static const char *named(const char *text) { return text ? text : "-"; }

void efla_effect_put(const efla_effect *e, efla_table *table) {
  const efla_variant *v = &e->variant;
  const efla_condition *c = &e->condition;
  efla_table_put(table, &(row){.panel = e->panel,
                               .mixer = named(v->mixer),
                               .method = named(v->method),
                               .decay = named(v->decay),
                               .keys = named(v->keys),
                               .beta = named(v->beta),
                               .width = known(v->width),
                               .lr = known(v->lr),
                               .rate = e->rate,
                               .rate_against = e->rate_against,
                               .study = c->measure->study,
                               .response = c->measure->value,
                               .condition = c->name,
                               .level = isinf(c->level) ? efla_text("mean") : efla_real(c->level),
                               .seeds = e->seeds,
                               .mean = e->interval.mean,
                               .low = e->interval.low,
                               .high = e->interval.high,
                               .sd = e->sd,
                               .seen_from = e->seen_from,
                               .seeds_for = e->seeds_for,
                               .p = e->p,
                               .p_holm = e->p_holm,
                               .diverged = e->diverged,
                               .diverged_against = e->diverged_against,
                               .known_as = efla_published_name(v->method, v->decay ? v->decay : "none", v->keys)});
}

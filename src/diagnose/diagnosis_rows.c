/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/diagnosis_report.h"

#include <math.h>

typedef struct row {
  const char *study, *name;
  size_t head;
  double at, to, value, second;
} row;

const efla_column efla_diagnosis_columns[] = {
    EFLA_COLUMN(row, study, "",
                "histogram, limit, error, rate, half-life, split-joint, lie-exact, splitting, erase-key, chunk, format "
                "or tolerance"),
    EFLA_COLUMN(
        row, name, "",
        "method or format; histogram and limit: x, half-life: the decay, splitting: lie or strang, erase-key: mu or "
        "negative, tolerance: the format that suffices"),
    EFLA_COLUMN(row, head, "", "head; of the worst place, or, studies rate, half-life to erase-key, of the row"),
    EFLA_COLUMN(
        row, at, "",
        "where; histogram: lower end of the bar, limit: x, rate: largest rise, half-life and mu: order of the quantile, "
        "split-joint and lie-exact: unit roundoff, splitting: tokens, chunk: its length, format: digits, tolerance: the error"),
    EFLA_COLUMN(row, to, "",
                "histogram: upper end of the bar; limit: first token beyond, format: error after all tokens at most"),
    EFLA_COLUMN(
        row, value, "",
        "what was found; histogram and limit: share of tokens, error and format: of the state, rate: measured, "
        "half-life: in tokens, "
        "split-joint: share of tokens where the decays split and joint write differently by more than the unit, "
        "lie-exact: of sampled tokens where a step of Lie's errs by more than the unit of the state, "
        "splitting: error of the state, erase-key: mu, or the share of tokens with mu < 0, "
        "chunk: condition"),
    EFLA_COLUMN(
        row, second, "",
        "error and format: of the read-outs; rate: by the law, splitting: largest error, negative: largest log growth, "
        "chunk: largest entry"),
    EFLA_COLUMNS_END(row)};

static void write_steps(const efla_statistics *f, efla_table *table) {
  size_t bars = efla_quantiles_bars(EFLA_DIAGNOSIS_BARS);
  for (size_t i = 0; i < bars; i++) {
    double from, to;
    size_t tokens = efla_quantiles_bar(&f->x, EFLA_DIAGNOSIS_BARS, i, &from, &to);
    if (tokens > 0)
      efla_table_put(table, &(row){"histogram", "x", 0, from, to, (double)tokens / (double)f->tokens, NAN});
  }
  for (const efla_beyond *b = f->beyond; b < f->beyond + f->limits; b++)
    efla_table_put(table, &(row){"limit", "x", b->first.head, b->limit,
                                 efla_somewhere(b->first) ? (double)b->first.token : NAN,
                                 (double)b->tokens / (double)f->tokens, NAN});
}

static void write_methods(const efla_statistics *f, efla_table *table) {
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++)
    efla_table_put(table, &(row){"error", m->method->name, m->deviation.state.at.head, NAN, NAN,
                                 m->deviation.state.value, m->deviation.readout.value});
}

static void write_rates(const efla_statistics *f, size_t head, efla_table *table) {
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++)
    efla_table_put(table, &(row){"rate", m->method->name, head, m->rise.value, NAN, m->rate.value, m->law.value});
}

static void write_decay(efla_statistics *f, const char *name, size_t head, efla_table *table) {
  const size_t judged = efla_statistics_judged(f);
  if (!f->decay->gated || f->tokens == 0) return;
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    const double order = efla_diagnosis_quantiles[i];
    efla_table_put(table, &(row){"half-life", name, head, order, NAN, efla_statistics_half_life(f, order), NAN});
  }
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS && judged > 0; i++) {
    const efla_format *format = efla_statistics_unit(i);
    efla_table_put(table, &(row){f->channels ? "lie-exact" : "split-joint", format->name, head,
                                 efla_format_unit(format), NAN, (double)f->differ[i] / (double)judged, NAN});
  }
}

static void write_splittings(const efla_statistics *f, size_t head, efla_table *table) {
  const efla_splitting_statistics *s = &f->splitting;
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS && s->tokens > 0; i++)
    efla_table_put(table, &(row){"splitting", efla_statistics_splitting(i), head, (double)s->tokens, NAN,
                                 s->error[i].value, s->largest[i].value});
}

static void write_erase_key(efla_statistics *f, size_t head, efla_table *table) {
  if (!f->erase_key || f->tokens == 0) return;
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    const double order = efla_diagnosis_quantiles[i];
    efla_table_put(table, &(row){"erase-key", "mu", head, order, NAN, efla_statistics_mu(f, order), NAN});
  }
  efla_table_put(
      table, &(row){"erase-key", "negative", head, NAN, NAN, (double)f->against.n / (double)f->tokens, f->rise.value});
}

static void write_chunks(const efla_statistics *f, efla_table *table) {
  for (const efla_chunk_statistics *c = f->chunk; c < f->chunk + EFLA_STATISTICS_CHUNKS; c++)
    for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++)
      efla_table_put(table, &(row){"chunk", efla_statistics_coefficient(g)->name, c->condition[g].at.head,
                                   (double)c->chunk, NAN, c->condition[g].value, c->largest[g].value});
}

static void write_formats(const efla_statistics *f, const efla_diagnosis_about *about, efla_table *table) {
  for (const efla_format_statistics *i = f->format; i < f->format + f->formats; i++)
    efla_table_put(table, &(row){"format", i->format->name, i->deviation.largest.at.head, i->format->digits,
                                 i->deviation.largest.value * efla_diagnosis_walk(f), i->deviation.largest.value,
                                 i->deviation.readout.value});
  for (size_t i = 0; i < about->tolerances; i++) {
    const efla_format *format = efla_diagnosis_sufficient(f, about->tolerance[i]);
    efla_table_put(table, &(row){"tolerance", format ? format->name : "none", 0, about->tolerance[i], NAN, NAN, NAN});
  }
}

void efla_diagnosis_write_rows(efla_diagnosis *d, const efla_diagnosis_about *about, efla_table *table) {
  if (d->total.tokens == 0) return;
  write_steps(&d->total, table);
  if (efla_statistics_runs(&d->total)) write_methods(&d->total, table);
  for (size_t h = 0; h < d->options.heads; h++) write_rates(&d->head[h], h, table);
  for (size_t h = 0; h < d->options.heads; h++) {
    write_decay(&d->head[h], efla_diagnosis_decay(d), h, table);
    write_splittings(&d->head[h], h, table);
    write_erase_key(&d->head[h], h, table);
  }
  if (!efla_statistics_runs(&d->total)) return;
  write_chunks(&d->total, table);
  write_formats(&d->total, about, table);
}

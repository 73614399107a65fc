/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a diagnosis on decays, per head and per channel, and on erase keys. */
#include "diagnose/diagnosis_cells.h"

#include <math.h>

static void write_quantile_names(FILE *out) {
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) efla_write_percent(out, 10, 100 * efla_diagnosis_quantiles[i]);
}

static void write_decay_of(efla_statistics *f, FILE *out) {
  const size_t judged = efla_statistics_judged(f);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++)
    efla_write_number(out, 10, 4, efla_statistics_half_life(f, efla_diagnosis_quantiles[i]));
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS && judged > 0; i++)
    efla_write_percent(out, 10, 100 * (double)f->differ[i] / (double)judged);
}

void efla_diagnosis_write_decay(efla_diagnosis *d, FILE *out) {
  if (!d->options.decay->gated) return;
  fprintf(out, "Decay %s: quantiles of the half-life in tokens%s", efla_diagnosis_decay(d),
          d->options.channels ? ", of all channels" : "");
  if (d->options.channels && efla_statistics_judged(&d->total) > 0)
    fputs("; sampled tokens where Lie's step errs by more than a unit", out);
  else if (!d->options.channels)
    fputs("; tokens where split and joint write differently by more than a unit", out);
  fprintf(out, "%s\n%6s", efla_statistics_judged(&d->total) > 0 ? " of" : "", "head");
  write_quantile_names(out);
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS && efla_statistics_judged(&d->total) > 0; i++)
    fprintf(out, "%10s", efla_statistics_unit(i)->name);
  for (size_t h = 0; h < d->options.heads; h++) fprintf(out, "\n%6zu", h), write_decay_of(&d->head[h], out);
  if (d->options.heads > 1) fprintf(out, "\n%6s", "all"), write_decay_of(&d->total, out);
  fputs("\n\n", out);
}

static void write_splitting_of(const efla_statistics *f, FILE *out) {
  const efla_splitting_statistics *s = &f->splitting;
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) efla_write_number(out, 11, 3, s->error[i].value);
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) efla_write_number(out, 11, 3, s->largest[i].value);
  efla_write_number(out, 14, 3, s->error[0].value / s->error[1].value);
}

void efla_diagnosis_write_splitting(const efla_diagnosis *d, FILE *out) {
  if (d->total.splitting.tokens == 0) return;
  fprintf(out, "Splittings of decay and step, exact coefficient: errors of the state relative to the exact flow\n%6s",
          "head");
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) fprintf(out, "%11s", efla_statistics_splitting(i));
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) fprintf(out, " max %-6s", efla_statistics_splitting(i));
  fprintf(out, "%14s", "lie/strang");
  for (size_t h = 0; h < d->options.heads; h++) fprintf(out, "\n%6zu", h), write_splitting_of(&d->head[h], out);
  if (d->options.heads > 1) fprintf(out, "\n%6s", "worst"), write_splitting_of(&d->total, out);
  fputs("\n\n", out);
}

static void write_mu_of(efla_statistics *f, FILE *out) {
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++)
    efla_write_number(out, 10, 4, efla_statistics_mu(f, efla_diagnosis_quantiles[i]));
  efla_write_percent(out, 10, efla_share(f->against.n, f));
  efla_write_number(out, 10, 3, f->rise.value);
}

void efla_diagnosis_write_erase_key(efla_diagnosis *d, FILE *out) {
  if (!d->options.erase_key) return;
  fprintf(out,
          "Erase key: quantiles of mu = p^T k; tokens with mu < 0, and the largest log growth of the flow there\n%6s",
          "head");
  write_quantile_names(out);
  fprintf(out, "%10s%10s", "mu < 0", "growth");
  for (size_t h = 0; h < d->options.heads; h++) fprintf(out, "\n%6zu", h), write_mu_of(&d->head[h], out);
  if (d->options.heads > 1) fprintf(out, "\n%6s", "all"), write_mu_of(&d->total, out);
  fputs("\n\n", out);
}

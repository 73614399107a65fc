/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/diagnosis_cells.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

const double efla_diagnosis_quantiles[EFLA_DIAGNOSIS_QUANTILES] = {0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1};

static void write_head(const efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out) {
  const efla_statistics *f = &d->total;
  const efla_diagnosis_options *p = &d->options;
  fprintf(out, "%s\n", about->input);
  if (p->sequences > 1) fprintf(out, "%zu sequences of up to ", p->sequences);
  fprintf(out, "%zu tokens, %zu head%s, dk = %zu, dv = %zu.  Tokens, heads and sequences count from 0.\n", f->longest,
          p->heads, p->heads == 1 ? "" : "s", p->dk, p->dv);
  const size_t measured = f->measured + f->splitting.tokens;
  const bool runs = efla_statistics_runs(f);
  if (p->erase_key) {
    fputs("On all tokens.  With an erase key errors, formats and chunks are not measured.\n\n", out);
    return;
  }
  fprintf(out, "Measured on %s%zu tokens of every head", measured < f->tokens ? "the first " : "all ",
          measured / (p->heads ? p->heads : 1));
  size_t columns = p->slots == 0 ? p->dv : runs ? d->slot->stability.columns : d->slot->splitting.columns;
  if (columns < p->dv) fprintf(out, " and the first %zu columns of the state", columns);
  if (runs)
    fprintf(out, ", against oracle %s: errors, formats, chunks; on all tokens: the rest.\n\n", p->truth->name);
  else
    fputs(": splittings; on all tokens: the rest.  Per channel formats and chunks are not measured.\n\n", out);
}

static void write_quantiles(const efla_diagnosis *d, efla_quantiles *x, FILE *out) {
  fprintf(out, "Step x = %s: quantiles%s\n", efla_diagnosis_step(d), x->n > EFLA_QUANTILES_EXACT ? " (to 0.28 %)" : "");
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    double p = efla_diagnosis_quantiles[i];
    const char *name = p == 0 ? "least" : p == 1 ? "largest" : p == 0.5 ? "median" : NULL;
    if (name)
      fprintf(out, "%10s", name);
    else
      efla_write_percent(out, 10, 100 * p);
  }
  fputc('\n', out);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++)
    efla_write_number(out, 10, 4, efla_quantiles_at(x, efla_diagnosis_quantiles[i]));
  fputs("\n\n", out);
}

/* One line per factor of 2; the first of at most LINES lines has all smaller values. */
static void write_histogram(const efla_statistics *f, FILE *out) {
  enum { LINES = 16, WIDTH = 60, BARS = EFLA_QUANTILES_OCTAVES + 2 };
  size_t count[BARS], first = 0, last = BARS - 1, most = 1;
  double from[BARS], to[BARS];
  for (size_t i = 0; i < BARS; i++) count[i] = efla_quantiles_bar(&f->x, 1, i, &from[i], &to[i]);
  while (first < last && count[first] == 0) first++;
  while (last > first && count[last] == 0) last--;
  for (; last - first >= LINES; first++) count[first + 1] += count[first], from[first + 1] = 0;
  for (size_t i = first; i <= last; i++)
    if (count[i] > most) most = count[i];
  for (size_t i = first; i <= last; i++) {
    efla_write_number(out, 12, 3, from[i]);
    fputs(" ..", out);
    efla_write_number(out, 10, 3, to[i]);
    efla_write_percent(out, 10, efla_share(count[i], f));
    fputs("  ", out);
    for (size_t bar = 0; bar < (count[i] * WIDTH + most - 1) / most; bar++) fputc('#', out);
    fputc('\n', out);
  }
  fputc('\n', out);
}

/* "euler, rk2: amplifying errors", the methods with this limit and what they do beyond it. */
static void write_beyond_methods(const efla_statistics *f, double limit, bool stable, const char *does, FILE *out) {
  const char *before = "  ";
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++) {
    if ((stable ? m->method->stable : m->method->positive) != limit) continue;
    fprintf(out, "%s%s", before, m->method->name);
    before = ", ";
  }
  if (*before == ',') fprintf(out, ": %s", does);
}

static void write_limits(const efla_diagnosis *d, FILE *out) {
  const efla_statistics *f = &d->total;
  char place[EFLA_PLACE_TEXT];
  fprintf(out, "%12s%10s%10s  %-34s%s\n", "beyond", "tokens", "share", "first", "  beyond it");
  for (const efla_beyond *b = f->beyond; b < f->beyond + f->limits; b++) {
    fprintf(out, "    x > %-6.4g%8zu", b->limit, b->tokens);
    efla_write_percent(out, 10, efla_share(b->tokens, f));
    fprintf(out, "  %-34s", efla_place_name(d, b->first, place));
    write_beyond_methods(f, b->limit, false, "overshooting", out);
    write_beyond_methods(f, b->limit, true, "amplifying errors", out);
    fputc('\n', out);
  }
  fputc('\n', out);
}

static void write_methods(const efla_diagnosis *d, FILE *out) {
  const efla_statistics *f = &d->total;
  char place[EFLA_PLACE_TEXT];
  fprintf(out, "Methods (worst head)%55s\n", "errors relative to the exact flow, f64");
  fprintf(out, "%12s%14s%8s%12s%11s%11s%11s%11s  %s\n", "method", "growth/token", "head", "by law", "state", "read-out",
          "largest", "lost from", "past f32 from");
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++) {
    fprintf(out, "%12s", m->method->name);
    efla_write_rate(out, 14, m->rate.value);
    fprintf(out, "%8zu", m->rate.at.head);
    efla_write_rate(out, 12, m->law.value);
    efla_write_number(out, 11, 3, m->deviation.state.value);
    efla_write_number(out, 11, 3, m->deviation.readout.value);
    efla_write_number(out, 11, 3, m->deviation.largest.value);
    efla_write_token(out, 11, m->deviation.lost);
    fprintf(out, "  %s\n", efla_place_name(d, m->overflow_f32, place));
  }
  fputc('\n', out);
}

static void write_deltanet(efla_statistics *f, FILE *out) {
  static const struct {
    double order;
    const char *name;
  } at[] = {{0.5, "the median of x"}, {0.99, "its 99 % quantile"}, {1, "the largest"}};
  const efla_method_statistics *euler = efla_statistics_method(f, "euler");
  fputs("DeltaNet's coefficient (euler) over the exact one:", out);
  for (size_t i = 0; i < sizeof at / sizeof *at; i++)
    fprintf(out, "%s %.3g at %s", i ? "," : "", efla_statistics_coefficient_ratio(f, at[i].order), at[i].name);
  fprintf(out, ".\n  With it the state is off by %.3g, read-outs by %.3g (keys as they are; worst head).\n\n",
          euler->deviation.state.value, euler->deviation.readout.value);
}

static void write_chunks(const efla_statistics *f, FILE *out) {
  fputs("Chunks (worst): largest entry and condition of (I + L)^-1, scaled\n", out);
  fprintf(out, "%12s", "tokens");
  for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++)
    fprintf(out, "%15s largest  condition", efla_statistics_coefficient(g)->name);
  fputc('\n', out);
  for (const efla_chunk_statistics *c = f->chunk; c < f->chunk + EFLA_STATISTICS_CHUNKS; c++) {
    fprintf(out, "%12zu", c->chunk);
    for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++) {
      efla_write_number(out, 23, 4, c->largest[g].value);
      efla_write_number(out, 11, 4, c->condition[g].value);
    }
    fputc('\n', out);
  }
  fputc('\n', out);
}

static void write_formats(const efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out) {
  const efla_statistics *f = &d->total;
  double walk = efla_diagnosis_walk(f);
  char place[EFLA_PLACE_TEXT];
  fputs("Formats: exact coefficient, state stored after every token (worst head)\n", out);
  fprintf(out, "%12s%8s%11s%11s%11s%14s  %s\n", "format", "digits", "state", "read-out", "largest",
          "at the end <=", "overflow");
  for (const efla_format_statistics *i = f->format; i < f->format + f->formats; i++) {
    fprintf(out, "%12s%8d", i->format->name, i->format->digits);
    efla_write_number(out, 11, 3, i->deviation.state.value);
    efla_write_number(out, 11, 3, i->deviation.readout.value);
    efla_write_number(out, 11, 3, i->deviation.largest.value);
    efla_write_number(out, 14, 3, i->deviation.largest.value * walk);
    fprintf(out, "  %s\n", efla_place_name(d, i->deviation.overflow, place));
  }
  for (size_t i = 0; i < about->tolerances; i++) {
    const efla_format *format = efla_diagnosis_sufficient(f, about->tolerance[i]);
    fprintf(out, "%s%g: %s", i ? ";  for " : "  Sufficient for an error of the state of ", about->tolerance[i],
            format ? format->name : "none");
  }
  fputs(".\n\n", out);
}

static void write_steps(const efla_diagnosis *d, FILE *out) {
  fprintf(out, "Heads: x\n%6s%10s%9s%9s%9s", "head", "tokens", "median", "99 %", "largest");
  for (const efla_beyond *b = d->total.beyond; b < d->total.beyond + d->total.limits; b++) {
    fprintf(out, "%5s%4.3g%8s", ">", b->limit, "first");
  }
  for (size_t h = 0; h < d->options.heads; h++) {
    efla_statistics *f = &d->head[h];
    fprintf(out, "\n%6zu%10zu", h, f->tokens);
    efla_write_number(out, 9, 3, efla_quantiles_at(&f->x, 0.5));
    efla_write_number(out, 9, 3, efla_quantiles_at(&f->x, 0.99));
    efla_write_number(out, 9, 3, efla_quantiles_at(&f->x, 1));
    for (const efla_beyond *b = f->beyond; b < f->beyond + f->limits; b++) {
      efla_write_percent(out, 9, efla_share(b->tokens, f));
      efla_write_token(out, 8, b->first);
    }
  }
  fputs("\n\n", out);
}

static void write_rates(const efla_diagnosis *d, FILE *out) {
  fprintf(out, "Heads: growth per token\n%6s", "head");
  for (size_t m = 0; m < d->total.methods; m++) fprintf(out, "%11s", d->total.method[m].method->name);
  for (size_t h = 0; h < d->options.heads; h++) {
    fprintf(out, "\n%6zu", h);
    for (size_t m = 0; m < d->head[h].methods; m++) efla_write_rate(out, 11, d->head[h].method[m].rate.value);
  }
  fputs("\n\n", out);
}

/* Errors and costs by head: euler's errors, the condition of the longest chunks, sufficient formats. */
static void write_costs(const efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out) {
  size_t longest = EFLA_STATISTICS_CHUNKS - 1;
  fprintf(out, "Heads: euler's errors and overflow, condition of chunks of %zu, sufficient formats\n",
          d->total.chunk[longest].chunk);
  fprintf(out, "%6s%11s%11s%11s%14s", "head", "state", "read-out", "lost from", "past f32 from");
  for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++) fprintf(out, "%12s", efla_statistics_coefficient(g)->name);
  for (size_t i = 0; i < about->tolerances; i++) efla_write_number(out, 10, 6, about->tolerance[i]);
  for (size_t h = 0; h < d->options.heads; h++) {
    const efla_statistics *f = &d->head[h];
    const efla_method_statistics *euler = efla_statistics_method(f, "euler");
    fprintf(out, "\n%6zu", h);
    efla_write_number(out, 11, 3, euler->deviation.state.value);
    efla_write_number(out, 11, 3, euler->deviation.readout.value);
    efla_write_token(out, 11, euler->deviation.lost);
    efla_write_token(out, 14, euler->overflow_f32);
    for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++)
      efla_write_number(out, 12, 3, f->chunk[longest].condition[g].value);
    for (size_t i = 0; i < about->tolerances; i++) {
      const efla_format *format = efla_diagnosis_sufficient(f, about->tolerance[i]);
      fprintf(out, "%10s", format ? format->name : "none");
    }
  }
  fputs("\n\n", out);
}

void efla_diagnosis_write_text(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out) {
  char sentence[EFLA_SENTENCE];
  write_head(d, about, out);
  if (d->total.tokens > 0) {
    write_quantiles(d, &d->total.x, out);
    write_histogram(&d->total, out);
    write_limits(d, out);
    efla_diagnosis_write_decay(d, out);
    efla_diagnosis_write_splitting(d, out);
    efla_diagnosis_write_erase_key(d, out);
    write_methods(d, out);
  }
  if (d->total.tokens > 0 && efla_statistics_runs(&d->total)) {
    write_deltanet(&d->total, out);
    write_chunks(&d->total, out);
    write_formats(d, about, out);
  }
  if (d->total.tokens > 0 && d->options.heads > 1) {
    write_steps(d, out);
    write_rates(d, out);
    if (efla_statistics_runs(&d->total)) write_costs(d, about, out);
  }
  efla_diagnosis_sentence(d, sentence);
  fprintf(out, "%s\n", sentence);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "parts.h"

#include "cases_truth.h"

void parts_cut(const backend_case *c, size_t n, size_t block, gsl_rng *draw, size_t *begin) {
  const size_t unit = block ? block : 1, most = block && c->tokens > 0 ? (c->tokens - 1) / unit : c->tokens,
               least = block && most > 0;
  begin[0] = 0, begin[n] = c->tokens;
  for (size_t r = 1; r < n; r++) {
    begin[r] = (least + gsl_rng_uniform_int(draw, most - least + 1)) * unit;
    if (r > 1 - !least && gsl_rng_uniform_int(draw, 4) == 0) begin[r] = begin[r - 1]; /* a rank without tokens */
    for (size_t i = r; i > 1 && begin[i] < begin[i - 1]; i--) {
      const size_t other = begin[i];
      begin[i] = begin[i - 1], begin[i - 1] = other;
    }
  }
}

/* The last rank whose part does not begin after it. */
static size_t owner_of(size_t place, size_t n, const size_t *begin) {
  size_t r = n - 1;
  while (begin[r] > place) r--;
  return r;
}

static field slice(const field *f, size_t first, size_t tokens) {
  field part = *f;
  if (!f->values) return part;
  part.tokens = tokens;
  part.values = truth_room(f->entries * f->groups * tokens * f->features, sizeof *part.values);
  for (size_t r = 0; r < f->entries * f->groups; r++)
    memcpy(part.values + r * tokens * f->features, f->values + (r * f->tokens + first) * f->features,
           tokens * f->features * sizeof *part.values);
  return part;
}

/* Entries first ... first+n-1 of states, unless they share one. */
static field slice_states(const field *f, size_t first, size_t n) {
  field part = *f;
  if (!f->values) return part;
  const size_t state = f->groups * f->tokens * f->features;
  if (f->entries > 1) part.entries = n;
  part.values = truth_room(part.entries * state, sizeof *part.values);
  memcpy(part.values, f->values + (f->entries > 1 ? first * state : 0), part.entries * state * sizeof *part.values);
  return part;
}

static void fill_state(field *f, size_t s, double value) {
  const size_t state = f->groups * f->tokens * f->features;
  for (size_t i = 0; f->values && i < state; i++) f->values[s * state + i] = value;
}

/* Sequences of a packed part, from its first token on. */
static void take_sequences(case_part *p, const backend_case *c, size_t rank, size_t n, const size_t *begin) {
  size_t owned = 0, first = 0;
  for (size_t s = 0; s < c->sequences; s++)
    if ((s == 0 ? 0 : owner_of(c->cu[s], n, begin)) == rank && owned++ == 0) first = s;
  while (owned == 0 && first < c->sequences && (first == 0 ? 0 : owner_of(c->cu[first], n, begin)) < rank) first++;
  p->slab.continues = rank > 0 && (owned == 0 || c->cu[first] > begin[rank]);
  p->first = first - p->slab.continues, p->c.sequences = owned + p->slab.continues;
  for (size_t i = 0; i <= p->c.sequences; i++) {
    const size_t at = c->cu[p->first + i], to = at > begin[rank + 1] ? begin[rank + 1] : at;
    p->c.cu[i] = (to < begin[rank] ? begin[rank] : to) - begin[rank];
  }
  p->c.cu[p->c.sequences] = p->c.tokens;
}

case_part part_make(const backend_case *c, size_t rank, size_t n, const size_t *begin, size_t block) {
  case_part p = {.c = *c, .slab = {.continues = rank > 0, .block = block}};
  const size_t tokens = p.c.tokens = begin[rank + 1] - begin[rank];
  if (c->packed) take_sequences(&p, c, rank, n, begin);
  for (int i = 0; i < CASE_INITIAL; i++) p.c.in[i] = slice(&c->in[i], begin[rank], tokens);
  p.c.d_o = slice(&c->d_o, begin[rank], tokens);
  const size_t states = case_states(&p.c);
  p.c.in[CASE_INITIAL] = slice_states(&c->in[CASE_INITIAL], p.first, states);
  p.c.d_final = slice_states(&c->d_final, p.first, states);
  for (size_t s = 0; s < states; s++) {
    const bool begins = !p.slab.continues || (c->packed && s > 0);
    const bool last = c->packed ? s + 1 == states : true;
    /* The next rank continues the last sequence. */
    bool goes_on = false;
    if (last && rank + 1 < n) {
      case_part next = {.c = *c, .slab = {.continues = true}};
      next.c.tokens = begin[rank + 2] - begin[rank + 1];
      if (c->packed) take_sequences(&next, c, rank + 1, n, begin);
      goes_on = next.slab.continues;
    }
    p.ends[s] = !goes_on;
    if (!begins && p.c.in[CASE_INITIAL].entries == states) fill_state(&p.c.in[CASE_INITIAL], s, NAN);
    if (goes_on) fill_state(&p.c.d_final, s, 0);
  }
  return p;
}

void part_clear(case_part *p) { case_clear(&p->c); }

static void take_rows(const backend_case *c, const case_part *p, size_t begin, size_t width, const long double *from,
                      const double *bound, long double **to, double **to_bound) {
  const size_t pairs = c->batch * c->heads, tokens = p->c.tokens;
  *to = truth_room(pairs * tokens * width, sizeof **to), *to_bound = truth_room(pairs * tokens, sizeof **to_bound);
  for (size_t r = 0; r < pairs; r++) {
    memcpy(*to + r * tokens * width, from + (r * c->tokens + begin) * width, tokens * width * sizeof **to);
    memcpy(*to_bound + r * tokens, bound + r * c->tokens + begin, tokens * sizeof **to_bound);
  }
}

truth part_truth(const case_part *p, const backend_case *c, const truth *whole, size_t begin) {
  const size_t width[CASE_INITIAL] = {c->dk, c->dk, c->dv, 1, c->per_channel ? c->dk : 1, c->dk};
  const size_t states = case_states(&p->c), rows = c->heads * c->dk, first = c->packed ? p->first : 0;
  truth to = {.o = NULL};
  take_rows(c, p, begin, c->dv, whole->o, whole->o_error, &to.o, &to.o_error);
  for (int i = 0; i < CASE_INITIAL; i++)
    take_rows(c, p, begin, width[i], whole->d[i], whole->d_error[i], &to.d[i], &to.d_error[i]);
  to.final = truth_room(states * rows * c->dv, sizeof *to.final);
  to.d[CASE_INITIAL] = truth_room(states * rows * c->dv, sizeof *to.final);
  to.final_error = truth_room(states * rows, sizeof(double));
  to.d_error[CASE_INITIAL] = truth_room(states * rows, sizeof(double));
  for (size_t s = 0; s < states; s++) {
    const bool begins = !p->slab.continues || (c->packed && s > 0);
    for (size_t r = s * rows; r < (s + 1) * rows; r++) {
      to.final_error[r] = p->ends[s] ? whole->final_error[first * rows + r] : INFINITY;
      if (begins) to.d_error[CASE_INITIAL][r] = whole->d_error[CASE_INITIAL][first * rows + r];
    }
    const size_t n = rows * c->dv;
    if (p->ends[s]) memcpy(to.final + s * n, whole->final + (first + s) * n, n * sizeof *to.final);
    if (begins) memcpy(to.d[CASE_INITIAL] + s * n, whole->d[CASE_INITIAL] + (first + s) * n, n * sizeof *to.final);
  }
  return to;
}

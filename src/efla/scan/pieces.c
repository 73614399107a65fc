/* SPDX-License-Identifier: MIT */
#include "efla/scan/pieces.h"

#include "efla/internal/rows.h"
#include "efla/internal/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what ranks agree on ---- */

enum { NUMBERS = 7, NAMES = 3, NAME_BYTES = 32 };
static const char *const number_names[NUMBERS] = {"batch", "heads", "dk", "dv", "type of v", "g per channel", "block"},
                         *const name_names[NAMES] = {"method", "decay", "keys"};

/* What every rank says of its call. */
typedef struct header {
  efla_status status;
  bool continues;
  size_t tokens, unit, numbers[NUMBERS];
  char names[NAMES][NAME_BYTES];
  double scale;
} header;

static size_t common_multiple(size_t a, size_t b) {
  size_t n = a, m = b;
  while (m > 0) {
    const size_t rest = n % m;
    n = m, m = rest;
  }
  return n > 0 ? a / n * b : 0;
}

/* The least number of heads of which neighbouring ones are arrays of their own, whose derivatives share no place. */
static size_t unit_of(const efla_call *call) {
  const efla_sequence *x = call->x;
  const efla_gradient none = {.q = {.data = NULL}}, *d = call->dx ? call->dx : &none;
  const efla_array *read[] = {&x->q, &x->k, &x->v, &x->beta, &x->g, &x->p, &call->y->o},
                   *summed[] = {&d->q, &d->k, &d->v, &d->beta, &d->g, &d->p};
  size_t unit = call->backend->row->memory ? 0 : 1;
  for (size_t i = 0; i < sizeof read / sizeof *read; i++)
    if (read[i]->data && read[i]->head != 0) unit = common_multiple(unit, efla_array_repeat(read[i]));
  for (size_t i = 0; i < sizeof summed / sizeof *summed; i++)
    if (summed[i]->data) unit = common_multiple(unit, summed[i]->head == 0 ? x->heads : efla_array_repeat(summed[i]));
  return unit;
}

static header describe(const efla_scan *s, efla_status mine) {
  header h;
  memset(&h, 0, sizeof h);
  h.status = mine;
  if (mine) return h;
  const efla_sequence *x = s->call.x;
  const efla_rule *rule = s->call.rule;
  const size_t numbers[NUMBERS] = {x->batch,          x->heads,         x->dk,        x->dv,
                                   (size_t)x->v.type, x->g_per_channel, s->slab.block};
  memcpy(h.numbers, numbers, sizeof numbers);
  h.unit = unit_of(&s->call), h.continues = s->slab.continues, h.tokens = x->tokens, h.scale = efla_rule_scale(rule);
  snprintf(h.names[0], NAME_BYTES, "%s", rule->method->name);
  snprintf(h.names[1], NAME_BYTES, "%s", efla_rule_decay(rule)->name);
  snprintf(h.names[2], NAME_BYTES, "%s", efla_rule_keys(rule)->name);
  return h;
}

static efla_status say_other(efla_backend *b, size_t rank, efla_status status) {
  return efla_backend_say(b, status, "rank %zu: %s", rank, efla_status_text(status));
}

efla_status efla_scan_worst(const efla_scan *s, efla_status mine) {
  size_t who = 0;
  const efla_status worst = efla_chain_worst(s->ranks, mine, &who);
  return worst && !mine ? say_other(s->call.backend, who, worst) : worst;
}

static efla_status compare(efla_backend *b, const header *all, size_t rank) {
  const header *h = &all[rank];
  for (size_t i = 0; i < NUMBERS; i++)
    if (h->numbers[i] != all->numbers[i])
      return efla_backend_say(b, EFLA_INVALID, "%s: %zu on rank %zu, expected %zu as on rank 0", number_names[i],
                              h->numbers[i], rank, all->numbers[i]);
  for (size_t i = 0; i < NAMES; i++)
    if (strcmp(h->names[i], all->names[i]) != 0)
      return efla_backend_say(b, EFLA_INVALID, "%s: %s on rank %zu, expected %s as on rank 0", name_names[i],
                              h->names[i], rank, all->names[i]);
  if (h->scale != all->scale)
    return efla_backend_say(b, EFLA_INVALID, "scale: %g on rank %zu, expected %g as on rank 0", h->scale, rank,
                            all->scale);
  return EFLA_OK;
}

static efla_status check_blocks(efla_backend *b, const header *all, size_t ranks) {
  const size_t block = all->numbers[NUMBERS - 1];
  size_t last = ranks - 1;
  while (last > 0 && all[last].tokens == 0) last--;
  for (size_t r = 0; r < last && block > 0; r++)
    if (all[r].tokens % block != 0)
      return efla_backend_say(b, EFLA_INVALID, "tokens: %zu on rank %zu, expected a multiple of the block of %zu",
                              all[r].tokens, r, block);
  return EFLA_OK;
}

/* The first rank that refuses, then what differs. */
static efla_status judge(const efla_scan *s, const header *all) {
  efla_backend *b = s->call.backend;
  const size_t ranks = s->ranks->size;
  efla_status status = all[s->ranks->rank].status;
  for (size_t r = 0; r < ranks && !status; r++)
    if (all[r].status) status = say_other(b, r, all[r].status);
  if (!status && all->continues)
    status = efla_backend_say(b, EFLA_INVALID, "continues: true on rank 0, expected false: no rank is before it");
  for (size_t r = 1; r < ranks && !status; r++) status = compare(b, all, r);
  return status ? status : check_blocks(b, all, ranks);
}

/* ---- pieces ---- */

/* Of sequences one after another; ends at the ends of sequences and of blocks. */
static void cut(efla_scan *s, bool goes_on) {
  const size_t block = s->slab.block;
  for (size_t i = 0; i < s->sequences; i++) {
    const efla_span span = efla_sequence_span(s->call.x, i);
    const size_t end = span.begin + span.tokens;
    size_t at = span.begin;
    do {
      const size_t next = block > 0 && at + block - at % block < end ? at + block - at % block : end;
      efla_piece *p = &s->piece[s->pieces++];
      *p = (efla_piece){.sequence = i, .begin = at, .end = next, .first = at == span.begin, .last = next == end};
      p->entered = !p->first || (i == 0 && s->slab.continues);
      p->left = !p->last || (i + 1 == s->sequences && goes_on);
      at = next;
    } while (at < end);
  }
}

efla_status efla_scan_open(efla_scan *s, efla_status mine) {
  const efla_sequence *x = s->call.x;
  const size_t ranks = s->ranks->size, next = s->ranks->rank + 1;
  if (!mine) {
    const size_t most = (x->cu_seqlens ? x->sequences : 1) + (s->slab.block > 0 ? x->tokens / s->slab.block : 0);
    s->lanes = x->batch, s->sequences = x->cu_seqlens ? x->sequences : 1;
    s->state = x->heads * x->dk * x->dv;
    s->type = x->v.type == EFLA_F64 ? EFLA_F64 : EFLA_F32, s->bytes = efla_type_size(s->type);
    s->piece = calloc(most, sizeof *s->piece), s->cu = calloc(most + 1, sizeof *s->cu);
    if (!s->piece || !s->cu) mine = efla_backend_say(s->call.backend, EFLA_NO_MEMORY, "no memory for %zu pieces", most);
  }
  header *all = calloc(ranks, sizeof *all);
  if (!all) return s->ranks->abort(s->ranks, EXIT_FAILURE), EFLA_NO_MEMORY; /* the others wait */
  const header h = describe(s, mine);
  efla_status status = s->ranks->gather(s->ranks, &h, sizeof h, all);
  if (status)
    efla_backend_say(s->call.backend, status, "the ranks cannot exchange data: %s", efla_status_text(status));
  else
    status = judge(s, all);
  s->unit = all->unit;
  for (size_t r = 1; r < ranks; r++) s->unit = common_multiple(s->unit, all[r].unit);
  if (!status) cut(s, next < ranks && all[next].continues);
  free(all);
  return status;
}

void efla_scan_clear(efla_scan *s) { free(s->piece), free(s->cu); }

/* ---- runs ---- */

efla_array efla_scan_rows(const efla_scan *s, const efla_pieces_run *run, const efla_array *a) {
  efla_array part = *a;
  if (!a->data) return part;
  const ptrdiff_t row = efla_array_row(a, run->lane, 0, s->piece[run->first].begin);
  part.data = (char *)a->data + row * (ptrdiff_t)efla_type_size(a->type);
  return part;
}

/* Pieces as a packed batch. */
static void make_call(const efla_scan *s, efla_pieces_run *run) {
  const efla_sequence *x = s->call.x;
  run->x = *x;
  run->x.initial_state = (efla_array){.data = NULL};
  if (s->pieces == 1 && !x->cu_seqlens) return;
  efla_array *const to[] = {&run->x.q, &run->x.k, &run->x.v, &run->x.beta, &run->x.g, &run->x.p};
  for (size_t i = 0; i < sizeof to / sizeof *to; i++) *to[i] = efla_scan_rows(s, run, to[i]);
  const size_t begin = s->piece[run->first].begin;
  for (size_t i = 0; i < run->n; i++) s->cu[i] = s->piece[run->first + i].begin - begin;
  run->x.batch = 1, run->x.tokens = s->cu[run->n] = s->piece[run->first + run->n - 1].end - begin;
  run->x.sequences = run->n, run->x.cu_seqlens = s->cu;
}

bool efla_scan_next(const efla_scan *s, efla_wanted *wanted, efla_pieces_run *run) {
  const size_t lanes = s->pieces == 1 && !s->call.x->cu_seqlens ? 1 : s->lanes;
  size_t lane = run->lane, first = run->first + run->n;
  for (; lane < lanes; lane++, first = 0) {
    while (first < s->pieces && !wanted(s, &s->piece[first])) first++;
    if (first < s->pieces) break;
  }
  if (lane == lanes) return false;
  *run = (efla_pieces_run){.lane = lane, .first = first, .n = 1};
  while (first + run->n < s->pieces && wanted(s, &s->piece[first + run->n])) run->n++;
  make_call(s, run);
  return true;
}

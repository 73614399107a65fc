/* SPDX-License-Identifier: MIT */
#include "efla/scan/pipeline.h"

#include "efla/backward.h"
#include "efla/forward.h"
#include "efla/internal/rows.h"

#include <stdlib.h>
#include <string.h>

static size_t groups_of(const efla_scan *s) { return s->call.x->heads / s->unit; }

bool efla_pipeline_pays(const efla_scan *s) {
  return s->ranks->size > 1 && s->slab.block == 0 && s->unit > 0 && groups_of(s) >= 2 * (s->ranks->size - 1);
}

/* One pass of all groups of heads. */
typedef struct line {
  const efla_carry *c;
  bool backward, reads;                /* reads: o is wanted */
  const efla_states *computed, *taken; /* what a rank's pieces end with, and where that of its neighbour goes */
  size_t place, from, to;              /* along the line; the ranks beside this one */
  bool takes, gives;
  size_t first, last; /* the pieces that take and give */
  size_t bytes;       /* of the states of one lane and group */
  char *out, *in;     /* those of all lanes */
  size_t *sent, *received;
} line;

static line describe(const efla_carry *c, bool backward) {
  const efla_scan *s = c->s;
  const size_t rank = s->ranks->rank, end = s->pieces - 1;
  const bool enters = s->piece[0].entered, leaves = s->piece[end].left;
  line l = {.c = c, .backward = backward, .bytes = s->unit * s->state / s->call.x->heads * s->bytes};
  if (backward) {
    l.place = s->ranks->size - 1 - rank, l.from = rank + 1, l.to = rank - 1;
    l.takes = leaves, l.gives = enters, l.first = end, l.last = 0, l.computed = l.taken = &c->final;
  } else {
    l.place = rank, l.from = rank - 1, l.to = rank + 1;
    l.takes = enters, l.gives = leaves, l.first = 0, l.last = end, l.taken = &c->initial;
    l.reads = !c->backward, l.computed = c->backward ? &c->moved : &c->initial;
  }
  return l;
}

static efla_array heads_from(efla_array a, size_t head) {
  if (a.data) a.data = (char *)a.data + efla_array_row(&a, 0, head, 0) * (ptrdiff_t)efla_type_size(a.type);
  return a;
}

static efla_status compute(const line *l, size_t head) {
  const efla_scan *s = l->c->s;
  const efla_call *call = &s->call;
  efla_sequence x = *call->x;
  efla_array *const rows[] = {&x.q, &x.k, &x.v, &x.beta, &x.g, &x.p};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = heads_from(*rows[i], head);
  x.heads = s->unit, x.initial_state = heads_from(efla_states_array(s, &l->c->initial, 0, 0), head);
  const efla_array o = heads_from(call->y->o, head), state = heads_from(efla_states_array(s, l->computed, 0, 0), head);
  if (!l->backward) {
    const efla_result y = {.o = l->reads ? o : (efla_array){.data = NULL}, .final_state = state};
    return efla_forward(call->backend, call->rule, &x, &y);
  }
  const efla_result dy = {.o = o, .final_state = state};
  const efla_gradient *d = call->dx, dx = {.q = heads_from(d->q, head),
                                           .k = heads_from(d->k, head),
                                           .v = heads_from(d->v, head),
                                           .beta = heads_from(d->beta, head),
                                           .g = heads_from(d->g, head),
                                           .p = heads_from(d->p, head),
                                           .initial_state = state};
  return efla_backward(call->backend, call->rule, &x, &dy, &dx);
}

/* What a neighbour's piece ends with is what this one begins with; a derivative is added to the caller's. */
static void take(const line *l, size_t lane, size_t group) {
  const efla_scan *s = l->c->s;
  char *to = efla_states_head(s, l->taken, lane, l->first, group * s->unit);
  if (l->backward)
    efla_states_add(l->bytes / s->bytes, s->bytes, l->in + lane * l->bytes, to);
  else
    memcpy(to, l->in + lane * l->bytes, l->bytes);
}

/* At every step a rank computes the group after the one that its neighbour down the line computes. */
static efla_status step(const line *l, size_t n, efla_status *mine) {
  const efla_scan *s = l->c->s;
  const size_t groups = groups_of(s), mine_now = n - l->place; /* wraps around before its first */
  const bool active = n >= l->place && mine_now < groups,
             takes = l->takes && n + 1 >= l->place && mine_now + 1 < groups;
  if (active && !*mine) *mine = compute(l, mine_now * s->unit);
  memset(l->sent, 0, 2 * s->ranks->size * sizeof *l->sent);
  if (active && l->gives) l->sent[l->to] = s->lanes * l->bytes;
  if (takes) l->received[l->from] = s->lanes * l->bytes;
  for (size_t lane = 0; lane < s->lanes && active && l->gives; lane++)
    memcpy(l->out + lane * l->bytes, efla_states_head(s, l->computed, lane, l->last, mine_now * s->unit), l->bytes);
  const efla_status status = s->ranks->exchange(s->ranks, l->out, l->sent, l->in, l->received);
  for (size_t lane = 0; lane < s->lanes && takes && !status; lane++) take(l, lane, mine_now + 1);
  return status;
}

static efla_status follow(const efla_carry *c, bool backward) {
  const efla_scan *s = c->s;
  line l = describe(c, backward);
  l.out = malloc(2 * s->lanes * l.bytes), l.in = l.out ? l.out + s->lanes * l.bytes : NULL;
  l.sent = malloc(2 * s->ranks->size * sizeof *l.sent), l.received = l.sent ? l.sent + s->ranks->size : NULL;
  efla_status mine = l.out && l.sent ? EFLA_OK : efla_scan_no_memory(s, "messages"), status = efla_scan_agree(s, mine);
  for (size_t n = 0; n < groups_of(s) + s->ranks->size - 1 && !status; n++) status = step(&l, n, &mine);
  if (!status) status = efla_scan_agree(s, mine);
  free(l.out), free(l.sent);
  return status;
}

efla_status efla_pipeline_run(efla_carry *c) {
  efla_status status = efla_scan_agree(c->s, efla_carry_load(c));
  if (!status) status = follow(c, false);
  if (!status && c->backward) status = follow(c, true);
  return status;
}

/* SPDX-License-Identifier: MIT */
#include "efla/scan/carry.h"

#include "efla/forward.h"
#include "efla/internal/rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- which pieces have what ---- */

static bool is_empty(const efla_piece *p) { return p->begin == p->end; }

static efla_link_kind kind_forward(const efla_piece *p) {
  return !p->entered ? EFLA_LINK_START : is_empty(p) ? EFLA_LINK_PASS : EFLA_LINK_STEP;
}

static efla_link_kind kind_backward(const efla_scan *s, const efla_piece *p) {
  if (is_empty(p) && !(p->last && s->call.y->final_state.data)) return p->left ? EFLA_LINK_PASS : EFLA_LINK_START;
  return p->left ? EFLA_LINK_STEP : EFLA_LINK_START;
}

static bool wants_sum(const efla_scan *s, const efla_piece *p) {
  (void)s;
  return p->left && kind_forward(p) != EFLA_LINK_PASS;
}

static bool wants_map(const efla_scan *s, const efla_piece *p) {
  (void)s;
  return p->entered && p->left && !is_empty(p);
}

/* M and P, which come together. */
static bool wants_adjoint(const efla_scan *s, const efla_piece *p) {
  return p->entered && kind_backward(s, p) != EFLA_LINK_PASS;
}

/* Gives M and N their places; returns how many of each there are. */
static void number(const efla_scan *s, efla_wanted *map, size_t *maps, size_t *sums) {
  *maps = *sums = 0;
  for (size_t i = 0; i < s->pieces; i++) {
    if (map(s, &s->piece[i])) s->piece[i].map = (*maps)++;
    if (wants_sum(s, &s->piece[i])) s->piece[i].sum = (*sums)++;
  }
}

/* ---- constants: the identity, a row of zeros, a one ---- */

static size_t identity_bytes(const efla_scan *s) { return s->call.x->dk * s->call.x->dk * s->bytes; }
static size_t row_bytes(const efla_scan *s) {
  const efla_sequence *x = s->call.x;
  return (x->dk > x->dv ? x->dk : x->dv) * sizeof(double);
}

static efla_status make_constants(efla_carry *c) {
  const efla_scan *s = c->s;
  const size_t dk = s->call.x->dk, bytes = identity_bytes(s) + row_bytes(s) + sizeof(float);
  void *host = calloc(1, bytes);
  c->constants = efla_backend_alloc(s->call.backend, bytes);
  efla_status status = EFLA_NO_MEMORY;
  if (host && c->constants) {
    for (size_t i = 0; i < dk; i++)
      if (s->bytes == sizeof(double))
        ((double *)host)[i * dk + i] = 1;
      else
        ((float *)host)[i * dk + i] = 1;
    memcpy((char *)host + bytes - sizeof(float), &(float){1}, sizeof(float));
    status = efla_backend_copy(s->call.backend, c->constants, host, bytes);
  } else {
    efla_backend_say(s->call.backend, status, "no memory for a matrix of %zu bytes", bytes);
  }
  free(host);
  return status;
}

/* The same for all tokens, heads and batch entries. */
static efla_array shared(void *data, efla_type type) { return (efla_array){.data = data, .type = type}; }
static efla_array zero_row(const efla_carry *c) {
  return shared(c->constants + identity_bytes(c->s), c->s->call.x->v.type);
}
static efla_array one(const efla_carry *c) {
  return shared(c->constants + identity_bytes(c->s) + row_bytes(c->s), EFLA_F32);
}
static efla_array identity(const efla_carry *c) {
  efla_array a = shared(c->constants, c->s->type);
  a.token = (ptrdiff_t)c->s->call.x->dk;
  return a;
}

/* ---- N, M, P of a run of pieces ---- */

static efla_status sum_run(efla_carry *c, efla_pieces_run *run) {
  const efla_scan *s = c->s;
  run->x.initial_state = efla_states_array(s, &c->N, run->lane, s->piece[run->first].sum);
  const efla_result y = {.final_state = run->x.initial_state};
  return efla_forward(s->call.backend, s->call.rule, &run->x, &y);
}

/* M, and where `read` has data what q reads out of it. */
static efla_status map_run(efla_carry *c, const efla_pieces_run *run, efla_array read) {
  const efla_scan *s = c->s;
  efla_sequence x = run->x;
  x.dv = x.dk, x.v = zero_row(c), x.initial_state = identity(c);
  const efla_result y = {.o = read, .final_state = efla_states_array(s, &c->M, run->lane, s->piece[run->first].map)};
  return efla_forward(s->call.backend, s->call.rule, &x, &y);
}

/* With r_t = scale M_t^T q_t, M_t the product of transitions up to token t, P = sum r_t do_t^T: keys r, values do,
 * beta 1, and nothing erased. */
static efla_status adjoint_run(efla_carry *c, const efla_pieces_run *run) {
  const efla_scan *s = c->s;
  const efla_call *call = &s->call;
  efla_sequence x = run->x;
  if (!call->y->o.data || x.tokens == 0) return map_run(c, run, (efla_array){.data = NULL});
  const size_t size = efla_type_size(x.v.type);
  void *rows = efla_backend_alloc(call->backend, x.batch * x.heads * x.tokens * x.dk * size);
  if (!rows) return efla_backend_say(call->backend, EFLA_NO_MEMORY, "no memory for %zu rows", x.batch * x.tokens);
  const efla_array read = efla_array_head_major(rows, x.v.type, x.tokens, x.heads, x.dk);
  efla_status status = map_run(c, run, read);
  const efla_rule plain = {.method = call->rule->method};
  const efla_result y = {.final_state = efla_states_array(s, &c->P, run->lane, s->piece[run->first].map)};
  x.q = (efla_array){.data = NULL}, x.k = read, x.v = efla_scan_rows(s, run, &call->y->o), x.beta = one(c);
  x.g = (efla_array){.data = NULL}, x.g_per_channel = false, x.p = zero_row(c);
  if (!status) status = efla_forward(call->backend, &plain, &x, &y);
  efla_backend_free(call->backend, rows);
  return status;
}

/* ---- before and after the chains ---- */

static bool begins(const efla_piece *p) { return !p->entered; }
static bool begins_and_goes_on(const efla_piece *p) { return !p->entered && p->left; }
static bool ends(const efla_piece *p) { return p->last; }

/* The caller's states of sequences, for the pieces that are `of` them: to the places of these, or of their sums. */
static efla_status load(const efla_scan *s, const efla_array *from, bool (*of)(const efla_piece *p),
                        const efla_states *to, bool sums) {
  efla_status status = EFLA_OK;
  for (size_t lane = 0; lane < s->lanes && from->data && to->data; lane++)
    for (size_t i = 0; i < s->pieces && !status; i++) {
      const efla_piece *p = &s->piece[i];
      if (of(p)) status = efla_states_load(s, to, lane, sums ? p->sum : i, from, p->sequence);
    }
  return status;
}

efla_status efla_carry_load(efla_carry *c) {
  const efla_scan *s = c->s;
  const efla_array *initial = &s->call.x->initial_state;
  const size_t dv = s->call.x->dv;
  efla_status status = efla_states_make(s, s->pieces, dv, &c->initial);
  if (!status) status = efla_states_make(s, s->pieces, dv, &c->moved);
  if (!status && c->backward) status = efla_states_make(s, s->pieces, dv, &c->final);
  if (!status) status = load(s, initial, begins, &c->initial, false);
  if (!status) status = load(s, initial, begins_and_goes_on, &c->N, true); /* what they hand on */
  return !status && c->d_final ? load(s, &s->call.y->final_state, ends, &c->final, false) : status;
}

/* All that this rank computes before it hears of others. */
static efla_status summarise(efla_carry *c) {
  const efla_scan *s = c->s;
  const size_t dk = s->call.x->dk, dv = s->call.x->dv;
  efla_wanted *const map = c->backward ? wants_adjoint : wants_map;
  size_t maps, sums;
  number(s, map, &maps, &sums);
  efla_status status = make_constants(c);
  if (!status) status = efla_states_make(s, maps, dk, &c->M);
  if (!status) status = efla_states_make(s, sums, dv, &c->N);
  if (!status && c->backward) status = efla_states_make(s, maps, dv, &c->P);
  if (!status) status = efla_carry_load(c);
  for (efla_pieces_run run = {.n = 0}; !status && efla_scan_next(s, wants_sum, &run);) status = sum_run(c, &run);
  for (efla_pieces_run run = {.n = 0}; !status && efla_scan_next(s, map, &run);)
    status = c->backward ? adjoint_run(c, &run) : map_run(c, &run, (efla_array){.data = NULL});
  efla_states *const all[] = {&c->M, &c->N, &c->P, &c->initial, &c->final};
  for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++) status = efla_states_pull(s, all[i]);
  return status;
}

static efla_chain chain_of(const efla_carry *c, bool reversed, const efla_link *links) {
  const efla_scan *s = c->s;
  const efla_sequence *x = s->call.x;
  const efla_states *N = reversed ? &c->P : &c->N;
  return (efla_chain){.ranks = s->ranks,
                      .lanes = s->lanes,
                      .heads = x->heads,
                      .dk = x->dk,
                      .dv = x->dv,
                      .bytes = s->bytes,
                      .threads = s->call.backend->threads,
                      .reversed = reversed,
                      .links = links,
                      .maps = c->M.n,
                      .sums = N->n,
                      .M = c->M.host,
                      .N = N->host,
                      .S = c->moved.host};
}

static efla_status move_forward(efla_carry *c, efla_link *links) {
  const efla_scan *s = c->s;
  efla_chain chain = chain_of(c, false, links);
  for (size_t i = 0; i < s->pieces; i++) {
    const efla_piece *p = &s->piece[i];
    if (p->left) links[chain.n_links++] = (efla_link){kind_forward(p), p->map, p->sum};
    chain.states += p->entered;
  }
  efla_status status = efla_chain_follow(&chain);
  const size_t state = s->state * s->bytes;
  for (size_t lane = 0, n = 0; lane < s->lanes && !status; lane++)
    for (size_t i = 0; i < s->pieces; i++)
      if (s->piece[i].entered) memcpy(efla_states_head(s, &c->initial, lane, i, 0), c->moved.host + n++ * state, state);
  return status ? status : efla_states_push(s, &c->initial);
}

/* P holds what tokens read; the derivative by the final state of a sequence reaches it through M. */
static void add_final(const efla_carry *c) {
  const efla_scan *s = c->s;
  for (size_t lane = 0; lane < s->lanes && c->d_final; lane++)
    for (size_t i = 0; i < s->pieces; i++) {
      const efla_piece *p = &s->piece[i];
      if (!p->last || !wants_adjoint(s, p)) continue;
      for (size_t h = 0; h < s->call.x->heads; h++)
        efla_add_transposed(s->call.x->dk, s->call.x->dv, s->bytes, efla_states_head(s, &c->M, lane, p->map, h),
                            efla_states_head(s, &c->final, lane, i, h), efla_states_head(s, &c->P, lane, p->map, h));
    }
}

static efla_status move_backward(efla_carry *c, efla_link *links) {
  const efla_scan *s = c->s;
  efla_chain chain = chain_of(c, true, links);
  add_final(c);
  for (size_t i = 0; i < s->pieces; i++) {
    const efla_piece *p = &s->piece[i];
    if (p->entered) links[chain.n_links++] = (efla_link){kind_backward(s, p), p->map, p->map};
    chain.states += p->left;
  }
  efla_status status = efla_chain_follow(&chain);
  const size_t state = s->state * s->bytes;
  for (size_t lane = 0, n = 0; lane < s->lanes && !status; lane++)
    for (size_t i = 0; i < s->pieces; i++)
      if (s->piece[i].left)
        efla_states_add(s->state, s->bytes, c->moved.host + n++ * state, efla_states_head(s, &c->final, lane, i, 0));
  return status ? status : efla_states_push(s, &c->final);
}

static efla_status say_chain(const efla_scan *s, efla_status status) {
  if (!status) return status;
  return efla_backend_say(s->call.backend, status, "the states of the ranks: %s", efla_status_text(status));
}

efla_carry efla_carry_of(const efla_scan *s, bool backward) {
  return (efla_carry){.s = s, .backward = backward, .d_final = backward && s->call.y && s->call.y->final_state.data};
}

efla_status efla_carry_scan(efla_carry *c) {
  const efla_scan *s = c->s;
  efla_link *links = malloc(s->pieces * sizeof *links);
  efla_status status = links ? summarise(c) : efla_scan_no_memory(s, "a scan");
  status = efla_scan_agree(s, status);
  if (!status) status = efla_scan_agree(s, say_chain(s, move_forward(c, links)));
  if (!status && c->backward) status = efla_scan_agree(s, say_chain(s, move_backward(c, links)));
  free(links);
  return status;
}

void efla_carry_clear(efla_carry *c) {
  efla_states *const all[] = {&c->M, &c->N, &c->P, &c->initial, &c->final, &c->moved};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) efla_states_clear(c->s, all[i]);
  efla_backend_free(c->s->call.backend, c->constants);
}

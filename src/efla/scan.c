/* SPDX-License-Identifier: MIT */
#include "efla/scan.h"

#include "efla/backward.h"
#include "efla/forward.h"
#include "efla/internal/check.h"
#include "efla/internal/rows.h"
#include "efla/scan/pipeline.h"

static bool wants_all(const efla_scan *s, const efla_piece *p) {
  (void)s, (void)p;
  return true;
}

static efla_scan describe(const efla_communicator *ranks, const efla_slab *slab, const efla_call *call) {
  return (efla_scan){.call = *call, .ranks = ranks, .slab = slab ? *slab : (efla_slab){.continues = ranks->rank > 0}};
}

/* One rank and no blocks: nothing is carried. */
static bool is_alone(const efla_scan *s) { return s->ranks->size == 1 && s->slab.block == 0 && !s->slab.continues; }

static bool is_communicator(const efla_communicator *ranks) {
  return ranks && ranks->size > 0 && ranks->rank < ranks->size;
}

/* All pieces, each by the way that takes less time. */
static efla_status run(efla_carry *c, efla_status (*pieces)(const efla_carry *c)) {
  if (efla_pipeline_pays(c->s)) return efla_pipeline_run(c);
  const efla_status status = efla_carry_scan(c);
  return status ? status : efla_scan_agree(c->s, pieces(c));
}

/* ---- forward ---- */

static efla_status store_final(const efla_carry *c) {
  const efla_scan *s = c->s;
  const efla_array *to = &s->call.y->final_state;
  efla_status status = EFLA_OK;
  for (size_t lane = 0; lane < s->lanes && to->data; lane++)
    for (size_t i = 0; i < s->pieces && !status; i++)
      if (s->piece[i].last) status = efla_states_store(s, &c->initial, lane, i, to, s->piece[i].sequence);
  return status;
}

/* All pieces from their initial states, which become their final ones. */
static efla_status forward_pieces(const efla_carry *c) {
  const efla_scan *s = c->s;
  efla_status status = EFLA_OK;
  for (efla_pieces_run run = {.n = 0}; !status && efla_scan_next(s, wants_all, &run);) {
    run.x.initial_state = efla_states_array(s, &c->initial, run.lane, run.first);
    const efla_result y = {.o = efla_scan_rows(s, &run, &s->call.y->o), .final_state = run.x.initial_state};
    status = efla_forward(s->call.backend, s->call.rule, &run.x, &y);
  }
  return status;
}

efla_status efla_forward_over(const efla_communicator *ranks, const efla_slab *slab, efla_backend *backend,
                              const efla_rule *rule, const efla_sequence *x, const efla_result *y) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if (!is_communicator(ranks)) return efla_backend_say(backend, EFLA_INVALID, "ranks: NULL, or of no size");
  efla_scan s = describe(ranks, slab, &(efla_call){.backend = backend, .rule = rule, .x = x, .y = y});
  if (is_alone(&s)) return efla_forward(backend, rule, x, y);
  efla_carry c = efla_carry_of(&s, false);
  efla_status status = efla_scan_open(&s, efla_check_forward(&s.call));
  if (!status) status = run(&c, forward_pieces);
  if (!status) status = efla_scan_agree(&s, store_final(&c));
  efla_carry_clear(&c);
  efla_scan_clear(&s);
  return status;
}

/* ---- backward ---- */

/* With blocks every batch entry is a call of its own, and derivatives are written once. */
static efla_status check_sharing(const efla_scan *s) {
  const efla_sequence *x = s->call.x;
  const efla_gradient *dx = s->call.dx;
  if (s->slab.block == 0 || x->cu_seqlens || x->batch == 1 || x->tokens == 0) return EFLA_OK;
  const struct {
    const char *name;
    const efla_array *array;
  } all[] = {{"q", &dx->q}, {"k", &dx->k}, {"v", &dx->v}, {"beta", &dx->beta}, {"g", &dx->g}, {"p", &dx->p}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i].array->data && all[i].array->batch == 0)
      return efla_backend_say(s->call.backend, EFLA_INVALID,
                              "gradient %s: shared by batch entries, expected one for each with blocks", all[i].name);
  return EFLA_OK;
}

/* The derivatives by initial states of sequences that begin here, 0 for one that continues: what shares a place is
 * summed by the backend, in a call without tokens. */
static efla_status store_initial(const efla_carry *c) {
  const efla_scan *s = c->s;
  const efla_call *call = &s->call;
  if (!call->dx->initial_state.data) return EFLA_OK;
  efla_scan whole = *s; /* its states are those of sequences, one after another */
  whole.lanes = 1;
  efla_states all;
  const size_t states = efla_sequence_states(call->x);
  efla_status status = efla_states_make(&whole, states, call->x->dv, &all);
  for (size_t lane = 0, n = 0; lane < s->lanes && !status; lane++)
    for (size_t i = 0; i < s->pieces && !status; i++) {
      if (!s->piece[i].first) continue;
      const efla_array from = efla_states_array(s, &c->final, lane, i), to = efla_states_array(&whole, &all, 0, n++);
      if (!s->piece[i].entered) status = efla_backend_copy(call->backend, to.data, from.data, s->state * s->bytes);
    }
  const efla_sequence x = {.batch = states,
                           .heads = call->x->heads,
                           .dk = call->x->dk,
                           .dv = call->x->dv,
                           .v = {.type = call->x->v.type},
                           .initial_state = call->x->initial_state};
  const efla_result dy = {.final_state = efla_states_array(&whole, &all, 0, 0)};
  const efla_gradient dx = {.initial_state = call->dx->initial_state};
  if (!status) status = efla_backward(call->backend, call->rule, &x, &dy, &dx);
  efla_states_clear(&whole, &all);
  return status;
}

/* All pieces; the derivatives by their initial states take the place of those by their final ones. */
static efla_status backward_pieces(const efla_carry *c) {
  const efla_scan *s = c->s;
  const efla_gradient *dx = s->call.dx;
  efla_status status = EFLA_OK;
  for (efla_pieces_run run = {.n = 0}; !status && efla_scan_next(s, wants_all, &run);) {
    run.x.initial_state = efla_states_array(s, &c->initial, run.lane, run.first);
    const efla_result dy = {.o = efla_scan_rows(s, &run, &s->call.y->o),
                            .final_state = efla_states_array(s, &c->final, run.lane, run.first)};
    const efla_gradient part = {.q = efla_scan_rows(s, &run, &dx->q),
                                .k = efla_scan_rows(s, &run, &dx->k),
                                .v = efla_scan_rows(s, &run, &dx->v),
                                .beta = efla_scan_rows(s, &run, &dx->beta),
                                .g = efla_scan_rows(s, &run, &dx->g),
                                .p = efla_scan_rows(s, &run, &dx->p),
                                .initial_state = dy.final_state};
    status = efla_backward(s->call.backend, s->call.rule, &run.x, &dy, &part);
  }
  return status;
}

efla_status efla_backward_over(const efla_communicator *ranks, const efla_slab *slab, efla_backend *backend,
                               const efla_rule *rule, const efla_sequence *x, const efla_result *dy,
                               const efla_gradient *dx) {
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if (!is_communicator(ranks)) return efla_backend_say(backend, EFLA_INVALID, "ranks: NULL, or of no size");
  efla_scan s = describe(ranks, slab, &(efla_call){.backend = backend, .rule = rule, .x = x, .y = dy, .dx = dx});
  if (is_alone(&s)) return efla_backward(backend, rule, x, dy, dx);
  efla_carry c = efla_carry_of(&s, true);
  efla_status status = efla_check_backward(&s.call);
  status = efla_scan_open(&s, status ? status : check_sharing(&s));
  if (!status) status = run(&c, backward_pieces);
  if (!status) status = efla_scan_agree(&s, store_initial(&c));
  efla_carry_clear(&c);
  efla_scan_clear(&s);
  return status;
}

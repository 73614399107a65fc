/* SPDX-License-Identifier: MIT */
#include "efla/scan/chain.h"

#include "efla/internal/threads.h"

#include <stdlib.h>
#include <string.h>

efla_status efla_chain_worst(const efla_communicator *ranks, efla_status mine, size_t *who) {
  efla_status *all = malloc(ranks->size * sizeof *all), worst = mine;
  if (!all) return ranks->abort(ranks, EXIT_FAILURE), EFLA_NO_MEMORY; /* the others wait */
  const efla_status failed = ranks->gather(ranks, &mine, sizeof mine, all);
  for (size_t r = ranks->size; !failed && r-- > 0;)
    if (all[r] >= worst) {
      worst = all[r];
      if (who) *who = r;
    }
  free(all);
  return failed ? failed : worst;
}

/* ---- problems ---- */

/* What is known of a rank by all. */
typedef struct share {
  size_t links, steps, sums, states;
  size_t problem;        /* its first problem */
  size_t numbers, place; /* that it sends to this rank, and where they begin; of states, later */
  size_t state_place;    /* where the states for it begin */
} share;

/* A link of the whole chain: where its numbers are among its rank's, and where its state goes. */
typedef struct hop {
  efla_link_kind kind;
  size_t rank, steps, sums; /* steps, sums before it on its rank */
  size_t to, state;
} hop;

typedef struct work {
  const efla_chain *c;
  size_t slices, problems, hops;
  share *shares; /* (ranks + 1) */
  hop *hop;
  size_t *sent, *received; /* bytes, (ranks) each */
  char *out, *in;          /* messages, of links and then of states */
  double *scratch;         /* (threads, 2 states and an M) */
} work;

static size_t slices_of(const efla_chain *c) {
  const size_t whole = c->lanes * c->heads, wanted = (c->ranks->size + whole - 1) / whole;
  return wanted < c->dv ? wanted : c->dv;
}

/* Columns of all problems before number p. */
static size_t columns_before(const work *w, size_t p) {
  return p / w->slices * w->c->dv + efla_rank_first(w->c->dv, p % w->slices, w->slices);
}

static size_t columns_of(const work *w, size_t from, size_t to) {
  return columns_before(w, to) - columns_before(w, from);
}

/* Numbers of a rank's links for problems from ... to-1. */
static size_t link_numbers(const work *w, const share *s, size_t from, size_t to) {
  return w->c->dk * (s->steps * w->c->dk * (to - from) + s->sums * columns_of(w, from, to));
}

static size_t state_numbers(const work *w, const share *s, size_t from, size_t to) {
  return w->c->dk * s->states * columns_of(w, from, to);
}

/* ---- what is known by all ---- */

static efla_status gather_counts(work *w) {
  const efla_chain *c = w->c;
  size_t mine[4] = {c->n_links, 0, 0, c->states};
  for (size_t i = 0; i < c->n_links; i++)
    mine[1] += c->links[i].kind == EFLA_LINK_STEP, mine[2] += c->links[i].kind != EFLA_LINK_PASS;
  size_t(*all)[4] = malloc(c->ranks->size * sizeof *all);
  w->shares = calloc(c->ranks->size + 1, sizeof *w->shares);
  efla_status status = efla_chain_agree(c->ranks, all && w->shares ? EFLA_OK : EFLA_NO_MEMORY);
  if (!status) status = c->ranks->gather(c->ranks, mine, sizeof mine, all);
  for (size_t r = 0; r <= c->ranks->size && !status; r++) {
    share *s = &w->shares[r];
    s->problem = efla_rank_first(w->problems, r, c->ranks->size);
    if (r < c->ranks->size) s->links = all[r][0], s->steps = all[r][1], s->sums = all[r][2], s->states = all[r][3];
    w->hops += s->links;
  }
  free(all);
  return status;
}

/* Places among each rank's numbers, then the ranks of states. */
static void place_hops(work *w, size_t most, const unsigned char *kinds) {
  size_t n = 0;
  for (size_t r = 0; r < w->c->ranks->size; r++) {
    size_t steps = 0, sums = 0;
    for (size_t i = 0; i < w->shares[r].links; i++) {
      const efla_link_kind kind = (efla_link_kind)kinds[r * most + i];
      w->hop[n++] = (hop){.kind = kind, .rank = r, .steps = steps, .sums = sums};
      steps += kind == EFLA_LINK_STEP, sums += kind != EFLA_LINK_PASS;
    }
  }
  n = 0;
  for (size_t r = 0; r < w->c->ranks->size; r++)
    for (size_t i = 0; i < w->shares[r].states && n < w->hops; i++) w->hop[n].to = r, w->hop[n++].state = i;
}

static efla_status gather_kinds(work *w) {
  const efla_chain *c = w->c;
  size_t most = 0;
  for (size_t r = 0; r < c->ranks->size; r++) most = w->shares[r].links > most ? w->shares[r].links : most;
  unsigned char *kinds = calloc(most + 1, c->ranks->size + 1), *mine = kinds ? kinds + c->ranks->size * most : NULL;
  w->hop = calloc(w->hops + 1, sizeof *w->hop);
  efla_status status = efla_chain_agree(c->ranks, kinds && w->hop ? EFLA_OK : EFLA_NO_MEMORY);
  for (size_t i = 0; i < c->n_links && mine; i++) mine[i] = (unsigned char)c->links[i].kind;
  if (!status) status = c->ranks->gather(c->ranks, mine, most, kinds);
  if (!status) place_hops(w, most, kinds);
  free(kinds);
  return status;
}

/* ---- messages ---- */

static efla_status make_messages(work *w) {
  const efla_chain *c = w->c;
  const share *me = &w->shares[c->ranks->rank];
  const size_t first = me->problem, end = me[1].problem, threads = c->threads ? c->threads : 1;
  size_t out = 0, in = 0, states_out = 0, states_in = state_numbers(w, me, 0, w->problems);
  for (size_t r = 0; r < c->ranks->size; r++) {
    share *s = &w->shares[r];
    s->place = in, s->state_place = states_out;
    in += s->numbers = link_numbers(w, s, first, end), states_out += state_numbers(w, s, first, end);
    out += link_numbers(w, me, s->problem, s[1].problem);
  }
  w->sent = calloc(2 * c->ranks->size + 1, sizeof *w->sent), w->received = w->sent ? w->sent + c->ranks->size : NULL;
  w->out = malloc((out > states_out ? out : states_out) * c->bytes + 1);
  w->in = malloc((in > states_in ? in : states_in) * c->bytes + 1);
  w->scratch = malloc(threads * c->dk * (2 * c->dv + c->dk) * sizeof *w->scratch);
  return w->sent && w->out && w->in && w->scratch ? EFLA_OK : EFLA_NO_MEMORY;
}

/* The columns of problem p of state number i of n per lane in an array; rows of dv numbers. */
static char *columns_at(const work *w, const void *states, size_t n, size_t i, size_t p) {
  const efla_chain *c = w->c;
  const size_t pair = p / w->slices, lane = pair / c->heads, head = pair % c->heads,
               row = ((lane * n + i) * c->heads + head) * c->dk;
  return (char *)states + (row * c->dv + efla_rank_first(c->dv, p % w->slices, w->slices)) * c->bytes;
}

static void pack_links(work *w) {
  const efla_chain *c = w->c;
  const size_t square = c->dk * c->dk * c->bytes;
  char *to = w->out;
  for (size_t p = 0; p < w->problems; p++) {
    const size_t pair = p / w->slices, lane = pair / c->heads, head = pair % c->heads,
                 row = columns_of(w, p, p + 1) * c->bytes;
    for (size_t i = 0; i < c->n_links; i++) {
      const efla_link *link = &c->links[i];
      if (link->kind == EFLA_LINK_STEP) {
        memcpy(to, (const char *)c->M + ((lane * c->maps + link->map) * c->heads + head) * square, square);
        to += square;
      }
      if (link->kind == EFLA_LINK_PASS) continue;
      const char *from = columns_at(w, c->N, c->sums, link->sum, p);
      for (size_t k = 0; k < c->dk; k++, to += row) memcpy(to, from + k * c->dv * c->bytes, row);
    }
  }
}

static void unpack_states(work *w) {
  const efla_chain *c = w->c;
  const char *from = w->in;
  for (size_t p = 0; p < w->problems; p++) {
    const size_t row = columns_of(w, p, p + 1) * c->bytes;
    for (size_t i = 0; i < c->states; i++) {
      char *to = columns_at(w, c->S, c->states, i, p);
      for (size_t k = 0; k < c->dk; k++, from += row) memcpy(to + k * c->dv * c->bytes, from, row);
    }
  }
}

static efla_status send_links(work *w) {
  const efla_chain *c = w->c;
  const share *me = &w->shares[c->ranks->rank];
  for (size_t r = 0; r < c->ranks->size; r++) {
    w->sent[r] = link_numbers(w, me, w->shares[r].problem, w->shares[r + 1].problem) * c->bytes;
    w->received[r] = w->shares[r].numbers * c->bytes;
  }
  pack_links(w);
  return c->ranks->exchange(c->ranks, w->out, w->sent, w->in, w->received);
}

static efla_status send_states(work *w) {
  const efla_chain *c = w->c;
  const share *me = &w->shares[c->ranks->rank];
  for (size_t r = 0; r < c->ranks->size; r++) {
    w->sent[r] = state_numbers(w, &w->shares[r], me->problem, me[1].problem) * c->bytes;
    w->received[r] = state_numbers(w, me, w->shares[r].problem, w->shares[r + 1].problem) * c->bytes;
  }
  const efla_status status = c->ranks->exchange(c->ranks, w->out, w->sent, w->in, w->received);
  if (!status) unpack_states(w);
  return status;
}

/* ---- one problem ---- */

static void widen(size_t n, size_t bytes, const void *from, double *to) {
  if (bytes == sizeof(double))
    memcpy(to, from, n * sizeof *to);
  else
    for (size_t i = 0; i < n; i++) to[i] = (double)((const float *)from)[i];
}

static void narrow(size_t n, size_t bytes, const double *from, void *to) {
  if (bytes == sizeof(double))
    memcpy(to, from, n * sizeof *from);
  else
    for (size_t i = 0; i < n; i++) ((float *)to)[i] = (float)from[i];
}

/* T += M S, or M^T S, of n columns: numbers of T meet the rows of S one after another, four of them in a pass. */
static void add_product(size_t dk, size_t n, bool transposed, const double *M, const double *restrict S,
                        double *restrict T) {
  const size_t row = transposed ? 1 : dk, column = transposed ? dk : 1;
  for (size_t i = 0; i < dk; i++, M += row, T += n) {
    const double *m = M, *s = S;
    size_t k = 0;
    for (; k + 4 <= dk; k += 4, m += 4 * column, s += 4 * n) {
      const double a = m[0], b = m[column], c = m[2 * column], d = m[3 * column];
      for (size_t j = 0; j < n; j++) T[j] = T[j] + a * s[j] + b * s[n + j] + c * s[2 * n + j] + d * s[3 * n + j];
    }
    for (; k < dk; k++, m += column, s += n)
      for (size_t j = 0; j < n; j++) T[j] += *m * s[j];
  }
}

static double number(size_t bytes, const void *at, size_t i) {
  return bytes == sizeof(double) ? ((const double *)at)[i] : (double)((const float *)at)[i];
}

void efla_add_transposed(size_t dk, size_t dv, size_t bytes, const void *M, const void *D, void *P) {
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      double sum = number(bytes, P, i * dv + j);
      for (size_t k = 0; k < dk; k++) sum += number(bytes, M, k * dk + i) * number(bytes, D, k * dv + j);
      narrow(1, bytes, &sum, (char *)P + (i * dv + j) * bytes);
    }
}

static void follow(const work *w, size_t p, double *scratch) {
  const efla_chain *c = w->c;
  const share *me = &w->shares[c->ranks->rank];
  const size_t n = columns_of(w, p, p + 1), before = p - me->problem, columns = columns_of(w, me->problem, p),
               size = c->dk * n;
  double *S = scratch, *T = S + size, *M = T + size;
  for (size_t h = 0; h < w->hops; h++) {
    const hop *at = &w->hop[c->reversed ? w->hops - 1 - h : h];
    const share *from = &w->shares[at->rank], *to = &w->shares[at->to];
    const char *numbers =
        w->in +
        (from->place + c->dk * (c->dk * (from->steps * before + at->steps) + from->sums * columns + at->sums * n)) *
            c->bytes;
    if (at->kind == EFLA_LINK_STEP) {
      widen(c->dk * c->dk, c->bytes, numbers, M);
      widen(size, c->bytes, numbers + c->dk * c->dk * c->bytes, T);
      add_product(c->dk, n, c->reversed, M, S, T);
      double *other = S;
      S = T, T = other;
    } else if (at->kind == EFLA_LINK_START) {
      widen(size, c->bytes, numbers, S);
    }
    narrow(size, c->bytes, S, w->out + (to->state_place + c->dk * (to->states * columns + at->state * n)) * c->bytes);
  }
}

static void follow_all(work *w) {
  const efla_chain *c = w->c;
  const share *me = &w->shares[c->ranks->rank];
  const size_t room = c->dk * (2 * c->dv + c->dk);
#pragma omp parallel for schedule(static) num_threads((int)c->threads) if (c->threads > 1)
  for (size_t p = me->problem; p < me[1].problem; p++) follow(w, p, w->scratch + efla_thread() * room);
}

efla_status efla_chain_follow(const efla_chain *c) {
  work w = {.c = c, .slices = slices_of(c)};
  w.problems = c->lanes * c->heads * w.slices;
  efla_status status = gather_counts(&w);
  if (!status && w.hops > 0) {
    status = gather_kinds(&w);
    if (!status) status = efla_chain_agree(c->ranks, make_messages(&w));
    if (!status) status = send_links(&w);
    if (!status) follow_all(&w);
    if (!status) status = send_states(&w);
  }
  free(w.shares), free(w.hop), free(w.sent), free(w.out), free(w.in), free(w.scratch);
  return status;
}

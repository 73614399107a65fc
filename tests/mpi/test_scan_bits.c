/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sequences over ranks: the same bits for any number of ranks with blocks; no digit of M and N is lost; what ranks disagree
 * about is said on all of them. */
#include "cases_truth.h"
#include "parts.h"
#include "ranks.h"

enum { BLOCK = 16 };

/* Outputs of a call over ranks, head-major and contiguous. */
typedef struct outputs {
  size_t tokens, states;
  void *o, *final, *d[CASE_INPUTS];
} outputs;

static outputs compute(const efla_communicator *c, const case_part *p, efla_type type) {
  const backend_case *k = &p->c;
  const size_t rows = k->batch * k->heads * k->tokens, size = efla_type_size(type), states = case_states(k);
  const size_t width[CASE_INITIAL] = {k->dk, k->dk, k->dv, 1, k->per_channel ? k->dk : 1, k->dk};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  backend_inputs in = backends_place(k, type, false, draw);
  placed d_o = case_place(&k->d_o, type, draw), d_final = case_place(&k->d_final, type, draw);
  case_fill(&d_o, &k->d_o), case_fill(&d_final, &k->d_final);
  outputs out = {.tokens = k->tokens, .states = states};
  efla_backend *b;
  ck_assert_int_eq(efla_backend_open("cpu", &(efla_options){.threads = 1 + c->rank % 2}, &b), EFLA_OK);
  out.o = truth_room(rows * k->dv, size), out.final = truth_room(states * k->heads * k->dk * k->dv, size);
  efla_gradient dx = {.q = {.data = NULL}};
  efla_array *const to[CASE_INITIAL] = {&dx.q, &dx.k, &dx.v, &dx.beta, &dx.g, &dx.p};
  for (int i = 0; i < CASE_INITIAL; i++) {
    if (!k->in[i].values) continue;
    out.d[i] = truth_room(rows * width[i], size);
    *to[i] = efla_array_head_major(out.d[i], type, k->tokens, k->heads, width[i]);
  }
  out.d[CASE_INITIAL] = truth_room(states * k->heads * k->dk * k->dv, size);
  dx.initial_state = efla_array_states(out.d[CASE_INITIAL], type, k->heads, k->dk, k->dv);
  const efla_result y = {.o = efla_array_head_major(out.o, type, k->tokens, k->heads, k->dv),
                         .final_state = efla_array_states(out.final, type, k->heads, k->dk, k->dv)},
                    dy = {.o = d_o.array, .final_state = d_final.array};
  CHECK_OK(b, efla_forward_over(c, &p->slab, b, &k->rule, &in.x, &y));
  CHECK_OK(b, efla_backward_over(c, &p->slab, b, &k->rule, &in.x, &dy, &dx));
  efla_backend_close(b), backends_clear(&in), free(d_o.memory), free(d_final.memory), gsl_rng_free(draw);
  return out;
}

static void drop(outputs *out) {
  free(out->o), free(out->final);
  for (int i = 0; i < CASE_INPUTS; i++) free(out->d[i]);
}

static void same_rows(const char *what, const case_part *p, size_t begin, const outputs *whole, const void *expected,
                      const void *found, size_t bytes) {
  for (size_t r = 0; r < p->c.batch * p->c.heads; r++)
    ck_assert_msg(!memcmp((const char *)found + r * p->c.tokens * bytes,
                          (const char *)expected + (r * whole->tokens + begin) * bytes, p->c.tokens * bytes),
                  "%s: rank %zu of %zu has other bits than one rank", what, ranks.rank, ranks.size);
}

/* A case with all kinds of input, its tokens cut for these ranks and for one, compared bit by bit. */
static void compare(const backend_case *c, size_t block, efla_type type) {
  static const char *const names[CASE_INITIAL] = {"d_q", "d_k", "d_v", "d_beta", "d_g", "d_p"};
  const size_t size = efla_type_size(type),
               width[CASE_INITIAL] = {c->dk, c->dk, c->dv, 1, c->per_channel ? c->dk : 1, c->dk};
  size_t *begin = calloc(ranks.size + 1, sizeof *begin);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  parts_cut(c, ranks.size, block, draw, begin);
  const efla_communicator alone = efla_communicator_serial();
  case_part p = part_make(c, ranks.rank, ranks.size, begin, block),
            one = part_make(c, 0, 1, (size_t[]){0, c->tokens}, block);
  outputs mine = compute(&ranks, &p, type), whole = compute(&alone, &one, type);
  same_rows("o", &p, begin[ranks.rank], &whole, whole.o, mine.o, c->dv * size);
  for (int i = 0; i < CASE_INITIAL; i++)
    if (mine.d[i]) same_rows(names[i], &p, begin[ranks.rank], &whole, whole.d[i], mine.d[i], width[i] * size);
  const size_t state = c->heads * c->dk * c->dv * size;
  for (size_t s = 0; s < mine.states; s++) {
    const size_t at = (c->packed ? p.first + s : s) * state;
    if (p.ends[s])
      ck_assert_msg(!memcmp((char *)mine.final + s * state, (char *)whole.final + at, state), "final_state");
    if (!p.slab.continues || (c->packed && s > 0))
      ck_assert_msg(!memcmp((char *)mine.d[CASE_INITIAL] + s * state, (char *)whole.d[CASE_INITIAL] + at, state),
                    "d_initial");
  }
  part_clear(&p), part_clear(&one), drop(&mine), drop(&whole), free(begin), gsl_rng_free(draw);
}

static field make(size_t batch, size_t heads, size_t tokens, size_t features) {
  field f = {batch, heads, tokens, features, 1, NULL};
  f.values = truth_room(batch * heads * tokens * features, sizeof *f.values);
  return f;
}

static void fill(field *f, double from, double range, gsl_rng *draw) {
  for (size_t i = 0; i < f->entries * f->groups * f->tokens * f->features; i++)
    f->values[i] = (double)(float)(from + range * gsl_rng_uniform(draw));
}

static backend_case make_any(const char *decay, bool packed, bool per_channel, bool erases) {
  backend_case c = {.batch = packed ? 1 : 2, .heads = 3, .tokens = 150, .dk = 17, .dv = 20, .packed = packed};
  memcpy(c.cu, (size_t[]){0, 0, 37, 37, 150, 150}, sizeof c.cu);
  c.sequences = 5, c.per_channel = per_channel;
  ck_assert_int_eq(efla_rule_find("exact", decay, "raw", &c.rule), EFLA_OK);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  const size_t width[CASE_INITIAL] = {c.dk, c.dk, c.dv, 1, per_channel ? c.dk : 1, c.dk};
  for (int i = 0; i < CASE_INITIAL; i++) {
    if ((i == CASE_G && !c.rule.decay->gated) || (i == CASE_P && !erases)) continue;
    c.in[i] = make(c.batch, c.heads, c.tokens, width[i]);
    const bool scalar = i == CASE_BETA || i == CASE_G;
    fill(&c.in[i], scalar ? 0 : -.4, i == CASE_G ? -.3 : .8, draw);
  }
  c.in[CASE_INITIAL] = make(case_states(&c), c.heads, c.dk, c.dv),
  c.d_final = make(case_states(&c), c.heads, c.dk, c.dv);
  c.d_o = make(c.batch, c.heads, c.tokens, c.dv);
  fill(&c.in[CASE_INITIAL], -1, 2, draw), fill(&c.d_final, -1, 2, draw), fill(&c.d_o, -1, 2, draw);
  gsl_rng_free(draw);
  return c;
}

START_TEST(same_bits) {
  for (int i = 0; i < 8; i++) {
    backend_case c = make_any(i % 4 ? "split" : "none", i / 4, i % 4 == 2, i % 4 == 3);
    compare(&c, BLOCK, i % 2 ? EFLA_F32 : EFLA_F64);
    case_clear(&c);
  }
}
END_TEST

/* Keys along axes and powers of 2, so that all that f32 computes is exact, and M, N have more digits than tf32 or a
 * 16-bit type: (1 - beta k k^T) is 7/8 on an axis, and five of them are 16807 2^-15. */
static backend_case make_exact(bool of_map) {
  backend_case c = {.batch = 1, .heads = 2, .tokens = 32, .dk = 2, .dv = 3};
  ck_assert_int_eq(efla_rule_find("euler", "none", "raw", &c.rule), EFLA_OK);
  const size_t width[CASE_INITIAL] = {c.dk, c.dk, c.dv, 1, 1, 1};
  for (int i = 0; i <= CASE_BETA; i++) c.in[i] = make(1, c.heads, c.tokens, width[i]);
  for (size_t r = 0; r < c.heads * c.tokens; r++) {
    const size_t t = r % c.tokens, axis = t % 2;
    /* Five tokens decay; values come late, and have few digits then, or at once with 14. */
    c.in[CASE_BETA].values[r] = of_map ? (t >= 4 && t < 14 ? .125 : 0) : t == 1 || t == 30 ? 1 : 0;
    c.in[CASE_K].values[r * 2 + axis] = 1, c.in[CASE_Q].values[r * 2] = c.in[CASE_Q].values[r * 2 + 1] = 1;
    for (size_t j = 0; j < c.dv; j++) c.in[CASE_V].values[r * c.dv + j] = of_map ? 0 : 16807 - (double)(2 * j);
  }
  c.in[CASE_INITIAL] = make(1, c.heads, c.dk, c.dv), c.d_final = make(1, c.heads, c.dk, c.dv);
  c.d_o = make(1, c.heads, c.tokens, c.dv);
  for (size_t i = 0; i < c.heads * c.dk * c.dv; i++) c.in[CASE_INITIAL].values[i] = 8, c.d_final.values[i] = 1;
  return c;
}

/* One rank without blocks carries nothing. */
START_TEST(no_digit_lost) {
  for (int of_map = 0; of_map < 2; of_map++) {
    backend_case c = make_exact(of_map);
    compare(&c, 0, EFLA_F32);
    case_clear(&c);
  }
}
END_TEST

/* ---- what ranks disagree about ---- */

typedef struct difference {
  const char *found, *expected; /* the message on all ranks, around the number of the rank */
  size_t dk, block, tokens;
  const char *method;
} difference;

static void disagree(const difference *d) {
  const bool odd = ranks.rank + 1 == ranks.size;
  enum { MOST = 8 };
  float k[MOST * MOST] = {0}, v[MOST] = {0}, beta[MOST] = {0}, o[MOST] = {0};
  const size_t dk = odd && d->dk ? d->dk : 2;
  const efla_sequence x = {.batch = 1,
                           .heads = 1,
                           .tokens = ranks.rank == 0 && d->tokens ? d->tokens : 4,
                           .dk = dk,
                           .dv = 1,
                           .q = efla_array_head_major(k, EFLA_F32, 4, 1, dk),
                           .k = efla_array_head_major(k, EFLA_F32, 4, 1, dk),
                           .v = efla_array_head_major(v, EFLA_F32, 4, 1, 1),
                           .beta = efla_array_head_major(beta, EFLA_F32, 4, 1, 1)};
  efla_rule rule;
  efla_backend *b;
  ck_assert_int_eq(efla_rule_find(odd && d->method ? d->method : "exact", NULL, NULL, &rule), EFLA_OK);
  ck_assert_int_eq(efla_backend_open("cpu", NULL, &b), EFLA_OK);
  const efla_slab slab = {.continues = ranks.rank > 0, .block = odd && d->block ? d->block : 4};
  const efla_result y = {.o = efla_array_head_major(o, EFLA_F32, 4, 1, 1)};
  char expected[128];
  snprintf(expected, sizeof expected, "%s on rank %zu, expected %s", d->found, d->tokens ? (size_t)0 : ranks.size - 1,
           d->expected);
  const efla_status status = efla_forward_over(&ranks, &slab, b, &rule, &x, &y);
  ck_assert_int_eq(status, ranks.size == 1 ? EFLA_OK : EFLA_INVALID);
  ck_assert_str_eq(efla_last_message(b), ranks.size == 1 ? "" : expected);
  efla_backend_close(b);
}

START_TEST(disagreement) {
  const difference all[] = {
      {"dk: 3", "2 as on rank 0", .dk = 3},
      {"block: 5", "4 as on rank 0", .block = 5},
      {"tokens: 3", "a multiple of the block of 4", .tokens = 3},
      {"method: euler", "exact as on rank 0", .method = "euler"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) disagree(&all[i]);
}
END_TEST

/* One rank's arguments are refused there with their message, and on all others with its number. */
START_TEST(one_refuses) {
  const bool odd = ranks.rank + 1 == ranks.size;
  efla_rule rule;
  efla_backend *b;
  float x4[4] = {0};
  ck_assert_int_eq(efla_rule_find(NULL, NULL, NULL, &rule), EFLA_OK);
  ck_assert_int_eq(efla_backend_open("cpu", NULL, &b), EFLA_OK);
  const efla_array rows = efla_array_head_major(x4, EFLA_F32, 4, 1, 1);
  const efla_sequence x = {.batch = 1, .heads = 1, .tokens = 4, .dk = 1, .dv = 1, .k = rows, .v = rows, .beta = rows};
  const efla_gradient dx = {.q = {.data = NULL}};
  ck_assert_int_eq(efla_backward_over(&ranks, NULL, b, &rule, odd ? NULL : &x, &(efla_result){0}, &dx), EFLA_INVALID);
  char expected[64];
  snprintf(expected, sizeof expected, "rank %zu: invalid argument", ranks.size - 1);
  ck_assert_str_eq(efla_last_message(b), odd ? "sequence: the pointer is NULL" : expected);
  efla_backend_close(b);
}
END_TEST

START_TEST(nothing_before) {
  efla_rule rule;
  efla_backend *b;
  ck_assert_int_eq(efla_rule_find(NULL, NULL, NULL, &rule), EFLA_OK);
  ck_assert_int_eq(efla_backend_open("cpu", NULL, &b), EFLA_OK);
  const efla_sequence x = {.batch = 1, .heads = 1, .dk = 1, .dv = 1};
  ck_assert_int_eq(efla_forward_over(&ranks, &(efla_slab){.continues = true}, b, &rule, &x, &(efla_result){0}),
                   EFLA_INVALID);
  ck_assert_str_eq(efla_last_message(b), "continues: true on rank 0, expected false: no rank is before it");
  ck_assert_int_eq(efla_forward_over(NULL, NULL, b, &rule, &x, &(efla_result){0}), EFLA_INVALID);
  ck_assert_int_eq(efla_forward_over(&ranks, NULL, NULL, &rule, &x, &(efla_result){0}), EFLA_INVALID);
  efla_backend_close(b);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {same_bits, no_digit_lost, disagreement, one_refuses, nothing_before};
  return ranks_main(argc, argv, "scan_bits", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sequences over ranks on every backend, instruction set and type: the cases of test_backends.c cut anywhere, ranks
 * without tokens, with and without blocks, against long double (docs/bounds.md#scan). */
#include "cases_truth.h"
#include "parts.h"
#include "ranks.h"

enum { BLOCK = 16 };

static void share(void *data, size_t bytes) { ck_assert_int_eq(ranks.broadcast(&ranks, data, bytes, 0), EFLA_OK); }

/* Solved by rank 0, for all. */
static truth solve(const backend_case *c) {
  const size_t rows = c->batch * c->heads * c->tokens, states = case_states(c) * c->heads * c->dk;
  const size_t n[CASE_INPUTS] = {rows, rows, rows, rows, rows, rows, states},
               width[CASE_INPUTS] = {c->dk, c->dk, c->dv, 1, c->per_channel ? c->dk : 1, c->dk, c->dv};
  truth to = {.o = NULL};
  if (ranks.rank == 0) {
    to = case_solve(c, true);
  } else {
    to.o = truth_room(rows * c->dv, sizeof *to.o), to.final = truth_room(states * c->dv, sizeof *to.final);
    to.o_error = truth_room(rows, sizeof(double)), to.final_error = truth_room(states, sizeof(double));
    for (int i = 0; i < CASE_INPUTS; i++)
      to.d[i] = truth_room(n[i] * width[i], sizeof *to.d[i]), to.d_error[i] = truth_room(n[i], sizeof(double));
  }
  share(to.o, rows * c->dv * sizeof *to.o), share(to.o_error, rows * sizeof(double));
  share(to.final, states * c->dv * sizeof *to.final), share(to.final_error, states * sizeof(double));
  for (int i = 0; i < CASE_INPUTS; i++)
    share(to.d[i], n[i] * width[i] * sizeof *to.d[i]), share(to.d_error[i], n[i] * sizeof(double));
  return to;
}

static void forward(efla_backend *b, const char *name, const case_part *p, const truth *to, efla_type type,
                    gsl_rng *draw) {
  const backend_case *c = &p->c;
  backend_inputs in = backends_place(c, type, gsl_rng_uniform_int(draw, 2), draw);
  const field states = {case_states(c), c->heads, c->dk, c->dv, 1, NULL};
  placed o = {.memory = NULL}, final = {.memory = NULL};
  if (c->d_o.values) o = case_place(&c->d_o, type, draw);
  if (c->in_place)
    final = in.in[CASE_INITIAL];
  else if (c->d_final.values)
    final = case_place(&states, type, draw);
  const efla_result y = {.o = o.array, .final_state = final.array};
  CHECK_OK(b, efla_forward_over(&ranks, &p->slab, b, &c->rule, &in.x, &y));
  backends_compare_outputs(name, c, &o, &final, to);
  free(o.memory);
  if (!c->in_place) free(final.memory);
  backends_clear(&in);
}

/* A derivative that batch entries share cannot be had with blocks. */
static bool refused(const case_part *p, size_t i) {
  return p->slab.block > 0 && !p->c.packed && p->c.batch > 1 && i != CASE_INITIAL && p->c.in[i].entries == 1;
}

static void backward(efla_backend *b, const char *name, const case_part *p, const truth *to, efla_type type,
                     gsl_rng *draw) {
  const backend_case *c = &p->c;
  backend_inputs in = backends_place(c, type, false, draw);
  const field states = {case_states(c), c->heads, c->dk, c->dv, 1, NULL};
  placed d_o = {.memory = NULL}, d_final = {.memory = NULL}, d[CASE_INPUTS] = {{.memory = NULL}};
  if (c->d_o.values) d_o = case_place(&c->d_o, type, draw), case_fill(&d_o, &c->d_o);
  if (c->d_final.values) d_final = case_place(&states, type, draw), case_fill(&d_final, &c->d_final);
  const efla_result dy = {.o = d_o.array, .final_state = d_final.array};
  efla_gradient dx = {.q = {.data = NULL}};
  efla_array *const arrays[CASE_INPUTS] = {&dx.q, &dx.k, &dx.v, &dx.beta, &dx.g, &dx.p, &dx.initial_state};
  for (size_t i = 0; i < CASE_INPUTS; i++) {
    const field *shape = i == CASE_INITIAL && !c->in[i].values ? &states : &c->in[i];
    if (refused(p, i) || ((i == CASE_G || i == CASE_P) && !c->in[i].values)) continue;
    d[i] = i == CASE_INITIAL && c->in_place ? d_final : case_place(shape, type, draw);
    *arrays[i] = d[i].array;
  }
  CHECK_OK(b, efla_backward_over(&ranks, &p->slab, b, &c->rule, &in.x, &dy, &dx));
  backends_compare_gradients(name, c, d, to);
  free(d_o.memory), free(d_final.memory);
  backends_clear(&in);
}

/* Every case is cut in another way for every number of ranks; which of them are tried differs too. */
static void try_case(size_t n, gsl_rng *draw, gsl_rng *mine) {
  backend_case c = case_make(n, draw);
  const size_t block = n % 2 ? BLOCK : 0;
  size_t *begin = calloc(ranks.size + 1, sizeof *begin);
  parts_cut(&c, ranks.size, block, draw, begin);
  for (size_t r = 1; r < ranks.size && block == 0; r++) c.cut[c.cuts++] = begin[r];
  for (size_t t = block; block > 0 && t < c.tokens; t += block) c.cut[c.cuts++] = t;
  truth whole = solve(&c);
  case_part p = part_make(&c, ranks.rank, ranks.size, begin, block);
  truth to = part_truth(&p, &c, &whole, begin[ranks.rank]);
  char name[64], full[160];
  efla_backend *b;
  for (size_t i = 0; (b = backends_open(i, name)); i++, efla_backend_close(b))
    for (int type = EFLA_F64; type <= EFLA_F32 && strcmp(efla_backend_opened(b), "cuda") != 0; type++) {
      snprintf(full, sizeof full, "case %zu, rank %zu of %zu, %s, %s", n, ranks.rank, ranks.size, name,
               efla_type_name((efla_type)type));
      forward(b, full, &p, &to, (efla_type)type, mine);
      backward(b, full, &p, &to, (efla_type)type, mine);
    }
  part_clear(&p), truth_clear(&whole), truth_clear(&to), case_clear(&c), free(begin);
}

START_TEST(within_bounds) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937), *mine = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(mine, testing_seed() + ranks.rank);
  for (size_t n = ranks.size % 7; n < CASES; n += 7) {
    gsl_rng_set(draw, testing_seed() + n);
    try_case(n, draw, mine);
  }
  gsl_rng_free(draw), gsl_rng_free(mine);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {within_bounds};
  return ranks_main(argc, argv, "scan", tests, sizeof tests / sizeof *tests, 240);
}

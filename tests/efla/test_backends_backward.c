/* SPDX-License-Identifier: GPL-3.0-or-later */
/* efla_backward on every backend, instruction set and type, as test_backends.c; derivatives share places where their
 * inputs do. */
#include "backends.h"

static void backward(efla_backend *b, const char *name, const backend_case *c, const truth *to, efla_type type,
                     gsl_rng *draw) {
  const bool narrow = gsl_rng_uniform_int(draw, 2);
  backend_inputs in = backends_place(c, type, narrow, draw);
  const field states = {case_states(c), c->heads, c->dk, c->dv, 1, NULL};
  placed d_o = {.memory = NULL}, d_final = {.memory = NULL}, d[CASE_INPUTS] = {{.memory = NULL}};
  if (c->d_o.values) d_o = case_place(&c->d_o, type, draw), case_fill(&d_o, &c->d_o);
  if (c->d_final.values) d_final = case_place(&states, type, draw), case_fill(&d_final, &c->d_final);
  const efla_sequence x = backends_lend_inputs(b, &in);
  const efla_result dy = {.o = backends_lend(b, &d_o), .final_state = backends_lend(b, &d_final)};
  efla_gradient dx = {.q = {.data = NULL}};
  efla_array *const arrays[CASE_INPUTS] = {&dx.q, &dx.k, &dx.v, &dx.beta, &dx.g, &dx.p, &dx.initial_state};
  size_t skipped = gsl_rng_uniform_int(draw, 14); /* one that is not wanted, by turns */
  for (size_t i = 0; i < CASE_INPUTS; i++) {
    const field *shape = i == CASE_INITIAL && !c->in[i].values ? &states : &c->in[i];
    if (i == skipped || ((i == CASE_G || i == CASE_P) && !c->in[i].values)) continue;
    if (i == CASE_INITIAL && c->in_place)
      d[i] = d_final;
    else
      d[i] = case_place(shape, narrow && (i == CASE_BETA || i == CASE_G) ? EFLA_F32 : type, draw);
    *arrays[i] = i == CASE_INITIAL && c->in_place ? dy.final_state : backends_lend(b, &d[i]);
  }
  CHECK_OK(b, efla_backward(b, &c->rule, &x, &dy, &dx));
  for (size_t i = 0; i < CASE_INPUTS; i++)
    if (d[i].memory && !(i == CASE_INITIAL && c->in_place)) backends_return(b, &d[i], *arrays[i]);
  backends_return(b, &d_o, dy.o), backends_return(b, &d_final, dy.final_state);
  backends_return_inputs(b, &in, &x);
  backends_compare_gradients(name, c, d, to);
  free(d_o.memory), free(d_final.memory);
  backends_clear(&in);
}

START_TEST(backward_within_bounds) { backends_run(true, false, backward); }
END_TEST

int main(void) {
  const TTest *const tests[] = {backward_within_bounds};
  return testing_main("backends_backward", tests, sizeof tests / sizeof *tests, 120);
}

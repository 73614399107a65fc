/* SPDX-License-Identifier: GPL-3.0-or-later */
/* efla_forward on every backend, instruction set and type: awkward sizes and strides, packed and empty sequences,
 * shared heads, states in place, against long double (docs/bounds.md#backends). */
#include "backends.h"

static void forward(efla_backend *b, const char *name, const backend_case *c, const truth *to, efla_type type,
                    gsl_rng *draw) {
  const bool narrow = gsl_rng_uniform_int(draw, 2);
  backend_inputs in = backends_place(c, type, narrow, draw);
  const field states = {case_states(c), c->heads, c->dk, c->dv, 1, NULL};
  placed o = {.memory = NULL}, final = {.memory = NULL};
  efla_result y = {.o = {.data = NULL}};
  if (c->d_o.values) o = case_place(&c->d_o, type, draw);
  if (c->in_place)
    final = in.in[CASE_INITIAL];
  else if (c->d_final.values)
    final = case_place(&states, narrow && type == EFLA_BF16 ? EFLA_F32 : type, draw);
  if (c->half) final.unit = U16;
  const efla_sequence x = backends_lend_inputs(b, &in);
  y.o = backends_lend(b, &o);
  y.final_state = c->in_place ? x.initial_state : backends_lend(b, &final);
  CHECK_OK(b, efla_forward(b, &c->rule, &x, &y));
  backends_return_inputs(b, &in, &x);
  backends_return(b, &o, y.o);
  if (!c->in_place) backends_return(b, &final, y.final_state);
  backends_compare_outputs(name, c, &o, &final, to);
  free(o.memory);
  if (!c->in_place) free(final.memory);
  backends_clear(&in);
}

START_TEST(forward_within_bounds) { backends_run(false, true, forward); }
END_TEST

int main(void) {
  const TTest *const tests[] = {forward_within_bounds};
  return testing_main("backends", tests, sizeof tests / sizeof *tests, 120);
}

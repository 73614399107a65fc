/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decoding on every backend, instruction set and type, as test_backends.c: token by token the same answers. */
#include "backends.h"

static void *shifted(const efla_array *a, size_t token) {
  return a->data ? (char *)a->data + (ptrdiff_t)token * a->token * (ptrdiff_t)efla_type_size(a->type) : NULL;
}

/* Token t of all inputs; strides of tokens are not used. */
static efla_sequence token_of(const efla_sequence *x, size_t t) {
  efla_sequence one = *x;
  one.tokens = 1, one.initial_state.data = NULL;
  efla_array *const arrays[] = {&one.q, &one.k, &one.v, &one.beta, &one.g, &one.p};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    arrays[i]->data = shifted(arrays[i], t), arrays[i]->token = -1;
  return one;
}

static void decode(efla_backend *b, const char *name, const backend_case *c, const truth *to, efla_type type,
                   gsl_rng *draw) {
  if (c->packed) return;
  backend_inputs in = backends_place(c, type, gsl_rng_uniform_int(draw, 2), draw);
  const field states = {c->batch, c->heads, c->dk, c->dv, 1, NULL};
  placed o = {.memory = NULL}, final = c->in_place ? in.in[CASE_INITIAL] : case_place(&states, type, draw);
  if (c->d_o.values) o = case_place(&c->d_o, type, draw);
  const efla_sequence x = backends_lend_inputs(b, &in);
  efla_array lent_o = backends_lend(b, &o), lent_final = c->in_place ? x.initial_state : backends_lend(b, &final);
  efla_decoder *d;
  CHECK_OK(b, efla_decoder_open(b, &c->rule, &(efla_decoder_shape){c->batch, c->heads, c->dk, c->dv, type}, &d));
  for (size_t t = 0; t < c->tokens && t < 3; t++) { /* what reset and load do away with */
    efla_sequence one = token_of(&x, t);
    CHECK_OK(b, efla_decoder_step(d, &one, NULL));
  }
  CHECK_OK(b, x.initial_state.data ? efla_decoder_load(d, &x.initial_state) : efla_decoder_reset(d));
  for (size_t t = 0; t < c->tokens; t++) {
    efla_sequence one = token_of(&x, t);
    efla_array row = lent_o;
    row.data = shifted(&row, t), row.token = 0;
    if (!o.memory) one.q.data = NULL;
    CHECK_OK(b, efla_decoder_step(d, &one, &row));
  }
  CHECK_OK(b, efla_decoder_store(d, &lent_final));
  efla_decoder_close(d);
  backends_return_inputs(b, &in, &x);
  backends_return(b, &o, lent_o);
  if (!c->in_place) backends_return(b, &final, lent_final);
  char what[160];
  snprintf(what, sizeof what, "%s: o", name);
  if (o.memory) case_compare(what, &o, &c->d_o, c->batch, c->heads, c->tokens, to->o, to->o_error);
  snprintf(what, sizeof what, "%s: states", name);
  case_compare(what, &final, &states, c->batch, c->heads, c->dk, to->final, to->final_error);
  free(o.memory);
  if (!c->in_place) free(final.memory);
  backends_clear(&in);
}

START_TEST(decode_within_bounds) { backends_run(false, false, decode); }
END_TEST

int main(void) {
  const TTest *const tests[] = {decode_within_bounds};
  return testing_main("backends_decode", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends.h"

efla_backend *backends_open(size_t i, char name[64]) {
  efla_backend *b;
  for (size_t row = 0; efla_backend_name(row); row++) {
    const char *backend = efla_backend_name(row);
    bool vectors = !strcmp(backend, "cpu");
    for (size_t isa = 0; vectors ? efla_isa_name(isa) != NULL : isa == 0; isa++) {
      const efla_options options = {.threads = 1 + i % 2, .isa = vectors ? efla_isa_name(isa) : NULL};
      if (efla_backend_open(backend, &options, &b) == EFLA_UNSUPPORTED) continue;
      ck_assert_ptr_nonnull(b);
      snprintf(name, 64, "%s %s", backend, vectors ? efla_isa_name(isa) : "");
      if (i-- == 0) return b;
      efla_backend_close(b);
    }
  }
  return NULL;
}

backend_inputs backends_place(const backend_case *c, efla_type type, bool narrow, gsl_rng *draw) {
  backend_inputs y = {.x = {.batch = c->batch, .heads = c->heads, .tokens = c->tokens, .dk = c->dk, .dv = c->dv}};
  efla_array *const arrays[CASE_INPUTS] = {&y.x.q, &y.x.k, &y.x.v, &y.x.beta, &y.x.g, &y.x.p, &y.x.initial_state};
  y.x.g_per_channel = c->per_channel;
  if (c->packed) y.x.sequences = c->sequences, y.x.cu_seqlens = c->cu;
  for (int i = 0; i < CASE_INPUTS; i++) {
    if (!c->in[i].values) continue;
    const bool f32 = narrow && (i == CASE_BETA || i == CASE_G || (i == CASE_INITIAL && type == EFLA_BF16));
    y.in[i] = case_place(&c->in[i], f32 ? EFLA_F32 : type, draw);
    case_fill(&y.in[i], &c->in[i]);
    *arrays[i] = y.in[i].array;
  }
  return y;
}

void backends_clear(backend_inputs *x) {
  for (int i = 0; i < CASE_INPUTS; i++) free(x->in[i].memory);
}

static bool on_device(const efla_backend *b) { return !strcmp(efla_backend_opened(b), "cuda"); }

static size_t offset_of(const placed *p) { return (size_t)((unsigned char *)p->array.data - p->memory); }

efla_array backends_lend(efla_backend *b, const placed *p) {
  efla_array lent = p->array;
  if (!p->memory || !on_device(b)) return lent;
  unsigned char *memory = efla_backend_alloc(b, p->bytes);
  ck_assert_ptr_nonnull(memory);
  CHECK_OK(b, efla_backend_copy(b, memory, p->memory, p->bytes));
  lent.data = memory + offset_of(p);
  return lent;
}

void backends_return(efla_backend *b, const placed *p, efla_array lent) {
  if (!p->memory || !on_device(b)) return;
  unsigned char *memory = (unsigned char *)lent.data - offset_of(p);
  CHECK_OK(b, efla_backend_copy(b, p->memory, memory, p->bytes));
  efla_backend_free(b, memory);
}

static void list_arrays(efla_sequence *x, efla_array *arrays[CASE_INPUTS]) {
  efla_array *const list[CASE_INPUTS] = {&x->q, &x->k, &x->v, &x->beta, &x->g, &x->p, &x->initial_state};
  memcpy(arrays, list, sizeof list);
}

efla_sequence backends_lend_inputs(efla_backend *b, const backend_inputs *x) {
  efla_sequence lent = x->x;
  efla_array *arrays[CASE_INPUTS];
  list_arrays(&lent, arrays);
  for (int i = 0; i < CASE_INPUTS; i++)
    if (x->in[i].memory) *arrays[i] = backends_lend(b, &x->in[i]);
  return lent;
}

void backends_return_inputs(efla_backend *b, const backend_inputs *x, const efla_sequence *lent) {
  efla_sequence all = *lent;
  efla_array *arrays[CASE_INPUTS];
  list_arrays(&all, arrays);
  for (int i = 0; i < CASE_INPUTS; i++) backends_return(b, &x->in[i], *arrays[i]);
}

static void run_types(const backend_case *c, size_t n, bool backward, efla_type first, efla_type last,
                      backend_check *check, gsl_rng *draw) {
  truth to = case_solve(c, backward);
  char name[64], full[128];
  efla_backend *b;
  for (size_t i = 0; (b = backends_open(i, name)); i++, efla_backend_close(b))
    for (int type = (int)first; type <= (int)last; type++) {
      if (c->half && strcmp(efla_backend_opened(b), "cpu") != 0) continue;
      snprintf(full, sizeof full, "case %zu, %s, %s", n, name, efla_type_name((efla_type)type));
      check(b, full, c, &to, (efla_type)type, draw);
    }
  truth_clear(&to);
}

void backends_run(bool backward, bool half, backend_check *check) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t n = 0; n < CASES; n++) {
    backend_case c = case_make(n, draw);
    run_types(&c, n, backward, EFLA_F64, EFLA_F32, check, draw);
    if (half) case_halve(&c), run_types(&c, n, backward, EFLA_BF16, EFLA_BF16, check, draw);
    case_clear(&c);
  }
  gsl_rng_free(draw);
}

void backends_compare_outputs(const char *name, const backend_case *c, const placed *o, const placed *final,
                              const truth *to) {
  const field states = {case_states(c), c->heads, c->dk, c->dv, 1, NULL};
  char what[192];
  snprintf(what, sizeof what, "%s: o", name);
  if (o->memory) case_compare(what, o, &c->d_o, c->batch, c->heads, c->tokens, to->o, to->o_error);
  snprintf(what, sizeof what, "%s: final_state", name);
  if (final->memory) case_compare(what, final, &states, states.entries, c->heads, c->dk, to->final, to->final_error);
}

void backends_compare_gradients(const char *name, const backend_case *c, placed d[CASE_INPUTS], const truth *to) {
  static const char *const names[CASE_INPUTS] = {"q", "k", "v", "beta", "g", "p", "initial_state"};
  const field states = {case_states(c), c->heads, c->dk, c->dv, 1, NULL};
  for (size_t i = 0; i < CASE_INPUTS; i++) {
    const field *shape = i == CASE_INITIAL && !c->in[i].values ? &states : &c->in[i];
    char what[192];
    snprintf(what, sizeof what, "%s: d_%s", name, names[i]);
    if (d[i].memory)
      case_compare(what, &d[i], shape, i == CASE_INITIAL ? states.entries : c->batch, c->heads,
                   i == CASE_INITIAL ? c->dk : c->tokens, to->d[i], to->d_error[i]);
    if (i != CASE_INITIAL || !c->in_place) free(d[i].memory);
  }
}

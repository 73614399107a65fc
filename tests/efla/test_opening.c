/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening backends and decoders, reserving memory, and steps: bad arguments end in a status and a sentence. */
#include "calls.h"

START_TEST(opening) {
  efla_backend *b = (efla_backend *)calls_memory;
  ck_assert_int_eq(efla_backend_open("abacus", NULL, &b), EFLA_INVALID);
  ck_assert_ptr_null(b);
  ck_assert_str_eq(efla_last_message(NULL), "backend abacus: unknown, expected auto, cpu or reference");
  ck_assert_int_eq(efla_backend_open("cpu", &(efla_options){.isa = "z80"}, &b), EFLA_INVALID);
  ck_assert_ptr_nonnull(strstr(efla_last_message(NULL), "isa z80: unknown, expected one such as x"));
  ck_assert_int_eq(efla_backend_open("cpu", &(efla_options){.threads = EFLA_MAX_THREADS + 1}, &b), EFLA_INVALID);
  ck_assert_str_eq(efla_last_message(NULL), "threads: 1025, expected at most 1024");
  ck_assert_int_eq(efla_backend_open("reference", &(efla_options){.isa = "x86-64"}, &b), EFLA_UNSUPPORTED);
  ck_assert_int_eq(efla_backend_open("cpu", NULL, NULL), EFLA_INVALID);
  efla_backend_close(NULL);
  for (size_t i = 0; i < 2; i++) {
    ck_assert_int_eq(efla_backend_open(i ? "auto" : NULL, NULL, &b), EFLA_OK);
    ck_assert_str_eq(efla_last_message(NULL), "");
    ck_assert_str_eq(efla_backend_opened(b), efla_backend_name(0));
    efla_backend_close(b);
  }
}
END_TEST

static void lopsided_rates(double beta, double g, efla_rates *r) {
  (void)g;
  *r = (efla_rates){.erase = beta / 2, .write = beta};
}

static void lopsided_slopes(double beta, double g, efla_rates *by_beta, efla_rates *by_g) {
  (void)beta, (void)g;
  *by_beta = (efla_rates){.erase = 0.5, .write = 1}, *by_g = (efla_rates){0};
}

/* A decay of the caller's own without an argument, whose e is not w: the backends agree on it, outputs and derivatives,
 * within the rounding of T steps of sums over dk and dv, of numbers below 4. */
START_TEST(rows_of_the_caller) {
  const efla_decay lopsided = {
      .name = "lopsided", .what = "erases half", .rates = lopsided_rates, .slopes = lopsided_slopes};
  static double found[2][2][CALLS_ROOM];
  for (int i = 0; i < 2; i++) {
    efla_backend *b;
    call c = calls_right();
    for (size_t n = 0; n < 6 * CALLS_ROOM; n++) calls_memory[n / CALLS_ROOM][n % CALLS_ROOM] = sin((double)n) / 2;
    for (size_t n = 0; n < CALLS_ROOM; n++) calls_memory[3][n] += 0.5, calls_memory[8][n] = calls_memory[9][n] = 0.5;
    c.rule.decay = &lopsided, c.x.g = c.dx.g = (efla_array){0};
    ck_assert_int_eq(efla_backend_open(i ? "reference" : "cpu", NULL, &b), EFLA_OK);
    ck_assert_msg(efla_forward(b, &c.rule, &c.x, &c.y) == EFLA_OK, "%s", efla_last_message(b));
    ck_assert_msg(efla_backward(b, &c.rule, &c.x, &c.dy, &c.dx) == EFLA_OK, "%s", efla_last_message(b));
    memcpy(found[i][0], calls_memory[6], B * T * H * DV * sizeof(double));
    memcpy(found[i][1], calls_memory[11], B * T * H * DK * sizeof(double));
    efla_backend_close(b);
  }
  for (size_t n = 0; n < B * T * H * DV; n++)
    CHECK_BOUND(fabs(found[0][0][n] - found[1][0][n]), 4 * T * (DK + DV + 8) * U);
  for (size_t n = 0; n < B * T * H * DK; n++)
    CHECK_BOUND(fabs(found[0][1][n] - found[1][1][n]), 4 * T * (DK + DV + 8) * U);
}
END_TEST

SPOIL(no_k, c->x.k.data = NULL)
SPOIL(o_on_v, c->y.o.data = c->x.v.data)
SPOIL(two_tokens, c->x.tokens = 2)
SPOIL(one_entry, c->x.batch = 1)
SPOIL(fewer_heads, c->x.heads = 2)
SPOIL(shorter_keys, c->x.dk = DK - 1)
SPOIL(shorter_values, c->x.dv = DV - 1)
SPOIL(with_state, c->x.initial_state = efla_array_states(calls_memory[5], EFLA_F64, H, DK, DV))
SPOIL(packed, c->x.batch = 1; c->x.cu_seqlens = c->cu, c->x.sequences = 1)
SPOIL(wrong_type, c->x.q.type = c->x.k.type = c->x.v.type = c->y.o.type = c->x.beta.type = c->x.g.type = EFLA_F32)
static const bad steps[] = {
    {two_tokens, EFLA_INVALID, "tokens: 2, expected 1"},
    {one_entry, EFLA_INVALID, "batch: 1, expected the decoder's 2"},
    {fewer_heads, EFLA_INVALID, "heads: 2, expected the decoder's 4"},
    {shorter_keys, EFLA_INVALID, "dk: 4, expected the decoder's 5"},
    {shorter_values, EFLA_INVALID, "dv: 5, expected the decoder's 6"},
    {with_state, EFLA_INVALID, "initial_state: present"},
    {packed, EFLA_INVALID, "cu_seqlens: present"},
    {wrong_type, EFLA_INVALID, "v: type f32, expected the decoder's f64"},
    {no_k, EFLA_INVALID, "k: data is NULL"},
    {o_on_v, EFLA_INVALID, "o: in the memory of v"},
};

static call right_token(void) {
  call c = calls_right();
  c.x.tokens = 1, c.x.initial_state.data = NULL, c.cu[1] = 1;
  return c;
}

START_TEST(decoding) {
  const efla_decoder_shape shape = {B, H, DK, DV, EFLA_F64}, empty = {B, 0, DK, DV, EFLA_F64},
                           strange = {B, H, DK, DV, (efla_type)9}, half = {B, H, DK, DV, EFLA_F16};
  call c = right_token();
  efla_decoder *d = NULL;
  ck_assert_int_eq(efla_decoder_open(NULL, &c.rule, &shape, &d), EFLA_INVALID);
  ck_assert_int_eq(efla_decoder_step(NULL, &c.x, NULL), EFLA_INVALID);
  ck_assert_int_eq(efla_decoder_load(NULL, &c.x.v), EFLA_INVALID);
  ck_assert_int_eq(efla_decoder_reset(NULL), EFLA_INVALID);
  efla_decoder_close(NULL);
  FOR_EACH_BACKEND(b) {
    calls_poison();
    calls_refused(b, efla_decoder_open(b, NULL, &shape, &d), &(bad){NULL, EFLA_INVALID, "rule: the pointer"});
    calls_refused(b, efla_decoder_open(b, &c.rule, NULL, &d), &(bad){NULL, EFLA_INVALID, "shape: the pointer"});
    calls_refused(b, efla_decoder_open(b, &c.rule, &shape, NULL), &(bad){NULL, EFLA_INVALID, "decoder: the pointer"});
    calls_refused(b, efla_decoder_open(b, &c.rule, &empty, &d), &(bad){NULL, EFLA_INVALID, "heads: 0"});
    calls_refused(b, efla_decoder_open(b, &c.rule, &strange, &d), &(bad){NULL, EFLA_INVALID, "shape: 9 is no type"});
    calls_refused(b, efla_decoder_open(b, &c.rule, &half, &d), &(bad){NULL, EFLA_UNSUPPORTED, "type f16"});
    ck_assert_ptr_null(d);
    ck_assert_int_eq(efla_decoder_open(b, &c.rule, &shape, &d), EFLA_OK);
    for (size_t i = 0; i < COUNT(steps); i++) {
      call one = right_token();
      steps[i].spoil(&one);
      calls_refused(b, efla_decoder_step(d, &one.x, &one.y.o), &steps[i]);
    }
    const efla_array states = efla_array_states(calls_memory[7], EFLA_F64, H, DK, DV);
    efla_array shared = states, narrow = states;
    shared.batch = 0, narrow.type = EFLA_F32;
    calls_refused(b, efla_decoder_load(d, NULL), &(bad){NULL, EFLA_INVALID, "states: data is NULL"});
    calls_refused(b, efla_decoder_store(d, &shared), &(bad){NULL, EFLA_INVALID, "states: batch stride 0"});
    calls_refused(b, efla_decoder_load(d, &narrow), &(bad){NULL, EFLA_INVALID, "states: type f32, expected f64"});
    ck_assert_int_eq(efla_decoder_store(d, &states), EFLA_OK);
    for (size_t i = 0; i < (size_t)B * H * DK * DV; i++) ck_assert(calls_memory[7][i] == 0);
    efla_decoder_close(d);
  }
}
END_TEST

/* After efla_reserve a larger call fails, and what was reserved for does not. */
START_TEST(reserving) {
  FOR_EACH_BACKEND(b) {
    call c = calls_right();
    memset(calls_memory, 0, sizeof calls_memory);
    for (int backward = 0; backward < 2; backward++) {
      ck_assert_int_eq(efla_reserve(b, &c.rule, &c.x, backward), EFLA_OK);
      ck_assert_int_eq(efla_forward(b, &c.rule, &c.x, &c.y), EFLA_OK);
    }
    ck_assert_int_eq(efla_backward(b, &c.rule, &c.x, &c.dy, &c.dx), EFLA_OK);
    call larger = calls_right();
    larger.x.dk = larger.x.dv = (size_t)1 << 12, larger.x.heads = larger.x.batch = larger.x.tokens = 1;
    larger.x.q.data = larger.y.o.data = larger.y.final_state.data = larger.x.initial_state.data = NULL;
    ck_assert_int_eq(efla_forward(b, &larger.rule, &larger.x, &larger.y), EFLA_NO_MEMORY);
    ck_assert_ptr_nonnull(strstr(efla_last_message(b), "are reserved"));
  }
}
END_TEST

/* Memory of the caller's as large as is said is enough, and nothing past it is written; less is not enough. */
START_TEST(lending) {
  FOR_EACH_BACKEND(b) {
    call c = calls_right();
    memset(calls_memory, 0, sizeof calls_memory);
    for (int backward = 0; backward < 2; backward++) {
      size_t bytes = 0;
      ck_assert_int_eq(efla_workspace_bytes(b, &c.rule, &c.x, backward ? &c.dy : &c.y, backward ? &c.dx : NULL, &bytes),
                       EFLA_OK);
      unsigned char *memory = aligned_alloc(128, (bytes + 256) / 128 * 128);
      memset(memory, 77, (bytes + 256) / 128 * 128);
      ck_assert_int_eq(efla_workspace_lend(b, memory + 1, bytes), EFLA_INVALID);
      ck_assert_str_eq(efla_last_message(b), "workspace: not aligned to 128 bytes");
      for (int short_of = 0; short_of < 2; short_of++) {
        const efla_status expected = short_of && bytes > 0 ? EFLA_NO_MEMORY : EFLA_OK;
        ck_assert_int_eq(efla_workspace_lend(b, memory, bytes - (expected != EFLA_OK)), EFLA_OK);
        if (backward)
          ck_assert_int_eq(efla_backward(b, &c.rule, &c.x, &c.dy, &c.dx), expected);
        else
          ck_assert_int_eq(efla_forward(b, &c.rule, &c.x, &c.y), expected);
      }
      for (int i = 0; i < 128; i++) ck_assert_int_eq(memory[bytes + (size_t)i], 77);
      ck_assert_int_eq(efla_workspace_lend(b, NULL, 0), EFLA_OK);
      free(memory);
      ck_assert_int_eq(efla_backward(b, &c.rule, &c.x, &c.dy, &c.dx), EFLA_OK);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {opening, rows_of_the_caller, decoding, reserving, lending};
  return testing_main("opening", tests, sizeof tests / sizeof *tests, 60);
}

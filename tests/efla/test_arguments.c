/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every bad argument of the library's calls ends in its status and a sentence, in every build and on every backend, and
 * nothing is written then. */
#include "calls.h"

SPOIL(no_method, c->rule.method = NULL)
SPOIL(nan_scale, c->rule.scale = NAN)
SPOIL(no_batch, c->x.batch = 0)
SPOIL(no_heads, c->x.heads = 0)
SPOIL(no_dk, c->x.dk = 0)
SPOIL(no_dv, c->x.dv = 0)
SPOIL(huge_tokens, c->x.tokens = SIZE_MAX / 4)
SPOIL(huge_state, c->x.dk = (size_t)1 << 36)
SPOIL(no_q, c->x.q.data = NULL)
SPOIL(no_k, c->x.k.data = NULL)
SPOIL(no_v, c->x.v.data = NULL)
SPOIL(no_beta, c->x.beta.data = NULL)
SPOIL(no_g, c->x.g.data = NULL)
SPOIL(no_gate, c->rule.decay = NULL)
SPOIL(k_type, c->x.k.type = EFLA_F32)
SPOIL(beta_type, c->x.beta.type = EFLA_BF16)
SPOIL(strange_type, c->x.q.type = (efla_type)77)
SPOIL(state_type, c->x.initial_state.type = EFLA_F32)
SPOIL(k_head, c->x.k.head = 4)
SPOIL(k_negative, c->x.k.token = -DK * H)
SPOIL(v_token, c->x.v.token = 1)
SPOIL(q_repeat, c->x.q.repeat = 3)
SPOIL(far_batch, c->x.v.batch = PTRDIFF_MAX / 2)
SPOIL(k_unaligned, c->x.k.data = (char *)calls_memory[1] + 4)
SPOIL(state_unaligned, c->x.initial_state.data = (char *)calls_memory[5] + 1)
SPOIL(cu_batch, c->x.cu_seqlens = c->cu, c->x.sequences = 3)
SPOIL(cu_none, c->x.batch = 1, c->x.cu_seqlens = c->cu)
SPOIL(cu_absent, c->x.sequences = 3)
SPOIL(cu_start, c->x.batch = 1, c->x.cu_seqlens = c->cu, c->x.sequences = 3, c->cu[0] = 1)
SPOIL(cu_falls, c->x.batch = 1, c->x.cu_seqlens = c->cu, c->x.sequences = 3, c->cu[1] = 2)
SPOIL(cu_end, c->x.batch = 1, c->x.cu_seqlens = c->cu, c->x.sequences = 2)
SPOIL(o_type, c->y.o.type = EFLA_F32)
SPOIL(o_shared, c->y.o.head = 0)
SPOIL(o_overlaps, c->y.o.token = DV * H - 1)
SPOIL(o_repeats, c->y.o.repeat = 2)
SPOIL(o_unaligned, c->y.o.data = (char *)calls_memory[6] + 2)
SPOIL(o_on_v, c->y.o.data = c->x.v.data)
SPOIL(final_on_k, c->y.final_state.data = c->x.k.data)
SPOIL(final_shared, c->y.final_state.batch = 0)
SPOIL(final_on_o, c->y.final_state.data = c->y.o.data)
SPOIL(final_moved, c->y.final_state.data = c->x.initial_state.data, c->y.final_state.batch *= 2)
SPOIL(do_type, c->dy.o.type = EFLA_F32)
SPOIL(df_type, c->dy.final_state.type = EFLA_F32)
SPOIL(dq_type, c->dx.q.type = EFLA_F32)
SPOIL(dbeta_type, c->x.beta.type = EFLA_F32)
SPOIL(dk_shared, c->dx.k.head = 0)
SPOIL(dk_repeats, c->dx.k.repeat = 2)
SPOIL(dk_repeat_more, c->x.k.repeat = 2, c->dx.k.repeat = 4)
SPOIL(dk_repeat_odd, c->dx.k.repeat = 3, c->x.k.head = 0)
SPOIL(dv_overlaps, c->dx.v.token = 3)
SPOIL(dv_on_do, c->dx.v.data = c->dy.o.data)
SPOIL(dv_on_dq, c->dx.v.data = c->dx.q.data)
SPOIL(dk_on_k, c->dx.k.data = c->x.k.data)
SPOIL(di_moved, c->dx.initial_state.data = c->dy.final_state.data, c->dx.initial_state.batch *= 2)
SPOIL(dg_alone, c->x.g.data = NULL, c->rule.decay = NULL)
SPOIL(half, c->x.q.type = c->x.k.type = c->x.v.type = c->x.beta.type = c->x.g.type = c->x.initial_state.type =
                c->y.o.type = c->y.final_state.type = c->dy.o.type = c->dy.final_state.type = EFLA_F16)

/* Wrong for forward and backward alike. */
static const bad inputs[] = {
    {no_method, EFLA_INVALID, "rule: method is NULL"},
    {nan_scale, EFLA_INVALID, "rule: scale nan"},
    {no_batch, EFLA_INVALID, "batch: 0, expected at least 1"},
    {no_heads, EFLA_INVALID, "heads: 0, expected at least 1"},
    {no_dk, EFLA_INVALID, "dk: 0, expected at least 1"},
    {no_dv, EFLA_INVALID, "dv: 0, expected at least 1"},
    {huge_tokens, EFLA_INVALID, "batch x heads x tokens x dk are more than"},
    {huge_state, EFLA_INVALID, "numbers"},
    {no_q, EFLA_INVALID, "q: data is NULL"},
    {no_k, EFLA_INVALID, "k: data is NULL"},
    {no_v, EFLA_INVALID, "v: data is NULL"},
    {no_beta, EFLA_INVALID, "beta: data is NULL"},
    {no_g, EFLA_INVALID, "g: data is NULL, which decay split needs"},
    {no_gate, EFLA_INVALID, "g: present, but decay none takes none"},
    {k_type, EFLA_INVALID, "k: type f32, expected f64"},
    {beta_type, EFLA_INVALID, "beta: type bf16, expected f64 or f32"},
    {strange_type, EFLA_INVALID, "q: 77 is no type"},
    {state_type, EFLA_INVALID, "initial_state: type f32, expected f64"},
    {k_head, EFLA_INVALID, "k: head stride 4, expected at least 5 or 0"},
    {k_negative, EFLA_INVALID, "k: token stride -20, expected at least 5 or 0"},
    {v_token, EFLA_INVALID, "v: token stride 1, expected at least 6 or 0"},
    {q_repeat, EFLA_INVALID, "q: repeat 3, expected a divisor of the 4 heads"},
    {far_batch, EFLA_INVALID, "v: strides reach past the end of the address space"},
    {k_unaligned, EFLA_INVALID, "k: data not aligned, expected a multiple of 8 bytes"},
    {state_unaligned, EFLA_INVALID, "initial_state: data not aligned"},
    {cu_batch, EFLA_INVALID, "batch: 2, expected 1 with cu_seqlens"},
    {cu_none, EFLA_INVALID, "sequences: 0, expected at least 1 with cu_seqlens"},
    {cu_absent, EFLA_INVALID, "cu_seqlens: NULL, expected 4 numbers"},
    {cu_start, EFLA_INVALID, "cu_seqlens[0]: 1, expected 0"},
    {cu_falls, EFLA_INVALID, "cu_seqlens[2]: 1, expected at least 2"},
    {cu_end, EFLA_INVALID, "cu_seqlens[2]: 1, expected 3 tokens"},
    {half, EFLA_UNSUPPORTED, "type f16: the"},
};

static const bad results[] = {
    {o_type, EFLA_INVALID, "o: type f32, expected f64"},
    {o_shared, EFLA_INVALID, "o: head stride 0, expected at least 6"},
    {o_overlaps, EFLA_INVALID, "o: token stride 23, expected at least 24"},
    {o_repeats, EFLA_INVALID, "o: repeat 2, expected 1 of an output"},
    {o_unaligned, EFLA_INVALID, "o: data not aligned"},
    {o_on_v, EFLA_INVALID, "o: in the memory of v"},
    {final_on_k, EFLA_INVALID, "final_state: in the memory of k"},
    {final_shared, EFLA_INVALID, "final_state: batch stride 0, expected at least 6"},
    {final_on_o, EFLA_INVALID, "final_state: in the memory of o"},
    {final_moved, EFLA_INVALID, "final_state: in the memory of initial_state, expected the same strides"},
};

static const bad gradients[] = {
    {do_type, EFLA_INVALID, "derivative by o: type f32, expected f64"},
    {df_type, EFLA_INVALID, "derivative by final_state: type f32, expected f64"},
    {dq_type, EFLA_INVALID, "gradient q: type f32, expected f64"},
    {dbeta_type, EFLA_INVALID, "gradient beta: type f64, expected f32"},
    {dk_shared, EFLA_INVALID, "gradient k: head stride 0, expected at least 5"},
    {dk_repeats, EFLA_INVALID, "gradient k: repeat 2, expected 1 or a divisor of the input's 1"},
    {dk_repeat_more, EFLA_INVALID, "gradient k: repeat 4, expected 1 or a divisor of the input's 2"},
    {dk_repeat_odd, EFLA_INVALID, "gradient k: repeat 3, expected a divisor of the 4 heads"},
    {dv_overlaps, EFLA_INVALID, "gradient v: token stride 3, expected at least 6"},
    {dv_on_do, EFLA_INVALID, "gradient v: in the memory of the derivative by o"},
    {dv_on_dq, EFLA_INVALID, "gradient v: in the memory of gradient q"},
    {dk_on_k, EFLA_INVALID, "gradient k: in the memory of k"},
    {di_moved, EFLA_INVALID, "gradient initial_state: in the memory of the derivative by final_state, expected"},
    {dg_alone, EFLA_INVALID, "gradient g: present, but g is not"},
};

START_TEST(calls) {
  FOR_EACH_BACKEND(b) {
    for (size_t i = 0; i < COUNT(inputs) + COUNT(results); i++) {
      const bad *one = i < COUNT(inputs) ? &inputs[i] : &results[i - COUNT(inputs)];
      call c = calls_right();
      one->spoil(&c);
      calls_poison();
      calls_refused(b, efla_forward(b, &c.rule, &c.x, &c.y), one);
    }
    for (size_t i = 0; i < COUNT(inputs) + COUNT(gradients); i++) {
      const bad *one = i < COUNT(inputs) ? &inputs[i] : &gradients[i - COUNT(inputs)];
      call c = calls_right();
      one->spoil(&c);
      calls_poison();
      calls_refused(b, efla_backward(b, &c.rule, &c.x, &c.dy, &c.dx), one);
    }
  }
}
END_TEST

START_TEST(null_pointers) {
  call c = calls_right();
  ck_assert_int_eq(efla_forward(NULL, &c.rule, &c.x, &c.y), EFLA_INVALID);
  ck_assert_int_eq(efla_backward(NULL, &c.rule, &c.x, &c.dy, &c.dx), EFLA_INVALID);
  ck_assert_int_eq(efla_reserve(NULL, &c.rule, &c.x, true), EFLA_INVALID);
  FOR_EACH_BACKEND(b) {
    calls_poison();
    calls_refused(b, efla_forward(b, NULL, &c.x, &c.y), &(bad){NULL, EFLA_INVALID, "rule: the pointer is NULL"});
    calls_refused(b, efla_forward(b, &c.rule, NULL, &c.y), &(bad){NULL, EFLA_INVALID, "sequence: the pointer is NULL"});
    calls_refused(b, efla_forward(b, &c.rule, &c.x, NULL), &(bad){NULL, EFLA_INVALID, "result: the pointer is NULL"});
    calls_refused(b, efla_backward(b, &c.rule, &c.x, NULL, &c.dx), &(bad){NULL, EFLA_INVALID, "result: the pointer"});
    calls_refused(b, efla_backward(b, &c.rule, &c.x, &c.dy, NULL), &(bad){NULL, EFLA_INVALID, "gradient: the pointer"});
    calls_refused(b, efla_reserve(b, NULL, &c.x, true), &(bad){NULL, EFLA_INVALID, "rule: the pointer is NULL"});
    calls_refused(b, efla_reserve(b, &c.rule, NULL, true), &(bad){NULL, EFLA_INVALID, "sequence: the pointer is NULL"});
    memset(calls_memory, 0, sizeof calls_memory);
    ck_assert_int_eq(efla_forward(b, &c.rule, &c.x, &c.y), EFLA_OK);
    ck_assert_str_eq(efla_last_message(b), "");
  }
}
END_TEST

/* Arguments of the places where nothing is do not matter, and neither do strides of one entry. */
START_TEST(what_is_not_used) {
  FOR_EACH_BACKEND(b) {
    call c = calls_right();
    c.x.tokens = 0, c.x.q.data = c.x.k.data = c.x.v.data = c.x.beta.data = c.x.g.data = c.y.o.data = NULL;
    calls_poison();
    memset(calls_memory[5], 0, sizeof calls_memory[5]);
    ck_assert_msg(!efla_forward(b, &c.rule, &c.x, &c.y), "%s", efla_last_message(b));
    for (size_t i = 0; i < (size_t)B * H * DK * DV; i++) ck_assert(calls_memory[7][i] == 0);
    c = calls_right();
    memset(calls_memory, 0, sizeof calls_memory);
    c.x.batch = 1, c.x.k.batch = 1, c.y.o.batch = 0, c.x.q.data = NULL, c.y.o.data = NULL;
    ck_assert_msg(!efla_forward(b, &c.rule, &c.x, &c.y), "%s", efla_last_message(b));
    c.y.final_state.data = NULL;
    ck_assert_msg(!efla_forward(b, &c.rule, &c.x, &c.y), "%s", efla_last_message(b));
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {calls, null_pointers, what_is_not_used};
  return testing_main("arguments", tests, sizeof tests / sizeof *tests, 60);
}

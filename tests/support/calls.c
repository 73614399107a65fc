/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "calls.h"

double calls_memory[16][CALLS_ROOM];

static efla_array token_major(int i, size_t features) {
  return efla_array_token_major(calls_memory[i], EFLA_F64, T, H, features);
}

call calls_right(void) {
  call c = {.cu = {0, 1, 1, T}};
  efla_rule_find("exact", "split", "raw", &c.rule);
  c.x = (efla_sequence){.batch = B, .heads = H, .tokens = T, .dk = DK, .dv = DV};
  c.x.q = token_major(0, DK), c.x.k = token_major(1, DK), c.x.v = token_major(2, DV);
  c.x.beta = token_major(3, 1), c.x.g = token_major(4, 1);
  c.x.initial_state = efla_array_states(calls_memory[5], EFLA_F64, H, DK, DV);
  c.y.o = token_major(6, DV), c.y.final_state = efla_array_states(calls_memory[7], EFLA_F64, H, DK, DV);
  c.dy.o = token_major(8, DV), c.dy.final_state = efla_array_states(calls_memory[9], EFLA_F64, H, DK, DV);
  c.dx.q = token_major(10, DK), c.dx.k = token_major(11, DK), c.dx.v = token_major(12, DV);
  c.dx.beta = token_major(13, 1), c.dx.g = token_major(14, 1);
  c.dx.initial_state = efla_array_states(calls_memory[15], EFLA_F64, H, DK, DV);
  return c;
}

void calls_poison(void) { memset(calls_memory, 0xff, sizeof calls_memory); }

void calls_refused(efla_backend *b, efla_status status, const bad *expected) {
  ck_assert_msg(status == expected->status && strstr(efla_last_message(b), expected->message),
                "%s: \"%s\", expected \"%s\"", efla_status_text(status), efla_last_message(b), expected->message);
  size_t written = 0;
  for (size_t i = 0; i < sizeof calls_memory; i++) written += ((const unsigned char *)calls_memory)[i] != 0xff;
  ck_assert_msg(written == 0, "%zu bytes were written, then: %s", written, expected->message);
}

efla_backend *calls_open(size_t i) {
  efla_backend *b;
  const efla_status status = efla_backend_open(efla_backend_name(i), NULL, &b);
  if (status == EFLA_UNSUPPORTED) return NULL; /* no device */
  ck_assert_int_eq(status, EFLA_OK);
  ck_assert_str_eq(efla_backend_opened(b), efla_backend_name(i));
  ck_assert_ptr_nonnull(efla_backend_what(i));
  return b;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decoding against the definition: every read-out and the state at the end, for every isa and number of threads. */
#include "kernel_problem.h"
#include "testing.h"

static void *aligned(size_t n, size_t size) {
  void *block = aligned_alloc(EFLA_TILE_BYTES, (n * size + EFLA_TILE_BYTES - 1) / EFLA_TILE_BYTES * EFLA_TILE_BYTES);
  ck_assert_ptr_nonnull(block);
  memset(block, 255, n * size); /* nan */
  return block;
}

/* Token by token through decoding: every read-out, and the state after every token. */
static void decode(kernel_problem *p, size_t threads) {
  efla_heads now = p->heads;
  size_t n = now.batch * now.heads, dk = now.dk, dv = now.dv;
  now.tokens = 1, now.threads = threads;
  double *states = aligned(n * efla_decode_state_f64(dk, dv), sizeof *states);
  float *states32 = aligned(n * efla_decode_state_f32(dk, dv), sizeof *states32);
  efla_decode_load_f64(&now, p->x.initial, states);
  efla_decode_load_f32(&now, p->x32.initial, states32);
  for (size_t t = 0; t < p->heads.tokens; t++) { /* one batch entry, token-major: rows of token t lie together */
    size_t row = t * n;
    efla_kernel_f64 x = {
        .q = p->x.q + row * dk, .k = p->x.k + row * dk, .v = p->x.v + row * dv, .write = p->x.write + row};
    efla_kernel_f32 y = {
        .q = p->x32.q + row * dk, .k = p->x32.k + row * dk, .v = p->x32.v + row * dv, .write = p->x32.write + row};
    if (p->x.decay) x.decay = p->x.decay + row, y.decay = p->x32.decay + row;
    if (p->x.decay) x.erase = p->x.erase + row, y.erase = p->x32.erase + row;
    if (t % 5 != 3) x.o = p->x.o + row * dv, y.o = p->x32.o + row * dv; /* some tokens are not read out */
    efla_decode_step_f64(&now, &x, states);
    efla_decode_step_f32(&now, &y, states32);
    if (x.o) kernel_problem_compare_rows(p, row, n, x.o, NULL), kernel_problem_compare_rows(p, row, n, NULL, y.o);
  }
  efla_decode_store_f64(&now, states, p->x.final);
  efla_decode_store_f32(&now, states32, p->x32.final);
  kernel_problem_compare_states(p, p->x.final, NULL);
  kernel_problem_compare_states(p, NULL, p->x32.final);
  free(states), free(states32);
}

START_TEST(decoding) {
  static const size_t sizes[][2] = {{1, 1}, {64, 64}, {65, 33}, {3, 200}, {128, 16}};
  for (size_t s = 0; s < 5; s++)
    for (int decays = 0; decays < 2; decays++) {
      kernel_problem p = kernel_problem_init(
          (efla_heads){.batch = 1, .heads = 3, .tokens = 40, .dk = sizes[s][0], .dv = sizes[s][1]}, decays, s % 2);
      FOR_EACH_ISA(isa) {
        p.heads.isa = isa;
        decode(&p, 1);
        decode(&p, 2);
        decode(&p, 7);
      }
      kernel_problem_clear(&p);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {decoding};
  return testing_main("decode", tests, sizeof tests / sizeof *tests, 240);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files of every structure, by a fixed seed: what is right is accepted and reads as it was written, what is not
 * is refused. */
#include "readers.h"
#include "structure.h"
#include "testing.h"

#include <gsl/gsl_rng.h>

enum { CASES = 250 };

/* readers_structure checks each file, and aborts where it finds a fault. */
START_TEST(described_files) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  int accepted = 0;
  for (int i = 0; i < CASES; i++) {
    uint8_t bytes[STRUCTURE_BYTES];
    for (size_t b = 0; b < sizeof bytes; b++) bytes[b] = (uint8_t)gsl_rng_uniform_int(draw, 256);
    accepted += readers_structure(bytes, sizeof bytes);
  }
  gsl_rng_free(draw);
  ck_assert_msg(accepted >= CASES / 10 && accepted <= CASES - CASES / 10, "%d of %d files accepted", accepted, CASES);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {described_files};
  return testing_main("structure", tests, sizeof tests / sizeof *tests, 60);
}

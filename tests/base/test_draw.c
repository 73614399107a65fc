/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short random streams: the published numbers of SplitMix64, and what is made of them. */
#include "draws.h"
#include "testing.h"

START_TEST(the_stream_is_splitmix64) {
  static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                       4593380528125082431u, 16408922859458223821u};
  efla_draw plain = efla_draw_begin(1234567), bits = plain, share = plain;
  for (size_t i = 0; i < 5; i++) {
    ck_assert_uint_eq(efla_seed_64(1234567, i), published[i]);
    ck_assert_uint_eq(efla_seed(1234567, i), published[i] & 0xffffffff);
    ck_assert_uint_eq(efla_draw_below(&plain, 1000), published[i] % 1000);
    ck_assert_uint_eq(efla_draw_below(&bits, 1), 0);
    ck_assert(efla_draw_uniform(&share) == ldexp((double)(published[i] >> 11), -53));
  }
}
END_TEST

/* Of 2^64 numbers 3*2^62 can be used for as many remainders; with the others the lowest third would come twice as
 * often. */
START_TEST(remainders_are_without_bias) {
  enum { N = 30000 };
  efla_draw draw = efla_draw_begin(testing_seed());
  double third[3] = {0}, half = 0;
  for (size_t i = 0; i < N; i++) {
    third[efla_draw_below(&draw, UINT64_C(3) << 62) >> 62]++;
    half += efla_draw_uniform(&draw) < .5;
  }
  for (size_t k = 0; k < 3; k++) draws_check_share(third[k], N, 1. / 3, 5, 0);
  draws_check_share(half, N, .5, 5, 0);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_stream_is_splitmix64, remainders_are_without_bias};
  return testing_main("draw", tests, sizeof tests / sizeof *tests, 30);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Communicators: what every rank sends arrives where and as it should. */
#include "ranks.h"

/* The bytes that rank a has for rank b: some pairs have nothing for each other. */
static size_t bytes_of(size_t a, size_t b) { return (3 * a + 5 * b) % 7 * 100; }
static char letter_of(size_t a, size_t b, size_t i) { return (char)('!' + (17 * a + 31 * b + i) % 90); }

static void exchange_on(const efla_communicator *c) {
  size_t *sent = calloc(2 * c->size, sizeof *sent), *received = sent + c->size, out = 0, in = 0;
  for (size_t r = 0; r < c->size; r++)
    sent[r] = bytes_of(c->rank, r), received[r] = bytes_of(r, c->rank), out += sent[r], in += received[r];
  char *send = malloc(out + 1), *receive = malloc(in + 1), *at = send;
  for (size_t r = 0; r < c->size; r++)
    for (size_t i = 0; i < sent[r]; i++) *at++ = letter_of(c->rank, r, i);
  receive[in] = '~'; /* no byte more arrives */
  ck_assert_int_eq(c->exchange(c, send, sent, receive, received), EFLA_OK);
  at = receive;
  for (size_t r = 0; r < c->size; r++)
    for (size_t i = 0; i < received[r]; i++) ck_assert_int_eq(*at++, letter_of(r, c->rank, i));
  ck_assert_int_eq(*at, '~');
  free(sent), free(send), free(receive);
}

static void gather_on(const efla_communicator *c) {
  enum { BYTES = 1000 };
  char mine[BYTES], *all = malloc(c->size * BYTES);
  for (size_t i = 0; i < BYTES; i++) mine[i] = letter_of(c->rank, 0, i);
  ck_assert_int_eq(c->gather(c, mine, BYTES, all), EFLA_OK);
  for (size_t r = 0; r < c->size; r++)
    for (size_t i = 0; i < BYTES; i++) ck_assert_int_eq(all[r * BYTES + i], letter_of(r, 0, i));
  ck_assert_int_eq(c->gather(c, mine, 0, all), EFLA_OK);
  free(all);
}

static void broadcast_on(const efla_communicator *c) {
  for (size_t root = 0; root < c->size; root++) {
    size_t data = 100 + c->rank;
    ck_assert_int_eq(c->broadcast(c, &data, sizeof data, root), EFLA_OK);
    ck_assert_uint_eq(data, 100 + root);
  }
}

START_TEST(exchange) { exchange_on(&ranks); }
END_TEST
START_TEST(gather) { gather_on(&ranks); }
END_TEST
START_TEST(broadcast) { broadcast_on(&ranks); }
END_TEST

START_TEST(serial) {
  const efla_communicator alone = efla_communicator_serial();
  ck_assert(alone.rank == 0 && alone.size == 1);
  exchange_on(&alone), gather_on(&alone), broadcast_on(&alone);
}
END_TEST

/* Shares cover all items, in order, and their lengths differ by at most one. */
START_TEST(shares) {
  for (size_t n = 0; n <= 20; n++) {
    size_t size = ranks.size, least = n, most = 0;
    ck_assert_uint_eq(efla_rank_first(n, 0, size), 0);
    ck_assert_uint_eq(efla_rank_first(n, size, size), n);
    for (size_t r = 0; r < size; r++) {
      const size_t length = efla_rank_first(n, r + 1, size) - efla_rank_first(n, r, size);
      least = length < least ? length : least, most = length > most ? length : most;
    }
    ck_assert(most - least <= 1);
  }
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {exchange, gather, broadcast, serial, shares};
  return ranks_main(argc, argv, "communicator", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: MIT */
#include "efla/communicator.h"

#include <stdlib.h>
#include <string.h>

static efla_status exchange(const efla_communicator *c, const void *send, const size_t *sent, void *receive,
                            const size_t *received) {
  (void)c, (void)received;
  if (sent[0] > 0) memcpy(receive, send, sent[0]);
  return EFLA_OK;
}

static efla_status gather(const efla_communicator *c, const void *mine, size_t bytes, void *all) {
  (void)c;
  if (bytes > 0) memcpy(all, mine, bytes);
  return EFLA_OK;
}

static efla_status broadcast(const efla_communicator *c, void *data, size_t bytes, size_t root) {
  (void)c, (void)data, (void)bytes, (void)root;
  return EFLA_OK;
}

static void stop(const efla_communicator *c, int exit_status) {
  (void)c;
  exit(exit_status);
}

efla_communicator efla_communicator_serial(void) {
  return (efla_communicator){
      .name = "serial", .size = 1, .exchange = exchange, .gather = gather, .broadcast = broadcast, .abort = stop};
}

/* The first n % size ranks have one item more. */
size_t efla_rank_first(size_t n, size_t rank, size_t size) {
  const size_t least = n / size, longer = n % size;
  return rank * least + (rank < longer ? rank : longer);
}

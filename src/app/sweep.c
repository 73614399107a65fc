/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/sweep.h"

size_t efla_sweep_size(const efla_list *const *lists) {
  size_t size = 1;
  for (; *lists; lists++) size *= (*lists)->n;
  return size;
}

void efla_sweep_at(const efla_list *const *lists, size_t i, size_t *at) {
  size_t n = 0;
  while (lists[n]) n++;
  for (size_t l = n; l-- > 0; i /= lists[l]->n) at[l] = i % lists[l]->n;
}

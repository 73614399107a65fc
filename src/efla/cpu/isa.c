/* SPDX-License-Identifier: MIT */
#include "efla/cpu/isa.h"

extern const efla_isa efla_isa_x86_64_v4, efla_isa_x86_64_v3, efla_isa_generic;

static const efla_isa *const isas[] = {
#ifdef __x86_64__
    &efla_isa_x86_64_v4,
    &efla_isa_x86_64_v3,
#endif
    &efla_isa_generic,
};

enum { ISAS = sizeof isas / sizeof *isas };

const char *efla_isa_name(size_t i) { return i < ISAS ? isas[i]->name : NULL; }

const efla_isa *efla_isa_at(size_t i) { return isas[i]; }

const efla_isa *efla_isa_best(void) {
  for (size_t i = 0; i + 1 < ISAS; i++)
    if (isas[i]->supported()) return isas[i];
  return isas[ISAS - 1]; /* any processor's */
}

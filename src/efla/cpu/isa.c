#include "efla/cpu/isa.h"

extern const efla_level efla_level_x86_64_v4, efla_level_x86_64_v3, efla_level_generic;

static const efla_level *const levels[] = {
#ifdef __x86_64__
    &efla_level_x86_64_v4,
    &efla_level_x86_64_v3,
#endif
    &efla_level_generic,
};

enum { LEVELS = sizeof levels / sizeof *levels };

const char *efla_level_name(size_t i) { return i < LEVELS ? levels[i]->name : NULL; }

const efla_level *efla_level_at(size_t i) { return levels[i]; }

const efla_level *efla_level_best(void) {
  for (size_t i = 0; i + 1 < LEVELS; i++)
    if (levels[i]->supported()) return levels[i];
  return levels[LEVELS - 1]; /* any processor's */
}

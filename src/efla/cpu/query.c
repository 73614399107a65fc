/* SPDX-License-Identifier: MIT */
#include "efla/cpu/query.h"

#include "efla/cpu/isa.h"

#include <assert.h>

static const efla_isa *or_best(const efla_isa *isa) { return isa ? isa : efla_isa_best(); }

#define QUERY(suffix)                                                                                                  \
  void efla_query_forward_##suffix(const efla_isa *isa, const efla_query_##suffix *x) {                                \
    assert(x->dk > 0 && x->dv > 0 && (x->r || x->dk <= EFLA_QUERY_MOST_DK));                                           \
    or_best(isa)->query_##suffix(x);                                                                                   \
  }                                                                                                                    \
  void efla_query_backward_##suffix(const efla_isa *isa, const efla_query_gradient_##suffix *x) {                      \
    assert(x->dk > 0 && x->dv > 0);                                                                                    \
    or_best(isa)->query_backward_##suffix(x);                                                                          \
  }
QUERY(f32)
QUERY(f64)

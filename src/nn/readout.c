/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/readout.h"

#include "efla/cpu/backward.h"
#include "efla/cpu/kernel.h"
#include "efla/cpu/query.h"
#include "nn/layers.h"

#include <string.h>

#define REAL       float
#define NAME(stem) stem##_f32
#include "nn/readout.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "nn/readout.inc"

const efla_readout efla_readouts[] = {
    {"query", "without the state: the product of transitions applied to the query", query_scratch_f32,
     query_scratch_f64, query_forward_f32, query_forward_f64, query_backward_f32, query_backward_f64},
    {"state", "by the state, as layers do that read out every token", state_scratch_f32, state_scratch_f64,
     state_forward_f32, state_forward_f64, state_backward_f32, state_backward_f64},
    {.name = NULL},
};

const char *efla_readout_name(size_t i) {
  return i < sizeof efla_readouts / sizeof *efla_readouts ? efla_readouts[i].name : NULL;
}

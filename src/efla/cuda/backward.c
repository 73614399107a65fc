/* SPDX-License-Identifier: MIT */
/* The backward call of the backend `cuda`. */
#include "efla/cuda/calls.h"
#include "efla/internal/rows.h"
#include "efla/internal/rule.h"

#include <math.h>

/* ---- where derivatives go ---- */

enum { ARRAYS = 7 };

typedef struct target {
  const char *name;
  const efla_array *wanted;
  efla_array *to; /* `wanted`, or rows that are summed into it */
  efla_cuda_extent n;
  bool summed;
} target;

static efla_type sum_type(const efla_sequence *x) { return x->v.type == EFLA_F64 ? EFLA_F64 : EFLA_F32; }

static void list_targets(const efla_call *call, efla_gradient *to, target *list) {
  const efla_sequence *x = call->x;
  const efla_gradient *dx = call->dx;
  const efla_cuda_extent keys = {x->batch, x->heads, x->tokens, x->dk}, values = {x->batch, x->heads, x->tokens, x->dv},
                         scalars = {x->batch, x->heads, x->tokens, 1},
                         states = {efla_sequence_states(x), x->heads, x->dk, x->dv};
  *to = *dx;
  const target all[ARRAYS] = {{"gradient q", &dx->q, &to->q, keys, false},
                              {"gradient k", &dx->k, &to->k, keys, false},
                              {"gradient v", &dx->v, &to->v, values, false},
                              {"gradient beta", &dx->beta, &to->beta, scalars, false},
                              {"gradient g", &dx->g, &to->g, x->g_per_channel ? keys : scalars, false},
                              {"gradient p", &dx->p, &to->p, keys, false},
                              {"gradient initial_state", &dx->initial_state, &to->initial_state, states, false}};
  for (int i = 0; i < ARRAYS; i++) list[i] = all[i];
}

static void take_targets(const efla_sequence *x, target *list, efla_arena *arena) {
  for (int i = 0; i < ARRAYS; i++) {
    const efla_cuda_extent *n = &list[i].n;
    list[i].summed = list[i].wanted->data && efla_array_shares(list[i].wanted, n->batch, n->heads, n->tokens);
    if (!list[i].summed) continue;
    const efla_type type = sum_type(x);
    void *rows = efla_arena_take(arena, n->batch * n->heads * n->tokens * n->features, efla_type_size(type));
    *list[i].to = efla_array_head_major(rows, type, n->tokens, n->heads, n->features);
  }
}

static efla_status check_targets(efla_backend *b, const target *list) {
  efla_status status = EFLA_OK;
  for (int i = 0; i < ARRAYS && !status; i++) status = efla_cuda_check_place(b, list[i].name, list[i].wanted);
  return status;
}

static cudaError_t gather(const efla_call *call, const target *list) {
  cudaError_t error = cudaSuccess;
  for (int i = 0; i < ARRAYS && !error; i++)
    if (list[i].summed)
      error = efla_cuda_gather(list[i].wanted, &list[i].n, sum_type(call->x), list[i].to->data, call->backend->stream);
  return error;
}

/* ---- token by token ---- */

static cudaError_t adjoint(const efla_cuda_adjoint *a, cudaStream_t stream) {
  switch (a->job.x.v.type) {
  case EFLA_F64:
    return efla_cuda_adjoint_f64(a, stream);
  case EFLA_F32:
    return efla_cuda_adjoint_f32(a, stream);
  case EFLA_BF16:
    return efla_cuda_adjoint_bf16(a, stream);
  case EFLA_F16:
    return efla_cuda_adjoint_f16(a, stream);
  }
  return cudaErrorInvalidValue;
}

/* About the square root of the tokens: then no other length needs less memory for states. */
static size_t segment_of(size_t tokens) {
  const size_t root = (size_t)ceil(sqrt((double)tokens));
  return root > 16 ? root : 16;
}

static void take_adjoint(const efla_sequence *x, efla_arena *arena, efla_cuda_adjoint *a) {
  const size_t size = efla_type_size(sum_type(x)), states = efla_sequence_states(x),
               slices = (x->dv + EFLA_CUDA_ADJOINT_WIDTH - 1) / EFLA_CUDA_ADJOINT_WIDTH,
               units = states * x->heads * slices, numbers = x->dk * EFLA_CUDA_ADJOINT_WIDTH,
               rows = x->batch * x->heads * x->tokens;
  enum { KINDS = 4, SUMS = 4 }; /* rows of dk and sums of a slice and token */
  a->segment = segment_of(x->tokens);
  a->blocks = units < EFLA_CUDA_ADJOINT_BLOCKS ? units : EFLA_CUDA_ADJOINT_BLOCKS;
  const size_t kept = x->cu_seqlens ? x->tokens / a->segment + states : states * (x->tokens / a->segment + 1);
  a->checkpoints = efla_arena_take(arena, kept * x->heads * slices * numbers, size);
  a->states = efla_arena_take(arena, a->blocks * (a->segment + 2) * numbers, size);
  a->rows = efla_arena_take(arena, KINDS * slices * rows * x->dk, size);
  a->sums = efla_arena_take(arena, SUMS * slices * rows, size);
}

efla_status efla_cuda_backward(const efla_call *call, efla_arena *arena) {
  const efla_sequence *x = call->x;
  efla_backend *b = call->backend;
  efla_cuda_adjoint a = {.job = {.x = *x, .y = *call->y, .states = efla_sequence_states(x)}};
  target list[ARRAYS];
  list_targets(call, &a.to, list);
  take_targets(x, list, arena);
  size_t *cu = x->cu_seqlens ? efla_arena_take(arena, x->sequences + 1, sizeof *cu) : NULL;
  take_adjoint(x, arena, &a);
  if (!arena->base) return EFLA_OK;
  efla_status status = efla_cuda_check_places(b, x, call->y);
  if (!status) status = check_targets(b, list);
  if (status) return status;
  if (cu) {
    const cudaError_t error = efla_cuda_copy_packing(x, cu, NULL, b->stream);
    if (error) return efla_cuda_fail(b, "cu_seqlens", error);
    a.job.x.cu_seqlens = cu;
  }
  a.job.rule = efla_cuda_describe(call->rule);
  if (!a.job.rule.closed && efla_rule_decay(call->rule)->gated) a.forms = efla_psi_slopes_form(call->rule->method);
  status = efla_cuda_started(b, adjoint(&a, b->stream));
  return status ? status : efla_cuda_started(b, gather(call, list));
}

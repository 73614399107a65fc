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

/* ---- chunkwise ---- */

static bool wide_targets(const efla_gradient *to) {
  return efla_cuda_wide_rows(&to->q) && efla_cuda_wide_rows(&to->k) && efla_cuda_wide_rows(&to->v);
}

static bool chunkwise(const efla_call *call, const efla_gradient *to) {
  const efla_result *dy = call->y;
  return efla_cuda_chunkwise(call) && dy->o.data && efla_cuda_wide_rows(&dy->o) && wide_targets(to) &&
         efla_cuda_backward_fits(call->x->dk, efla_cuda_shared_bytes());
}

static efla_cuda_chunks take_chunks(const efla_sequence *x, void *kept, efla_arena *arena) {
  efla_cuda_chunks c = efla_cuda_take_chunks(x, true, kept, arena);
  const size_t n = c.chunks * x->heads, size = efla_type_size(x->v.type);
  c.adjoints = efla_arena_take(arena, n * x->dk * x->dv, size);
  c.d_r = efla_arena_take(arena, n * EFLA_CUDA_CHUNK * x->dv, size);
  c.slopes = efla_arena_take(arena, n * EFLA_CUDA_CHUNK, sizeof *c.slopes);
  return c;
}

static cudaError_t adjoint_of_chunks(const efla_cuda_adjoint *a, const efla_cuda_chunks *chunks, cudaStream_t stream) {
  const efla_cuda_job forward = {.x = a->job.x, .rule = a->job.rule, .states = a->job.states};
  const bool again = !a->job.y.kept;
  cudaError_t error = again ? efla_cuda_prepare(&forward, chunks, stream) : cudaSuccess;
  if (again && !error) error = efla_cuda_keep(&forward, chunks, efla_cuda_shared_bytes(), stream);
  if (!error) error = efla_cuda_slopes(a, chunks, stream);
  if (!error) error = efla_cuda_reverse(a, chunks, efla_cuda_shared_bytes(), stream);
  return error ? error : efla_cuda_derive(a, chunks, stream);
}

/* The workspace of one form, or where it is not known yet which one a call will need, of either. */
static void take_forms(const efla_call *call, efla_arena *arena, efla_cuda_adjoint *a, efla_cuda_chunks *chunks) {
  const bool fast = chunkwise(call, &a->to);
  efla_arena other = *arena;
  if (efla_cuda_chunkwise(call)) *chunks = take_chunks(call->x, call->y->kept, arena);
  if (fast) return;
  take_adjoint(call->x, &other, a);
  if (other.used > arena->used) arena->used = other.used;
}

efla_status efla_cuda_backward(const efla_call *call, efla_arena *arena) {
  const efla_sequence *x = call->x;
  efla_backend *b = call->backend;
  efla_cuda_adjoint a = {.job = {.x = *x, .y = *call->y, .states = efla_sequence_states(x)}};
  target list[ARRAYS];
  list_targets(call, &a.to, list);
  take_targets(x, list, arena);
  size_t *cu = x->cu_seqlens ? efla_arena_take(arena, x->sequences + 1, sizeof *cu) : NULL;
  efla_cuda_chunks chunks = {.chunks = 0};
  const bool fast = chunkwise(call, &a.to);
  take_forms(call, arena, &a, &chunks);
  if (!arena->base) return EFLA_OK;
  efla_status status = efla_cuda_check_places(b, x, call->y);
  if (!status) status = check_targets(b, list);
  if (status) return status;
  if (cu) {
    const cudaError_t error = efla_cuda_copy_packing(x, cu, fast ? chunks.first : NULL, b->stream);
    if (error) return efla_cuda_fail(b, "cu_seqlens", error);
    a.job.x.cu_seqlens = cu;
  }
  a.job.rule = efla_cuda_describe(call->rule);
  if (!a.job.rule.closed && efla_rule_decay(call->rule)->gated) a.forms = efla_psi_slopes_form(call->rule->method);
  status = efla_cuda_started(b, fast ? adjoint_of_chunks(&a, &chunks, b->stream) : adjoint(&a, b->stream));
  return status ? status : efla_cuda_started(b, gather(call, list));
}

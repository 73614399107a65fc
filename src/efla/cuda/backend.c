/* SPDX-License-Identifier: MIT */
/* The backend `cuda`: arrays in the memory of one device, and the kernels of this directory.  The chunkwise form where
 * it is offered, else the recurrence. */
#include "efla/cuda/calls.h"
#include "efla/internal/rows.h"
#include "efla/internal/rule.h"

#include <string.h>

efla_status efla_cuda_fail(efla_backend *b, const char *what, cudaError_t error) {
  const efla_status status = error == cudaErrorMemoryAllocation ? EFLA_NO_MEMORY : EFLA_DEVICE_FAILED;
  return efla_backend_say(b, status, "%s: %s", what, cudaGetErrorString(error));
}

/* ---- opening ---- */

enum { LEAST_CAPABILITY = 8 };

static efla_status open_cuda(efla_backend *b, const efla_options *options) {
  int devices = 0, device = 0, major = 0, minor = 0;
  if (options->isa)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "isa %.64s: the cuda backend has no instruction sets", options->isa);
  if (options->bf16_products)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "bf16_products: an option of the cpu backend");
  cudaError_t error = cudaGetDeviceCount(&devices);
  if (error || devices == 0)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "device: %s",
                            error ? cudaGetErrorString(error) : "none, expected a GPU of NVIDIA");
  error = cudaGetDevice(&device);
  if (!error) error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  if (!error) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  if (error) return efla_cuda_fail(b, "device", error);
  if (major < LEAST_CAPABILITY)
    return efla_backend_say(b, EFLA_UNSUPPORTED, "device %d: compute capability %d.%d, expected at least %d.0", device,
                            major, minor, LEAST_CAPABILITY);
  return EFLA_OK;
}

static int decay_of(const efla_rule *rule) {
  const efla_decay *decay = efla_rule_decay(rule);
  for (int i = 0; i < EFLA_CUDA_DECAYS; i++)
    if (decay == &efla_decays[i]) return i;
  return EFLA_CUDA_DECAYS;
}

/* Kernels know the rows of the tables only: they cannot call a function of the processor. */
static bool listed(const efla_rule *rule) {
  bool method = false, keys = false;
  for (const efla_method *m = efla_methods; m->name; m++) method |= m == rule->method;
  for (const efla_key_treatment *k = efla_key_treatments; k->name; k++) keys |= k == efla_rule_keys(rule);
  return method && keys && decay_of(rule) < EFLA_CUDA_DECAYS;
}

static efla_status check_dk(efla_backend *b, efla_type type, size_t dk) {
  const size_t most = type == EFLA_F64 ? EFLA_CUDA_MOST / 2 : EFLA_CUDA_MOST;
  if (dk <= most) return EFLA_OK;
  return efla_backend_say(b, EFLA_UNSUPPORTED, "dk: %zu, the cuda backend has at most %zu", dk, most);
}

static efla_status offers(efla_backend *b, const efla_rule *rule, efla_type type, const efla_sequence *x) {
  if (!listed(rule))
    return efla_backend_say(b, EFLA_UNSUPPORTED, "rule: the cuda backend has those of its tables only");
  return x ? check_dk(b, type, x->dk) : EFLA_OK;
}

/* ---- calls ---- */

efla_cuda_rule efla_cuda_describe(const efla_rule *rule) {
  const efla_method *method = rule->method;
  efla_cuda_rule r = {.closed = method->closed != NULL,
                      .unit = efla_rule_keys(rule)->unit,
                      .decay = decay_of(rule),
                      .share = efla_rule_decay(rule)->share,
                      .scale = efla_rule_scale(rule)};
  memcpy(r.numerator, method->numerator, sizeof r.numerator);
  memcpy(r.denominator, method->denominator, sizeof r.denominator);
  if (!r.closed) r.psi = efla_psi_form(method);
  return r;
}

efla_status efla_cuda_check_place(efla_backend *b, const char *name, const efla_array *a) {
  struct cudaPointerAttributes at;
  if (!a->data) return EFLA_OK;
  const cudaError_t error = cudaPointerGetAttributes(&at, a->data);
  if (error) return efla_cuda_fail(b, name, error);
  if (at.type == cudaMemoryTypeDevice || at.type == cudaMemoryTypeManaged) return EFLA_OK;
  return efla_backend_say(b, EFLA_INVALID, "%s: memory of the processor, expected the device's", name);
}

enum { KEPT_ALIGNMENT = 128 };

efla_status efla_cuda_check_places(efla_backend *b, const efla_sequence *x, const efla_result *y) {
  const efla_array kept = {.data = y->kept};
  const struct {
    const char *name;
    const efla_array *array;
  } list[] = {{"q", &x->q},
              {"k", &x->k},
              {"v", &x->v},
              {"beta", &x->beta},
              {"g", &x->g},
              {"p", &x->p},
              {"initial_state", &x->initial_state},
              {"o", &y->o},
              {"final_state", &y->final_state},
              {"kept", &kept}};
  efla_status status = EFLA_OK;
  if ((size_t)y->kept % KEPT_ALIGNMENT != 0)
    return efla_backend_say(b, EFLA_INVALID, "kept: not aligned to %d bytes", KEPT_ALIGNMENT);
  for (size_t i = 0; i < sizeof list / sizeof *list && !status; i++)
    status = efla_cuda_check_place(b, list[i].name, list[i].array);
  return status;
}

/* An error of a kernel is found when it has run: at once in debug builds. */
efla_status efla_cuda_started(efla_backend *b, cudaError_t error) {
#ifndef NDEBUG
  if (!error) error = cudaStreamSynchronize(b->stream);
#endif
  return error ? efla_cuda_fail(b, "kernel", error) : EFLA_OK;
}

static cudaError_t recur(const efla_cuda_job *job, cudaStream_t stream) {
  switch (job->x.v.type) {
  case EFLA_F64:
    return efla_cuda_recurrent_f64(job, stream);
  case EFLA_F32:
    return efla_cuda_recurrent_f32(job, stream);
  case EFLA_BF16:
    return efla_cuda_recurrent_bf16(job, stream);
  case EFLA_F16:
    return efla_cuda_recurrent_f16(job, stream);
  }
  return cudaErrorInvalidValue;
}

bool efla_cuda_wide_rows(const efla_array *a) {
  return !a->data || ((size_t)a->data % 16 == 0 && a->batch % 8 == 0 && a->head % 8 == 0 && a->token % 8 == 0);
}

/* The most that one block may have. */
size_t efla_cuda_shared_bytes(void) {
  int device = 0, bytes = 0;
  if (!cudaGetDevice(&device)) cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  return (size_t)bytes;
}

/* The chunkwise form: two bytes a number, decays that are exponentials, rows that are copied 16 bytes at a time. */
bool efla_cuda_chunkwise(const efla_call *call) {
  const efla_sequence *x = call->x;
  const int decay = decay_of(call->rule);
  const bool exponential =
      call->rule->method->closed || decay == EFLA_CUDA_NONE || decay == EFLA_CUDA_SPLIT || decay == EFLA_CUDA_STRANG;
  return efla_type_size(x->v.type) == 2 && x->dk == x->dv && (x->dk == 64 || x->dk == 128) && exponential &&
         !x->g_per_channel && !x->p.data && x->tokens > 0 && efla_cuda_wide_rows(&x->q) && efla_cuda_wide_rows(&x->k) &&
         efla_cuda_wide_rows(&x->v) && efla_cuda_pass_fits(x->dk, efla_cuda_shared_bytes());
}

static size_t chunks_of(size_t tokens) { return (tokens + EFLA_CUDA_CHUNK - 1) / EFLA_CUDA_CHUNK; }

/* What a chunk is computed from, and what a backward call needs of it beside. */
static void take_results(efla_cuda_chunks *c, const efla_sequence *x, bool back, efla_arena *arena) {
  enum { SQUARE = EFLA_CUDA_CHUNK * EFLA_CUDA_CHUNK };
  const size_t n = c->chunks * x->heads, size = efla_type_size(x->v.type);
  c->solve = efla_arena_take(arena, n * SQUARE, size);
  c->mix = efla_arena_take(arena, n * SQUARE, size);
  c->scalars = efla_arena_take(arena, n * EFLA_CUDA_SCALARS, sizeof(float));
  if (!back) return;
  c->tokens = efla_arena_take(arena, n * EFLA_CUDA_CHUNK, sizeof *c->tokens);
  c->states = efla_arena_take(arena, n * x->dk * x->dv, size);
  c->u = efla_arena_take(arena, n * EFLA_CUDA_CHUNK * x->dv, size);
}

static size_t most_chunks(const efla_sequence *x) {
  if (x->cu_seqlens) return x->tokens / EFLA_CUDA_CHUNK + x->sequences; /* for any cu_seqlens */
  return x->batch * chunks_of(x->tokens);
}

efla_cuda_chunks efla_cuda_take_chunks(const efla_sequence *x, bool back, void *kept, efla_arena *arena) {
  efla_cuda_chunks c = {.chunks = most_chunks(x)};
  efla_arena own = {.base = kept};
  take_results(&c, x, back || kept, kept ? &own : arena);
  if (x->cu_seqlens) c.first = efla_arena_take(arena, x->sequences + 1, sizeof(size_t));
  return c;
}

static size_t kept_bytes(const efla_call *call) {
  efla_arena count = {0};
  efla_cuda_chunks c = {.chunks = most_chunks(call->x)};
  if (efla_cuda_chunkwise(call)) take_results(&c, call->x, true, &count);
  return count.used;
}

/* cu_seqlens, and the first chunks, which take the place of a second array of the processor: one after another. */
cudaError_t efla_cuda_copy_packing(const efla_sequence *x, size_t *cu, size_t *first, cudaStream_t stream) {
  const size_t bytes = (x->sequences + 1) * sizeof *cu;
  cudaError_t error = cudaMemcpyAsync(cu, x->cu_seqlens, bytes, cudaMemcpyHostToDevice, stream);
  if (error || !first) return error;
  size_t *chunks = efla_alloc(bytes);
  if (!chunks) return cudaErrorMemoryAllocation;
  chunks[0] = 0;
  for (size_t s = 0; s < x->sequences; s++)
    chunks[s + 1] = chunks[s] + chunks_of(x->cu_seqlens[s + 1] - x->cu_seqlens[s]);
  error = cudaMemcpyAsync(first, chunks, bytes, cudaMemcpyHostToDevice, stream);
  if (!error) error = cudaStreamSynchronize(stream);
  efla_free(chunks);
  return error;
}

/* o and the final state, and what is kept where that has a place. */
static efla_status run(efla_backend *b, const efla_cuda_job *job, const efla_cuda_chunks *chunks, bool fast) {
  const bool keeps = chunks->states;
  efla_status status = EFLA_OK;
  if (fast || keeps) status = efla_cuda_started(b, efla_cuda_prepare(job, chunks, b->stream));
  if (status) return status;
  const size_t most = efla_cuda_shared_bytes();
  if (fast) return efla_cuda_started(b, efla_cuda_pass(job, chunks, most, b->stream));
  const efla_cuda_job keeping = {.x = job->x, .rule = job->rule, .states = job->states};
  if (keeps) status = efla_cuda_started(b, efla_cuda_keep(&keeping, chunks, most, b->stream));
  return status ? status : efla_cuda_started(b, recur(job, b->stream)); /* last: it may overwrite the initial state */
}

static efla_status forward(const efla_call *call, efla_arena *arena) {
  const efla_sequence *x = call->x;
  efla_backend *b = call->backend;
  size_t *cu = x->cu_seqlens ? efla_arena_take(arena, x->sequences + 1, sizeof *cu) : NULL;
  const bool chunkwise = efla_cuda_chunkwise(call);
  efla_cuda_chunks chunks = {.chunks = 0};
  if (chunkwise) chunks = efla_cuda_take_chunks(x, false, call->y->kept, arena);
  if (!arena->base) return EFLA_OK;
  efla_status status = efla_cuda_check_places(b, x, call->y);
  if (status) return status;
  efla_cuda_job job = {
      .x = *x, .y = *call->y, .rule = efla_cuda_describe(call->rule), .states = efla_sequence_states(x)};
  if (cu) {
    const cudaError_t error = efla_cuda_copy_packing(x, cu, chunks.first, b->stream);
    if (error) return efla_cuda_fail(b, "cu_seqlens", error);
    job.x.cu_seqlens = cu;
  }
  return run(b, &job, &chunks, chunkwise && x->q.data && efla_cuda_wide_rows(&call->y->o));
}

/* ---- decoding: states (batch, heads, dk, dv) in f64 for f64, else in f32 ---- */

static efla_array states_of(const efla_decoder *d) {
  return efla_array_states(d->states, d->shape.type == EFLA_F64 ? EFLA_F64 : EFLA_F32, d->shape.heads, d->shape.dk,
                           d->shape.dv);
}

static void lay_out(efla_decoder *d, efla_arena *arena) {
  const efla_decoder_shape *n = &d->shape;
  d->states = efla_arena_take(arena, n->batch * n->heads * n->dk * n->dv, efla_type_size(states_of(d).type));
}

/* States go from one array to another as the initial and the final state of sequences without tokens. */
static efla_status move(efla_decoder *d, const efla_array *from, const efla_array *to, const char *name,
                        const efla_array *given) {
  const efla_decoder_shape *n = &d->shape;
  efla_status status = check_dk(d->backend, n->type, n->dk);
  if (!status && given) status = efla_cuda_check_place(d->backend, name, given);
  if (status) return status;
  efla_cuda_job job = {.rule = efla_cuda_describe(&d->rule), .states = n->batch};
  job.x = (efla_sequence){.batch = n->batch, .heads = n->heads, .dk = n->dk, .dv = n->dv, .v = {.type = n->type}};
  if (from) job.x.initial_state = *from;
  job.y.final_state = *to;
  return efla_cuda_started(d->backend, recur(&job, d->backend->stream));
}

static efla_status load(efla_decoder *d, const efla_array *states) {
  const efla_array own = states_of(d);
  return move(d, states, &own, "states", states);
}

static efla_status store(efla_decoder *d, const efla_array *states) {
  const efla_array own = states_of(d);
  return move(d, &own, states, "states", states);
}

static efla_status step(efla_decoder *d, const efla_sequence *token, const efla_array *o) {
  const efla_result y = {.o = *o, .final_state = states_of(d)};
  efla_status status = efla_cuda_check_places(d->backend, token, &y);
  if (status) return status;
  efla_cuda_job job = {.x = *token, .y = y, .rule = efla_cuda_describe(&d->rule), .states = token->batch};
  job.x.initial_state = y.final_state;
  return efla_cuda_started(d->backend, recur(&job, d->backend->stream));
}

/* ---- memory ---- */

static void *alloc(efla_backend *b, size_t bytes) {
  void *memory = NULL;
  (void)b;
  return cudaMalloc(&memory, bytes) ? NULL : memory;
}

static void release(efla_backend *b, void *memory) {
  (void)b;
  cudaFree(memory);
}

static efla_status copy(efla_backend *b, void *to, const void *from, size_t bytes) {
  cudaError_t error = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, b->stream);
  if (!error) error = cudaStreamSynchronize(b->stream);
  return error ? efla_cuda_fail(b, "copy", error) : EFLA_OK;
}

static const efla_memory memory = {.alloc = alloc, .free = release, .copy = copy};

const efla_backend_row efla_backend_cuda = {.name = "cuda",
                                            .what = "a GPU of NVIDIA, with arrays in its memory",
                                            .open = open_cuda,
                                            .offers = offers,
                                            .forward = forward,
                                            .backward = efla_cuda_backward,
                                            .kept = kept_bytes,
                                            .lay_out = lay_out,
                                            .load = load,
                                            .store = store,
                                            .step = step,
                                            .memory = &memory};

/* SPDX-License-Identifier: MIT */
/* Backends: the implementations by which calls are computed.
 *
 * A backend keeps its workspace between calls and enlarges it where a call needs more, unless efla_reserve
 * has fixed its size. Calls on one backend, its decoders included, must not run at the same time: two threads
 * open two backends. Results have the same bits for any number of threads, with one instruction set. */
#ifndef EFLA_BACKEND_H
#define EFLA_BACKEND_H

#include "efla/rule.h"
#include "efla/sequence.h"
#include "efla/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open backend. */
typedef struct efla_backend efla_backend;

#define EFLA_MAX_THREADS 1024 /* of one call */

/* How a backend is opened; all zero is the default. */
typedef struct efla_options {
  size_t threads; /* threads per call, at most EFLA_MAX_THREADS; 0: one */
  const char
      *isa; /* instruction set of the cpu backend, one of efla_isa_name; NULL: the best that this processor supports */
  void *stream; /* of the cuda backend: a cudaStream_t of the current device; NULL: the default stream */
  /* Of the cpu backend, where the processor has a unit that multiplies bf16 faster: forward passes of f32 with one
   * decay and one key per head form their products from numbers rounded to bf16, as those of bf16 do. */
  bool bf16_products;
} efla_options;

/* Opens the backend of that name:
 *
 *     cpu         vectors and threads, f32 and f64; of bf16 forward passes
 *     reference   the definition, token by token, f32 and f64; one thread; the others are tested against it
 *     cuda        one GPU of NVIDIA, from compute capability 8.0 on; all types; in builds with CUDA only
 *     auto        the first of these that can be opened here; NULL means auto too
 *
 * options NULL: all zero. EFLA_INVALID where a name is unknown or a number is out of range, EFLA_UNSUPPORTED
 * where the processor does not have the instruction set or the unit or there is no such device, EFLA_NO_MEMORY.
 * On failure *backend is NULL, and efla_last_message(NULL) describes the error. */
efla_status efla_backend_open(const char *name, const efla_options *options, efla_backend **backend);
/* Frees the backend, whose decoders must be closed already; NULL is accepted. */
void efla_backend_close(efla_backend *backend);

/* The backend cuda takes all arrays in memory of the device that was current when it was opened (cu_seqlens stays in the
 * processor's), and refuses others with EFLA_INVALID; auto never chooses it. Its calls return before the work is done,
 * which is ordered by the stream: after an error on the device they return EFLA_DEVICE_FAILED, also those that follow.
 *
 * Memory in which a backend takes its arrays: of the device, or of the processor. NULL where there is none left, or
 * for 0 bytes. It is freed by efla_backend_free before the backend is closed; NULL is accepted. */
void *efla_backend_alloc(efla_backend *backend, size_t bytes);
void efla_backend_free(efla_backend *backend, void *memory);
/* Copies between such memory, and to and from the processor's; returns after all work on the stream and the copy are
 * done. */
efla_status efla_backend_copy(efla_backend *backend, void *to, const void *from, size_t bytes);

/* The name of backend i, in the order in which auto tries them; NULL past the end. */
const char *efla_backend_name(size_t i);
/* A short description of backend i; NULL past the end. */
const char *efla_backend_what(size_t i);
/* The name of an open backend; where it was opened as auto, of the one that was chosen. */
const char *efla_backend_opened(const efla_backend *backend);
/* The name of instruction set i of this build, the one with the widest vectors first; NULL past the end. */
const char *efla_isa_name(size_t i);

/* Why the last call on this backend, or on one of its decoders, failed: one sentence that names the argument,
 * its value and the expected one, such as "k: head stride 64, expected at least 128 or 0". "" if the call did
 * not fail. Valid until the next call. NULL: about this thread's last efla_backend_open. */
const char *efla_last_message(const efla_backend *backend);

/* Makes the workspace large enough for efla_forward, and with `backward` also for efla_backward, for every
 * sequence with x's shape, types, strides and absent arrays, whichever outputs are wanted. x is checked as
 * those calls check it, but apart from cu_seqlens its arrays are not read. From then on calls on this backend
 * allocate nothing: one that needs more fails with EFLA_NO_MEMORY, until efla_reserve is called again.
 * Decoders have memory of their own. */
efla_status efla_reserve(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, bool backward);

/* The size of the workspace of one call with these arguments: efla_forward, or where dx is not NULL efla_backward. And
 * the caller's memory in place of the backend's workspace, of the same kind and aligned to 128 bytes: calls then
 * allocate nothing, one that needs more fails with EFLA_NO_MEMORY, and work on a device may still use it when they
 * return. It is lent until other memory is; NULL: none, as in the beginning. */
efla_status efla_workspace_bytes(efla_backend *backend, const efla_rule *rule, const efla_sequence *x,
                                 const efla_result *y, const efla_gradient *dx, size_t *bytes);
efla_status efla_workspace_lend(efla_backend *backend, void *memory, size_t bytes);

/* The size of the memory that efla_forward fills where its result has `kept`, so that efla_backward, given the same
 * memory, x and rule, need not compute the states again; 0 where the backend keeps nothing for such x, and ignores
 * `kept`. q is needed then, and the memory aligned to 128 bytes, as efla_backend_alloc has it. The backend cuda keeps
 * in its chunkwise form (bf16 and f16, dk = dv of 64 or 128), for each head and 64 tokens begun, 2 dk (dk + 64)
 * bytes for the state and what it learns and 18.25 KiB for the tokens: 66.25 KiB with dk = 128. */
efla_status efla_kept_bytes(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, size_t *bytes);

#ifdef __cplusplus
}
#endif

#endif

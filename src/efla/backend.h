/* SPDX-License-Identifier: MIT */
/* Where it is computed.
 *
 * A backend keeps its workspace between calls and enlarges it where a call needs more, unless efla_reserve has said that
 * it is not to.  Calls on one backend, its decoders included, are serial; two threads open two backends.  Results have
 * the same bits for any number of threads, and of one instruction set. */
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

typedef struct efla_backend efla_backend;

#define EFLA_MAX_THREADS 1024

typedef struct efla_options {
  size_t threads;  /* of one call, at most EFLA_MAX_THREADS; 0: one */
  const char *isa; /* instruction set of the cpu backend, one of efla_isa_name; NULL: the best of this processor */
} efla_options;

/* Opens the backend of that name:
 *
 *     cpu         vectors and threads, f32 and f64; rules whose decay is `proportional` (rule.h)
 *     reference   the definition, token by token, f32 and f64; one thread; what the others answer to
 *     auto        the first of these that can be opened here; NULL means auto too
 *
 * options NULL: all zero.  EFLA_INVALID where a name is unknown or a number is out of range, EFLA_UNSUPPORTED where the
 * processor does not have the instruction set, EFLA_NO_MEMORY.  On failure *backend is NULL, and efla_last_message(NULL)
 * says why. */
efla_status efla_backend_open(const char *name, const efla_options *options, efla_backend **backend);
/* Frees it, once its decoders are closed; NULL is taken. */
void efla_backend_close(efla_backend *backend);

/* The names of the table's rows, in the order in which auto tries them; NULL past the end. */
const char *efla_backend_name(size_t i);
/* What the row of that number is, in a few words; NULL past the end. */
const char *efla_backend_what(size_t i);
/* The name of the row that an open backend is: for auto, which one it became. */
const char *efla_backend_opened(const efla_backend *backend);
/* The name of instruction set i of this build, the widest first; NULL past the end. */
const char *efla_isa_name(size_t i);

/* Why the last call on this backend, or on one of its decoders, failed: one sentence that names the argument, what was
 * found and what was expected, such as "k: head stride 64, expected at least 128 or 0".  "" where it did not fail.  Valid
 * until the next call.  NULL: of this thread's last efla_backend_open. */
const char *efla_last_message(const efla_backend *backend);

/* Makes the workspace large enough for efla_forward, and where `backward` for efla_backward, of every sequence with x's
 * shape, types, strides and absent arrays, whatever outputs are wanted.  x is checked as those calls do, but nothing
 * behind its pointers is read, except cu_seqlens.  From then on calls on this backend allocate nothing: one that needs
 * more ends with EFLA_NO_MEMORY, until efla_reserve is called again.  Decoders have memory of their own. */
efla_status efla_reserve(efla_backend *backend, const efla_rule *rule, const efla_sequence *x, bool backward);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* What calls of the backend cuda have in common. */
#ifndef EFLA_CUDA_CALLS_H
#define EFLA_CUDA_CALLS_H

#include "efla/cuda/job.h"
#include "efla/internal/backend.h"

/* A status for an error of the device, about `what`. */
efla_status efla_cuda_fail(efla_backend *b, const char *what, cudaError_t error);
/* An error of a kernel is found when it has run: at once in debug builds. */
efla_status efla_cuda_started(efla_backend *b, cudaError_t error);

/* Whether an array, and all arrays of a forward call, are in the device's memory. */
efla_status efla_cuda_check_place(efla_backend *b, const char *name, const efla_array *a);
efla_status efla_cuda_check_places(efla_backend *b, const efla_sequence *x, const efla_result *y);

efla_cuda_rule efla_cuda_describe(const efla_rule *rule);
/* Whether rows can be copied 16 bytes at a time. */
bool efla_cuda_wide_rows(const efla_array *a);
/* The most shared memory that one block may have. */
size_t efla_cuda_shared_bytes(void);
/* Whether the chunkwise form takes the call's inputs, all but o. */
bool efla_cuda_chunkwise(const efla_call *call);
/* The chunkwise form's workspace, of a call that a backward one needs things of with what those are.  What a forward
 * call leaves is in `kept`, NULL: in the arena too. */
efla_cuda_chunks efla_cuda_take_chunks(const efla_sequence *x, bool back, void *kept, efla_arena *arena);
/* cu_seqlens to the device, and the first chunks of sequences, NULL: not needed. */
cudaError_t efla_cuda_copy_packing(const efla_sequence *x, size_t *cu, size_t *first, cudaStream_t stream);

efla_pass efla_cuda_backward;

#endif

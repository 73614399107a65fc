/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passes of a backend through a tensor file over ranks: o and final_state, and the derivatives of a loss by the inputs,
 * from those by o and final_state.  One process takes run/forward_stream.h and run/backward_file.h. */
#ifndef EFLA_RUN_BACKEND_FILE_H
#define EFLA_RUN_BACKEND_FILE_H

#include "run/file_slab.h"
#include "run/forward_stream.h"

typedef struct efla_backend_file {
  const efla_communicator *ranks;
  const char *backend; /* NULL: auto */
  efla_rule rule;      /* its scale is the file's */
  efla_type type;      /* that is computed in: f64 or f32 */
  size_t threads;
  bool gradients; /* are wanted too */
} efla_backend_file;

/* Called by all ranks, each with the file open.  Reads the inputs, of one batch entry at a time, of which every rank
 * holds its tokens in memory, and writes what is wanted to `out`, which has its datasets and is rank 0's; NULL elsewhere.
 * Gradients are dq, dk, dv, dbeta, and where the inputs have them dg or dalpha, dp and dinitial_state, from do and where
 * there is one dfinal_state.  *bad: as efla_forward_stream's, on rank 0.  Fails, alike on all
 * ranks, with EFLA_USAGE where the backend does not offer it, as reader and writer do, and with EFLA_NO_MEMORY. */
efla_status efla_backend_file_run(const efla_backend_file *job, efla_tensors *in, efla_tensors *out, efla_bad *bad,
                                  efla_message *why);

#endif

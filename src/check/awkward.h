/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Awkward inputs to test a kernel on: sizes and numbers on which kernels have gone wrong, one case a row.
 *
 * A case becomes a tensor file (io/tensors.h) with q, k, v and beta, with what else the case is about, and with do, a
 * derivative of a loss by o for the backward pass.  Attributes say what it is: case, about, arguments (the arrays that
 * the kernel must take, beside scale), decay (of the rule: compare's option of that name), groups (heads in a row whose
 * q and k are the same) and seed.  The kernel's o, and perhaps final_state, goes into the file beside the inputs, or
 * into a file of its own, which is then compared. */
#ifndef EFLA_CHECK_AWKWARD_H
#define EFLA_CHECK_AWKWARD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct efla_awkward_arrays;

typedef struct efla_awkward {
  const char *name, *about;
  size_t batch, tokens, heads, dk, dv;
  const char *type;                                   /* of all arrays: f4, f2, V2 (bfloat16); NULL: f4 */
  const char *decay;                                  /* a row of efla_decays; NULL: none */
  double scale;                                       /* 0: 1 / sqrt(dk) */
  size_t groups;                                      /* 0: every head has its own q and k */
  bool starts, channels;                              /* initial_state; g per channel */
  size_t sequences, boundaries[10];                   /* cu_seqlens; sequences 0: none */
  void (*change)(struct efla_awkward_arrays *arrays); /* of what was drawn; NULL: nothing */
} efla_awkward;

extern const efla_awkward efla_awkward_cases[]; /* ends with a row whose name is NULL */

/* The same numbers for the same seed, whatever the format of the file.  Fails with EFLA_OUTPUT and EFLA_NO_MEMORY. */
efla_status efla_awkward_write(const efla_awkward *c, size_t seed, const char *path, efla_message *why);

/* FILE.npz of the case tails: FILE-tails.npz; to be freed.  NULL where memory ends. */
char *efla_awkward_path(const char *path, const efla_awkward *c);

#endif

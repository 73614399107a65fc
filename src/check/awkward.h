/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Awkward inputs to test a kernel on: sizes and numbers on which kernels have gone wrong, one case a row.
 *
 * A case becomes a tensor file (io/tensors.h) with q, k, v and beta, with what else the case is about, and with do, a
 * derivative of a loss by o for the backward pass; from initial states on also with dfinal_state, that by final_state.
 * Attributes say what it is: case, about, arguments (the arrays that the kernel must take, and scale where it is not
 * 1 / sqrt(dk)), decay (of the rule: compare's option of that name), groups (heads in a row whose q and k are the same)
 * and seed.  The kernel's o, and perhaps final_state, goes into the file beside the inputs, or into a file of its own,
 * which is then compared. */
#ifndef EFLA_CHECK_AWKWARD_H
#define EFLA_CHECK_AWKWARD_H

#include "app/cli.h"
#include "base/status.h"
#include "efla/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct efla_awkward_arrays;

typedef struct efla_awkward {
  const char *name, *about;
  size_t batch, tokens, heads, dk, dv;
  const char *type;                                   /* of arrays: a format's name; NULL: f32 */
  const char *decay;                                  /* a row of efla_decays; NULL: none */
  double scale;                                       /* 0: 1 / sqrt(dk) */
  size_t groups;                                      /* 0: every head has its own q and k */
  bool starts, channels;                              /* initial_state; g per channel */
  size_t sequences, boundaries[10];                   /* cu_seqlens; sequences 0: none */
  void (*change)(struct efla_awkward_arrays *arrays); /* of what was drawn; NULL: nothing */
} efla_awkward;

extern const efla_awkward efla_awkward_cases[]; /* ends with a row whose name is NULL */

/* What kernel is to be tested. */
typedef struct efla_awkward_wish {
  const efla_method *method; /* up to whose limit of stability the keys of the case limit are */
  const efla_decay *decay;   /* whose argument all cases have; NULL: each as its row says */
  bool channels;             /* g is per channel wherever there is g */
  const char *type;          /* of arrays: f64, f32, bf16 or fp16; NULL: as the row says */
  size_t seed;
} efla_awkward_wish;

/* Whether a case is about such kernels: its decay, g per channel and type, where it has them, are theirs. */
bool efla_awkward_suits(const efla_awkward *c, const efla_awkward_wish *wish);

/* Of a case that suits.  The same numbers for the same wish, whatever the format of the file.  In types narrower than f32
 * g, alpha, initial_state and dfinal_state are f32.  Fails with EFLA_OUTPUT and EFLA_NO_MEMORY. */
efla_status efla_awkward_write(const efla_awkward *c, const efla_awkward_wish *wish, const char *path,
                               efla_message *why);

/* Values of an option that lists cases: "awkward", all that suit; "list"; and the names of the cases. */
const char *efla_awkward_option(size_t i);
bool efla_awkward_lists(const efla_list *cases);

/* Lists all cases on `out`, and writes those that are asked for to files (NULL: to none) that are called as
 * efla_awkward_path says, each with a line on `out`.  Fails as efla_awkward_write, and with EFLA_USAGE where a case is
 * named that does not suit. */
efla_status efla_awkward_make(const efla_list *cases, const efla_awkward_wish *wish, const char *file, FILE *out,
                              efla_message *why);

/* FILE.npz of the case tails: FILE-tails.npz; to be freed.  NULL where memory ends. */
char *efla_awkward_path(const char *path, const efla_awkward *c);

#endif

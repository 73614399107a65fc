/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: opened in a child process first where a damaged file may crash the library that reads it. */
#include "io/sandboxed_open.h"
#include "io/shape.h"

#include <stdlib.h>

typedef struct candidate {
  const char *path;
  const efla_tensors *inputs; /* where path is a file of outputs; NULL: it is a file of inputs */
} candidate;

static efla_status open_trustingly(efla_tensors *file, const candidate *c, efla_message *why) {
  return c->inputs ? efla_tensors_trust_outputs(file, c->path, c->inputs, why) : efla_tensors_trust(file, c->path, why);
}

/* Reads the first and the last entry of a dataset, and with them the index of its chunks.  The values are checked
 * later, when the blocks are read. */
static void touch(efla_tensors *file, efla_tensor tensor) {
  const bool state = efla_tensor_is_state(tensor);
  size_t width = state ? file->dk * file->dv : efla_tensors_width(file, tensor);
  double *values = malloc(width * sizeof *values);
  for (int end = 0; end < 2 && values; end++) {
    efla_tensor_block one = {.heads = 1, .tokens = 1};
    if (end) one.batch = file->batch - 1, one.head = efla_tensors_heads(file, tensor) - 1, one.first = file->tokens - 1;
    if (state)
      (void)efla_tensors_read_states(file, tensor, end ? file->sequences - 1 : 0, one.head, 1, values, NULL);
    else
      (void)efla_tensors_read(file, tensor, &one, efla_array_head_major(values, EFLA_F64, 1, 1, width), NULL);
  }
  free(values);
}

static efla_status try_out(const void *context, efla_message *why) {
  efla_tensors file;
  efla_status status = open_trustingly(&file, context, why);
  if (status != EFLA_OK) return status;
  for (efla_tensor t = 0; t < EFLA_TENSORS; t++)
    if (file.has[t]) touch(&file, t);
  return efla_tensors_close(&file, why);
}

static efla_status open_carefully(efla_tensors *file, const candidate *c, efla_message *why) {
  const efla_container_kind *kind;
  *file = (efla_tensors){0};
  efla_status status = efla_container_recognise(c->path, &kind, why);
  if (status == EFLA_OK && kind->crashes) status = efla_sandboxed_open(try_out, c, c->path, why);
  return status == EFLA_OK ? open_trustingly(file, c, why) : status;
}

efla_status efla_tensors_open(efla_tensors *file, const char *path, efla_message *why) {
  return open_carefully(file, &(candidate){.path = path}, why);
}

efla_status efla_tensors_open_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                      efla_message *why) {
  return open_carefully(file, &(candidate){.path = path, .inputs = inputs}, why);
}

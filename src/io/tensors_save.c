/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: writes inputs from memory. */
#include "io/output.h"
#include "io/shape.h"

#include <assert.h>
#include <stdlib.h>

/* Copies the rows of a batch entry in the file's order, (tokens, heads, width). */
static void gather(const efla_sequence *x, const efla_array *array, size_t entry, size_t width, double *rows) {
  const float *from = (const float *)array->data + (ptrdiff_t)entry * array->batch;
  for (size_t t = 0; t < x->tokens; t++)
    for (size_t h = 0; h < x->heads; h++, rows += width)
      for (size_t i = 0; i < width; i++)
        rows[i] = from[(ptrdiff_t)h * array->head + (ptrdiff_t)t * array->token + (ptrdiff_t)i];
}

typedef struct source {
  efla_tensor tensor;
  const efla_array *array; /* data NULL: not written */
  efla_dataset *dataset;
} source;

static efla_status declare(efla_container *file, const efla_sequence *x, source *s, efla_message *why) {
  const bool one = s->tensor == EFLA_BETA || (s->tensor == EFLA_G && !x->g_per_channel);
  const size_t size[] = {x->batch, x->tokens, x->heads, s->tensor == EFLA_V ? x->dv : x->dk};
  assert(s->array->type == EFLA_F32 && s->array->repeat <= 1);
  return file->kind->declare(file, efla_tensor_name(s->tensor), efla_element_of_numpy("f4"), one ? 3 : 4, size,
                             &s->dataset, why);
}

/* Writes the batch entries, one after another. */
static efla_status store(const efla_sequence *x, const source *s, double *rows, efla_message *why) {
  const size_t width = s->dataset->rank == 4 ? s->dataset->size[3] : 1;
  efla_box box = {
      .rank = s->dataset->rank, .n = x->tokens * x->heads * width, .count = {1, x->tokens, x->heads, width}};
  efla_status status = EFLA_OK;
  for (; box.start[0] < x->batch && status == EFLA_OK; box.start[0]++) {
    gather(x, s->array, box.start[0], width, rows);
    status = s->dataset->container->kind->store(s->dataset, &box, rows, why);
  }
  return status;
}

efla_status efla_tensors_save(const char *path, const efla_sequence *x, efla_message *why) {
  source sources[] = {{EFLA_Q, &x->q, NULL},       {EFLA_K, &x->k, NULL}, {EFLA_V, &x->v, NULL},
                      {EFLA_BETA, &x->beta, NULL}, {EFLA_G, &x->g, NULL}, {EFLA_P, &x->p, NULL}};
  enum { SOURCES = sizeof sources / sizeof *sources };
  const efla_container_kind *kind = NULL;
  efla_container *file = NULL;
  bool complete = true;
  double *rows = calloc(x->tokens * x->heads, (x->dk > x->dv ? x->dk : x->dv) * sizeof *rows);
  efla_status status = rows ? efla_container_named(path, &kind, why) : efla_fail_memory(why);
  if (status == EFLA_OK) assert(kind), status = kind->create(&file, path, why);
  for (source *s = sources; s < sources + SOURCES && status == EFLA_OK; s++)
    if (s->array->data) status = declare(file, x, s, why);
  for (source *s = sources; s < sources + SOURCES && status == EFLA_OK; s++)
    if (s->dataset) status = store(x, s, rows, why);
  for (source *s = sources; s < sources + SOURCES; s++)
    if (s->dataset) complete &= file->kind->release(s->dataset);
  if (file) {
    efla_status closed = file->kind->close(file, complete, status == EFLA_OK ? why : NULL);
    if (status == EFLA_OK) status = closed;
  }
  free(rows);
  return status;
}

efla_status efla_tensors_save_whole(const char *path, const efla_sequence *x, efla_message *why) {
  efla_output output;
  efla_status status = efla_output_begin(&output, path, why);
  if (status != EFLA_OK) return status;
  status = efla_tensors_save(efla_output_name(&output), x, why);
  if (status == EFLA_OK) status = efla_output_finish(&output, why);
  efla_output_abandon(&output);
  return status;
}

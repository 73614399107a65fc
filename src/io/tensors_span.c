/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: reads and writes blocks of numbers. */
#include "io/shape.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { B, T, H, D };

static efla_box token_box(const efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block) {
  size_t width = efla_tensors_width(file, tensor);
  efla_axes axes = efla_axes_of(file, efla_tensors_wide(file, tensor));
  const size_t start[] = {block->batch, block->first, block->head, 0},
               count[] = {1, block->tokens, block->heads, width};
  efla_box b = {.rank = axes.rank, .n = block->tokens * block->heads * width};
  for (size_t i = 0; i < 4; i++)
    if (axes.at[i] >= 0) b.start[axes.at[i]] = start[i], b.count[axes.at[i]] = count[i];
  return b;
}

/* A dataset of states has the axes of sequences and heads, one of them (sequences where q has no axis of heads), or
 * none. */
static efla_box state_box(const efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t heads) {
  const size_t rank = file->dataset[tensor]->rank;
  efla_box b = {.rank = rank, .n = heads * file->dk * file->dv};
  size_t axis = 0;
  if (rank == 4 || (rank == 3 && file->rank == 2)) b.start[axis] = sequence, b.count[axis++] = 1;
  if (rank == 4 || (rank == 3 && file->rank > 2)) b.start[axis] = head, b.count[axis++] = heads;
  b.count[axis++] = file->dk;
  b.count[axis] = file->dv;
  return b;
}

/* "k[0,417,5,3]" */
static const char *index_text(efla_tensor tensor, size_t rank, const size_t *index, char text[EFLA_INDEX_TEXT]) {
  size_t length = (size_t)snprintf(text, EFLA_INDEX_TEXT, "%s[", efla_tensor_name(tensor));
  for (size_t i = 0; i < rank; i++)
    length += (size_t)snprintf(text + length, EFLA_INDEX_TEXT - length, "%zu%s", index[i], i + 1 < rank ? "," : "]");
  return text;
}

const char *efla_tensors_index(const efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t token,
                               size_t entry, char text[EFLA_INDEX_TEXT]) {
  efla_box b;
  if (efla_tensor_kinds[tensor].width == EFLA_WIDTH_STATE) {
    b = state_box(file, tensor, sequence, head, 1);
    b.start[b.rank - 2] = entry / file->dv, b.start[b.rank - 1] = entry % file->dv;
  } else {
    const efla_tensor_block one = {.batch = file->cu_seqlens ? 0 : sequence,
                                   .head = head,
                                   .heads = 1,
                                   .first = (file->cu_seqlens ? file->cu_seqlens[sequence] : 0) + token,
                                   .tokens = 1};
    b = token_box(file, tensor, &one);
    if (efla_tensors_wide(file, tensor)) b.start[b.rank - 1] = entry;
  }
  return index_text(tensor, b.rank, b.start, text);
}

/* The error for number `at` of the box. */
static efla_status refuse(const efla_tensors *file, efla_tensor tensor, const efla_box *b, size_t at, double value,
                          efla_message *why) {
  size_t index[4];
  char text[EFLA_INDEX_TEXT];
  for (size_t i = b->rank; i-- > 0; at /= b->count[i]) index[i] = b->start[i] + at % b->count[i];
  return efla_fail(why, EFLA_INPUT, "%s: %s: %g, expected %s", file->path, index_text(tensor, b->rank, index, text),
                   isnan(value) ? NAN : value, efla_tensor_kinds[tensor].expected);
}

static efla_status check_values(const efla_tensors *file, efla_tensor tensor, const efla_box *b, const double *values,
                                efla_message *why) {
  const efla_tensor_kind *kind = &efla_tensor_kinds[tensor];
  if (!kind->expected) return EFLA_OK;
  const double least = kind->least, most = kind->most;
  int wrong = 0; /* without an early exit, so that the loop is vectorised */
  for (size_t i = 0; i < b->n; i++) wrong |= !(values[i] >= least) | !(values[i] <= most);
  for (size_t i = 0; wrong && i < b->n; i++)
    if (!(values[i] >= least && values[i] <= most)) return refuse(file, tensor, b, i, values[i], why);
  return EFLA_OK;
}

static efla_status read_box(efla_tensors *file, efla_tensor tensor, const efla_box *b, double *values,
                            efla_message *why) {
  efla_status status = file->container->kind->fetch(file->dataset[tensor], b, values, why);
  return status == EFLA_OK ? check_values(file, tensor, b, values, why) : status;
}

static efla_status write_box(efla_tensors *file, efla_tensor tensor, const efla_box *b, const double *values,
                             efla_message *why) {
  return file->container->kind->store(file->dataset[tensor], b, values, why);
}

/* The layout of a block in the file's order, contiguous. */
static efla_array own_order(const efla_tensors *file, const efla_tensor_block *block, size_t width) {
  return file->layout == EFLA_BTHD ? efla_array_token_major(NULL, EFLA_F64, block->tokens, block->heads, width)
                                   : efla_array_head_major(NULL, EFLA_F64, block->tokens, block->heads, width);
}

/* Whether two layouts are the same; the stride of a dimension with one entry does not matter, without tokens none
 * does. */
static bool same_order(const efla_tensor_block *block, const efla_array *a, const efla_array *b) {
  if (block->tokens == 0) return true;
  return (block->heads <= 1 || a->head == b->head) && (block->tokens <= 1 || a->token == b->token);
}

static void copy_rows(const efla_tensor_block *block, size_t width, const efla_array *from, const efla_array *to) {
  for (size_t h = 0; h < block->heads; h++)
    for (size_t t = 0; t < block->tokens; t++)
      memcpy((double *)to->data + (ptrdiff_t)h * to->head + (ptrdiff_t)t * to->token,
             (const double *)from->data + (ptrdiff_t)h * from->head + (ptrdiff_t)t * from->token,
             width * sizeof(double));
}

static efla_status make_room(efla_tensors *file, size_t n, efla_message *why) {
  if (n <= file->room) return EFLA_OK;
  free(file->scratch);
  file->scratch = malloc(n * sizeof *file->scratch);
  file->room = file->scratch ? n : 0;
  return file->scratch ? EFLA_OK : efla_fail_memory(why);
}

efla_status efla_tensors_read(efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block, efla_array to,
                              efla_message *why) {
  assert(file->has[tensor] && efla_tensor_kinds[tensor].width != EFLA_WIDTH_STATE && to.type == EFLA_F64);
  efla_box b = token_box(file, tensor, block);
  size_t width = efla_tensors_width(file, tensor);
  efla_array own = own_order(file, block, width);
  if (same_order(block, &own, &to)) return read_box(file, tensor, &b, to.data, why);
  efla_status status = make_room(file, b.n, why);
  if (status != EFLA_OK) return status;
  own.data = file->scratch;
  status = read_box(file, tensor, &b, own.data, why);
  if (status == EFLA_OK) copy_rows(block, width, &own, &to);
  return status;
}

efla_status efla_tensors_write(efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block, efla_array from,
                               efla_message *why) {
  assert(file->has[tensor] && efla_tensor_kinds[tensor].width != EFLA_WIDTH_STATE && from.type == EFLA_F64);
  efla_box b = token_box(file, tensor, block);
  size_t width = efla_tensors_width(file, tensor);
  efla_array own = own_order(file, block, width);
  if (same_order(block, &own, &from)) return write_box(file, tensor, &b, from.data, why);
  efla_status status = make_room(file, b.n, why);
  if (status != EFLA_OK) return status;
  own.data = file->scratch;
  copy_rows(block, width, &from, &own);
  return write_box(file, tensor, &b, own.data, why);
}

efla_status efla_tensors_read_states(efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t heads,
                                     double *S, efla_message *why) {
  if (!file->has[tensor]) {
    assert(tensor == EFLA_INITIAL_STATE);
    memset(S, 0, heads * file->dk * file->dv * sizeof *S);
    return EFLA_OK;
  }
  efla_box b = state_box(file, tensor, sequence, head, heads);
  return read_box(file, tensor, &b, S, why);
}

efla_status efla_tensors_write_states(efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head,
                                      size_t heads, const double *S, efla_message *why) {
  assert(file->has[tensor]);
  efla_box b = state_box(file, tensor, sequence, head, heads);
  return write_box(file, tensor, &b, S, why);
}

static bool wide(const efla_format *format) { return format->digits > 24; }

double efla_tensors_output_bytes(const char *path, const efla_tensors *inputs, const efla_tensor *tensors, size_t n,
                                 const efla_format *format) {
  const efla_container_kind *kind;
  const double copies = efla_container_named(path, &kind, NULL) == EFLA_OK ? (double)kind->copies : 1,
               rows = (double)inputs->batch * (double)inputs->tokens,
               states = (double)inputs->sequences * (double)inputs->dk * (double)inputs->dv;
  double numbers = 0;
  for (size_t i = 0; i < n; i++)
    numbers += efla_tensor_is_state(tensors[i]) ? states : rows * (double)efla_tensors_width(inputs, tensors[i]);
  return copies * (double)inputs->heads * numbers * (wide(format) ? sizeof(double) : sizeof(float));
}

efla_status efla_tensors_add(efla_tensors *file, efla_tensor tensor, const efla_format *format, efla_message *why) {
  size_t size[4], rank = efla_tensors_shape(file, tensor, size);
  efla_dataset *made = NULL;
  efla_status status =
      file->container->kind->declare(file->container, efla_tensor_name(tensor),
                                     efla_element_of_numpy(wide(format) ? "f8" : "f4"), rank, size, &made, why);
  file->dataset[tensor] = made;
  file->has[tensor] = made;
  if (made) file->stored[tensor] = made->format;
  return status;
}

efla_status efla_tensors_create(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                const efla_format *format, efla_message *why) {
  const efla_container_kind *kind;
  *file = (efla_tensors){.path = strdup(path)};
  efla_status status = file->path ? efla_tensors_follow(file, inputs, why) : efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_container_named(path, &kind, why);
  if (status == EFLA_OK) status = kind->create(&file->container, path, why);
  if (status == EFLA_OK) status = efla_tensors_add(file, EFLA_O, format, why);
  if (status == EFLA_OK) status = efla_tensors_add(file, EFLA_FINAL_STATE, format, why);
  if (status == EFLA_OK) status = file->container->kind->write_number(file->container, "scale", file->scale, why);
  if (status == EFLA_OK) status = efla_tensors_write_text(file, "layout", efla_layout_name(file->layout), why);
  if (status != EFLA_OK) efla_tensors_close(file, NULL);
  return status;
}

efla_status efla_tensors_write_text(efla_tensors *file, const char *name, const char *text, efla_message *why) {
  return file->container->kind->write_text(file->container, name, text, why);
}

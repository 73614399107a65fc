/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: opens datasets and checks that their shapes agree. */
#include "io/shape.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EFLA_BOTH_SHAPES = 2 * EFLA_SHAPE_TEXT + 4 };

const efla_tensor_kind efla_tensor_kinds[EFLA_TENSORS] = {
    [EFLA_Q] = {"q", EFLA_WIDTH_DK, true, "a finite number", -DBL_MAX, DBL_MAX},
    [EFLA_K] = {"k", EFLA_WIDTH_DK, true, "a finite number", -DBL_MAX, DBL_MAX},
    [EFLA_V] = {"v", EFLA_WIDTH_DV, true, "a finite number", -DBL_MAX, DBL_MAX},
    [EFLA_BETA] = {"beta", EFLA_WIDTH_ONE, true, "a finite number that is not negative", 0, DBL_MAX},
    [EFLA_G] = {"g", EFLA_WIDTH_CHANNELS, false, "a finite number that is not positive", -DBL_MAX, 0},
    [EFLA_ALPHA] = {"alpha", EFLA_WIDTH_ONE, false, "a number from 0 to 1", 0, 1},
    [EFLA_P] = {"p", EFLA_WIDTH_DK, false, "a finite number", -DBL_MAX, DBL_MAX},
    [EFLA_O] = {.name = "o", .width = EFLA_WIDTH_DV},
    [EFLA_INITIAL_STATE] = {"initial_state", EFLA_WIDTH_STATE, false, "a finite number", -DBL_MAX, DBL_MAX},
    [EFLA_FINAL_STATE] = {.name = "final_state", .width = EFLA_WIDTH_STATE},
    [EFLA_D_O] = {"do", EFLA_WIDTH_DV, false, "a finite number", -DBL_MAX, DBL_MAX},
    [EFLA_D_Q] = {.name = "dq", .width = EFLA_WIDTH_DK},
    [EFLA_D_K] = {.name = "dk", .width = EFLA_WIDTH_DK},
    [EFLA_D_V] = {.name = "dv", .width = EFLA_WIDTH_DV},
    [EFLA_D_BETA] = {.name = "dbeta", .width = EFLA_WIDTH_ONE},
    [EFLA_D_G] = {.name = "dg", .width = EFLA_WIDTH_CHANNELS},
    [EFLA_D_ALPHA] = {.name = "dalpha", .width = EFLA_WIDTH_ONE},
    [EFLA_D_P] = {.name = "dp", .width = EFLA_WIDTH_DK},
    [EFLA_D_INITIAL_STATE] = {.name = "dinitial_state", .width = EFLA_WIDTH_STATE},
    [EFLA_D_FINAL_STATE] = {"dfinal_state", EFLA_WIDTH_STATE, false, "a finite number", -DBL_MAX, DBL_MAX},
};

const char *efla_tensor_name(efla_tensor tensor) { return efla_tensor_kinds[tensor].name; }

efla_status efla_tensors_close(efla_tensors *file, efla_message *why) {
  bool complete = true;
  for (size_t i = 0; i < EFLA_TENSORS; i++)
    if (file->container && file->dataset[i]) complete &= file->container->kind->release(file->dataset[i]);
  efla_status status = file->container ? file->container->kind->close(file->container, complete, why) : EFLA_OK;
  free(file->path);
  free(file->cu_seqlens);
  free(file->scratch);
  *file = (efla_tensors){0};
  return status;
}

efla_status efla_tensors_unchanged(const efla_tensors *file, efla_message *why) {
  const efla_container_kind *kind = file->container->kind;
  efla_status status = kind->unchanged(file->container, NULL, why);
  for (size_t i = 0; i < EFLA_TENSORS && status == EFLA_OK; i++)
    if (file->has[i]) status = kind->unchanged(file->container, file->dataset[i], why);
  return status;
}

/* Ends an attempt to open.  Where the file has changed meanwhile, that replaces any other error. */
static efla_status conclude(efla_tensors *file, efla_status status, efla_message *why) {
  if (file->container && efla_tensors_unchanged(file, why) != EFLA_OK) status = EFLA_INPUT;
  if (status != EFLA_OK) efla_tensors_close(file, NULL);
  return status;
}

static efla_status open_container(efla_tensors *file, const char *path, efla_message *why) {
  const efla_container_kind *kind;
  *file = (efla_tensors){.path = strdup(path), .scale = 1};
  if (!file->path) return efla_fail_memory(why);
  efla_status status = efla_container_recognise(path, &kind, why);
  return status == EFLA_OK ? kind->open(&file->container, path, why) : status;
}

static efla_status read_attributes(efla_tensors *file, efla_message *why) {
  char layout[16] = "BTHD";
  efla_container *container = file->container;
  efla_status status = container->kind->number(container, "scale", &file->scale, why);
  if (status == EFLA_OK)
    status = container->kind->text(container, "precision", file->precision, sizeof file->precision, why);
  if (status == EFLA_OK) status = container->kind->text(container, "layout", layout, sizeof layout, why);
  if (status != EFLA_OK) return status;
  for (size_t i = 0; efla_layout_name(i); i++) {
    file->layout = (efla_layout)i;
    if (!strcmp(efla_layout_name(i), layout)) return EFLA_OK;
  }
  return efla_fail(why, EFLA_INPUT, "%s: attribute layout: '%s', expected BTHD or BHTD", file->path, layout);
}

static efla_status open_dataset(efla_tensors *file, const char *name, bool required, efla_dataset **dataset,
                                efla_message *why) {
  efla_status status = file->container->kind->find(file->container, name, dataset, why);
  if (status != EFLA_OK || *dataset || !required) return status;
  return efla_fail(why, EFLA_INPUT, "%s: %s: no such dataset, expected one", file->path, name);
}

static efla_status open_tensor(efla_tensors *file, efla_tensor tensor, bool required, efla_message *why) {
  efla_dataset *dataset = NULL;
  efla_status status = open_dataset(file, efla_tensor_name(tensor), required, &dataset, why);
  file->dataset[tensor] = dataset;
  file->has[tensor] = dataset;
  if (dataset) file->stored[tensor] = dataset->format;
  return status;
}

/* Takes rank, B, T, H and dk from q. */
static efla_status read_sizes(efla_tensors *file, efla_message *why) {
  const size_t *size = file->dataset[EFLA_Q]->size, rank = file->dataset[EFLA_Q]->rank;
  char text[EFLA_SHAPE_TEXT];
  if (rank < 2 || rank > 4)
    return efla_fail(why, EFLA_INPUT, "%s: q: rank %zu, expected 4 (%s), 3 (without B) or 2 (T,D)", file->path, rank,
                     file->layout == EFLA_BTHD ? "B,T,H,D" : "B,H,T,D");
  file->rank = rank;
  size_t *const sizes[] = {&file->batch, &file->tokens, &file->heads, &file->dk};
  efla_axes axes = efla_axes_of(file, true);
  for (size_t i = 0; i < 4; i++) *sizes[i] = axes.at[i] < 0 ? 1 : size[axes.at[i]];
  if (file->heads > EFLA_LARGEST_HEADS)
    return efla_fail(why, EFLA_INPUT, "%s: q: shape %s has %zu heads (layout %s), expected at most %d", file->path,
                     efla_shape_text(file->rank, size, text), file->heads, efla_layout_name(file->layout),
                     EFLA_LARGEST_HEADS);
  if (file->batch && file->tokens && file->heads && file->dk) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "%s: q: shape %s, expected no size of 0", file->path,
                   efla_shape_text(file->rank, size, text));
}

/* Whether g has a number per channel: q's rank says so, and not its sizes, which may all be 1; and whether beta has an
 * axis of size 1 in place of D. */
static void read_forms(efla_tensors *file) {
  const efla_dataset *beta = file->dataset[EFLA_BETA], *g = file->dataset[EFLA_G];
  file->beta_in_rows = beta && beta->rank == file->rank && beta->size[file->rank - 1] == 1;
  file->g_per_channel = g && g->rank == file->rank;
}

/* The same of a derivative: dbeta's form, and how many heads share a row. */
static void read_form_of_derivative(efla_tensors *file, efla_tensor tensor) {
  const efla_dataset *d = file->dataset[tensor];
  if (tensor == EFLA_D_BETA) file->d_beta_in_rows = d->rank == file->rank && d->size[file->rank - 1] == 1;
  const efla_axes axes = efla_axes_of(file, efla_tensors_wide(file, tensor));
  enum { H = 2 };
  file->repeat[tensor] = 1;
  if (efla_tensor_is_state(tensor) || tensor == EFLA_D_O || d->rank != axes.rank || axes.at[H] < 0) return;
  const size_t heads = d->size[axes.at[H]];
  if (heads > 0 && heads < file->heads && file->heads % heads == 0) file->repeat[tensor] = file->heads / heads;
}

static efla_status written(const efla_dataset *dataset, efla_message *why) {
  const efla_container_kind *kind = dataset->container->kind;
  return kind->written ? kind->written(dataset, why) : EFLA_OK;
}

/* "(2,5,3) or (2,5,3,4)" */
static void name_both_forms(const efla_tensors *file, char text[EFLA_BOTH_SHAPES]) {
  char one[EFLA_SHAPE_TEXT], channels[EFLA_SHAPE_TEXT];
  size_t size[4];
  size_t rank = efla_tensors_shape(file, EFLA_BETA, size);
  efla_shape_text(rank, size, one);
  rank = efla_tensors_shape(file, EFLA_K, size);
  snprintf(text, EFLA_BOTH_SHAPES, "%s or %s", one, efla_shape_text(rank, size, channels));
}

/* Checks that a dataset has the expected shape and that its numbers were written. */
static efla_status check_dataset(const efla_tensors *file, efla_tensor tensor, efla_message *why) {
  const efla_dataset *dataset = file->dataset[tensor];
  const size_t *size = dataset->size, rank = dataset->rank;
  size_t wanted[4], q[4];
  char found_text[EFLA_SHAPE_TEXT], wanted_text[EFLA_BOTH_SHAPES], q_text[EFLA_SHAPE_TEXT];
  size_t n = efla_tensors_shape(file, tensor, wanted);
  bool state = efla_tensor_kinds[tensor].width == EFLA_WIDTH_STATE;
  if (rank == n && !memcmp(size, wanted, n * sizeof *size)) return written(dataset, why);
  if (state && rank == 4 && size[0] == file->sequences && size[1] == file->heads && size[2] == file->dk &&
      size[3] == file->dv)
    return written(dataset, why);
  size_t q_rank = efla_tensors_shape(file, EFLA_Q, q);
  bool exchanged = state && rank == n && size[n - 1] == wanted[n - 2] && size[n - 2] == wanted[n - 1];
  efla_shape_text(n, wanted, wanted_text), efla_shape_text(q_rank, q, q_text);
  if (efla_tensor_kinds[tensor].width == EFLA_WIDTH_CHANNELS) name_both_forms(file, wanted_text);
  return efla_fail(why, EFLA_INPUT, "%s: %s: %sshape %s, expected %s to go with q of shape %s", file->path,
                   efla_tensor_name(tensor), exchanged ? "transposed: " : "", efla_shape_text(rank, size, found_text),
                   wanted_text, q_text);
}

/* Takes dv from v, and checks that a state fits in memory. */
static efla_status read_value_width(efla_tensors *file, efla_message *why) {
  const efla_dataset *v = file->dataset[EFLA_V];
  file->dv = v->rank == file->rank ? v->size[v->rank - 1] : 1;
  if (file->dv == 0) return efla_fail(why, EFLA_INPUT, "%s: v: last size 0, expected at least 1", file->path);
  if (file->dk <= EFLA_LARGEST_WIDTH && file->dv <= EFLA_LARGEST_WIDTH && file->dk <= EFLA_LARGEST_STATE / file->dv)
    return EFLA_OK;
  return efla_fail(why, EFLA_INPUT,
                   "%s: q, v: last sizes %zu, %zu, expected at most %d each and a state of at most %d numbers",
                   file->path, file->dk, file->dv, EFLA_LARGEST_WIDTH, EFLA_LARGEST_STATE);
}

static efla_status read_boundaries(efla_tensors *file, efla_dataset *dataset, size_t n, efla_message *why) {
  enum { PIECE = 1 << 16 };
  double *piece = malloc(PIECE * sizeof *piece);
  if (!piece) return efla_fail_memory(why);
  efla_status status = EFLA_OK;
  for (size_t first = 0, count; first < n && status == EFLA_OK; first += count) {
    count = n - first < PIECE ? n - first : PIECE;
    size_t *longer = realloc(file->cu_seqlens, (first + count) * sizeof *longer);
    if (!longer) {
      status = efla_fail_memory(why);
      break;
    }
    file->cu_seqlens = longer;
    status = dataset->container->kind->fetch(dataset, &(efla_box){1, count, {first}, {count}}, piece, why);
    for (size_t i = first; i < first + count && status == EFLA_OK; i++) {
      double value = piece[i - first], least = i ? (double)longer[i - 1] : 0;
      bool right = value == floor(value) && value >= least && value <= (i ? (double)file->tokens : 0);
      if (i + 1 == n) right &= value == (double)file->tokens;
      longer[i] = right ? (size_t)value : 0;
      if (!right)
        status = efla_fail(
            why, EFLA_INPUT,
            "%s: cu_seqlens[%zu]: %.17g, expected whole numbers from 0 to T = %zu, none less than the one before",
            file->path, i, value, file->tokens);
    }
  }
  free(piece);
  return status;
}

static efla_status read_sequences(efla_tensors *file, efla_message *why) {
  efla_dataset *dataset;
  file->sequences = file->batch;
  efla_status status = open_dataset(file, "cu_seqlens", false, &dataset, why);
  if (status != EFLA_OK || !dataset) return status;
  const size_t n = dataset->size[0];
  if (dataset->rank != 1 || n < 2 || n - 1 > EFLA_LARGEST_SEQUENCES)
    status = efla_fail(why, EFLA_INPUT, "%s: cu_seqlens: expected one axis of 2 to %d boundaries", file->path,
                       EFLA_LARGEST_SEQUENCES + 1);
  else if (file->batch != 1)
    status = efla_fail(why, EFLA_INPUT, "%s: cu_seqlens: with B = %zu in q, expected B = 1", file->path, file->batch);
  if (status == EFLA_OK) status = written(dataset, why);
  if (status == EFLA_OK) status = read_boundaries(file, dataset, n, why);
  file->sequences = n - 1;
  dataset->container->kind->release(dataset);
  return status;
}

efla_status efla_tensors_trust(efla_tensors *file, const char *path, efla_message *why) {
  efla_status status = open_container(file, path, why);
  if (status == EFLA_OK) status = read_attributes(file, why);
  for (efla_tensor t = 0; t < EFLA_TENSORS && status == EFLA_OK; t++)
    status = open_tensor(file, t, efla_tensor_kinds[t].required, why);
  if (status == EFLA_OK) status = read_sizes(file, why);
  if (status == EFLA_OK) status = read_value_width(file, why);
  if (status == EFLA_OK) status = read_sequences(file, why);
  if (status == EFLA_OK) read_forms(file);
  for (efla_tensor t = 0; t < EFLA_TENSORS && status == EFLA_OK; t++) {
    if (!file->has[t]) continue;
    if (t >= EFLA_D_O) read_form_of_derivative(file, t);
    status = check_dataset(file, t, why);
  }
  return conclude(file, status, why);
}

efla_status efla_tensors_follow(efla_tensors *file, const efla_tensors *inputs, efla_message *why) {
  file->batch = inputs->batch, file->tokens = inputs->tokens, file->heads = inputs->heads;
  file->dk = inputs->dk, file->dv = inputs->dv, file->rank = inputs->rank;
  file->layout = inputs->layout, file->scale = inputs->scale, file->sequences = inputs->sequences;
  file->g_per_channel = inputs->g_per_channel;
  if (!inputs->cu_seqlens) return EFLA_OK;
  size_t bytes = (inputs->sequences + 1) * sizeof *file->cu_seqlens;
  file->cu_seqlens = malloc(bytes);
  if (!file->cu_seqlens) return efla_fail_memory(why);
  memcpy(file->cu_seqlens, inputs->cu_seqlens, bytes);
  return EFLA_OK;
}

efla_status efla_tensors_trust_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                       efla_message *why) {
  efla_status status = open_container(file, path, why);
  if (status == EFLA_OK) status = read_attributes(file, why);
  if (status == EFLA_OK && file->container->kind->bare) file->layout = inputs->layout;
  if (status == EFLA_OK && file->layout != inputs->layout)
    status = efla_fail(why, EFLA_INPUT, "%s: attribute layout: %s, expected %s as in %s", path,
                       efla_layout_name(file->layout), efla_layout_name(inputs->layout), inputs->path);
  if (status == EFLA_OK) status = efla_tensors_follow(file, inputs, why);
  for (efla_tensor t = EFLA_O; t < EFLA_TENSORS && status == EFLA_OK; t++) {
    if (t == EFLA_INITIAL_STATE) continue;
    status = open_tensor(file, t, t == EFLA_O, why);
    if (status != EFLA_OK || !file->has[t]) continue;
    if (t >= EFLA_D_O) read_form_of_derivative(file, t);
    status = check_dataset(file, t, why);
  }
  return conclude(file, status, why);
}

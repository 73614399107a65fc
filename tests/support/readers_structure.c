/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of tensor files, on files that bytes describe. */
#include "readers.h"
#include "structure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A refusal begins with file and dataset or attribute: "PATH: q: ...", "PATH: q[0,1,2]: ...", "PATH: attribute scale:
 * ...". */
static void expect_place(const efla_message *why, const char *path) {
  size_t length = strlen(path);
  readers_expect(!strncmp(why->text, path, length) && !strncmp(why->text + length, ": ", 2), why->text);
  const char *place = why->text + length + 2, *const others[] = {"cu_seqlens", "attribute scale", "attribute layout",
                                                                 "attribute precision"};
  bool named = false;
  for (efla_tensor t = 0; t < EFLA_TENSORS; t++) {
    size_t n = strlen(efla_tensor_name(t));
    named |= !strncmp(place, efla_tensor_name(t), n) && strchr(":[,", place[n]);
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    size_t n = strlen(others[i]);
    named |= !strncmp(place, others[i], n) && strchr(":[", place[n]);
  }
  readers_expect(named, why->text);
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* Number e of this token and head, which lie in the dataset where the axes say. */
static double expected(const structure *s, efla_tensor tensor, size_t batch, size_t token, size_t head, size_t width,
                       size_t e) {
  const structure_dataset *d = &s->dataset[tensor];
  size_t heads = s->sharing[tensor], row = s->order == EFLA_BTHD ? (batch * s->tokens + token) * heads + head
                                                                 : (batch * heads + head) * s->tokens + token;
  return d->written == ALL ? structure_value(d, row * width + e) : 0;
}

static void check_block(const structure *s, const efla_stream *stream, efla_tensor tensor, const efla_array *array,
                        size_t width) {
  const efla_tensor_block *block = &stream->block;
  for (size_t h = 0; h < stream->x.heads && array->data; h++)
    for (size_t t = 0; t < stream->x.tokens; t++)
      for (size_t e = 0; e < width; e++)
        readers_expect(same(efla_stream_head(array, h)[t * width + e],
                            expected(s, tensor, block->batch, block->first + t, block->head + h, width, e)),
                       "a number reads as it was written");
}

/* All blocks of a stream, in blocks of a few tokens.  With a fault the numbers are not compared. */
static efla_status check_stream(const structure *s, efla_tensors *file, const efla_decay *decay, efla_message *why) {
  efla_stream stream;
  const efla_walk walk = {.states = 1, .decay = decay, .outputs = file->has[EFLA_O] ? file : NULL};
  efla_status status = efla_stream_init(&stream, file, &walk, why);
  stream.most_tokens = stream.most_tokens > 3 ? 3 : stream.most_tokens; /* so that there are several */
  while (status == EFLA_OK && (status = efla_stream_next(&stream, why)) == EFLA_OK && !stream.done) {
    const efla_sequence *x = &stream.x;
    if (s->faults > 0) continue;
    check_block(s, &stream, EFLA_Q, &x->q, x->dk), check_block(s, &stream, EFLA_K, &x->k, x->dk);
    check_block(s, &stream, EFLA_V, &x->v, x->dv), check_block(s, &stream, EFLA_O, &stream.y.o, x->dv);
    check_block(s, &stream, EFLA_BETA, &x->beta, 1), check_block(s, &stream, EFLA_P, &x->p, x->dk);
    check_block(s, &stream, stream.argument, &x->g, x->g_per_channel ? x->dk : 1);
    readers_expect(x->g_per_channel == (stream.argument == EFLA_G && s->g_per_channel), "g has the form of the file");
  }
  efla_stream_clear(&stream);
  return status;
}

static efla_status check_states(const structure *s, efla_tensors *file, efla_tensor tensor, efla_message *why) {
  size_t n = file->dk * file->dv;
  double *S = malloc(n * sizeof *S);
  if (!S) return efla_fail_memory(why);
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < file->sequences * file->heads && status == EFLA_OK; i++) {
    status = efla_tensors_read_states(file, tensor, i / file->heads, i % file->heads, 1, S, why);
    for (size_t e = 0; e < n && status == EFLA_OK && s->faults == 0; e++)
      readers_expect(
          same(S[e], s->dataset[tensor].written == ALL ? structure_value(&s->dataset[tensor], i * n + e) : 0),
          "a number of a state reads as it was written");
  }
  free(S);
  return status;
}

/* All rows of a derivative, some tokens of all heads at a time. */
static efla_status check_rows(const structure *s, efla_tensors *file, efla_tensor tensor, efla_message *why) {
  enum { MOST = 3 };
  const size_t width = efla_tensors_width(file, tensor), heads = efla_tensors_heads(file, tensor);
  double *rows = malloc(heads * MOST * width * sizeof *rows);
  if (!rows) return efla_fail_memory(why);
  efla_status status = EFLA_OK;
  for (size_t b = 0; b < file->batch; b++)
    for (size_t first = 0; first < file->tokens && status == EFLA_OK; first += MOST) {
      const size_t n = file->tokens - first < MOST ? file->tokens - first : MOST;
      const efla_tensor_block block = {b, 0, heads, first, n};
      status = efla_tensors_read(file, tensor, &block, efla_array_head_major(rows, EFLA_F64, n, heads, width), why);
      for (size_t e = 0; e < heads * n * width && status == EFLA_OK && s->faults == 0; e++)
        readers_expect(same(rows[e], expected(s, tensor, b, first + e / width % n, e / width / n, width, e % width)),
                       "a number of a derivative reads as it was written");
    }
  free(rows);
  return status;
}

/* The forward pass, whose file is as large as computed beforehand, and as much again as HDF5 needs for the rest. */
static void check_pass(efla_tensors *file, const efla_decay *decay) {
  enum { REST = 16384 };
  char path[300];
  struct stat made;
  snprintf(path, sizeof path, "%s.out", file->path);
  const efla_forward_spec forward = {
      .rule = {.method = efla_method_find("exact"), .decay = decay, .keys = &efla_key_treatments[0]},
      .form = &efla_forms[0],
      .format = efla_format_find("f64"),
      .chunk = 16,
      .dk = file->dk,
      .dv = file->dv,
      .scale = file->scale};
  const efla_tensor made_of[] = {EFLA_O, EFLA_FINAL_STATE};
  double bytes = efla_tensors_output_bytes(path, file, made_of, 2, forward.format);
  efla_tensors out;
  efla_bad bad;
  efla_message why = {{0}};
  efla_status status = efla_tensors_create(&out, path, file, forward.format, &why);
  if (status == EFLA_OK) status = efla_forward_stream(&forward, "reference", file, &out, 1, &bad, &why);
  readers_expect(status == EFLA_OK, why.text);
  readers_expect(efla_tensors_close(&out, &why) == EFLA_OK, why.text);
  readers_expect(stat(path, &made) == 0 && (double)made.st_size <= bytes + REST, "outputs are no larger than foretold");
  remove(path);
}

static efla_status read_all(const structure *s, efla_tensors *file, efla_message *why) {
  bool plain = s->faults == 0;
  const efla_decay *decay;
  if (plain)
    readers_expect(file->batch == s->batch && file->tokens == s->tokens && file->heads == s->heads &&
                       file->dk == s->dk && file->dv == s->dv && file->sequences == s->sequences &&
                       file->scale == (s->scale ? 2 : 1),
                   "sizes and scale are those of the file");
  for (size_t i = 0; plain && file->cu_seqlens && i <= s->sequences; i++)
    readers_expect((double)file->cu_seqlens[i] == (s->boundaries.written == ALL ? s->boundary[i] : 0),
                   "boundaries are those of the file");
  efla_status status = EFLA_OK;
  for (size_t i = 1; efla_file_decay_name(i) && status == EFLA_OK; i++)
    if (efla_file_decay_by_option(file, i, &decay, NULL) == EFLA_OK) status = check_stream(s, file, decay, why);
  for (efla_tensor t = EFLA_INITIAL_STATE; t < EFLA_TENSORS && status == EFLA_OK; t++)
    if (file->has[t]) status = efla_tensor_is_state(t) ? check_states(s, file, t, why) : check_rows(s, file, t, why);
  for (size_t i = 1; efla_file_decay_name(i) && status == EFLA_OK; i++)
    if (efla_file_decay_by_option(file, i, &decay, NULL) == EFLA_OK &&
        !(efla_file_decay_exact(file, decay) && file->has[EFLA_P]))
      check_pass(file, decay);
  return status;
}

bool readers_structure(const uint8_t *bytes, size_t n) {
  const char *path = readers_path();
  structure s;
  efla_tensors file;
  efla_message why = {{0}};
  char words[600];
  structure_plan(&s, bytes, n);
  readers_expect(structure_write(&s, path), "HDF5 makes the file that is described");
  efla_status status = efla_tensors_open(&file, path, &why);
  if (status == EFLA_OK) {
    status = read_all(&s, &file, &why);
    efla_tensors_close(&file, NULL);
  } else
    readers_expect(!file.path && !file.tokens, "nothing is kept of a tensor file that was refused");
  readers_expect(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) <= 0, "nothing of a tensor file stays open");
  snprintf(words, sizeof words, "a file is refused for its fault (%s)", s.fault ? s.fault : "none");
  readers_expect(status != EFLA_OK || s.faults != 1, words);
  if (status == EFLA_OK) return true;
  readers_expect_refusal(status, &why, path);
  expect_place(&why, path);
  snprintf(words, sizeof words, "a file without a fault is accepted: %s", why.text);
  readers_expect(s.faults > 0, words);
  return false;
}

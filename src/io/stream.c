/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams of blocks through a tensor file. */
#include "io/shape.h"

#include <assert.h>
#include <stdlib.h>

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Heads in a group: as many as leave room for BLOCK tokens of each and for the caller's states, and no more than are
 * unpacked together. */
enum { BLOCK = 64 };

static void choose_sizes(efla_stream *stream, const efla_walk *walk, size_t numbers) {
  const efla_tensors *file = stream->file;
  size_t by_tokens = EFLA_STREAM_NUMBERS / (numbers * least(file->tokens, BLOCK));
  size_t by_states = EFLA_LARGEST_STATE / most(1, walk->states * file->dk * file->dv);
  stream->most_heads = most(1, least(file->heads, least(by_tokens, by_states)));
  for (efla_tensor t = 0; t <= EFLA_O; t++) /* o as well, which a caller may read by the same spans */
    if (file->has[t]) stream->most_heads = least(stream->most_heads, efla_tensors_heads_at_once(file, t));
  stream->most_tokens = least(file->tokens, most(1, EFLA_STREAM_NUMBERS / (numbers * stream->most_heads)));
  if (walk->multiple && stream->most_tokens > walk->multiple)
    stream->most_tokens -= stream->most_tokens % walk->multiple;
}

/* As many sequences from the first on as have n among them that are not empty; 0: all. */
static size_t first_sequences(const efla_tensors *file, size_t n) {
  if (n == 0) return file->sequences;
  size_t sequence = 0;
  for (; sequence < file->sequences && n > 0; sequence++) n -= efla_tensors_length(file, sequence) > 0;
  return sequence;
}

efla_status efla_stream_init(efla_stream *stream, efla_tensors *file, const efla_walk *walk, efla_message *why) {
  assert(!walk->outputs || file->has[EFLA_O]);
  *stream = (efla_stream){.file = file,
                          .most_sequences = first_sequences(file, walk->sequences),
                          .most_length = walk->length ? walk->length : file->tokens};
  size_t dk = file->dk, dv = file->dv;
  size_t numbers = 2 * dk + dv + 1 + (file->has[EFLA_G] ? 1 : 0) + (walk->outputs ? dv : 0);
  choose_sizes(stream, walk, numbers);
  size_t n = stream->most_heads * stream->most_tokens;
  double *at = stream->block = malloc(n * numbers * sizeof *at);
  if (!at) {
    *stream = (efla_stream){0};
    return efla_fail_memory(why);
  }
  stream->q = at, at += n * dk;
  stream->k = at, at += n * dk;
  stream->v = at, at += n * dv;
  stream->beta = at, at += n;
  if (file->has[EFLA_G]) stream->g = at, at += n;
  if (walk->outputs) stream->o = at;
  return EFLA_OK;
}

void efla_stream_clear(efla_stream *stream) {
  free(stream->block);
  *stream = (efla_stream){0};
}

/* To the next block: of the same heads, of the next group of heads, of the next sequence. */
static void move_on(efla_stream *stream) {
  const efla_tensors *file = stream->file;
  if (stream->span.heads == 0) { /* before the first */
    stream->token = 0;
  } else if (!stream->ends) {
    stream->token += stream->span.tokens;
  } else {
    stream->token = 0;
    stream->span.head += stream->span.heads;
    if (stream->span.head == file->heads) stream->span.head = 0, stream->sequence++;
  }
  stream->done = stream->sequence == stream->most_sequences;
  if (stream->done) return;
  size_t start = file->cu_seqlens ? file->cu_seqlens[stream->sequence] : 0;
  size_t length = efla_tensors_length(file, stream->sequence);
  stream->length = least(length, stream->most_length);
  stream->whole = stream->length == length;
  stream->span.batch = file->cu_seqlens ? 0 : stream->sequence;
  stream->span.heads = least(stream->most_heads, file->heads - stream->span.head);
  stream->span.first = start + stream->token;
  stream->span.tokens = least(stream->most_tokens, stream->length - stream->token);
  stream->begins = stream->token == 0;
  stream->ends = stream->token + stream->span.tokens == stream->length;
}

efla_status efla_stream_next(efla_stream *stream, efla_message *why) {
  move_on(stream);
  double *const values[] = {[EFLA_Q] = stream->q,       [EFLA_K] = stream->k, [EFLA_V] = stream->v,
                            [EFLA_BETA] = stream->beta, [EFLA_G] = stream->g, [EFLA_O] = stream->o};
  efla_status status = stream->done ? efla_tensors_unchanged(stream->file, why) : EFLA_OK;
  for (efla_tensor t = 0; t < sizeof values / sizeof *values && status == EFLA_OK && !stream->done; t++)
    if (values[t]) status = efla_tensors_read(stream->file, t, &stream->span, values[t], why);
  return status;
}

size_t efla_stream_last(const efla_stream *stream) { return stream->length > 0 ? stream->length - 1 : 0; }

efla_tokens efla_stream_tokens(const efla_stream *stream, size_t h) {
  size_t n = stream->span.tokens, dk = stream->file->dk, dv = stream->file->dv;
  assert(h < stream->span.heads);
  return (efla_tokens){.tokens = n,
                       .dk = dk,
                       .dv = dv,
                       .q = stream->q + h * n * dk,
                       .k = stream->k + h * n * dk,
                       .v = stream->v + h * n * dv,
                       .beta = stream->beta + h * n};
}

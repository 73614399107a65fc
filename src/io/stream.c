/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams of blocks through a tensor file. */
#include "io/file_decay.h"
#include "io/shape.h"

#include <assert.h>
#include <stdlib.h>

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Heads in a group: at most so many that BLOCK tokens of each and the caller's states fit, and at most
 * efla_tensors_heads_at_once. */
enum { BLOCK = 64 };

static void choose_sizes(efla_stream *stream, const efla_walk *walk, size_t numbers) {
  const efla_tensors *file = stream->file;
  size_t by_tokens = EFLA_STREAM_NUMBERS / (numbers * least(file->tokens, BLOCK));
  size_t by_states = EFLA_LARGEST_STATE / most(1, walk->states * file->dk * file->dv);
  stream->most_heads = most(1, least(file->heads, least(by_tokens, by_states)));
  for (efla_tensor t = 0; t <= EFLA_O; t++) /* o as well, which a caller may read in the same blocks */
    if (file->has[t]) stream->most_heads = least(stream->most_heads, efla_tensors_heads_at_once(file, t));
  stream->most_tokens = least(file->tokens, most(1, EFLA_STREAM_NUMBERS / (numbers * stream->most_heads)));
  if (walk->multiple && stream->most_tokens > walk->multiple)
    stream->most_tokens -= stream->most_tokens % walk->multiple;
}

/* How many of the first sequences contain n that are not empty; n = 0: all. */
static size_t first_sequences(const efla_tensors *file, size_t n) {
  if (n == 0) return file->sequences;
  size_t sequence = 0;
  for (; sequence < file->sequences && n > 0; sequence++) n -= efla_tensors_length(file, sequence) > 0;
  return sequence;
}

efla_status efla_stream_init(efla_stream *stream, efla_tensors *file, const efla_walk *walk, efla_message *why) {
  assert(!walk->outputs || walk->outputs->has[EFLA_O]);
  *stream = (efla_stream){.file = file,
                          .outputs = walk->outputs,
                          .argument = efla_decay_tensor(walk->decay),
                          .most_sequences = first_sequences(file, walk->sequences),
                          .most_length = walk->length ? walk->length : file->tokens};
  size_t dk = file->dk, dv = file->dv, p = file->has[EFLA_P] ? dk : 0,
         g = stream->argument < EFLA_TENSORS ? efla_tensors_width(file, stream->argument) : 0;
  assert(!g || file->has[stream->argument]);
  choose_sizes(stream, walk, 2 * dk + dv + 1 + g + p);
  size_t n = stream->most_heads * stream->most_tokens, states = stream->most_heads * dk * dv;
  size_t numbers = n * (2 * dk + dv + 1 + g + p + (walk->outputs ? dv : 0)),
         starts = file->has[EFLA_INITIAL_STATE] ? states : 0,
         finals = walk->outputs && walk->outputs->has[EFLA_FINAL_STATE] ? states : 0;
  double *at = stream->memory = malloc((numbers + starts + finals) * sizeof *at);
  if (!at) {
    *stream = (efla_stream){0};
    return efla_fail_memory(why);
  }
  stream->x = (efla_sequence){.batch = 1, .dk = dk, .dv = dv};
  stream->x.g_per_channel = stream->argument == EFLA_G && file->g_per_channel;
  stream->x.q.data = at, at += n * dk;
  stream->x.k.data = at, at += n * dk;
  stream->x.v.data = at, at += n * dv;
  stream->x.beta.data = at, at += n;
  if (g) stream->x.g.data = at, at += n * g;
  if (p) stream->x.p.data = at, at += n * p;
  if (walk->outputs) stream->y.o.data = at, at += n * dv;
  if (starts) stream->starts = at, at += starts;
  if (finals) stream->finals = at;
  return EFLA_OK;
}

void efla_stream_clear(efla_stream *stream) {
  free(stream->memory);
  *stream = (efla_stream){0};
}

/* Moves to the next block: of the same heads, of the next group of heads, or of the next sequence. */
static void move_on(efla_stream *stream) {
  const efla_tensors *file = stream->file;
  if (stream->block.heads == 0) { /* before the first */
    stream->token = 0;
  } else if (!stream->ends) {
    stream->token += stream->block.tokens;
  } else {
    stream->token = 0;
    stream->block.head += stream->block.heads;
    if (stream->block.head == file->heads) stream->block.head = 0, stream->sequence++;
  }
  stream->done = stream->sequence == stream->most_sequences;
  if (stream->done) return;
  size_t start = file->cu_seqlens ? file->cu_seqlens[stream->sequence] : 0;
  size_t length = efla_tensors_length(file, stream->sequence);
  stream->length = least(length, stream->most_length);
  stream->whole = stream->length == length;
  stream->block.batch = file->cu_seqlens ? 0 : stream->sequence;
  stream->block.heads = least(stream->most_heads, file->heads - stream->block.head);
  stream->block.first = start + stream->token;
  stream->block.tokens = least(stream->most_tokens, stream->length - stream->token);
  stream->begins = stream->token == 0;
  stream->ends = stream->token + stream->block.tokens == stream->length;
}

/* Sets the arrays of the block's view: shapes and places in memory. */
static void describe(efla_stream *stream) {
  efla_sequence *x = &stream->x;
  const size_t channels = x->g_per_channel ? x->dk : 1;
  x->heads = stream->block.heads, x->tokens = stream->block.tokens;
  struct {
    efla_array *array;
    size_t width;
  } const rows[] = {{&x->q, x->dk},    {&x->k, x->dk}, {&x->v, x->dv},       {&x->beta, 1},
                    {&x->g, channels}, {&x->p, x->dk}, {&stream->y.o, x->dv}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].array->data)
      *rows[i].array = efla_array_head_major(rows[i].array->data, EFLA_F64, x->tokens, x->heads, rows[i].width);
  const efla_array absent = {.data = NULL};
  const bool final = stream->finals && stream->ends && stream->whole;
  x->initial_state =
      stream->starts && stream->begins ? efla_array_states(stream->starts, EFLA_F64, x->heads, x->dk, x->dv) : absent;
  stream->y.final_state = final ? efla_array_states(stream->finals, EFLA_F64, x->heads, x->dk, x->dv) : absent;
}

static efla_status read_rows(efla_stream *stream, efla_message *why) {
  const efla_sequence *x = &stream->x;
  const struct {
    efla_tensor tensor;
    const efla_array *array;
  } rows[] = {{EFLA_Q, &x->q},           {EFLA_K, &x->k}, {EFLA_V, &x->v},       {EFLA_BETA, &x->beta},
              {stream->argument, &x->g}, {EFLA_P, &x->p}, {EFLA_O, &stream->y.o}};
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < sizeof rows / sizeof *rows && status == EFLA_OK; i++)
    if (rows[i].array->data)
      status = efla_tensors_read(rows[i].tensor == EFLA_O ? stream->outputs : stream->file, rows[i].tensor,
                                 &stream->block, *rows[i].array, why);
  return status;
}

static efla_status read_states(efla_stream *stream, efla_message *why) {
  const size_t sequence = stream->sequence, head = stream->block.head, heads = stream->block.heads;
  efla_status status = EFLA_OK;
  if (stream->x.initial_state.data)
    status = efla_tensors_read_states(stream->file, EFLA_INITIAL_STATE, sequence, head, heads, stream->starts, why);
  if (status == EFLA_OK && stream->y.final_state.data)
    status = efla_tensors_read_states(stream->outputs, EFLA_FINAL_STATE, sequence, head, heads, stream->finals, why);
  return status;
}

efla_status efla_stream_next(efla_stream *stream, efla_message *why) {
  move_on(stream);
  if (stream->done) return efla_tensors_unchanged(stream->file, why);
  describe(stream);
  efla_status status = read_rows(stream, why);
  return status == EFLA_OK ? read_states(stream, why) : status;
}

size_t efla_stream_last(const efla_stream *stream) { return stream->length > 0 ? stream->length - 1 : 0; }

efla_tokens efla_stream_tokens(const efla_stream *stream, size_t h) {
  const efla_sequence *x = &stream->x;
  assert(h < x->heads);
  return (efla_tokens){.tokens = x->tokens,
                       .dk = x->dk,
                       .dv = x->dv,
                       .q = efla_stream_head(&x->q, h),
                       .k = efla_stream_head(&x->k, h),
                       .v = efla_stream_head(&x->v, h),
                       .beta = efla_stream_head(&x->beta, h),
                       .g = efla_stream_head(&x->g, h),
                       .p = efla_stream_head(&x->p, h),
                       .g_per_channel = x->g_per_channel};
}

efla_status efla_stream_write(const efla_stream *stream, efla_tensors *out, const efla_result *y, efla_message *why) {
  const efla_tensor_block *block = &stream->block;
  efla_status status = efla_tensors_write(out, EFLA_O, block, y->o, why);
  if (status != EFLA_OK || !stream->ends) return status;
  return efla_tensors_write_states(out, EFLA_FINAL_STATE, stream->sequence, block->head, block->heads,
                                   y->final_state.data, why);
}

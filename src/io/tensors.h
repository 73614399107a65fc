/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: q, k, v and beta of somebody's own, in HDF5, the container that h5py, Julia, MATLAB and h5dump read.
 *
 * Datasets q, k, v, beta, and if the file has them g, o, initial_state, final_state, cu_seqlens; any float or integer
 * type, which the library converts (IEEE half, bfloat16 and other float types of their own included).  With T tokens, H
 * heads, B batch entries:
 *
 *     q, k (B,T,H,dk)   v, o (B,T,H,dv)   beta, g (B,T,H)          or all without B, or without B and H
 *     initial_state, final_state (N,H,dk,dv)                       or (H,dk,dv), (dk,dv) where N = 1; (N,dk,dv) where q is (T,dk)
 *     cu_seqlens (N+1): 0 = c_0 <= c_1 <= ... <= c_N = T           where B = 1 and N sequences lie end to end; otherwise N = B;
 *                                                                  one may be empty, and ends in its initial state
 *
 * Attributes on the root: scale (1), so that o = scale S^T q; layout, "BTHD" as above (the default) or "BHTD" with the
 * axes of heads and tokens exchanged.  g is the logarithm of a decay, S <- exp(g) S before the step.
 *
 * All numbers have to be there: a dataset that was created and never written, wholly or some of its chunks, is refused
 * whatever its fill value, and so are virtual datasets and external storage (see efla_stored_written for what cannot be
 * told).
 *
 * Datasets may be compressed by gzip or h5py's lzf, shuffled, with checksums, and by whatever other filters HDF5 finds
 * (its plugins); a file that needs a filter that is not available is refused when it is opened.  Of each compressed
 * dataset up to EFLA_LARGEST_CHUNK bytes are kept unpacked, so that a stream unpacks each chunk once (besides once for
 * the child below, and once more, without keeping it, to see how long a chunk of gzip is: io/whole.h); more often only
 * where a chunk reaches over heads that do not fit into one group (see efla_walk), over several batch entries or over a
 * part of D, and what it has in common with its neighbours is larger than that.
 *
 * Files larger than memory are streamed along T: see efla_stream.  A file that changes while it is read is refused at
 * the next block (io/watch.h); another file may take its name.  A file is opened in a child process first, which a
 * damaged one may crash: see io/sandboxed_open.h.  HDF5's own messages on standard error are switched off, for the
 * whole process. */
#ifndef EFLA_IO_TENSORS_H
#define EFLA_IO_TENSORS_H

#include "efla/cpu/heads.h"
#include "efla/sequence.h"
#include "base/tokens.h"
#include "number/format.h"
#include "io/watch.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum efla_tensor {
  EFLA_Q,
  EFLA_K,
  EFLA_V,
  EFLA_BETA,
  EFLA_G,
  EFLA_O,
  EFLA_INITIAL_STATE,
  EFLA_FINAL_STATE,
  EFLA_TENSORS
} efla_tensor;

const char *efla_tensor_name(efla_tensor tensor); /* of the dataset */

enum {
  EFLA_LARGEST_WIDTH = 1 << 14, /* dk and dv */
  EFLA_LARGEST_STATE = 1 << 22, /* numbers in a head's state, so that one head fits in memory whatever a file claims */
  EFLA_LARGEST_HEADS = 1 << 12, /* whose findings are kept side by side */
  EFLA_LARGEST_SEQUENCES = 1 << 24, /* in one file */
  EFLA_LARGEST_CHUNK = 1 << 26      /* bytes in a compressed chunk, and in all that are kept unpacked */
};

typedef struct efla_tensors {
  char *path;
  size_t batch, tokens, heads, dk, dv;
  size_t sequences;   /* N: B, or as cu_seqlens says */
  size_t *cu_seqlens; /* (sequences + 1), NULL where there is none */
  double scale;
  efla_layout layout;
  size_t rank;        /* of q: 4, 3 (no B) or 2 (no H either) */
  char precision[16]; /* the attribute of that name, "" where there is none: what the file says it was computed in */
  bool has[EFLA_TENSORS];              /* which datasets are there */
  efla_format stored[EFLA_TENSORS];    /* the type of each on disk; where it is a row of efla_formats, that row */
  int64_t file, dataset[EFLA_TENSORS]; /* HDF5's handles */
  efla_watch file_watch, watch[EFLA_TENSORS]; /* of a file to read; a link may lead to a dataset in another file */
  struct efla_whole *whole[EFLA_TENSORS];     /* what is known of the chunks of each (io/whole.h) */
  double *scratch;
  size_t room; /* numbers in scratch */
} efla_tensors;

/* Opens a file to read and checks everything but the numbers of the tensors themselves.  Fails with EFLA_INPUT and a
 * sentence with file, dataset, index and expectation: no file, not HDF5, truncated or damaged; a dataset missing, of
 * another rank or shape than the rest, of a type that holds no numbers, packed by a filter that is not available, or
 * never written; cu_seqlens that decrease, or are not from 0 to T; sizes past the limits above.  Also with
 * EFLA_NO_MEMORY. file is then zeroed. */
efla_status efla_tensors_open(efla_tensors *file, const char *path, efla_message *why);

/* The same for a file with o, and perhaps final_state, that belong to the inputs in `inputs`, as bin/run writes it.
 * Sizes, layout, scale and cu_seqlens are those of the inputs. */
efla_status efla_tensors_open_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                      efla_message *why);

/* Creates a file for o and final_state of these inputs, stored as f64 if format has more than 24 digits and as f32
 * otherwise. Fails with EFLA_OUTPUT or EFLA_NO_MEMORY, and then file is zeroed; what is on disk is the caller's to
 * remove. */
efla_status efla_tensors_create(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                const efla_format *format, efla_message *why);

/* What o and final_state will take on the disk. */
double efla_tensors_output_bytes(const efla_tensors *inputs, const efla_format *format);

/* A whole file of inputs, from q, k, v and beta in memory: f32 of any strides, no repeat, no cu_seqlens; g and
 * initial_state are not written.  Stored as f32, "BTHD".  Fails with EFLA_OUTPUT or EFLA_NO_MEMORY; what is on disk is
 * then the caller's to remove. */
efla_status efla_tensors_save(const char *path, const efla_sequence *x, efla_message *why);

/* Text as an attribute of the root. */
efla_status efla_tensors_write_text(efla_tensors *file, const char *name, const char *text, efla_message *why);

/* Whether a file that was opened to read is still as it was then; fails with EFLA_INPUT.  To be asked when all of it
 * has been read. */
efla_status efla_tensors_unchanged(const efla_tensors *file, efla_message *why);

/* Accepts a zeroed struct.  Closing what was written can fail, with EFLA_OUTPUT. */
efla_status efla_tensors_close(efla_tensors *file, efla_message *why);

/* The part of a batch entry that is read or written at once. */
typedef struct efla_tensor_block {
  size_t batch, head, heads, first, tokens; /* heads head ... head+heads-1, tokens first ... first+tokens-1 */
} efla_tensor_block;

/* Tokens of a sequence; only one of cu_seqlens may have none. */
size_t efla_tensors_length(const efla_tensors *file, size_t sequence);

/* Numbers per token and head: dk, dv or 1. */
size_t efla_tensors_width(const efla_tensors *file, efla_tensor tensor);

/* A block from the file to where `to` says, or from there to the file: an array (heads, tokens, width) of f64 with any
 * strides, whose batch and repeat are not used.  In the file's own order and one after another the numbers go there
 * directly, otherwise through a copy.  Reading an input (all but o and final_state) fails with EFLA_INPUT at the first
 * nan or inf and, in beta, at the first negative number; reading anything from a file that has changed since it was
 * opened. */
efla_status efla_tensors_read(efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block, efla_array to,
                              efla_message *why);
efla_status efla_tensors_write(efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block, efla_array from,
                               efla_message *why);

/* The states of heads head ... head+heads-1 of a sequence, (heads, dk, dv); zero where a file has no initial_state. */
efla_status efla_tensors_read_states(efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t heads,
                                     double *S, efla_message *why);
efla_status efla_tensors_write_states(efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head,
                                      size_t heads, const double *S, efla_message *why);

/* "o[0,417,5,3]": entry number `entry` of a token of a sequence, or of the sequence's state (where token is not used),
 * as the dataset counts. */
enum { EFLA_INDEX_TEXT = 128 };
const char *efla_tensors_index(const efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t token,
                               size_t entry, char text[EFLA_INDEX_TEXT]);

/* Walks through all sequences, for each through all groups of heads, for each through all blocks of tokens:
 *
 *     efla_stream stream;
 *     status = efla_stream_init(&stream, &file, &(efla_walk){.states = 1}, why);
 *     while (status == EFLA_OK && (status = efla_stream_next(&stream, why)) == EFLA_OK && !stream.done) {
 *       if (stream.begins) ... states of stream.x.heads heads start, from stream.x.initial_state
 *       for (size_t h = 0; h < stream.x.heads; h++) {
 *         efla_tokens x = efla_stream_tokens(&stream, h);
 *         ... o: efla_stream_head(&stream.y.o, h)
 *       }
 *       if (stream.ends) ... they are final
 *     }
 *     efla_stream_clear(&stream);
 *
 * The inputs of a block are at most EFLA_STREAM_NUMBERS numbers, however large the file.  A sequence without tokens is
 * one block without tokens for each group of heads, which begins and ends there: its final states are to be written as
 * any others. */
enum { EFLA_STREAM_NUMBERS = 1 << 22 };

typedef struct efla_walk {
  size_t states; /* how many states per head the caller keeps: groups are small enough for 2^22 numbers in all of them,
                      and for the chunks of all their heads to be kept unpacked */
  size_t
      /* blocks end at multiples of this many tokens of their sequence, where that is not too many; 0: anywhere */
      multiple;
  efla_tensors *outputs;    /* the file whose o, and final_state if it has one, are read as well; NULL: none */
  size_t sequences, length; /* only the first ones that are not empty, and of each only the first tokens; 0: all */
} efla_walk;

/* The block at hand is a view: f64, one batch entry, the heads of a group, their rows one after another.  The stream
 * owns its numbers, until the next block. */
typedef struct efla_stream {
  efla_sequence x;         /* initial_state where the sequence begins and the file has one: else absent */
  efla_result y;           /* what the file of outputs has: o; final_state where the whole sequence ends */
  size_t sequence;         /* of the block at hand */
  size_t token;            /* its first token, counted from the sequence's first */
  size_t length;           /* tokens of the sequence that are walked through */
  bool whole;              /* these are all that it has */
  bool begins, ends;       /* it is the first, the last block of these heads in this sequence */
  bool done;               /* there is no block any more */
  efla_tensor_block block; /* where it lies in the file */
  efla_tensors *file, *outputs;
  size_t most_heads, most_tokens, most_sequences, most_length;
  double *starts, *finals, *memory; /* room for initial and final states, for everything */
} efla_stream;

/* Fails with EFLA_NO_MEMORY; stream is then zeroed.  A file of outputs has o. */
efla_status efla_stream_init(efla_stream *stream, efla_tensors *file, const efla_walk *walk, efla_message *why);
void efla_stream_clear(efla_stream *stream);

/* The next block, or done.  Fails as efla_tensors_read does, and, when done, as efla_tensors_unchanged does. */
efla_status efla_stream_next(efla_stream *stream, efla_message *why);

/* The number of the last token of the sequence at hand; 0 also where it has none. */
size_t efla_stream_last(const efla_stream *stream);

/* The tokens of head number h of the block (from 0, that is head block.head + h of the file): a view. */
efla_tokens efla_stream_tokens(const efla_stream *stream, size_t h);

/* Where head number h of one of the block's arrays begins, its rows one after another; NULL where it is absent. */
static inline double *efla_stream_head(const efla_array *array, size_t h) {
  return array->data ? (double *)array->data + (ptrdiff_t)h * array->head : NULL;
}

/* Writes o of the block at hand to another file, and where the sequence ends its final states, which lie one after
 * another.  Fails as efla_tensors_write does. */
efla_status efla_stream_write(const efla_stream *stream, efla_tensors *out, const efla_result *y, efla_message *why);

#endif

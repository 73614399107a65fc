/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: q, k, v and beta from any source, in HDF5, which h5py, Julia, MATLAB and h5dump read and write, in
 * NumPy's .npz (io/npz_container.c) or in safetensors (io/safetensors_container.c); a lone .npy is a file of one dataset
 * with the file's name.  What follows is said of HDF5 where it is about chunks, filters, links and the child process.
 *
 * Datasets are q, k, v, beta and optionally g, alpha, p, o, initial_state, final_state, cu_seqlens, of any float or
 * integer type (IEEE half, bfloat16 and other user-defined floats included), which HDF5 converts.  With T tokens, H
 * heads, B batch entries and N sequences:
 *
 *     q, k, p  (B,T,H,dk)                  p: the erase key, in place of k in what is erased (efla/sequence.h)
 *     v, o  (B,T,H,dv)
 *     beta  (B,T,H), or (B,T,H,1)          >= 0
 *     g, alpha  (B,T,H)                    the argument of a decay (efla/rule.h): g <= 0 the logarithm of one, 0 <=
 *                                          alpha <= 1 a retention; of the two that of the decay in use is read
 *                                          (io/file_decay.h).  Or g (B,T,H,dk), one per channel of the key; which
 *                                          of both it is, is told by its rank and not by its sizes: q's, and it is
 *                                          per channel, also where dk = 1; one less, and it is per head.
 *                                          These eight may all lack the axis B, or B and H: where q is (T,dk) a g
 *                                          of shape (T,dk) is per channel, and (T) the one per head
 *     initial_state  (N,H,dk,dv)           or (H,dk,dv), (dk,dv) where N = 1; (N,dk,dv) where q is (T,dk)
 *     final_state                          likewise
 *     cu_seqlens  (N+1)                    0 = c_0 <= c_1 <= ... <= c_N = T, where B = 1: the boundaries of N
 *                                          consecutive sequences; an empty one ends in its initial state.
 *                                          Without it N = B.
 *
 * Derivatives of a loss, do, dq, dk, dv, dbeta, dg, dalpha, dp, dinitial_state and dfinal_state, have the shape of what
 * they are derivatives by; do and dfinal_state are inputs of a backward pass, the others its outputs.  dq, dk, dv, dbeta,
 * dg, dalpha and dp may have H/r heads in place of H: the sums over r heads that follow each other and share the array.
 *
 * Attributes of the root: scale (default 1), o = scale S^T q; layout, "BTHD" as above (the default) or "BHTD" with
 * the axes of heads and tokens exchanged.
 *
 * All numbers must have been written: a dataset that was created but not written, wholly or in some of its chunks,
 * is refused whatever its fill value, and so are virtual datasets and external storage (see efla_stored_written for
 * what cannot be detected).
 *
 * Datasets may be compressed by gzip or h5py's lzf, shuffled, have checksums, or use any other filter that HDF5
 * finds as a plugin; a file with a filter that is not available is refused when it is opened.  Each compressed
 * dataset has a cache of EFLA_LARGEST_CHUNK bytes of unpacked chunks.  A stream unpacks each chunk once, apart from
 * the check in the child process and the check of its size (io/whole.h), unless chunks extend over heads of several
 * groups (efla_walk), over several batch entries or over a part of D and together exceed the cache.
 *
 * Files larger than memory are streamed along T (efla_stream).  A file that changes while it is read is refused at
 * the next block (io/watch.h); another file may take its name.  A file is first opened in a child process, since a
 * damaged one may crash HDF5 (io/sandboxed_open.h).  HDF5's messages on standard error are switched off for the
 * whole process. */
#ifndef EFLA_IO_TENSORS_H
#define EFLA_IO_TENSORS_H

#include "efla/cpu/heads.h"
#include "efla/sequence.h"
#include "base/tokens.h"
#include "number/format.h"
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
  EFLA_ALPHA,
  EFLA_P,
  EFLA_O,
  EFLA_INITIAL_STATE,
  EFLA_FINAL_STATE,
  EFLA_D_O, /* of a loss by o, an input of its backward pass; what follows are outputs of that, but for the last */
  EFLA_D_Q,
  EFLA_D_K,
  EFLA_D_V,
  EFLA_D_BETA,
  EFLA_D_G,
  EFLA_D_ALPHA,
  EFLA_D_P,
  EFLA_D_INITIAL_STATE,
  EFLA_D_FINAL_STATE,
  EFLA_TENSORS
} efla_tensor;

const char *efla_tensor_name(efla_tensor tensor); /* of the dataset */

enum {
  EFLA_LARGEST_WIDTH = 1 << 14,     /* dk and dv */
  EFLA_LARGEST_STATE = 1 << 22,     /* numbers in a head's state, so that one head fits in memory */
  EFLA_LARGEST_HEADS = 1 << 12,     /* statistics of all heads are kept in memory */
  EFLA_LARGEST_SEQUENCES = 1 << 24, /* in one file */
  EFLA_LARGEST_CHUNK = 1 << 26      /* bytes in a compressed chunk, and in a dataset's cache of unpacked ones */
};

typedef struct efla_tensors {
  char *path;
  size_t batch, tokens, heads, dk, dv;
  size_t sequences;   /* N */
  size_t *cu_seqlens; /* (sequences + 1), NULL where there is none */
  double scale;
  efla_layout layout;
  size_t rank;                       /* of q: 4, 3 (no B) or 2 (no H either) */
  bool g_per_channel;                /* g has dk numbers a token */
  bool beta_in_rows, d_beta_in_rows; /* beta, dbeta has the axis D, of size 1 */
  size_t repeat[EFLA_TENSORS];       /* heads that share a row of a derivative, r above; 1 for all else */
  char precision[16];                /* the attribute `precision`, in which the file says it was computed; "": none */
  bool has[EFLA_TENSORS];            /* which datasets are there */
  efla_format stored[EFLA_TENSORS];  /* the type of each in the file; a row of efla_formats where there is one */
  struct efla_container *container;  /* the open file (io/container.h) */
  struct efla_dataset *dataset[EFLA_TENSORS];
  double *scratch;
  size_t room; /* numbers in scratch */
} efla_tensors;

/* Opens a file to read and checks everything except the values of the tensors.  Fails with EFLA_INPUT and a message
 * with file, dataset, index and expectation: no file, of no format that is known, truncated or damaged; a dataset missing, of another
 * rank or shape than the others, of a type that is not numeric, with a filter that is not available, or never written;
 * cu_seqlens that decrease, or are not from 0 to T; sizes above the limits.  Also with EFLA_NO_MEMORY.  file is then
 * zeroed. */
efla_status efla_tensors_open(efla_tensors *file, const char *path, efla_message *why);

/* The same for a file with o, and optionally final_state, computed from the inputs in `inputs`, as bin/run writes it.
 * Sizes, layout, scale and cu_seqlens are those of the inputs. */
efla_status efla_tensors_open_outputs(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                      efla_message *why);

/* Creates a file for o and final_state of these inputs, stored as f64 if format has more than 24 digits and as f32
 * otherwise. Fails with EFLA_OUTPUT or EFLA_NO_MEMORY; file is then zeroed, and the caller removes what is on
 * disk. */
efla_status efla_tensors_create(efla_tensors *file, const char *path, const efla_tensors *inputs,
                                const efla_format *format, efla_message *why);

/* Adds a dataset to such a file, in f64 or f32 as there, before anything is written.  Fails with EFLA_OUTPUT. */
efla_status efla_tensors_add(efla_tensors *file, efla_tensor tensor, const efla_format *format, efla_message *why);

/* Bytes that these n datasets will take on disk in a file of that name for these inputs, while they are written. */
double efla_tensors_output_bytes(const char *path, const efla_tensors *inputs, const efla_tensor *tensors, size_t n,
                                 const efla_format *format);

/* Writes a file of inputs from q, k, v and beta in memory, and from g, per head or per channel, and p where they are
 * there: f32 of any strides, no repeat, no cu_seqlens; x->g is a logarithm, and initial_state is not written.  Stored
 * as f32, "BTHD".  Fails with EFLA_OUTPUT or EFLA_NO_MEMORY; the caller then
 * removes what is on disk. */
efla_status efla_tensors_save(const char *path, const efla_sequence *x, efla_message *why);

/* The same; the file is complete or not there at all (io/output.h). */
efla_status efla_tensors_save_whole(const char *path, const efla_sequence *x, efla_message *why);

/* Writes a text as an attribute of the root. */
efla_status efla_tensors_write_text(efla_tensors *file, const char *name, const char *text, efla_message *why);

/* Fails with EFLA_INPUT where the file has changed since it was opened to read.  To be called when all has been
 * read. */
efla_status efla_tensors_unchanged(const efla_tensors *file, efla_message *why);

/* Accepts a zeroed struct.  Fails with EFLA_OUTPUT where a written file cannot be completed. */
efla_status efla_tensors_close(efla_tensors *file, efla_message *why);

/* A part of a batch entry, read or written at once. */
typedef struct efla_tensor_block {
  size_t batch, head, heads, first, tokens; /* heads head ... head+heads-1, tokens first ... first+tokens-1 */
} efla_tensor_block;

/* Tokens of a sequence; can be 0 with cu_seqlens only. */
size_t efla_tensors_length(const efla_tensors *file, size_t sequence);

/* Numbers per token and head: dk, dv or 1; of g dk or 1. */
size_t efla_tensors_width(const efla_tensors *file, efla_tensor tensor);

/* Heads of a dataset: fewer than the file's where heads share a derivative. A block to be read counts these. */
size_t efla_tensors_heads(const efla_tensors *file, efla_tensor tensor);

/* Whether a dataset has states, one for each sequence, and not rows of tokens. */
bool efla_tensor_is_state(efla_tensor tensor);

/* Reads a block to `to`, or writes one from `from`: an array (heads, tokens, width) of f64 with any strides, whose
 * batch and repeat are not used.  Arrays that are contiguous in the file's order are transferred directly, others
 * through a copy.  Reading fails with EFLA_INPUT at the first nan or inf of an input (all except o and final_state), at
 * the first number outside the range of beta, g or alpha, and where the file has changed since it was opened. */
efla_status efla_tensors_read(efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block, efla_array to,
                              efla_message *why);
efla_status efla_tensors_write(efla_tensors *file, efla_tensor tensor, const efla_tensor_block *block, efla_array from,
                               efla_message *why);

/* Read or write the states of heads head ... head+heads-1 of a sequence, (heads, dk, dv); zero where the file has no
 * initial_state. */
efla_status efla_tensors_read_states(efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t heads,
                                     double *S, efla_message *why);
efla_status efla_tensors_write_states(efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head,
                                      size_t heads, const double *S, efla_message *why);

/* "o[0,417,5,3]": the index in the dataset of entry number `entry` of a token of a sequence, or of the sequence's state
 * (token is then not used). */
enum { EFLA_INDEX_TEXT = 128 };
const char *efla_tensors_index(const efla_tensors *file, efla_tensor tensor, size_t sequence, size_t head, size_t token,
                               size_t entry, char text[EFLA_INDEX_TEXT]);

/* Iterates over all sequences, for each over all groups of heads, for each over all blocks of tokens:
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
 * The inputs of a block have at most EFLA_STREAM_NUMBERS numbers.  An empty sequence is one block without tokens for
 * each group of heads, which begins and ends in it: its final states are written as any others. */
enum { EFLA_STREAM_NUMBERS = 1 << 22 };

typedef struct efla_walk {
  size_t states;            /* states per head that the caller keeps; those of a group have at most 2^22 numbers */
  const efla_decay *decay;  /* x.g is its argument, which the file has, and x.g_per_channel its form; NULL: a decay
                               without.  x.p is read from every file that has it */
  size_t multiple;          /* longer blocks end at multiples of so many tokens of their sequence; 0: anywhere */
  efla_tensors *outputs;    /* a file whose o, and final_state if there is one, are read too; NULL: none */
  size_t sequences, length; /* only the first ones that are not empty, and of each only the first tokens; 0: all */
} efla_walk;

/* The current block is a view: f64, one batch entry, the heads of a group, the rows of each head contiguous.  The
 * stream owns the numbers, which are valid until the next block. */
typedef struct efla_stream {
  efla_sequence x;         /* initial_state only where the sequence begins and the file has one */
  efla_result y;           /* from the file of outputs: o; final_state where the whole sequence ends */
  size_t sequence;         /* of the current block */
  size_t token;            /* its first token, counted from that of the sequence */
  size_t length;           /* tokens of the sequence that are read */
  bool whole;              /* these are all of its tokens */
  bool begins, ends;       /* this is the first, the last block of these heads in this sequence */
  bool done;               /* there is no further block */
  efla_tensor_block block; /* its place in the file */
  efla_tensors *file, *outputs;
  efla_tensor argument; /* the dataset of x.g; EFLA_TENSORS: none */
  size_t most_heads, most_tokens, most_sequences, most_length;
  double *starts, *finals, *memory; /* initial states, final states, the allocated block */
} efla_stream;

/* Fails with EFLA_NO_MEMORY; stream is then zeroed.  A file of outputs must have o,
 * the file the argument of walk->decay. */
efla_status efla_stream_init(efla_stream *stream, efla_tensors *file, const efla_walk *walk, efla_message *why);
void efla_stream_clear(efla_stream *stream);

/* Reads the next block, or sets done.  Fails as efla_tensors_read does, and, when done, as efla_tensors_unchanged
 * does. */
efla_status efla_stream_next(efla_stream *stream, efla_message *why);

/* The number of the last token of the current sequence; 0 also where it is empty. */
size_t efla_stream_last(const efla_stream *stream);

/* The tokens of head h of the block (head block.head + h of the file), a view. */
efla_tokens efla_stream_tokens(const efla_stream *stream, size_t h);

/* The contiguous rows of head h in an array of the block; NULL where the array is absent. */
static inline double *efla_stream_head(const efla_array *array, size_t h) {
  return array->data ? (double *)array->data + (ptrdiff_t)h * array->head : NULL;
}

/* Writes o of the current block to another file, and where the sequence ends its final states, which are contiguous.
 * Fails as efla_tensors_write does. */
efla_status efla_stream_write(const efla_stream *stream, efla_tensors *out, const efla_result *y, efla_message *why);

#endif

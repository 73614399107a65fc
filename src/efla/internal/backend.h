/* SPDX-License-Identifier: MIT */
/* A backend: a row of functions, and the workspace of its calls. */
#ifndef EFLA_INTERNAL_BACKEND_H
#define EFLA_INTERNAL_BACKEND_H

#include "efla/backend.h"
#include "efla/decode.h"

/* A block of memory that is allocated front to back.  With base NULL bytes are only counted, so that one function both
 * determines the size of its workspace and lays it out. */
typedef struct efla_arena {
  char *base; /* aligned to 128 bytes */
  size_t used;
} efla_arena;

/* n elements of `size` bytes, aligned to 128; NULL while counting.  A sum that overflows stays at PTRDIFF_MAX, which
 * cannot be allocated. */
void *efla_arena_take(efla_arena *arena, size_t n, size_t size);

/* A call whose arguments have been checked. */
typedef struct efla_call {
  efla_backend *backend;
  const efla_rule *rule;
  const efla_sequence *x;
  const efla_result *y;    /* what a forward call writes; what a backward call reads */
  const efla_gradient *dx; /* of a backward call */
} efla_call;

/* Lays out its workspace, and unless the arena only counts, computes; a status with a message where that failed. */
typedef efla_status efla_pass(const efla_call *call, efla_arena *arena);

typedef struct efla_backend_row {
  const char *name, *what;
  efla_status (*open)(efla_backend *backend, const efla_options *options);
  /* Whether it computes the rule in the type, and for these inputs, NULL: not known yet; otherwise EFLA_UNSUPPORTED
   * and a message. */
  efla_status (*offers)(efla_backend *backend, const efla_rule *rule, efla_type type, const efla_sequence *x);
  efla_pass *forward, *backward;         /* backward NULL: not offered */
  size_t (*kept)(const efla_call *call); /* bytes that a forward call keeps for a backward one; NULL: none */
  /* Of a decoder: lays out its memory; sets the states, NULL: zero; copies them to an array; one token, with o.data
   * NULL without a read-out. */
  void (*lay_out)(efla_decoder *decoder, efla_arena *arena);
  efla_status (*load)(efla_decoder *decoder, const efla_array *states);
  efla_status (*store)(efla_decoder *decoder, const efla_array *states);
  efla_status (*step)(efla_decoder *decoder, const efla_sequence *token, const efla_array *o);
  const struct efla_memory *memory; /* in which its arrays and its workspace are; NULL: this processor's */
} efla_backend_row;

/* Memory of a device.  copy goes either way, and waits until it is done. */
typedef struct efla_memory {
  void *(*alloc)(efla_backend *backend, size_t bytes);
  void (*free)(efla_backend *backend, void *memory);
  efla_status (*copy)(efla_backend *backend, void *to, const void *from, size_t bytes);
} efla_memory;

extern const efla_backend_row efla_backend_cpu, efla_backend_reference;
#ifdef EFLA_CUDA
extern const efla_backend_row efla_backend_cuda;
#endif

enum { EFLA_MESSAGE_BYTES = 256 };

struct efla_backend {
  const efla_backend_row *row;
  size_t threads;
  const struct efla_isa *isa;
  const struct efla_matrix *matrix; /* of the cpu; NULL: none */
  bool bf16_products;
  void *stream; /* of a device */
  char message[EFLA_MESSAGE_BYTES];
  void *workspace;
  size_t bytes;  /* of the workspace */
  bool reserved; /* the workspace must not grow */
  bool lent;     /* it is the caller's */
};

struct efla_decoder {
  efla_backend *backend;
  efla_rule rule;
  efla_decoder_shape shape;
  void *memory; /* all memory of the decoder except this struct */
  void *states; /* in the backend's layout */
  void *scratch[8];
};

/* Writes the message, truncated to fit, and returns status. */
efla_status efla_backend_say(efla_backend *backend, efla_status status, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Runs a pass on the backend's workspace, which grows where it is too small and not reserved. */
efla_status efla_backend_run(const efla_call *call, efla_pass *pass);

#endif

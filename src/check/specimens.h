/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Specimens: kernels, right and wrong, that the kernel check is held against.
 *
 * Every kernel is a plain loop in f32 of its own, which shares nothing with the fault models and the library: what the
 * check says about it is compared with what is known of it. */
#ifndef EFLA_CHECK_SPECIMENS_H
#define EFLA_CHECK_SPECIMENS_H

#include "check/kernel_check.h"
#include "number/format.h"

#include <stdbool.h>
#include <stddef.h>

/* What a kernel needs of its inputs. */
enum {
  EFLA_SPECIMEN_G = 1,       /* a decay */
  EFLA_SPECIMEN_START = 2,   /* initial states */
  EFLA_SPECIMEN_PACKED = 4,  /* two sequences in one batch entry */
  EFLA_SPECIMEN_SCALE = 8,   /* a scale of 1/4 */
  EFLA_SPECIMEN_GROUPS = 16, /* pairs of heads share q and k */
  EFLA_SPECIMEN_LONG = 32,   /* keys twice as long: Euler's rule is unstable */
  EFLA_SPECIMEN_ZERO = 64,   /* one key is zero */
  EFLA_SPECIMEN_UNIT = 128,  /* the rule has unit keys */
  EFLA_SPECIMEN_F32 = 256,   /* shows with o in f32 only */
  EFLA_SPECIMEN_FP16 = 512   /* in fp16 only: values near its largest number */
};

/* Ends with a row whose name is NULL. */
typedef struct efla_specimen_kernel {
  const char *name;
  const char *expected; /* names of findings (check/judgement.h), | between them; "": right; "unknown" */
  int what;             /* the fault, or the form of a right kernel (specimens_kernels.c) */
  double amount;        /* of it: a factor, the length of a chunk, digits */
  unsigned needs;
} efla_specimen_kernel;
extern const efla_specimen_kernel efla_specimen_wrong[], efla_specimen_right[];

enum {
  EFLA_SPECIMEN_BATCH = 2,
  EFLA_SPECIMEN_TOKENS = 200,
  EFLA_SPECIMEN_HEADS = 4,
  EFLA_SPECIMEN_DK = 16,
  EFLA_SPECIMEN_DV = 16
};

/* Inputs of a family as a kernel in `type` has them (rounded to it), and its outputs; all (B,T,H,width) in f32. */
typedef struct efla_specimen {
  const efla_specimen_kernel *kernel;
  const efla_format *type; /* of inputs and o */
  size_t sequences;        /* of starts and finals */
  float scale;
  float *q, *k, *v, *beta, *g, *start, *o, *final; /* start, final (sequences,H,dk,dv) */
  float *block;
} efla_specimen;

/* Draws the inputs.  Fails as efla_source_init does and with EFLA_NO_MEMORY. */
efla_status efla_specimen_draw(efla_specimen *c, const efla_specimen_kernel *kernel, const char *family,
                               const efla_format *type, size_t seed, efla_message *why);
void efla_specimen_clear(efla_specimen *c);

/* Computes o and final (specimens_kernels.c). */
void efla_specimen_run(efla_specimen *c);

/* Writes it as a tensor file.  Fails with EFLA_OUTPUT. */
efla_status efla_specimen_write(const efla_specimen *c, const char *path, efla_message *why);

/* What the check says about the file of a case. */
typedef enum efla_specimen_answer {
  EFLA_SPECIMEN_NAMED,     /* the right name; of a right kernel: within the tolerance */
  EFLA_SPECIMEN_MISNAMED,  /* a wrong one; of a right kernel: outside */
  EFLA_SPECIMEN_UNDECIDED, /* more than one, or unknown where something is expected */
  EFLA_SPECIMEN_UNKNOWN,
  EFLA_SPECIMEN_UNSEEN, /* a wrong kernel that is within the tolerance */
  EFLA_SPECIMEN_ANSWERS
} efla_specimen_answer;

/* Judges it; `said`: what was said, in short (EFLA_FAULT_TEXT); granted: the largest error over what is granted.  Fails
 * as efla_kernel_check_run does. */
efla_status efla_specimen_judge(const efla_specimen *c, const char *path, efla_specimen_answer *answer, char *said,
                                double *granted, efla_message *why);

#endif

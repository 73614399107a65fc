/* A run: one method advancing one state that is stored in one number format.
 *
 * f64 computes in f64.  All other formats compute in f32 on inputs rounded to f32 and store the state in their format
 * after every token, as accelerators do.  The gate is formed in f64: it is one scalar per token. */
#ifndef EFLA_PRECISION_RUN_H
#define EFLA_PRECISION_RUN_H

#include "flow/method.h"
#include "precision/format.h"
#include "status.h"

#include <stdbool.h>

typedef struct efla_run {
  const efla_method *method;
  const efla_format *format;
  size_t dk, dv;
  double *S;     /* (dk, dv), the state after the last token */
  double *o;     /* (dv), its read-out with the last query */
  size_t tokens; /* consumed so far */
  size_t blowup; /* the first token (from 1) after which the state was not finite; 0: none */
  bool f32;
  float *S32, *k32, *v32; /* (dk, dv), (dk), (dv) */
  void *block;
} efla_run;

/* Starts from the zero state.  Fails with EFLA_MEMORY and leaves run zeroed. */
efla_status efla_run_init(efla_run *run, const efla_method *method, const efla_format *format, size_t dk, size_t dv);
void efla_run_clear(efla_run *run);

/* Consumes a block (x->dk, x->dv as in init).  Keys are taken as they are.  Blow-up is data: S and o then hold inf or
 * nan, and the state is not advanced further. */
void efla_run_advance(efla_run *run, const efla_tokens *x);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a number comes from: version, commit, compiler, libraries, machine. */
#ifndef EFLA_APP_PROVENANCE_H
#define EFLA_APP_PROVENANCE_H

#include "efla/version.h"

#include <stdio.h>

const char *efla_commit(void);

/* OpenBLAS on one thread: the toolkit's own threads are above it, and its results then do not depend on their number.
 */
void efla_blas_single_thread(void);

/* OpenBLAS with kernels that fit the processor.  A library older than the processor may not know it and take its oldest
 * kernels, several times slower: then the program starts again with OPENBLAS_CORETYPE set.  For main, before anything
 * else. */
void efla_blas_best_kernels(char **argv);

/* Lines "# key: value" on version, commit, compiler, flags, processor, BLAS and date (UTC; SOURCE_DATE_EPOCH is
 * obeyed). */
void efla_provenance_write(FILE *file);

#endif

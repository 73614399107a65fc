/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Provenance of a result: version, commit, compiler, libraries, machine. */
#ifndef EFLA_APP_PROVENANCE_H
#define EFLA_APP_PROVENANCE_H

#include "efla/version.h"

#include <stdio.h>

const char *efla_commit(void);

/* Sets OpenBLAS to one thread: the toolkit runs its own threads above it, and results then do not depend on
 * OpenBLAS's. */
void efla_blas_single_thread(void);

/* Makes OpenBLAS use kernels that fit the processor. A library older than the processor may not know it and
 * choose its oldest kernels, several times slower: then the program restarts itself with OPENBLAS_CORETYPE
 * set. To be called first in main. */
void efla_blas_best_kernels(char **argv);

/* Lines "# key: value" for version, commit, compiler, flags, processor, BLAS and date (UTC; from
 * SOURCE_DATE_EPOCH where set). */
void efla_provenance_write(FILE *file);

#endif

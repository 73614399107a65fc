/* SPDX-License-Identifier: MIT */
/* OpenMP where the compiler has it; one thread elsewhere. */
#ifndef EFLA_INTERNAL_THREADS_H
#define EFLA_INTERNAL_THREADS_H

#include <stddef.h>

#ifdef _OPENMP
#include <omp.h>
/* The number of the thread that asks, in its parallel region. */
static inline size_t efla_thread(void) { return (size_t)omp_get_thread_num(); }
#else
static inline size_t efla_thread(void) { return 0; }
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* What is compiled for a GPU too, beside the processor: formulas in headers. */
#ifndef EFLA_INTERNAL_DEVICE_H
#define EFLA_INTERNAL_DEVICE_H

#ifdef __CUDACC__
#define EFLA_SHARED static inline __host__ __device__
#else
#define EFLA_SHARED static inline
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* Numbers of all types, and the coefficients of a token, on the device. */
#ifndef EFLA_CUDA_NUMBER_CUH
#define EFLA_CUDA_NUMBER_CUH

#include "efla/cuda/job.h"
#include "efla/internal/rates.h"
#include "efla/internal/rows.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

typedef __nv_bfloat16 bf16;

__device__ inline float widen(float x) { return x; }
__device__ inline double widen(double x) { return x; }
__device__ inline float widen(bf16 x) { return __bfloat162float(x); }
__device__ inline float widen(half x) { return __half2float(x); }
template <typename T> __device__ inline T narrow(double x) { return (T)x; }
template <typename T> __device__ inline T narrow(float x) { return (T)x; }
template <> __device__ inline bf16 narrow<bf16>(float x) { return __float2bfloat16_rn(x); }
template <> __device__ inline half narrow<half>(float x) { return __float2half_rn(x); }

/* Number i of an array that has the type T or f32. */
template <typename T> __device__ inline double number(const efla_array &a, ptrdiff_t i) {
  return a.type == EFLA_F32 ? (double)((const float *)a.data)[i] : (double)widen(((const T *)a.data)[i]);
}
template <typename T, typename REAL> __device__ inline REAL state_number(const efla_array &a, ptrdiff_t i) {
  return a.type == EFLA_F32 ? (REAL)((const float *)a.data)[i] : (REAL)widen(((const T *)a.data)[i]);
}
template <typename T, typename REAL> __device__ inline void set_state(const efla_array &a, ptrdiff_t i, REAL x) {
  if (a.type == EFLA_F32)
    ((float *)a.data)[i] = (float)x;
  else
    ((T *)a.data)[i] = narrow<T>(x);
}

template <typename N> __device__ inline N warp_sum(N x) {
  for (int i = 16; i > 0; i /= 2) x += __shfl_xor_sync(~0u, x, i);
  return x;
}

/* The number of this thread's warp, which the compiler then knows to be the same for all of it. */
__device__ inline int warp_number() { return __shfl_sync(~0u, (int)threadIdx.x / 32, 0); }

__device__ inline void rates_of(int decay, double beta, double g, efla_rates *r) {
  switch (decay) {
  case EFLA_CUDA_SPLIT:
    return efla_rates_split(beta, g, r);
  case EFLA_CUDA_JOINT:
    return efla_rates_joint(beta, g, r);
  case EFLA_CUDA_RETENTION:
    return efla_rates_retention(beta, g, r);
  case EFLA_CUDA_STRANG:
    return efla_rates_strang(beta, g, r);
  default:
    return efla_rates_none(beta, g, r);
  }
}

/* Of a method that has no closed form: a call, since the polynomials are much code. */
static __device__ __noinline__ void ratio_coefficients(const efla_cuda_rule &rule, const efla_rates &r, double x,
                                                       double before, efla_coefficients *c) {
  const double y = r.decay;
  const efla_pair z = efla_pair_sum(y, x);
  const double phi = efla_phi_ratio(rule.numerator, rule.denominator, z, z.rest == 0);
  efla_rates_combine(&r, before, y == 0 ? 1 : efla_stability_from(rule.numerator, rule.denominator, y),
                     y == 0 ? phi : efla_fraction_psi(&rule.psi, y, x), phi, c);
}

/* efla_rates_coefficients of rule.c, of a rule without pointers. */
__device__ inline void coefficients_of(const efla_cuda_rule &rule, const efla_rates &r, double lambda,
                                       efla_coefficients *c) {
  const double x = r.erase * lambda, y = r.decay, before = r.before == 0 ? 1 : exp(r.before);
  if (!rule.closed) return ratio_coefficients(rule, r, x, before, c);
  const double phi = efla_phi_exact(y + x);
  efla_rates_combine(&r, before, y == 0 ? 1 : efla_stability_exact(y), y == 0 ? phi : efla_psi_exact(y, x), phi, c);
}

#endif

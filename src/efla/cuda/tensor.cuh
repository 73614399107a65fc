/* SPDX-License-Identifier: MIT */
/* Instructions of tensor cores and their neighbours, for bf16 and f16. */
#ifndef EFLA_CUDA_TENSOR_CUH
#define EFLA_CUDA_TENSOR_CUH

#include "efla/cuda/number.cuh"

__device__ inline unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

/* 16 bytes from memory to shared memory; zeros where not `there`. */
__device__ inline void copy16(unsigned to, const void *from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0));
}
__device__ inline void copies_commit() { asm volatile("cp.async.commit_group;"); }
__device__ inline void copies_wait() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }
__device__ inline void copies_wait_but_last() { asm volatile("cp.async.wait_group 1;" ::: "memory"); }

__device__ inline void prefetch(const void *p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

/* Four 8 x 8 matrices of 16-bit numbers; lane i gives the address of row i % 8 of matrix i / 8. */
__device__ inline void load4(unsigned (&x)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(address));
}
__device__ inline void load4_transposed(unsigned (&x)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(address));
}
__device__ inline unsigned transposed(unsigned x) {
  unsigned y;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y) : "r"(x));
  return y;
}

/* c (16, 8) += a (16, 16) b (16, 8) */
template <typename T> __device__ inline void multiply(float (&c)[4], const uint4 &a, unsigned b0, unsigned b1);
template <> __device__ inline void multiply<bf16>(float (&c)[4], const uint4 &a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}
template <> __device__ inline void multiply<half>(float (&c)[4], const uint4 &a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

template <typename T> __device__ inline unsigned pack(float low, float high);
template <> __device__ inline unsigned pack<bf16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *(const unsigned *)&pair;
}
template <> __device__ inline unsigned pack<half>(float low, float high) {
  const half2 pair = __floats2half2_rn(low, high);
  return *(const unsigned *)&pair;
}
template <typename T> __device__ inline float2 unpack(unsigned x) {
  const T *pair = (const T *)&x;
  return make_float2(widen(pair[0]), widen(pair[1]));
}

/* A pair times a pair of factors. */
template <typename T> __device__ inline unsigned scaled(unsigned x, float2 factors) {
  const float2 y = unpack<T>(x);
  return pack<T>(y.x * factors.x, y.y * factors.y);
}

/* Lane q of four neighbours gets number q of each of them: of four tiles of 8 columns, a tile's row as 16 bytes. */
__device__ inline uint4 exchanged(unsigned a, unsigned b, unsigned c, unsigned d, int lane) {
  unsigned x[4] = {a, b, c, d};
#pragma unroll
  for (int step = 1; step < 4; step *= 2) {
    const bool upper = lane & step;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (i & step) continue;
      const unsigned other = __shfl_xor_sync(~0u, upper ? x[i] : x[i + step], step);
      x[i] = upper ? other : x[i], x[i + step] = upper ? x[i + step] : other;
    }
  }
  return make_uint4(x[0], x[1], x[2], x[3]);
}

#endif

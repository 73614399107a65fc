/* SPDX-License-Identifier: MIT */
/* Barriers in shared memory, at which warps of different tasks wait for each other. */
#ifndef EFLA_CUDA_BARRIER_CUH
#define EFLA_CUDA_BARRIER_CUH

#include "efla/cuda/tensor.cuh"

__device__ inline void barrier_make(unsigned long long *b, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory");
}
__device__ inline void barrier_arrive(unsigned long long *b) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(shared_address(b)) : "memory");
}
/* Arrives when all copies that this thread has begun are done. */
__device__ inline void barrier_arrive_copied(unsigned long long *b) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_address(b)) : "memory");
}
/* Waits for the end of phase number `phase`, the first being 0. */
__device__ inline void barrier_wait(unsigned long long *b, unsigned phase) {
  const unsigned address = shared_address(b), parity = phase % 2;
  unsigned done = 0;
  while (!done)
    asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(address), "r"(parity)
                 : "memory");
}

#endif

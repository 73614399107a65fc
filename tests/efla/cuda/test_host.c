/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host code of the backend cuda against a device that the test plays: each kind of failure is a status and a
 * sentence, and nothing ends the program.  Kernels are not run. */
#include "efla/efla.h"
#include "testing.h"

/* In this program only: the library of this build may be without it. */
#define efla_backend_cuda host_backend
#define efla_pair         efla_number_pair /* the laboratory has another one */
#include "efla/cuda/backend.c"
#include "efla/cuda/backward.c"

static struct {
  int devices, major;
  cudaError_t count, kernel;
  size_t memory; /* left */
  const void *host;
  int started; /* kernels */
} device;

const char *cudaGetErrorString(cudaError_t error) {
  static const char *const words[] = {"none", "invalid value", "out of memory", "driver too old", "launch failed"};
  return words[error];
}
cudaError_t cudaGetDeviceCount(int *count) {
  *count = device.devices;
  return device.count;
}
cudaError_t cudaGetDevice(int *current) {
  *current = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int number) {
  (void)number;
  *value = attribute == cudaDevAttrComputeCapabilityMajor         ? device.major
           : attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin ? 232448
                                                                  : 0;
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *at, const void *pointer) {
  at->type = pointer == device.host ? cudaMemoryTypeUnregistered : cudaMemoryTypeDevice;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void **to, size_t bytes) {
  *to = bytes <= device.memory ? malloc(bytes) : NULL;
  return *to ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void *from) {
  free(from);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
  (void)kind, (void)stream;
  memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  (void)stream;
  return cudaSuccess;
}

#define KERNEL(name, ...)                                                                                              \
  cudaError_t name(__VA_ARGS__) {                                                                                      \
    device.started++;                                                                                                  \
    return device.kernel;                                                                                              \
  }
#define RECURRENT(type)                                                                                                \
  KERNEL(efla_cuda_recurrent_##type, const efla_cuda_job *j, cudaStream_t s)                                           \
  KERNEL(efla_cuda_adjoint_##type, const efla_cuda_adjoint *a, cudaStream_t s)
#pragma GCC diagnostic ignored "-Wunused-parameter"
RECURRENT(f64)
RECURRENT(f32)
RECURRENT(bf16)
RECURRENT(f16)
KERNEL(efla_cuda_prepare, const efla_cuda_job *j, const efla_cuda_chunks *c, cudaStream_t s)
KERNEL(efla_cuda_pass, const efla_cuda_job *j, const efla_cuda_chunks *c, size_t bytes, cudaStream_t s)
KERNEL(efla_cuda_keep, const efla_cuda_job *j, const efla_cuda_chunks *c, size_t bytes, cudaStream_t s)
KERNEL(efla_cuda_slopes, const efla_cuda_adjoint *a, const efla_cuda_chunks *c, cudaStream_t s)
KERNEL(efla_cuda_reverse, const efla_cuda_adjoint *a, const efla_cuda_chunks *c, size_t bytes, cudaStream_t s)
KERNEL(efla_cuda_derive, const efla_cuda_adjoint *a, const efla_cuda_chunks *c, cudaStream_t s)
KERNEL(efla_cuda_gather, const efla_array *to, const efla_cuda_extent *n, efla_type type, const void *rows,
       cudaStream_t s)
bool efla_cuda_pass_fits(size_t dk, size_t bytes) { return true; }
bool efla_cuda_backward_fits(size_t dk, size_t bytes) { return true; }

static efla_backend backend(void) { return (efla_backend){.row = &host_backend, .threads = 1}; }

static void plays_well(void) {
  memset(&device, 0, sizeof device);
  device.devices = 1, device.major = 9, device.memory = (size_t)1 << 30;
}

START_TEST(opening) {
  static const struct {
    int devices, major;
    cudaError_t count;
    const char *isa, *words;
    efla_status status;
  } list[] = {{1, 8, cudaSuccess, NULL, "", EFLA_OK},
              {0, 8, cudaSuccess, NULL, "expected a GPU", EFLA_UNSUPPORTED},
              {0, 8, cudaErrorInsufficientDriver, NULL, "driver too old", EFLA_UNSUPPORTED},
              {1, 7, cudaSuccess, NULL, "capability 7.0, expected at least 8.0", EFLA_UNSUPPORTED},
              {1, 8, cudaSuccess, "x86-64-v3", "no instruction sets", EFLA_UNSUPPORTED}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    plays_well();
    device.devices = list[i].devices, device.major = list[i].major, device.count = list[i].count;
    efla_backend b = backend();
    ck_assert_int_eq(host_backend.open(&b, &(efla_options){.isa = list[i].isa}), list[i].status);
    ck_assert_msg(strstr(b.message, list[i].words) != NULL, "%s", b.message);
  }
}
END_TEST

enum { TOKENS = 70, D = 64 };

/* Forward and backward on one memory, whose numbers no kernel reads here; o is `shift` numbers from where it is
 * aligned. */
typedef struct given {
  void *kept;
  size_t shift;
} given;

static efla_status call_given(efla_backend *b, bool back, efla_type type, given also, size_t *kept_bytes) {
  static _Alignas(16) double numbers[8][TOKENS * D];
  efla_rule rule;
  efla_rule_find("exact", "split", "raw", &rule);
  efla_array rows[8];
  for (int i = 0; i < 8; i++) rows[i] = efla_array_token_major(numbers[i], type, TOKENS, 1, i == 2 || i == 3 ? 1 : D);
  const efla_sequence x = {.batch = 1,
                           .heads = 1,
                           .tokens = TOKENS,
                           .dk = D,
                           .dv = D,
                           .q = rows[0],
                           .k = rows[1],
                           .beta = rows[2],
                           .g = rows[3],
                           .v = rows[4]};
  efla_result y = {.o = rows[5], .kept = also.kept};
  y.o.data = (char *)y.o.data + also.shift * efla_type_size(type);
  const efla_gradient dx = {.q = rows[6], .k = rows[7]};
  if (!device.host && device.kernel == cudaErrorInvalidValue) device.host = numbers[back ? 7 : 1];
  if (kept_bytes) return efla_kept_bytes(b, &rule, &x, kept_bytes);
  return back ? efla_backward(b, &rule, &x, &y, &dx) : efla_forward(b, &rule, &x, &y);
}

static efla_status call(efla_backend *b, bool back, efla_type type) {
  return call_given(b, back, type, (given){.kept = NULL}, NULL);
}

START_TEST(calls) {
  static const efla_type types[] = {EFLA_BF16, EFLA_F32};
  for (int i = 0; i < 4; i++) {
    const bool back = i % 2;
    const efla_type type = types[i / 2];
    efla_backend b = backend();
    plays_well();
    ck_assert_msg(call(&b, back, type) == EFLA_OK, "%s", b.message);
    device.kernel = cudaErrorLaunchFailure;
    ck_assert_int_eq(call(&b, back, type), EFLA_DEVICE_FAILED);
    ck_assert_str_eq(b.message, "kernel: launch failed");
    device.kernel = cudaErrorInvalidValue; /* asks for an array of the processor, which is seen before any kernel */
    ck_assert_int_eq(call(&b, back, type), EFLA_INVALID);
    ck_assert_str_eq(b.message, back ? "gradient k: memory of the processor, expected the device's"
                                     : "k: memory of the processor, expected the device's");
    plays_well();
    efla_backend_free(&b, b.workspace);
    b.workspace = NULL, b.bytes = 0, device.memory = 100;
    const bool works = !back && type == EFLA_F32; /* the recurrence needs no workspace */
    ck_assert_int_eq(call(&b, back, type), works ? EFLA_OK : EFLA_NO_MEMORY);
    ck_assert_msg(works || strstr(b.message, "no memory for a workspace of"), "%s", b.message);
  }
}
END_TEST

/* What is kept is as large as backend.h says, and is computed once. */
START_TEST(kept) {
  static _Alignas(128) char room[71 << 10];
  static const struct {
    bool back, keeps;
    size_t shift;
    int started;
  } list[] = {{false, false, 0, 2}, {false, true, 0, 2}, {false, false, 1, 1},
              {false, true, 1, 3},  {true, false, 0, 5}, {true, true, 0, 3}};
  efla_backend b = backend();
  size_t bytes;
  plays_well();
  ck_assert_int_eq(call_given(&b, false, EFLA_BF16, (given){.kept = NULL}, &bytes), EFLA_OK);
  ck_assert_uint_eq(bytes, (TOKENS + 63) / 64 * (2 * D * (D + 64) + 18688));
  ck_assert_uint_le(bytes, sizeof room);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    const given also = {list[i].keeps ? room : NULL, list[i].shift};
    device.started = 0;
    ck_assert_msg(!call_given(&b, list[i].back, EFLA_BF16, also, NULL), "%s", b.message);
    ck_assert_msg(device.started == list[i].started, "%zu: %d kernels", i, device.started);
  }
  ck_assert_int_eq(call_given(&b, true, EFLA_BF16, (given){.kept = room + 64}, NULL), EFLA_INVALID);
  ck_assert_str_eq(b.message, "kept: not aligned to 128 bytes");
  device.host = room;
  ck_assert_int_eq(call_given(&b, false, EFLA_BF16, (given){.kept = room}, NULL), EFLA_INVALID);
  ck_assert_str_eq(b.message, "kept: memory of the processor, expected the device's");
  ck_assert_int_eq(call_given(&b, false, EFLA_F32, (given){.kept = NULL}, &bytes), EFLA_OK);
  ck_assert_uint_eq(bytes, 0);
  efla_backend_free(&b, b.workspace);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {opening, calls, kept};
  return testing_main("cuda_host", tests, sizeof tests / sizeof *tests, 20);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast the backend cuda is on the device at hand: forward and backward in bf16 by shape and rule, alone and with what
 * the one keeps for the other, decoding, and a copy on the device beside them.  Medians of single calls, each after the caches were overwritten; one line of a table each. */
#include "efla/efla.h"

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 21 };
static int repeats = REPEATS;

static void check(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static int by_size(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void *flush_memory;
enum { FLUSH = 256 << 20 };

typedef struct timer {
  cudaEvent_t start, end;
  float ms[REPEATS];
} timer;

/* Runs a function so often; the median in milliseconds. */
static double median(void (*work)(void *context), void *context) {
  timer t;
  cudaEventCreate(&t.start), cudaEventCreate(&t.end);
  for (int i = -2; i < repeats; i++) {
    cudaMemsetAsync(flush_memory, i, FLUSH, NULL);
    cudaEventRecord(t.start, NULL);
    work(context);
    cudaEventRecord(t.end, NULL);
    check(cudaEventSynchronize(t.end) == cudaSuccess, "the device failed");
    if (i >= 0) cudaEventElapsedTime(&t.ms[i], t.start, t.end);
  }
  qsort(t.ms, (size_t)repeats, sizeof *t.ms, by_size);
  cudaEventDestroy(t.start), cudaEventDestroy(t.end);
  return (double)t.ms[repeats / 2];
}

/* n random numbers of a type on the device, from center - spread to center + spread. */
static void *numbers(efla_backend *b, efla_type type, size_t n, double center, double spread) {
  static uint64_t seed = 1;
  const size_t size = efla_type_size(type);
  char *host = malloc(n * size);
  void *device = efla_backend_alloc(b, n * size);
  check(host && device, "no memory");
  for (size_t i = 0; i < n; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const float x = (float)(center + spread * ((double)(seed >> 11) / 4503599627370496. - 1));
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = size == 2 ? bits >> 16 : bits;
    memcpy(host + i * size, &bits, size);
  }
  check(!efla_backend_copy(b, device, host, n * size), "copy");
  free(host);
  return device;
}

typedef struct forward_call {
  efla_backend *b;
  efla_rule rule;
  efla_sequence x;
  efla_result y;
} forward_call;

static void forward(void *context) {
  forward_call *c = context;
  check(!efla_forward(c->b, &c->rule, &c->x, &c->y), efla_last_message(c->b));
}

/* A row of the table; `bytes` of the least traffic, for each number of a row. */
static void print_call(const char *what, const forward_call *c, double ms, double bytes) {
  const size_t n = c->x.batch * c->x.tokens * c->x.heads * c->x.dk;
  printf("%s,%zu,%zu,%zu,%zu,%s,%s,%s,%.4f,%.0f\n", what, c->x.batch, c->x.tokens, c->x.heads, c->x.dk,
         c->rule.method->name, c->rule.decay->name, c->rule.keys->name, ms, (double)n * bytes / ms / 1e6);
}

typedef struct backward_call {
  forward_call f;
  efla_result dy;
  efla_gradient dx;
} backward_call;

static void backward(void *context) {
  backward_call *c = context;
  check(!efla_backward(c->f.b, &c->f.rule, &c->f.x, &c->dy, &c->dx), efla_last_message(c->f.b));
}

/* c.y.o takes d_v, the other derivatives have memory of their own. */
static void measure_backward(const forward_call *f, void *d_o, void *d_q, void *d_k, void *d_beta, void *d_g) {
  backward_call c = {.f = *f, .dy = {.o = f->y.o}, .dx = {f->x.q, f->x.k, f->y.o, f->x.beta, f->x.g}};
  c.dy.o.data = d_o, c.dx.q.data = d_q, c.dx.k.data = d_k, c.dx.beta.data = d_beta;
  if (f->x.g.data) c.dx.g.data = d_g;
  print_call("backward", f, median(backward, &c), 14);
  size_t bytes;
  check(!efla_kept_bytes(f->b, &f->rule, &f->x, &bytes) && bytes > 0, "kept");
  forward_call keeping = *f;
  keeping.y.kept = c.dy.kept = efla_backend_alloc(f->b, bytes);
  check(keeping.y.kept, "no memory");
  print_call("forward keeping", f, median(forward, &keeping), 8);
  print_call("backward from kept", f, median(backward, &c), 14);
  efla_backend_free(f->b, keeping.y.kept);
}

static void measure_shape(efla_backend *b, size_t B, size_t T, size_t H, size_t D) {
  static const char *const rules[][3] = {
      {"exact", "none", "raw"}, {"euler", "none", "unit"}, {"euler", "none", "raw"}, {"exact", "split", "raw"}};
  const size_t n = B * T * H * D;
  void *q = numbers(b, EFLA_BF16, n, 0, 1.7), *k = numbers(b, EFLA_BF16, n, 0, 1.5 / sqrt((double)D)),
       *v = numbers(b, EFLA_BF16, n, 0, 1.7), *o = efla_backend_alloc(b, n * 2),
       *beta = numbers(b, EFLA_F32, B * T * H, .5, .5), *g = numbers(b, EFLA_F32, B * T * H, -.1, .1);
  void *d_o = numbers(b, EFLA_BF16, n, 0, 1.7), *d_q = efla_backend_alloc(b, n * 2),
       *d_k = efla_backend_alloc(b, n * 2), *d_beta = efla_backend_alloc(b, n / D * 4),
       *d_g = efla_backend_alloc(b, n / D * 4);
  check(o && d_q && d_k && d_beta && d_g, "no memory");
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    forward_call c = {.b = b};
    efla_rule_find(rules[i][0], rules[i][1], rules[i][2], &c.rule);
    c.rule.scale = 1 / sqrt((double)D);
    c.x = (efla_sequence){.batch = B, .heads = H, .tokens = T, .dk = D, .dv = D};
    c.x.q = efla_array_token_major(q, EFLA_BF16, T, H, D), c.x.k = efla_array_token_major(k, EFLA_BF16, T, H, D);
    c.x.v = efla_array_token_major(v, EFLA_BF16, T, H, D), c.x.beta = efla_array_token_major(beta, EFLA_F32, T, H, 1);
    if (c.rule.decay->gated) c.x.g = efla_array_token_major(g, EFLA_F32, T, H, 1);
    c.y.o = efla_array_token_major(o, EFLA_BF16, T, H, D);
    print_call("forward", &c, median(forward, &c), 8);
    measure_backward(&c, d_o, d_q, d_k, d_beta, d_g);
  }
  void *all[] = {q, k, v, o, beta, g, d_o, d_q, d_k, d_beta, d_g};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) efla_backend_free(b, all[i]);
}

/* Several decoders in turn, as the layers of a model: their states do not stay in the caches. */
enum { DECODERS = 6 };

typedef struct decode_call {
  efla_backend *b;
  efla_decoder *d[DECODERS];
  efla_sequence x;
  efla_array o;
} decode_call;

static void decode(void *context) {
  decode_call *c = context;
  for (int i = 0; i < DECODERS; i++) check(!efla_decoder_step(c->d[i], &c->x, &c->o), efla_last_message(c->b));
}

static void measure_decode(efla_backend *b, size_t B, size_t H, size_t D) {
  const size_t n = B * H * D;
  decode_call c = {.b = b};
  efla_rule rule;
  efla_rule_find("exact", "none", "raw", &rule);
  for (int i = 0; i < DECODERS; i++)
    check(!efla_decoder_open(b, &rule, &(efla_decoder_shape){B, H, D, D, EFLA_BF16}, &c.d[i]), efla_last_message(b));
  void *q = numbers(b, EFLA_BF16, n, 0, 1.7), *k = numbers(b, EFLA_BF16, n, 0, .15),
       *v = numbers(b, EFLA_BF16, n, 0, 1), *o = efla_backend_alloc(b, 2 * n),
       *beta = numbers(b, EFLA_F32, B * H, .5, .5);
  c.x = (efla_sequence){.batch = B, .heads = H, .tokens = 1, .dk = D, .dv = D};
  c.x.q = efla_array_token_major(q, EFLA_BF16, 1, H, D), c.x.k = efla_array_token_major(k, EFLA_BF16, 1, H, D);
  c.x.v = efla_array_token_major(v, EFLA_BF16, 1, H, D), c.x.beta = efla_array_token_major(beta, EFLA_F32, 1, H, 1);
  c.o = efla_array_token_major(o, EFLA_BF16, 1, H, D);
  const double ms = median(decode, &c) / DECODERS, bytes = (double)(B * H * D * D * 8);
  printf("decode,%zu,1,%zu,%zu,exact,none,raw,%.4f,%.0f\n", B, H, D, ms, bytes / ms / 1e6);
  for (int i = 0; i < DECODERS; i++) efla_decoder_close(c.d[i]);
  void *all[] = {q, k, v, o, beta};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) efla_backend_free(b, all[i]);
}

typedef struct copy_call {
  char *memory;
  size_t bytes;
} copy_call;

static void copy(void *context) {
  const copy_call *c = context;
  cudaMemcpyAsync(c->memory, c->memory + c->bytes, c->bytes, cudaMemcpyDeviceToDevice, NULL);
}

static void measure_copy(size_t bytes) {
  copy_call c = {.bytes = bytes};
  void *memory;
  check(cudaMalloc(&memory, 2 * bytes) == cudaSuccess, "no memory");
  cudaMemset(memory, 1, 2 * bytes);
  c.memory = memory;
  const double ms = median(copy, &c);
  printf("copy,%zu MiB,,,,,,,%.4f,%.0f\n", bytes >> 20, ms, 2 * (double)bytes / ms / 1e6);
  cudaFree(memory);
}

int main(int argc, char **argv) {
  (void)argv;
  efla_backend *b;
  struct cudaDeviceProp card;
  int driver = 0;
  if (efla_backend_open("cuda", NULL, &b)) {
    printf("skipped: %s\n", efla_last_message(NULL));
    return 0;
  }
  cudaGetDeviceProperties(&card, 0), cudaDriverGetVersion(&driver);
  check(cudaMalloc(&flush_memory, FLUSH) == cudaSuccess, "no memory");
  printf("# %s, CUDA %d\n# what,batch,tokens,heads,dk = dv,method,decay,keys,milliseconds,GB/s of the least traffic\n",
         card.name, driver);
  if (argc > 1) { /* few calls, for a profiler */
    repeats = 1;
    measure_decode(b, 64, 16, 128), measure_shape(b, 4, 8192, 16, 128);
    return 0;
  }
  measure_copy((size_t)64 << 20), measure_copy((size_t)512 << 20);
  measure_shape(b, 4, 8192, 16, 128), measure_shape(b, 8, 4096, 16, 128);
  measure_shape(b, 1, 32768, 16, 128), measure_shape(b, 1, 8192, 8, 64);
  measure_decode(b, 64, 16, 128), measure_decode(b, 1, 16, 128);
  efla_backend_close(b);
  return 0;
}

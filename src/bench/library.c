/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/library.h"

#include "base/draw.h"
#include "bench/cublas.h"
#include "bench/interleave.h"
#include "efla/efla.h"
#include "run/file_inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { Q, K, V, D_O, BETA, INPUTS, O = INPUTS, D_Q, D_K, D_V, D_BETA, ROWS }; /* rows of a token */
enum { FORWARD, BACKWARD, FORWARD_KEPT, BACKWARD_KEPT, DECODE, COPY, PRODUCTS, ITEMS };
enum { LAYERS = 6, CHUNK = 64, COPIED = 256 << 20 };

typedef struct bench {
  efla_backend *b;
  bool device;
  efla_rule rule;
  efla_sequence x, token;
  efla_array rows[ROWS];
  efla_result y, dy, keeping, kept;
  efla_gradient dx;
  efla_array step_o;
  efla_decoder *layer[LAYERS];
  char *copied;
  efla_cublas *cublas;
  size_t calls, layers; /* that are waited for together; steps so far */
  efla_status status;   /* of the first call that failed */
} bench;

static size_t width_of(const efla_sequence *x, int row) { return row == BETA || row == D_BETA ? 1 : x->dk; }
static size_t numbers_of(const efla_sequence *x, int row) { return x->batch * x->tokens * x->heads * width_of(x, row); }

/* ---- arrays ---- */

/* Uniform numbers, |k| and beta at most about 1, rounded to the array's type; the same ones in f64 to `wide`, unless NULL.
 * Past the first million they repeat: times do not depend on them. */
static efla_status fill(bench *p, int row, efla_draw *draw, double *wide) {
  enum { DIFFERENT = 1 << 20 };
  const efla_array *to = &p->rows[row];
  const size_t n = numbers_of(&p->x, row), some = n < DIFFERENT ? n : DIFFERENT, size = efla_type_size(to->type);
  const double spread = row == K ? sqrt(3 / (double)p->x.dk) : 1;
  double *numbers = malloc(some * sizeof *numbers);
  const efla_array here = {.data = malloc(some * size), .type = to->type};
  efla_status status = numbers && here.data ? EFLA_OK : EFLA_NO_MEMORY;
  for (size_t i = 0; i < some && !status; i++)
    numbers[i] = row == BETA ? efla_draw_uniform(draw) : spread * (2 * efla_draw_uniform(draw) - 1);
  if (!status) efla_file_narrow(some, numbers, &here);
  if (!status && wide) efla_file_widen(some, 1, &here, wide);
  for (size_t at = 0; at < n && !status; at += some)
    status = efla_backend_copy(p->b, (char *)to->data + at * size, here.data, (n - at < some ? n - at : some) * size);
  free(numbers), free(here.data);
  return status;
}

static efla_status take_rows(bench *p, uint64_t seed, double *const wide[INPUTS]) {
  efla_sequence *x = &p->x;
  efla_draw draw = efla_draw_begin(seed);
  efla_status status = EFLA_OK;
  for (int i = 0; i < ROWS && !status; i++) {
    const size_t width = width_of(x, i);
    const efla_type type = width > 1 && p->device ? EFLA_BF16 : EFLA_F32;
    void *data = efla_backend_alloc(p->b, numbers_of(x, i) * efla_type_size(type));
    p->rows[i] = efla_array_token_major(data, type, x->tokens, x->heads, width);
    status = !data ? EFLA_NO_MEMORY : i < INPUTS ? fill(p, i, &draw, wide ? wide[i] : NULL) : EFLA_OK;
  }
  x->q = p->rows[Q], x->k = p->rows[K], x->v = p->rows[V], x->beta = p->rows[BETA];
  p->y.o = p->rows[O], p->dy.o = p->rows[D_O];
  p->dx = (efla_gradient){.q = p->rows[D_Q], .k = p->rows[D_K], .v = p->rows[D_V], .beta = p->rows[D_BETA]};
  return status;
}

static void clear(bench *p) {
  for (int i = 0; i < ROWS; i++) efla_backend_free(p->b, p->rows[i].data);
  for (int i = 0; i < LAYERS; i++) efla_decoder_close(p->layer[i]);
  efla_backend_free(p->b, p->keeping.kept), efla_backend_free(p->b, p->copied);
  efla_cublas_close(p->cublas);
  *p = (bench){.b = p->b, .device = p->device};
}

static bench shape(efla_backend *b, bool device, size_t batch, size_t tokens, size_t heads, size_t d) {
  bench p = {.b = b, .device = device, .calls = device ? 8 : 1};
  efla_rule_find("exact", "none", "raw", &p.rule);
  p.x = (efla_sequence){.batch = batch, .heads = heads, .tokens = tokens, .dk = d, .dv = d};
  return p;
}

/* ---- right? ---- */

/* Error over what bounds.md#chunks-16 allows: of an array's norm. */
static double deviation(bench *p, int row, const double *expected, efla_status *status) {
  enum { WHOLE = 16 };
  const size_t n = numbers_of(&p->x, row), bytes = n * efla_type_size(p->rows[row].type);
  const double unit = p->device ? 0x1p-8 : 0x1p-24;
  efla_array here = p->rows[row];
  double *found = malloc(n * sizeof *found), error = 0, size = 0;
  here.data = malloc(bytes);
  *status = found && here.data ? efla_backend_copy(p->b, here.data, p->rows[row].data, bytes) : EFLA_NO_MEMORY;
  if (!*status) efla_file_widen(n, 1, &here, found);
  for (size_t i = 0; i < n && !*status; i++)
    error += (found[i] - expected[i]) * (found[i] - expected[i]), size += expected[i] * expected[i];
  free(found), free(here.data);
  return sqrt(error / size) / (WHOLE * unit);
}

/* The same by the definition in f64, rows of which `wide` has the inputs. */
static efla_status define(const bench *p, double *const wide[ROWS]) {
  efla_backend *reference;
  efla_status status = efla_backend_open("reference", NULL, &reference);
  if (status) return status;
  bench like = *p;
  for (int i = 0; i < ROWS; i++)
    like.rows[i] = efla_array_token_major(wide[i], EFLA_F64, p->x.tokens, p->x.heads, width_of(&p->x, i));
  const efla_array *r = like.rows;
  like.x.q = r[Q], like.x.k = r[K], like.x.v = r[V], like.x.beta = r[BETA];
  const efla_result y = {.o = r[O]}, dy = {.o = r[D_O]};
  const efla_gradient dx = {.q = r[D_Q], .k = r[D_K], .v = r[D_V], .beta = r[D_BETA]};
  status = efla_forward(reference, &p->rule, &like.x, &y);
  if (!status) status = efla_backward(reference, &p->rule, &like.x, &dy, &dx);
  efla_backend_close(reference);
  return status;
}

static efla_status say(const bench *p, efla_status status, efla_message *why) {
  if (status == EFLA_NO_MEMORY) return efla_fail_memory(why);
  return efla_fail(why, EFLA_USAGE, "backend %s: %s", efla_backend_opened(p->b), efla_last_message(p->b));
}

static efla_status check(const efla_bench_library *what, bench *p, size_t seed, efla_message *why) {
  enum { TOKENS = 150, HEADS = 2 };
  *p = shape(p->b, p->device, 1, TOKENS, HEADS, what->d);
  double *wide[ROWS];
  efla_status status = EFLA_OK;
  for (int i = 0; i < ROWS; i++) {
    wide[i] = calloc(numbers_of(&p->x, i), sizeof **wide);
    if (!wide[i]) status = EFLA_NO_MEMORY;
  }
  if (!status) status = take_rows(p, seed, wide);
  if (!status) status = efla_forward(p->b, &p->rule, &p->x, &p->y);
  if (!status) status = efla_backward(p->b, &p->rule, &p->x, &p->dy, &p->dx);
  if (!status) status = define(p, wide);
  double worst = 0;
  for (int i = O; i < ROWS && !status; i++) worst = efla_bench_worse(worst, deviation(p, i, wide[i], &status));
  if (status)
    status = say(p, status, why);
  else if (!(worst <= 1))
    status = efla_fail(why, EFLA_UNTRUSTED, "backend %s, dk %zu: differs from the definition by %g times its bound",
                       what->backend, what->d, worst);
  for (int i = 0; i < ROWS; i++) free(wide[i]);
  clear(p);
  return status;
}

/* ---- what is timed ---- */

static efla_status prepare(const efla_bench_library *what, bench *p, size_t seed) {
  const size_t d = what->d;
  size_t bytes = 0;
  *p = shape(p->b, p->device, what->batch, what->tokens, what->heads, d);
  efla_status status = take_rows(p, seed, NULL);
  if (!status) status = efla_kept_bytes(p->b, &p->rule, &p->x, &bytes);
  p->keeping = p->y, p->kept = p->dy;
  if (!status && bytes > 0) p->keeping.kept = p->kept.kept = efla_backend_alloc(p->b, bytes);
  p->copied = efla_backend_alloc(p->b, COPIED);
  if (!status && (!p->copied || (bytes > 0 && !p->keeping.kept))) status = EFLA_NO_MEMORY;
  p->token = p->x, p->token.tokens = 1, p->step_o = p->y.o; /* the first token of every sequence */
  const efla_decoder_shape one = {what->batch, what->heads, d, d, p->rows[Q].type};
  for (int i = 0; i < LAYERS && !status; i++) status = efla_decoder_open(p->b, &p->rule, &one, &p->layer[i]);
  if (p->device) p->cublas = efla_cublas_open();
  return status;
}

/* Products as there are chunks of tokens: of the keys of 64 tokens with a state, for which rows of q stand. */
static size_t products_of(const bench *p) {
  const size_t by_keys = p->x.batch * p->x.heads * p->x.tokens / CHUNK, by_states = by_keys * CHUNK / p->x.dk;
  return by_states < by_keys ? by_states : by_keys;
}

static efla_status call(bench *p, size_t item) {
  switch (item) {
  case FORWARD:
    return efla_forward(p->b, &p->rule, &p->x, &p->y);
  case BACKWARD:
    return efla_backward(p->b, &p->rule, &p->x, &p->dy, &p->dx);
  case FORWARD_KEPT:
    return efla_forward(p->b, &p->rule, &p->x, &p->keeping);
  case BACKWARD_KEPT:
    return efla_backward(p->b, &p->rule, &p->x, &p->kept, &p->dx);
  case DECODE:
    return efla_decoder_step(p->layer[p->layers++ % LAYERS], &p->token, &p->step_o);
  case COPY:
    return efla_backend_copy(p->b, p->copied, p->copied + COPIED / 2, COPIED / 2);
  default:
    if (!p->cublas) return EFLA_OK;
    return efla_cublas_products(p->cublas, products_of(p), CHUNK, p->x.dk, p->x.dk, p->x.k.data, p->x.q.data,
                                p->rows[O].data)
               ? EFLA_OK
               : EFLA_DEVICE_FAILED;
  }
}

/* Some calls, and a copy of four bytes, which waits for them. */
static void work(void *context, size_t item) {
  bench *p = context;
  float end;
  for (size_t i = 0; i < p->calls && !p->status; i++) p->status = call(p, item);
  if (!p->status) p->status = efla_backend_copy(p->b, &end, p->rows[BETA].data, sizeof end);
}

/* ---- the table ---- */

static const struct item {
  const char *kernel, *pass; /* kernel NULL: the backend */
} items[ITEMS] = {{NULL, "forward"}, {NULL, "backward"}, {NULL, "forward_kept"}, {NULL, "backward_kept"},
                  {NULL, "decode"},  {"memory", "copy"}, {"cublas", "products"}};

static efla_bench_row empty(const efla_bench_library *what, size_t i, const char *precision, const char *isa) {
  return (efla_bench_row){.kernel = items[i].kernel ? items[i].kernel : what->backend,
                          .pass = items[i].pass,
                          .precision = precision,
                          .layout = efla_layout_name(EFLA_BTHD),
                          .dk = what->d,
                          .dv = what->d,
                          .heads = what->batch * what->heads,
                          .tokens = i == DECODE ? 1 : what->tokens,
                          .threads = what->threads,
                          .seconds = NAN,
                          .tokens_per_s = NAN,
                          .gflops = NAN,
                          .of_gemm = NAN,
                          .of_naive = NAN,
                          .of_bandwidth = NAN,
                          .panel = "library",
                          .isa = isa,
                          .seconds_min = NAN,
                          .seconds_max = NAN,
                          .of_plain = NAN};
}

/* Bytes of the least traffic of one execution; 0: not counted. */
static double bytes_of(const bench *p, size_t i) {
  const double rows = (double)numbers_of(&p->x, Q) * (double)efla_type_size(p->rows[Q].type),
               states = (double)(p->x.batch * p->x.heads * p->x.dk * p->x.dv) * sizeof(float);
  const double all[ITEMS] = {4 * rows, 7 * rows, 4 * rows, 7 * rows, 2 * states, COPIED, 0};
  return all[i];
}

static double flops_of(const bench *p, size_t i) {
  const double square = (double)(p->x.dk * p->x.dv), states = (double)(p->x.batch * p->x.heads);
  if (i == COPY) return 0;
  if (i == PRODUCTS) return 2 * CHUNK * square * (double)products_of(p);
  return 6 * square * states * (i == DECODE ? 1 : (double)p->x.tokens);
}

static efla_status write_rows(const efla_bench_library *what, const bench *p, const double *seconds,
                              efla_table *table) {
  efla_bench_summary s[ITEMS];
  const double calls = (double)p->calls;
  for (size_t i = 0; i < ITEMS; i++)
    if (efla_bench_summarise(seconds + i * what->repeats, what->repeats, &s[i]) != EFLA_OK) return EFLA_NO_MEMORY;
  for (size_t i = 0; i < ITEMS; i++) {
    const bool absent =
        (i == PRODUCTS && !p->cublas) || ((i == FORWARD_KEPT || i == BACKWARD_KEPT) && !p->keeping.kept);
    if (absent) continue;
    efla_bench_row row = empty(what, i, efla_type_name(p->rows[Q].type), p->device ? "device" : "any");
    const double time = s[i].median / calls, flops = flops_of(p, i), bytes = bytes_of(p, i);
    row.seconds = time, row.seconds_min = s[i].least / calls, row.seconds_max = s[i].most / calls;
    row.tokens_per_s = (double)row.tokens / time, row.gflops = flops / time * 1e-9;
    if (p->cublas && flops > 0) row.of_gemm = flops / time / (flops_of(p, PRODUCTS) * calls / s[PRODUCTS].median);
    if (bytes > 0) row.of_bandwidth = bytes / time / (bytes_of(p, COPY) * calls / s[COPY].median);
    efla_table_put(table, &row);
  }
  return EFLA_OK;
}

static efla_status measure(const efla_bench_library *what, bench *p, size_t seed, efla_table *table,
                           efla_message *why) {
  efla_progress progress;
  double *seconds = malloc(ITEMS * what->repeats * sizeof *seconds);
  efla_status status = seconds ? prepare(what, p, seed) : EFLA_NO_MEMORY;
  if (!status) {
    efla_progress_start(&progress, "library", ITEMS * what->repeats);
    efla_bench_interleave(ITEMS, work, p, what->repeats, what->least, seconds, &progress);
    efla_progress_end(&progress);
    status = p->status ? p->status : write_rows(what, p, seconds, table);
  }
  if (status) status = say(p, status, why);
  clear(p);
  free(seconds);
  return status;
}

static bool built(const char *backend) {
  for (size_t i = 0; efla_backend_name(i); i++)
    if (!strcmp(efla_backend_name(i), backend)) return true;
  return false;
}

efla_status efla_bench_library_run(const efla_bench_library *what, size_t seed, efla_table *table, efla_message *why) {
  bench p = {.device = efla_file_on_device(what->backend)};
  const efla_options options = {.threads = what->threads};
  efla_status status = built(what->backend) ? efla_backend_open(what->backend, &options, &p.b) : EFLA_UNSUPPORTED;
  if (status == EFLA_UNSUPPORTED) {
    const efla_bench_row row = empty(what, FORWARD, "bf16", built(what->backend) ? "no device" : "not built");
    efla_table_put(table, &row);
    return EFLA_OK;
  }
  if (status) return efla_fail(why, EFLA_USAGE, "%s", efla_last_message(NULL));
  status = check(what, &p, seed, why);
  if (!status) status = measure(what, &p, seed, table, why);
  efla_backend_close(p.b);
  return status;
}

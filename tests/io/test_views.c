/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A block of a tensor file is a view: the same numbers whatever the layouts of the file and of the memory, and
 * efla_forward takes it as it is. */
#include "efla/efla.h"
#include "h5.h"
#include "testing.h"

#include <string.h>

enum { BATCH = 2, TOKENS = 37, HEADS = 4, DK = 3, DV = 5, ROW = 2 * DK + DV, ROWS = BATCH * TOKENS * HEADS };
static const h5_sizes sizes = {BATCH, TOKENS, HEADS, DK, DV};

/* Every row of h5_numbers() stands where the layout has it. */
static void put(hid_t file, efla_layout layout, const char *name, size_t width) {
  double *values = h5_numbers(&sizes, *name, 1), *placed = testing_poison(ROWS * width);
  const bool token_major = layout == EFLA_BTHD;
  for (size_t row = 0; row < ROWS; row++) {
    size_t h = row % HEADS, t = row / HEADS % TOKENS, b = row / HEADS / TOKENS;
    size_t at = token_major ? row : (b * HEADS + h) * TOKENS + t;
    memcpy(placed + at * width, values + row * width, width * sizeof *placed);
  }
  const hsize_t size[] = {BATCH, token_major ? TOKENS : HEADS, token_major ? HEADS : TOKENS, width};
  h5_put(file, name, H5T_IEEE_F64LE, width > 1 ? 4 : 3, size, placed);
  free(values);
  free(placed);
}

static efla_tensors make(efla_layout layout) {
  hid_t file = h5_fresh("views");
  put(file, layout, "q", DK), put(file, layout, "k", DK), put(file, layout, "v", DV), put(file, layout, "beta", 1);
  h5_text(file, "layout", efla_layout_name(layout));
  h5_close(file);
  return h5_open_fresh();
}

/* Ways in which a block of v can lie in memory: where it begins, and its strides. */
typedef struct placing {
  const char *name;
  size_t first;
  ptrdiff_t head, token;
} placing;
static const placing placings[] = {
    {"head-major", 0, TOKENS *DV, DV},
    {"token-major", 0, DV, HEADS *DV},
    {"packed q, k, v", 2 * DK, ROW, HEADS *ROW},
    {"packed q, k, v, heads outside", 2 * DK, TOKENS *ROW, ROW},
    {"a slice of wider rows", 1, 3 * DV, HEADS * 3 * DV + 2},
};
enum { PLACINGS = sizeof placings / sizeof *placings, ROOM = HEADS * TOKENS * 4 * ROW };

static efla_array placed(const placing *p, double *memory) {
  return (efla_array){.data = memory + p->first, .type = EFLA_F64, .head = p->head, .token = p->token};
}

static double *number_at(const efla_array *a, size_t h, size_t t, size_t i) {
  return (double *)a->data + (ptrdiff_t)h * a->head + (ptrdiff_t)t * a->token + (ptrdiff_t)i;
}

/* The block's numbers are where the strides say, and nothing else is touched. */
static void check_block(const efla_tensor_block *block, const efla_array *to, double *memory, const double *v,
                        const char *name) {
  for (size_t h = 0; h < block->heads; h++)
    for (size_t t = 0; t < block->tokens; t++)
      for (size_t i = 0; i < DV; i++) {
        size_t row = (block->batch * TOKENS + block->first + t) * HEADS + block->head + h;
        double *found = number_at(to, h, t, i);
        ck_assert_msg(*found == v[row * DV + i], "%s: head %zu, token %zu, entry %zu: %g, expected %g", name, h, t, i,
                      *found, v[row * DV + i]);
        *found = NAN;
      }
  for (size_t i = 0; i < ROOM; i++) ck_assert_msg(isnan(memory[i]), "%s: number %zu was touched", name, i);
}

START_TEST(any_strides) {
  static const efla_tensor_block blocks[] = {
      {0, 0, HEADS, 0, TOKENS}, {1, 1, 2, 5, 11}, {1, 3, 1, 0, TOKENS}, {0, 0, HEADS, 36, 1}, {0, 0, HEADS, 4, 0}};
  double *v = h5_numbers(&sizes, 'v', 1);
  for (efla_layout layout = EFLA_BTHD; layout <= EFLA_BHTD; layout++) {
    efla_tensors file = make(layout);
    for (size_t i = 0; i < PLACINGS * sizeof blocks / sizeof *blocks; i++) {
      const placing *p = &placings[i % PLACINGS];
      const efla_tensor_block *block = &blocks[i / PLACINGS];
      double *memory = testing_poison(ROOM);
      const efla_array to = placed(p, memory);
      efla_message why;
      ck_assert_msg(efla_tensors_read(&file, EFLA_V, block, to, &why) == EFLA_OK, "%s", why.text);
      check_block(block, &to, memory, v, p->name);
      free(memory);
    }
    efla_tensors_close(&file, NULL);
  }
  free(v);
}
END_TEST

/* o = v, from memory of any strides to a file of either layout. */
START_TEST(written_from_any_strides) {
  double *v = h5_numbers(&sizes, 'v', 1), *memory = testing_poison(ROOM);
  for (size_t i = 0; i < 2 * PLACINGS; i++) {
    efla_tensors in = make(i % 2 ? EFLA_BHTD : EFLA_BTHD), out;
    efla_message why;
    char path[300];
    const efla_array from = placed(&placings[i / 2], memory);
    snprintf(path, sizeof path, "%s.out", h5_path);
    ck_assert_int_eq(efla_tensors_create(&out, path, &in, efla_format_find("f64"), &why), EFLA_OK);
    for (size_t b = 0; b < BATCH; b++) {
      const efla_tensor_block all = {b, 0, HEADS, 0, TOKENS};
      for (size_t r = 0; r < HEADS * TOKENS * DV; r++)
        *number_at(&from, r / DV % HEADS, r / DV / HEADS, r % DV) = v[b * HEADS * TOKENS * DV + r];
      ck_assert_int_eq(efla_tensors_write(&out, EFLA_O, &all, from, &why), EFLA_OK);
    }
    ck_assert_int_eq(efla_tensors_close(&out, &why), EFLA_OK);
    double *o = h5_get(path, "o", ROWS * DV), *expected = h5_get(h5_path, "v", ROWS * DV);
    ck_assert_mem_eq(o, expected, ROWS * DV * sizeof *o);
    free(o), free(expected);
    efla_tensors_close(&in, NULL);
  }
  free(v), free(memory);
}
END_TEST

/* Rows of q, k, v and beta, packed side by side in f32, heads outside: the file has them where they belong. */
START_TEST(saved_from_packed_rows) {
  enum { WIDE = ROW + 1 };
  static const struct {
    const char *name;
    size_t width, first;
  } parts[] = {{"q", DK, 0}, {"k", DK, DK}, {"v", DV, 2 * DK}, {"beta", 1, ROW}};
  static float packed[ROWS * WIDE];
  efla_message why;
  efla_array arrays[4];
  for (size_t i = 0; i < 4; i++) {
    double *values = h5_numbers(&sizes, *parts[i].name, 1);
    for (size_t row = 0; row < ROWS; row++) {
      size_t h = row % HEADS, t = row / HEADS % TOKENS, b = row / HEADS / TOKENS, width = parts[i].width;
      float *to = packed + ((h * BATCH + b) * TOKENS + t) * WIDE + parts[i].first;
      for (size_t e = 0; e < width; e++) to[e] = (float)values[row * width + e];
    }
    free(values);
    arrays[i] = (efla_array){packed + parts[i].first, EFLA_F32, TOKENS * WIDE, BATCH * TOKENS * WIDE, WIDE, 1};
  }
  const efla_sequence x = {BATCH, HEADS,     TOKENS,    DK,        DV,        0,
                           NULL,  arrays[0], arrays[1], arrays[2], arrays[3], .g.data = NULL};
  h5_close(h5_fresh("views-saved"));
  ck_assert_msg(efla_tensors_save(h5_path, &x, &why) == EFLA_OK, "%s", why.text);
  for (size_t i = 0; i < 4; i++) { /* h5_numbers() are rounded to f32 */
    double *expected = h5_numbers(&sizes, *parts[i].name, 1),
           *found = h5_get(h5_path, parts[i].name, ROWS * parts[i].width);
    ck_assert_mem_eq(found, expected, ROWS * parts[i].width * sizeof *found);
    free(found), free(expected);
  }
}
END_TEST

/* The same numbers are the same bytes, whenever they are saved. */
START_TEST(no_times) {
  static float numbers[4] = {1, 2, 3, 4};
  const efla_array one = efla_array_token_major(numbers, EFLA_F32, 4, 1, 1);
  const efla_sequence arrays = {
      .batch = 1, .heads = 1, .tokens = 4, .dk = 1, .dv = 1, .q = one, .k = one, .v = one, .beta = one};
  char command[700];
  h5_close(h5_fresh("tensors-times"));
  ck_assert_int_eq(efla_tensors_save(h5_path, &arrays, NULL), EFLA_OK);
  snprintf(command, sizeof command, "mv %s %s.before; sleep 1.1", h5_path, h5_path); /* HDF5 notes seconds */
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  ck_assert_int_eq(efla_tensors_save(h5_path, &arrays, NULL), EFLA_OK);
  snprintf(command, sizeof command, "cmp %s %s.before", h5_path, h5_path);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
}
END_TEST

/* o (HEADS, TOKENS, DV) of a batch entry by the public face. */
static void run(efla_backend *backend, const efla_sequence *x, double *o) {
  const efla_result y = {.o = efla_array_head_major(o, EFLA_F64, x->tokens, x->heads, x->dv)};
  efla_rule rule;
  ck_assert_int_eq(efla_rule_find("exact", NULL, NULL, &rule), EFLA_OK);
  ck_assert_msg(efla_forward(backend, &rule, x, &y) == EFLA_OK, "%s", efla_last_message(backend));
}

/* A batch entry as a stream's block, a head at a time of it, and as packed rows of q, k, v that are read from the
 * file. */
static void compare_views(efla_backend *backend, efla_stream *stream, const double *expected) {
  static double o[HEADS * TOKENS * DV], packed[TOKENS * HEADS * ROW], beta[TOKENS * HEADS];
  const efla_sequence whole = stream->x;
  ck_assert(whole.batch == 1 && whole.heads == HEADS && whole.tokens == TOKENS && whole.dk == DK && whole.dv == DV);
  ck_assert(stream->begins && stream->ends && !whole.g.data && !whole.initial_state.data && !stream->y.o.data);
  run(backend, &whole, o);
  ck_assert_mem_eq(o, expected, sizeof o);
  for (size_t h = 0; h < HEADS; h++) {
    efla_sequence one = whole;
    efla_array *const arrays[] = {&one.q, &one.k, &one.v, &one.beta};
    for (size_t i = 0; i < 4; i++) arrays[i]->data = efla_stream_head(arrays[i], h);
    one.heads = 1;
    run(backend, &one, o);
    ck_assert_mem_eq(o, expected + h * TOKENS * DV, TOKENS * DV * sizeof *o);
  }
  efla_sequence x = whole;
  const efla_array row = efla_array_token_major(NULL, EFLA_F64, TOKENS, HEADS, ROW);
  x.q = x.k = x.v = row;
  x.q.data = packed, x.k.data = packed + DK, x.v.data = packed + 2 * DK;
  x.beta = efla_array_token_major(beta, EFLA_F64, TOKENS, HEADS, 1);
  const efla_array *const to[] = {[EFLA_Q] = &x.q, [EFLA_K] = &x.k, [EFLA_V] = &x.v, [EFLA_BETA] = &x.beta};
  for (efla_tensor t = EFLA_Q; t <= EFLA_BETA; t++)
    ck_assert_int_eq(efla_tensors_read(stream->file, t, &stream->block, *to[t], NULL), EFLA_OK);
  run(backend, &x, o);
  ck_assert_mem_eq(o, expected, sizeof o);
}

/* The same bits from files of either layout and from memory of any strides, for every backend. */
START_TEST(forward_on_views) {
  static double expected[BATCH][HEADS * TOKENS * DV];
  for (size_t i = 0; efla_backend_name(i); i++) {
    efla_backend *backend;
    if (!strcmp(efla_backend_name(i), "cuda")) continue; /* its arrays are a device's */
    ck_assert_int_eq(efla_backend_open(efla_backend_name(i), &(efla_options){.threads = 2}, &backend), EFLA_OK);
    for (efla_layout layout = EFLA_BTHD; layout <= EFLA_BHTD; layout++) {
      efla_tensors file = make(layout);
      efla_stream stream;
      efla_message why;
      size_t blocks = 0;
      ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
      for (; efla_stream_next(&stream, &why) == EFLA_OK && !stream.done; blocks++) {
        if (layout == EFLA_BTHD) run(backend, &stream.x, expected[blocks]);
        compare_views(backend, &stream, expected[blocks]);
      }
      ck_assert_uint_eq(blocks, BATCH);
      efla_stream_clear(&stream);
      efla_tensors_close(&file, NULL);
    }
    efla_backend_close(backend);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {any_strides, written_from_any_strides, saved_from_packed_rows, no_times,
                                forward_on_views};
  return testing_main("views", tests, sizeof tests / sizeof *tests, 60);
}

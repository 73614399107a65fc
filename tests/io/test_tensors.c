/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files: whole files are read unchanged, whatever their layout and types, and written files read back. */
#include "files.h"
#include "h5.h"
#include "io/stored.h"
#include "testing.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A number that tells where it stands: exact in 8 digits of binary. */
static double told(size_t b, size_t t, size_t h, size_t d) { return (double)(b + 2 * t + 8 * h + 32 * d); }

/* The same within the range of a dataset: g is negative, alpha at most 1. */
static double factor(const char *name) { return !strcmp(name, "g") ? -1 : !strcmp(name, "alpha") ? 1. / 256 : 1; }

enum { BATCH = 2, TOKENS = 4, HEADS = 3, WIDTH = 4 };

/* Datasets whose numbers are told() in the layout given, axes of size 1 left out as rank says. */
static void put_told(hid_t file, const char *name, hid_t type, efla_layout layout, size_t rank, size_t width) {
  static double values[BATCH * TOKENS * HEADS * WIDTH];
  hsize_t size[4];
  size_t B = rank > 3 ? BATCH : 1, H = rank > 2 ? HEADS : 1, W = width ? width : 1, n = 0, axes = 0;
  for (size_t e = 0; e < B * TOKENS * H * W; e++) {
    size_t d = e % W, second = e / W, t, h;
    if (layout == EFLA_BTHD)
      h = second % H, t = second / H % TOKENS;
    else
      t = second % TOKENS, h = second / TOKENS % H;
    values[n++] = factor(name) * told(second / (H * TOKENS), t, h, d);
  }
  if (rank > 3) size[axes++] = B;
  if (layout == EFLA_BTHD || rank < 3) size[axes++] = TOKENS;
  if (rank > 2) size[axes++] = H;
  if (layout == EFLA_BHTD && rank > 2) size[axes++] = TOKENS;
  if (width) size[axes++] = width;
  h5_put(file, name, type, axes, size, values);
}

/* Every number of an array is told() of the place that the index's text names. */
static void check_told(const efla_stream *stream, const efla_array *array, size_t width, efla_tensor tensor) {
  const efla_tensor_block *block = &stream->block;
  for (size_t h = 0; h < stream->x.heads; h++)
    for (size_t t = 0; t < stream->x.tokens; t++)
      for (size_t d = 0; d < width; d++) {
        char text[EFLA_INDEX_TEXT];
        double value =
            ((const double *)array->data)[(ptrdiff_t)h * array->head + (ptrdiff_t)t * array->token + (ptrdiff_t)d];
        efla_tensors_index(stream->file, tensor, stream->sequence, block->head + h, stream->token + t, d, text);
        ck_assert_msg(value ==
                          factor(efla_tensor_name(tensor)) * told(block->batch, block->first + t, block->head + h, d),
                      "%s: %g", text, value);
      }
}

/* All datasets, read block by block; returns how many numbers of v there were. */
static size_t check_stream(efla_tensors *file, const efla_walk *walk) {
  efla_stream stream;
  efla_message why = {{0}};
  size_t seen = 0;
  ck_assert_int_eq(efla_stream_init(&stream, file, walk, &why), EFLA_OK);
  for (;;) {
    ck_assert_msg(efla_stream_next(&stream, &why) == EFLA_OK, "%s", why.text);
    if (stream.done) break;
    check_told(&stream, &stream.x.q, file->dk, EFLA_Q);
    check_told(&stream, &stream.x.k, file->dk, EFLA_K);
    check_told(&stream, &stream.x.v, file->dv, EFLA_V);
    check_told(&stream, &stream.x.beta, 1, EFLA_BETA);
    if (stream.x.g.data) check_told(&stream, &stream.x.g, 1, stream.argument);
    if (walk->outputs) check_told(&stream, &stream.y.o, file->dv, EFLA_O);
    ck_assert_int_eq(stream.begins, stream.token == 0);
    seen += stream.x.heads * stream.x.tokens * file->dv;
  }
  efla_stream_clear(&stream);
  return seen;
}

START_TEST(every_layout_and_rank) {
  for (efla_layout layout = EFLA_BTHD; layout <= EFLA_BHTD; layout++)
    for (size_t rank = 2; rank <= 4; rank++) {
      hid_t made = h5_fresh("tensors-layout");
      static const char *const wide[] = {"q", "k", "v", "o"};
      for (size_t i = 0; i < 4; i++) put_told(made, wide[i], H5T_IEEE_F32LE, layout, rank, i < 2 ? WIDTH - 1 : WIDTH);
      put_told(made, "beta", H5T_IEEE_F32LE, layout, rank, rank % 2); /* of rank 3 as (T,H,1) */
      put_told(made, "g", H5T_IEEE_F64LE, layout, rank, 0), put_told(made, "alpha", H5T_IEEE_F64LE, layout, rank, 0);
      if (layout == EFLA_BHTD) h5_text(made, "layout", "BHTD");
      h5_number(made, "scale", 0.125);
      h5_close(made);
      efla_tensors file = h5_open_fresh();
      ck_assert(file.dk == WIDTH - 1 && file.dv == WIDTH && file.tokens == TOKENS && file.rank == rank &&
                file.layout == layout);
      ck_assert_double_eq(file.scale, 0.125);
      size_t all = (rank > 3 ? BATCH : 1UL) * TOKENS * (rank > 2 ? HEADS : 1UL) * WIDTH;
      ck_assert_uint_eq(check_stream(&file, &(efla_walk){.outputs = &file, .decay = efla_decay_find("joint")}), all);
      ck_assert_uint_eq(check_stream(&file, &(efla_walk){.decay = efla_decay_find("retention")}), all);
      ck_assert_uint_eq(check_stream(&file, &(efla_walk){.states = EFLA_LARGEST_STATE / 12}), all); /* head by head */
      ck_assert_int_eq(efla_tensors_close(&file, NULL), EFLA_OK);
    }
}
END_TEST

/* Half precision as h5py writes it, bfloat16, 8 bits, integers, both byte orders, more digits than a double has. */
START_TEST(every_type_of_number) {
  hid_t half = h5_float(16, 5, 10), brain = h5_float(16, 8, 7), small = h5_float(8, 5, 2);
  const struct {
    hid_t type;
    const char *format;
    int digits;
  } types[] = {{H5T_IEEE_F64LE, "f64", 53},
               {H5T_IEEE_F64BE, "f64", 53},
               {H5T_IEEE_F32LE, "f32", 24},
               {H5T_IEEE_F32BE, "f32", 24},
               {half, "fp16", 11},
               {brain, "bf16", 8},
               {H5T_STD_I16LE, "an integer", 16},
               {H5T_STD_U8LE, "an integer", 8},
               {H5T_STD_I64BE, "an integer", 53},
               {H5T_NATIVE_LDOUBLE, "f64", 53}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    hid_t made = h5_fresh("tensors-types");
    static const char *const wide[] = {"q", "k", "v", "o"};
    for (size_t n = 0; n < 4; n++) put_told(made, wide[n], types[i].type, EFLA_BTHD, 4, WIDTH);
    put_told(made, "beta", types[i].type, EFLA_BTHD, 4, 0);
    h5_close(made);
    efla_tensors file = h5_open_fresh();
    ck_assert_str_eq(file.stored[EFLA_O].name, types[i].format);
    ck_assert_int_eq(file.stored[EFLA_O].digits, types[i].digits);
    check_stream(&file, &(efla_walk){.outputs = &file});
    efla_tensors_close(&file, NULL);
  }
  efla_format format;
  ck_assert(efla_stored_format(small, &format) && !strcmp(format.name, "e5m2") && format.largest == 57344);
  H5Tclose(half);
  H5Tclose(brain);
  H5Tclose(small);
}
END_TEST

/* Special numbers survive half precision and bfloat16: subnormals, the largest, inf and nan (in o, where they are
 * data). */
START_TEST(special_numbers_of_small_floats) {
  static const struct {
    size_t exponent, mantissa;
    double least, largest;
  } formats[] = {{5, 10, 0x1p-24, 65504}, {8, 7, 0x1p-133, 0x1.fep127}};
  const h5_sizes sizes = {0, 1, 0, 1, 6};
  for (size_t i = 0; i < 2; i++) {
    double values[] = {formats[i].least, -3 * formats[i].least, formats[i].largest, INFINITY, -INFINITY, NAN}, o[6];
    hid_t made = h5_fresh("tensors-special"), type = h5_float(16, formats[i].exponent, formats[i].mantissa);
    h5_inputs(made, &sizes, 1);
    h5_put_tokens(made, "o", type, &sizes, 6, values);
    H5Tclose(type);
    h5_close(made);
    efla_tensors file = h5_open_fresh();
    ck_assert_int_eq(efla_tensors_read(&file, EFLA_O, &(efla_tensor_block){0, 0, 1, 0, 1},
                                       efla_array_head_major(o, EFLA_F64, 1, 1, 6), NULL),
                     EFLA_OK);
    for (size_t j = 0; j < 5; j++) ck_assert_double_eq(o[j], values[j]);
    ck_assert_double_nan(o[5]);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

/* What is written reads back, from a file of the same layout. */
START_TEST(outputs_read_back) {
  for (efla_layout layout = EFLA_BTHD; layout <= EFLA_BHTD; layout++)
    for (size_t rank = 2; rank <= 4; rank++) {
      hid_t made = h5_fresh("tensors-write");
      static const char *const wide[] = {"q", "k", "v"};
      for (size_t i = 0; i < 3; i++) put_told(made, wide[i], H5T_IEEE_F32LE, layout, rank, i < 2 ? WIDTH - 1 : WIDTH);
      put_told(made, "beta", H5T_IEEE_F32LE, layout, rank, 0);
      h5_text(made, "layout", efla_layout_name(layout));
      h5_number(made, "scale", 3);
      h5_close(made);
      char out_path[300];
      efla_tensors file = h5_open_fresh(), out;
      efla_message why = {{0}};
      efla_stream stream;
      double S[HEADS * (WIDTH - 1) * WIDTH], back[HEADS * (WIDTH - 1) * WIDTH];
      for (size_t i = 0; i < sizeof S / sizeof *S; i++) S[i] = (double)i;
      snprintf(out_path, sizeof out_path, "%s.out", h5_path);
      ck_assert_int_eq(efla_tensors_create(&out, out_path, &file, efla_format_find("f64"), &why), EFLA_OK);
      ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
      while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) { /* o = v */
        const efla_result y = {.o = stream.x.v, .final_state = {.data = S}};
        ck_assert_int_eq(efla_stream_write(&stream, &out, &y, &why), EFLA_OK);
      }
      efla_stream_clear(&stream);
      ck_assert_int_eq(efla_tensors_write_text(&out, "precision", "bf16", &why), EFLA_OK);
      ck_assert_int_eq(efla_tensors_close(&out, &why), EFLA_OK);
      size_t n = (rank > 3 ? BATCH : 1UL) * TOKENS * (rank > 2 ? HEADS : 1UL) * WIDTH;
      double *v = h5_get(h5_path, "v", n), *o = h5_get(out_path, "o", n);
      ck_assert(!memcmp(v, o, n * sizeof *v));
      free(v);
      free(o);
      ck_assert_msg(efla_tensors_open_outputs(&out, out_path, &file, &why) == EFLA_OK, "%s", why.text);
      ck_assert(out.scale == 3 && out.layout == layout && out.has[EFLA_FINAL_STATE] && !strcmp(out.precision, "bf16"));
      ck_assert_int_eq(efla_tensors_read_states(&out, EFLA_FINAL_STATE, file.sequences - 1, 0, file.heads, back, &why),
                       EFLA_OK);
      ck_assert(!memcmp(S, back, file.heads * file.dk * file.dv * sizeof *S));
      efla_tensors_close(&out, NULL);
      efla_tensors_close(&file, NULL);
    }
}
END_TEST

/* 20 GB, nearly all of it holes. */
static void make_sparse(size_t tokens, size_t heads, size_t dk, size_t dv) {
  hid_t made = h5_fresh("tensors-sparse");
  static const char *const names[] = {"q", "k", "v", "beta"};
  for (size_t i = 0; i < 4; i++) {
    hsize_t size[] = {tokens, heads, i < 2 ? dk : dv}, chunk[] = {4096, heads, size[2]};
    h5_room(made, names[i], H5T_IEEE_F64LE, i < 3 ? 3 : 2, size, chunk);
  }
  h5_close(made);
}

/* AddressSanitizer keeps what was freed, 256 MB of it unless it is told otherwise. */
#ifdef __SANITIZE_ADDRESS__
enum { KEPT = 256 << 20 };
#else
enum { KEPT = 0 };
#endif

static size_t resident(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (size_t)usage.ru_maxrss * 1024;
}

/* Arrays in memory, axes of lengths of their own, go to a file whose numbers stand where they stood; or to none, and it
 * says so. */
static efla_sequence view_of(size_t batch, size_t tokens, size_t heads, size_t dk, size_t dv, float *qk, float *v,
                             float *beta) {
  const efla_array keys = efla_array_token_major(qk, EFLA_F32, tokens, heads, dk);
  return (efla_sequence){.batch = batch,
                         .heads = heads,
                         .tokens = tokens,
                         .dk = dk,
                         .dv = dv,
                         .q = keys,
                         .k = keys,
                         .v = efla_array_token_major(v, EFLA_F32, tokens, heads, dv),
                         .beta = efla_array_token_major(beta, EFLA_F32, tokens, heads, 1)};
}

START_TEST(saved_from_memory) {
  static float values[2][BATCH * TOKENS * HEADS * WIDTH], beta[BATCH * TOKENS * HEADS];
  for (size_t e = 0; e < BATCH * TOKENS * HEADS; e++) {
    size_t h = e % HEADS, t = e / HEADS % TOKENS, b = e / HEADS / TOKENS;
    beta[e] = (float)told(b, t, h, 0);
    for (size_t d = 0; d < WIDTH; d++) values[0][e * WIDTH + d] = (float)told(b, t, h, d);
    for (size_t d = 0; d < WIDTH - 1; d++) values[1][e * (WIDTH - 1) + d] = (float)told(b, t, h, d);
  }
  for (size_t dk = WIDTH - 1; dk <= WIDTH; dk++) {
    const size_t dv = 2 * WIDTH - 1 - dk; /* the other of the two */
    const efla_sequence arrays = view_of(BATCH, TOKENS, HEADS, dk, dv, values[WIDTH - dk], values[WIDTH - dv], beta);
    efla_message why = {{0}};
    h5_close(h5_fresh("tensors-saved"));
    ck_assert_msg(efla_tensors_save(h5_path, &arrays, &why) == EFLA_OK, "%s", why.text); /* what was there is gone */
    efla_tensors file = h5_open_fresh();
    ck_assert(file.batch == BATCH && file.tokens == TOKENS && file.heads == HEADS && file.dk == dk && file.dv == dv);
    ck_assert_uint_eq(check_stream(&file, &(efla_walk){0}), BATCH * TOKENS * HEADS * dv);
    efla_tensors_close(&file, NULL);
    ck_assert_int_eq(efla_tensors_save("/nowhere/at/all.h5", &arrays, &why), EFLA_OUTPUT);
    ck_assert_ptr_nonnull(strstr(why.text, "/nowhere/at/all.h5: cannot write: "));
  }
}
END_TEST

START_TEST(large_files_need_little_memory) {
  enum { LARGE = 4 << 20, HEAVY = 2, D = 128 }; /* 4 Mi tokens, 2 heads, 3*128 + 1 numbers of 8 bytes: 25.8 GB */
  struct stat status;
  make_sparse(LARGE, HEAVY, D, D);
  ck_assert(stat(h5_path, &status) == 0 && status.st_blocks < (1 << 20) / 512);
  efla_tensors file = h5_open_fresh();
  efla_stream stream;
  efla_message why = {{0}};
  ck_assert_double_gt((double)LARGE * HEAVY * (3 * D + 1) * 8, 20e9);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.states = 4, .multiple = 64}, &why), EFLA_OK);
  double start = efla_seconds();
  size_t blocks = 0;
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) {
    ck_assert_uint_eq(stream.token % 64, 0);
    blocks++;
    if (efla_seconds() - start > 5) break; /* long enough to see that memory does not grow with what was read */
  }
  ck_assert_uint_gt(blocks, 8);
  ck_assert_msg(resident() < 300000000 + KEPT, "%zu bytes resident after %zu blocks", resident(), blocks);
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_layout_and_rank, every_type_of_number, special_numbers_of_small_floats,
                                outputs_read_back,     saved_from_memory,    large_files_need_little_memory};
  return testing_main("tensors", tests, sizeof tests / sizeof *tests, 120);
}

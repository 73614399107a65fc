/* SPDX-License-Identifier: GPL-3.0-or-later */
/* g per channel and the erase key p in tensor files: which form g has, what a stream reads, what is refused. */
#include "files.h"
#include "h5.h"
#include "testing.h"

static const h5_sizes usual = {2, 5, 3, 4, 6};
enum { TOKENS = 2 * 5 * 3, DK = 4, NUMBERS = TOKENS * DK };

static double g_of(size_t i) { return -(double)(i % 11) / 8; }
static double p_of(size_t i) { return (double)(i % 13) - 6; }

static void fill(size_t n, double (*number)(size_t i), double *values) {
  for (size_t i = 0; i < n; i++) values[i] = number(i);
}

/* A file with g (width numbers a token, 0: no axis for them) and p, of which number `at` is spoilt. */
static efla_tensors make(const h5_sizes *sizes, size_t width, size_t at, double spoilt) {
  double values[NUMBERS];
  hid_t made = h5_fresh("channels");
  h5_inputs(made, sizes, 1);
  fill(NUMBERS, g_of, values);
  if (at < NUMBERS) values[at] = spoilt;
  h5_put_tokens(made, "g", H5T_IEEE_F64LE, sizes, width, values);
  fill(NUMBERS, p_of, values);
  if (at < NUMBERS) values[at] = spoilt;
  h5_put_tokens(made, "p", H5T_IEEE_F64LE, sizes, sizes->dk, values);
  h5_close(made);
  return h5_open_fresh();
}

static void check_message(const efla_message *why, const char *words) {
  char expected[600];
  snprintf(expected, sizeof expected, "%s: %s", h5_path, words);
  ck_assert_str_eq(why->text, expected);
}

/* With all axes, without B, without B and H, and where dk = 1: q's rank is per channel, one less is per head. */
START_TEST(the_rank_tells_the_form) {
  static const h5_sizes all[] = {{2, 5, 3, 4, 6}, {0, 5, 3, 4, 6}, {0, 4, 0, 4, 6}, {2, 5, 3, 1, 6}, {0, 1, 0, 1, 1}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int channels = 0; channels < 2; channels++) {
      efla_tensors file = make(&all[i], channels ? all[i].dk : 0, NUMBERS, 0);
      ck_assert_int_eq(file.g_per_channel, channels);
      ck_assert_uint_eq(efla_tensors_width(&file, EFLA_G), channels ? all[i].dk : 1);
      ck_assert_uint_eq(efla_tensors_width(&file, EFLA_P), all[i].dk);
      efla_tensors_close(&file, NULL);
    }
}
END_TEST

/* All numbers of a stream in blocks of two tokens, where the file has them; p also without a decay. */
static void check_stream(efla_tensors *file, const char *decay) {
  efla_stream stream;
  efla_message why = {{0}};
  size_t seen = 0;
  ck_assert_int_eq(efla_stream_init(&stream, file, &(efla_walk){.decay = efla_decay_find(decay)}, &why), EFLA_OK);
  stream.most_tokens = 2;
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) {
    const bool gated = strcmp(decay, "none") != 0;
    ck_assert_int_eq(stream.x.g_per_channel, gated);
    for (size_t h = 0; h < stream.x.heads; h++) {
      const efla_tokens x = efla_stream_tokens(&stream, h), last = efla_tokens_slice(&x, x.tokens - 1, 1);
      for (size_t t = 0; t < x.tokens; t++) {
        const size_t b = stream.block.batch, token = stream.block.first + t, head = stream.block.head + h;
        const size_t row = file->layout == EFLA_BTHD ? (b * 5 + token) * 3 + head : (b * 3 + head) * 5 + token;
        for (size_t i = 0; i < DK; i++, seen++) {
          if (gated) ck_assert_double_eq(x.g[t * DK + i], g_of(row * DK + i));
          ck_assert_double_eq(x.p[t * DK + i], p_of(row * DK + i));
        }
      }
      ck_assert(last.p == x.p + (x.tokens - 1) * DK && (!gated || last.g == x.g + (x.tokens - 1) * DK));
    }
  }
  ck_assert_msg(stream.done, "%s", why.text);
  ck_assert_uint_eq(seen, NUMBERS);
  efla_stream_clear(&stream);
}

START_TEST(streams_read_both) {
  efla_tensors file = make(&usual, DK, NUMBERS, 0);
  check_stream(&file, "split");
  check_stream(&file, "strang");
  check_stream(&file, "none");
  efla_tensors_close(&file, NULL);
}
END_TEST

/* The other layout, whose numbers are those of an array with the axes of heads and tokens exchanged. */
START_TEST(streams_read_heads_first) {
  double values[TOKENS * 6];
  hid_t made = h5_fresh("channels-heads");
  fill(TOKENS * 6, p_of, values);
  H5_PUT(made, "q", H5T_IEEE_F32LE, values, 2, 3, 5, 4);
  H5_PUT(made, "k", H5T_IEEE_F32LE, values, 2, 3, 5, 4);
  H5_PUT(made, "p", H5T_IEEE_F32LE, values, 2, 3, 5, 4);
  H5_PUT(made, "v", H5T_IEEE_F32LE, values, 2, 3, 5, 6);
  fill(NUMBERS, g_of, values);
  H5_PUT(made, "g", H5T_IEEE_F32LE, values, 2, 3, 5, 4);
  for (size_t i = 0; i < TOKENS; i++) values[i] = 1;
  H5_PUT(made, "beta", H5T_IEEE_F32LE, values, 2, 3, 5);
  h5_text(made, "layout", "BHTD");
  h5_close(made);
  efla_tensors file = h5_open_fresh();
  ck_assert(file.g_per_channel && file.layout == EFLA_BHTD);
  check_stream(&file, "split");
  efla_tensors_close(&file, NULL);
}
END_TEST

/* A block's numbers include g and p, or a stream of long rows would take more memory than it says. */
START_TEST(blocks_count_them) {
  enum { LONG = 4000, WIDE = 400 };
  const hsize_t wide[] = {LONG, WIDE}, one[] = {LONG};
  hid_t made = h5_fresh("channels-long");
  static const char *const names[] = {"q", "k", "p", "g", "v"};
  for (size_t i = 0; i < 5; i++) h5_room(made, names[i], H5T_IEEE_F32LE, 2, wide, NULL);
  h5_room(made, "beta", H5T_IEEE_F32LE, 1, one, NULL);
  h5_close(made);
  efla_tensors file = h5_open_fresh();
  efla_stream stream;
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.decay = efla_decay_find("split")}, NULL), EFLA_OK);
  ck_assert_uint_le(stream.most_tokens * (5 * WIDE + 1), EFLA_STREAM_NUMBERS);
  ck_assert_uint_gt((stream.most_tokens + 1) * (5 * WIDE + 1), EFLA_STREAM_NUMBERS);
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
}
END_TEST

/* Number (1,2,0,3) of g and of p. */
START_TEST(numbers_out_of_range) {
  static const struct {
    double value;
    const char *g, *p; /* words; NULL: accepted */
  } cases[] = {{0.125, "g[1,2,0,3]: 0.125, expected a finite number that is not positive", NULL},
               {NAN, "g[1,2,0,3]: nan, expected a finite number that is not positive",
                "p[1,2,0,3]: nan, expected a finite number"},
               {-INFINITY, "g[1,2,0,3]: -inf, expected a finite number that is not positive",
                "p[1,2,0,3]: -inf, expected a finite number"},
               {-1e300, NULL, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int gated = 0; gated < 2; gated++) {
      const char *words = gated && cases[i].g ? cases[i].g : cases[i].p;
      efla_tensors file = make(&usual, DK, (((1 * 5 + 2) * 3) + 0) * DK + 3, cases[i].value);
      efla_stream stream;
      efla_message why = {{0}};
      const efla_walk walk = {.decay = efla_decay_find(gated ? "split" : "none")};
      efla_status status = efla_stream_init(&stream, &file, &walk, &why);
      while (status == EFLA_OK && !stream.done) status = efla_stream_next(&stream, &why);
      ck_assert_int_eq(status, words ? EFLA_INPUT : EFLA_OK);
      if (words) check_message(&why, words);
      efla_stream_clear(&stream);
      efla_tensors_close(&file, NULL);
    }
}
END_TEST

START_TEST(shapes_that_fit_neither_form) {
  static const struct {
    const char *name;
    size_t rank;
    hsize_t size[5];
    const char *words;
  } cases[] = {
      {"g", 3, {2, 3, 5}, "g: shape (2,3,5), expected (2,5,3) or (2,5,3,4) to go with q of shape (2,5,3,4)"},
      {"g", 4, {2, 5, 3, 1}, "g: shape (2,5,3,1), expected (2,5,3) or (2,5,3,4) to go with q of shape (2,5,3,4)"},
      {"g", 2, {5, 3}, "g: shape (5,3), expected (2,5,3) or (2,5,3,4) to go with q of shape (2,5,3,4)"},
      {"g", 5, {2, 5, 3, 4, 1}, "g: shape (2,5,3,4,1), expected (2,5,3) or (2,5,3,4) to go with q of shape (2,5,3,4)"},
      {"p", 3, {2, 5, 3}, "p: shape (2,5,3), expected (2,5,3,4) to go with q of shape (2,5,3,4)"},
      {"alpha", 4, {2, 5, 3, 4}, "alpha: shape (2,5,3,4), expected (2,5,3) to go with q of shape (2,5,3,4)"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double values[NUMBERS] = {0};
    hid_t made = h5_fresh("channels-shapes");
    h5_inputs(made, &usual, 1);
    h5_put(made, cases[i].name, H5T_IEEE_F32LE, cases[i].rank, cases[i].size, values);
    h5_close(made);
    efla_tensors file;
    efla_message why = {{0}};
    ck_assert_int_eq(efla_tensors_open(&file, h5_path, &why), EFLA_INPUT);
    check_message(&why, cases[i].words);
  }
}
END_TEST

/* Of every name: which row, or which words. */
START_TEST(decays_of_both_forms) {
  static const struct {
    const char *name, *row[2], *called[2]; /* with g per head, per channel; no row: refused */
  } cases[] = {{"file", {"split", "split"}, {"split", "lie"}},  {"none", {"none", "none"}, {"none", "none"}},
               {"split", {"split", "split"}, {"split", "lie"}}, {"strang", {"strang", "strang"}, {"strang", "strang"}},
               {"joint", {"joint", NULL}, {"joint", NULL}},     {"lie", {NULL, "split"}, {NULL, "lie"}},
               {"exact", {NULL, "joint"}, {NULL, "exact"}}};
  for (int channels = 0; channels < 2; channels++) {
    efla_tensors file = make(&usual, channels ? DK : 0, NUMBERS, 0);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      size_t i = 0;
      const efla_decay *chosen;
      efla_message why = {{0}};
      char expected[200];
      while (strcmp(efla_file_decay_name(i), cases[c].name) != 0) i++;
      const efla_status status = efla_file_decay_by_option(&file, i, &chosen, &why);
      ck_assert_int_eq(status, cases[c].row[channels] ? EFLA_OK : EFLA_INPUT);
      if (channels)
        snprintf(
            expected, sizeof expected,
            "g: one number per channel, expected one per head for decay %s; per channel are split, strang and exact",
            cases[c].name);
      else
        snprintf(expected, sizeof expected,
                 "g: one number per head, expected one number per channel, (B,T,H,dk), for decay %s", cases[c].name);
      if (status != EFLA_OK) check_message(&why, expected);
      if (status != EFLA_OK) continue;
      ck_assert_str_eq(chosen->name, cases[c].row[channels]);
      ck_assert_str_eq(efla_file_decay_called(&file, chosen), cases[c].called[channels]);
      ck_assert_int_eq(efla_file_decay_exact(&file, chosen), !strcmp(cases[c].name, "exact"));
    }
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

/* g of both forms and p, saved from memory, read as they were. */
START_TEST(saved_from_memory) {
  for (int channels = 0; channels < 2; channels++) {
    float q[NUMBERS], v[TOKENS * 6], g[NUMBERS];
    efla_message why = {{0}};
    const size_t width = channels ? DK : 1;
    for (size_t i = 0; i < NUMBERS; i++) q[i] = (float)p_of(i), g[i] = (float)g_of(i);
    for (size_t i = 0; i < TOKENS * 6; i++) v[i] = 1;
    const efla_array key = efla_array_token_major(q, EFLA_F32, 5, 3, DK);
    efla_sequence x = {.batch = 2, .heads = 3, .tokens = 5, .dk = DK, .dv = 6, .q = key, .k = key, .p = key};
    x.v = efla_array_token_major(v, EFLA_F32, 5, 3, 6), x.beta = efla_array_token_major(v, EFLA_F32, 5, 3, 1);
    x.g = efla_array_token_major(g, EFLA_F32, 5, 3, width), x.g_per_channel = channels;
    h5_close(h5_fresh("channels-saved"));
    ck_assert_msg(efla_tensors_save(h5_path, &x, &why) == EFLA_OK, "%s", why.text);
    double *found = h5_get(h5_path, "g", TOKENS * width), *keys = h5_get(h5_path, "p", NUMBERS);
    for (size_t i = 0; i < TOKENS * width; i++) ck_assert_double_eq(found[i], g_of(i));
    for (size_t i = 0; i < NUMBERS; i++) ck_assert_double_eq(keys[i], p_of(i));
    free(found), free(keys);
    efla_tensors file = h5_open_fresh();
    ck_assert_int_eq(file.g_per_channel, channels);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_rank_tells_the_form, streams_read_both,    streams_read_heads_first,
                                blocks_count_them,       numbers_out_of_range, shapes_that_fit_neither_form,
                                decays_of_both_forms,    saved_from_memory};
  return testing_main("channels", tests, sizeof tests / sizeof *tests, 60);
}

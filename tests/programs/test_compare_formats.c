/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/compare on each format of tensor files: types, forms and axes that users of PyTorch and NumPy write. */
#include "files.h"
#include "io/arrays_save.h"
#include "testing.h"

enum { H = 3, T = 20, DK = 4, DV = 3 };

static const char *const endings[] = {".h5", ".npz", ".safetensors"}, *const types[] = {"f4", "f2", "V2"};
enum { ENDINGS = sizeof endings / sizeof *endings, TYPES = sizeof types / sizeof *types };

static char path[300], said[1 << 14], complained[4096];

/* By head and token. */
typedef struct arrays {
  double q[H][T][DK], k[H][T][DK], v[H][T][DV], beta[H][T], o[H][T][DV];
} arrays;

/* Of a type, whose numbers the drawn ones are; o by the recurrence with the exact coefficient, rounded to it. */
static arrays draw_arrays(const efla_format *format, bool wrong) {
  arrays x;
  efla_draw draw = efla_draw_begin(testing_seed());
  for (size_t h = 0; h < H; h++) {
    double S[DK][DV] = {{0}};
    for (size_t t = 0; t < T; t++) {
      double lambda = 0;
      for (size_t i = 0; i < DK; i++) {
        x.q[h][t][i] = efla_format_round(format, efla_draw_uniform(&draw) - .5);
        x.k[h][t][i] = efla_format_round(format, efla_draw_uniform(&draw) - .5);
        lambda += x.k[h][t][i] * x.k[h][t][i];
      }
      const double beta = x.beta[h][t] = efla_format_round(format, efla_draw_uniform(&draw)),
                   a = wrong ? 2 * beta : -expm1(-beta * lambda) / lambda;
      for (size_t j = 0; j < DV; j++) {
        double erased = 0, o = 0;
        x.v[h][t][j] = efla_format_round(format, efla_draw_uniform(&draw) - .5);
        for (size_t i = 0; i < DK; i++) erased += S[i][j] * x.k[h][t][i];
        for (size_t i = 0; i < DK; i++) S[i][j] += a * x.k[h][t][i] * (x.v[h][t][j] - erased);
        for (size_t i = 0; i < DK; i++) o += S[i][j] * x.q[h][t][i];
        x.o[h][t][j] = efla_format_round(format, o);
      }
    }
  }
  return x;
}

static double room[5][H * T * DK];

/* In the order of the file: heads first, or tokens first. */
static const double *ordered(size_t which, const double *from, size_t width, bool heads_first) {
  for (size_t h = 0; h < H; h++)
    for (size_t t = 0; t < T; t++)
      memcpy(room[which] + (heads_first ? h * T + t : t * H + h) * width, from + (h * T + t) * width,
             width * sizeof *from);
  return room[which];
}

/* q of three axes, without an attribute layout unless the axes of heads come first and it says so; beta with an axis of
 * one number. */
static void write_file(const char *ending, const char *type, const arrays *x, bool heads_first, bool says) {
  efla_message why = {{0}};
  const size_t m = heads_first ? H : T, n = heads_first ? T : H;
  const efla_saved_array saved[] = {{"q", type, 3, {m, n, DK}, ordered(0, x->q[0][0], DK, heads_first)},
                                    {"k", type, 3, {m, n, DK}, ordered(1, x->k[0][0], DK, heads_first)},
                                    {"v", type, 3, {m, n, DV}, ordered(2, x->v[0][0], DV, heads_first)},
                                    {"beta", type, 3, {m, n, 1}, ordered(3, x->beta[0], 1, heads_first)},
                                    {"o", type, 3, {m, n, DV}, ordered(4, x->o[0][0], DV, heads_first)}};
  const efla_saved_text layout = {"layout", "BHTD"};
  static const char *directory;
  if (!directory) directory = files_directory("compare-formats");
  snprintf(path, sizeof path, "%s/in%s", directory, ending);
  ck_assert_msg(efla_arrays_save(path, saved, 5, 1, &layout, says, &why) == EFLA_OK, "%s", why.text);
}

static int run(const char *arguments) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/compare --input %s %s", path, arguments), 0);
  int status = testing_shell(command, said, complained, sizeof complained);
  free(command);
  return status;
}

static const efla_format *format_of(const char *type) {
  return efla_format_find(!strcmp(type, "f4") ? "f32" : !strcmp(type, "f2") ? "fp16" : "bf16");
}

START_TEST(every_type) {
  for (size_t e = 0; e < ENDINGS; e++)
    for (size_t i = 0; i < TYPES; i++)
      for (int wrong = 0; wrong < 2; wrong++) {
        const efla_format *format = format_of(types[i]);
        char stored[64];
        const arrays x = draw_arrays(format, wrong);
        write_file(endings[e], types[i], &x, false, false);
        ck_assert_msg(run("--json") == wrong, "%s, %s: %s%s", endings[e], types[i], said, complained);
        snprintf(stored, sizeof stored, "\"o\":\"%s\"", format->name);
        ck_assert_msg(strstr(said, stored), "no %s in %s", stored, said);
      }
}
END_TEST

/* Heads first: right where the file says so; else outside, with the reason. */
START_TEST(heads_first) {
  for (size_t e = 0; e < ENDINGS; e++) {
    const arrays x = draw_arrays(format_of("f4"), false);
    write_file(endings[e], "f4", &x, true, true);
    ck_assert_msg(run("") == 0, "%s: %s%s", endings[e], said, complained);
    write_file(endings[e], "f4", &x, true, false);
    ck_assert_msg(run("") == 1, "%s: %s%s", endings[e], said, complained);
    ck_assert_msg(strstr(said, "read as (T,H,D), 3 tokens of 20 heads; if their axes are (H,T,D), the file needs"),
                  "%s: %s", endings[e], said);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_type, heads_first};
  return testing_main("compare_formats", tests, sizeof tests / sizeof *tests, 60);
}

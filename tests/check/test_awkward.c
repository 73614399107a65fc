/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Awkward inputs: every case is a tensor file with the same numbers in every format, as its seed says, and is about what
 * it says. */
#include "files.h"
#include "h5.h"
#include "io/container.h"
#include "testing.h"

#include <math.h>

static char path[300];

static const char *write_case(const efla_awkward *c, size_t seed, const char *ending) {
  static const char *directory;
  efla_message why = {{0}};
  if (!directory) directory = files_directory("awkward");
  snprintf(path, sizeof path, "%s/%s%s", directory, c->name, ending);
  ck_assert_msg(efla_awkward_write(c, seed, path, &why) == EFLA_OK, "%s", why.text);
  return path;
}

/* The numbers of an array; NULL where the file has none.  To be freed. */
static double *numbers(const char *file, const char *name, size_t *n) {
  const efla_container_kind *kind;
  efla_container *container;
  efla_dataset *found;
  efla_message why = {{0}};
  double *values = NULL;
  ck_assert_int_eq(efla_container_recognise(file, &kind, &why), EFLA_OK);
  ck_assert_msg(kind->open(&container, file, &why) == EFLA_OK, "%s", why.text);
  ck_assert_msg(kind->find(container, name, &found, &why) == EFLA_OK, "%s", why.text);
  if (found) {
    efla_box all = {.rank = found->rank, .n = 1};
    for (size_t i = 0; i < all.rank; i++) all.n *= all.count[i] = found->size[i];
    values = testing_poison(*n = all.n);
    ck_assert_msg(kind->fetch(found, &all, values, &why) == EFLA_OK, "%s", why.text);
    kind->release(found);
  }
  kind->close(container, true, NULL);
  return values;
}

START_TEST(same_numbers_in_every_format) {
  static const char *const names[] = {"q", "k", "v", "beta", "g", "alpha", "initial_state", "cu_seqlens", "do"};
  static const char *const endings[] = {".h5", ".safetensors"};
  for (const efla_awkward *c = efla_awkward_cases; c->name; c++)
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      size_t n = 0, m = 0;
      double *values = numbers(write_case(c, 3, ".npz"), names[i], &n);
      for (size_t e = 0; e < 2; e++) {
        double *others = numbers(write_case(c, 3, endings[e]), names[i], &m);
        ck_assert_msg(!values == !others && n == m, "%s: %s", c->name, names[i]);
        if (values) ck_assert_msg(!memcmp(values, others, n * sizeof *values), "%s: %s", c->name, names[i]);
        free(others);
      }
      ck_assert_msg(values || i > 3, "%s: %s", c->name, names[i]);
      if (!strcmp(names[i], "q")) {
        double *others = numbers(write_case(c, 4, ".npz"), names[i], &m);
        ck_assert(memcmp(values, others, n * sizeof *values) != 0);
        free(others);
      }
      free(values);
    }
}
END_TEST

/* They open as tensor files, with scale, types and sizes of the row. */
START_TEST(whole_files) {
  for (const efla_awkward *c = efla_awkward_cases; c->name; c++) {
    efla_tensors file;
    efla_message why = {{0}};
    ck_assert_msg(efla_tensors_open(&file, write_case(c, 1, ".safetensors"), &why) == EFLA_OK, "%s", why.text);
    ck_assert(file.batch == c->batch && file.tokens == c->tokens && file.heads == c->heads);
    ck_assert(file.dk == c->dk && file.dv == c->dv && file.layout == EFLA_BTHD);
    ck_assert(file.has[EFLA_INITIAL_STATE] == c->starts && file.g_per_channel == c->channels);
    ck_assert_double_eq(file.scale, (double)(float)(c->scale > 0 ? c->scale : 1 / sqrt((double)c->dk)));
    const char *type = !c->type ? "f32" : !strcmp(c->type, "V2") ? "bf16" : "fp16";
    ck_assert_str_eq(file.stored[EFLA_V].name, type);
    const efla_decay *decay;
    ck_assert_int_eq(efla_file_decay(&file, NULL, &decay, &why), EFLA_OK);
    ck_assert_str_eq(decay->name, c->decay ? c->decay : "none");
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

static const efla_awkward *find(const char *name) {
  const efla_awkward *c = efla_awkward_cases;
  while (strcmp(c->name, name) != 0) c++;
  return c;
}

START_TEST(what_they_are_about) {
  size_t n = 0;
  const efla_awkward *c = find("limit");
  double *k = numbers(write_case(c, 1, ".npz"), "k", &n), *beta = numbers(path, "beta", &n), most = 0;
  for (size_t row = 0; row < n; row++) {
    double lambda = 0;
    for (size_t i = 0; i < c->dk; i++) lambda += k[row * c->dk + i] * k[row * c->dk + i];
    most = fmax(most, beta[row] * lambda);
  }
  ck_assert(most > 1.9 && most < 2);
  free(k), free(beta);
  c = find("repeated");
  k = numbers(write_case(c, 1, ".npz"), "k", &n);
  const size_t step = c->heads * c->dk;
  for (size_t i = 0; i < n - 6 * step; i++) ck_assert(i < 6 * step || k[i] == k[i + 6 * step]);
  ck_assert_mem_eq(k + 6 * step, k + 7 * step, step * sizeof *k);
  ck_assert(memcmp(k + 7 * step, k + 8 * step, step * sizeof *k) != 0);
  free(k);
  c = find("groups");
  k = numbers(write_case(c, 1, ".npz"), "k", &n);
  for (size_t row = 0; row < n / c->dk; row += 2)
    ck_assert_mem_eq(k + row * c->dk, k + (row + 1) * c->dk, c->dk * sizeof *k);
  free(k);
  c = find("zeros");
  k = numbers(write_case(c, 1, ".npz"), "k", &n), beta = numbers(path, "beta", &n);
  ck_assert(k[2 * c->heads * c->dk] == 0 && k[3 * c->heads * c->dk] != 0 && beta[3 * c->heads] == 0 && beta[0] > 0);
  free(k), free(beta);
  double *alpha = numbers(write_case(find("retention"), 1, ".npz"), "alpha", &n);
  ck_assert(alpha[0] == 0 && alpha[2] == 1 && alpha[4] > 0 && alpha[4] < 1);
  free(alpha);
  double *g = numbers(write_case(find("decay-strong"), 1, ".npz"), "g", &n), least = 0;
  for (size_t i = 0; i < n; i++) least = fmin(least, g[i]);
  ck_assert(least < -100);
  free(g);
}
END_TEST

START_TEST(names) {
  static const char *const paths[][2] = {
      {"a.npz", "a-tails.npz"}, {"d.x/a", "d.x/a-tails"}, {"d/.h5", "d/-tails.h5"}, {"a.b.h5", "a.b-tails.h5"}};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    char *made = efla_awkward_path(paths[i][0], find("tails"));
    ck_assert_str_eq(made, paths[i][1]);
    free(made);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {same_numbers_in_every_format, whole_files, what_they_are_about, names};
  return testing_main("awkward", tests, sizeof tests / sizeof *tests, 120);
}

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
  const efla_awkward_wish wish = {.method = efla_method_find("euler"), .seed = seed};
  snprintf(path, sizeof path, "%s/%s%s", directory, c->name, ending);
  ck_assert_msg(efla_awkward_write(c, &wish, path, &why) == EFLA_OK, "%s", why.text);
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
  static const char *const names[] = {"q",          "k",  "v",           "beta", "g", "alpha", "initial_state",
                                      "cu_seqlens", "do", "dfinal_state"};
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
    ck_assert_str_eq(file.stored[EFLA_V].name, c->type ? c->type : "f32");
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
  const efla_awkward *c = find("repeated");
  double *k = numbers(write_case(c, 1, ".npz"), "k", &n);
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
  k = numbers(write_case(c, 1, ".npz"), "k", &n);
  double *beta = numbers(path, "beta", &n);
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

/* What the attribute of a file says; "" where there is none. */
static const char *attribute(const char *file, const char *name) {
  static char text[128];
  efla_container *container;
  efla_message why = {{0}};
  *text = 0;
  ck_assert_int_eq(efla_npz_kind.open(&container, file, &why), EFLA_OK);
  ck_assert_int_eq(efla_npz_kind.text(container, name, text, sizeof text, &why), EFLA_OK);
  efla_npz_kind.close(container, true, NULL);
  return text;
}

typedef struct wished {
  const char *decay, *type, *of, *arguments, *called, *wide; /* of: the case */
  bool channels;
} wished;

/* Cases are adapted to a kernel: its decay's argument, per channel or not, its type, and wide numbers beside few bits. */
START_TEST(as_wished) {
  static const wished table[] = {
      {NULL, NULL, "tails", "q k v beta", "none", "f32", false},
      {"none", "f64", "initial-state", "q k v beta initial_state", "none", "f64", false},
      {"joint", "bf16", "packed-states", "q k v beta g initial_state cu_seqlens", "joint", "f32", false},
      {"joint", "fp16", "scale", "q k v beta g scale", "exact", "f32", true},
      {"strang", NULL, "decay-strong", "q k v beta g", "strang", "f32", true},
      {"retention", NULL, "long", "q k v beta alpha", "retention", "f32", true},
      {NULL, NULL, "decay", "q k v beta g", "lie", "f32", true},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const wished *w = &table[i];
    const efla_decay *decay = w->decay ? efla_decay_find(w->decay) : NULL;
    const efla_awkward_wish wish = {efla_method_find("exact"), decay, w->channels, w->type, 1};
    const efla_awkward *c = find(w->of);
    efla_message why = {{0}};
    efla_tensors file;
    ck_assert(efla_awkward_suits(c, &wish));
    snprintf(path, sizeof path, "%s/wished.npz", files_directory("awkward-wished"));
    ck_assert_msg(efla_awkward_write(c, &wish, path, &why) == EFLA_OK, "%s", why.text);
    ck_assert_str_eq(attribute(path, "arguments"), w->arguments);
    ck_assert_str_eq(attribute(path, "decay"), w->called);
    ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
    ck_assert_str_eq(file.stored[EFLA_BETA].name, w->type ? w->type : "f32");
    for (size_t t = 0; t < EFLA_TENSORS; t++)
      if (file.has[t] && (t == EFLA_G || t == EFLA_ALPHA || efla_tensor_is_state((efla_tensor)t)))
        ck_assert_str_eq(file.stored[t].name, w->wide);
    ck_assert(file.g_per_channel == (w->channels && file.has[EFLA_G]));
    ck_assert(file.has[EFLA_D_FINAL_STATE] == c->starts && file.has[EFLA_D_O]);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

/* Those about another decay, type or g per channel are left out. */
START_TEST(unsuitable) {
  const efla_awkward_wish none = {.decay = efla_decay_find("none")}, alpha = {.decay = efla_decay_find("retention")},
                          head = {.decay = efla_decay_find("split")}, few = {.type = "bf16"},
                          channels = {.decay = efla_decay_find("split"), .channels = true}, any = {.decay = NULL};
  for (const efla_awkward *c = efla_awkward_cases; c->name; c++) {
    const bool g = c->decay && strcmp(c->decay, "retention") != 0;
    ck_assert(efla_awkward_suits(c, &any));
    ck_assert(efla_awkward_suits(c, &none) == !c->decay);
    ck_assert(efla_awkward_suits(c, &alpha) == !g);
    ck_assert(efla_awkward_suits(c, &head) == (!c->decay || (g && !c->channels)));
    ck_assert(efla_awkward_suits(c, &channels) == (!c->decay || g));
    ck_assert(efla_awkward_suits(c, &few) == (!c->type || !strcmp(c->type, "bf16")));
  }
}
END_TEST

/* Long keys reach the limit of the method, whatever it is. */
START_TEST(limits_of_methods) {
  static const char *const methods[] = {"euler", "rk4", "exact"};
  for (size_t m = 0; m < 3; m++) {
    const efla_awkward_wish wish = {.method = efla_method_find(methods[m]), .seed = 1};
    efla_message why = {{0}};
    size_t n = 0;
    double most = 0;
    snprintf(path, sizeof path, "%s/limit.npz", files_directory("awkward-limits"));
    ck_assert_msg(efla_awkward_write(find("limit"), &wish, path, &why) == EFLA_OK, "%s", why.text);
    double *k = numbers(path, "k", &n), *beta = numbers(path, "beta", &n);
    for (size_t i = 0; i < n * 32; i += 32) {
      double lambda = 0;
      for (size_t j = i; j < i + 32; j++) lambda += k[j] * k[j];
      most = fmax(most, beta[i / 32] * lambda);
    }
    const double limit = fmin(wish.method->stable, 30);
    ck_assert_msg(most < limit && most > .97 * limit, "%s: %g", methods[m], most);
    free(k), free(beta);
  }
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
  const TTest *const tests[] = {
      same_numbers_in_every_format, whole_files, what_they_are_about, as_wished, unsuitable, limits_of_methods, names};
  return testing_main("awkward", tests, sizeof tests / sizeof *tests, 120);
}

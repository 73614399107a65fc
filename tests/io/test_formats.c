/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Formats of tensor files that are written: what is written is read back, of every type, in boxes of any order, with
 * its attributes; and failures to write are noticed. */
#include "files.h"
#include "h5.h"
#include "io/container.h"
#include "testing.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const endings[] = {".h5", ".npz", ".safetensors"};
static const char *const types[] = {"f8", "f4", "f2", "V2", "i4"};
enum { ENDINGS = sizeof endings / sizeof *endings, TYPES = sizeof types / sizeof *types, A = 3, B = 4, C = 5 };

static char path[300];

static const efla_container_kind *fresh(const char *ending) {
  static const char *directory;
  const efla_container_kind *kind;
  efla_message why = {{0}};
  if (!directory) directory = files_directory("formats");
  snprintf(path, sizeof path, "%s/file%s", directory, ending);
  ck_assert_int_eq(efla_container_named(path, &kind, &why), EFLA_OK);
  return kind;
}

/* Numbers of every type: fractions where it is a float, and among them the least of fp16. */
static double number_at(size_t type, size_t i) {
  if (i == 0) return 0;
  if (!strcmp(types[type], "i4")) return (double)i - 30;
  if (i == 1 && !strcmp(types[type], "f2")) return -0x1p-24;
  return ((double)i - 30) / 16;
}

/* Every array a second time with its first row stored alone, and last. */
static void write_all(const efla_container_kind *kind) {
  static const char *const names[2][TYPES] = {{"a", "b", "c", "d", "e"}, {"q", "k", "v", "o", "g"}};
  efla_container *file;
  efla_dataset *made[2][TYPES];
  efla_message why = {{0}};
  ck_assert_msg(kind->create(&file, path, &why) == EFLA_OK, "%s", why.text);
  for (size_t n = 0; n < 2; n++)
    for (size_t t = 0; t < TYPES; t++)
      ck_assert_int_eq(file->kind->declare(file, names[n][t], efla_element_of_numpy(types[t]), 3,
                                           (const size_t[]){A, B, C}, &made[n][t], &why),
                       EFLA_OK);
  for (size_t t = 0; t < TYPES; t++) {
    double values[A * B * C];
    for (size_t i = 0; i < A * B * C; i++) values[i] = number_at(t, i);
    const efla_box all = {3, A * B * C, {0}, {A, B, C}}, rest = {3, A * (B - 1) * C, {0, 1, 0}, {A, B - 1, C}};
    ck_assert_int_eq(file->kind->store(made[0][t], &all, values, &why), EFLA_OK);
    double some[A * B * C];
    for (size_t a = 0; a < A; a++) memcpy(some + a * (B - 1) * C, values + (a * B + 1) * C, (B - 1) * C * sizeof *some);
    ck_assert_int_eq(file->kind->store(made[1][t], &rest, some, &why), EFLA_OK);
    for (size_t a = 0; a < A; a++) memcpy(some + a * C, values + a * B * C, C * sizeof *some);
    ck_assert_int_eq(file->kind->store(made[1][t], &(efla_box){3, A * C, {0}, {A, 1, C}}, some, &why), EFLA_OK);
  }
  ck_assert_int_eq(file->kind->write_number(file, "scale", -0.1, &why), EFLA_OK);
  ck_assert_int_eq(file->kind->write_text(file, "layout", "BHTD", &why), EFLA_OK);
  ck_assert_int_eq(file->kind->write_text(file, "empty", "", &why), EFLA_OK);
  ck_assert_int_eq(file->kind->write_text(file, "note", "\"caf\xc3\xa9\"\\/", &why), EFLA_OK);
  for (size_t n = 0; n < 2; n++)
    for (size_t t = 0; t < TYPES; t++) ck_assert(file->kind->release(made[n][t]));
  ck_assert_msg(file->kind->close(file, true, &why) == EFLA_OK, "%s", why.text);
}

static void check_array(efla_container *file, const char *name, size_t type, const char *what) {
  efla_dataset *found;
  efla_message why = {{0}};
  double values[A * B * C];
  ck_assert_msg(file->kind->find(file, name, &found, &why) == EFLA_OK && found, "%s: %s", what, why.text);
  ck_assert(found->rank == 3 && found->size[0] == A && found->size[1] == B && found->size[2] == C);
  const char *format = efla_element_of_numpy(types[type])->format;
  ck_assert_str_eq(found->format.name, format ? format : "an integer");
  ck_assert_int_eq(file->kind->fetch(found, &(efla_box){3, A * B * C, {0}, {A, B, C}}, values, &why), EFLA_OK);
  for (size_t i = 0; i < A * B * C; i++)
    ck_assert_msg(values[i] == number_at(type, i), "%s: %s[%zu] is %g", what, name, i, values[i]);
  file->kind->release(found);
}

START_TEST(what_is_written_is_read) {
  for (size_t e = 0; e < ENDINGS; e++) {
    const efla_container_kind *kind = fresh(endings[e]), *found;
    efla_container *file;
    efla_message why = {{0}};
    double scale = 1;
    char layout[8] = "";
    write_all(kind);
    ck_assert_int_eq(efla_container_recognise(path, &found, &why), EFLA_OK);
    ck_assert_ptr_eq(found, kind);
    ck_assert_msg(kind->open(&file, path, &why) == EFLA_OK, "%s", why.text);
    for (size_t t = 0; t < TYPES; t++) {
      check_array(file, (const char *[]){"a", "b", "c", "d", "e"}[t], t, endings[e]);
      check_array(file, (const char *[]){"q", "k", "v", "o", "g"}[t], t, endings[e]);
    }
    ck_assert(kind->number(file, "scale", &scale, &why) == EFLA_OK && scale == -0.1);
    ck_assert(kind->text(file, "layout", layout, sizeof layout, &why) == EFLA_OK && !strcmp(layout, "BHTD"));
    ck_assert_int_eq(kind->close(file, true, NULL), EFLA_OK);
  }
}
END_TEST

/* The same twice is the same file: no time of writing is in it. */
START_TEST(same_bytes_again) {
  for (size_t e = 1; e < ENDINGS; e++) {
    static unsigned char first[1 << 16], second[1 << 16];
    write_all(fresh(endings[e]));
    FILE *file = fopen(path, "r");
    const size_t n = fread(first, 1, sizeof first, file);
    fclose(file);
    write_all(fresh(endings[e]));
    file = fopen(path, "r");
    ck_assert_uint_eq(fread(second, 1, sizeof second, file), n);
    fclose(file);
    ck_assert_mem_eq(first, second, n);
  }
}
END_TEST

START_TEST(saved_inputs) {
  static float q[2 * 5 * 3 * 4], v[2 * 5 * 3 * 6], beta[2 * 5 * 3];
  for (size_t i = 0; i < 120; i++) q[i] = (float)i - 7;
  for (size_t i = 0; i < 180; i++) v[i] = (float)i / 3;
  for (size_t i = 0; i < 30; i++) beta[i] = (float)i;
  const efla_sequence x = {.batch = 2,
                           .tokens = 5,
                           .heads = 3,
                           .dk = 4,
                           .dv = 6,
                           .q = efla_array_token_major(q, EFLA_F32, 5, 3, 4),
                           .k = efla_array_token_major(q, EFLA_F32, 5, 3, 4),
                           .v = efla_array_token_major(v, EFLA_F32, 5, 3, 6),
                           .beta = efla_array_token_major(beta, EFLA_F32, 5, 3, 1)};
  for (size_t e = 0; e < ENDINGS; e++) {
    efla_tensors file;
    efla_message why = {{0}};
    double values[90];
    fresh(endings[e]);
    ck_assert_msg(efla_tensors_save_whole(path, &x, &why) == EFLA_OK, "%s", why.text);
    ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
    ck_assert_int_eq(efla_tensors_read(&file, EFLA_V, &(efla_tensor_block){1, 0, 3, 0, 5},
                                       efla_array_token_major(values, EFLA_F64, 5, 3, 6), &why),
                     EFLA_OK);
    for (size_t i = 0; i < 90; i++) ck_assert_double_eq(values[i], (double)v[90 + i]);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

START_TEST(names_and_formats) {
  const efla_container_kind *kind;
  efla_message why = {{0}};
  ck_assert(efla_container_named("a.b", &kind, &why) == EFLA_OK && !strcmp(kind->ending, ".h5"));
  ck_assert(efla_container_named("a.npz.part", &kind, &why) == EFLA_OK && !strcmp(kind->ending, ".npz"));
  ck_assert(efla_container_named(".npz", &kind, &why) == EFLA_OK && !strcmp(kind->ending, ".h5"));
  ck_assert_int_eq(efla_container_named("a.npy", &kind, &why), EFLA_OUTPUT);
  ck_assert_msg(strstr(why.text, "a.npy: .npy files are only read"), "%s", why.text);
}
END_TEST

/* A file that may not grow beyond 2000 bytes, as on a full disk. */
START_TEST(no_room) {
  for (size_t e = 1; e < ENDINGS; e++) {
    const efla_container_kind *kind = fresh(endings[e]);
    efla_container *file;
    efla_dataset *made;
    efla_message why = {{0}};
    const struct rlimit none = {2000, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    static double values[1000];
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(kind->create(&file, path, &why), EFLA_OK);
    ck_assert_int_eq(
        file->kind->declare(file, "q", efla_element_of_numpy("f4"), 1, (const size_t[]){1000}, &made, &why), EFLA_OK);
    ck_assert_int_eq(file->kind->store(made, &(efla_box){1, 1000, {0}, {1000}}, values, &why), EFLA_OK);
    file->kind->release(made);
    setrlimit(RLIMIT_FSIZE, &none);
    const efla_status status = file->kind->close(file, true, &why);
    setrlimit(RLIMIT_FSIZE, &all);
    ck_assert_int_eq(status, EFLA_OUTPUT);
    ck_assert_msg(strstr(why.text, path) && strstr(why.text, "cannot write: File too large"), "%s", why.text);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {what_is_written_is_read, same_bytes_again, saved_inputs, names_and_formats, no_room};
  return testing_main("formats", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/compare on files with gradients, and bin/run --gradients, which makes them: reports, refusals, exit status. */
#include "files.h"
#include "gradient_kernel.h"
#include "testing.h"

#include <json.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char path[256], second[256], said[1 << 16], complained[4096];

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(path, sizeof path, "%s/in.h5", directory);
  snprintf(second, sizeof second, "%s/second.h5", directory);
}

static int run(const char *program, const char *arguments) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/%s --input %s %s", program, path, arguments), 0);
  int status = testing_shell(command, said, complained, sizeof complained);
  free(command);
  return status;
}

static void expect_said(const char *text) { ck_assert_msg(strstr(said, text) != NULL, "no '%s' in: %s", text, said); }

static gradient_kernel plain(void) {
  gradient_kernel k = gradient_kernel_usual();
  k.backend = NULL;
  return k;
}

/* Right gradients, and wrong ones while o is right: which, the likely place, status 1. */
START_TEST(report) {
  set_up("compare-gradients");
  gradient_kernel k = plain();
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 0);
  expect_said("\ngradients: dq, dk, dv, dbeta within the tolerance\nverdict: within the tolerance\n");
  ck_assert(!strstr(said, "fault"));
  k.fault = GRADIENT_NO_LAMBDA;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 1);
  expect_said("\ndk out of tolerance: token 0, sequence 0, head 0: dk[0,0,0,");
  expect_said("\nfault of dk: the coefficient is taken as a constant: the term of its derivative by lambda");
  expect_said("\ngradients: dk outside the tolerance; within it: dq, dv, dbeta; o is within it\nverdict: outside");
  k.fault = GRADIENT_LAST_CARRY, k.chunk = 16;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 1);
  expect_said(
      "\nfault of the gradients: what the last chunk, the tokens from 48 on, hands back to those before it is lost");
  k.fault = GRADIENT_HALF_TOKENS;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 1);
  expect_said("\nfault of dk: unknown; it is outside from token 24 on back, of 50 tokens of sequence");
  ck_assert_int_eq(run("compare", "--tolerance rms=1"), 0);
}
END_TEST

static json_object *member(json_object *object, const char *key) {
  json_object *value = NULL;
  ck_assert_msg(json_object_object_get_ex(object, key, &value), "no member %s", key);
  return value;
}

START_TEST(object_and_rows) {
  char arguments[700], table[300];
  set_up("compare-gradients-json");
  snprintf(table, sizeof table, "%s.csv", path);
  snprintf(arguments, sizeof arguments, "--json --out %s", table);
  gradient_kernel k = plain();
  k.fault = GRADIENT_SIGN;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", arguments), 1);
  json_object *all = json_tokener_parse(said), *gradients = member(all, "gradients"), *dv = member(gradients, "dv");
  ck_assert_str_eq(json_object_get_string(member(dv, "verdict")), "outside");
  ck_assert_str_eq(json_object_get_string(member(member(dv, "fault"), "name")), "sign");
  ck_assert_str_eq(json_object_get_string(member(member(gradients, "dk"), "verdict")), "within");
  ck_assert_ptr_null(member(member(gradients, "dk"), "fault"));
  ck_assert_str_eq(json_object_get_string(member(all, "verdict")), "outside");
  json_object_put(all);
  efla_csv csv;
  efla_message why;
  double tokens = 0;
  ck_assert_int_eq(efla_csv_read(&csv, table, &why), EFLA_OK);
  for (size_t r = 0; r < csv.rows; r++) {
    const bool of_dv = !strcmp(efla_csv_text(&csv, r, "of"), "dv");
    if (!of_dv) continue;
    tokens += efla_csv_real(&csv, r, "tokens");
    ck_assert_double_gt(efla_csv_real(&csv, r, "granted"), 1);
  }
  ck_assert_double_eq(tokens, 2 * 50 * 2);
  efla_csv_clear(&csv);
}
END_TEST

/* What run --gradients leaves in a file of its own is right, for every decay and both precisions. */
START_TEST(gradients_of_run) {
  static const char *const runs[] = {"--decay none",   "--decay none --keys unit --method rk4",
                                     "--decay split",  "--decay joint",
                                     "--decay strang", "--decay retention"};
  char arguments[700];
  set_up("compare-gradients-run");
  for (size_t i = 0; i < 2 * sizeof runs / sizeof *runs; i++) {
    gradient_kernel k = gradient_kernel_usual();
    k.decay = i / 2 < 2 ? "none" : runs[i / 2] + strlen("--decay "), k.packed = i / 2 == 3;
    k.initial = k.final = i / 2 % 2 == 0;
    gradient_kernel_write(&k, path);
    snprintf(arguments, sizeof arguments, "--output %s --gradients --precision %s %s", second, i % 2 ? "f32" : "f64",
             runs[i / 2]);
    ck_assert_msg(run("run", arguments) == 0, "%s: %s", arguments, complained);
    snprintf(arguments, sizeof arguments, "--outputs %s %s", second, runs[i / 2]);
    ck_assert_msg(run("compare", arguments) == 0, "%s: %s%s", arguments, said, complained);
    ck_assert(strstr(said, "\ngradients: dq, dk, dv, dbeta") && !k.initial == !strstr(said, "dinitial_state"));
  }
  snprintf(arguments, sizeof arguments, "--output %s --gradients --precision bf16", second);
  ck_assert(run("run", arguments) == 2 && strstr(complained, "--gradients: precision bf16, expected f64 or f32"));
}
END_TEST

/* A file that claims sizes and takes no room on the disk. */
static void claim(hsize_t B, hsize_t T, hsize_t H, hsize_t D) {
  static const char *const names[] = {"q", "k", "v", "do", "beta"};
  hid_t file = h5_create(path);
  for (size_t i = 0; i < 5; i++) h5_room(file, names[i], H5T_IEEE_F32LE, i < 4 ? 4 : 3, (hsize_t[]){B, T, H, D}, NULL);
  h5_close(file);
}

/* The room that gradients need on the disk, and in memory, is looked for beforehand. */
START_TEST(room_for_gradients) {
  enum { T = 1024, H = 4, D = 64 };
  char arguments[700], takes[500];
  struct statvfs disk;
  set_up("compare-gradients-room");
  ck_assert_int_eq(statvfs(files_directory("compare-gradients-disk"), &disk), 0);
  const double entry = sizeof(float) * (T * H * (4. * D + 1) + H * D * D),
               free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
  const size_t B =
      (size_t)(free_bytes / (sizeof(float) * T * H * D)) + 1000; /* more than o alone would be refused for */
  if (free_bytes > 2e12) {
    testing_skip("room_for_gradients", "no file system holds files of four times what is free here");
    return;
  }
  claim(B, T, H, D);
  snprintf(arguments, sizeof arguments, "--output %s --gradients --precision f32", second);
  ck_assert_int_eq(run("run", arguments), 3);
  snprintf(takes, sizeof takes, "%s: takes %.0f bytes, expected at most", second, (double)B * entry);
  ck_assert_msg(strstr(complained, takes), "no '%s' in %s", takes, complained);
  const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE),
               row = H * (7. * D + 2) * sizeof(float) + H * D * sizeof(double);
  const size_t tokens = (size_t)(memory / row) + 1;
  claim(1, tokens, H, D);
  ck_assert_int_eq(run("run", arguments), 3);
  snprintf(takes, sizeof takes, "the gradients of a batch entry take %.0f bytes of memory, expected at most the %.0f",
           (double)tokens * row, memory);
  ck_assert_msg(strstr(complained, takes), "no '%s' in %s", takes, complained);
  ck_assert(access(second, F_OK) != 0);
}
END_TEST

/* Gradients of heads that share q and k, and the refusal where those differ. */
START_TEST(shared_heads) {
  set_up("compare-gradients-shared");
  gradient_kernel k = plain();
  k.sizes.heads = 6, k.shared = 3;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 0);
  k.fault = GRADIENT_NO_LAMBDA;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 1);
  expect_said("\nfault of dk: the coefficient is taken as a constant");
  k.fault = GRADIENT_RIGHT, k.shared = 0;
  gradient_kernel_write(&k, path);
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  const size_t n = k.sizes.batch * k.sizes.tokens * 3 * k.sizes.dk;
  double *rows = calloc(n, sizeof *rows);
  H5Ldelete(file, "dk", H5P_DEFAULT);
  H5_PUT(file, "dk", H5T_IEEE_F32LE, rows, k.sizes.batch, k.sizes.tokens, 3, k.sizes.dk);
  h5_close(file);
  free(rows);
  ck_assert_int_eq(run("compare", ""), 3);
  ck_assert_msg(strstr(complained, ": dk: shared by 2 heads, but k of heads 0 and 1 differ: expected the same"), "%s",
                complained);
}
END_TEST

static void replace(const char *name, hsize_t width) {
  gradient_kernel k = gradient_kernel_usual();
  const hsize_t size[] = {k.sizes.batch, k.sizes.tokens, k.sizes.heads, width};
  double *rows = calloc(size[0] * size[1] * size[2] * width, sizeof *rows);
  k.backend = NULL;
  gradient_kernel_write(&k, path);
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  if (H5Lexists(file, name, H5P_DEFAULT) > 0) H5Ldelete(file, name, H5P_DEFAULT);
  h5_put(file, name, H5T_IEEE_F32LE, 4, size, rows);
  h5_close(file);
  free(rows);
}

START_TEST(refusals) {
  set_up("compare-gradients-refusals");
  gradient_kernel k = plain();
  k.no_o_gradient = true;
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", ""), 3);
  ck_assert_msg(strstr(complained, ": do: no such dataset, expected the derivative of the loss by o, to judge dq by"),
                "%s", complained);
  char arguments[300];
  snprintf(arguments, sizeof arguments, "--output %s --gradients", second);
  ck_assert(run("run", arguments) == 3 && strstr(complained, ": do: no such dataset"));
  static const struct {
    const char *name, *word;
    hsize_t width;
  } wrong[] = {{"dk", ": dk: shape (2,50,2,8), expected (2,50,2,9) to go with q of shape (2,50,2,9)", 8},
               {"do", ": do: shape (2,50,2,9), expected (2,50,2,7)", 9},
               {"dbeta", ": dbeta: shape (2,50,2,2), expected (2,50,2)", 2},
               {"dg", ": dg: ", 3},
               {"dp", ": dp: there is one, but no p in ", 9}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    replace(wrong[i].name, wrong[i].width);
    ck_assert_int_eq(run("compare", ""), 3);
    ck_assert_msg(strstr(complained, wrong[i].word), "%s: %s", wrong[i].name, complained);
  }
  replace("dbeta", 1); /* zeros, in a shape that is allowed */
  ck_assert_int_eq(run("compare", ""), 1);
  expect_said("\nfault of dbeta: it is zero throughout\n");
  k = gradient_kernel_usual(), k.decay = "split";
  gradient_kernel_write(&k, path);
  ck_assert_int_eq(run("compare", "--decay none"), 3);
  ck_assert_msg(strstr(complained, ": dg: there is one, but decay none takes no g"), "%s", complained);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {report, object_and_rows, gradients_of_run, room_for_gradients, shared_heads, refusals};
  return testing_main("compare_gradients", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options and files that bin/smnist refuses. */
#include "files.h"
#include "smnist.h"
#include "testing.h"

#include <stdarg.h>
#include <unistd.h>

static void check_refused(int status, const char *word, const char *options, ...) __attribute__((format(printf, 3, 4)));
static void check_refused(int status, const char *word, const char *options, ...) {
  char *text;
  va_list values;
  va_start(values, options);
  ck_assert_int_ge(vasprintf(&text, options, values), 0);
  va_end(values);
  int found = smnist_run(SMNIST_SMALL "%s --out %s/table", text, smnist_work);
  ck_assert_msg(found == status, "%s: status %d, %s", text, found, smnist_err);
  ck_assert_msg(strstr(smnist_err, word) != NULL, "%s: '%s' does not say '%s'", text, smnist_err, word);
  ck_assert_str_eq(smnist_out, "");
  snprintf(smnist_out, sizeof smnist_out, "%s/table", smnist_work);
  ck_assert_msg(access(smnist_out, F_OK) != 0, "%s: a table", text);
  smnist_check_no_parts(smnist_work, 1);
  free(text);
}

START_TEST(wrong_options) {
  smnist_work = files_directory("smnist-usage");
  static const struct {
    const char *options, *word;
  } wrong[] = {{"--width 17", "--width: 17, expected a multiple of 16"},
               {"--width 8", "'8'"},
               {"--shard 3/2", "--shard: '3/2', expected I/N"},
               {"--shard 0/2", "--shard: '0/2'"},
               {"--shard 1/-1", "--shard: '1/-1'"},
               {"--shard 1/2x", "--shard: '1/2x'"},
               {"--shard x", "--shard: 'x'"},
               {"--shard 1", "--shard: '1'"},
               {"--shard ''", "--shard: ''"},
               {"--shard 1/2", "--shard: expected --configs"},
               {"--finished", "--finished: expected --configs"},
               {"--lr 0", "'0'"},
               {"--lr 1e-3,nan", "--lr: 'nan'"},
               {"--seeds 1.5", "--seeds: '1.5' is not a whole number"},
               {"--method nonsense", "'nonsense'"},
               {"--keys exact", "'exact'"},
               {"--readout aloud", "'aloud'"},
               {"--batch 0", "'0'"},
               {"--epochs 0", "'0'"},
               {"--eval-images 0", "'0'"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) check_refused(2, wrong[i].word, "%s", wrong[i].options);
}
END_TEST

/* Files and directories that are not what they should be: status 3, and which one it is. */
START_TEST(wrong_files) {
  smnist_work = files_directory("smnist-files");
  char config[400], bytes[3000];
  snprintf(config, sizeof config, "%s/configs/exact-raw-0.003-42.h5", smnist_work);
  snprintf(bytes, sizeof bytes, "mkdir %s/configs; touch %s/file", smnist_work, smnist_work);
  ck_assert_int_eq(system(bytes), 0);
  check_refused(3, "file: is a file, expected a directory", "--configs %s/file", smnist_work);
  check_refused(3, "file: is a file, expected a directory", "--tensors %s/file", smnist_work);
  check_refused(3, "no/configs: cannot read the directory", "--finished --configs %s/no/configs", smnist_work);
  check_refused(3, "no/such: cannot make the directory", "--tensors %s/no/such", smnist_work);
  check_refused(3, "no/losses", "--losses %s/no/losses", smnist_work);
  check_refused(3, "no/steps", "--steps %s/no/steps", smnist_work);
  check_refused(3, "table: is the same file as", "--losses %s/table", smnist_work);
  check_refused(3, "other: is the same file as", "--losses %s/other --steps %s/other", smnist_work, smnist_work);
  check_refused(3, "no/such/directory", "--mnist no/such/directory");

  ck_assert_int_eq(smnist_run(SMNIST_SMALL "--configs %s/configs --out /dev/null", smnist_work), 0);
  check_refused(3, config, "--batch 20 --configs %s/configs", smnist_work);
  ck_assert_ptr_nonnull(strstr(smnist_err, "of another training: "));
  check_refused(3, config, "--train-images 39 --configs %s/configs", smnist_work);
  check_refused(3, config, "--width 32 --configs %s/configs", smnist_work);
  check_refused(3, config, "--seed 2 --finished --configs %s/configs", smnist_work); /* other digits */
  FILE *file = fopen(config, "r");
  ck_assert(file && fread(bytes, 1, sizeof bytes, file) == sizeof bytes);
  fclose(file);
  files_write(config, bytes, sizeof bytes); /* cut off */
  check_refused(3, config, "--configs %s/configs", smnist_work);
  files_write(config, "no checkpoint", 13);
  check_refused(3, config, "--configs %s/configs", smnist_work);
  files_write(config, "", 0);
  check_refused(3, config, "--finished --configs %s/configs", smnist_work);
}
END_TEST

int main(void) {
  unsetenv("EFLA_MNIST");
  const TTest *const tests[] = {wrong_options, wrong_files};
  return testing_main("smnist refusals", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hostile files: every file of tests/corpus/READER, and a tensor file with every kind of damage, read to the end
 * without a crash, without hanging and without more than 1 GB of memory.  What a reader says of them is for its own
 * tests. */
#include "files.h"
#include "h5.h"
#include "readers.h"
#include "testing.h"

#include <dirent.h>
#include <gsl/gsl_rng.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 1 << 20, SECONDS = 120, MEMORY = 1000000000 };

static unsigned char bytes[ROOM];

static size_t load(const char *path) {
  FILE *file = fopen(path, "r");
  ck_assert_msg(file != NULL, "cannot read %s", path);
  size_t n = fread(bytes, 1, ROOM, file);
  fclose(file);
  return n;
}

/* In a process of its own, whose exit status is checked; its output is shown only on failure. */
static void check_reader(const reader *r, size_t n, const char *what, size_t at) {
  char words[512] = "";
  FILE *said = tmpfile();
  ck_assert_ptr_nonnull(said);
  fflush(NULL);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    testing_limit_memory(MEMORY);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) dup2(fileno(said), i);
    signal(SIGALRM, SIG_DFL); /* not Check's, which kills the test as well */
    alarm(SECONDS);
    r->read(bytes, n);
    exit(0);
  }
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_ge(pread(fileno(said), words, sizeof words - 1, 0), 0);
  fclose(said);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s of %s %zu ends with %s: %s", r->name, what, at,
                WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an error", words);
}

START_TEST(corpus) {
  for (const reader *r = readers; r->name; r++) {
    char directory[64], path[512];
    struct dirent **entries;
    snprintf(directory, sizeof directory, "tests/corpus/%s", r->name);
    int n = scandir(directory, &entries, NULL, alphasort), files = 0;
    ck_assert_msg(n > 0, "%s is missing", directory);
    for (int i = 0; i < n; i++) {
      snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
      if (*entries[i]->d_name != '.') check_reader(r, load(path), path, 0), files++;
      free(entries[i]);
    }
    free(entries);
    ck_assert_msg(files >= 10, "%s: only %d files", directory, files);
  }
}
END_TEST

static const reader *find(const char *name) {
  const reader *r = readers;
  while (strcmp(r->name, name) != 0) r++;
  return r;
}

/* One file of tensors, small and of several parts: chunked, with states and attributes. */
static size_t tensor_file(void) {
  char path[256];
  const h5_sizes sizes = {.batch = 1, .tokens = 3, .heads = 2, .dk = 2, .dv = 2};
  snprintf(path, sizeof path, "%s/whole.h5", files_directory("corpus"));
  hid_t file = h5_create(path);
  h5_inputs(file, &sizes, 1);
  h5_number(file, "scale", 0.5);
  h5_text(file, "layout", "BTHD");
  h5_close(file);
  return load(path);
}

START_TEST(tensor_files_cut_anywhere) {
  const reader *tensors = find("tensors");
  size_t n = tensor_file();
  for (size_t cut = 0; cut < n; cut += cut < 128 ? 8 : n / 50) check_reader(tensors, cut, "a file cut to", cut);
}
END_TEST

/* Bits of metadata, most of them; HDF5 itself does not survive all. */
START_TEST(tensor_files_with_flipped_bits) {
  const reader *tensors = find("tensors");
  size_t n = tensor_file();
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int trial = 0; trial < 300; trial++) {
    size_t at = gsl_rng_uniform_int(draw, n), bit = gsl_rng_uniform_int(draw, 9);
    unsigned char keep = bytes[at];
    bytes[at] ^= (unsigned char)(bit < 8 ? 1 << bit : 0xff);
    check_reader(tensors, n, "a file with a flip in byte", at);
    bytes[at] = keep;
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {corpus, tensor_files_cut_anywhere, tensor_files_with_flipped_bits};
  return testing_main("corpus", tests, sizeof tests / sizeof *tests, 300);
}

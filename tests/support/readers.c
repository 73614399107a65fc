/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "readers.h"

#include "laboratory.h"
#include "io/container.h"
#include "structure.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void readers_expect(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken word: %s\n", what);
  abort();
}

static char path_of_bytes[] = TEST_WORK "/bytes.XXXXXX";
static void remove_bytes(void) { remove(path_of_bytes); }

static int file_of_bytes = -1;

const char *readers_path(void) {
  if (file_of_bytes < 0) {
    file_of_bytes = mkstemp(path_of_bytes);
    atexit(remove_bytes);
  }
  return path_of_bytes;
}

/* The path of a file with these bytes, for this process; valid until the next call. */
static const char *file_of(const uint8_t *bytes, size_t n) {
  const char *path = readers_path();
  int file = file_of_bytes;
  readers_expect(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, bytes, n, 0) == (ssize_t)n,
                 "a file with the bytes");
  return path;
}

void readers_expect_refusal(efla_status status, const efla_message *why, const char *path) {
  readers_expect(status == EFLA_INPUT || status == EFLA_NO_MEMORY, "a refusal is EFLA_INPUT or EFLA_NO_MEMORY");
  readers_expect(status == EFLA_NO_MEMORY || strstr(why->text, path), "a refusal names the file");
}

static bool read_idx(const uint8_t *bytes, size_t n) {
  const char *path = file_of(bytes, n);
  bool accepted = false;
  for (size_t dimensions = 1; dimensions <= EFLA_IDX_DIMENSIONS; dimensions++) {
    efla_idx idx;
    efla_message why = {{0}};
    efla_status status = efla_idx_read(&idx, path, dimensions, &why);
    size_t length = 1;
    volatile unsigned char last = 0; /* that the bytes are there */
    for (size_t i = 0; i < dimensions; i++) length *= idx.size[i];
    for (size_t i = 0; i < length && status == EFLA_OK; i++) last = idx.data[i];
    (void)last;
    if (status != EFLA_OK) {
      readers_expect_refusal(status, &why, path);
      readers_expect(!idx.data && !idx.dimensions, "nothing is kept of an IDX file that was refused");
    }
    accepted |= status == EFLA_OK;
    efla_idx_clear(&idx);
  }
  return accepted;
}

/* The limit is about a hundred times what is useful, so that small files go past it. */
static bool read_packed(const uint8_t *bytes, size_t n) {
  enum { MOST = 1 << 18 };
  const char *path = file_of(bytes, n);
  unsigned char *whole;
  size_t length;
  efla_message why = {{0}};
  efla_status status = efla_packed_whole(&whole, &length, MOST, path, &why);
  if (status != EFLA_OK) readers_expect_refusal(status, &why, path);
  readers_expect(length <= MOST && !whole == !length, "a file is within its limit, and an empty one has no bytes");
  readers_expect(status == EFLA_OK || !whole, "nothing is kept of a file that was refused");
  volatile unsigned char last = 0; /* that the bytes are there */
  for (size_t i = 0; i < length; i++) last = whole[i];
  (void)last;
  free(whole);
  return status == EFLA_OK;
}

static bool read_csv(const uint8_t *bytes, size_t n) {
  const char *path = file_of(bytes, n);
  efla_csv csv;
  efla_message why = {{0}};
  efla_status status = efla_csv_read(&csv, path, &why);
  if (status != EFLA_OK) {
    readers_expect_refusal(status, &why, path);
    readers_expect(!csv.block && !csv.cells && !csv.rows, "nothing is kept of a table that was refused");
    return false;
  }
  size_t length = strlen(csv.header);
  for (size_t c = 0; c < csv.columns; c++) {
    length += strlen(csv.names[c]) + 1;
    readers_expect(efla_csv_column(&csv, csv.names[c]) <= c, "a column is found by its name");
  }
  for (size_t e = 0; e < csv.rows * csv.columns; e++) length += strlen(csv.cells[e]) + 1;
  readers_expect(length <= n + 1, "no cell is longer than the file");
  for (size_t r = 0; r < csv.rows && r < 8; r++) (void)efla_csv_real(&csv, r, csv.names[0]);
  efla_csv_clear(&csv);
  return true;
}

static size_t count, row;
static double real;
static const char *text;
static efla_list reals, rows;

static const efla_option options[] = {
    {"count", "N", "100", "7", "count", EFLA_COUNT, &count, 0, 0, NULL},
    {"few", "N", "1", NULL, "count", EFLA_COUNT, &count, 1, 9, NULL},
    {"real", "X", "0.1", NULL, "real", EFLA_REAL, &real, -1, 1, NULL},
    {"text", "TEXT", NULL, NULL, "text", EFLA_TEXT, &text, 0, 0, NULL},
    {"name", "NAME", "exact", NULL, "name", EFLA_NAME, &row, 0, 0, efla_method_name},
    {"reals", "LIST", "1,2.5", "3", "reals", EFLA_REALS, &reals, 0, 0, NULL},
    {"names", "LIST", "all", NULL, "names", EFLA_NAMES, &rows, 0, 0, efla_family_name},
    {.name = NULL},
};

typedef struct one_number {
  double a;
} one_number;
static const efla_column columns[] = {EFLA_COLUMN(one_number, a, "", "a number"), EFLA_COLUMNS_END(one_number)};

/* One word a line; bytes after a zero byte of a word do not reach a program. */
static bool read_options(const uint8_t *bytes, size_t n) {
  enum { WORDS = 256 };
  static const efla_program program = {
      .name = "p", .summary = "s", .description = "d", .options = options, .columns = columns};
  char *words[WORDS + 2] = {"program"}, *copy = strndup((const char *)bytes, n), *rest = copy;
  int argc = 1, code = -1;
  for (char *word; argc <= WORDS && (word = strsep(&rest, "\n"));) words[argc++] = word;
  efla_cli cli;
  bool accepted = efla_cli_read(&cli, &program, argc, words, &code);
  if (accepted) {
    readers_expect(cli.settings && cli.command && !strchr(cli.command, '\n'), "a command line is one line");
    readers_expect(count <= 1ull << 53 && real >= -1 && real <= 1 && efla_method_name(row),
                   "values are within their limits");
    readers_expect(reals.n >= 1 && reals.n <= EFLA_LIST_MAX && rows.n <= EFLA_LIST_MAX, "lists are within theirs");
    for (size_t i = 0; i < rows.n; i++) readers_expect(efla_family_name(rows.row[i]), "names are in their table");
    efla_cli_clear(&cli);
  } else {
    readers_expect(code == EFLA_EXIT_FINE || code == EFLA_EXIT_USAGE, "the end of a program without work is 0 or 2");
    readers_expect(!cli.settings && !cli.command, "nothing is kept of a command line that was refused");
  }
  free(copy);
  return accepted;
}

/* A small file can claim any number of tokens, all of them zero: a few blocks tell. */
static void read_blocks(efla_tensors *file, const char *path) {
  efla_stream stream;
  efla_message why = {{0}};
  const efla_decay *decay = efla_decay_find(file->has[EFLA_ALPHA] ? "retention" : file->has[EFLA_G] ? "split" : "none");
  const efla_walk walk = {.states = 1, .decay = decay, .outputs = file->has[EFLA_O] ? file : NULL};
  efla_status status = efla_stream_init(&stream, file, &walk, &why);
  for (int block = 0; block < 3 && status == EFLA_OK && !stream.done; block++) {
    status = efla_stream_next(&stream, &why);
    if (status != EFLA_OK) readers_expect_refusal(status, &why, path);
    for (size_t h = 0; status == EFLA_OK && !stream.done && h < stream.x.heads; h++) {
      efla_tokens x = efla_stream_tokens(&stream, h);
      for (size_t t = 0; t < x.tokens; t++)
        readers_expect(isfinite(x.beta[t]) && x.beta[t] >= 0, "beta is a number and not negative");
      for (size_t e = 0; x.g && e < x.tokens * (x.g_per_channel ? x.dk : 1); e++)
        readers_expect(isfinite(x.g[e]), "the argument of a decay is a number");
      for (size_t e = 0; x.p && e < x.tokens * x.dk; e++) readers_expect(isfinite(x.p[e]), "p is a number");
    }
  }
  efla_stream_clear(&stream);
}

/* The beginning of what no stream reads: states and derivatives.  A file can claim any number of tokens here too. */
static void read_beside(efla_tensors *file, efla_tensor tensor, const char *path) {
  const bool state = efla_tensor_is_state(tensor);
  const size_t width = state ? file->dk * file->dv : efla_tensors_width(file, tensor);
  const efla_tensor_block block = {.heads = 1, .tokens = file->tokens < 3 ? file->tokens : 3};
  double *numbers = malloc((state ? 1 : block.tokens) * width * sizeof *numbers);
  efla_message why = {{0}};
  if (!numbers) return;
  efla_status status = state
                           ? efla_tensors_read_states(file, tensor, 0, 0, 1, numbers, &why)
                           : efla_tensors_read(file, tensor, &block,
                                               efla_array_head_major(numbers, EFLA_F64, block.tokens, 1, width), &why);
  if (status != EFLA_OK) readers_expect_refusal(status, &why, path);
  if (tensor == EFLA_D_O && status == EFLA_OK)
    for (size_t e = 0; e < block.tokens * width; e++) readers_expect(isfinite(numbers[e]), "do is a number");
  free(numbers);
}

static bool read_tensors(const uint8_t *bytes, size_t n) {
  const char *path = file_of(bytes, n);
  efla_tensors file;
  efla_message why = {{0}};
  efla_status status = efla_tensors_open(&file, path, &why);
  if (status != EFLA_OK) {
    readers_expect_refusal(status, &why, path);
    readers_expect(!file.path && !file.tokens, "nothing is kept of a tensor file that was refused");
    readers_expect(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) <= 0, "nothing of a tensor file stays open");
    return false;
  }
  read_blocks(&file, path);
  for (efla_tensor t = EFLA_INITIAL_STATE; t < EFLA_TENSORS; t++)
    if (file.has[t]) read_beside(&file, t, path);
  readers_expect(efla_tensors_close(&file, &why) == EFLA_OK, "what was only read can be closed");
  readers_expect(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) <= 0, "nothing of a tensor file stays open");
  return true;
}

/* As a lone array, which is called as its file is. */
static bool read_npy(const uint8_t *bytes, size_t n) {
  const char *path = file_of(bytes, n), *slash = strrchr(path, '/');
  const efla_container_kind *kind;
  efla_container *file;
  efla_dataset *found = NULL;
  efla_message why = {{0}};
  efla_status status = efla_container_recognise(path, &kind, &why);
  if (status != EFLA_OK) readers_expect_refusal(status, &why, path);
  if (status != EFLA_OK || kind != &efla_npy_kind) return false;
  readers_expect(kind->open(&file, path, &why) == EFLA_OK, "what begins as an array opens");
  status = kind->find(file, slash ? slash + 1 : path, &found, &why);
  if (status != EFLA_OK) readers_expect_refusal(status, &why, path);
  readers_expect(!found == (status != EFLA_OK), "an array is found by its name");
  if (found && found->rank <= 4) {
    efla_box last = {.rank = found->rank, .n = 1};
    double value;
    bool empty = false;
    for (size_t i = 0; i < last.rank; i++) empty |= found->size[i] == 0;
    for (size_t i = 0; i < last.rank && !empty; i++) last.start[i] = found->size[i] - 1, last.count[i] = 1;
    if (!empty) readers_expect(kind->fetch(found, &last, &value, &why) == EFLA_OK, "the last number is there");
  }
  if (found) kind->release(found);
  kind->close(file, true, NULL);
  return status == EFLA_OK;
}

const reader readers[] = {
    {"idx", 4096, read_idx},
    {"packed", 4096, read_packed},
    {"csv", 4096, read_csv},
    {"options", 1024, read_options},
    {"tensors", 16384, read_tensors},
    {"npz", 4096, read_tensors},
    {"npy", 1024, read_npy},
    {"safetensors", 4096, read_tensors},
    {"structures", STRUCTURE_BYTES, readers_structure},
    {.name = NULL},
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tutorials: every block of commands of docs/tutorials runs as it stands there, all blocks of a page in one shell and
 * one directory that looks like a clone, and prints what the page shows.
 *
 * A block ```sh is run. A block ```text right after it is what it prints on both outputs; "..." stands for any text,
 * on a line of its own for any lines. A line <!-- needs: WORD, WORD --> before a block names what it needs (table
 * below); where that is not there, the block is left out, with its output. */
#include "files.h"
#include "testing.h"

#include <limits.h>
#include <unistd.h>

#define PAGES "docs/tutorials"

static const struct need {
  const char *word, *test, *why; /* test: a command that succeeds where it is there */
} needs[] = {
    {"numpy", "python3 -c 'import numpy'", "there is no NumPy (python3-numpy)"},
    {"torch", "python3 -c 'import torch'", "there is no PyTorch (python3-torch)"},
    {"release", "test " TEST_BUILD " = build/release", "programs link the library of MODE=release"},
    {"gpu", "nvidia-smi && command -v nvcc", "there is no GPU of NVIDIA, or no nvcc"},
    {"clone", "false", "it builds or installs the toolkit, which this test's own make has done"},
};

typedef struct block {
  char *commands, *prints; /* prints NULL: not said */
  const char *lacks;       /* why it is not run; NULL: it is */
  int line;
} block;

enum { BLOCKS = 32, TEXT = 1 << 16 };
static block blocks[BLOCKS];
static size_t count;
static const char *work;
static char said[TEXT];

/* Runs a command in the directory of the page. */
static int shell(const char *command) {
  char line[3 * PATH_MAX], root[PATH_MAX];
  ck_assert_ptr_nonnull(getcwd(root, sizeof root));
  snprintf(line, sizeof line,
           "unset EFLA_MNIST EFLA_CORPUS; W='%s/%s' && cd \"$W\" && PATH=\"$W/.python:$PATH\" && "
           "export EFLA_COMPARE=\"$W/bin/compare\" PYTHONDONTWRITEBYTECODE=1 && %s",
           root, work, command);
  return testing_shell(line, said, NULL, sizeof said);
}

/* What a clone has that tutorials use; python3 is the system's, to which Debian's packages belong. */
static void make_clone(const char *page) {
  char command[PATH_MAX + 600];
  work = files_directory(page);
  snprintf(command, sizeof command,
           "R=$PWD && cd %s && mkdir build .python && ln -s \"$R/%s\" bin && ln -s \"$R/%s\" build/release && "
           "for name in python plots src examples; do ln -s \"$R/$name\" $name; done && "
           "{ ! test -x /usr/bin/python3 || ln -s /usr/bin/python3 .python/python3; }",
           work, TEST_BIN, TEST_BUILD);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
}

/* Why a block with these needs is left out; NULL: it is not. */
static const char *lacking(char *words, const char *page, int line) {
  for (char *word; (word = strsep(&words, ", "));) {
    size_t i = 0;
    if (!*word) continue;
    while (i < sizeof needs / sizeof *needs && strcmp(needs[i].word, word) != 0) i++;
    ck_assert_msg(i < sizeof needs / sizeof *needs, "%s:%d: needs %s, which is no row of this test", page, line, word);
    if (shell(needs[i].test) != 0) return needs[i].why;
  }
  return NULL;
}

/* The lines up to the end of a block, to be freed; *line counts them. */
static char *read_block(FILE *page, int *line) {
  char *text = NULL, row[4096];
  size_t length = 0;
  FILE *lines = open_memstream(&text, &length);
  ck_assert_ptr_nonnull(lines);
  for (; fgets(row, sizeof row, page) && strncmp(row, "```", 3) != 0; (*line)++) fputs(row, lines);
  fclose(lines);
  (*line)++;
  return text;
}

/* Fills blocks with those of a page. */
static void read_page(const char *path) {
  FILE *page = fopen(path, "r");
  char row[4096], words[256] = "";
  bool follows = false; /* a block of commands has just ended */
  ck_assert_msg(page != NULL, "%s: cannot read", path);
  count = 0;
  for (int line = 1; fgets(row, sizeof row, page); line++) {
    if (sscanf(row, "<!-- needs: %255[a-z, ]", words) == 1) continue;
    if (!strcmp(row, "```sh\n")) {
      ck_assert_uint_lt(count, BLOCKS);
      block *b = &blocks[count++];
      *b = (block){.line = line, .lacks = lacking(words, path, line)};
      b->commands = read_block(page, &line);
      follows = true;
    } else if (!strcmp(row, "```text\n")) {
      ck_assert_msg(follows, "%s:%d: follows no commands", path, line);
      blocks[count - 1].prints = read_block(page, &line);
      follows = false;
    } else {
      ck_assert_msg(strncmp(row, "```", 3) != 0, "%s:%d: %s is neither sh nor text", path, line, row);
      follows = false;
    }
    *words = 0;
  }
  fclose(page);
}

/* The commands of all blocks that are run, each with its output in a file out.LINE. */
static void write_script(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/.page", work);
  FILE *script = fopen(path, "w");
  ck_assert_ptr_nonnull(script);
  fputs("set -e\n", script);
  for (size_t i = 0; i < count; i++)
    if (!blocks[i].lacks) fprintf(script, "{\n%s} >.out.%d 2>&1\n", blocks[i].commands, blocks[i].line);
  fclose(script);
}

/* Whether text is pattern, in which "..." stands for anything. */
static bool matches(const char *pattern, const char *text) {
  for (; *pattern; pattern++, text++) {
    if (!strncmp(pattern, "...", 3)) {
      do
        if (matches(pattern + 3, text)) return true;
      while (*text++);
      return false;
    }
    if (*pattern != *text) return false;
  }
  return !*text;
}

static const char *read_output(int line) { /* NULL: its block was not begun */
  static char output[TEXT];
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/.out.%d", work, line);
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  output[fread(output, 1, sizeof output - 1, file)] = 0;
  fclose(file);
  return output;
}

/* One block after the page has run: it ended well, and printed what it should. */
static void check_block(const char *path, const block *b, bool failed) {
  const char *output = read_output(b->line);
  ck_assert_msg(output && !failed, "%s:%d: fails:\n%.3000s\n%.3000s", path, b->line, b->commands, output ? output : "");
  ck_assert_msg(!b->prints || matches(b->prints, output), "%s:%d: prints\n%.3000s\nin place of\n%.3000s", path, b->line,
                output, b->prints);
}

static void check_page(const char *name) {
  char path[PATH_MAX];
  size_t last = BLOCKS; /* the last one that was begun, which failed if any did */
  make_clone(name);
  snprintf(path, sizeof path, PAGES "/%s.md", name);
  read_page(path);
  write_script();
  const int status = shell("sh .page");
  for (size_t i = 0; i < count; i++)
    if (!blocks[i].lacks && read_output(blocks[i].line)) last = i;
  ck_assert_uint_lt(last, BLOCKS);
  for (size_t i = 0; i < count; i++) {
    snprintf(said, sizeof said, "%s:%d", path, blocks[i].line);
    if (blocks[i].lacks)
      testing_skip(said, blocks[i].lacks);
    else
      check_block(path, &blocks[i], status != 0 && i == last);
    free(blocks[i].commands), free(blocks[i].prints);
  }
}

START_TEST(analyst) { check_page("analyst"); }
END_TEST

START_TEST(kernel_author) { check_page("kernel-author"); }
END_TEST

START_TEST(model_builder) { check_page("model-builder"); }
END_TEST

START_TEST(inference_engine) { check_page("inference-engine"); }
END_TEST

/* No page is without a test. */
START_TEST(all_pages) {
  ck_assert_int_eq(testing_shell("ls " PAGES "/*.md | wc -l", said, NULL, sizeof said), 0);
  ck_assert_int_eq(atoi(said), 4);
}
END_TEST

START_TEST(patterns) {
  ck_assert(matches("a\nb\n", "a\nb\n") && !matches("a\nb\n", "a\nb") && !matches("a", "ab"));
  ck_assert(matches("...\nb ...s\n", "x\ny\nb 1.5 s\n") && !matches("...\nb ...s\n", "x\nb 1.5\n"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {analyst, kernel_author, model_builder, inference_engine, all_pages, patterns};
  return testing_main("tutorials", tests, sizeof tests / sizeof *tests, 300);
}

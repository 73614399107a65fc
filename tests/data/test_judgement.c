/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs of sentences and passages: what is read, how much of it, and what is refused. */
#include "files.h"
#include "testing.h"

#include "data/judgement.h"

static const char *directory;

static const char *path_of(const char *file) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  return path;
}

static void put(const char *file, const char *text) {
  unsigned char packed[1000];
  size_t n = strlen(text);
  const unsigned char *raw = (const unsigned char *)text;
  if (strstr(file, ".gz")) n = files_gzip(packed, sizeof packed, raw, n), raw = packed;
  if (strstr(file, ".xz")) n = files_xz(packed, sizeof packed, raw, n), raw = packed;
  files_write(path_of(file), raw, n);
}

#define PARADIGMS "paradigm\tn\tfield\nislands\t1\tsyntax\ngender\t2\tmorphology\nagree\t3\tsyntax\n"
#define PAIRS     "islands\tWho?\tWhom?\nislands\tA.\tB.\nislands\tC.\tD.\nagree\tE.\tF.\ngender\tG.\tH."

static void check_pairs(size_t most, size_t count) {
  efla_pairs p;
  efla_message why;
  ck_assert_msg(efla_pairs_read(&p, directory, most, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_eq(p.count, count);
  ck_assert(p.fields == 2 && !strcmp(p.field[0], "syntax") && !strcmp(p.field[1], "morphology"));
  ck_assert(!strcmp(p.pair[0].good, "Who?") && !strcmp(p.pair[0].bad, "Whom?") && p.pair[0].field == 0);
  ck_assert(!strcmp(p.pair[count - 1].good, "G.") && !strcmp(p.pair[count - 1].bad, "H."));
  ck_assert(p.pair[count - 1].field == 1 && p.pair[count - 2].field == 0);
  efla_pairs_clear(&p);
}

START_TEST(pairs) {
  static const char *const names[] = {"blimp.tsv", "blimp.tsv.gz", "blimp.tsv.xz"};
  for (size_t i = 0; i < 3; i++) {
    directory = files_directory("pairs");
    put(names[i], PAIRS), put("paradigms.tsv.gz", PARADIGMS);
    check_pairs(9, 5), check_pairs(2, 4), check_pairs(1, 3);
  }
}
END_TEST

START_TEST(wrong_pairs) {
  static const struct {
    const char *pairs, *paradigms, *says, *more;
  } wrong[] = {{NULL, PARADIGMS, "no file blimp.tsv, blimp.tsv.gz or blimp.tsv.xz in ", "wrong-pairs"},
               {PAIRS, NULL, "no file paradigms.tsv", "wrong-pairs"},
               {"", PARADIGMS, "blimp.tsv: empty", ""},
               {PAIRS "\nislands\tA.\n", PARADIGMS, "blimp.tsv: line 6: 2 columns", "expected paradigm, good and bad"},
               {"islands\tA.\t\n", PARADIGMS, "blimp.tsv: line 1", "expected paradigm, good and bad"},
               {"islands\tA.\tB.\tC.", PARADIGMS, "blimp.tsv: line 1: 4 columns", ""},
               {"rivers\tA.\tB.", PARADIGMS, "line 1: paradigm 'rivers'", "paradigms.tsv"},
               {PAIRS, "paradigm\tfields\na\tb\n", "paradigms.tsv: line 1", "paradigm and field"},
               {PAIRS, PARADIGMS "x\ty\n", "paradigms.tsv: line 5: 2 columns", "expected 3"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    efla_pairs p, nothing = {0};
    efla_message why;
    directory = files_directory("wrong-pairs");
    if (wrong[i].pairs) put("blimp.tsv", wrong[i].pairs);
    if (wrong[i].paradigms) put("paradigms.tsv", wrong[i].paradigms);
    memset(&p, 0x5a, sizeof p);
    ck_assert_int_eq(efla_pairs_read(&p, directory, 9, &why), EFLA_INPUT);
    ck_assert_msg(strstr(why.text, wrong[i].says) && strstr(why.text, wrong[i].more), "%s", why.text);
    ck_assert(!memcmp(&p, &nothing, sizeof p));
  }
}
END_TEST

START_TEST(too_many_fields) {
  char text[4096] = "paradigm\tfield\n";
  efla_pairs p;
  efla_message why;
  for (int i = 0; i <= EFLA_MOST_FIELDS; i++) sprintf(text + strlen(text), "p%d\tf%d\n", i, i);
  directory = files_directory("fields");
  files_write(path_of("paradigms.tsv"), text, strlen(text));
  ck_assert_int_eq(efla_pairs_read(&p, directory, 9, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, "more than 32 fields"), "%s", why.text);
}
END_TEST

START_TEST(passages) {
  efla_passages p;
  efla_message why;
  directory = files_directory("passages");
  put("p.txt.xz", "He saw Ann\nShe said.\\n\\n\"Go,\\nBob\nand \\\\ so");
  ck_assert_msg(efla_passages_read(&p, path_of("p.txt.xz"), 9, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_eq(p.count, 3);
  ck_assert(p.passage[0].length == 10 && !strcmp(p.passage[0].text + p.passage[0].word, "Ann"));
  ck_assert_str_eq(p.passage[1].text, "She said.\n\n\"Go,\nBob");
  ck_assert(p.passage[1].length == 19 && !strcmp(p.passage[1].text + p.passage[1].word, "Bob"));
  ck_assert_str_eq(p.passage[2].text, "and \\\\ so");
  efla_passages_clear(&p);
  ck_assert_int_eq(efla_passages_read(&p, path_of("p.txt.xz"), 2, &why), EFLA_OK);
  ck_assert_uint_eq(p.count, 2);
  efla_passages_clear(&p);
}
END_TEST

START_TEST(wrong_passages) {
  static const char *const wrong[][2] = {
      {"", "empty"}, {"a b\nword\n", "line 2"}, {"a b\nends \n", "line 2"}, {"a b\n\nc d", "line 2"}};
  efla_passages p, nothing = {0};
  efla_message why;
  directory = files_directory("wrong-passages");
  ck_assert_int_eq(efla_passages_read(&p, path_of("none"), 9, &why), EFLA_INPUT);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    put("p.txt", wrong[i][0]);
    memset(&p, 0x5a, sizeof p);
    ck_assert_int_eq(efla_passages_read(&p, path_of("p.txt"), 9, &why), EFLA_INPUT);
    ck_assert_msg(strstr(why.text, "p.txt: ") && strstr(why.text, wrong[i][1]), "%s", why.text);
    ck_assert(!memcmp(&p, &nothing, sizeof p));
  }
  files_write(path_of("p.txt"), "a b\0c d", 7);
  ck_assert_int_eq(efla_passages_read(&p, path_of("p.txt"), 9, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, "offset 3: byte 0x00"), "%s", why.text);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {pairs, wrong_pairs, too_many_fields, passages, wrong_passages};
  return testing_main("judgement", tests, sizeof tests / sizeof *tests, 30);
}

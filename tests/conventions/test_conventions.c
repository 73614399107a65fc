/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The conventions' own check: each script accepts the sources as they are, and a copy of them, and refuses that copy
 * with one fault planted, naming the file.  Words that a script looks for are written in two parts here. */
#include "files.h"
#include "testing.h"

#include <unistd.h>

static const struct fault {
  const char *script, *plant; /* a shell command in the copy's root */
  const char *says;
} faults[] = {
    {"citations", "echo '/* docs/bounds''.md#no-such-anchor */' >>src/efla/rule.c", "src/efla/rule.c:"},
    {"citations", "echo '/* docs/bounds''.md#no-such-anchor */' >>src/efla/rule.c", "no such anchor"},
    {"citations", "echo 'See docs/find''ings.md.' >>README.md; rm docs/find*.md", "no such page"},
    {"citations", "echo '/* evid''ence E3 */' >>src/base/seed.c", "not in this repository"},
    {"citations", "rm -r README.md paper_notes.md docs src tests/conventions/rooms", "none found"},
    {"rooms", "echo '#include \"app/cli.h\"' >>src/base/seed.c", "src/base/seed.c"},
    {"rooms", "echo '#include \"app/cli.h\"' >>src/base/seed.c", "base includes app, a floor above it"},
    {"rooms", "echo '#include \"base/seed.h\"' >>src/efla/cpu/kernel.inc", "efla includes base, a floor above it"},
    {"rooms", "echo '#include \"io/csv.h\"' >>src/number/format.h; echo '#include \"number/format.h\"' >>src/io/csv.h",
     "in a circle"},
    {"rooms", "mkdir src/cellar; echo '#include \"base/seed.h\"' >src/cellar/wine.h", "room cellar is on no floor"},
    {"rooms", "echo '#include \"cellar/wine.h\"' >>src/base/seed.c", "includes cellar, which is no room"},
    {"rooms", "sed -i '/^## Floors/d' docs/architecture.md", "has no list of floors"},
    {"licences", "sed -i 1d src/base/seed.c", "src/base/seed.c: says no"},
    {"licences", "sed -i 1d src/nn/gelu.inc", "src/nn/gelu.inc: says no"},
    {"licences", "sed -i 1d tests/conventions/rooms; sed -i 1d tests/conventions/rooms",
     "tests/conventions/rooms: says no"},
    {"citations", "echo tests/none''/test_none.c >>docs/bounds.md", "tests/none/test_none.c: no such file"},
    {"licences", "cp src/base/seed.c src/efla/rule.c", "src/efla/rule.c: says no"}, /* the other licence */
    {"licences", "cp src/efla/rule.c src/base/seed.c", "src/base/seed.c: says no"},
    {"licences", "rm LICENSES/MIT.txt", "LICENSES/MIT.txt: missing"},
    {"licences", ": >LICENSES/MIT.txt", "LICENSES/MIT.txt: missing"},
};

/* The few files that the scripts need, in a git repository of their own where there is git; others that pages name are
 * empty. */
static const char *make_copy(void) {
  const char *copy = files_directory("conventions");
  char command[1000], err[4096];
  snprintf(
      command, sizeof command,
      "C=%s && mkdir $C/src $C/tests && cp -R src/app src/base src/efla src/io src/nn src/number $C/src && "
      "cp -R docs LICENSES Makefile README.md paper_notes.md $C && cp -R tests/conventions $C/tests && cd $C && "
      "mkdir experiments plots examples packaging && rm tests/conventions/*.c && "
      "{ ! command -v git || { git init -q . && git add -A; }; } && "
      "grep -hoE '(src|tests|experiments|plots)/[A-Za-z0-9_/]+[.][a-z]+' docs/*.md docs/*/*.md README.md paper_notes.md | sort -u | "
      "while read -r f; do [ -e $f ] || { mkdir -p ${f%%/*} && : >$f; }; done",
      copy);
  ck_assert_msg(testing_shell(command, NULL, err, sizeof err) == 0, "%s", err);
  return copy;
}

/* Exit status of a script after a command, both in a copy of the copy; err: what it says. */
static int run(const char *copy, const char *script, const char *plant, char *err, size_t size) {
  char command[1000];
  snprintf(command, sizeof command,
           "rm -rf %s-fault && cp -R %s %s-fault && cd %s-fault && { %s\n} && tests/conventions/%s", copy, copy, copy,
           copy, plant, script);
  return testing_shell(command, NULL, err, size);
}

START_TEST(faults_are_refused) {
  char err[1 << 14];
  const char *copy = make_copy(), *before = "";
  bool git = testing_shell("command -v git", NULL, NULL, 0) == 0;
  if (!git) testing_skip("faults_are_refused, licences", "there is no git");
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    const struct fault *f = &faults[i];
    if (!strcmp(f->script, "licences") && !git) continue;
    int whole = strcmp(before, f->script) ? run(copy, f->script, ":", err, sizeof err) : 0;
    ck_assert_msg(whole == 0, "%s of a whole copy: %d, %s", f->script, whole, err);
    int status = run(copy, f->script, f->plant, err, sizeof err);
    ck_assert_msg(status == 1 && strstr(err, f->says), "%s after %s: %d, %s; expected \"%s\"", f->script, f->plant,
                  status, err, f->says);
    before = f->script;
  }
}
END_TEST

START_TEST(the_sources_are_accepted) {
  static const char *const scripts[] = {"citations", "rooms", "licences"};
  for (size_t i = 0; i < 3; i++) {
    char command[100], err[1 << 14];
    snprintf(command, sizeof command, "tests/conventions/%s", scripts[i]);
    int status = testing_shell(command, NULL, err, sizeof err);
    ck_assert_msg(status == 0 || (status == 2 && i == 2 && strstr(err, "not a git checkout")), "%s: %d, %s", scripts[i],
                  status, err);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {faults_are_refused, the_sources_are_accepted};
  return testing_main("conventions", tests, sizeof tests / sizeof *tests, 300);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output files are complete or absent, whatever their path and however the program ends. */
#include "files.h"
#include "testing.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256], part[910];

static const char *set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(path, sizeof path, "%s/file", directory);
  snprintf(part, sizeof part, "%s.part", path);
  return directory;
}

static off_t size_of(const char *name) {
  struct stat file;
  return lstat(name, &file) == 0 ? file.st_size : -1;
}

static efla_output begin(const char *name) {
  efla_output output;
  efla_message why = {{0}};
  ck_assert_msg(efla_output_begin(&output, name, &why) == EFLA_OK, "%s", why.text);
  return output;
}

START_TEST(finished_and_abandoned) {
  set_up("output-plain");
  for (int older = 0; older < 2; older++) {
    efla_output output = begin(path);
    ck_assert_str_eq(efla_output_name(&output), output.part);
    files_write(efla_output_name(&output), "newer!", 6);
    ck_assert_int_eq(size_of(path), older ? 6 : -1);
    efla_output_abandon(&output);
    ck_assert(size_of(part) < 0 && !output.path);
    output = begin(path);
    files_write(efla_output_name(&output), "newer!", 6);
    ck_assert_int_eq(efla_output_finish(&output, NULL), EFLA_OK);
    ck_assert(size_of(path) == 6 && size_of(part) < 0 && !output.path);
    efla_output_abandon(&output); /* of nothing */
    ck_assert_int_eq(size_of(path), 6);
  }
}
END_TEST

/* What was written is gone, or the place was taken meanwhile: a failure, and the older file stays. */
START_TEST(what_cannot_be_finished) {
  efla_message why = {{0}};
  set_up("output-lost");
  files_write(path, "older", 5);
  efla_output output = begin(path);
  ck_assert_int_eq(unlink(part), 0);
  ck_assert_int_eq(efla_output_finish(&output, &why), EFLA_OUTPUT);
  ck_assert_msg(!strncmp(why.text, path, strlen(path)) && strstr(why.text, "another program took"), "%s", why.text);
  ck_assert_int_eq(size_of(path), 5);
  output = begin(path);
  files_write(part, "newer!", 6);
  ck_assert(unlink(path) == 0 && mkdir(path, 0777) == 0);
  ck_assert_int_eq(efla_output_finish(&output, &why), EFLA_OUTPUT);
  ck_assert(size_of(part) < 0 && rmdir(path) == 0);
}
END_TEST

/* A link stays a link, and its file is replaced; a link to nothing is made good. */
START_TEST(links_are_followed) {
  const char *directory = set_up("output-link");
  char link[300];
  struct stat status;
  snprintf(link, sizeof link, "%s/link", directory);
  ck_assert_int_eq(symlink("file", link), 0);
  files_write(path, "older", 5);
  efla_output output = begin(link);
  files_write(efla_output_name(&output), "newer!", 6);
  ck_assert_int_eq(size_of(part), 6);
  ck_assert_int_eq(efla_output_finish(&output, NULL), EFLA_OK);
  ck_assert(lstat(link, &status) == 0 && S_ISLNK(status.st_mode) && size_of(path) == 6);
}
END_TEST

START_TEST(places_that_are_none) {
  static const char *const places[] = {"", TEST_WORK};
  for (size_t i = 0; i < 2; i++) {
    efla_output output;
    efla_message why = {{0}};
    memset(&output, 0x5a, sizeof output);
    ck_assert_int_eq(efla_output_begin(&output, places[i], &why), EFLA_OUTPUT);
    ck_assert_msg(strstr(why.text, *places[i] ? "is a directory" : "empty name"), "%s", why.text);
    ck_assert(!output.path && !output.part);
  }
  efla_output output = begin("/dev/null"); /* written to, never replaced */
  ck_assert(!output.part && !strcmp(efla_output_name(&output), "/dev/null"));
  ck_assert_int_eq(efla_output_finish(&output, NULL), EFLA_OK);
}
END_TEST

/* The input by its own name, by a link, by another name, and as what is written meanwhile; another file is spared. */
START_TEST(inputs_are_spared) {
  const char *directory = set_up("output-input");
  efla_message why;
  char other[300], unfinished[310];
  snprintf(other, sizeof other, "%s/other", directory);
  snprintf(unfinished, sizeof unfinished, "%s.part", other);
  files_write(path, "input", 5);
  ck_assert_int_eq(efla_output_spares(path, path, &why), EFLA_OUTPUT);
  ck_assert_int_eq(efla_output_spares(other, path, &why), EFLA_OK);
  ck_assert_int_eq(symlink("file", other), 0);
  ck_assert_int_eq(efla_output_spares(other, path, &why), EFLA_OUTPUT);
  ck_assert(unlink(other) == 0 && link(path, other) == 0);
  ck_assert_int_eq(efla_output_spares(other, path, &why), EFLA_OUTPUT);
  ck_assert(unlink(other) == 0);
  ck_assert_int_eq(link(path, unfinished), 0);
  ck_assert_int_eq(efla_output_spares(other, path, &why), EFLA_OUTPUT);
  ck_assert_int_eq(efla_output_spares(other, "no/such/file", &why), EFLA_OK); /* its reader will say so */
}
END_TEST

/* Two outputs of a run: by one name, by another way there, by a link, one what the other is written as; and those that
 * are apart. */
START_TEST(outputs_are_apart) {
  const char *directory = set_up("output-apart");
  efla_message why;
  char around[300], link[300], other[300];
  snprintf(around, sizeof around, "%s/../output-apart/file", directory);
  snprintf(link, sizeof link, "%s/link", directory);
  snprintf(other, sizeof other, "%s/other", directory);
  for (int exists = 0; exists < 2; exists++) {
    if (exists) files_write(path, "old", 3);
    ck_assert_int_eq(efla_output_apart(path, path, &why), EFLA_OUTPUT);
    ck_assert_int_eq(efla_output_apart(around, path, &why), EFLA_OUTPUT);
    ck_assert_msg(strstr(why.text, around) && strstr(why.text, "is the same file as"), "%s", why.text);
    ck_assert_int_eq(efla_output_apart(part, around, &why), EFLA_OUTPUT);
    ck_assert_int_eq(efla_output_apart(path, part, &why), EFLA_OUTPUT);
    ck_assert_msg(strstr(why.text, part) && strstr(why.text, "is written as"), "%s", why.text);
    ck_assert_int_eq(efla_output_apart(path, other, &why), EFLA_OK);
  }
  ck_assert_int_eq(symlink("file", link), 0);
  ck_assert_int_eq(efla_output_apart(path, link, &why), EFLA_OUTPUT);
  ck_assert_int_eq(efla_output_apart(link, part, &why), EFLA_OUTPUT);
  ck_assert_int_eq(efla_output_apart("/dev/null", "/dev/null", &why), EFLA_OK);
  ck_assert_int_eq(efla_output_apart("no/such/file", "no/such/file", &why), EFLA_OK); /* who opens it will say so */
}
END_TEST

/* Every unfinished file goes, those that were finished or given up before stay as they are. */
START_TEST(signals_remove_all_that_is_unfinished) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  const char *directory = set_up("output-signals");
  for (size_t i = 0; i < 3; i++) {
    char names[3][300];
    for (int f = 0; f < 3; f++) snprintf(names[f], sizeof names[f], "%s/%d-%zu", directory, f, i);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
      efla_output outputs[3];
      signal(signals[i], SIG_DFL);
      for (int f = 0; f < 3; f++) {
        outputs[f] = begin(names[f]);
        files_write(efla_output_name(&outputs[f]), "newer!", 6);
      }
      efla_output_finish(&outputs[1], NULL);
      raise(signals[i]);
      _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
    for (int f = 0; f < 3; f++) {
      ck_assert_int_eq(size_of(names[f]), f == 1 ? 6 : -1);
      snprintf(part, sizeof part, "%s/%d-%zu.part", directory, f, i);
      ck_assert_int_eq(size_of(part), -1);
    }
  }
}
END_TEST

/* A signal that is held comes after what was guarded meanwhile, and removes it. */
START_TEST(held_signals) {
  set_up("output-held");
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    signal(SIGTERM, SIG_DFL);
    efla_output_hold();
    raise(SIGTERM);
    files_write(path, "made", 4);
    files_write(part, "kept", 4);
    efla_output_guard(path);
    efla_output_resume();
    _exit(0);
  }
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  ck_assert(size_of(path) == -1 && size_of(part) == 4);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {finished_and_abandoned,
                                what_cannot_be_finished,
                                links_are_followed,
                                places_that_are_none,
                                inputs_are_spared,
                                outputs_are_apart,
                                signals_remove_all_that_is_unfinished,
                                held_signals};
  return testing_main("output_paths", tests, sizeof tests / sizeof *tests, 60);
}

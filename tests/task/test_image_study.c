/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Studies: the list of configs, shares, what counts as finished, and which directories are accepted. */
#include "files.h"
#include "studies.h"
#include "testing.h"

#include <unistd.h>

/* The scores that a run of this study writes, to be freed; *trained: steps that it trained. */
static char *scores_of(efla_image_study *s, size_t *trained) {
  efla_message why;
  studies_page p;
  studies_open(&p, efla_image_scores);
  s->scores = &p.table;
  s->study.steps = 0;
  efla_image_study_list(s);
  ck_assert_msg(efla_study_run(&s->study, &why) == EFLA_OK, "%s", why.text);
  studies_close(&p);
  *trained = s->study.steps;
  return p.text;
}

/* Every combination once, seeds most slowly, and all else as in the study. */
START_TEST(configs) {
  efla_image_study s;
  studies_small(&s, 1);
  s.methods = (efla_list){.n = 3, .row = {4, 0, 8}};
  s.rates = studies_numbers(4, (const double[]){1e-3, 3e-3, 1e-4, 1});
  s.seeds = studies_numbers(3, (const double[]){5, 4294967295., 0});
  s.options.rule.decay = 0.125;
  bool seen[3][2][4][3] = {0};
  efla_image_study_list(&s);
  ck_assert_uint_eq(s.study.configs.count, 72);
  for (size_t i = 0; i < 72; i++) {
    efla_image_options options = efla_image_study_config(&s, i);
    size_t m = 0, k = 0, r = 0;
    while (options.model.method != &efla_methods[s.methods.row[m]]) ck_assert_uint_lt(++m, 3);
    while (options.model.keys != &efla_key_treatments[s.treatments.row[k]]) ck_assert_uint_lt(++k, 2);
    while (options.rule.lr != s.rates.value[r]) ck_assert_uint_lt(++r, 4);
    ck_assert(options.seed == s.seeds.count[i / 24] && !seen[m][k][r][i / 24]);
    seen[m][k][r][i / 24] = true;
    ck_assert(options.batch == STUDIES_BATCH && options.count == STUDIES_IMAGES && options.threads == 1 &&
              options.rule.decay == 0.125);
    ck_assert(options.model.width == 16 && options.model.readout == &efla_readouts[0]);
  }
}
END_TEST

/* The lines of a text that say something of this config, to be freed. */
static char *lines_of(const char *text, const efla_image_options *r) {
  char config[256], *found = NULL;
  size_t length = 0, n = studies_config_text(config, sizeof config, r);
  FILE *file = open_memstream(&found, &length);
  ck_assert_ptr_nonnull(file);
  for (size_t line; *text; text += line) {
    line = strcspn(text, "\n") + 1;
    if (!strncmp(text, config, n)) fwrite(text, 1, line, file);
  }
  fclose(file);
  return found;
}

/* Three shares of eight configs, each config in one of them; then what is finished is all, in order, and nothing is
 * trained. */
START_TEST(shares) {
  studies_begin();
  efla_image_study s;
  studies_small(&s, 1);
  char *share[3], *all, *again;
  size_t trained;
  s.study.directory = files_directory("study-shares");
  s.study.shards = 3;
  for (s.study.shard = 1; s.study.shard <= 3; s.study.shard++) {

    share[s.study.shard - 1] = scores_of(&s, &trained);
    ck_assert_uint_eq(trained, STUDIES_STEPS * (s.study.shard == 3 ? 2 : 3));
  }
  s.study.shard = s.study.shards = 1, s.study.finished = true, all = scores_of(&s, &trained);
  ck_assert_uint_eq(trained, 0);
  const char *at = all;
  for (size_t i = 0; i < 8; i++) {
    const efla_image_options options = efla_image_study_config(&s, i);
    for (size_t j = 0; j < 3; j++) {
      char *lines = lines_of(share[j], &options);
      if (j != i % 3) ck_assert_str_eq(lines, "");
      if (j == i % 3) ck_assert_msg(*lines && !strncmp(at, lines, strlen(lines)), "config %zu", i), at += strlen(lines);
      free(lines);
    }
  }
  ck_assert_str_eq(at, "");
  s.study.finished = false; /* with everything there, that is the same */
  again = scores_of(&s, &trained);
  ck_assert_str_eq(again, all);
  ck_assert_uint_eq(trained, 0);
  for (size_t j = 0; j < 3; j++) free(share[j]);
  free(all), free(again);
  studies_finish();
}
END_TEST

static void check_refused(efla_image_study *s, efla_status status, const char *says) {
  efla_message why = {{0}};
  efla_image_study_list(s);
  ck_assert_int_eq(efla_study_run(&s->study, &why), status);
  ck_assert_msg(strstr(why.text, says) != NULL, "'%s' does not say '%s'", why.text, says);
}

/* Only what is finished: no config that has not begun, and none that is on its way, of which the checkpoint stays as it
 * is. */
START_TEST(unfinished) {
  studies_begin();
  efla_image_study s;
  studies_small(&s, 1);
  size_t trained;
  s.study.directory = files_directory("study-unfinished");
  s.seeds.n = 1, s.treatments.n = 1; /* exact and euler, raw keys, seed 7 */
  char *all = scores_of(&s, &trained), path[300];
  s.study.finished = true;
  s.plan.epochs = 2; /* then they are on their way */
  check_refused(&s, EFLA_INPUT, "holds none of 2 configs finished");
  s.plan.epochs = 1;
  snprintf(path, sizeof path, "%s/exact-raw-0.003-7.h5", s.study.directory);
  ck_assert_int_eq(unlink(path), 0);
  char *one = scores_of(&s, &trained);
  const efla_image_options euler = efla_image_study_config(&s, 1);
  char *expected = lines_of(all, &euler);
  ck_assert_str_eq(one, expected);
  ck_assert(access(path, F_OK) != 0);
  s.study.finished = false; /* trains the one that is not there */
  char *again = scores_of(&s, &trained), *rest = again;
  ck_assert_uint_eq(trained, STUDIES_STEPS);
  for (char *line = all; *line; line += strcspn(line, "\n") + 1) {
    char copy[512] = "";
    size_t length = strcspn(line, "\n");
    while (line[length - 1] != ',') length--; /* but for times */
    memcpy(copy, line, length);
    studies_expect_line(&rest, copy, true);
  }
  ck_assert_str_eq(rest, "");
  free(all), free(one), free(again), free(expected);
  studies_finish();
}
END_TEST

START_TEST(directories) {
  studies_begin();
  efla_image_study s;
  studies_small(&s, 1);
  char path[300], below[400];
  const char *work = files_directory("study-directories");
  snprintf(path, sizeof path, "%s/file", work);
  snprintf(below, sizeof below, "%s/missing/directory", work);
  files_write(path, "", 0);
  s.study.directory = path;
  check_refused(&s, EFLA_INPUT, "directories/file: is a file, expected a directory");
  s.study.directory = below;
  check_refused(&s, EFLA_OUTPUT, "missing/directory: cannot make the directory: No such file");
  s.study.finished = true;
  check_refused(&s, EFLA_INPUT, "missing/directory: cannot read the directory: No such file");
  s.study.finished = false, s.study.directory = NULL, s.tensors = path;
  check_refused(&s, EFLA_INPUT, "directories/file: is a file");
  s.tensors = below;
  check_refused(&s, EFLA_OUTPUT, "missing/directory: cannot make");
  ck_assert_uint_eq(s.study.steps, 0); /* before anything was trained */
  studies_finish();
}
END_TEST

/* What was trained is counted by the state form: 26 width^2 operations a token.  The rates are in proportion, as far as
 * they are printed: Gflop/s to half of one, the part to half a hundredth. */
START_TEST(speed) {
  studies_begin();
  efla_image_study s;
  studies_small(&s, 1);
  efla_message why = {{0}};
  double images, seconds, per_second, flops, reached, part, sgemm;
  size_t trained, threads, length;
  char *text = NULL;
  FILE *file = open_memstream(&text, &length);
  ck_assert_ptr_nonnull(file);
  ck_assert_int_eq(efla_image_print_speed(file, &s, &why), EFLA_OK);
  ck_assert_int_eq(fflush(file), 0);
  ck_assert_ptr_nonnull(strstr(text, "nothing was trained"));
  free(scores_of(&s, &trained));
  s.study.seconds = 0x1p-8; /* many images per second, so that printed numbers have digits */
  rewind(file);
  ck_assert_int_eq(efla_image_print_speed(file, &s, &why), EFLA_OK);
  ck_assert_int_eq(fclose(file), 0);
  int read = sscanf(text,
                    "%lf images in %lf s, %lf per second; %lf flop, counted by the state form: %lf Gflop/s, %lf of "
                    "sgemm's %lf with %zu threads\n",
                    &images, &seconds, &per_second, &flops, &reached, &part, &sgemm, &threads);
  ck_assert_msg(read == 8, "%s", text);
  ck_assert(images == 8 * STUDIES_IMAGES && trained == 8 * STUDIES_STEPS && threads == 1 && per_second == images * 256);
  CHECK_BOUND(fabs(flops / (26. * 16 * 16 * EFLA_IMAGE_PIXELS * images) - 1), 0.005);
  CHECK_BOUND(fabs(reached - flops * 256e-9), 0.5 + 0.005 * flops * 256e-9);
  CHECK_BOUND(fabs(part * sgemm - reached), 0.5 * (1 + part) + 0.005 * (sgemm + 1));
  free(text);
  studies_finish();
}
END_TEST

int main(void) {
  const TTest *const tests[] = {configs, shares, unfinished, directories, speed};
  return testing_main("image_study", tests, sizeof tests / sizeof *tests, 120);
}

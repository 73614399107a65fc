/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Studies: which configs there are, what their rows say beside training runs run one by one, shares, and what is
 * finished. */
#include "files.h"
#include "testing.h"

#include <unistd.h>

enum { IMAGES = 100, TEST_IMAGES = 6, BATCH = 32, STEPS = 4, EXAMS = 33, INSPECTED = 6 };
static efla_images training, test;

static efla_list numbers(size_t n, const double *values) {
  efla_list list = {.n = n};
  memcpy(list.value, values, n * sizeof *values);
  for (size_t i = 0; i < n; i++) list.count[i] = (size_t)values[i];
  return list;
}

/* Two methods, two key treatments, one learning rate, two seeds; two epochs of four steps, the last one shorter. */
static efla_study study_of(size_t epochs) {
  efla_study s = {.methods = {.n = 2}, .treatments = {.n = 2, .row = {0, 1}}, .shard = 1, .shards = 1, .loss_every = 3};
  s.methods.row[0] = (size_t)(efla_method_find("exact") - efla_methods);
  s.methods.row[1] = (size_t)(efla_method_find("euler") - efla_methods);
  s.rates = numbers(1, (const double[]){3e-3});
  s.seeds = numbers(2, (const double[]){7, 4294967295.});
  s.study = (efla_study_options){&training, &test, epochs, TEST_IMAGES, 42, 3};
  s.options =
      (efla_training_options){.model = {EFLA_IMAGE_PIXELS, 16, EFLA_IMAGE_CLASSES, NULL, NULL, &efla_readouts[0]},
                              .rule = efla_adamw_default(0),
                              .batch = BATCH,
                              .count = IMAGES,
                              .threads = 1};
  s.recorded = INSPECTED;
  return s;
}

static void begin(void) {
  ck_assert_int_eq(efla_images_strokes(&training, IMAGES, testing_seed(), true, NULL), EFLA_OK);
  ck_assert_int_eq(efla_images_strokes(&test, TEST_IMAGES, testing_seed(), false, NULL), EFLA_OK);
  ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* a line for each config */
}

static void finish(void) {
  efla_images_clear(&training);
  efla_images_clear(&test);
}

/* A table in memory. */
typedef struct page {
  efla_table table;
  char *text;
  size_t length;
} page;

static void open_page(page *p, size_t columns) {
  *p = (page){.table.columns = columns};
  p->table.file = open_memstream(&p->text, &p->length);
  ck_assert_ptr_nonnull(p->table.file);
}

static void close_page(page *p) { ck_assert_int_eq(fclose(p->table.file), 0); }

/* The scores that a run of this study writes, to be freed; *trained: images that it trained on. */
static char *scores_of(efla_study *s, double *trained) {
  efla_message why;
  page p;
  open_page(&p, 11);
  s->scores = &p.table;
  ck_assert_msg(efla_study_run(s, &why) == EFLA_OK, "%s", why.text);
  close_page(&p);
  *trained = s->images;
  return p.text;
}

/* The next line of a text is this one, but for what stands behind its last comma where times are not compared. */
static void expect_line(char **text, const char *line, bool time) {
  size_t length = strcspn(*text, "\n"), compared = length;
  while (time && compared > 0 && (*text)[compared - 1] != ',') compared--;
  ck_assert_msg(strlen(line) == compared && !memcmp(*text, line, compared), "'%.*s', expected '%s'", (int)length, *text,
                line);
  *text += length + 1;
}

/* Every combination once, seeds most slowly, and all else as in the study. */
START_TEST(configs) {
  efla_study s = study_of(1);
  s.methods = (efla_list){.n = 3, .row = {4, 0, 8}};
  s.rates = numbers(4, (const double[]){1e-3, 3e-3, 1e-4, 1});
  s.seeds = numbers(3, (const double[]){5, 4294967295., 0});
  s.options.rule.decay = 0.125;
  bool seen[3][2][4][3] = {0};
  ck_assert_uint_eq(efla_study_configs(&s), 72);
  for (size_t i = 0; i < 72; i++) {
    efla_training_options options = efla_study_config(&s, i);
    size_t m = 0, k = 0, r = 0;
    while (options.model.method != &efla_methods[s.methods.row[m]]) ck_assert_uint_lt(++m, 3);
    while (options.model.keys != &efla_key_treatments[s.treatments.row[k]]) ck_assert_uint_lt(++k, 2);
    while (options.rule.lr != s.rates.value[r]) ck_assert_uint_lt(++r, 4);
    ck_assert(options.seed == s.seeds.count[i / 24] && !seen[m][k][r][i / 24]);
    seen[m][k][r][i / 24] = true;
    ck_assert(options.batch == BATCH && options.count == IMAGES && options.threads == 1 && options.rule.decay == 0.125);
    ck_assert(options.model.width == 16 && options.model.readout == &efla_readouts[0]);
  }
}
END_TEST

static void ignore(void *context, const efla_training_run *run, size_t images) {
  (void)context, (void)run, (void)images;
}

/* A table says nan of what printf may call -nan. */
static double plain(double x) { return isnan(x) ? (double)NAN : x; }

/* method,keys,lr,seed */
static size_t config_text(char *line, size_t room, const efla_training_options *r) {
  return (size_t)snprintf(line, room, "%s,%s,%.17g,%zu,", r->model.method->name, r->model.keys->name, r->rule.lr,
                          r->seed);
}

/* clean, then scale, noise and dropout, each from its first level on, after every epoch. */
static void check_scores(char **text, const efla_training_run *c) {
  char line[512];
  size_t n = config_text(line, sizeof line, &c->training.options);
  for (size_t e = 0; e < 2; e++)
    for (size_t x = 0; x < EXAMS; x++) {
      size_t p = x <= 10 ? 0 : x <= 21 ? 1 : 2, first[] = {1, 11, 22};
      const efla_image_perturbation *perturbation = &efla_image_perturbations[p];
      const efla_score *score = &c->scores[e * EXAMS + x];
      snprintf(line + n, sizeof line - n, "%zu,%s,%.17g,%d,%.17g,%.17g,", e + 1, x == 0 ? "clean" : perturbation->name,
               x == 0 ? 0 : efla_image_level(perturbation, x - first[p]), TEST_IMAGES, score->accuracy,
               plain(score->loss));
      expect_line(text, line, true);
    }
}

/* Of three steps, and of what is left of an epoch: steps 3 and 4 of 4. */
static void check_losses(char **text, const efla_training_run *c) {
  char line[512];
  size_t n = config_text(line, sizeof line, &c->training.options);
  for (size_t e = 0; e < 2; e++) {
    const double *loss = c->losses + e * STEPS;
    snprintf(line + n, sizeof line - n, "%zu,3,%.17g", e + 1, (loss[0] + loss[1] + loss[2]) / 3);
    expect_line(text, line, false);
    snprintf(line + n, sizeof line - n, "%zu,4,%.17g", e + 1, loss[3]);
    expect_line(text, line, false);
  }
}

static efla_activations inspect(efla_training_f32 *t, efla_distribution d[EFLA_DISTRIBUTIONS]) {
  efla_activations x;
  ck_assert_int_eq(efla_activations_record(&x, t, &test, INSPECTED, NULL), EFLA_OK);
  ck_assert_int_eq(efla_activations_summarise(&x, d, NULL), EFLA_OK);
  return x;
}

static void check_steps(char **text, const efla_training_options *r, const char *when, const efla_distribution *d) {
  char line[1024];
  for (size_t i = 0; i < EFLA_DISTRIBUTIONS; i++, d++) {
    size_t n = config_text(line, sizeof line, r);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s,%s,%.17g", when, d->quantity, plain(d->mean));
    for (size_t q = 0; q < EFLA_QUANTILES; q++)
      n += (size_t)snprintf(line + n, sizeof line - n, ",%.17g", plain(d->quantile[q]));
    snprintf(line + n, sizeof line - n, ",%.17g", plain(d->most));
    expect_line(text, line, false);
  }
}

/* A quarter of the inspected images, rounded up. */
static void check_tensors(const char *directory, const efla_training_options *r, const char *when,
                          const efla_activations *x) {
  static double k[EFLA_IMAGE_PIXELS * 16];
  efla_tensors file;
  efla_message why;
  char path[600];
  snprintf(path, sizeof path, "%s/%s-%s-%g-%zu-%s.h5", directory, r->model.method->name, r->model.keys->name,
           r->rule.lr, r->seed, when);
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_eq(file.batch, (INSPECTED + 3) / 4);
  const efla_span span = {.batch = 1, .heads = 1, .tokens = EFLA_IMAGE_PIXELS};
  ck_assert_msg(efla_tensors_read(&file, EFLA_K, &span, k, &why) == EFLA_OK, "%s", why.text);
  for (size_t i = 0; i < EFLA_IMAGE_PIXELS * 16; i++) ck_assert(k[i] == (double)x->k[EFLA_IMAGE_PIXELS * 16 + i]);
  ck_assert_int_eq(efla_tensors_close(&file, &why), EFLA_OK);
}

/* All tables of a study are those of its configs, each trained by itself. */
START_TEST(rows) {
  begin();
  efla_study s = study_of(2);
  efla_message why;
  page scores, losses, steps;
  open_page(&scores, 11), open_page(&losses, 7), open_page(&steps, 15);
  s.scores = &scores.table, s.losses = &losses.table, s.steps = &steps.table;
  s.tensors = files_directory("study-tensors");
  ck_assert_msg(efla_study_run(&s, &why) == EFLA_OK, "%s", why.text);
  close_page(&scores), close_page(&losses), close_page(&steps);
  char *score = scores.text, *loss = losses.text, *step = steps.text;
  for (size_t i = 0; i < 8; i++) {
    const efla_training_options options = efla_study_config(&s, i);
    efla_training_run c;
    efla_distribution d[EFLA_DISTRIBUTIONS];
    ck_assert_int_eq(efla_training_run_open(&c, &s.study, &options, NULL, &why), EFLA_OK);
    efla_activations before = inspect(&c.training, d);
    check_steps(&step, &options, "before", d);
    ck_assert_int_eq(efla_training_run_finish(&c, ignore, NULL, &why), EFLA_OK);
    efla_activations after = inspect(&c.training, d);
    check_steps(&step, &options, "after", d);
    check_scores(&score, &c);
    check_losses(&loss, &c);
    check_tensors(s.tensors, &options, "before", &before);
    check_tensors(s.tensors, &options, "after", &after);
    efla_activations_clear(&before), efla_activations_clear(&after);
    efla_training_run_clear(&c);
  }
  ck_assert(!*score && !*loss && !*step); /* and nothing more */
  ck_assert_double_eq(s.images, 8 * 2 * IMAGES);
  ck_assert_double_gt(s.seconds, 0);
  free(scores.text), free(losses.text), free(steps.text);
  finish();
}
END_TEST

/* The lines of a text that say something of this config, to be freed. */
static char *lines_of(const char *text, const efla_training_options *r) {
  char config[256], *found = NULL;
  size_t length = 0, n = config_text(config, sizeof config, r);
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
  begin();
  efla_study s = study_of(1);
  char *share[3], *all, *again;
  double trained;
  s.configs = files_directory("study-shares");
  s.shards = 3;
  for (s.shard = 1; s.shard <= 3; s.shard++) {
    s.images = 0;
    share[s.shard - 1] = scores_of(&s, &trained);
    ck_assert_double_eq(trained, IMAGES * (s.shard == 3 ? 2 : 3));
  }
  s.shard = s.shards = 1, s.finished = true, s.images = 0;
  all = scores_of(&s, &trained);
  ck_assert_double_eq(trained, 0);
  const char *at = all;
  for (size_t i = 0; i < 8; i++) {
    const efla_training_options options = efla_study_config(&s, i);
    for (size_t j = 0; j < 3; j++) {
      char *lines = lines_of(share[j], &options);
      if (j != i % 3) ck_assert_str_eq(lines, "");
      if (j == i % 3) ck_assert_msg(*lines && !strncmp(at, lines, strlen(lines)), "config %zu", i), at += strlen(lines);
      free(lines);
    }
  }
  ck_assert_str_eq(at, "");
  s.finished = false; /* with everything there, that is the same */
  again = scores_of(&s, &trained);
  ck_assert_str_eq(again, all);
  ck_assert_double_eq(trained, 0);
  for (size_t j = 0; j < 3; j++) free(share[j]);
  free(all), free(again);
  finish();
}
END_TEST

/* Only what is finished: no config that has not begun, and none that is on its way, of which the checkpoint stays as it
 * is. */
START_TEST(unfinished) {
  begin();
  efla_study s = study_of(1);
  double trained;
  s.configs = files_directory("study-unfinished");
  s.seeds.n = 1, s.treatments.n = 1; /* exact and euler, raw keys, seed 7 */
  char *all = scores_of(&s, &trained), path[300];
  s.finished = true;
  s.study.epochs = 2, s.images = 0; /* then they are on their way */
  char *none = scores_of(&s, &trained);
  ck_assert_str_eq(none, "");
  ck_assert_double_eq(trained, 0);
  s.study.epochs = 1;
  snprintf(path, sizeof path, "%s/exact-raw-0.003-7.h5", s.configs);
  ck_assert_int_eq(unlink(path), 0);
  char *one = scores_of(&s, &trained);
  const efla_training_options euler = efla_study_config(&s, 1);
  char *expected = lines_of(all, &euler);
  ck_assert_str_eq(one, expected);
  ck_assert(access(path, F_OK) != 0);
  s.finished = false; /* trains the one that is not there */
  char *again = scores_of(&s, &trained), *rest = again;
  ck_assert_double_eq(trained, IMAGES);
  for (char *line = all; *line; line += strcspn(line, "\n") + 1) {
    char copy[512] = "";
    size_t length = strcspn(line, "\n");
    while (line[length - 1] != ',') length--; /* but for times */
    memcpy(copy, line, length);
    expect_line(&rest, copy, true);
  }
  ck_assert_str_eq(rest, "");
  free(all), free(none), free(one), free(again), free(expected);
  finish();
}
END_TEST

static void check_refused(efla_study *s, efla_status status, const char *says) {
  efla_message why = {{0}};
  ck_assert_int_eq(efla_study_run(s, &why), status);
  ck_assert_msg(strstr(why.text, says) != NULL, "'%s' does not say '%s'", why.text, says);
}

START_TEST(directories) {
  begin();
  efla_study s = study_of(1);
  char path[300], below[400];
  const char *work = files_directory("study-directories");
  snprintf(path, sizeof path, "%s/file", work);
  snprintf(below, sizeof below, "%s/missing/directory", work);
  files_write(path, "", 0);
  s.configs = path;
  check_refused(&s, EFLA_INPUT, "directories/file: is a file, expected a directory");
  s.configs = below;
  check_refused(&s, EFLA_OUTPUT, "missing/directory: cannot make the directory: No such file");
  s.finished = true;
  check_refused(&s, EFLA_INPUT, "missing/directory: cannot read the directory: No such file");
  s.finished = false, s.configs = NULL, s.tensors = path;
  check_refused(&s, EFLA_INPUT, "directories/file: is a file");
  s.tensors = below;
  check_refused(&s, EFLA_OUTPUT, "missing/directory: cannot make");
  ck_assert_double_eq(s.images, 0); /* before anything was trained */
  finish();
}
END_TEST

int main(void) {
  const TTest *const tests[] = {configs, rows, shares, unfinished, directories};
  return testing_main("study", tests, sizeof tests / sizeof *tests, 120);
}

#include "train/study.h"

#include "train/activations.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t efla_study_cells(const efla_study *s) { return s->methods.n * s->treatments.n * s->rates.n * s->seeds.n; }

efla_setup efla_study_cell(const efla_study *s, size_t number) {
  efla_setup setup = s->setup;
  setup.model.method = &efla_methods[s->methods.row[number % s->methods.n]];
  number /= s->methods.n;
  setup.model.keys = &efla_key_treatments[s->treatments.row[number % s->treatments.n]];
  number /= s->treatments.n;
  setup.rule.lr = s->rates.value[number % s->rates.n];
  setup.seed = (size_t)s->seeds.value[number / s->rates.n];
  return setup;
}

/* DIRECTORY/exact-raw-0.003-42ENDING, with as many digits of the rate as tell it from all others; to be freed, NULL where there is no
 * memory. */
static char *file_of(const char *directory, const efla_setup *r, const char *ending) {
  char *path = NULL, rate[32];
  int digits = 6;
  do snprintf(rate, sizeof rate, "%.*g", digits, r->rule.lr);
  while (strtod(rate, NULL) != r->rule.lr && digits++ < DBL_DECIMAL_DIG);
  int length = asprintf(&path, "%s/%s-%s-%s-%zu%s", directory, r->model.method->name, r->model.keys->name, rate, r->seed, ending);
  return length < 0 ? NULL : path;
}

static void watch(void *context, const efla_course *course, size_t images) {
  efla_study *s = context;
  const efla_setup *r = &course->training.setup;
  size_t steps = efla_setup_steps(r), last = course->training.step - 1;
  snprintf(s->now, sizeof s->now, "%s %s %g seed %zu: epoch %zu step %zu/%zu loss %.3f, %.0f/s, images", r->model.method->name,
           r->model.keys->name, r->rule.lr, r->seed, last / steps + 1, last % steps + 1, steps, course->losses[last],
           (double)(s->progress.done + images) / (efla_seconds() - s->progress.started));
  efla_progress_add(&s->progress, images);
}

#define CELL(r) efla_text((r)->model.method->name), efla_text((r)->model.keys->name), efla_real((r)->rule.lr), efla_count((r)->seed)

static void write_scores(const efla_study *s, const efla_course *course) {
  const efla_setup *r = &course->training.setup;
  efla_exam exam;
  for (size_t e = 0, exams = efla_plan_exams(&s->plan); e < course->marked && s->scores; e++) {
    efla_plan_exam(&s->plan, e % exams, &exam);
    efla_table_row(s->scores, CELL(r), efla_count(e / exams + 1), efla_text(exam.perturbation ? exam.perturbation->name : "clean"),
                   efla_real(exam.level), efla_count(exam.count), efla_real(course->scores[e].accuracy),
                   efla_real(course->scores[e].loss), efla_real(course->seconds));
  }
}

static void write_losses(const efla_study *s, const efla_course *course) {
  const efla_setup *r = &course->training.setup;
  double sum = 0;
  for (size_t i = 0, n = 0, steps = efla_setup_steps(r); i < course->training.step && s->losses; i++) {
    size_t step = i % steps + 1; /* of its epoch, in which rows begin anew */
    sum += course->losses[i], n++;
    if (step % s->loss_every != 0 && step != steps) continue;
    efla_table_row(s->losses, CELL(r), efla_count(i / steps + 1), efla_count(step), efla_real(sum / (double)n));
    sum = 0, n = 0;
  }
}

static void write_steps(const efla_study *s, const efla_setup *r, const char *when, const efla_distribution *d) {
  for (size_t i = 0; i < EFLA_DISTRIBUTIONS && s->steps; i++, d++)
    efla_table_row(s->steps, CELL(r), efla_text(when), efla_text(d->quantity), efla_real(d->mean), efla_real(d->quantile[0]),
                   efla_real(d->quantile[1]), efla_real(d->quantile[2]), efla_real(d->quantile[3]), efla_real(d->quantile[4]),
                   efla_real(d->quantile[5]), efla_real(d->quantile[6]), efla_real(d->most));
}

/* Keys and steps of some test images under a model's parameters. */
static efla_status inspect(const efla_study *s, efla_training_f32 *model, const char *when, efla_message *why) {
  const efla_setup *r = &model->setup;
  efla_inspection x;
  efla_distribution d[EFLA_DISTRIBUTIONS];
  char ending[32], *path = NULL;
  efla_status status = efla_inspect(&x, model, s->plan.test, s->inspected, why);
  if (status == EFLA_OK) status = efla_inspection_summarise(&x, d, why);
  if (status == EFLA_OK) write_steps(s, r, when, d);
  if (status == EFLA_OK && s->tensors) {
    snprintf(ending, sizeof ending, "-%s.h5", when);
    path = file_of(s->tensors, r, ending);
    x.images = (x.images + 3) / 4;
    status = path ? efla_inspection_save(&x, path, why) : efla_fail_memory(why);
  }
  free(path);
  efla_inspection_clear(&x);
  return status;
}

/* Before the first step, and after the last. */
static efla_status inspect_both(const efla_study *s, efla_course *course, efla_message *why) {
  efla_training_f32 start = {0};
  if (!s->steps && !s->tensors) return EFLA_OK;
  efla_status status = efla_training_init_f32(&start, &course->training.setup, s->plan.training, why);
  if (status != EFLA_OK) return status;
  status = inspect(s, &start, "before", why);
  efla_training_clear_f32(&start);
  return status == EFLA_OK ? inspect(s, &course->training, "after", why) : status;
}

static void report(const efla_study *s, const efla_course *course) {
  const efla_setup *r = &course->training.setup;
  const efla_score *clean = &course->scores[course->marked - efla_plan_exams(&s->plan)];
  efla_progress_say(&s->progress, "%s, %s keys, lr %g, seed %zu: accuracy %.4f, loss %.4f; trained for %.1f s\n",
                    r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, clean->accuracy, clean->loss, course->seconds);
}

static efla_status finish(efla_study *s, efla_course *course, efla_message *why) {
  const efla_setup *setup = &course->training.setup;
  double before = course->seconds;
  size_t step = course->training.step;
  s->progress.total -= efla_plan_images(&s->plan, setup) - efla_course_left(course);
  efla_status status = efla_course_run(course, watch, s, why);
  s->seconds += course->seconds - before;
  s->images += (double)(course->training.step - step) * (double)setup->count / (double)efla_setup_steps(setup);
  if (status != EFLA_OK) return status;
  if (course->training.step > step) report(s, course);
  write_scores(s, course);
  write_losses(s, course);
  return inspect_both(s, course, why);
}

static efla_status do_cell(efla_study *s, const efla_setup *setup, efla_message *why) {
  efla_course course = {0};
  efla_status status = EFLA_OK;
  char *path = s->cells ? file_of(s->cells, setup, ".h5") : NULL;
  if (s->cells && !path) return efla_fail_memory(why);
  bool skipped = s->finished && path && access(path, F_OK) != 0;
  if (!skipped) status = efla_course_open(&course, &s->plan, setup, path, why);
  free(path);
  if (skipped || status != EFLA_OK) return status;
  if (!s->finished || efla_course_left(&course) == 0) s->done++, status = finish(s, &course, why);
  efla_course_clear(&course);
  return status;
}

static efla_status find_directory(const char *path, efla_message *why) {
  struct stat found;
  if (stat(path, &found) != 0) return efla_fail(why, EFLA_INPUT, "%s: cannot read the directory: %s", path, strerror(errno));
  return S_ISDIR(found.st_mode) ? EFLA_OK : efla_fail(why, EFLA_INPUT, "%s: is a file, expected a directory", path);
}

static efla_status make_directory(const char *path, efla_message *why) {
  if (!path || mkdir(path, 0777) == 0) return EFLA_OK;
  if (errno == EEXIST) return find_directory(path, why);
  return efla_fail(why, EFLA_OUTPUT, "%s: cannot make the directory: %s", path, strerror(errno));
}

efla_status efla_study_run(efla_study *s, efla_message *why) {
  size_t n = efla_study_cells(s), mine = (n + s->shards - s->shard) / s->shards;
  efla_status status = s->finished ? find_directory(s->cells, why) : make_directory(s->cells, why);
  if (status == EFLA_OK) status = make_directory(s->tensors, why);
  efla_progress_start(&s->progress, s->now, mine * efla_plan_images(&s->plan, &s->setup));
  for (size_t i = s->shard - 1; i < n && status == EFLA_OK; i += s->shards) {
    const efla_setup setup = efla_study_cell(s, i);
    status = do_cell(s, &setup, why);
  }
  efla_progress_end(&s->progress);
  if (status == EFLA_OK && s->finished) {
    if (s->done == 0)
      return efla_fail(why, EFLA_INPUT, "%s: holds none of %zu cells finished, expected one at least", s->cells, mine);
    efla_progress_say(&s->progress, "%zu of %zu cells are finished in %s\n", s->done, mine, s->cells);
  }
  return status;
}

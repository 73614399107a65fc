/* A course: one training brought to its end, examined after every epoch, and kept in a checkpoint on the way.
 *
 * What is in the checkpoint, parameters and moments, losses, scores and seconds, is all that a course is: one that was stopped goes
 * on where it was, and one that has ended is only read. */
#ifndef EFLA_TRAIN_TRAINING_RUN_H
#define EFLA_TRAIN_TRAINING_RUN_H

#include "train/training.h"

/* What is the same for all courses of a study. */
typedef struct efla_plan {
  const efla_images *training, *test;
  size_t epochs;
  size_t examined; /* images of the test set */
  size_t seed;     /* of their perturbations */
  size_t save;     /* steps between checkpoints */
} efla_plan;

/* The exams after an epoch, by number: the images as they are, then every level of every perturbation.  exam->perturbation NULL: as they
 * are; false past the last. */
bool efla_plan_exam(const efla_plan *plan, size_t number, efla_exam *exam);
size_t efla_plan_exams(const efla_plan *plan);

typedef struct efla_course {
  const efla_plan *plan;
  efla_training_f32 training;
  char *path; /* of the checkpoint; NULL: none */
  char settings[512];
  size_t steps;       /* in all epochs */
  double *losses;     /* (steps), of the batches so far */
  double seconds;     /* spent on training so far */
  size_t marked;      /* exams whose scores are known, over all epochs */
  efla_score *scores; /* (epochs, exams) */
} efla_course;

/* Takes the checkpoint up where there is one at path (NULL: none is kept).  Fails with EFLA_INPUT where that belongs to another training or to
 * more epochs, with EFLA_MEMORY; course is then zeroed. */
efla_status efla_course_open(efla_course *course, const efla_plan *plan, const efla_setup *setup, const char *path,
                             efla_message *why);
void efla_course_clear(efla_course *course);

/* Images that are seen in all, exams included, by one course of this setup; and how many are still to be: what progress adds up
 * to. */
size_t efla_plan_images(const efla_plan *plan, const efla_setup *setup);
size_t efla_course_left(const efla_course *course);

/* After every step and exam: so many images more were seen. */
typedef void efla_course_watch(void *context, const efla_course *course, size_t images);

/* To the end.  Fails with EFLA_OUTPUT where a checkpoint cannot be written, EFLA_MEMORY. */
efla_status efla_course_run(efla_course *course, efla_course_watch *watch, void *context, efla_message *why);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small study, its tables in memory, and their lines. */
#ifndef STUDIES_H
#define STUDIES_H

#include "laboratory.h"

enum {
  STUDIES_IMAGES = 100,
  STUDIES_TEST_IMAGES = 6,
  STUDIES_BATCH = 32,
  STUDIES_STEPS = 4,
  STUDIES_EVALUATIONS = 33,
  STUDIES_RECORDED = 6
};

efla_list studies_numbers(size_t n, const double *values);

/* Two methods, two key treatments, one learning rate, two seeds; epochs of four steps, the last one shorter. Listed. */
void studies_small(efla_image_study *s, size_t epochs);

/* The digits that it uses, from begin to finish; standard error goes nowhere from then on. */
extern efla_images studies_training, studies_test;
void studies_begin(void);
void studies_finish(void);

/* A table in memory; the text is the caller's to free. */
typedef struct studies_page {
  efla_table table;
  char *text;
  size_t length;
} studies_page;

void studies_open(studies_page *p, const efla_column *columns);
void studies_close(studies_page *p);

/* method,keys,lr,seed, */
size_t studies_config_text(char *line, size_t room, const efla_image_options *r);

/* The next line of a text is this one, but for what stands behind its last comma where times are not compared. */
void studies_expect_line(char **text, const char *line, bool time);

#endif

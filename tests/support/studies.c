/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "studies.h"

#include "testing.h"

efla_images studies_training, studies_test;

efla_list studies_numbers(size_t n, const double *values) {
  efla_list list = {.n = n};
  memcpy(list.value, values, n * sizeof *values);
  for (size_t i = 0; i < n; i++) list.count[i] = (size_t)values[i];
  return list;
}

void studies_small(efla_image_study *s, size_t epochs) {
  *s = (efla_image_study){.methods = {.n = 2}, .treatments = {.n = 2, .row = {0, 1}}, .loss_every = 3};
  s->study = (efla_study){.save = 3, .share = "1/1", .shard = 1, .shards = 1};
  s->methods.row[0] = (size_t)(efla_method_find("exact") - efla_methods);
  s->methods.row[1] = (size_t)(efla_method_find("euler") - efla_methods);
  s->rates = studies_numbers(1, (const double[]){3e-3});
  s->seeds = studies_numbers(2, (const double[]){7, 4294967295.});
  s->plan = (efla_image_plan){&studies_training, &studies_test, epochs, STUDIES_TEST_IMAGES, 42};
  s->options = (efla_image_options){.model = {EFLA_IMAGE_PIXELS, 16, EFLA_IMAGE_CLASSES, NULL, NULL, &efla_readouts[0]},
                                    .rule = efla_adamw_default(0),
                                    .batch = STUDIES_BATCH,
                                    .count = STUDIES_IMAGES,
                                    .threads = 1};
  s->recorded = STUDIES_RECORDED;
  efla_image_study_list(s);
}

void studies_begin(void) {
  ck_assert_int_eq(efla_images_strokes(&studies_training, STUDIES_IMAGES, testing_seed(), true, NULL), EFLA_OK);
  ck_assert_int_eq(efla_images_strokes(&studies_test, STUDIES_TEST_IMAGES, testing_seed(), false, NULL), EFLA_OK);
  ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* a line for each config */
}

void studies_finish(void) {
  efla_images_clear(&studies_training);
  efla_images_clear(&studies_test);
}

void studies_open(studies_page *p, const efla_column *columns) {
  *p = (studies_page){.table.columns = columns};
  p->table.file = open_memstream(&p->text, &p->length);
  ck_assert_ptr_nonnull(p->table.file);
}

void studies_close(studies_page *p) { ck_assert_int_eq(fclose(p->table.file), 0); }

size_t studies_config_text(char *line, size_t room, const efla_image_options *r) {
  return (size_t)snprintf(line, room, "%s,%s,%.17g,%zu,", r->model.method->name, r->model.keys->name, r->rule.lr,
                          r->seed);
}

void studies_expect_line(char **text, const char *line, bool time) {
  size_t length = strcspn(*text, "\n"), compared = length;
  while (time && compared > 0 && (*text)[compared - 1] != ',') compared--;
  ck_assert_msg(strlen(line) == compared && !memcmp(*text, line, compared), "'%.*s', expected '%s'", (int)length, *text,
                line);
  *text += length + 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/arrays_save.h"

#include "io/container.h"
#include "io/output.h"

#include <assert.h>
#include <string.h>

enum { MOST = 32 };

static efla_status fill(efla_container *file, const efla_saved_array *arrays, size_t n, efla_dataset **made,
                        efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < n && status == EFLA_OK; i++)
    status = file->kind->declare(file, arrays[i].name, efla_element_of_numpy(arrays[i].type), arrays[i].rank,
                                 arrays[i].size, &made[i], why);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) {
    efla_box all = {.rank = arrays[i].rank, .n = 1};
    memcpy(all.count, arrays[i].size, sizeof all.count);
    for (size_t j = 0; j < all.rank; j++) all.n *= all.count[j];
    status = file->kind->store(made[i], &all, arrays[i].values, why);
  }
  return status;
}

efla_status efla_arrays_save(const char *path, const efla_saved_array *arrays, size_t n, double scale,
                             const efla_saved_text *texts, size_t texts_n, efla_message *why) {
  const efla_container_kind *kind;
  efla_container *file = NULL;
  efla_dataset *made[MOST] = {NULL};
  efla_output output = {0};
  bool complete = true;
  assert(n <= MOST);
  efla_status status = efla_container_named(path, &kind, why);
  if (status == EFLA_OK) status = efla_output_begin(&output, path, why);
  if (status == EFLA_OK) status = kind->create(&file, efla_output_name(&output), why);
  if (status == EFLA_OK) status = fill(file, arrays, n, made, why);
  if (status == EFLA_OK) status = file->kind->write_number(file, "scale", scale, why);
  for (size_t i = 0; i < texts_n && status == EFLA_OK; i++)
    status = file->kind->write_text(file, texts[i].name, texts[i].text, why);
  for (size_t i = 0; i < n; i++)
    if (made[i]) complete &= file->kind->release(made[i]);
  if (file) {
    const efla_status closed = file->kind->close(file, complete, status == EFLA_OK ? why : NULL);
    if (status == EFLA_OK) status = closed;
  }
  if (status == EFLA_OK) status = efla_output_finish(&output, why);
  efla_output_abandon(&output);
  return status;
}

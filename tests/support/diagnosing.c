/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnosing.h"

#include "files.h"
#include "testing.h"

#include <stdarg.h>

struct diagnosing ran;

const h5_sizes diagnosing_sizes = {2, 130, 3, 16, 8};

hid_t diagnosing_create(const char *name) {
  ran.work = files_directory(name);
  snprintf(ran.in, sizeof ran.in, "%s/in.h5", ran.work);
  return h5_create(ran.in);
}

void diagnosing_put(hid_t file) {
  const h5_sizes *sizes = &diagnosing_sizes;
  double *q = h5_numbers(sizes, 'q', 1), *k = h5_numbers(sizes, 'k', 1), *v = h5_numbers(sizes, 'v', 1);
  double *beta = h5_numbers(sizes, 'b', 1);
  size_t place = (sizes->tokens + 77) * sizes->heads + 1;
  beta[place] = 1;
  for (size_t i = 0; i < sizes->dk; i++) k[place * sizes->dk + i] = i == 0 ? 9 : 0;
  h5_put_tokens(file, "q", H5T_IEEE_F32LE, sizes, sizes->dk, q);
  h5_put_tokens(file, "k", H5T_IEEE_F32LE, sizes, sizes->dk, k);
  h5_put_tokens(file, "v", H5T_IEEE_F32LE, sizes, sizes->dv, v);
  h5_put_tokens(file, "beta", H5T_IEEE_F32LE, sizes, 0, beta);
  free(q), free(k), free(v), free(beta);
}

int diagnosing_run(const char *before, const char *options, ...) {
  char *command, *text;
  va_list values;
  va_start(values, options);
  ck_assert_int_ge(vasprintf(&text, options, values), 0);
  va_end(values);
  ck_assert_int_ge(asprintf(&command, "%s " TEST_BIN "/diagnose --input %s %s", before, ran.in, text), 0);
  int status = testing_shell(command, ran.out, NULL, sizeof ran.out);
  if (status != 0) status = testing_shell(command, ran.out, ran.err, sizeof ran.err); /* once more for what it says */
  free(command);
  free(text);
  return status;
}

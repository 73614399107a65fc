/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The library as a C program uses it: forward, backward, and token by token, of which the last must agree. */
#include "efla/efla.h"

#include <math.h>
#include <stdio.h>

enum { T = 3, D = 2 };

int main(void) {
  double q[] = {1, 0, 0, 2, 3, 1}, k[] = {1, 1, 0, 2, 1, 0}, v[] = {5, 6, 7, 8, 9, 1}, beta[] = {0.5, 2, 1};
  double o[T * D], ones[T * D] = {1, 1, 1, 1, 1, 1}, dv[T * D], step[D];
  const efla_sequence x = {.batch = 1,
                           .heads = 1,
                           .tokens = T,
                           .dk = D,
                           .dv = D,
                           .q = efla_array_token_major(q, EFLA_F64, T, 1, D),
                           .k = efla_array_token_major(k, EFLA_F64, T, 1, D),
                           .v = efla_array_token_major(v, EFLA_F64, T, 1, D),
                           .beta = efla_array_token_major(beta, EFLA_F64, T, 1, 1)};
  const efla_result y = {.o = efla_array_token_major(o, EFLA_F64, T, 1, D)};
  const efla_result dy = {.o = efla_array_token_major(ones, EFLA_F64, T, 1, D)};
  const efla_gradient dx = {.v = efla_array_token_major(dv, EFLA_F64, T, 1, D)};
  const efla_decoder_shape shape = {1, 1, D, D, EFLA_F64};
  efla_rule rule;
  efla_backend *cpu = NULL;
  efla_decoder *decoder = NULL;
  double apart = 0, sum = 0, by_v = 0;
  efla_status status = efla_rule_find("exact", "none", "raw", &rule);
  if (status == EFLA_OK) status = efla_backend_open("cpu", NULL, &cpu);
  if (status == EFLA_OK) status = efla_forward(cpu, &rule, &x, &y);
  if (status == EFLA_OK) status = efla_backward(cpu, &rule, &x, &dy, &dx);
  if (status == EFLA_OK) status = efla_decoder_open(cpu, &rule, &shape, &decoder);
  for (int t = 0; t < T && status == EFLA_OK; t++) {
    efla_sequence token = x;
    const efla_array out = efla_array_token_major(step, EFLA_F64, 1, 1, D);
    token.tokens = 1;
    token.q.data = q + t * D, token.k.data = k + t * D, token.v.data = v + t * D, token.beta.data = beta + t;
    status = efla_decoder_step(decoder, &token, &out);
    for (int i = 0; i < D; i++) {
      apart = fmax(apart, fabs(step[i] - o[t * D + i]));
      sum += o[t * D + i], by_v += dv[t * D + i] * v[t * D + i];
    }
  }
  if (status != EFLA_OK) fprintf(stderr, "%s: %s\n", efla_status_text(status), efla_last_message(cpu));
  printf("efla %s: sum of o %.6f, of v dv %.6f\n", efla_version(), sum, by_v); /* o is linear in v: both are the same */
  efla_decoder_close(decoder);
  efla_backend_close(cpu);
  return status != EFLA_OK || apart > 1e-14 * fabs(sum) || fabs(sum - by_v) > 1e-14 * fabs(sum);
}

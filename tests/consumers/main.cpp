// SPDX-License-Identifier: GPL-3.0-or-later
// The same in C++.
#include "efla/efla.h"

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  const std::size_t T = 3, D = 2;
  std::vector<double> q{1, 0, 0, 2, 3, 1}, k{1, 1, 0, 2, 1, 0}, v{5, 6, 7, 8, 9, 1}, beta{0.5, 2, 1};
  std::vector<double> o(T * D), ones(T * D, 1), dv(T * D), step(D);
  const auto array = [](std::vector<double> &of, std::size_t tokens, std::size_t features, std::size_t first = 0) {
    return efla_array_token_major(of.data() + first, EFLA_F64, tokens, 1, features);
  };
  efla_sequence x = {};
  x.batch = x.heads = 1, x.tokens = T, x.dk = x.dv = D;
  x.q = array(q, T, D), x.k = array(k, T, D), x.v = array(v, T, D), x.beta = array(beta, T, 1);
  efla_result y = {}, dy = {};
  y.o = array(o, T, D), dy.o = array(ones, T, D);
  efla_gradient dx = {};
  dx.v = array(dv, T, D);
  efla_rule rule;
  efla_backend *cpu = nullptr;
  efla_decoder *decoder = nullptr;
  const efla_decoder_shape shape = {1, 1, D, D, EFLA_F64};
  double apart = 0, sum = 0, by_v = 0;
  efla_status status = efla_rule_find("exact", "none", "raw", &rule);
  if (status == EFLA_OK) status = efla_backend_open("cpu", nullptr, &cpu);
  if (status == EFLA_OK) status = efla_forward(cpu, &rule, &x, &y);
  if (status == EFLA_OK) status = efla_backward(cpu, &rule, &x, &dy, &dx);
  if (status == EFLA_OK) status = efla_decoder_open(cpu, &rule, &shape, &decoder);
  for (std::size_t t = 0; t < T && status == EFLA_OK; t++) {
    efla_sequence token = x;
    const efla_array out = array(step, 1, D);
    token.tokens = 1;
    token.q = array(q, 1, D, t * D), token.k = array(k, 1, D, t * D), token.v = array(v, 1, D, t * D);
    token.beta = array(beta, 1, 1, t);
    status = efla_decoder_step(decoder, &token, &out);
    for (std::size_t i = 0; i < D; i++) {
      apart = std::fmax(apart, std::fabs(step[i] - o[t * D + i]));
      sum += o[t * D + i], by_v += dv[t * D + i] * v[t * D + i];
    }
  }
  if (status != EFLA_OK) std::fprintf(stderr, "%s: %s\n", efla_status_text(status), efla_last_message(cpu));
  std::printf("efla %s: sum of o %.6f, of v dv %.6f\n", efla_version(), sum, by_v);
  efla_decoder_close(decoder);
  efla_backend_close(cpu);
  return status != EFLA_OK || apart > 1e-14 * std::fabs(sum) || std::fabs(sum - by_v) > 1e-14 * std::fabs(sum);
}

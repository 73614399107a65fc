/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/image_speed.h"

#include "bench/baseline_rate.h"

/* Operations of training on all images with the readout `state`, per token and in units of width^2: 4 forward and 8
 * backward for the layers of k and v, 4 for the delta rule and 10 for its derivative. */
static double count_flops(const efla_image_study *s, double images) {
  const efla_model *model = &s->options.model;
  return 26 * (double)model->width * (double)model->width * (double)model->tokens * images;
}

efla_status efla_image_print_speed(FILE *file, const efla_image_study *s, efla_message *why) {
  const efla_study *study = &s->study;
  const double images = (double)study->steps * (double)s->options.count / (double)efla_image_steps(&s->options);
  double rate, flops = count_flops(s, images);
  if (study->steps == 0) {
    fprintf(file, "nothing was trained in this run, and there is nothing to compare\n");
    return EFLA_OK;
  }
  efla_status status = efla_bench_gemm_rate(s->options.threads, &rate, why);
  if (status != EFLA_OK) return status;
  double reached = flops / study->seconds;
  fprintf(file, "%.0f images in %.1f s, %.0f per second; %.2e flop, counted by the state form: ", images,
          study->seconds, images / study->seconds, flops);
  fprintf(file, "%.0f Gflop/s, %.2f of sgemm's %.0f with %zu threads\n", reached * 1e-9, reached / rate, rate * 1e-9,
          s->options.threads);
  return EFLA_OK;
}

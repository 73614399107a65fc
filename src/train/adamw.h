/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AdamW (Loshchilov and Hutter 2019) after a clip of the gradient's norm, as PyTorch does both. */
#ifndef EFLA_TRAIN_ADAMW_H
#define EFLA_TRAIN_ADAMW_H

#include <stddef.h>

typedef struct efla_adamw {
  double lr;           /* learning rate */
  double beta1, beta2; /* of the moments */
  double epsilon;
  double decay; /* of all parameters, decoupled from the gradient */
  double clip;  /* largest norm of the whole gradient */
} efla_adamw;

/* Betas .9, .999, epsilon 1e-8, decay .01, clip 1. */
efla_adamw efla_adamw_default(double lr);

/* The Euclidean norm of a gradient (n), summed in f64 from the first to the last. */
double efla_adamw_norm_f32(size_t n, const float *gradient);
double efla_adamw_norm_f64(size_t n, const double *gradient);

/* Updates n parameters and their moments with step number `step` (from 1).  norm: of the whole gradient, of which these
 * n numbers may be a part. */
void efla_adamw_step_f32(const efla_adamw *rule, size_t step, double norm, size_t n, const float *gradient,
                         float *parameters, float *moment1, float *moment2);
void efla_adamw_step_f64(const efla_adamw *rule, size_t step, double norm, size_t n, const double *gradient,
                         double *parameters, double *moment1, double *moment2);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations as device.inc and pointwise_type.inc have them, one number after another. */
#include "rounding_device.h"

#include "nn/pointwise.h"

#include <gsl/gsl_randist.h>

enum { MOST = 256 }; /* numbers of a row */

static gsl_rng *source;

double rounding_error(double square) { return U32 * sqrt(square / 3) * gsl_ran_gaussian_ziggurat(source, 1); }
double rounded_times(double x, double roundings) { return x + rounding_error(roundings * x * x); }
double rounded(double x) { return rounded_times(x, 1); }

double rounded_sum(size_t n, const double *a, ptrdiff_t a_step, const double *b, ptrdiff_t b_step) {
  const double count = (double)n;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    const double term = a[(ptrdiff_t)i * a_step] * b[(ptrdiff_t)i * b_step];
    sum += term, squares += term * term;
  }
  return sum + rounding_error((count / 2 + 1) * squares + (count / 3 + 1) * sum * sum);
}

/* e^x of a difference that was rounded, or with `exact` not; the exponential is within 2 u. */
static double exponential(double x, bool exact) { return rounded_times(exp(x), 4 + (exact ? 0 : x * x)); }
static double sigmoid(double x) { return rounded(1 / rounded(1 + exponential(-x, true))); }
static double silu(double x) { return rounded(x * sigmoid(x)); }
static double silu_slope(double x) {
  const double s = sigmoid(x);
  return rounded(s * rounded(1 + rounded(x * rounded(1 - s))));
}

static void write_numbers(size_t n, const double *from, void *to) {
  for (size_t i = 0; i < n; i++) ((double *)to)[i] = (double)(float)from[i];
}

static void add(size_t n, const void *x, void *y) {
  for (size_t i = 0; i < n; i++) ((double *)y)[i] = rounded(((double *)y)[i] + ((const double *)x)[i]);
}

static void scale_rows(size_t rows, size_t n, double factor, void *x, size_t x_row) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++) {
      double *at = (double *)x + r * x_row + i;
      *at = rounded(*at * (double)(float)factor);
    }
}

static void product(bool left, bool right, size_t rows, size_t columns, size_t inner, const void *A, size_t a,
                    const void *B, size_t b, double keep, void *C, size_t c) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < columns; i++) {
      double *at = (double *)C + r * c + i;
      const double sum = rounded_sum(inner, (const double *)A + r * (left ? 1 : a), left ? (ptrdiff_t)a : 1,
                                     (const double *)B + i * (right ? b : 1), right ? 1 : (ptrdiff_t)b);
      *at = keep == 0 ? sum : rounded(sum + keep * *at);
    }
}

static void embed_backward(size_t rows, size_t n, const uint32_t *tokens, const void *d_y, void *d_E) {
  for (size_t r = 0; r < rows; r++) add(n, (const double *)d_y + r * n, (double *)d_E + tokens[r] * n);
}

static void norm(const efla_device *device, size_t rows, size_t parts, size_t n, const void *x, size_t x_row,
                 const void *scale, void *y, void *by) {
  (void)device;
  for (size_t r = 0; r < rows; r++)
    for (size_t p = 0; p < parts; p++) {
      const double *from = (const double *)x + r * x_row + p * n, *factors = scale;
      const double mean = rounded(rounded_sum(n, from, 1, from, 1) / (double)n),
                   inverse = rounded(1 / rounded(sqrt(rounded(mean + (double)(float)EFLA_RMS_EPSILON))));
      for (size_t i = 0; i < n; i++) {
        const double unit = rounded(from[i] * inverse);
        ((double *)y)[(r * parts + p) * n + i] = factors ? rounded(unit * factors[i]) : unit;
      }
      ((double *)by)[r * parts + p] = inverse;
    }
}

static void norm_backward_part(size_t n, const double *x, const double *scale, double by, const double *d_y,
                               double *d_x, double *d_scale) {
  double g[MOST];
  ck_assert(n <= MOST);
  for (size_t i = 0; i < n; i++) g[i] = scale ? rounded(d_y[i] * scale[i]) : d_y[i];
  const double mean = rounded_times(rounded_sum(n, g, 1, x, 1) * by / (double)n, 2);
  for (size_t i = 0; i < n; i++) {
    const double c = rounded(x[i] * by);
    d_x[i] = rounded(d_x[i] + rounded(by * rounded(g[i] - rounded(c * mean))));
    if (d_scale) d_scale[i] = rounded(d_scale[i] + rounded(d_y[i] * c));
  }
}

static void norm_backward(const efla_device *device, size_t rows, size_t parts, size_t n, const void *x, size_t x_row,
                          const void *scale, const void *by, const void *d_y, void *d_x, void *d_scale) {
  (void)device;
  for (size_t r = 0; r < rows; r++)
    for (size_t p = 0; p < parts; p++)
      norm_backward_part(n, (const double *)x + r * x_row + p * n, scale, ((const double *)by)[r * parts + p],
                         (const double *)d_y + (r * parts + p) * n, (double *)d_x + r * x_row + p * n, d_scale);
}

static void convolve(const efla_device *device, size_t sequences, size_t tokens, size_t n, const void *x, const void *w,
                     void *z, void *y) {
  (void)device;
  for (size_t s = 0; s < sequences; s++)
    for (size_t t = 0; t < tokens; t++)
      for (size_t i = 0; i < n; i++) {
        const size_t at = (s * tokens + t) * n + i, width = t < EFLA_CONVOLUTION ? t + 1 : EFLA_CONVOLUTION;
        const double sum =
            rounded_sum(width, (const double *)w + i, (ptrdiff_t)n, (const double *)x + at, -(ptrdiff_t)n);
        ((double *)z)[at] = sum, ((double *)y)[at] = silu(sum);
      }
}

static void convolve_backward(const efla_device *device, size_t sequences, size_t tokens, size_t n, const void *x,
                              const void *w, const void *z, const void *d_y, void *d_z, void *d_x, void *d_w) {
  (void)device;
  const ptrdiff_t step = (ptrdiff_t)n;
  for (size_t i = 0; i < sequences * tokens * n; i++)
    ((double *)d_z)[i] = rounded(((const double *)d_y)[i] * silu_slope(((const double *)z)[i]));
  for (size_t s = 0; s < sequences; s++)
    for (size_t i = 0; i < n; i++) {
      const size_t at = s * tokens * n + i;
      const double *from = (const double *)x + at, *back = (const double *)d_z + at;
      for (size_t t = 0; t < tokens; t++) {
        const size_t width = tokens - t < EFLA_CONVOLUTION ? tokens - t : EFLA_CONVOLUTION;
        ((double *)d_x)[at + t * n] = rounded_sum(width, (const double *)w + i, step, back + t * n, step);
      }
      for (size_t j = 0; j < EFLA_CONVOLUTION && j < tokens; j++) {
        double *to = (double *)d_w + j * n + i;
        *to = rounded(*to + rounded_sum(tokens - j, back + j * n, step, from, step));
      }
    }
}

static void swiglu(const efla_device *device, size_t rows, size_t n, const void *ab, void *y) {
  (void)device;
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++) {
      const double *a = (const double *)ab + 2 * r * n;
      ((double *)y)[r * n + i] = rounded(silu(a[i]) * a[n + i]);
    }
}

static void swiglu_backward(const efla_device *device, size_t rows, size_t n, const void *ab, const void *d_y,
                            void *d_ab) {
  (void)device;
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++) {
      const double *a = (const double *)ab + 2 * r * n, by_y = ((const double *)d_y)[r * n + i];
      double *d_a = (double *)d_ab + 2 * r * n;
      d_a[i] = rounded(rounded(by_y * a[n + i]) * silu_slope(a[i])), d_a[n + i] = rounded(by_y * silu(a[i]));
    }
}

/* The maps themselves are computed in f64. */
static void map(efla_map map, size_t rows, size_t n, const void *x, const void *bias, void *y) {
  efla_device_find("cpu", EFLA_F64)->map(map, rows, n, x, bias, y);
  for (size_t i = 0; i < rows * n; i++) ((double *)y)[i] = rounded(((double *)y)[i]);
}

static void map_backward(efla_map map, size_t rows, size_t n, const void *x, const void *bias, const void *d_y,
                         void *d_x, void *d_bias) {
  double unused[MOST] = {0};
  ck_assert(n <= MOST);
  for (size_t r = 0; r < rows; r++) {
    double *d = (double *)d_x + r * n;
    efla_device_find("cpu", EFLA_F64)
        ->map_backward(map, 1, n, (const double *)x + r * n, bias, (const double *)d_y + r * n, d, unused);
    for (size_t i = 0; i < n; i++) d[i] = rounded_times(d[i], 2); /* the slope's rounding and the product's */
    add(n, d, d_bias);
  }
}

/* x becomes e^(x - most); their sum, and the largest of them. */
static double exponentials(size_t n, double *x, double *most) {
  const double one = 1;
  *most = x[0];
  for (size_t i = 1; i < n; i++) *most = fmax(*most, x[i]);
  for (size_t i = 0; i < n; i++) x[i] = exponential(x[i] - *most, false);
  return rounded_sum(n, x, 1, &one, 0);
}

static void attend(const efla_device *device, size_t tokens, size_t n, const void *q, const void *k, const void *v,
                   size_t q_row, size_t row, void *P, void *o, size_t o_row) {
  (void)device;
  const double by = (double)(float)(1 / sqrt((double)n));
  double most;
  for (size_t t = 0; t < tokens; t++) {
    double *p = (double *)P + t * tokens;
    memset(p, 0, tokens * sizeof *p);
    for (size_t s = 0; s <= t; s++)
      p[s] = rounded(by * rounded_sum(n, (const double *)q + t * q_row, 1, (const double *)k + s * row, 1));
    const double inverse = rounded(1 / exponentials(t + 1, p, &most));
    for (size_t s = 0; s <= t; s++) p[s] = rounded(inverse * p[s]);
    for (size_t i = 0; i < n; i++)
      ((double *)o)[t * o_row + i] = rounded_sum(t + 1, p, 1, (const double *)v + i, (ptrdiff_t)row);
  }
}

static void attend_backward(const efla_device *device, size_t tokens, size_t n, const void *q, const void *k,
                            const void *v, size_t q_row, size_t row, const void *P, const void *d_o, size_t o_row,
                            void *d_P, void *d_q, size_t d_q_row, void *d_k, void *d_v, size_t d_row) {
  (void)device;
  const double by = (double)(float)(1 / sqrt((double)n));
  product(true, false, tokens, n, tokens, P, tokens, d_o, o_row, 0, d_v, d_row);
  product(false, true, tokens, tokens, n, d_o, o_row, v, row, 0, d_P, tokens);
  for (size_t t = 0; t < tokens; t++) {
    const double *p = (const double *)P + t * tokens;
    double *d = (double *)d_P + t * tokens;
    const double mean = rounded_sum(t + 1, p, 1, d, 1);
    for (size_t s = 0; s < tokens; s++) d[s] = s <= t ? rounded(p[s] * rounded(d[s] - mean)) : 0;
  }
  product(false, false, tokens, n, tokens, d_P, tokens, k, row, 0, d_q, d_q_row);
  product(true, false, tokens, n, tokens, d_P, tokens, q, q_row, 0, d_k, d_row);
  scale_rows(tokens, n, by, d_q, d_q_row), scale_rows(tokens, n, by, d_k, d_row);
}

static void entropy(const efla_device *device, size_t rows, size_t n, void *logits, const int32_t *labels,
                    double weight, double *losses) {
  (void)device;
  for (size_t r = 0; r < rows; r++) {
    double *x = (double *)logits + r * n, e[MOST] = {0}, most;
    losses[r] = 0;
    if (labels[r] >= 0) {
      memcpy(e, x, n * sizeof *x);
      const double sum = exponentials(n, e, &most), share = rounded(weight / sum);
      losses[r] = log(sum) + most - x[labels[r]];
      for (size_t i = 0; i < n; i++) e[i] = rounded(share * e[i]);
      e[labels[r]] = rounded(e[labels[r]] - weight);
    }
    if (weight != 0) memcpy(x, e, n * sizeof *x);
  }
}

void rounding_device_open(efla_device *device, gsl_rng *draw) {
  static efla_device_row row;
  efla_message why;
  source = draw;
  row = *efla_device_find("cpu", EFLA_F64);
  row.write = write_numbers, row.add = add, row.scale = scale_rows, row.product = product;
  row.embed_backward = embed_backward, row.norm = norm, row.norm_backward = norm_backward;
  row.convolve = convolve, row.convolve_backward = convolve_backward;
  row.swiglu = swiglu, row.swiglu_backward = swiglu_backward, row.map = map, row.map_backward = map_backward;
  row.attend = attend, row.attend_backward = attend_backward, row.entropy = entropy;
  ck_assert_int_eq(efla_device_open(device, &row, NULL, &why), EFLA_OK);
  rounding_rule_open(device->backend);
}

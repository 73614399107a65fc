/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/device.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static void *allocate(size_t n, size_t size) {
  void *x = n <= SIZE_MAX / size ? efla_alloc(n * size + 1) : NULL;
  if (x) memset(x, 0, n * size);
  return x;
}

/* f and its slope at x, in f64: there are few of these numbers, and more only with a GELU. */
static double mapped(efla_map map, double x, double *slope) {
  const double s = 1 / (1 + exp(-x));
  switch (map) {
  case EFLA_MAP_SIGMOID:
    *slope = s * (1 - s);
    return s;
  case EFLA_MAP_TWICE_SIGMOID:
    *slope = 2 * s * (1 - s);
    return 2 * s;
  case EFLA_MAP_GELU: {
    const double normal = erfc(-x * M_SQRT1_2) / 2;
    *slope = normal + x * exp(-x * x / 2) * M_SQRT1_2 * M_2_SQRTPI / 2;
    return x * normal;
  }
  case EFLA_MAP_SOFTPLUS:
  case EFLA_MAP_MINUS_SOFTPLUS:
    break;
  }
  const double softplus = x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)), sign = map == EFLA_MAP_SOFTPLUS ? 1 : -1;
  *slope = sign * s;
  return sign * softplus;
}

#define REAL       float
#define NAME(stem) stem##_f32
#define GEMM       cblas_sgemm
#include "nn/device.inc"
#undef REAL
#undef NAME
#undef GEMM

#define REAL       double
#define NAME(stem) stem##_f64
#define GEMM       cblas_dgemm
#include "nn/device.inc"

const efla_device_row efla_devices[] = {CPU("cpu", EFLA_F32, f32), CPU("cpu", EFLA_F64, f64), {.name = NULL}};

const efla_device_row *efla_device_find(const char *name, efla_type type) {
  for (const efla_device_row *row = efla_devices; row->name; row++)
    if (!strcmp(row->name, name) && row->type == type) return row;
  return NULL;
}

efla_status efla_device_open(efla_device *device, const efla_device_row *row, const char *isa, efla_message *why) {
  *device = (efla_device){.row = row, .size = efla_type_size(row->type), .isa = efla_isa_best()};
  for (size_t i = 0; isa && efla_isa_name(i); i++)
    if (!strcmp(efla_isa_name(i), isa)) device->isa = efla_isa_at(i);
  efla_status status = efla_backend_open(row->name, &(efla_options){.isa = isa}, &device->backend);
  if (status == EFLA_OK) return EFLA_OK;
  *device = (efla_device){.row = NULL};
  return efla_fail(why, status, "%s", efla_last_message(NULL));
}

void efla_device_close(efla_device *device) {
  efla_backend_close(device->backend);
  *device = (efla_device){.row = NULL};
}

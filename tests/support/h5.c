/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5.h"

#include "files.h"
#include "testing.h"

#include <gsl/gsl_randist.h>

hid_t h5_create(const char *path) {
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  ck_assert_msg(file >= 0, "cannot create %s", path);
  return file;
}

void h5_close(hid_t file) { ck_assert_int_ge(H5Fclose(file), 0); }

void h5_put(hid_t file, const char *name, hid_t type, size_t rank, const hsize_t *size, const double *values) {
  hid_t space = H5Screate_simple((int)rank, size, NULL);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  ck_assert_msg(dataset >= 0, "cannot create %s", name);
  if (values) ck_assert_int_ge(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
  H5Dclose(dataset);
  H5Sclose(space);
}

void h5_room(hid_t file, const char *name, hid_t type, size_t rank, const hsize_t *size, const hsize_t *chunk) {
  hid_t space = H5Screate_simple((int)rank, size, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER);
  if (chunk) H5Pset_chunk(plist, (int)rank, chunk);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  ck_assert_msg(dataset >= 0, "cannot create %s", name);
  H5Dclose(dataset);
  H5Pclose(plist);
  H5Sclose(space);
}

static void attribute(hid_t file, const char *name, hid_t type, const void *value) {
  hid_t space = H5Screate(H5S_SCALAR), made = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  ck_assert_int_ge(H5Awrite(made, type, value), 0);
  H5Aclose(made);
  H5Sclose(space);
}

void h5_number(hid_t file, const char *name, double value) { attribute(file, name, H5T_NATIVE_DOUBLE, &value); }

/* Of variable length, as h5py writes texts. */
void h5_text(hid_t file, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  attribute(file, name, type, &text);
  H5Tclose(type);
}

hid_t h5_float(size_t bits, size_t exponent, size_t mantissa) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  ck_assert_int_ge(H5Tset_fields(type, exponent + mantissa, mantissa, exponent, 0, mantissa), 0);
  ck_assert_int_ge(H5Tset_ebias(type, ((size_t)1 << (exponent - 1)) - 1), 0);
  ck_assert_int_ge(H5Tset_precision(type, bits), 0);
  ck_assert_int_ge(H5Tset_size(type, bits / 8), 0);
  return type;
}

void h5_put_tokens(hid_t file, const char *name, hid_t type, const h5_sizes *sizes, size_t width,
                   const double *values) {
  hsize_t size[4];
  size_t rank = 0;
  if (sizes->batch) size[rank++] = sizes->batch;
  size[rank++] = sizes->tokens;
  if (sizes->heads) size[rank++] = sizes->heads;
  if (width) size[rank++] = width;
  h5_put(file, name, type, rank, size, values);
}

double *h5_numbers(const h5_sizes *sizes, char what, double norm) {
  size_t n = (sizes->batch ? sizes->batch : 1) * sizes->tokens * (sizes->heads ? sizes->heads : 1);
  size_t width = what == 'v' ? sizes->dv : what == 'b' ? 1 : sizes->dk;
  double *values = testing_poison(n * width);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() * 256 + (unsigned char)what);
  double deviation = what == 'v' ? 1 : (what == 'k' ? norm : 1) / sqrt((double)sizes->dk);
  for (size_t i = 0; i < n * width; i++) {
    double value = gsl_ran_gaussian(draw, deviation);
    values[i] = (double)(float)(what == 'b' ? 1 / (1 + exp(-value)) : value);
  }
  gsl_rng_free(draw);
  return values;
}

void h5_inputs(hid_t file, const h5_sizes *sizes, double norm) {
  static const char *const names[] = {"q", "k", "v", "beta"};
  for (size_t i = 0; i < 4; i++) {
    double *values = h5_numbers(sizes, *names[i], norm);
    h5_put_tokens(file, names[i], H5T_IEEE_F32LE, sizes, i < 2 ? sizes->dk : i == 2 ? sizes->dv : 0, values);
    free(values);
  }
}

double *h5_get(const char *path, const char *name, size_t n) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
  ck_assert_msg(dataset >= 0, "%s: no %s", path, name);
  hid_t space = H5Dget_space(dataset);
  ck_assert_int_eq(H5Sget_simple_extent_npoints(space), (hssize_t)n);
  double *values = testing_poison(n);
  ck_assert_int_ge(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  return values;
}

char h5_path[256];

hid_t h5_fresh(const char *name) {
  static const char *directory, *last;
  if (!last || strcmp(last, name) != 0) directory = files_directory(name);
  last = name;
  snprintf(h5_path, sizeof h5_path, "%s/in.h5", directory);
  return h5_create(h5_path);
}

efla_tensors h5_open_fresh(void) {
  efla_tensors file;
  efla_message why = {{0}};
  ck_assert_msg(efla_tensors_open(&file, h5_path, &why) == EFLA_OK, "%s", why.text);
  return file;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/stored.h"

#include "io/chunks.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local efla_message reason;

/* Of the description of a failed system call, a list of file, descriptor and time, keeps the error message, such as 'No
 * space left on device'. */
static herr_t note_innermost(unsigned n, const H5E_error2_t *error, void *unused) {
  (void)unused;
  if (n > 0 || !error->desc) return 0;
  static const char before[] = "error message = '";
  const char *system = strstr(error->desc, before), *text = system ? system + strlen(before) : error->desc;
  size_t length = system ? strcspn(text, "'") : strlen(text);
  snprintf(reason.text, sizeof reason.text, "%.*s", (int)length, text);
  return 0;
}

/* HDF5 calls this instead of printing, once for each of its functions that fails. */
static herr_t on_failure(hid_t stack, void *unused) {
  if (!*reason.text) H5Ewalk2(stack, H5E_WALK_UPWARD, note_innermost, unused);
  return 0;
}

/* HDF5's handler at exit crashes after a file that could not be flushed, so it is switched off; all that is opened here
 * is also closed. */
void efla_stored_begin(void) {
  static bool begun;
  if (!begun) H5dont_atexit();
  begun = true;
  H5Eset_auto2(H5E_DEFAULT, on_failure, NULL);
  efla_chunks_begin();
  *reason.text = 0;
}

const char *efla_stored_reason(void) { return *reason.text ? reason.text : "no reason given"; }

hid_t efla_stored_open(const char *path) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_sec2(access); /* the driver whose handle is a file descriptor */
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
  H5Pclose(access);
  return file;
}

efla_watch efla_stored_watch(hid_t object) {
  hid_t file = H5Iget_file_id(object);
  void *handle = NULL;
  hsize_t size;
  efla_watch watch = efla_watch_begin(H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 ? *(int *)handle : -1);
  if (H5Fget_filesize(file, &size) >= 0)
    watch.size = (off_t)size; /* the size when it was opened, which may be long ago */
  H5Fclose(file);
  return watch;
}

efla_status efla_stored_unchanged(hid_t object, const efla_watch *watch, efla_message *why) {
  char path[400] = ""; /* leaves room for the rest of the message */
  H5Fget_name(object, path, sizeof path);
  return efla_watch_check(watch, path, why);
}

static hsize_t chunks_of(hid_t space, hid_t plist) {
  hsize_t size[H5S_MAX_RANK], chunk[H5S_MAX_RANK], n = 1;
  int rank = H5Sget_simple_extent_dims(space, size, NULL);
  H5Pget_chunk(plist, H5S_MAX_RANK, chunk);
  for (int i = 0; i < rank; i++) n *= size[i] / chunk[i] + (size[i] % chunk[i] > 0);
  return n;
}

efla_status efla_stored_written(hid_t dataset, const char *path, const char *name, efla_message *why) {
  hid_t plist = H5Dget_create_plist(dataset), space = H5Dget_space(dataset);
  bool chunked = H5Pget_layout(plist) == H5D_CHUNKED, elsewhere = H5Pget_layout(plist) == H5D_VIRTUAL;
  hsize_t expected = chunked ? chunks_of(space, plist) : 1, found = 0;
  efla_status status = EFLA_OK;
  if (chunked && H5Dget_num_chunks(dataset, space, &found) < 0)
    status = efla_fail(why, EFLA_INPUT, "%s: %s: cannot read, truncated or damaged: %s; expected a whole HDF5 file",
                       path, name, efla_stored_reason());
  if (!chunked) found = H5Dget_storage_size(dataset) > 0;
  elsewhere |= H5Pget_external_count(plist) > 0;
  if (status == EFLA_OK && H5Sget_simple_extent_npoints(space) > 0) {
    if (elsewhere)
      status = efla_fail(why, EFLA_INPUT, "%s: %s: its numbers are in other files (%s), expected them in this one",
                         path, name, H5Pget_layout(plist) == H5D_VIRTUAL ? "a virtual dataset" : "external storage");
    else if (found == 0)
      status =
          efla_fail(why, EFLA_INPUT, "%s: %s: never written, expected numbers and not only room for them", path, name);
    else if (found < expected)
      status = efla_fail(why, EFLA_INPUT, "%s: %s: %llu of %llu chunks never written, expected numbers in all of them",
                         path, name, (unsigned long long)(expected - found), (unsigned long long)expected);
  }
  H5Pclose(plist);
  H5Sclose(space);
  return status;
}

hid_t efla_stored_properties(void) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

/* A float with an exponent field of e bits, whose largest value encodes inf and nan. */
static bool float_format(hid_t type, efla_format *format) {
  size_t sign, exponent_at, e, mantissa_at, m, bias = H5Tget_ebias(type);
  if (H5Tget_fields(type, &sign, &exponent_at, &e, &mantissa_at, &m) < 0 || e == 0 || e > 15 || m == 0) return false;
  int digits = (int)m + (H5Tget_norm(type) == H5T_NORM_IMPLIED), least = 1 - (int)bias, most = (1 << e) - 2 - (int)bias;
  if (digits > DBL_MANT_DIG) digits = DBL_MANT_DIG;
  if (least < DBL_MIN_EXP - 1) least = DBL_MIN_EXP - 1;
  double largest = most >= DBL_MAX_EXP ? DBL_MAX : ldexp(2 - ldexp(1, 1 - digits), most);
  *format = (efla_format){"a float", "a float type of its own", digits, least, largest, true};
  for (const efla_format *f = efla_formats; f->name; f++)
    if (f->digits == digits && f->least == least) *format = *f;
  return true;
}

bool efla_stored_format(hid_t type, efla_format *format) {
  switch (H5Tget_class(type)) {
  case H5T_FLOAT:
    return float_format(type, format);
  case H5T_INTEGER:
    *format = *efla_format_find("f64");
    format->name = "an integer", format->what = "an integer type";
    if (H5Tget_precision(type) < DBL_MANT_DIG) format->digits = (int)H5Tget_precision(type);
    return true;
  default:
    return false;
  }
}

static efla_status wrong(const char *path, const char *name, const char *expected, efla_message *why) {
  return efla_fail(why, EFLA_INPUT, "%s: attribute %s: expected %s", path, name, expected);
}

efla_status efla_stored_number(hid_t file, const char *path, const char *name, double *value, efla_message *why) {
  if (H5Aexists(file, name) <= 0) return EFLA_OK;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), space = H5Aget_space(attribute), type = H5Aget_type(attribute);
  efla_format format;
  bool one = space >= 0 && type >= 0 && H5Sget_simple_extent_npoints(space) == 1 && efla_stored_format(type, &format) &&
             H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0 && isfinite(*value);
  H5Tclose(type);
  H5Sclose(space);
  H5Aclose(attribute);
  return one ? EFLA_OK : wrong(path, name, "one finite number", why);
}

/* A string of fixed length, which need not end with a zero byte. */
static bool fixed_text(hid_t attribute, hid_t type, char *value, size_t size) {
  size_t length = H5Tget_size(type);
  if (length == 0 || length >= size) return false;
  memset(value, 0, size);
  return H5Aread(attribute, type, value) >= 0;
}

static bool variable_text(hid_t attribute, hid_t type, char *value, size_t size) {
  char *text = NULL;
  if (H5Aread(attribute, type, &text) < 0 || !text) return false;
  bool fits = strlen(text) < size;
  if (fits) strcpy(value, text); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): it fits */
  H5free_memory(text);
  return fits;
}

efla_status efla_stored_text(hid_t file, const char *path, const char *name, char *value, size_t size,
                             efla_message *why) {
  if (H5Aexists(file, name) <= 0) return EFLA_OK;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), space = H5Aget_space(attribute), type = H5Aget_type(attribute);
  bool text = space >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(type) == H5T_STRING;
  if (text)
    text = H5Tis_variable_str(type) > 0 ? variable_text(attribute, type, value, size)
                                        : fixed_text(attribute, type, value, size);
  H5Tclose(type);
  H5Sclose(space);
  H5Aclose(attribute);
  return text ? EFLA_OK : wrong(path, name, "a short text", why);
}

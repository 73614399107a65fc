/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 functions shared by readers and writers of tensor files and checkpoints; not for programs. */
#ifndef EFLA_IO_STORED_H
#define EFLA_IO_STORED_H

#include "number/format.h"
#include "io/watch.h"
#include "base/status.h"

#include <hdf5.h>

/* To be called before a file is opened: switches off HDF5's messages on standard error and keeps the reason of the next
 * failure for efla_stored_reason. */
void efla_stored_begin(void);

/* The innermost reason of HDF5's first failure since efla_stored_begin, to append to a message. */
const char *efla_stored_reason(void);

/* Opens a file to read with HDF5's sec2 driver, whatever driver the environment sets; negative where HDF5 fails. */
hid_t efla_stored_open(const char *path);

/* Records the status of the file of an open object (a file, or a dataset, which can be in another file by an external
 * link) as it was when HDF5 opened it; and checks that it has not changed since, as efla_watch_check does. */
efla_watch efla_stored_watch(hid_t object);
efla_status efla_stored_unchanged(hid_t object, const efla_watch *watch, efla_message *why);

/* Fails with EFLA_INPUT where numbers of a dataset were never written, for which HDF5 would return the fill value: a
 * dataset or some of its chunks without storage, or storage in other files (virtual, external), which may be missing.
 * This cannot be detected where storage was allocated when the dataset was created (compact layout, early allocation),
 * nor for parts of a contiguous dataset or of a chunk.  Empty datasets pass. */
efla_status efla_stored_written(hid_t dataset, const char *path, const char *name, efla_message *why);

/* Creation properties of datasets without time stamps, so that the same numbers give the same bytes; to be closed. */
hid_t efla_stored_properties(void);

/* The format of a stored float or integer type; false for any other type (strings, compounds, complex numbers, opaque
 * bytes).  An integer type of n bits counts as a float of n digits.  Digits beyond those of f64, to which all numbers
 * are converted, are ignored. */
bool efla_stored_format(hid_t type, efla_format *format);

/* Reads an attribute of the root; *value or value is unchanged where there is none.  Fail with EFLA_INPUT where it is
 * not one finite number, or not a text shorter than size. */
efla_status efla_stored_number(hid_t file, const char *path, const char *name, double *value, efla_message *why);
efla_status efla_stored_text(hid_t file, const char *path, const char *name, char *value, size_t size,
                             efla_message *why);

#endif

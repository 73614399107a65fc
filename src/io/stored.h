/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What HDF5 stores, in the toolkit's terms; what readers and writers of tensors and checkpoints share, not for
 * users. */
#ifndef EFLA_IO_STORED_H
#define EFLA_IO_STORED_H

#include "number/format.h"
#include "io/watch.h"
#include "base/status.h"

#include <hdf5.h>

/* Before a file is opened: HDF5 says nothing on standard error any more, and what went wrong goes into our
 * sentences. */
void efla_stored_begin(void);

/* The innermost reason that HDF5 had for its first failure since then, for the end of a sentence. */
const char *efla_stored_reason(void);

/* Opens to read, by the system's own calls whatever driver the environment asks for; negative where HDF5 fails. */
hid_t efla_stored_open(const char *path);

/* Watches the file that an open object is in (itself, or a dataset, which a link can lead to in another file), as it
 * was when HDF5 opened it; and says whether it has changed since, as efla_watch_check does. */
efla_watch efla_stored_watch(hid_t object);
efla_status efla_stored_unchanged(hid_t object, const efla_watch *watch, efla_message *why);

/* EFLA_INPUT where a dataset's numbers are not there, and HDF5 would read its fill value instead (zero, or one that was
 * set: a number that nobody wrote is refused either way): never written, some of its chunks never written, or kept in
 * other files (virtual, external storage), which may be missing.  Cannot be told where space was set aside when the
 * dataset was made (compact, or allocated early), nor of parts of a contiguous dataset or of a chunk.  One without
 * numbers is left to whoever checks its shape. */
efla_status efla_stored_written(hid_t dataset, const char *path, const char *name, efla_message *why);

/* How datasets are made that bear no times, so that the same numbers are the same bytes; to be closed. */
hid_t efla_stored_properties(void);

/* "(2,128,4,64)", written to text. */
enum { EFLA_SHAPE_TEXT = 128 };
const char *efla_stored_shape(size_t rank, const hsize_t *size, char text[EFLA_SHAPE_TEXT]);

/* The format of a stored float or integer type; false for any other type (strings, compounds, complex numbers, bytes
 * that HDF5 cannot read as numbers).  An integer type of n bits counts as a float of n digits.  Digits past those of
 * f64, which all numbers become, do not count. */
bool efla_stored_format(hid_t type, efla_format *format);

/* The attribute of that name on the root, left as it is where there is none.  Fails with EFLA_INPUT where it is not one
 * finite number, not a text shorter than size. */
efla_status efla_stored_number(hid_t file, const char *path, const char *name, double *value, efla_message *why);
efla_status efla_stored_text(hid_t file, const char *path, const char *name, char *value, size_t size,
                             efla_message *why);

#endif

/* What HDF5 stores, in the toolkit's terms; what readers and writers of tensors and checkpoints share, not for users. */
#ifndef EFLA_IO_STORED_H
#define EFLA_IO_STORED_H

#include "number/format.h"
#include "base/status.h"

#include <hdf5.h>

/* Before a file is opened: HDF5 says nothing on standard error any more, and what went wrong goes into our sentences. */
void efla_stored_begin(void);

/* The innermost reason that HDF5 had for its first failure since then, for the end of a sentence. */
const char *efla_stored_reason(void);

/* "(2,128,4,64)", written to text. */
enum { EFLA_SHAPE_TEXT = 128 };
const char *efla_stored_shape(size_t rank, const hsize_t *size, char text[EFLA_SHAPE_TEXT]);

/* The format of a stored float or integer type; false for any other type (strings, compounds, complex numbers, bytes that HDF5
 * cannot read as numbers).  An integer type of n bits counts as a float of n digits.  Digits past those of f64, which all
 * numbers become, do not count. */
bool efla_stored_format(hid_t type, efla_format *format);

/* The attribute of that name on the root, left as it is where there is none.  Fails with EFLA_INPUT where it is not one finite
 * number, not a text shorter than size. */
efla_status efla_stored_number(hid_t file, const char *path, const char *name, double *value, efla_message *why);
efla_status efla_stored_text(hid_t file, const char *path, const char *name, char *value, size_t size, efla_message *why);

#endif

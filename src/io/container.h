/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Containers of named arrays: what a tensor file is to its readers and writers, whatever its format; internal to io.
 *
 * A format is a row of efla_container_kinds: it finds an array by its name, describes it, and transfers boxes of it as
 * f64.  What the arrays mean, their names, shapes and ranges, is io/tensors.h's.  All messages name the file, and the
 * array where there is one.  Unless it is said otherwise, functions fail with EFLA_INPUT or EFLA_NO_MEMORY when reading
 * and with EFLA_OUTPUT or EFLA_NO_MEMORY when writing. */
#ifndef EFLA_IO_CONTAINER_H
#define EFLA_IO_CONTAINER_H

#include "base/status.h"
#include "io/element.h"

#include <stdbool.h>
#include <stddef.h>

enum { EFLA_DATASET_AXES = 32 }; /* as in HDF5, and fewer than NumPy's 64 */

typedef struct efla_container_kind efla_container_kind;

/* The part of an open file that all formats have; a format's own struct begins with it. */
typedef struct efla_container {
  const efla_container_kind *kind;
  char *path;
} efla_container;

/* An array of the file, likewise. */
typedef struct efla_dataset {
  efla_container *container;
  const char *name; /* the caller's, which outlives the dataset */
  size_t rank, size[EFLA_DATASET_AXES];
  efla_format format; /* of its numbers; a row of efla_formats where there is one */
  /* Shape and unpacked bytes of chunks that are always unpacked as a whole; rank 0: any part can be read directly. */
  size_t chunk_rank, chunk[EFLA_DATASET_AXES], chunk_bytes;
} efla_dataset;

/* A part of an array, in the array's order of axes; n: its numbers, which are contiguous in memory. */
typedef struct efla_box {
  size_t rank, n, start[4], count[4];
} efla_box;

struct efla_container_kind {
  const char *name;   /* in messages: "an HDF5 file" is HDF5 */
  const char *ending; /* of the names of files that are written in it */
  bool crashes;       /* its library may crash on a damaged file, which is therefore tried first (sandboxed_open.h) */
  bool bare;          /* has no attributes */
  size_t copies;      /* how often the numbers are on the disk for a while when they are written */

  bool (*holds)(int descriptor); /* by the first bytes of the file */
  efla_status (*open)(efla_container **opened, const char *path, efla_message *why); /* *opened is not touched then */
  /* *found is NULL where there is no array of that name.  Fails where it is no array of numbers. */
  efla_status (*find)(efla_container *container, const char *name, efla_dataset **found, efla_message *why);
  /* Fails where there is only room for the numbers (efla_stored_written); NULL: the format knows no such thing. */
  efla_status (*written)(const efla_dataset *dataset, efla_message *why);
  /* An attribute; *value or value is unchanged where there is none.  Fail where it is not one finite number, or not a
   * text shorter than size. */
  efla_status (*number)(efla_container *container, const char *name, double *value, efla_message *why);
  efla_status (*text)(efla_container *container, const char *name, char *value, size_t size, efla_message *why);
  /* Reads a box; fails also where the file has changed since it was opened. */
  efla_status (*fetch)(efla_dataset *dataset, const efla_box *box, double *values, efla_message *why);
  /* Whether the file, or that of one of its arrays, is as it was when it was opened; dataset NULL: the file itself. */
  efla_status (*unchanged)(const efla_container *container, const efla_dataset *dataset, efla_message *why);

  /* NULL where the format is only read.  What is made may have a row of its own, by whose members it is written.
   * Arrays are declared before the first box is stored; boxes that are not stored are zeros. */
  efla_status (*create)(efla_container **made, const char *path, efla_message *why);
  efla_status (*declare)(efla_container *container, const char *name, const efla_element *element, size_t rank,
                         const size_t *size, efla_dataset **made, efla_message *why);
  efla_status (*store)(efla_dataset *dataset, const efla_box *box, const double *values, efla_message *why);
  efla_status (*write_number)(efla_container *container, const char *name, double value, efla_message *why);
  efla_status (*write_text)(efla_container *container, const char *name, const char *text, efla_message *why);

  /* Both accept what was read and what was written.  Datasets are released before their container, whose close fails
   * with EFLA_OUTPUT where a written file cannot be completed; all is freed in any case. */
  bool (*release)(efla_dataset *dataset); /* false: as for close */
  efla_status (*close)(efla_container *container, bool complete, efla_message *why);
};

extern const efla_container_kind *const efla_container_kinds[]; /* ends with NULL */
extern const efla_container_kind efla_hdf5_kind, efla_npz_kind, efla_npy_kind, efla_safetensors_kind;

/* The format of a file that is to be read, by its contents. */
efla_status efla_container_recognise(const char *path, const efla_container_kind **kind, efla_message *why);

/* The format of a file that is to be written, by the ending of its name, which ".part" may follow (io/output.h); HDF5
 * for any ending that is no format's.  Fails with EFLA_OUTPUT where the format is only read. */
efla_status efla_container_named(const char *path, const efla_container_kind **kind, efla_message *why);

/* "(2,128,4,64)", written to text. */
enum { EFLA_SHAPE_TEXT = 128 };
const char *efla_shape_text(size_t rank, const size_t *size, char text[EFLA_SHAPE_TEXT]);

#endif

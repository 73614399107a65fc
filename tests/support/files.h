/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the tests of readers and programs need: IDX files of random pixels, compressed files, directories. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>

/* Fills an IDX file of bytes with the sizes given (dimensions) and random contents; returns its length, at most room.
 * Contents follow from testing_seed() and the sizes. */
size_t files_idx(unsigned char *file, size_t room, size_t dimensions, const size_t *size);

/* The gzip stream of n bytes, as gzip -6 makes it; returns its length, at most room. */
size_t files_gzip(unsigned char *gzip, size_t room, const unsigned char *bytes, size_t n);

/* The xz stream of n bytes, as xz -6 makes it. */
size_t files_xz(unsigned char *xz, size_t room, const unsigned char *bytes, size_t n);

void files_write(const char *path, const void *bytes, size_t n);

/* Makes the directory TEST_WORK/name, empty; at most 16 in a process, whose paths stay valid. */
const char *files_directory(const char *name);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LZF, the compression that h5py calls "lzf".
 *
 * Packed bytes are a sequence of items, each of which begins with a control byte c:
 *
 *     c < 32     a literal: the c + 1 bytes that follow
 *     c >= 32    a copy of n bytes of the output from (c mod 32) 256 + b + 1 bytes back, where b is the item's last
 *                byte; n = [c/32] + 2, plus the byte between c and b where [c/32] = 7.  The copy may overlap
 *                the bytes that it writes. */
#ifndef EFLA_IO_LZF_H
#define EFLA_IO_LZF_H

#include <stddef.h>

/* Unpacks n bytes to `bytes` (NULL: not written) and returns the unpacked size; 0 where the input is invalid (a
 * truncated item, or a copy from before the first byte) or unpacks to more than `most` bytes. */
size_t efla_lzf_unpack(size_t n, const unsigned char *packed, size_t most, unsigned char *bytes);

#endif

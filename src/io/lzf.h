/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LZF, the compression that h5py calls "lzf".
 *
 * Packed bytes are a sequence of items, each of which begins with a control byte c:
 *
 *     c < 32     c + 1 bytes follow, which stand for themselves
 *     c >= 32    n bytes that stood already before, from (c mod 32) 256 + b + 1 bytes back on, b being the item's last byte;
 *                n = [c/32] + 2, and where [c/32] = 7, the byte between c and b more.  They may reach into
 * themselves. */
#ifndef EFLA_IO_LZF_H
#define EFLA_IO_LZF_H

#include <stddef.h>

/* How many bytes the n bytes of `packed` stand for, which are written to `bytes` unless that is NULL.  0 where they are
 * no such sequence (an item is cut, or refers to what is before the first byte) or stand for more than `most`. */
size_t efla_lzf_unpack(size_t n, const unsigned char *packed, size_t most, unsigned char *bytes);

#endif

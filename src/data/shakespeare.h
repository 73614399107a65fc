/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of data/shakespeare.txt, embedded at build time; internal to data/text.c. */
#ifndef EFLA_DATA_SHAKESPEARE_H
#define EFLA_DATA_SHAKESPEARE_H

extern const unsigned char efla_shakespeare[], efla_shakespeare_end[];

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels with decays per channel or an erase key, and with switches for their faults, written apart from the library:
 * inputs and outputs go into a tensor file. */
#ifndef CHANNEL_KERNEL_H
#define CHANNEL_KERNEL_H

#include "h5.h"

#include <stdbool.h>

typedef struct channel_kernel {
  h5_sizes sizes;
  const char *decay;         /* lie, strang, exact: with g per channel; none, split, joint: without */
  bool f64;                  /* arithmetic and outputs; otherwise f32 */
  bool erase_key, ignores_p; /* mu of either sign and 0 */
  bool after, mean;          /* the decay after the update; of the channels' g the mean */
  bool reads_before;         /* o from the state before, decayed */
  bool unit_keys;            /* keys are normalised */
  double rate;               /* g = -rate times 0 ... 8; of constant g the channel's */
  bool constant;             /* g does not depend on the token */
} channel_kernel;

/* Sizes (2, 100, 3, 12, 8), g down to -.4, in f32. */
channel_kernel channel_kernel_right(const char *decay);

void channel_kernel_write(const channel_kernel *kernel, const char *path);

#endif

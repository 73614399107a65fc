/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decay of a tensor file: the one that is asked for, or the one that its datasets suggest. */
#ifndef EFLA_IO_FILE_DECAY_H
#define EFLA_IO_FILE_DECAY_H

#include "io/tensors.h"

/* The dataset of a decay's argument; EFLA_TENSORS where it takes none, and for NULL. */
efla_tensor efla_decay_tensor(const efla_decay *decay);

/* *chosen: the row `asked`, or where it is NULL split if the file has g, retention if it has alpha, none otherwise.
 * Fails with EFLA_INPUT where the file lacks the argument of `asked`, or has one per channel and `asked` takes one per
 * head, and where nothing is asked of a file that has both. */
efla_status efla_file_decay(const efla_tensors *file, const efla_decay *asked, const efla_decay **chosen,
                            efla_message *why);

/* Values of an option for it: "file", by the datasets; the names of efla_decays; and, of g per channel only, "lie",
 * which is split, and "exact", the flow of decay and erasure together, which is joint with g per channel and which
 * ode/channel_exact.h alone computes.  The row of a value, NULL for "file". */
const char *efla_file_decay_name(size_t i);
const efla_decay *efla_file_decay_asked(size_t i);

/* As efla_file_decay, by the value of such an option; where *chosen is joint the file's g is per channel exactly for
 * "exact".  Fails also where "lie" or "exact" is asked of a file without g per channel. */
efla_status efla_file_decay_by_option(const efla_tensors *file, size_t i, const efla_decay **chosen, efla_message *why);

/* Whether a decay of a file is the exact flow with g per channel. */
bool efla_file_decay_exact(const efla_tensors *file, const efla_decay *decay);

/* The name of the option's value by which a decay is told from every other: "lie" for split with g per channel, "exact"
 * for joint, and otherwise that of the row. */
const char *efla_decay_called(bool g_per_channel, const efla_decay *decay);
const char *efla_file_decay_called(const efla_tensors *file, const efla_decay *decay);

#endif

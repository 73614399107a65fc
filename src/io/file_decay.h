/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decay of a tensor file: the one that is asked for, or the one that its datasets suggest. */
#ifndef EFLA_IO_FILE_DECAY_H
#define EFLA_IO_FILE_DECAY_H

#include "io/tensors.h"

/* The dataset of a decay's argument; EFLA_TENSORS where it takes none, and for NULL. */
efla_tensor efla_decay_tensor(const efla_decay *decay);

/* *chosen: the row `asked`, or where it is NULL split if the file has g, retention if it has alpha, none otherwise.
 * Fails with EFLA_INPUT where the file lacks the argument of `asked`, and where nothing is asked of a file that has
 * both. */
efla_status efla_file_decay(const efla_tensors *file, const efla_decay *asked, const efla_decay **chosen,
                            efla_message *why);

/* Values of an option for it: "file", by the datasets, then the names of efla_decays; and the row of a value, NULL for
 * "file". */
const char *efla_file_decay_name(size_t i);
const efla_decay *efla_file_decay_asked(size_t i);

#endif

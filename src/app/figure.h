/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures of results, drawn by gnuplot with the scripts in plots/. */
#ifndef EFLA_APP_FIGURE_H
#define EFLA_APP_FIGURE_H

#include "base/status.h"

#include <stddef.h>

/* Whether a picture of this name can be drawn with this script (its stem, such as "diagnose"); to be called
 * before anything is computed. The name must end in .svg, .pdf or .png. plots/SCRIPT.gp is searched in the
 * directory that the environment variable EFLA_DATADIR names, or else in ../share/efla relative to the
 * program, or in the source tree whose bin or build/MODE/bin contains the program. gnuplot must be installed.
 * Fails with EFLA_OUTPUT, EFLA_NO_MEMORY. */
efla_status efla_figure_check(const char *script, const char *picture, efla_message *why);

/* One definition for the script: the value of its string variable `name`. */
typedef struct efla_figure_text {
  const char *name, *value;
} efla_figure_text;

/* Draws table (length bytes: a CSV table with its header) into the file `picture`, which is then complete or
 * unchanged (io/output.h): gnuplot draws in memory, and only a complete picture is written. texts (n):
 * definitions for the script. Fails as efla_figure_check does, and with EFLA_OUTPUT where gnuplot fails (its
 * messages are then on standard error), where the picture is truncated, or where it cannot be written. */
efla_status efla_figure_draw(const char *script, const char *table, size_t length, size_t n,
                             const efla_figure_text *texts, const char *picture, efla_message *why);

#endif

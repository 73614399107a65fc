/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures of results by gnuplot, from the scripts in plots/. */
#ifndef EFLA_APP_FIGURE_H
#define EFLA_APP_FIGURE_H

#include "base/status.h"

#include <stddef.h>

/* Whether a picture of this name can be drawn by this script (its stem: "diagnose"), before anything is computed for
 * it: the name ends in .svg, .pdf or .png; plots/SCRIPT.gp is in the directory of the variable EFLA_DATADIR, or else in
 * ../share/efla as seen from the program, or in the tree whose bin or build/MODE/bin the program is in; gnuplot is
 * installed.  Fails with EFLA_OUTPUT, EFLA_NO_MEMORY. */
efla_status efla_figure_check(const char *script, const char *picture, efla_message *why);

/* One definition for the script: its string variable `name`. */
typedef struct efla_figure_text {
  const char *name, *value;
} efla_figure_text;

/* Draws table (length bytes: a CSV table with its header) into picture, whole or not at all: gnuplot draws in memory,
 * and what it drew is written (io/output.h) if it is complete.  texts (n) as said.  Fails as efla_figure_check does,
 * and with EFLA_OUTPUT where gnuplot fails, its own words being then on standard error, where its picture is cut, or
 * where it cannot be written. */
efla_status efla_figure_draw(const char *script, const char *table, size_t length, size_t n,
                             const efla_figure_text *texts, const char *picture, efla_message *why);

#endif

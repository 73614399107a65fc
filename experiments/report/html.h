/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of an HTML page. All write to standard output. */
#ifndef EXPERIMENTS_REPORT_HTML_H
#define EXPERIMENTS_REPORT_HTML_H

#include "laboratory.h"

/* printf, with <, >, & and " of the result escaped; at most 4095 bytes. */
void html_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The bytes of a file, with a zero behind them, to be freed; NULL where it cannot be read. */
char *html_read(const char *path);

/* A file that is a part of the page, as it is but for "$root$" before links, which other pages need and this one does
 * not. Fails with EFLA_INPUT. */
efla_status html_include(const char *path, efla_message *why);

/* An SVG file as an element of the page: its ids, and what refers to them, get the prefix, since those of all figures
 * are alike; `title` names it for screen readers. Fails with EFLA_INPUT. */
efla_status html_figure(const char *path, const char *prefix, const char *title, efla_message *why);

#endif

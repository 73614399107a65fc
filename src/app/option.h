/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The values of options: from text to numbers, names and lists, with a sentence where that cannot be.  Of the command
 * line's own use. */
#ifndef EFLA_APP_OPTION_H
#define EFLA_APP_OPTION_H

#include "app/cli.h"

#include <argp.h>
#include <stdbool.h>

/* Reads the text as the option's value into option->to.  False after a usage error, of which argp has written a
 * sentence. */
bool efla_option_assign(struct argp_state *state, const efla_option *option, const char *text);

/* Whether it takes several values. */
bool efla_option_is_list(const efla_option *option);

/* As asprintf, to be freed; ends the program where memory does. */
char *efla_option_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "before a, b, c", separated as given; to be freed. */
char *efla_option_names(const char *before, const char *separator, const char *(*names)(size_t row));

#endif

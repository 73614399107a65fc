/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of options: text to numbers, names and lists, with a usage error where the text is not valid. Used
 * by cli.c only. */
#ifndef EFLA_APP_OPTION_H
#define EFLA_APP_OPTION_H

#include "app/cli.h"

#include <argp.h>
#include <stdbool.h>

/* Parses the text as the option's value and stores it in option->to. False after a usage error, which argp
 * has written to standard error. */
bool efla_option_assign(struct argp_state *state, const efla_option *option, const char *text);

/* Whether the option takes several values. */
bool efla_option_is_list(const efla_option *option);

/* Ends the program, which has no output yet, with a sentence. */
_Noreturn void efla_option_no_memory(void);

/* As asprintf; to be freed. Ends the program where memory runs out. */
char *efla_option_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "before a, b, c" with the separator given; to be freed. */
char *efla_option_names(const char *before, const char *separator, const char *(*names)(size_t row));

#endif

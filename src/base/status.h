/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the environment can do to us: memory, files, bad input, an oracle outside its domain; and, last, what a program
 * can find.
 *
 * A caller's bug is an assertion; numerical blow-up is data, until a program has to say that it has seen it.
 * Everything else is one of these, together with a sentence for the user.  The library's codes (efla/status.h) come
 * first. */
#ifndef EFLA_BASE_STATUS_H
#define EFLA_BASE_STATUS_H

#include "efla/status.h"

#define EFLA_NO_MEMORY  EFLA_NO_MEMORY    /* an allocation failed */
#define EFLA_INPUT      ((efla_status)64) /* a file or an option does not hold what it should */
#define EFLA_OUTPUT     ((efla_status)65) /* a table could not be written */
#define EFLA_UNTRUSTED  ((efla_status)66) /* an oracle was asked for a truth that it cannot give */
#define EFLA_NOT_BUILT  ((efla_status)67) /* an optional library was not there when the toolkit was built */
#define EFLA_USAGE      ((efla_status)68) /* options that do not go together, or a value that none can have */
#define EFLA_OUTSIDE    ((efla_status)69) /* a comparison was made, and its result is outside the tolerance */
#define EFLA_NOT_FINITE ((efla_status)70) /* a result that was asked for, and written, is not finite */

typedef struct efla_message {
  char text[512]; /* one sentence: which file, which place, what was found and what was expected */
} efla_message;

/* Writes the sentence (cut to fit) and returns status, so that a failing function ends in `return efla_fail(...)`.
 * why may be NULL. */
efla_status efla_fail(efla_message *why, efla_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an allocation that failed. */
efla_status efla_fail_memory(efla_message *why);

#endif

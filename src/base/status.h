/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors from the environment (memory, files, invalid input, an oracle outside its domain) and negative
 * results of a check.
 *
 * A caller's bug is an assertion. Overflow of a computed state is data, and an error only where a program
 * must report it. Every other failure is a status together with a sentence for the user. The codes of libefla
 * (efla/status.h) come first. */
#ifndef EFLA_BASE_STATUS_H
#define EFLA_BASE_STATUS_H

#include "efla/status.h"

#define EFLA_NO_MEMORY  EFLA_NO_MEMORY    /* an allocation failed */
#define EFLA_INPUT      ((efla_status)64) /* a file or an option is not what it should be */
#define EFLA_OUTPUT     ((efla_status)65) /* an output file could not be written */
#define EFLA_UNTRUSTED  ((efla_status)66) /* an oracle was asked for a value that it cannot give */
#define EFLA_NOT_BUILT  ((efla_status)67) /* needs an optional library that was absent when the toolkit was built */
#define EFLA_USAGE      ((efla_status)68) /* options that exclude each other, or a value out of range */
#define EFLA_OUTSIDE    ((efla_status)69) /* a comparison was made, and its result is outside the tolerance */
#define EFLA_NOT_FINITE ((efla_status)70) /* a requested result was computed and written, and is not finite */

typedef struct efla_message {
  char text[512]; /* one sentence: the file, the place in it, what was found and what was expected */
} efla_message;

/* Formats the sentence (truncated to fit) and returns status, so that a failing function ends in `return
 * efla_fail(...)`. why may be NULL. */
efla_status efla_fail(efla_message *why, efla_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for EFLA_NO_MEMORY. */
static inline efla_status efla_fail_memory(efla_message *why) {
  efla_fail(why, EFLA_NO_MEMORY, "out of memory");
  return EFLA_NO_MEMORY;
}

#endif

/* What the environment can do to us: memory, files, bad input, an oracle outside its domain; and, last, what a program can find.
 *
 * A caller's bug is an assertion; numerical blow-up is data, until a program has to say that it has seen it.  Everything else is one
 * of these, together with a sentence for the user. */
#ifndef EFLA_BASE_STATUS_H
#define EFLA_BASE_STATUS_H

typedef enum efla_status {
  EFLA_OK,
  EFLA_MEMORY,    /* an allocation failed */
  EFLA_INPUT,     /* a file or an option does not hold what it should */
  EFLA_OUTPUT,    /* a table could not be written */
  EFLA_UNTRUSTED, /* an oracle was asked for a truth that it cannot give */
  EFLA_NOT_BUILT, /* an optional library was not there when the toolkit was built */
  EFLA_USAGE,     /* options that do not go together, or a value that none can have */
  EFLA_OUTSIDE,   /* a comparison was made, and its result is outside the tolerance */
  EFLA_NOT_FINITE /* a result that was asked for, and written, is not finite */
} efla_status;

typedef struct efla_message {
  char text[512]; /* one sentence: which file, which place, what was found and what was expected */
} efla_message;

/* Writes the sentence (cut to fit) and returns status, so that a failing function ends in `return efla_fail(...)`.
 * why may be NULL. */
efla_status efla_fail(efla_message *why, efla_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for an allocation that failed. */
efla_status efla_fail_memory(efla_message *why);

#endif

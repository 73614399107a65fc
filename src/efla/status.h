/* SPDX-License-Identifier: MIT */
/* Status of library calls.
 *
 * A numerical blow-up is not an error: inf and nan propagate as data. Every other failure is one of these,
 * and where a backend was involved, efla_last_message (backend.h) returns a sentence with the value found and
 * the one expected. */
#ifndef EFLA_STATUS_H
#define EFLA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* How a call ended. */
typedef enum efla_status {
  EFLA_OK,           /* all outputs are written */
  EFLA_INVALID,      /* an argument is invalid, or inconsistent with another */
  EFLA_UNSUPPORTED,  /* the arguments are valid, but not supported by this build, backend or processor */
  EFLA_NO_MEMORY,    /* an allocation failed, or would have been necessary after efla_reserve */
  EFLA_DEVICE_FAILED /* a device reported an error */
} efla_status;

/* "invalid argument", ...; "unknown status" for any other number. The text is constant. */
const char *efla_status_text(efla_status status);

#ifdef __cplusplus
}
#endif

#endif

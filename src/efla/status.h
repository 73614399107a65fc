/* SPDX-License-Identifier: MIT */
/* How calls of the library end.
 *
 * A numerical blow-up is no failure: inf and nan propagate as data.  Everything else that can go wrong is one of these,
 * and where a backend took part, efla_last_message (backend.h) has the sentence that says what was found and what was
 * expected. */
#ifndef EFLA_STATUS_H
#define EFLA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum efla_status {
  EFLA_OK,
  EFLA_INVALID,      /* an argument contradicts itself or another */
  EFLA_UNSUPPORTED,  /* the arguments make sense, but this build, backend or processor does not offer it */
  EFLA_NO_MEMORY,    /* an allocation failed, or would have been needed after efla_reserve */
  EFLA_DEVICE_FAILED /* a device reported an error */
} efla_status;

/* "invalid argument", ...; "unknown status" for any other number.  The text is constant. */
const char *efla_status_text(efla_status status);

#ifdef __cplusplus
}
#endif

#endif

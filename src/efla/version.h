/* SPDX-License-Identifier: MIT */
/* The version of the headers, and that of the library that is linked at run time. Until 1.0 a minor version
 * may change the interface. */
#ifndef EFLA_VERSION_H
#define EFLA_VERSION_H

/* The version of the headers. */
#define EFLA_VERSION_MAJOR 0
#define EFLA_VERSION_MINOR 1
#define EFLA_VERSION_PATCH 0
#define EFLA_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* EFLA_VERSION with which the library was built. */
const char *efla_version(void);

#ifdef __cplusplus
}
#endif

#endif

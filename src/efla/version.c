/* SPDX-License-Identifier: MIT */
#include "efla/version.h"

#define TEXT(x)   #x
#define DIGITS(x) TEXT(x)

_Static_assert(sizeof EFLA_VERSION ==
                   sizeof DIGITS(EFLA_VERSION_MAJOR) "." DIGITS(EFLA_VERSION_MINOR) "." DIGITS(EFLA_VERSION_PATCH),
               "the text says what the numbers say");

const char *efla_version(void) { return EFLA_VERSION; }

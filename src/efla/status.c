/* SPDX-License-Identifier: MIT */
#include "efla/status.h"

const char *efla_status_text(efla_status status) {
  switch (status) {
  case EFLA_OK:
    return "success";
  case EFLA_INVALID:
    return "invalid argument";
  case EFLA_UNSUPPORTED:
    return "not supported";
  case EFLA_NO_MEMORY:
    return "out of memory";
  case EFLA_DEVICE_FAILED:
    return "device failed";
  }
  return "unknown status";
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int efla_spool_open(const char *beside) {
  char path[4096];
  const char *set = getenv("TMPDIR"), *slash = beside ? strrchr(beside, '/') : NULL;
  const char *directory = beside ? "." : set && *set ? set : "/tmp";
  int length = slash ? snprintf(path, sizeof path, "%.*s/.efla-XXXXXX", (int)(slash - beside), beside)
                     : snprintf(path, sizeof path, "%s/.efla-XXXXXX", directory);
  if (length < 0 || (size_t)length >= sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int descriptor = mkostemp(path, O_CLOEXEC);
  if (descriptor >= 0) unlink(path);
  return descriptor;
}

bool efla_spool_append(int descriptor, const void *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t put = write(descriptor, (const char *)bytes + done, n - done);
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) done += (size_t)put;
  }
  return true;
}

bool efla_spool_put(int descriptor, uint64_t at, const void *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t put = pwrite(descriptor, (const char *)bytes + done, n - done, (off_t)(at + done));
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) done += (size_t)put;
  }
  return true;
}

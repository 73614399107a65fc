/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/flat.h"
#include "io/flat_write.h"
#include "io/npy.h"
#include "io/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

/* What minizip writes the file by. */
typedef struct target {
  int descriptor, trouble; /* errno of the first failure */
  uint64_t at;
} target;

static voidpf give(voidpf opaque, const void *name, int mode) {
  (void)name, (void)mode;
  return opaque;
}
static uLong get(voidpf opaque, voidpf stream, void *bytes, uLong n) {
  target *to = stream;
  (void)opaque;
  ssize_t got = pread(to->descriptor, bytes, n, (off_t)to->at);
  if (got > 0) to->at += (uint64_t)got;
  return got > 0 ? (uLong)got : 0;
}
static uLong put(voidpf opaque, voidpf stream, const void *bytes, uLong n) {
  target *to = stream;
  (void)opaque;
  if (!efla_spool_put(to->descriptor, to->at, bytes, n)) {
    if (!to->trouble) to->trouble = errno;
    return 0;
  }
  to->at += n;
  return n;
}
static ZPOS64_T tell(voidpf opaque, voidpf stream) {
  (void)opaque;
  return ((target *)stream)->at;
}
static long seek(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin) {
  target *to = stream;
  struct stat now = {.st_size = 0};
  (void)opaque;
  if (origin == ZLIB_FILEFUNC_SEEK_END && fstat(to->descriptor, &now) != 0) return -1;
  to->at = offset + (origin == ZLIB_FILEFUNC_SEEK_CUR ? to->at : (uint64_t)now.st_size);
  return 0;
}
static int nothing(voidpf opaque, voidpf stream) {
  (void)opaque, (void)stream;
  return 0;
}

/* Begins the member NAME.npy, stored, of the same date in every archive, as NumPy's. */
static bool begin(zipFile archive, const char *name, uint64_t bytes) {
  char called[512];
  const zip_fileinfo info = {.dosDate = 0x00210000};
  snprintf(called, sizeof called, "%s.npy", name);
  return zipOpenNewFileInZip64(archive, called, &info, NULL, 0, NULL, 0, NULL, 0, 0, bytes > 0x7fffffff) == ZIP_OK;
}

static bool append(void *archive, const void *bytes, size_t n) {
  return zipWriteInFileInZip(archive, bytes, (unsigned)n) == ZIP_OK;
}

static bool put_array(zipFile archive, const efla_flat_array *array) {
  char header[EFLA_NPY_WRITTEN], kind[8];
  const efla_element *element = array->place.element;
  snprintf(kind, sizeof kind, "%c%s", *element->numpy == 'V' ? '|' : '<', element->numpy);
  const size_t n = efla_npy_write(header, kind, array->place.rank, array->place.size);
  return begin(archive, array->name, array->place.bytes) && append(archive, header, n) &&
         !efla_flat_copy(array, append, archive) && zipCloseFileInZip(archive) == ZIP_OK;
}

/* The characters of a text in UTF-8 as UTF-32, little-endian; bytes that are no UTF-8 count as Latin-1.  At most as many
 * as the text has bytes. */
static size_t decode(const char *text, unsigned char *to) {
  size_t n = 0;
  for (const unsigned char *c = (const unsigned char *)text; *c; n++) {
    const size_t more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc0 ? 1 : 0;
    size_t there = 0;
    while (there < more && (c[there + 1] & 0xc0) == 0x80) there++;
    uint32_t character = *c;
    if (more && there == more) {
      character &= 0x3fu >> more;
      for (size_t i = 1; i <= more; i++) character = character << 6 | (c[i] & 0x3f);
      c += more;
    }
    c++;
    for (size_t i = 0; i < 4; i++) to[4 * n + i] = (unsigned char)(character >> 8 * i);
  }
  return n;
}

static bool put_attribute(zipFile archive, const efla_flat_attribute *a) {
  char header[EFLA_NPY_WRITTEN], kind[32] = "<f8";
  unsigned char *data = calloc(a->text ? strlen(a->text) + 1 : 2, 4);
  if (!data) return false;
  size_t bytes = sizeof a->number;
  if (a->text) {
    const size_t characters = decode(a->text, data), n = characters ? characters : 1;
    snprintf(kind, sizeof kind, "<U%zu", n);
    bytes = 4 * n;
  } else
    efla_element_write(efla_element_of_numpy("f8"), &a->number, 1, data);
  const size_t n = efla_npy_write(header, kind, 0, NULL);
  const bool fine = begin(archive, a->name, 0) && append(archive, header, n) && append(archive, data, bytes) &&
                    zipCloseFileInZip(archive) == ZIP_OK;
  free(data);
  return fine;
}

static const char *finish(const efla_flat_writing *w, int descriptor) {
  target to = {.descriptor = descriptor};
  zlib_filefunc64_def by = {give, get, put, tell, seek, nothing, nothing, &to};
  zipFile archive = zipOpen2_64(w->base.path, APPEND_STATUS_CREATE, NULL, &by);
  if (!archive) return strerror(ENOMEM);
  bool fine = true;
  for (size_t i = 0; i < w->arrays; i++) fine = fine && put_array(archive, &w->array[i]);
  for (size_t i = 0; i < w->attributes; i++) fine = fine && put_attribute(archive, &w->attribute[i]);
  fine &= zipClose(archive, NULL) == ZIP_OK;
  return fine && !to.trouble ? NULL : strerror(to.trouble ? to.trouble : EIO);
}

efla_status efla_npz_create(efla_container **made, const char *path, efla_message *why) {
  return efla_flat_create(made, finish, path, why);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/zip.h"

#include "io/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unzip.h>

/* Bytes of a deflate stream unpack to at most 1032 times as many (zlib's documentation). */
enum { MOST_MEMBERS = 1 << 16, DEFLATE_MOST = 1032, ENCRYPTED = 1, PIECE = 1 << 16 };

struct efla_zip {
  const char *path;
  int descriptor;
  uint64_t at, size; /* of the reading, of the file */
  unzFile directory;
};

/* What minizip reads the file by. */
static voidpf give(voidpf zip, const void *name, int mode) {
  (void)name;
  (void)mode;
  return zip;
}
static uLong read_bytes(voidpf opaque, voidpf stream, void *bytes, uLong n) {
  efla_zip *zip = stream;
  (void)opaque;
  ssize_t got = pread(zip->descriptor, bytes, n, (off_t)zip->at);
  if (got > 0) zip->at += (uint64_t)got;
  return got > 0 ? (uLong)got : 0;
}
static ZPOS64_T tell(voidpf opaque, voidpf stream) {
  (void)opaque;
  return ((efla_zip *)stream)->at;
}
static long seek(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin) {
  efla_zip *zip = stream;
  (void)opaque;
  const uint64_t from = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_CUR ? zip->at : zip->size;
  if (from + offset > zip->size) return -1;
  zip->at = from + offset;
  return 0;
}
static int nothing(voidpf opaque, voidpf stream) {
  (void)opaque;
  (void)stream;
  return 0;
}

static efla_status damaged(const efla_zip *zip, const char *name, const char *what, efla_message *why) {
  return efla_fail(why, EFLA_INPUT, "%s: %s%struncated or damaged: %s; expected a whole .npz file", zip->path, name,
                   *name ? ": " : "", what);
}

efla_status efla_zip_open(efla_zip **opened, int descriptor, const char *path, efla_message *why) {
  struct stat now = {.st_size = 0};
  efla_zip *zip = calloc(1, sizeof *zip);
  if (!zip) return efla_fail_memory(why);
  fstat(descriptor, &now);
  *zip = (efla_zip){.path = path, .descriptor = descriptor, .size = (uint64_t)now.st_size};
  zlib_filefunc64_def by = {give, read_bytes, NULL, tell, seek, nothing, nothing, zip};
  unz_global_info64 all;
  zip->directory = unzOpen2_64(path, &by);
  efla_status status = EFLA_OK;
  if (!zip->directory || unzGetGlobalInfo64(zip->directory, &all) != UNZ_OK)
    status = damaged(zip, "", "the archive's directory is missing", why);
  else if (all.number_entry > MOST_MEMBERS)
    status = efla_fail(why, EFLA_INPUT, "%s: an archive of %ju members, expected at most %d", path,
                       (uintmax_t)all.number_entry, MOST_MEMBERS);
  if (status == EFLA_OK)
    *opened = zip;
  else
    efla_zip_close(zip);
  return status;
}

void efla_zip_close(efla_zip *zip) {
  if (zip && zip->directory) unzClose(zip->directory);
  free(zip);
}

/* Whether the current entry is NAME.npy. */
static bool is_named(const efla_zip *zip, const char *name, unz_file_info64 *info) {
  char found[128];
  const size_t length = strlen(name);
  if (unzGetCurrentFileInfo64(zip->directory, info, found, sizeof found, NULL, 0, NULL, 0) != UNZ_OK) return false;
  return info->size_filename == length + 4 && length + 4 < sizeof found && !memcmp(found, name, length) &&
         !memcmp(found + length, ".npy", 4);
}

/* Describes the current entry. */
static efla_status describe(efla_zip *zip, const char *name, const unz_file_info64 *info, efla_zip_member *member,
                            efla_message *why) {
  unz64_file_pos entry;
  if (info->flag & ENCRYPTED || (info->compression_method != 0 && info->compression_method != Z_DEFLATED))
    return efla_fail(why, EFLA_INPUT, "%s: %s: %s, expected it stored or deflated, as NumPy does", zip->path, name,
                     info->flag & ENCRYPTED ? "encrypted" : "packed in another way");
  if (unzGetFilePos64(zip->directory, &entry) != UNZ_OK || unzOpenCurrentFile(zip->directory) != UNZ_OK)
    return damaged(zip, name, "the member's header is not that of the directory", why);
  *member = (efla_zip_member){.entry = {entry.pos_in_zip_directory, entry.num_of_file},
                              .at = unzGetCurrentFileZStreamPos64(zip->directory),
                              .packed = info->compressed_size,
                              .bytes = info->uncompressed_size,
                              .deflated = info->compression_method != 0};
  unzCloseCurrentFile(zip->directory);
  if (member->at > zip->size || member->packed > zip->size - member->at)
    return damaged(zip, name, "the member is longer than the file", why);
  if (member->deflated ? member->bytes / DEFLATE_MOST > member->packed : member->bytes != member->packed)
    return damaged(zip, name, "the member claims another size than it can have", why);
  return EFLA_OK;
}

efla_status efla_zip_find(efla_zip *zip, const char *name, bool *there, efla_zip_member *member, efla_message *why) {
  efla_status status = EFLA_OK;
  *there = false;
  int code = unzGoToFirstFile(zip->directory);
  for (; code == UNZ_OK && status == EFLA_OK; code = unzGoToNextFile(zip->directory)) {
    unz_file_info64 info;
    if (!is_named(zip, name, &info)) continue;
    status = *there ? damaged(zip, name, "two members have that name", why) : describe(zip, name, &info, member, why);
    *there = true;
  }
  if (status == EFLA_OK && code != UNZ_END_OF_LIST_OF_FILE) status = damaged(zip, name, "the archive's directory", why);
  return status;
}

static efla_status go_to(efla_zip *zip, const char *name, const efla_zip_member *member, efla_message *why) {
  const unz64_file_pos entry = {member->entry[0], member->entry[1]};
  if (unzGoToFilePos64(zip->directory, &entry) == UNZ_OK && unzOpenCurrentFile(zip->directory) == UNZ_OK)
    return EFLA_OK;
  return damaged(zip, name, "the member's header is not that of the directory", why);
}

efla_status efla_zip_begin(efla_zip *zip, const char *name, const efla_zip_member *member, void *bytes, size_t n,
                           size_t *got, efla_message *why) {
  efla_status status = go_to(zip, name, member, why);
  if (status != EFLA_OK) return status;
  int found = unzReadCurrentFile(zip->directory, bytes, (unsigned)n);
  const bool right = unzCloseCurrentFile(zip->directory) != UNZ_CRCERROR; /* known where these are all of its bytes */
  *got = found > 0 ? (size_t)found : 0;
  if (found < 0) return damaged(zip, name, "the member does not unpack", why);
  return right ? EFLA_OK : damaged(zip, name, "the member's checksum is wrong", why);
}

static efla_status unpack(efla_zip *zip, const char *name, const efla_zip_member *member, int to, efla_message *why) {
  unsigned char piece[PIECE];
  uint64_t done = 0;
  int found;
  while ((found = unzReadCurrentFile(zip->directory, piece, PIECE)) > 0) {
    if ((done += (uint64_t)found) > member->bytes) break;
    if (to >= 0 && !efla_spool_append(to, piece, (size_t)found))
      return efla_fail(why, EFLA_INPUT, "%s: %s: cannot unpack its %ju bytes to a temporary file: %s", zip->path, name,
                       (uintmax_t)member->bytes, strerror(errno));
  }
  if (found != 0 || done != member->bytes) return damaged(zip, name, "the member does not unpack to its size", why);
  return EFLA_OK;
}

efla_status efla_zip_check(efla_zip *zip, const char *name, const efla_zip_member *member, int *unpacked,
                           efla_message *why) {
  *unpacked = -1;
  efla_status status = go_to(zip, name, member, why);
  if (status != EFLA_OK) return status;
  if (member->deflated && (*unpacked = efla_spool_open(NULL)) < 0)
    status = efla_fail(why, EFLA_INPUT, "%s: %s: cannot create a temporary file to unpack it to: %s", zip->path, name,
                       strerror(errno));
  if (status == EFLA_OK) status = unpack(zip, name, member, *unpacked, why);
  if (unzCloseCurrentFile(zip->directory) == UNZ_CRCERROR && status == EFLA_OK)
    status = damaged(zip, name, "the member's checksum is wrong", why);
  if (status != EFLA_OK && *unpacked >= 0) close(*unpacked), *unpacked = -1;
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/npy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = sizeof magic - 1 };

bool efla_npy_begins(const unsigned char *bytes, size_t n) { return n >= MAGIC && !memcmp(bytes, magic, MAGIC); }

/* What is left of the dictionary. */
typedef struct cursor {
  const char *at, *end;
} cursor;

static void skip_blanks(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r')) c->at++;
}

/* Takes a word, after blanks, if it comes next. */
static bool take(cursor *c, const char *word) {
  const size_t length = strlen(word);
  skip_blanks(c);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
  c->at += length;
  return true;
}

/* A text in quotes of either kind, of printable characters without escapes. */
static bool take_text(cursor *c, char *text, size_t size) {
  skip_blanks(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  const char quote = *c->at++;
  size_t n = 0;
  for (; c->at < c->end && *c->at != quote; c->at++) {
    if (*c->at == '\\' || *c->at < ' ' || *c->at > '~' || n + 1 >= size) return false;
    text[n++] = *c->at;
  }
  text[n] = 0;
  if (c->at == c->end) return false;
  c->at++;
  return true;
}

static bool take_size(cursor *c, size_t *size) {
  skip_blanks(c);
  const char *start = c->at;
  *size = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
    if (__builtin_mul_overflow(*size, (size_t)10, size) || __builtin_add_overflow(*size, (size_t)(*c->at - '0'), size))
      return false;
  bool found = c->at > start;
  (void)take(c, "L"); /* as Python 2 wrote long integers */
  return found;
}

static bool take_shape(cursor *c, efla_npy *npy) {
  if (!take(c, "(")) return false;
  bool more = true;
  for (npy->rank = 0; !take(c, ")"); npy->rank++) {
    if (!more || npy->rank == EFLA_DATASET_AXES || !take_size(c, &npy->size[npy->rank])) return false;
    more = take(c, ",");
  }
  return true;
}

static bool take_type(cursor *c, efla_npy *npy) {
  char text[sizeof npy->kind + 1] = "";
  if (!take_text(c, text, sizeof text) || (*text != '<' && *text != '>' && *text != '|')) return false;
  npy->big = *text == '>';
  memcpy(npy->kind, text + 1, sizeof npy->kind);
  return *npy->kind != 0;
}

/* NULL, or what is wrong with the dictionary. */
static const char *read_dictionary(cursor *c, efla_npy *npy) {
  bool type = false, order = false, shape = false, more = true;
  char key[32];
  if (!take(c, "{")) return "no dictionary";
  while (!take(c, "}")) {
    if (!more || !take_text(c, key, sizeof key) || !take(c, ":")) return "no key where one should be";
    bool *seen = !strcmp(key, "descr") ? &type : !strcmp(key, "fortran_order") ? &order : &shape;
    if (seen == &shape && strcmp(key, "shape") != 0) return "an unknown key";
    if (*seen) return "a key twice";
    *seen = true;
    if (seen == &type && take(c, "[")) return "a type of several fields";
    if (seen == &type && !take_type(c, npy)) return "no type";
    if (seen == &order && !(npy->fortran = take(c, "True")) && !take(c, "False")) return "no order";
    if (seen == &shape && !take_shape(c, npy)) return "no shape";
    more = take(c, ",");
  }
  skip_blanks(c);
  if (c->at < c->end && *c->at) return "more than a dictionary";
  return type && order && shape ? NULL : "a key is missing";
}

static efla_status damaged(const char *path, const char *name, const char *what, efla_message *why) {
  return efla_fail(why, EFLA_INPUT,
                   "%s: %s: .npy header: %s, expected descr, fortran_order and shape of an array of numbers", path,
                   name, what);
}

efla_status efla_npy_read(efla_npy *npy, const unsigned char *bytes, size_t n, const char *path, const char *name,
                          efla_message *why) {
  *npy = (efla_npy){0};
  if (!efla_npy_begins(bytes, n)) return damaged(path, name, "the signature is missing", why);
  const size_t start = n > MAGIC && bytes[MAGIC] > 1 ? 12 : 10;
  if (n < start) return damaged(path, name, "truncated", why);
  if (bytes[MAGIC] < 1 || bytes[MAGIC] > 3) return damaged(path, name, "an unknown version", why);
  size_t length = bytes[8] | (size_t)bytes[9] << 8;
  if (start == 12) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  npy->header = start + length;
  if (npy->header > EFLA_NPY_HEADER) return damaged(path, name, "too long", why);
  if (npy->header > n) return damaged(path, name, "truncated", why);
  cursor c = {(const char *)bytes + start, (const char *)bytes + npy->header};
  const char *wrong = read_dictionary(&c, npy);
  return wrong ? damaged(path, name, wrong, why) : EFLA_OK;
}

efla_status efla_npy_stretch(efla_stretch *place, const efla_npy *npy, int descriptor, uint64_t at, uint64_t bytes,
                             const char *path, const char *name, efla_message *why) {
  const uint64_t there = bytes > npy->header ? bytes - npy->header : 0;
  *place = (efla_stretch){.descriptor = descriptor,
                          .at = at + npy->header,
                          .element = efla_element_of_numpy(npy->kind),
                          .big = npy->big,
                          .reversed = npy->fortran,
                          .rank = npy->rank};
  memcpy(place->size, npy->size, sizeof place->size);
  if (!place->element)
    return efla_fail(
        why, EFLA_INPUT,
        "%s: %s: its type %s holds no real numbers that are read, expected f2, f4, f8, an integer type, or "
        "V2, which is bfloat16",
        path, name, npy->kind);
  bool fits = efla_stretch_measure(place);
  if (fits && place->bytes == there) return EFLA_OK;
  char shape[EFLA_SHAPE_TEXT];
  return efla_fail(why, EFLA_INPUT,
                   "%s: %s: truncated or damaged: %ju bytes after the header, expected %s%ju for shape %s", path, name,
                   (uintmax_t)there, fits ? "" : "more than ", (uintmax_t)place->bytes,
                   efla_shape_text(npy->rank, npy->size, shape));
}

size_t efla_npy_write(char text[EFLA_NPY_WRITTEN], const char *kind, size_t rank, const size_t *size) {
  assert(rank <= EFLA_NPY_WRITTEN_AXES && strlen(kind) < 32);
  enum { START = 10, STEP = 64 };
  char *dictionary = text + START;
  const size_t room = EFLA_NPY_WRITTEN - START;
  size_t n = (size_t)snprintf(dictionary, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", kind);
  for (size_t i = 0; i < rank && n < room; i++) n += (size_t)snprintf(dictionary + n, room - n, "%zu, ", size[i]);
  n += (size_t)snprintf(dictionary + n, room - n, "), }");
  const size_t total = (START + n + 1 + STEP - 1) / STEP * STEP;
  memset(dictionary + n, ' ', total - START - n);
  text[total - 1] = '\n';
  memcpy(text, magic, MAGIC);
  text[MAGIC] = 1, text[MAGIC + 1] = 0;
  text[MAGIC + 2] = (char)((total - START) & 0xff), text[MAGIC + 3] = (char)((total - START) >> 8);
  return total;
}

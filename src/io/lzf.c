/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/lzf.h"

#include <stdbool.h>

enum { LITERALS = 32, LONG = 7 };

/* An item: `length` bytes, a literal at `from`, or where back > 0 a copy from `back` bytes back. */
typedef struct item {
  size_t length, back, from;
} item;

/* Reads the item at *at and advances; false where it is truncated. */
static bool next_item(size_t n, const unsigned char *packed, size_t *at, item *i) {
  size_t control = packed[(*at)++];
  if (control < LITERALS) {
    *i = (item){.length = control + 1, .from = *at};
    *at += i->length;
    return *at <= n;
  }
  bool extended = control / LITERALS == LONG;
  if (n - *at < (extended ? 2 : 1)) return false;
  i->length = control / LITERALS + 2;
  if (extended) i->length += packed[(*at)++];
  i->back = control % LITERALS * 256 + packed[(*at)++] + 1;
  return true;
}

size_t efla_lzf_unpack(size_t n, const unsigned char *packed, size_t most, unsigned char *bytes) {
  size_t at = 0, made = 0;
  while (at < n) {
    item i = {0};
    if (!next_item(n, packed, &at, &i) || i.back > made || i.length > most - made) return 0;
    for (size_t e = 0; bytes && e < i.length; e++) /* in this order: a copy may overlap what it writes */
      bytes[made + e] = i.back ? bytes[made + e - i.back] : packed[i.from + e];
    made += i.length;
  }
  return made;
}

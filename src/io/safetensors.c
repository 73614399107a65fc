/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

static const char metadata[] = "__metadata__";

static efla_status damaged(const char *path, const char *name, const char *what, efla_message *why) {
  return efla_fail(why, EFLA_INPUT, "%s: %s%struncated or damaged: %s; expected a whole safetensors file", path, name,
                   *name ? ": " : "", what);
}

/* How many keys the outermost object has in a text that is JSON.  json-c keeps one of those that are alike. */
static size_t keys_in(const char *text, size_t n) {
  size_t depth = 0, keys = 0;
  bool quoted = false;
  for (size_t i = 0; i < n; i++) {
    if (quoted) {
      if (text[i] == '\\') i++;
      if (text[i] == '"') quoted = false;
      continue;
    }
    if (text[i] == '"') quoted = true;
    if (text[i] == '{' || text[i] == '[') depth++;
    if (text[i] == '}' || text[i] == ']') depth--;
    if (text[i] == ':' && depth == 1) keys++;
  }
  return keys;
}

static json_object *parse(const char *text, size_t n) {
  json_tokener *tokener = json_tokener_new();
  if (!tokener) return NULL;
  json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  json_object *all = json_tokener_parse_ex(tokener, text, (int)n);
  const size_t end = json_tokener_get_parse_end(tokener);
  bool whole = all && json_object_is_type(all, json_type_object) && end <= n;
  for (size_t i = end; whole && i < n; i++) whole = text[i] == ' '; /* padding */
  json_tokener_free(tokener);
  if (whole && keys_in(text, n) == (size_t)json_object_object_length(all)) return all;
  json_object_put(all);
  return NULL;
}

/* A whole number that is not negative. */
static bool count(json_object *value, uint64_t *n) {
  if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0) return false;
  *n = json_object_get_uint64(value);
  return *n <= INT64_MAX;
}

/* The list of that name in an array's entry; NULL where there is none. */
static json_object *list_of(json_object *entry, const char *name) {
  json_object *list;
  return json_object_object_get_ex(entry, name, &list) && json_object_is_type(list, json_type_array) ? list : NULL;
}

typedef struct range {
  uint64_t begin, end;
} range;

static bool range_of(json_object *entry, range *r) {
  json_object *list = list_of(entry, "data_offsets");
  return list && json_object_array_length(list) == 2 && count(json_object_array_get_idx(list, 0), &r->begin) &&
         count(json_object_array_get_idx(list, 1), &r->end) && r->begin <= r->end;
}

static int in_order(const void *a, const void *b) {
  const range *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end == y->end ? 0 : x->end < y->end ? -1 : 1;
}

static efla_status check_ranges(const efla_safetensors_header *header, const char *path, efla_message *why) {
  range *ranges = malloc(((size_t)json_object_object_length(header->all) + 1) * sizeof *ranges);
  if (!ranges) return efla_fail_memory(why);
  size_t n = 0;
  efla_status status = EFLA_OK;
  json_object_object_foreach(header->all, name, entry) {
    if (status == EFLA_OK && strcmp(name, metadata) != 0 && !range_of(entry, &ranges[n++]))
      status = damaged(path, "", "an array without data_offsets from one number to another", why);
  }
  uint64_t end = 0;
  if (status == EFLA_OK) qsort(ranges, n, sizeof *ranges, in_order);
  for (size_t i = 0; i < n && status == EFLA_OK; end = ranges[i++].end)
    if (ranges[i].begin != end)
      status = damaged(path, "", ranges[i].begin < end ? "arrays overlap" : "bytes between arrays", why);
  if (status == EFLA_OK && end != header->bytes)
    status =
        damaged(path, "", end > header->bytes ? "arrays beyond the end of the file" : "bytes after the arrays", why);
  free(ranges);
  return status;
}

efla_status efla_safetensors_read(efla_safetensors_header *header, int descriptor, uint64_t size, const char *path,
                                  efla_message *why) {
  enum { LENGTH = 8 };
  unsigned char first[LENGTH];
  uint64_t n = 0;
  *header = (efla_safetensors_header){.all = NULL};
  if (!efla_stretch_bytes(descriptor, 0, first, LENGTH)) return damaged(path, "", "no header", why);
  for (size_t i = LENGTH; i-- > 0;) n = n << 8 | first[i];
  if (n > size - LENGTH) return damaged(path, "", "the header is longer than the file", why);
  if (n > EFLA_SAFETENSORS_HEADER)
    return efla_fail(why, EFLA_INPUT, "%s: a header of %ju bytes, expected at most %d", path, (uintmax_t)n,
                     EFLA_SAFETENSORS_HEADER);
  char *text = malloc((size_t)n + 1);
  if (!text) return efla_fail_memory(why);
  const bool read = efla_stretch_bytes(descriptor, LENGTH, text, (size_t)n);
  header->all = read ? parse(text, (size_t)n) : NULL;
  header->start = LENGTH + n, header->bytes = size - header->start;
  free(text);
  if (!header->all) return damaged(path, "", "the header is no JSON object with one entry per name", why);
  return check_ranges(header, path, why);
}

static bool shape_of(json_object *entry, efla_stretch *place) {
  json_object *list = list_of(entry, "shape");
  if (!list || json_object_array_length(list) > EFLA_DATASET_AXES) return false;
  for (place->rank = 0; place->rank < json_object_array_length(list); place->rank++) {
    uint64_t n;
    if (!count(json_object_array_get_idx(list, place->rank), &n)) return false;
    place->size[place->rank] = (size_t)n;
  }
  return true;
}

efla_status efla_safetensors_find(const efla_safetensors_header *header, const char *name, bool *there,
                                  efla_stretch *place, const char *path, efla_message *why) {
  json_object *entry, *type = NULL;
  range r;
  *there = json_object_object_get_ex(header->all, name, &entry);
  if (!*there) return EFLA_OK;
  json_object_object_get_ex(entry, "dtype", &type);
  const char *said = json_object_is_type(type, json_type_string) ? json_object_get_string(type) : "";
  if (!range_of(entry, &r) || !shape_of(entry, place)) return damaged(path, name, "no shape or data_offsets", why);
  place->element = efla_element_of_safetensors(said);
  if (!place->element)
    return efla_fail(
        why, EFLA_INPUT,
        "%s: %s: its dtype holds no real numbers that are read, expected F16, BF16, F32, F64 or an integer "
        "type",
        path, name);
  place->at = header->start + r.begin;
  if (efla_stretch_measure(place) && place->bytes == r.end - r.begin) return EFLA_OK;
  char shape[EFLA_SHAPE_TEXT];
  return efla_fail(why, EFLA_INPUT, "%s: %s: damaged: %ju bytes, expected as many as %s of shape %s have", path, name,
                   (uintmax_t)(r.end - r.begin), place->element->safetensors,
                   efla_shape_text(place->rank, place->size, shape));
}

const char *efla_safetensors_text(const efla_safetensors_header *header, const char *name) {
  json_object *texts, *text;
  if (!json_object_object_get_ex(header->all, metadata, &texts) || !json_object_is_type(texts, json_type_object) ||
      !json_object_object_get_ex(texts, name, &text))
    return NULL;
  return json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";
}

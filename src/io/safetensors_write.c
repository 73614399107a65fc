/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/flat.h"
#include "io/flat_write.h"
#include "io/spool.h"

#include <errno.h>
#include <json.h>
#include <stdio.h>
#include <string.h>

/* Each takes ownership of the value; false where memory ended. */
static bool put(json_object *object, const char *key, json_object *value) {
  return object && value && json_object_object_add(object, key, value) == 0;
}
static bool append_number(json_object *list, uint64_t value) {
  return list && json_object_array_add(list, json_object_new_uint64(value)) == 0;
}

static bool put_array(json_object *all, const efla_flat_array *array, uint64_t begin) {
  json_object *entry = json_object_new_object(), *shape = json_object_new_array(), *offsets = json_object_new_array();
  bool fine = append_number(offsets, begin) && append_number(offsets, begin + array->place.bytes);
  for (size_t i = 0; i < array->place.rank; i++) fine = fine && append_number(shape, array->place.size[i]);
  fine &= put(entry, "dtype", json_object_new_string(array->place.element->safetensors));
  fine &= put(entry, "shape", shape);
  fine &= put(entry, "data_offsets", offsets);
  return put(all, array->name, entry) && fine;
}

static bool put_attributes(json_object *all, const efla_flat_writing *w) {
  json_object *texts = json_object_new_object();
  bool fine = put(all, "__metadata__", texts);
  for (size_t i = 0; i < w->attributes && fine; i++) {
    char number[32];
    snprintf(number, sizeof number, "%.17g", w->attribute[i].number);
    fine =
        put(texts, w->attribute[i].name, json_object_new_string(w->attribute[i].text ? w->attribute[i].text : number));
  }
  return fine;
}

/* The arrays with elements of `bytes` each, so that the larger ones come first and all are aligned. */
static const size_t element_bytes[] = {8, 4, 2, 1};

static json_object *header_of(const efla_flat_writing *w) {
  json_object *all = json_object_new_object();
  bool fine = put_attributes(all, w);
  uint64_t at = 0;
  for (size_t s = 0; s < 4; s++)
    for (size_t i = 0; i < w->arrays; i++) {
      const efla_stretch *place = &w->array[i].place;
      if (place->element->bytes != element_bytes[s]) continue;
      fine = fine && put_array(all, &w->array[i], at);
      at += place->bytes;
    }
  if (fine) return all;
  json_object_put(all);
  return NULL;
}

static bool append(void *descriptor, const void *bytes, size_t n) {
  return efla_spool_append(*(int *)descriptor, bytes, n);
}

/* The header's length is a multiple of 8, by spaces at its end. */
static bool write_header(const char *text, int descriptor) {
  const size_t n = strlen(text), padded = (n + 7) / 8 * 8;
  unsigned char length[8];
  for (size_t i = 0; i < sizeof length; i++) length[i] = (unsigned char)(padded >> 8 * i);
  return efla_spool_append(descriptor, length, sizeof length) && efla_spool_append(descriptor, text, n) &&
         efla_spool_append(descriptor, "       ", padded - n);
}

static const char *finish(const efla_flat_writing *w, int descriptor) {
  json_object *all = header_of(w);
  if (!all) return strerror(ENOMEM);
  const char *text = json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
  const char *trouble = text && write_header(text, descriptor) ? NULL : strerror(errno);
  json_object_put(all);
  for (size_t s = 0; s < 4; s++)
    for (size_t i = 0; i < w->arrays && !trouble; i++)
      if (w->array[i].place.element->bytes == element_bytes[s])
        trouble = efla_flat_copy(&w->array[i], append, &descriptor);
  return trouble;
}

efla_status efla_safetensors_create(efla_container **made, const char *path, efla_message *why) {
  return efla_flat_create(made, finish, path, why);
}

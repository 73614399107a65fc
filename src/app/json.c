/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/json.h"

#include <math.h>

static json_object *efla_json_checked(efla_json *b, json_object *value) {
  if (!value) b->failed = true;
  return value;
}

void efla_json_put(efla_json *b, json_object *object, const char *key, json_object *value) {
  if (object && json_object_object_add(object, key, value) == 0) return;
  json_object_put(value);
  b->failed = true;
}

void efla_json_append(efla_json *b, json_object *array, json_object *value) {
  if (array && json_object_array_add(array, value) == 0) return;
  json_object_put(value);
  b->failed = true;
}

json_object *efla_json_object(efla_json *b) { return efla_json_checked(b, json_object_new_object()); }
json_object *efla_json_array(efla_json *b) { return efla_json_checked(b, json_object_new_array()); }
json_object *efla_json_text(efla_json *b, const char *value) {
  return efla_json_checked(b, json_object_new_string(value));
}
json_object *efla_json_count(efla_json *b, size_t value) { return efla_json_checked(b, json_object_new_uint64(value)); }

/* With 17 digits, which read back to the same number; JSON has no inf and no nan. */
json_object *efla_json_real(efla_json *b, double value) {
  char digits[32];
  if (isnan(value)) return efla_json_text(b, "nan");
  if (isinf(value)) return efla_json_text(b, value > 0 ? "inf" : "-inf");
  snprintf(digits, sizeof digits, "%.17g", value);
  return efla_json_checked(b, json_object_new_double_s(value, digits));
}

efla_status efla_json_write(efla_json *b, json_object *all, FILE *out, efla_message *why) {
  const char *written =
      b->failed ? NULL : json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
  if (written) fprintf(out, "%s\n", written);
  json_object_put(all);
  return written ? EFLA_OK : efla_fail_memory(why);
}

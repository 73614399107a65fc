/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON from a program: json-c, with one place that remembers whether memory ended. */
#ifndef EFLA_APP_JSON_H
#define EFLA_APP_JSON_H

#include "base/status.h"

#include <json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* json-c returns NULL where memory ends; `failed` then becomes true. */
typedef struct efla_json {
  bool failed;
} efla_json;

/* Both take ownership of the value. */
void efla_json_put(efla_json *b, json_object *object, const char *key, json_object *value);
void efla_json_append(efla_json *b, json_object *array, json_object *value);

json_object *efla_json_object(efla_json *b);
json_object *efla_json_array(efla_json *b);
json_object *efla_json_text(efla_json *b, const char *value);
json_object *efla_json_count(efla_json *b, size_t value);
json_object *efla_json_real(efla_json *b, double value); /* inf and nan, which JSON has not, as texts */

/* Writes the object and releases it.  Fails with EFLA_NO_MEMORY, also where memory has ended before. */
efla_status efla_json_write(efla_json *b, json_object *all, FILE *out, efla_message *why);

#endif

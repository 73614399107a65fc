/* SPDX-License-Identifier: MIT */
#include "efla/internal/check.h"
#include "efla/internal/rows.h"

#include <stdint.h>
#include <string.h>

typedef struct dimension {
  const char *name;
  size_t count;
  ptrdiff_t stride;
} dimension;

/* What a dimension adds to the span of the ones inside it; PTRDIFF_MAX where that is too much. */
static size_t widen(size_t span, const dimension *d) {
  if (d->count < 2 || d->stride == 0) return span;
  size_t room = (size_t)PTRDIFF_MAX - span, steps = d->count - 1;
  return (size_t)d->stride > room / steps ? (size_t)PTRDIFF_MAX : span + (size_t)d->stride * steps;
}

static efla_status check_read(efla_backend *b, const char *name, const dimension *d, size_t features) {
  for (int i = 0; i < 3; i++)
    if (d[i].count > 1 && d[i].stride != 0 && (d[i].stride < 0 || (size_t)d[i].stride < features))
      return efla_backend_say(b, EFLA_INVALID, "%s: %s stride %td, expected at least %zu or 0", name, d[i].name,
                              d[i].stride, features);
  return EFLA_OK;
}

/* From the smallest stride to the largest: each steps over all that the ones before reach.  Without tokens there are no
 * elements. */
static efla_status check_written(efla_backend *b, const char *name, const dimension *d, size_t features) {
  if (d[2].count == 0) return EFLA_OK;
  dimension sorted[3];
  memcpy(sorted, d, sizeof sorted);
  for (int i = 1; i < 3; i++)
    for (int j = i; j > 0 && sorted[j].stride < sorted[j - 1].stride; j--) {
      dimension other = sorted[j];
      sorted[j] = sorted[j - 1], sorted[j - 1] = other;
    }
  size_t span = features;
  for (int i = 0; i < 3; i++) {
    if (sorted[i].count < 2) continue;
    if (sorted[i].stride < 0 || (size_t)sorted[i].stride < span)
      return efla_backend_say(b, EFLA_INVALID, "%s: %s stride %td, expected at least %zu", name, sorted[i].name,
                              sorted[i].stride, span);
    span = widen(span, &sorted[i]);
  }
  return EFLA_OK;
}

static efla_status check_type(efla_backend *b, const char *name, const efla_array *a, const efla_extent *n) {
  size_t size = efla_type_size(a->type);
  if (size == 0) return efla_backend_say(b, EFLA_INVALID, "%s: %d is no type", name, (int)a->type);
  if (a->type != n->type && !(n->or_f32 && a->type == EFLA_F32))
    return efla_backend_say(b, EFLA_INVALID, "%s: type %s, expected %s%s", name, efla_type_name(a->type),
                            efla_type_name(n->type), n->or_f32 && n->type != EFLA_F32 ? " or f32" : "");
  if ((uintptr_t)a->data % size != 0)
    return efla_backend_say(b, EFLA_INVALID, "%s: data not aligned, expected a multiple of %zu bytes", name, size);
  return EFLA_OK;
}

efla_status efla_check_array(efla_backend *b, const char *name, const efla_array *array, efla_role role,
                             efla_extent n) {
  efla_status status = check_type(b, name, array, &n);
  if (status) return status;
  size_t repeat = efla_array_repeat(array), size = efla_type_size(array->type);
  if (role == EFLA_WRITTEN && repeat != 1)
    return efla_backend_say(b, EFLA_INVALID, "%s: repeat %zu, expected 1 of an output", name, repeat);
  if (n.heads % repeat != 0)
    return efla_backend_say(b, EFLA_INVALID, "%s: repeat %zu, expected a divisor of the %zu heads", name, repeat,
                            n.heads);
  const dimension d[3] = {
      {"batch", n.batch, array->batch}, {"head", n.heads / repeat, array->head}, {"token", n.tokens, array->token}};
  status = role == EFLA_READ ? check_read(b, name, d, n.features) : check_written(b, name, d, n.features);
  if (status) return status;
  size_t span = n.features;
  for (int i = 0; i < 3; i++) span = widen(span, &d[i]);
  if (span > (size_t)PTRDIFF_MAX / size)
    return efla_backend_say(b, EFLA_INVALID, "%s: strides reach past the end of the address space", name);
  return EFLA_OK;
}

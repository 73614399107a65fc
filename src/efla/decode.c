/* SPDX-License-Identifier: MIT */
#include "efla/decode.h"

#include "efla/internal/backend.h"
#include "efla/internal/check.h"

#include <stdlib.h>

efla_status efla_decoder_open(efla_backend *backend, const efla_rule *rule, const efla_decoder_shape *shape,
                              efla_decoder **decoder) {
  if (decoder) *decoder = NULL;
  if (!backend) return EFLA_INVALID;
  backend->message[0] = 0;
  if (!decoder) return efla_backend_say(backend, EFLA_INVALID, "decoder: the pointer is NULL");
  efla_status status = efla_check_decoder(backend, rule, shape);
  if (status) return status;
  efla_decoder *d = malloc(sizeof *d);
  if (!d) return efla_backend_say(backend, EFLA_NO_MEMORY, "no memory for a decoder");
  *d = (efla_decoder){.backend = backend, .rule = *rule, .shape = *shape};
  efla_arena arena = {0};
  backend->row->lay_out(d, &arena);
  arena.base = d->memory = efla_backend_alloc(backend, arena.used);
  if (!d->memory) {
    free(d);
    return efla_backend_say(backend, EFLA_NO_MEMORY, "no memory for a decoder of %zu bytes", arena.used);
  }
  arena.used = 0;
  backend->row->lay_out(d, &arena);
  status = backend->row->load(d, NULL);
  if (status)
    efla_decoder_close(d);
  else
    *decoder = d;
  return status;
}

void efla_decoder_close(efla_decoder *decoder) {
  if (!decoder) return;
  efla_backend_free(decoder->backend, decoder->memory);
  free(decoder);
}

efla_status efla_decoder_step(efla_decoder *decoder, const efla_sequence *token, const efla_array *o) {
  static const efla_array absent = {0};
  if (!decoder) return EFLA_INVALID;
  decoder->backend->message[0] = 0;
  if (!o) o = &absent;
  efla_status status = efla_check_step(decoder, token, o);
  return status ? status : decoder->backend->row->step(decoder, token, o);
}

static efla_status move(efla_decoder *d, const efla_array *states, efla_role role,
                        efla_status (*way)(efla_decoder *decoder, const efla_array *states)) {
  if (!d) return EFLA_INVALID;
  efla_backend *b = d->backend;
  b->message[0] = 0;
  if (!states || !states->data) return efla_backend_say(b, EFLA_INVALID, "states: data is NULL");
  efla_extent extent = {d->shape.batch, d->shape.heads, d->shape.dk,
                        d->shape.dv,    d->shape.type,  efla_type_size(d->shape.type) == 2};
  efla_status status = efla_check_array(b, "states", states, role, extent);
  return status ? status : way(d, states);
}

efla_status efla_decoder_load(efla_decoder *decoder, const efla_array *states) {
  return move(decoder, states, EFLA_READ, decoder ? decoder->backend->row->load : NULL);
}

efla_status efla_decoder_store(efla_decoder *decoder, const efla_array *states) {
  return move(decoder, states, EFLA_WRITTEN, decoder ? decoder->backend->row->store : NULL);
}

efla_status efla_decoder_reset(efla_decoder *decoder) {
  if (!decoder) return EFLA_INVALID;
  decoder->backend->message[0] = 0;
  return decoder->backend->row->load(decoder, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Arguments, checked in every build.  Each of these returns EFLA_OK or says in the backend's message what is wrong. */
#ifndef EFLA_INTERNAL_CHECK_H
#define EFLA_INTERNAL_CHECK_H

#include "efla/internal/backend.h"

/* How the entries of an array may lie. */
typedef enum efla_role {
  EFLA_READ,   /* strides 0 or at least a row */
  EFLA_WRITTEN /* no two elements in one place */
} efla_role;

/* What an array holds: (batch, heads, tokens, features), and of which type. */
typedef struct efla_extent {
  size_t batch, heads, tokens, features;
  efla_type type;
  bool or_f32;
} efla_extent;

efla_status efla_check_array(efla_backend *b, const char *name, const efla_array *array, efla_role role,
                             efla_extent extent);
efla_status efla_check_rule(efla_backend *b, const efla_rule *rule);
/* Shape, rule, inputs; q is needed where something `reads`. */
efla_status efla_check_inputs(efla_backend *b, const efla_rule *rule, const efla_sequence *x, bool reads);
/* Whether the backend computes derivatives. */
efla_status efla_check_offers_backward(efla_backend *b);
efla_status efla_check_forward(const efla_call *call);
efla_status efla_check_backward(const efla_call *call);
efla_status efla_check_decoder(efla_backend *b, const efla_rule *rule, const efla_decoder_shape *shape);
efla_status efla_check_step(efla_decoder *decoder, const efla_sequence *token, const efla_array *o);

#endif

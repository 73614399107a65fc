/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/splitting.h"

#include "ode/channel_decay.h"
#include "ode/channel_exact.h"
#include "oracle/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_splitting_init(efla_splitting *s, size_t dk, size_t dv) {
  const size_t most = EFLA_SPLITTING_STATE / dk, columns = most < 1 ? 1 : most < dv ? most : dv, state = dk * columns;
  double *block = calloc(4 * state + dk, sizeof *block);
  *s = (efla_splitting){.dk = dk, .dv = dv, .columns = columns, .block = block};
  if (!block) return *s = (efla_splitting){0}, EFLA_NO_MEMORY;
  s->exact = block, s->local = block + state, s->y = block + 4 * state;
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) s->split[i] = block + (2 + i) * state;
  return EFLA_OK;
}

void efla_splitting_clear(efla_splitting *s) {
  free(s->block);
  *s = (efla_splitting){0};
}

void efla_splitting_start(efla_splitting *s, const double *S, size_t planned) {
  const size_t state = s->dk * s->columns;
  for (size_t e = 0; e < state; e++) s->exact[e] = S ? S[e / s->columns * s->dv + e % s->columns] : 0;
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) memcpy(s->split[i], s->exact, state * sizeof *s->exact);
  s->token = 0, s->planned = planned;
  s->stride = (planned + EFLA_SPLITTING_COMPARED - 1) / EFLA_SPLITTING_COMPARED;
}

/* One token of all three. */
static efla_status step(efla_splitting *s, const efla_tokens *one, efla_statistics *f) {
  const size_t dk = s->dk, n = dk * s->columns;
  for (size_t i = 0; i < dk; i++) s->y[i] = -one->g[i];
  efla_channel_lie_leading(dk, s->columns, one->k, one->v, one->beta[0], s->y, s->exact, s->local);
  efla_status status = efla_channel_exact_f64(one, s->y, s->exact, NULL);
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS && status == EFLA_OK; i++)
    status = efla_channel_schemes[i].advance(efla_method_find("exact"), one, s->y, s->split[i]);
  const double apart = sqrt(efla_lambda(n, s->local)), state = sqrt(efla_lambda(n, s->exact));
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS; i++)
    f->differ[i] += apart > efla_format_unit(efla_statistics_unit(i)) * state;
  return status;
}

static void compare(const efla_splitting *s, efla_place at, efla_splitting_statistics *f) {
  const size_t n = s->dk * s->columns;
  const double norm = sqrt(efla_lambda(n, s->exact));
  f->norm = hypot(f->norm, norm);
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) {
    const double relative = norm == 0 ? 0 : efla_relative_distance(n, s->split[i], s->exact);
    f->error_norm[i] = hypot(f->error_norm[i], relative * norm);
    efla_worst_take(&f->largest[i], relative, at);
  }
}

efla_status efla_splitting_advance(efla_splitting *s, const efla_tokens *x, efla_place at, efla_statistics *f,
                                   efla_message *why) {
  for (size_t t = 0; t < x->tokens && s->token < s->planned; t++) {
    efla_tokens one = efla_tokens_slice(x, t, 1);
    one.dv = s->columns;
    if (step(s, &one, f) != EFLA_OK) return efla_fail_memory(why);
    s->token++, f->splitting.tokens++;
    if (s->token % s->stride == 0 || s->token == s->planned)
      compare(s, (efla_place){at.sequence, at.head, at.token + t}, &f->splitting);
  }
  return EFLA_OK;
}

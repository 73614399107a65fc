#include "judge/watch.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static efla_forward in_form(efla_forward forward, const char *form) {
  forward.form = efla_form_find(form);
  return forward;
}

efla_status efla_watch_init(efla_watch *watch, const efla_method *method, size_t dk, size_t dv) {
  const efla_forward forward = {.method = method,
                                .keys = &efla_key_treatments[0], /* as they are */
                                .format = efla_format_find("f32"),
                                .chunk = 1,
                                .dk = dk,
                                .dv = dv,
                                .scale = 1};
  const efla_forward fast = in_form(forward, "kernel"), slow = in_form(forward, "recurrence");
  size_t scratch = efla_forward_scratch(&fast), slow_scratch = efla_forward_scratch(&slow);
  if (slow_scratch > scratch) scratch = slow_scratch;
  double *block = malloc((2 * dk * dv + EFLA_WATCH_BLOCK * dv + scratch) * sizeof *block);
  *watch = (efla_watch){0};
  if (!block) return EFLA_MEMORY;
  *watch = (efla_watch){.forward = fast,
                        .S = block,
                        .before = block + dk * dv,
                        .o = block + 2 * dk * dv,
                        .scratch = block + 2 * dk * dv + EFLA_WATCH_BLOCK * dv};
  return EFLA_OK;
}

void efla_watch_clear(efla_watch *watch) {
  free(watch->S);
  *watch = (efla_watch){0};
}

static size_t state_bytes(const efla_watch *watch) { return watch->forward.dk * watch->forward.dv * sizeof *watch->S; }

void efla_watch_start(efla_watch *watch, const double *S) {
  if (S)
    memcpy(watch->S, S, state_bytes(watch));
  else
    memset(watch->S, 0, state_bytes(watch));
  efla_forward_start(&watch->forward, watch->S);
  watch->token = 0;
  watch->overflow = SIZE_MAX;
}

static bool finite_state(const efla_watch *watch) {
  double zero = 0;
  for (size_t e = 0; e < watch->forward.dk * watch->forward.dv; e++) zero += 0 * watch->S[e]; /* nan from inf and nan on */
  return zero == 0;
}

/* Where in a block that ends in inf or nan this begins: again token by token, by the definition.  Should its other order of sums just
 * not overflow, then at the block's end. */
static size_t find_overflow(efla_watch *watch, const efla_tokens *x, const double *g) {
  const efla_forward slow = in_form(watch->forward, "recurrence");
  memcpy(watch->S, watch->before, state_bytes(watch));
  for (size_t t = 0; t + 1 < x->tokens; t++) {
    efla_tokens one = efla_tokens_slice(x, t, 1);
    efla_forward_advance(&slow, &one, g ? g + t : NULL, watch->S, watch->o, watch->scratch);
    if (!finite_state(watch)) return t;
  }
  return x->tokens - 1;
}

void efla_watch_advance(efla_watch *watch, const efla_tokens *x, const double *g) {
  assert(x->tokens <= EFLA_WATCH_BLOCK);
  if (watch->overflow == SIZE_MAX && x->tokens > 0) {
    memcpy(watch->before, watch->S, state_bytes(watch));
    efla_forward_advance(&watch->forward, x, g, watch->S, watch->o, watch->scratch);
    if (!finite_state(watch)) watch->overflow = watch->token + find_overflow(watch, x, g);
  }
  watch->token += x->tokens;
}

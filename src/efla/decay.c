/* SPDX-License-Identifier: MIT */
/* Decays: how a token's rates follow from beta and the decay's argument.  All else follows from the rates (rule.c). */
#include "efla/internal/rates.h"
#include "efla/rule.h"

#include <math.h>
#include <string.h>

/* Of g, a logarithm, and of alpha, a retention. */
static double g_at_rate(double y) { return -y; }
static double alpha_at_rate(double y) { return 1 - y; }

static void none_long(long double beta, long double g, efla_rates_long *r) {
  (void)g;
  *r = (efla_rates_long){.erase = beta, .write = beta};
}

static void split_long(long double beta, long double g, efla_rates_long *r) {
  *r = (efla_rates_long){.before = g, .erase = beta, .write = beta};
}

static void strang_long(long double beta, long double g, efla_rates_long *r) {
  *r = (efla_rates_long){.before = g, .erase = beta, .write = expl(g / 2) * beta};
}

static void joint_long(long double beta, long double g, efla_rates_long *r) {
  *r = (efla_rates_long){.decay = -g, .erase = beta, .write = beta};
}

static void retention_long(long double beta, long double alpha, efla_rates_long *r) {
  *r = (efla_rates_long){.decay = 1 - alpha, .erase = alpha * beta, .write = beta};
}

const efla_decay efla_decays[] = {
    {.name = "none",
     .what = "no decay",
     .proportional = true,
     .rates = efla_rates_none,
     .rates_long = none_long,
     .slopes = efla_slopes_none},
    {.name = "split",
     .what = "exp(g) before each step (Gated DeltaNet)",
     .gated = true,
     .argument = "g",
     .at_rate = g_at_rate,
     .proportional = true,
     .share = 1,
     .rates = efla_rates_split,
     .rates_long = split_long,
     .slopes = efla_slopes_split},
    {.name = "joint",
     .what = "rate -g within the step, beside the erasure",
     .gated = true,
     .argument = "g",
     .at_rate = g_at_rate,
     .rates = efla_rates_joint,
     .rates_long = joint_long,
     .slopes = efla_slopes_joint},
    {.name = "retention",
     .what = "retention alpha: rate 1 - alpha, and erasure times alpha (EFLA's gated variant)",
     .gated = true,
     .argument = "alpha",
     .at_rate = alpha_at_rate,
     .rates = efla_rates_retention,
     .rates_long = retention_long,
     .slopes = efla_slopes_retention},
    {.name = "strang",
     .what = "exp(g/2) before and after each step (Strang splitting)",
     .gated = true,
     .argument = "g",
     .at_rate = g_at_rate,
     .share = 0.5,
     .rates = efla_rates_strang,
     .rates_long = strang_long,
     .slopes = efla_slopes_strang},
    {.name = NULL},
};

const char *efla_decay_name(size_t i) {
  return i < sizeof efla_decays / sizeof *efla_decays ? efla_decays[i].name : NULL;
}

const efla_decay *efla_decay_find(const char *name) {
  for (const efla_decay *d = efla_decays; d->name; d++)
    if (!strcmp(d->name, name)) return d;
  return NULL;
}

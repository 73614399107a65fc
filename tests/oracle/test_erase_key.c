/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Oracles with an erase key p in place of k, and with decays per channel around a step: each within its claims, and an
 * error that comes in is covered although the transition's norm may exceed 1. */
#include "oracles.h"
#include "testing.h"

enum { TOKENS = 4, MOST = 16 };

/* p = along k + across k', k' with pairs of entries turned so that k^T k' = 0 bit for bit. */
static const struct {
  const char *name;
  double along, across;
} kinds[] = {{"p = k", 1, 0}, {"mu > 0", 0.7, 0.4}, {"mu = 0", 0, 1}, {"mu < 0", -0.6, 0.5}};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct problem {
  efla_tokens x;
  double p[TOKENS * MOST], g[TOKENS * MOST];
} problem;

/* rho |k| |p| is about x. */
static void set_up(problem *b, size_t kind, double x, bool channels, size_t dk, size_t dv) {
  b->x = testing_tokens("gaussian", 1.2, TOKENS, dk, dv);
  for (size_t t = 0; t < TOKENS; t++) {
    const double *k = b->x.k + t * dk;
    for (size_t i = 0; i < dk; i++) {
      const size_t other = i ^ 1;
      const double turned = other < dk ? (i % 2 ? -k[other] : k[other]) : 0;
      b->p[t * dk + i] = kinds[kind].along * k[i] + kinds[kind].across * turned;
    }
    b->x.beta[t] = x / efla_lambda(dk, k);
  }
  for (size_t e = 0; e < TOKENS * dk; e++) b->g[e] = -0.3 * (double)(e * 7 % 5);
  b->x.p = b->p, b->x.g = b->g, b->x.g_per_channel = channels;
}

/* From the same state, and from one that is off by as much as is said on entry. */
static void check_claims(const problem *b, const efla_decay *decay, const char *kind) {
  const size_t n = b->x.dk * b->x.dv;
  long double *best = oracles_new_state(n);
  double best_error = 0;
  efla_message why = {""};
  ck_assert_msg(efla_oracle_advance(efla_oracle_find(EFLA_ORACLE_BEST), decay, &b->x, best, &best_error, &why) ==
                    EFLA_OK,
                "%s", why.text);
  for (const efla_oracle *o = efla_oracles; o->name; o++)
    for (int off = 0; off < 2 && oracles_built(o); off++) {
      long double *S = oracles_new_state(n);
      double error = off * 1e-3;
      for (size_t e = 0; e < n; e++) S[e] += error / sqrt((double)n);
      const efla_status status = efla_oracle_advance(o, decay, &b->x, S, &error, &why);
      ck_assert_msg(status == EFLA_OK, "%s, %s, decay %s: %s", o->name, kind, decay->name, why.text);
      ck_assert_msg(oracles_distance(n, S, best) <= error + best_error, "%s, %s, decay %s: off by %g, claims %g",
                    o->name, kind, decay->name, oracles_distance(n, S, best), error);
      free(S);
    }
  free(best);
}

START_TEST(oracles_are_within_their_claims) {
  static const size_t dk[] = {2, 3, 16}, dv[] = {3, 1, 5};
  for (size_t kind = 0; kind < KINDS; kind++)
    for (size_t n = 0; n < 3; n++)
      for (double x = 1e-8; x < 20; x *= 12)
        for (const efla_decay *decay = efla_decays; decay->name; decay++)
          for (int channels = 0; channels <= (decay->share > 0); channels++) {
            static problem b;
            set_up(&b, kind, x, channels, dk[n], dv[n]);
            for (size_t t = 0; t < TOKENS && decay->argument && !strcmp(decay->argument, "alpha"); t++)
              b.g[t] = exp(b.g[t]);
            check_claims(&b, decay, kinds[kind].name);
            efla_tokens_clear(&b.x);
          }
}
END_TEST

/* p = k given as an erase key is the rule without one, and one decay in all channels is the plain decay. */
START_TEST(the_plain_rule_is_a_case) {
  static problem b;
  set_up(&b, 0, 1.3, true, 8, 3);
  for (const efla_oracle *o = efla_oracles; o->name; o++)
    for (const efla_decay *decay = efla_decays; decay->name; decay++) {
      if (!oracles_built(o) || !(decay->share > 0)) continue;
      double g[TOKENS], errors[2] = {0};
      for (size_t e = 0; e < TOKENS * 8; e++) b.g[e] = g[e / 8] = -0.1 * (double)(e / 8);
      efla_tokens plain = b.x;
      plain.p = NULL, plain.g = g, plain.g_per_channel = false;
      long double *S = oracles_new_state(24), *T = oracles_new_state(24);
      ck_assert_int_eq(efla_oracle_advance(o, decay, &b.x, S, errors, NULL), EFLA_OK);
      ck_assert_int_eq(efla_oracle_advance(o, decay, &plain, T, errors + 1, NULL), EFLA_OK);
      CHECK_BOUND(oracles_distance(24, S, T), errors[0] + errors[1]);
      free(S), free(T);
    }
  efla_tokens_clear(&b.x);
}
END_TEST

/* What no coefficient solves, and what grows beyond the numbers, is refused. */
START_TEST(refusals) {
  static problem b;
  set_up(&b, 3, 1, true, 4, 2);
  for (int i = 0; i < 2; i++) {
    const efla_decay *decay = efla_decay_find(i ? "none" : "joint");
    for (size_t t = 0; t < TOKENS && i; t++) b.x.beta[t] *= 2000;
    for (const efla_oracle *o = efla_oracles; o->name; o++) {
      if (!oracles_built(o)) continue;
      long double *S = oracles_new_state(8);
      double error = 0;
      efla_message why = {""};
      ck_assert_int_eq(efla_oracle_advance(o, decay, &b.x, S, &error, &why), EFLA_UNTRUSTED);
      ck_assert_msg(strstr(why.text, i ? "y + rho*lambda = -" : "g per channel"), "%s", why.text);
      ck_assert(isnan(S[0]) && isinf(error));
      free(S);
    }
  }
  efla_tokens_clear(&b.x);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {oracles_are_within_their_claims, the_plain_rule_is_a_case, refusals};
  return testing_main("oracle_erase_key", tests, sizeof tests / sizeof *tests, 120);
}

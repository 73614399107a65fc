/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Oracles: each agrees with the best one within its stated error; refusals; how errors are carried along. */
#include "oracles.h"
#include "testing.h"

#include <gsl/gsl_errno.h>

/* Tokens of a family whose step is set to beta*lambda = x, to rounding; a spread of 1 varies it by the token's own step
 * in (0, 1). */
static efla_tokens tokens_at(const char *family, double x, bool spread, size_t tokens, size_t dk, size_t dv) {
  efla_tokens block = testing_tokens(family, 1, tokens, dk, dv);
  for (size_t t = 0; t < tokens; t++)
    block.beta[t] = x * (spread ? block.beta[t] : 1) / efla_lambda(dk, block.k + t * dk);
  return block;
}

/* Where an oracle must serve: the table's words, with odeiv and expm1 as they state it and gsl for dense random keys.
 */
static bool must_serve(const efla_oracle *oracle, const char *family, double x, size_t dk) {
  if (dk == 1 && oracle->limit > 1e-12) return false;
  if (!strcmp(oracle->name, "gsl")) return strcmp(family, "flat") != 0 && x <= 1e6;
  if (!strcmp(oracle->name, "expm1")) return dk <= 256;
  if (!strcmp(oracle->name, "odeiv")) return x <= 1e4;
  return true;
}

static void check_claims(const char *family, const efla_decay *decay, double x, bool spread, size_t dk, size_t dv) {
  double g[4] = {-0.03, -1e-9, -2, 0};
  efla_tokens block = tokens_at(family, x, spread, 4, dk, dv);
  for (size_t t = 0; t < 4 && decay->argument && !strcmp(decay->argument, "alpha"); t++) g[t] = exp(g[t]);
  block.g = g;
  size_t n = dk * dv;
  long double *best = oracles_new_state(n);
  double best_error = 0;
  ck_assert_int_eq(efla_oracle_advance(efla_oracle_find(EFLA_ORACLE_BEST), decay, &block, best, &best_error, NULL),
                   EFLA_OK);
  for (const efla_oracle *o = efla_oracles; o->name; o++) {
    if (!oracles_built(o)) continue;
    long double *S = oracles_new_state(n);
    double error = 0;
    efla_message why = {""};
    efla_status status = efla_oracle_advance(o, decay, &block, S, &error, &why);
    if (must_serve(o, family, x, dk))
      ck_assert_msg(status == EFLA_OK, "%s, decay %s, at x = %g, dk = %zu, %s: %s", o->name, decay->name, x, dk, family,
                    why.text);
    if (status == EFLA_OK)
      ck_assert_msg(oracles_distance(n, S, best) <= error + best_error,
                    "%s, decay %s, at x = %g, dk = %zu, %s: off by %g, claims %g", o->name, decay->name, x, dk, family,
                    oracles_distance(n, S, best), error);
    free(S);
  }
  free(best);
  efla_tokens_clear(&block);
}

START_TEST(oracles_are_within_their_claims) {
  static const char *const families[] = {"gaussian", "flat", "spikes", "unit", "ar1"};
  static const size_t dk[] = {1, 3, 16, 64, 33}, dv[] = {3, 1, 16, 5, 9};
  for (size_t f = 0; f < 5; f++)
    for (size_t n = 0; n < 5; n++)
      for (double x = 0.99e-8; x < 1e6; x *= 10)
        for (const efla_decay *decay = efla_decays; decay->name; decay++)
          if (decay == efla_decays || (size_t)(decay - efla_decays) == 1 + (f + n) % 3) /* each with every family */
            check_claims(families[f], decay, x, n % 2, dk[n], dv[n]);
}
END_TEST

/* docs/bounds.md#dense on both blocks of the augmented exponential: from S without values, relative to |S|, and from
 * zero, relative to a|k||v|. */
static void check_squaring(const char *family, double x, size_t dk) {
  enum { DV = 2 };
  for (int block = 0; block < 2; block++) {
    efla_tokens one = tokens_at(family, x, false, 1, dk, DV);
    long double *S = oracles_new_state(dk * DV), *truth = oracles_new_state(dk * DV), lambda = efla_lambda(dk, one.k);
    for (size_t e = 0; e < dk * DV; e++) S[e] = truth[e] *= block == 0;
    for (size_t j = 0; j < DV; j++) one.v[j] *= block;
    double error, floor, scale = efla_norm(dk * DV, S);
    scale += (double)(-expm1l(-one.beta[0] * lambda) / sqrtl(lambda)) * hypot(one.v[0], one.v[1]);
    ck_assert_int_eq(efla_oracle_raw(efla_oracle_find(EFLA_ORACLE_BEST), NULL, &one, truth, &floor, NULL), EFLA_OK);
    ck_assert_int_eq(efla_oracle_raw(efla_oracle_find("expm1"), NULL, &one, S, &error, NULL), EFLA_OK);
    CHECK_BOUND(oracles_distance(dk * DV, S, truth) - floor, (2 * (double)dk + 16) * U * fmax(1, x) * scale);
    CHECK_BOUND(oracles_distance(dk * DV, S, truth), error + floor);
    free(S);
    free(truth);
    efla_tokens_clear(&one);
  }
}

START_TEST(squaring_within_its_bound) {
  static const size_t dk[] = {1, 2, 3, 16, 63, 64, 65, 128, 256};
  for (size_t n = 0; n < sizeof dk / sizeof *dk; n++)
    for (double x = 1e-8; x < 2e6; x *= 20) {
      check_squaring("flat", x, dk[n]);
      check_squaring("gaussian", x, dk[n]);
    }
}
END_TEST

/* A refusal leaves nothing that could be mistaken for a truth, and says who refuses. */
static void check_refused(const char *name, const efla_tokens *block) {
  size_t n = block->dk * block->dv;
  long double *S = oracles_new_state(n);
  double error = 0;
  efla_message why = {""};
  ck_assert_int_eq(efla_oracle_advance(efla_oracle_find(name), NULL, block, S, &error, &why), EFLA_UNTRUSTED);
  for (size_t e = 0; e < n; e++) ck_assert(isnan(S[e]));
  ck_assert(error == INFINITY);
  ck_assert_msg(strstr(why.text, name) != NULL, "no name in: %s", why.text);
  free(S);
}

static void check_served(const char *name, const efla_tokens *block) {
  long double *S = oracles_new_state(block->dk * block->dv);
  double error = 0;
  ck_assert_int_eq(efla_oracle_advance(efla_oracle_find(name), NULL, block, S, &error, NULL), EFLA_OK);
  free(S);
}

/* docs/derivations.md#ground-truth: equal |k_i| just below an edge of GSL's table, x = dk 10^j.  The keys are made of
 * +-1 and |v| < 1: with
 * |k_i| < |v| the augmented matrix has its largest entries beta |k_i| |v| outside of k k^T, and those save GSL. */
START_TEST(gsl_is_refused_for_flat_keys) {
  static const size_t dk[] = {64, 128, 64};
  static const double x[] = {639.9, 127.9, 6399};
  for (size_t n = 0; n < 3; n++) {
    efla_tokens block = testing_tokens("flat", sqrt((double)dk[n]), 1, dk[n], 3);
    efla_tokens other = tokens_at("gaussian", x[n], false, 1, dk[n], 3);
    block.beta[0] = x[n] / (double)dk[n];
    for (size_t j = 0; j < 3; j++) block.v[j] /= 16; /* 3 Gaussian entries of 16 are not met in a lifetime */
    check_refused("gsl", &block);
    check_served("gsl", &other);
    check_served("longdouble", &block);
    efla_tokens_clear(&block);
    efla_tokens_clear(&other);
  }
}
END_TEST

START_TEST(limits_of_the_table_are_kept) {
  efla_tokens within = tokens_at("gaussian", 9.99e3, false, 2, 5, 3),
              past = tokens_at("gaussian", 1.001e4, false, 2, 5, 3);
  efla_tokens long_key = tokens_at("gaussian", 1, false, 2, 256, 3),
              too_long = tokens_at("gaussian", 1, false, 2, 257, 3);
  check_served("odeiv", &within);
  past.beta[0] = 1e-3; /* the second token is refused too */
  check_refused("odeiv", &past);
  check_served("expm1", &long_key);
  check_refused("expm1", &too_long);
  past.k[0] = NAN;
  for (const efla_oracle *o = efla_oracles; o->name; o++) check_refused(o->name, &past);
  efla_tokens_clear(&within);
  efla_tokens_clear(&past);
  efla_tokens_clear(&long_key);
  efla_tokens_clear(&too_long);
}
END_TEST

START_TEST(what_was_not_built_says_so) {
  for (const efla_oracle *o = efla_oracles; o->name; o++) {
    if (oracles_built(o)) continue;
    efla_tokens block = tokens_at("gaussian", 1, false, 1, 2, 2);
    long double S[4] = {0};
    double error = 0;
    efla_message why = {""};
    ck_assert_int_eq(efla_oracle_advance(o, NULL, &block, S, &error, &why), EFLA_NOT_BUILT);
    ck_assert(strstr(why.text, "not built") && strstr(why.text, o->name));
    efla_tokens_clear(&block);
  }
  ck_assert_str_eq(efla_oracle_find(EFLA_ORACLE_BEST)->name,
                   oracles_built(efla_oracle_find("arb")) ? "arb" : "longdouble");
}
END_TEST

/* One call over all tokens and many over slices are both within what they claim of the truth, so apart by the sum. */
START_TEST(slices_add_up) {
  enum { DK = 9, DV = 4, TOKENS = 60 };
  efla_tokens block = tokens_at("gaussian", 2, true, TOKENS, DK, DV);
  for (const efla_oracle *o = efla_oracles; o->name; o++) {
    if (!oracles_built(o)) continue;
    long double *whole = oracles_new_state(DK * DV), *parts = oracles_new_state(DK * DV);
    double error = 0, errors = 0;
    ck_assert_int_eq(efla_oracle_advance(o, NULL, &block, whole, &error, NULL), EFLA_OK);
    for (size_t t = 0, count = 1; t < TOKENS; t += count, count = t + 7 < TOKENS ? 7 : TOKENS - t) {
      efla_tokens slice = efla_tokens_slice(&block, t, count);
      ck_assert_int_eq(efla_oracle_advance(o, NULL, &slice, parts, &errors, NULL), EFLA_OK);
    }
    CHECK_BOUND(oracles_distance(DK * DV, whole, parts), error + errors);
    free(whole);
    free(parts);
  }
  efla_tokens_clear(&block);
}
END_TEST

/* An error on entry comes out no larger than it was, plus the oracle's own (2u for adding them); over many tokens that
 * reach every direction it fades; and it covers a state that really is off by that much. */
START_TEST(an_error_on_entry_is_carried) {
  enum { DK = 6, DV = 4, STATE = DK * DV };
  static const size_t tokens[] = {1, 20, 400};
  for (const efla_oracle *o = efla_oracles; o->name; o++)
    for (size_t n = 0; n < 3 && oracles_built(o); n++) {
      efla_tokens block = tokens_at("gaussian", 2, true, tokens[n], DK, DV);
      long double *S = oracles_new_state(STATE), *off = oracles_new_state(STATE), *same = oracles_new_state(STATE);
      double own = 0, entry = 1e-3, error = entry, other = entry;
      for (size_t e = 0; e < STATE; e++) off[e] += entry / sqrt(STATE);
      ck_assert_int_eq(efla_oracle_advance(o, NULL, &block, S, &own, NULL), EFLA_OK);
      ck_assert_int_eq(efla_oracle_advance(o, NULL, &block, same, &other, NULL), EFLA_OK);
      ck_assert_int_eq(efla_oracle_advance(o, NULL, &block, off, &error, NULL), EFLA_OK);
      CHECK_BOUND(other, (entry + own) * (1 + 2 * U));
      CHECK_BOUND(oracles_distance(STATE, off, S), error + own);
      if (tokens[n] == 400) CHECK_BOUND(other, entry / 1000);
      if (tokens[n] == 1) CHECK_BOUND(entry / 2, other); /* one key leaves DK-1 directions alone */
      free(S);
      free(off);
      free(same);
      efla_tokens_clear(&block);
    }
}
END_TEST

/* Nothing happens without tokens, with a zero key or in no time.  The claims stay below those of docs/bounds.md#dense
 * for two tokens, doubled for the rounding of the state that comes in and for the norms. */
START_TEST(nothing_leaves_the_state_alone) {
  enum { DK = 7, DV = 3, STATE = DK * DV };
  for (const efla_oracle *o = efla_oracles; o->name; o++)
    for (int kind = 0; kind < 3 && oracles_built(o); kind++) {
      efla_tokens block = testing_tokens("gaussian", 1, 2, DK, DV), none = efla_tokens_slice(&block, 1, 0);
      long double *S = oracles_new_state(STATE), *before = oracles_new_state(STATE);
      double error = 0;
      for (size_t e = 0; e < 2 * DK; e++) block.k[e] *= kind != 1;
      for (size_t t = 0; t < 2; t++) block.beta[t] *= kind != 2;
      ck_assert_int_eq(efla_oracle_advance(o, NULL, kind ? &block : &none, S, &error, NULL), EFLA_OK);
      ck_assert_msg(oracles_distance(STATE, S, before) == 0, "%s moved the state (kind %d)", o->name, kind);
      CHECK_BOUND(error, 2 * (2 * DK + 16) * 2 * U * (efla_norm(STATE, S)));
      free(S);
      free(before);
      efla_tokens_clear(&block);
    }
}
END_TEST

/* Without a read-out the state's errors are the same and the read-out's are nan; a zero state is off by all of it. */
START_TEST(a_read_out_need_not_be_compared) {
  efla_tokens block = tokens_at("gaussian", 1, false, 2, 3, 2);
  efla_reference reference;
  double S[6] = {0}, o[2] = {0};
  ck_assert_int_eq(efla_reference_init(&reference, efla_oracle_find("longdouble"), 3, 2), EFLA_OK);
  ck_assert_int_eq(efla_reference_advance(&reference, &block), EFLA_OK);
  efla_errors both = efla_reference_compare(&reference, S, o), state = efla_reference_compare(&reference, S, NULL);
  ck_assert_double_eq(both.state, 1);
  ck_assert_double_eq(both.readout, 1);
  ck_assert(state.state == both.state && state.state_floor == both.state_floor);
  ck_assert(isnan(state.readout) && isnan(state.readout_floor));
  efla_reference_clear(&reference);
  efla_tokens_clear(&block);
}
END_TEST

/* With GSL's own handler an error ends the program; after an oracle was asked it no longer does. */
START_TEST(the_error_handler_of_gsl_is_off) {
  efla_tokens block = tokens_at("gaussian", 1, false, 1, 2, 2);
  gsl_set_error_handler(NULL);
  check_served("longdouble", &block);
  gsl_error("an error on purpose", __FILE__, __LINE__, GSL_EFAILED);
  efla_tokens_clear(&block);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {oracles_are_within_their_claims, squaring_within_its_bound,
                                gsl_is_refused_for_flat_keys,    limits_of_the_table_are_kept,
                                what_was_not_built_says_so,      slices_add_up,
                                an_error_on_entry_is_carried,    nothing_leaves_the_state_alone,
                                the_error_handler_of_gsl_is_off, a_read_out_need_not_be_compared};
  return testing_main("truth", tests, sizeof tests / sizeof *tests, 120);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/result.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const size_t efla_tail_chunks[EFLA_TAILS] = {8, 16, 32, 64, 128, 256};

efla_status efla_tolerance_read(efla_tolerance *tolerance, const char *text, efla_message *why) {
  static const char *const kinds[] = {"bound", "ulps=", "rms="};
  for (unsigned kind = 0; kind < 3; kind++) {
    size_t length = strlen(kinds[kind]);
    if (strncmp(text, kinds[kind], length) != 0) continue;
    char *end = (char *)text + length;
    *tolerance = (efla_tolerance){.value = 0};
    tolerance->kind = kind;
    if (kind > 0) tolerance->value = strtod(text + length, &end);
    if (!*end && isfinite(tolerance->value) && tolerance->value >= 0 && (kind == 0) == (end == text + length))
      return EFLA_OK;
  }
  return efla_fail(why, EFLA_USAGE,
                   "--tolerance: '%s', expected bound, ulps=N or rms=X with a number that is not negative", text);
}

size_t efla_bin_of(size_t token) {
  size_t bin = (size_t)(4 * log2((double)token + 1));
  return bin < EFLA_BINS ? bin : EFLA_BINS - 1;
}

size_t efla_bin_first(size_t bin) {
  size_t token = (size_t)ceil(exp2((double)bin / 4)) - 1;
  while (token > 0 && efla_bin_of(token - 1) >= bin) token--;
  while (efla_bin_of(token) < bin) token++;
  return token;
}

static double ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }

double efla_errors_rms(const efla_errors_of *errors) { return sqrt(ratio(errors->error2, errors->truth2)); }
double efla_errors_expected(const efla_errors_of *errors) { return sqrt(ratio(errors->variance.sum, errors->truth2)); }
double efla_errors_rms_ulps(const efla_errors_of *errors) {
  return errors->numbers ? sqrt(errors->ulps2 / (double)errors->numbers) : 0;
}

void efla_raise(double *largest, double value) {
  if (!(value <= *largest)) *largest = value;
}

void efla_take_first(efla_miss *first, const efla_miss *miss) {
  if (miss->token < first->token || (miss->token == first->token && miss->sequence < first->sequence)) *first = *miss;
}

void efla_head_result_init(efla_head_result *result) {
  *result = (efla_head_result){.o.first.token = SIZE_MAX, .state.first.token = SIZE_MAX};
  for (size_t i = 0; i < EFLA_TAILS; i++) result->tail[i] = true;
}

/* Errors that exceed the tolerance in root mean square over a head, though no single token exceeds its own. */
static bool rms_exceeded(const efla_errors_of *errors, const efla_tolerance *tolerance, double tests) {
  const double factor = efla_variance_factor(&errors->variance, tests);
  if (tolerance->kind == EFLA_TOLERANCE_RMS) return !(efla_errors_rms(errors) <= tolerance->value);
  return tolerance->kind == EFLA_TOLERANCE_BOUND && !(errors->error2 <= factor * factor * errors->variance.sum);
}

void efla_bin_add(efla_bin *bin, double error2, double truth2, double ulps, double ratio) {
  efla_bin_merge(bin, &(efla_bin){1, error2, truth2, ulps, ratio});
}

void efla_bin_merge(efla_bin *all, const efla_bin *one) {
  all->tokens += one->tokens;
  all->error2 += one->error2, all->truth2 += one->truth2;
  efla_raise(&all->ulps, one->ulps);
  efla_raise(&all->ratio, one->ratio);
}

void efla_head_result_judge(efla_head_result *result, const efla_tolerance *tolerance, double heads) {
  bool single = result->o.first.token < SIZE_MAX || result->state.first.token < SIZE_MAX;
  result->outside = rms_exceeded(&result->o, tolerance, heads) || rms_exceeded(&result->state, tolerance, heads) ||
                    (single && tolerance->kind != EFLA_TOLERANCE_RMS);
}

void efla_errors_merge(efla_errors_of *all, const efla_errors_of *one) {
  all->numbers += one->numbers;
  all->error2 += one->error2, all->truth2 += one->truth2, all->ulps2 += one->ulps2;
  all->variance.sum += one->variance.sum, all->variance.most += one->variance.most;
  efla_raise(&all->ulps, one->ulps);
  efla_raise(&all->relative, one->relative);
  efla_raise(&all->ratio, one->ratio);
  efla_take_first(&all->first, &one->first);
}

void efla_head_result_merge(efla_head_result *all, const efla_head_result *one) {
  efla_errors_merge(&all->o, &one->o);
  efla_errors_merge(&all->state, &one->state);
  all->unknown += one->unknown;
  all->outside |= one->outside;
  for (size_t i = 0; i < EFLA_TAILS; i++) all->tail[i] &= one->tail[i], all->begins[i] += one->begins[i];
  for (size_t b = 0; b < EFLA_BINS; b++) efla_bin_merge(&all->bins[b], &one->bins[b]);
}

static double slope_of(const efla_bin *bins) {
  double x[EFLA_BINS], y[EFLA_BINS], intercept, slope = NAN, cov00, cov01, cov11, squares;
  size_t n = 0;
  for (size_t b = efla_bin_of(16); b < EFLA_BINS; b++) {
    if (!(bins[b].error2 > 0 && bins[b].truth2 > 0 && isfinite(bins[b].error2))) continue;
    x[n] = log((double)efla_bin_first(b) + 1), y[n++] = log(bins[b].error2 / bins[b].truth2) / 2;
  }
  if (n >= 3) gsl_fit_linear(x, 1, y, 1, n, &intercept, &slope, &cov00, &cov01, &cov11, &squares);
  return slope;
}

/* Finds the bin at which the mean error before and from it on differ most, if every bin from there on is JUMP
 * times the mean before. */
static void find_jump(const efla_bin *bins, efla_error_growth *growth) {
  static const double JUMP = 4;
  double error2 = 0, truth2 = 0;
  for (size_t b = 0; b < EFLA_BINS && growth->jump == SIZE_MAX; b++) {
    double before = sqrt(ratio(error2, truth2)), after_error2 = 0, after_truth2 = 0;
    bool jumps = truth2 > 0 && bins[b].tokens > 0;
    for (size_t later = b; later < EFLA_BINS; later++) {
      if (bins[later].tokens == 0) continue;
      jumps &= sqrt(ratio(bins[later].error2, bins[later].truth2)) > JUMP * before;
      after_error2 += bins[later].error2, after_truth2 += bins[later].truth2;
    }
    if (jumps)
      *growth = (efla_error_growth){growth->slope, efla_bin_first(b), before, sqrt(ratio(after_error2, after_truth2))};
    error2 += bins[b].error2, truth2 += bins[b].truth2;
  }
}

efla_error_growth efla_head_result_growth(const efla_head_result *result) {
  efla_error_growth growth = {slope_of(result->bins), SIZE_MAX, NAN, NAN};
  find_jump(result->bins, &growth);
  return growth;
}

/* The row of that chunk length, EFLA_TAILS if none. */
static size_t best_tail(const efla_head_result *result) {
  size_t best = EFLA_TAILS;
  for (size_t i = 0; i < EFLA_TAILS && result->o.first.token < SIZE_MAX; i++)
    if (result->tail[i] && (best == EFLA_TAILS || (result->begins[i] && result->begins[i] >= result->begins[best])))
      best = i;
  return best;
}

size_t efla_head_result_tail(const efla_head_result *result) {
  size_t best = best_tail(result);
  return best < EFLA_TAILS ? efla_tail_chunks[best] : 0;
}

bool efla_head_result_tail_too(const efla_head_result *result, size_t i) {
  size_t best = best_tail(result);
  return best < EFLA_TAILS && i != best && result->tail[i] && result->begins[i] == result->begins[best];
}

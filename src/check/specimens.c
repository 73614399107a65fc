/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/specimens.h"

#include "check/specimens_kernels.h"
#include "data/source.h"
#include "io/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  B = EFLA_SPECIMEN_BATCH,
  T = EFLA_SPECIMEN_TOKENS,
  H = EFLA_SPECIMEN_HEADS,
  DK = EFLA_SPECIMEN_DK,
  DV = EFLA_SPECIMEN_DV
};

static size_t batch_of(const efla_specimen *c) { return c->kernel->needs & EFLA_SPECIMEN_PACKED ? 1 : B; }

static efla_status lay_out(efla_specimen *c, efla_message *why) {
  const size_t rows = (size_t)B * T * H, states = (size_t)B * H * DK * DV;
  float *at = c->block = calloc(rows * (2 * DK + 2 * DV + 2) + 2 * states, sizeof *at);
  if (!at) return efla_fail_memory(why);
  float **const arrays[] = {&c->q, &c->k, &c->v, &c->o, &c->beta, &c->g, &c->start, &c->final};
  const size_t size[] = {rows * DK, rows * DK, rows * DV, rows * DV, rows, rows, states, states};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) *arrays[i] = at, at += size[i];
  if (!(c->kernel->needs & EFLA_SPECIMEN_G)) c->g = NULL;
  if (!(c->kernel->needs & EFLA_SPECIMEN_START)) c->start = NULL;
  return EFLA_OK;
}

/* The tokens of one head of one batch entry, in the type of inputs. */
static void put_head(efla_specimen *c, const efla_tokens *x, size_t b, size_t h) {
  const unsigned needs = c->kernel->needs;
  const double k = needs & EFLA_SPECIMEN_LONG ? 2 : 1, v = needs & EFLA_SPECIMEN_FP16 ? 1e4 : 1;
  for (size_t t = 0; t < T; t++) {
    const size_t at = (b * T + t) * H + h;
    const bool zero = needs & EFLA_SPECIMEN_ZERO && t == 50;
    for (size_t i = 0; i < DK; i++) {
      const size_t from = needs & EFLA_SPECIMEN_GROUPS && h % 2 ? (at - 1) * DK + i : SIZE_MAX;
      c->q[at * DK + i] = from < SIZE_MAX ? c->q[from] : (float)efla_format_round(c->type, x->q[t * DK + i]);
      c->k[at * DK + i] =
          from < SIZE_MAX ? c->k[from] : (float)efla_format_round(c->type, zero ? 0 : k * x->k[t * DK + i]);
      c->v[at * DV + i] = (float)efla_format_round(c->type, v * x->v[t * DV + i]);
    }
    c->beta[at] = (float)efla_format_round(c->type, x->beta[t]);
    if (c->g) c->g[at] = (float)efla_format_round(c->type, -0.3 * fabs(x->v[t * DV]) - 0.01);
  }
}

efla_status efla_specimen_draw(efla_specimen *c, const efla_specimen_kernel *kernel, const char *family,
                               const efla_format *type, size_t seed, efla_message *why) {
  efla_spec spec = efla_spec_default(efla_family_find(family));
  efla_source source;
  efla_tokens x;
  *c = (efla_specimen){.kernel = kernel, .type = type, .sequences = B, .scale = 1};
  if (kernel->needs & EFLA_SPECIMEN_SCALE) c->scale = 0.25F;
  if (kernel->needs & EFLA_SPECIMEN_FP16) c->scale = 16;
  spec.dk = DK, spec.dv = DV, spec.seed = seed, spec.norm = 1, spec.beta = -1;
  efla_status status = lay_out(c, why);
  if (status == EFLA_OK) status = efla_source_init(&source, &spec, why);
  if (status != EFLA_OK) return status;
  status = efla_tokens_init(&x, T, DK, DV);
  for (size_t b = 0; b < B && status == EFLA_OK; b++)
    for (size_t h = 0; h < H && status == EFLA_OK; h++) {
      status = efla_source_next(&source, &x, why);
      if (status == EFLA_OK) put_head(c, &x, b, h);
    }
  for (size_t i = 0; c->start && i < (size_t)B * H * DK * DV; i++)
    c->start[i] = (float)efla_format_round(c->type, sin(1.7 * (double)i + (double)seed));
  efla_tokens_clear(&x);
  efla_source_clear(&source);
  return status;
}

void efla_specimen_clear(efla_specimen *c) {
  free(c->block);
  *c = (efla_specimen){0};
}

static bool put(hid_t file, efla_tensor tensor, const float *values, size_t rank, const hsize_t *size) {
  hid_t space = H5Screate_simple((int)rank, size, NULL);
  hid_t set = H5Dcreate2(file, efla_tensor_name(tensor), H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const bool fine = set >= 0 && H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  if (set >= 0) H5Dclose(set);
  H5Sclose(space);
  return fine;
}

static bool put_bounds(hid_t file) {
  const long long bounds[] = {0, 3 * T / 5, T};
  const hsize_t n = 3;
  hid_t space = H5Screate_simple(1, &n, NULL);
  hid_t set = H5Dcreate2(file, "cu_seqlens", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const bool fine = set >= 0 && H5Dwrite(set, H5T_NATIVE_LLONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, bounds) >= 0;
  if (set >= 0) H5Dclose(set);
  H5Sclose(space);
  return fine;
}

static bool put_scale(hid_t file, float scale) {
  hid_t space = H5Screate(H5S_SCALAR), set = H5Acreate2(file, "scale", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool fine = set >= 0 && H5Awrite(set, H5T_NATIVE_FLOAT, &scale) >= 0;
  if (set >= 0) H5Aclose(set);
  H5Sclose(space);
  return fine;
}

efla_status efla_specimen_write(const efla_specimen *c, const char *path, efla_message *why) {
  const size_t b = batch_of(c);
  const hsize_t rows[] = {b, T, H, DK}, states[] = {c->sequences, H, DK, DV};
  efla_stored_begin();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  bool fine = file >= 0 && put(file, EFLA_Q, c->q, 4, rows) && put(file, EFLA_K, c->k, 4, rows) &&
              put(file, EFLA_V, c->v, 4, rows) && put(file, EFLA_O, c->o, 4, rows) &&
              put(file, EFLA_BETA, c->beta, 3, rows) && put(file, EFLA_FINAL_STATE, c->final, 4, states) &&
              put_scale(file, c->scale);
  if (fine && c->g) fine = put(file, EFLA_G, c->g, 3, rows);
  if (fine && c->start) fine = put(file, EFLA_INITIAL_STATE, c->start, 4, states);
  if (fine && b == 1) fine = put_bounds(file);
  if (file >= 0) fine &= H5Fclose(file) >= 0;
  return fine ? EFLA_OK : efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", path, efla_stored_reason());
}

/* Whether `name` is one of the expected names. */
static bool is_expected(const char *expected, const char *name) {
  const size_t n = strlen(name);
  for (const char *from = expected; n > 0 && (from = strstr(from, name)); from += n)
    if ((from == expected || from[-1] == '|') && (from[n] == 0 || from[n] == '|')) return true;
  return false;
}

static efla_specimen_answer answer_of(const efla_kernel_check *check, const char *expected) {
  const efla_judgement *j = &check->judgement;
  const bool wrong = *expected != 0, unknown = !strcmp(expected, "unknown");
  const efla_finding *fault = efla_kernel_check_fault(check);
  if (!wrong) return check->outside ? EFLA_SPECIMEN_MISNAMED : EFLA_SPECIMEN_NAMED;
  if (!check->outside)
    return check->instead_of && strstr(expected, "state") ? EFLA_SPECIMEN_NAMED : EFLA_SPECIMEN_UNSEEN;
  if (fault)
    return is_expected(expected, fault->name) || is_expected(expected, j->cause) ? EFLA_SPECIMEN_NAMED
                                                                                 : EFLA_SPECIMEN_MISNAMED;
  if (check->tail && is_expected(expected, "tail")) return EFLA_SPECIMEN_NAMED;
  if (j->kind == EFLA_UNDECIDED) return EFLA_SPECIMEN_UNDECIDED;
  return unknown ? EFLA_SPECIMEN_NAMED : EFLA_SPECIMEN_UNKNOWN;
}

efla_status efla_specimen_judge(const efla_specimen *c, const char *path, efla_specimen_answer *answer, char *said,
                                double *granted, efla_message *why) {
  const bool unit = c->kernel->needs & EFLA_SPECIMEN_UNIT, tf32 = c->kernel->what == RIGHT_TF32;
  const efla_kernel_check_options ask = {
      .input = path,
      .rule = {.method = efla_method_find("exact"), .keys = efla_key_treatment_find(unit ? "unit" : "raw")},
      .truth = efla_oracle_find("longdouble"),
      .state = tf32 ? efla_format_find("tf32") : NULL};
  efla_kernel_check check;
  efla_status status = efla_kernel_check_run(&check, &ask, 1, why);
  if (status == EFLA_OK) {
    const efla_judgement *j = &check.judgement;
    *answer = answer_of(&check, c->kernel->expected);
    *granted = check.comparison.total.o.ratio;
    size_t at = (size_t)snprintf(said, EFLA_FAULT_TEXT, "%s", !check.outside ? "within" : j->n ? "" : "nothing");
    for (size_t i = 0; i < j->n && check.outside; i++)
      at += (size_t)snprintf(said + at, EFLA_FAULT_TEXT - at, "%s%s",
                             i                         ? " or "
                             : j->kind == EFLA_UNKNOWN ? "nearest "
                                                       : "",
                             j->finding[i].name);
  }
  efla_kernel_check_clear(&check);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gradient check: right backward passes of many kinds are within the bound, wrong ones are not and are named. */
#include "files.h"
#include "gradient_kernel.h"
#include "testing.h"

static char path[256];

static void set_up(const char *name) { snprintf(path, sizeof path, "%s/in.h5", files_directory(name)); }

/* Largest error over what is granted, and the largest root mean square over the expected one, of what was seen. */
static double worst, worst_rms;
static size_t cases, gradients;

static void expect_right(const gradient_kernel *k) {
  gradient_kernel_write(k, path);
  efla_kernel_check check = gradient_kernel_check(k, path);
  cases++;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    const efla_judged_gradient *g = &check.gradients.of[i];
    if (!g->file) continue;
    gradients++;
    worst = fmax(worst, g->total.errors.ratio);
    worst_rms = fmax(worst_rms, sqrt(g->total.errors.error2 / g->total.errors.variance.sum));
    ck_assert_msg(!g->total.outside && g->total.errors.ratio < 1,
                  "%s %s, keys %s%s%s, %s, %s %s, %s: %s %g of what is granted", k->method, k->decay, k->keys,
                  k->channels ? ", channels" : "", k->erase_key ? ", p" : "", k->format,
                  k->backend ? k->backend : "loops", k->isa ? k->isa : "", k->f64 ? "f64" : "f32",
                  efla_gradient_name(g), g->total.errors.ratio);
  }
  ck_assert(check.gradients.asked && !check.outside);
  efla_kernel_check_clear(&check);
}

static const char *const formats[] = {"f32", "bf16", "fp16"};

/* Every method, decay and key treatment, by the library in f32, stored in several formats, and in f64. */
static void library_rules(gradient_kernel k) {
  for (size_t m = 0; efla_method_name(m); m++)
    for (size_t d = 0; efla_decay_name(d); d++)
      for (size_t u = 0; u < 2; u++) {
        k.method = efla_method_name(m), k.decay = efla_decay_name(d), k.keys = efla_key_treatment_name(u);
        k.f64 = (m + d + u) % 3 == 0, k.format = k.f64 ? "f64" : formats[(m + d) % 3];
        k.initial = d % 2, k.final = u, k.scale = u ? .25 : 1, k.packed = (m + d) % 4 == 0;
        k.backend = (m + u) % 3 ? "cpu" : "reference";
        expect_right(&k);
      }
}

static void library_channels(gradient_kernel k) {
  for (size_t i = 0; i < 24; i++) {
    k.decay = i % 2 ? "split" : "strang", k.channels = i % 4 < 2, k.erase_key = i % 3 == 0;
    k.norm = k.erase_key ? .7 : 1, k.f64 = i % 5 == 0, k.format = k.f64 ? "f64" : formats[i % 3];
    k.initial = i % 2, k.backend = i < 12 ? "cpu" : "reference";
    expect_right(&k);
  }
}

static void library_isas(gradient_kernel k) {
  for (size_t i = 0; efla_isa_name(i); i++) {
    efla_backend *backend;
    const efla_options options = {.isa = efla_isa_name(i)};
    if (efla_backend_open("cpu", &options, &backend) != EFLA_OK) continue;
    efla_backend_close(backend);
    k.backend = "cpu", k.isa = efla_isa_name(i);
    for (size_t d = 0; efla_decay_name(d); d++)
      for (size_t n = 0; n < 3; n++) {
        k.decay = efla_decay_name(d), k.sizes = (h5_sizes){1, 70, 2, n == 2 ? 33 : 16, n ? 20 : 8};
        k.norm = n ? 1 : 2;
        expect_right(&k);
      }
  }
}

static void plain_loops(gradient_kernel k) {
  k.backend = NULL;
  for (size_t i = 0; i < 48; i++) {
    k.order = i % 2 ? GRADIENT_REVERSED : GRADIENT_FORWARD, k.decay = i / 2 % 2 ? "split" : "none",
    k.keys = i / 4 % 2 ? "unit" : "raw";
    k.format = formats[i % 3], k.f64 = false, k.final = i % 5 == 0, k.initial = i % 7 == 0, k.packed = i % 4 == 3;
    k.norm = .5 + (double)(i % 4), k.shared = i % 6 == 0 ? 2 : 0, k.scale = i % 8 < 4 ? 1 : .25;
    if (i >= 40) k.f64 = true, k.format = "f64";
    expect_right(&k);
  }
}

START_TEST(right_passes_are_within) {
  set_up("gradients-right");
  cases = gradients = 0, worst = worst_rms = 0;
  const gradient_kernel usual = gradient_kernel_usual();
  library_rules(usual);
  library_channels(usual);
  library_isas(usual);
  plain_loops(usual);
  printf("%zu right passes, %zu gradients: largest error over granted %.3g, root mean square %.3g\n", cases, gradients,
         worst, worst_rms);
  ck_assert_uint_ge(cases, 200);
}
END_TEST

/* A wrong pass: which gradients are outside, and what is said of them. */
typedef struct wrong {
  const char *decay, *keys, *outside, *named; /* named: of the first that is outside; "+name": of all together */
  double scale;
  size_t chunk;
  gradient_fault fault;
  bool final;
} wrong;

static const wrong passes[] = {
    {"none", "raw", "dk", "no-lambda", 1, 0, GRADIENT_NO_LAMBDA, false},
    {"split", "raw", "dk", "no-lambda", 1, 0, GRADIENT_NO_LAMBDA, false},
    {"none", "unit", "dk", "no-key-norm", 1, 0, GRADIENT_NO_NORM, false},
    {"none", "unit", "dk", "no-projection", 1, 0, GRADIENT_NO_PROJECTION, false},
    {"none", "raw", "dq dk dv dbeta", "no-scale", .25, 0, GRADIENT_NO_SCALE, false},
    {"none", "raw", "dv", "sign", 1, 0, GRADIENT_SIGN, false},
    {"split", "raw", "dk", "factor", 1, 0, GRADIENT_FACTOR, false},
    {"none", "raw", "dq", "zero", 1, 0, GRADIENT_ZERO, false},
    {"none", "raw", "dbeta", "coefficient-beta", 1, 0, GRADIENT_BETA, false},
    {"split", "unit", "dbeta", "coefficient-beta", 1, 0, GRADIENT_BETA, false},
    {"none", "raw", "dq", "state-before", 1, 0, GRADIENT_BEFORE, false},
    {"none", "raw", "dk dv dbeta", "+carry", 1, 16, GRADIENT_CARRY, false},
    {"none", "raw", "dk dv dbeta", "+last-carry", 1, 16, GRADIENT_LAST_CARRY, false},
    {"none", "raw", "dk dv dbeta", "+no-final", 1, 0, GRADIENT_NO_FINAL, true},
    {"split", "raw", "dg", "no-sum", 1, 0, GRADIENT_NO_SUM, false},
    {"none", "raw", "dk dv dbeta", "+method", 1, 0, GRADIENT_EULER, false},
    {"none", "raw", "dk", "", 1, 0, GRADIENT_HALF_TOKENS, false},
};

static void expect_wrong(const wrong *w, const char *format) {
  gradient_kernel k = gradient_kernel_usual();
  k.backend = NULL, k.fault = w->fault, k.decay = w->decay, k.keys = w->keys, k.scale = w->scale, k.chunk = w->chunk;
  k.final = w->final, k.format = format;
  gradient_kernel_write(&k, path);
  efla_kernel_check check = gradient_kernel_check(&k, path);
  const efla_gradient_check *c = &check.gradients;
  char outside[128] = "";
  const char *named = NULL;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    if (!c->of[i].file || !c->of[i].total.outside) continue;
    snprintf(outside + strlen(outside), sizeof outside - strlen(outside), "%s%s", *outside ? " " : "",
             efla_gradient_name(&c->of[i]));
    if (!named) named = c->finding[i].name;
  }
  ck_assert_msg(check.outside && !check.comparison.total.outside && !strcmp(outside, w->outside),
                "fault %d in %s: outside are %s", (int)w->fault, format, outside);
  const bool whole = *w->named == '+';
  ck_assert_msg(!strcmp(whole ? c->whole.name : named, w->named + whole), "fault %d in %s: %s, and of all %s",
                (int)w->fault, format, named, c->whole.name);
  efla_kernel_check_clear(&check);
}

START_TEST(wrong_passes_are_named) {
  set_up("gradients-wrong");
  for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
    for (size_t f = 0; f < 3; f++) expect_wrong(&passes[i], formats[f]);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {right_passes_are_within, wrong_passes_are_named};
  return testing_main("gradient_check", tests, sizeof tests / sizeof *tests, 240);
}
